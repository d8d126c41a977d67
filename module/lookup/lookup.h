/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lookup.h - the policy in force for a domain now: the one place with the
 * decision flow (RFC 8461 3.3, 5.1). */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "answer.h"
#include "config.h"
#include "../net/mx.h"
#include "../net/resolve.h"

/* The world as the look-up sees it.  Tests hand in their own. */
struct lookup_ops {
	time_t (*now)(void *arg);
	enum sts_status (*txt)(void *arg, const char *name, int64_t deadline,
	    struct txt_set *out, struct sts_error *err);
	enum sts_status (*fetch)(void *arg, const char *domain, int64_t by,
	    char *body, size_t cap, size_t *len, struct sts_error *err);
	/* Starts a refresh of domain that nobody waits for; may be NULL. */
	void (*background)(void *arg, const char *domain);
	/* The mail hosts of name, for people to read; may be NULL. */
	enum sts_status (*mx)(void *arg, const char *name, int64_t deadline,
	    struct mx_set *out, struct sts_error *err);
	/* One line for the administrator; may be NULL. */
	void (*log)(void *arg, const char *line);
	void *arg;
};

struct lookup;

/* Both are copied.  Opens nothing yet.  NULL when out of memory. */
struct lookup *lookup_new(const struct config *config,
    const struct lookup_ops *ops);
void lookup_free(struct lookup *l); /* or NULL */

enum lookup_flags {
	LOOKUP_PLAIN = 0,
	LOOKUP_RECHECK = 1u << 0, /* ask DNS whatever the cache says */
	LOOKUP_REFETCH = 1u << 1, /* and fetch whatever the id says (10.2) */
	LOOKUP_NO_CACHE = 1u << 2, /* neither read nor write any cache */
	LOOKUP_CACHE_ONLY = 1u << 3 /* ask nobody: what is known */
};

/* Always gives an answer, borrowed until the next call on l.  The time it
 * takes is at most dns_timeout + fetch_timeout + 1 s. */
const struct answer *lookup_domain(struct lookup *l, const char *domain,
    unsigned flags);

/* What lookup_domain() last answered by LOOKUP_PLAIN, if this process or the
 * one it was forked from still remembers that; else NULL.  Asks nobody, reads
 * nothing.  Borrowed until the next call on l. */
const struct answer *lookup_remembered(struct lookup *l, const char *domain);

/* From now on the cache is waited for no longer than until deadline (clock.h),
 * whatever is asked of l; 0: as at first. */
void lookup_hurry(struct lookup *l, int64_t deadline);

/* A delivery to domain failed under its policy: the next look-up asks DNS at
 * once; and until one works each look-up asks, and fetches whatever the id
 * says, when the last fetch is over 300 s old (RFC 8461 5). */
void lookup_mark(struct lookup *l, const char *domain);
/* The same for others; this process remembers the policy that it went by ... */
void lookup_mark_ahead(struct lookup *l, const char *domain);
/* ... until then. */
void lookup_forget(struct lookup *l);
/* A delivery to domain worked under its policy.  Costs next to nothing where
 * none had failed. */
void lookup_unmark(struct lookup *l, const char *domain);

/* Whether a look-up in the background would do any good: it would ask
 * somebody.  Asks nobody itself. */
bool lookup_wants_prefetch(struct lookup *l, const char *domain);

/* Whether the administrator has an exception for domain (canonical); also when
 * nobody can tell. */
bool lookup_has_exception(struct lookup *l, const char *domain);

struct history;
struct history *lookup_history(struct lookup *l); /* as lookup_cache() */

struct cache;
/* The cache that l works with; borrowed, as long as l lives. */
struct cache *lookup_cache(struct lookup *l);

#endif
