/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refresh.h - one run of `mta-sts refresh`, for its files only. */
#ifndef REFRESH_H
#define REFRESH_H

#include "../net/workers.h"
#include "../store/flight.h"
#include "progress.h"
#include "renew.h"
#include "tally.h"

#define BACKOFF 300 /* seconds; RFC 8461 3.3 */

struct refresh {
	struct tool *tool;
	struct tally tally;
	struct progress progress;
	struct workers_plan plan;
	struct workers *workers;
	struct flight lock; /* of all that is due */
	int64_t now;
	int64_t older; /* seconds */
	int64_t jitter; /* ms */
	uint64_t seed;
	/* of the round */
	unsigned round;
	unsigned rounds;
	int64_t round_begins; /* clock.h */
	uint64_t given;
	/* of domains by name */
	bool named;
	int code;
};

static inline bool
refresh_is_stopped(const struct refresh *r)
{
	return *r->plan.stop != 0;
}

/* Fetches all that is due, and forgets what is of no use. */
void refresh_due(struct refresh *r);

/* Before: looks at the cache, has it mended.  False: it cannot be used; the
 * reason was told. */
bool refresh_check(struct refresh *r) STS_CHECKED;
/* After: old absences go, a good copy comes, and waste goes. */
void refresh_care(struct refresh *r);

#endif
