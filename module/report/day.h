/* SPDX-License-Identifier: GPL-2.0-or-later */
/* day.h - what is counted for the reports of one day of UTC (RFC 8460 4.1).
 *
 * CACHE_DIR/reports holds two files for each day: a journal, to which every
 * delivery adds its sessions without waiting for anybody (journal.h), and a TDB
 * file with one value for each domain, into which the journal is folded by
 * whoever reads it.
 *
 * Nothing of a TLSRPT record is in there: whether a domain wants reports is
 * asked when they are made, so that no delivery waits for that.  What is
 * counted may be lost with its file, as statistics may, but no session is
 * counted twice; and never more than that many values are kept: */
#ifndef DAY_H
#define DAY_H

#include <stdint.h>
#include <time.h>
#include "verdict.h"

#define DAY_NAME 11 /* bytes of "2026-03-01" and its NUL */
#define DAY_BYTES_MAX (64u << 20) /* of a file; then nothing new is added */
/* Different policies of one domain, which for DANE is one for each MX host.
 * What comes then, or has no room in its value (dayvalue.h), is counted in a
 * row for the rest of its type, which always has room and says nothing that is
 * not so: its policy domain is the domain itself, and it has no strings and no
 * mx-hosts.  So all sessions are in some row, and none in another policy's. */
#define DAY_ROWS_MAX 64u
#define DAY_DETAILS_MAX 100u /* different failures of one domain, ... */
/* ... more are counted by their result alone. */

/* The day of UTC that t is in. */
void day_name(time_t t, char day[DAY_NAME]);
/* The first second of that day; -1 for what is no day. */
time_t day_begin(const char *day);

/* Adds v to the journal of the day of now.  dir is the cache directory, where
 * root writes as its owner (owner.h).  STS_ABSENT: there is no such directory.
 * STS_SYSTEM: as journal_add() has it. */
enum sts_status day_count(const char *dir, time_t now,
    const struct verdict *v, struct sts_error *err) STS_CHECKED;
/* Takes the day's journal into its file, each session once, though somebody is
 * killed at it.  STS_OK also where there is none.  STS_SYSTEM: "cache-full"
 * (all but what had no room was taken), "cache-busy" (another is at it, and
 * takes his time), and whatever else tdbfile.h and journal.h have: what was not
 * taken stays in the journal. */
enum sts_status day_fold(const char *dir, const char *day,
    struct sts_error *err) STS_CHECKED;

struct day_detail {
	struct report_failure failure;
	uint64_t count; /* sessions with it */
};

/* One for each (domain, policy).  RFC 8460 4.4: details are not exclusive, so
 * that their counts may be more than `failure`. */
struct day_row {
	const char *domain;
	struct report_policy policy;
	uint64_t success; /* sessions */
	uint64_t failure;
	const struct day_detail *details;
	size_t n;
};

/* Folds the day, and calls each() for every row, domains in order, and the rows
 * of one domain one after the other; strings are borrowed for the call.  A
 * false result ends it.  STS_ABSENT: nothing was counted on that day. */
enum sts_status day_each(const char *dir, const char *day,
    bool (*each)(void *arg, const struct day_row *row), void *arg,
    struct sts_error *err) STS_CHECKED;
/* Calls each() for every day that has a file, oldest first. */
enum sts_status day_list(const char *dir,
    bool (*each)(void *arg, const char *day), void *arg,
    struct sts_error *err) STS_CHECKED;
/* Removes the file of a day; also when there is none. */
enum sts_status day_forget(const char *dir, const char *day,
    struct sts_error *err) STS_CHECKED;

#endif
