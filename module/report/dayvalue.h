/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dayvalue.h - what is counted of one domain on one day, as the text that is
 * its value in the day's file (day.h).
 *
 * A line for each policy, and after it one for each of its failures, behind a
 * checksum; fields end at a tab.  Counters have a fixed width, so that a value
 * whose session was seen before is written in its place. */
#ifndef DAYVALUE_H
#define DAYVALUE_H

#include "day.h"

#define DAYVALUE_MAX 49152u /* bytes of a value, without its NUL */
#define DAYVALUE_ROWS (DAY_ROWS_MAX + 3u) /* one for the rest of each type */
/* Failures known by their result alone come on top of the others. */
#define DAYVALUE_DETAILS (DAY_DETAILS_MAX + 44u)

struct dayvalue_row {
	struct report_policy policy;
	uint64_t success;
	uint64_t failure;
};

struct dayvalue_detail {
	unsigned row; /* whose */
	struct day_detail detail;
};

/* All strings are borrowed, from the text or from the verdicts. */
struct dayvalue {
	struct dayvalue_row row[DAYVALUE_ROWS];
	unsigned rows;
	struct dayvalue_detail detail[DAYVALUE_DETAILS]; /* in no order */
	unsigned details;
	uint64_t folded; /* the journal to there is in it: journal.h */
};

void dayvalue_clear(struct dayvalue *v);

/* Reads len bytes that were written under key, and writes NULs into them.
 * False: that is not what dayvalue_write() wrote; v is empty. */
bool dayvalue_read(char *text, size_t len, const char *key,
    struct dayvalue *v) STS_CHECKED;
/* Adds a session of session->domain.  Without `grow` there is no new row but
 * one for the rest of its type, and no new failure; false: no more rows. */
bool dayvalue_add(struct dayvalue *v, const struct verdict *session,
    bool grow) STS_CHECKED;
/* As text, in at most cap bytes with a NUL, less what the rows for the rest
 * would need; false when it is longer. */
bool dayvalue_write(const struct dayvalue *v, const char *key, char *text,
    size_t cap, size_t *len) STS_CHECKED;
/* The same for a value with that session alone, under the domain's key. */
bool dayvalue_of(const struct verdict *session, char *text, size_t cap,
    size_t *len) STS_CHECKED;

#endif
