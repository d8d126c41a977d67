/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tally.h - what a refresh came to: for people, as JSON, and kept in the cache
 * directory for `mta-sts status`. */
#ifndef TALLY_H
#define TALLY_H

#include "print.h"
#include "tool.h"

struct tally {
	int64_t began; /* seconds since 1970 UTC */
	int64_t ended;
	uint64_t policies; /* in the cache */
	uint64_t due;
	uint64_t renewed; /* in all; of these ... */
	uint64_t changed; /* ... with another text, and of these ... */
	uint64_t changed_same_id; /* ... under the same id */
	uint64_t failed;
	uint64_t busy;
	uint64_t exempt;
	uint64_t unused; /* for half a year; not renewed any more */
	uint64_t forgotten; /* policies */
	uint64_t absences_forgotten;
	uint64_t alerts;
	uint64_t trouble; /* of our own */
	char error[STS_TEXT_MAX + 1]; /* the first of it */
	const char *check; /* "sound", "unknown", "damaged" */
	uint64_t bytes; /* of policies.tdb afterwards */
	bool compacted;
	bool saved; /* the last good copy is of now */
	bool interrupted;
};

void tally_trouble(struct tally *y, const char *text);
/* EXIT_DONE, EXIT_NEGATIVE (some were not renewed), EXIT_TROUBLE. */
int tally_exit(const struct tally *y);
struct object tally_json(const struct tally *y);
/* One line. */
void tally_print(const struct tally *y);

/* Writes it to DIR/refresh.json, as the owner of DIR that we are. */
bool tally_save(const struct tally *y, const char *dir) STS_CHECKED;
/* What is there, to be json_decref()'ed, and when it was written; or NULL. */
json_t *tally_load(const char *dir, int64_t *when);

#endif
