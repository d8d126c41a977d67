/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trail.h - what the events of one process of Exim's have told so far.
 *
 * By ${dlfunc} it is in that process itself.  By ${run} each event is a process
 * of its own, and the trail waits for the next one in a file (trail_file.h). */
#ifndef TRAIL_H
#define TRAIL_H

#include "../protocol/scan.h"
#include "verdict.h"

#define TRAIL_ROUTED 1024u
#define TRAIL_WORD_MAX 31u
/* Bytes of a trail as text, without a NUL: its strings, hashes, and what stands
 * between them. */
#define TRAIL_TEXT_MAX 9344u

/* Strings are as verdict.h wants them. */
struct trail {
	bool greeted; /* the session that was begun last: EHLO in clear ... */
	bool offered; /* ... and STARTTLS was among the answers */
	char host[REPORT_NAME_MAX + 1];
	char address[REPORT_ADDRESS_MAX + 1];
	char helo[REPORT_WORDS_MAX + 1];
	char dane[TRAIL_WORD_MAX + 1]; /* what dane:fail has said of it */
	/* Domain, host and address of the last failure: what comes after it is
	 * the same attempt, in clear. */
	char failed[2 * REPORT_NAME_MAX + REPORT_ADDRESS_MAX + 3];
	/* Hashes of messages and domains whose routing was told; what was there
	 * first goes first. */
	uint32_t routed[TRAIL_ROUTED];
	unsigned routed_n; /* that there were */
};

/* A session begins. */
void trail_connect(struct trail *t);
/* Whether hash is not among t->routed, and puts it there. */
bool trail_is_new(struct trail *t, uint32_t hash);

/* As text without line ends or NUL, TRAIL_TEXT_MAX bytes at most. */
void trail_write(const struct trail *t, struct text *out);
/* False: that is not what trail_write() wrote; t is as zero. */
bool trail_read(struct bytes text, struct trail *t) STS_CHECKED;

#endif
