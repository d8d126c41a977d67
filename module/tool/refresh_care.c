/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refresh_care.c - the cache is looked at, cleaned, copied and compacted. */
#include "../store/cache.h"
#include "refresh.h"

#define WASTE_MIN (8u << 20) /* bytes */

bool
refresh_check(struct refresh *r)
{
	struct sts_error err;

	enum sts_status status = cache_mend(tool_cache(r->tool), &err);

	r->tally.check = status == STS_OK ? "sound" : "unknown";
	if (status == STS_OK || status == STS_WAIT)
		return true;
	(void)tool_trouble(r->tool, &err);
	return false;
}

/* Whether it says something to somebody still: as `purge --expired` has it. */
static bool
is_remembered(void *arg, const struct entry *absence)
{
	const struct refresh *r = arg;
	const struct trial *t = &absence->trial;
	int64_t ttl = r->tool->config.negative_ttl;
	int64_t last =
	    t->asked_at > t->failed_at ? t->asked_at : t->failed_at;

	return r->now - last < (ttl > BACKOFF ? ttl : BACKOFF);
}

static bool
count_absence(void *arg, const char *domain, enum sts_status st,
    const struct entry *e)
{
	struct refresh *r = arg;

	(void)domain;
	r->tally.absences_forgotten += st != STS_OK || !is_remembered(r, e);
	return true;
}

static void
sift_absences(struct refresh *r)
{
	struct cache *c = tool_cache(r->tool);
	struct sts_error err;
	enum sts_status st = cache_walk(c, true, count_absence, r, &err);

	if (st == STS_OK && r->tally.absences_forgotten > 0)
		st = cache_sift_absences(c, is_remembered, r, &err);
	if (st != STS_OK)
		r->tally.absences_forgotten = 0;
	if (st != STS_OK && st != STS_WAIT) /* others are at it */
		tally_trouble(&r->tally, err.text);
}

/* RFC 8461 10.2 wants policies kept: so there is a copy that nobody writes. */
static void
save_cache(struct refresh *r)
{
	struct cache *c = tool_cache(r->tool);
	uint64_t size = 0, lean = 0;
	struct sts_error err;
	enum sts_status st = cache_save(c, &lean, &err);

	r->tally.saved = st == STS_OK;
	if (st != STS_OK && st != STS_WAIT)
		tally_trouble(&r->tally, err.text);
	size = cache_size(c, false);
	if (r->tally.saved && size - size / 4 > lean &&
	    size > lean + WASTE_MIN) {
		st = cache_compact(c, &err);
		r->tally.compacted = st == STS_OK;
		if (st != STS_OK && st != STS_WAIT)
			tally_trouble(&r->tally, err.text);
	}
	r->tally.bytes = cache_size(c, false);
}

void
refresh_care(struct refresh *r)
{
	sift_absences(r);
	save_cache(r);
}
