/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_seen.h - what was counted for TLS reports (RFC 8460), and what became
 * of those that are on their way, for `mta-sts status`. */
#ifndef REPORT_SEEN_H
#define REPORT_SEEN_H

#include "../report/job.h"
#include "tool.h"

struct report_day {
	uint64_t domains;
	uint64_t success; /* sessions */
	uint64_t failure;
};

struct report_seen {
	bool on; /* tlsrpt_contact is set, and something is counted here */
	struct report_day today; /* of UTC */
	struct report_day yesterday;
	/* Of the days that are kept. */
	uint64_t jobs[JOB_UNWANTED + 1]; /* by enum job_state */
	int64_t next; /* when the first of those that wait is due; 0 */
	/* A day is long over, and nobody has made its reports. */
	bool late;
};

void report_look(const struct tool *t, int64_t now, struct report_seen *r);

#endif
