/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cache.h - the policies of this machine, in two TDB files.
 *
 * policies.tdb holds policies (and marks where a damaged one stood): written
 * in transactions with fsync, never lost by a kill.  absent.tdb holds what may
 * be forgotten at no risk: that a domain has no policy, or that its fetch
 * failed; it is bounded, and begun anew when it is full or damaged.  Both are
 * opened on first use, read and written with TDB's locks (RFC 8461 10.2: what
 * an attacker wants is a false "no policy"), and without mmap (a file cut short
 * by somebody else must not kill Exim).  libtdb's handle is never kept across a
 * fork; the descriptor of tdbquick.h may be. */
#ifndef CACHE_H
#define CACHE_H

#include "entry.h"

struct cache;

/* dir is copied.  log may be NULL; it gets one line for an alert.  Opens
 * nothing yet.  NULL when out of memory. */
struct cache *cache_new(const char *dir,
    void (*log)(void *arg, const char *line), void *arg);
void cache_free(struct cache *c); /* or NULL */
/* From now on nothing is waited for past deadline (clock.h): what is locked
 * then is "cache-busy".  0: as at first, five seconds for each lock. */
void cache_limit(struct cache *c, int64_t deadline);

/* What is known of domain.  Both at once, since a policy past its end may
 * stand beside a newer absence.  *policy is ENTRY_POLICY or ENTRY_DAMAGED.
 * STS_OK: *policy is filled, borrowed until the next call on c.
 * STS_MISS: nothing there.  STS_DAMAGED: a value that fails its checks, with
 * policy->damaged_until as entry_decode() says.  STS_SYSTEM: the cache is
 * there and cannot be read ("cache-open", "cache-read"). STS_ABSENT: there is
 * no cache directory; work without. */
enum sts_status cache_get(struct cache *c, const char *domain,
    struct entry *policy, struct sts_error *err) STS_CHECKED;
/* The absence known of domain: STS_OK or STS_MISS; trouble is a miss. */
enum sts_status cache_get_absence(struct cache *c, const char *domain,
    struct entry *absence) STS_CHECKED;

/* Stores e under domain by its kind: a policy or damage mark durably in
 * policies.tdb (a policy also deletes the absence; a mark does not replace a
 * sound policy), an absence in absent.tdb.  STS_SYSTEM ("cache-write",
 * "cache-busy", "cache-full") when it could not be kept. */
enum sts_status cache_put(struct cache *c, const char *domain,
    const struct entry *e, struct sts_error *err) STS_CHECKED;
/* Writes e's trial and used_at over those of the stored policy in place, if
 * that policy is still the one e was read from (same fetched_at and id); a
 * mark, a try or a failure that another process noted later stays. */
enum sts_status cache_touch(struct cache *c, const char *domain,
    const struct entry *e, struct sts_error *err) STS_CHECKED;
/* Marks the stored policy, if it has not ended (now: seconds since 1970), as
 * one that a delivery failed under; what was marked since the last question
 * stays.
 * STS_MISS: there is no value; STS_SYSTEM as cache_put(). */
enum sts_status cache_mark(struct cache *c, const char *domain, int64_t now,
    struct sts_error *err) STS_CHECKED;
/* Takes off the mark that e was read with, if the stored policy is still that
 * one and nobody marked it later. */
enum sts_status cache_unmark(struct cache *c, const char *domain,
    const struct entry *e, struct sts_error *err) STS_CHECKED;
/* STS_OK, or STS_MISS when neither file knows domain. */
enum sts_status cache_delete(struct cache *c, const char *domain,
    struct sts_error *err) STS_CHECKED;

/* Forgets everything. */
enum sts_status cache_clear(struct cache *c, struct sts_error *err) STS_CHECKED;

/* Calls each() for every entry of policies.tdb (absences == false) or of
 * absent.tdb; st is STS_OK or STS_DAMAGED.  A false return ends the walk.
 * each() may call the cache. */
enum sts_status cache_walk(struct cache *c, bool absences,
    bool (*each)(void *arg, const char *domain, enum sts_status st,
	const struct entry *e),
    void *arg, struct sts_error *err) STS_CHECKED;

/* --- once a day (tdbcare.h) ---------------------------------------------- */

/* Of policies.tdb (absences == false) or absent.tdb, in bytes; 0: not there. */
uint64_t cache_size(struct cache *c, bool absences);
/* Looks at all of policies.tdb; STS_OK: sound, STS_DAMAGED, STS_WAIT: nobody
 * can tell now. */
enum sts_status cache_check(struct cache *c, struct sts_error *err) STS_CHECKED;
/* The same, and what is damaged is replaced by the last good copy. */
enum sts_status cache_mend(struct cache *c, struct sts_error *err) STS_CHECKED;
/* Writes the last good copy of policies.tdb, *size bytes. */
enum sts_status cache_save(struct cache *c, uint64_t *size,
    struct sts_error *err) STS_CHECKED;
/* Rewrites policies.tdb without waste; STS_WAIT: not this time. */
enum sts_status cache_compact(struct cache *c, struct sts_error *err)
    STS_CHECKED;
/* Rewrites absent.tdb with only those that keep() wants. */
enum sts_status cache_sift_absences(struct cache *c,
    bool (*keep)(void *arg, const struct entry *absence), void *arg,
    struct sts_error *err) STS_CHECKED;

#endif
