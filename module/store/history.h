/* SPDX-License-Identifier: GPL-2.0-or-later */
/* history.h - the last policies of a domain, newest first, in history.tdb.
 *
 * For people who ask what happened: nothing is decided by it, so that it may
 * be lost and begun anew.  A value is text, one line a policy. */
#ifndef HISTORY_H
#define HISTORY_H

#include "entry.h"

#define HISTORY_ITEMS 5u

struct history_item {
	int64_t fetched_at; /* seconds since 1970 UTC */
	enum sts_mode mode;
	uint32_t max_age; /* seconds */
	char id[STS_ID_MAX + 1];
	struct bytes mx; /* joined by ':'; borrowed from the value */
};

struct history;

/* dir is copied; log as for cache_new().  NULL when out of memory. */
struct history *history_new(const char *dir,
    void (*log)(void *arg, const char *line), void *arg);
void history_free(struct history *h); /* or NULL */
void history_limit(struct history *h, int64_t deadline); /* as cache_limit() */

/* Puts the policy of e first, unless the first one has the same mode, id, mx
 * and max_age.  What cannot be kept is not kept. */
void history_add(struct history *h, const char *domain, const struct entry *e);
/* Calls each() for every policy known of domain, newest first.  STS_OK, or
 * STS_MISS; STS_ABSENT, STS_SYSTEM as tdbfile_get() has it.  each() must not
 * call h. */
enum sts_status history_each(struct history *h, const char *domain,
    void (*each)(void *arg, const struct history_item *item), void *arg,
    struct sts_error *err) STS_CHECKED;
/* The same for a value.  Pure; history_each() ends with it, fuzzers begin
 * here. */
enum sts_status history_read(struct bytes value,
    void (*each)(void *arg, const struct history_item *item), void *arg)
    STS_CHECKED;
/* STS_OK, or STS_MISS when there was nothing. */
enum sts_status history_forget(struct history *h, const char *domain,
    struct sts_error *err) STS_CHECKED;
/* Forgets everything. */
enum sts_status history_clear(struct history *h, struct sts_error *err)
    STS_CHECKED;

#endif
