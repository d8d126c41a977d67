/* SPDX-License-Identifier: GPL-2.0-or-later */
/* entries.h - what the cache holds, as list, show and purge see it. */
#ifndef ENTRIES_H
#define ENTRIES_H

#include "../store/cache.h"
#include "print.h"

/* What a look-up that asks nobody would make of it: "cached", "stale" (in
 * force though the last look or fetch failed), "expired", "absent",
 * "unusable"; or "damaged".  st is as cache_walk() and cache_get() say. */
const char *entries_state(enum sts_status st, const struct entry *e,
    int64_t now);
/* The policy is past its max_age, or the mark of a damaged one past its
 * time. */
bool entries_is_expired(enum sts_status st, const struct entry *e, int64_t now);
/* All but the policy text. */
struct object entries_json(const char *domain, enum sts_status st,
    const struct entry *e, int64_t now);

#endif
