/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refresh_due.c - which policies are fetched again, and when; which are
 * forgotten. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "../store/cache.h"
#include "../store/clock.h"
#include "../store/history.h"
#include "refresh.h"

#define DAY INT64_C(86400) /* seconds */
/* RFC 8461 3.3 is done with a policy past its end; for so long we still look
 * for a new one, as any first mail would. */
#define KEEP_ENDED (7 * DAY)
/* With jitter each round takes its own share of the domains, another share on
 * another host: a farm must not knock at the same doors at the same time. */
#define ROUNDS 32u
/* Where every fetch is our own trouble the rest will be, too. */
#define TROUBLE_ENOUGH 16

enum fate {
	FATE_STAY,
	FATE_DUE,
	FATE_UNUSED,
	FATE_FORGET
};

/* A policy is kept until its end at least, whoever has no use for it: an
 * attacker could wait for its being forgotten. */
static enum fate
fate_of(const struct refresh *r, enum sts_status st, const struct entry *e)
{
	int64_t age = r->now - e->fetched_at;
	int64_t over = r->now - entry_expires(e);

	if (st != STS_OK)
		return FATE_DUE;
	if (e->kind == ENTRY_DAMAGED)
		return r->now >= e->damaged_until ? FATE_FORGET : FATE_DUE;
	if (over >= 0 &&
	    (over > KEEP_ENDED || e->mode == STS_NONE ||
		alert_is_unused(e, r->now)))
		return FATE_FORGET;
	if (alert_is_unused(e, r->now))
		return FATE_UNUSED;
	/* Also one that is from the future: a clock was set back. */
	if (age >= r->older || age < -BACKOFF)
		return FATE_DUE;
	return age > (int64_t)e->max_age / 2 ? FATE_DUE : FATE_STAY;
}

static void
forget_history(struct refresh *r, const char *domain)
{
	struct history *h = lookup_history(r->tool->lookup);
	struct sts_error err;
	enum sts_status st = history_forget(h, domain, &err);

	if (st != STS_OK && st != STS_MISS)
		tally_trouble(&r->tally, err.text);
}

/* Who fetches for the domain just now holds its turn; and what the walk saw may
 * be of the past. */
static void
forget(struct refresh *r, const char *domain)
{
	struct cache *c = tool_cache(r->tool);
	struct flight turn;
	struct sts_error err;
	struct entry e;
	enum sts_status st, gone = STS_MISS;

	if (flight_take(r->tool->config.cache_dir, domain, 0, &turn, NULL) !=
	    STS_OK)
		return;
	st = cache_get(c, domain, &e, NULL);
	if ((st == STS_OK || st == STS_DAMAGED) &&
	    fate_of(r, st, &e) == FATE_FORGET)
		gone = cache_delete(c, domain, &err);
	if (gone == STS_OK) {
		r->tally.forgotten++;
		forget_history(r, domain);
	} else if (gone != STS_MISS)
		tally_trouble(&r->tally, err.text);
	flight_drop(&turn);
}

static bool
survey(void *arg, const char *domain, enum sts_status st,
    const struct entry *e)
{
	struct refresh *r = arg;

	r->tally.policies++;
	switch (fate_of(r, st, e)) {
	case FATE_DUE:
		r->tally.due++;
		break;
	case FATE_UNUSED:
		r->tally.unused++;
		break;
	case FATE_FORGET:
		forget(r, domain);
		break;
	case FATE_STAY:
		break;
	}
	return !refresh_is_stopped(r);
}

/* When the next one of this round should begin. */
static int64_t
next_begin(struct refresh *r)
{
	uint64_t share = r->tally.due / r->rounds + 1;
	int64_t length = r->jitter / r->rounds;
	int64_t step = length / (int64_t)share;
	uint64_t place = r->given < share ? r->given : share - 1;

	if (r->jitter == 0)
		return 0;
	return r->round_begins + step * (int64_t)place +
	    (step > 0 ? (int64_t)random() % step : 0);
}

static bool
is_hopeless(const struct refresh *r)
{
	return r->tally.trouble >= TROUBLE_ENOUGH && r->tally.renewed == 0;
}

static bool
renew_if_due(void *arg, const char *domain, enum sts_status st,
    const struct entry *e)
{
	struct refresh *r = arg;
	int64_t when;

	if (refresh_is_stopped(r) || is_hopeless(r))
		return false;
	if (fate_of(r, st, e) != FATE_DUE ||
	    XXH64(domain, strlen(domain), r->seed) % r->rounds != r->round)
		return true;
	when = next_begin(r);
	if (when > 0)
		workers_wait(r->workers, when);
	r->given++;
	if (workers_give(r->workers, domain))
		return true;
	if (!refresh_is_stopped(r))
		tally_trouble(&r->tally, "all workers are lost");
	return false;
}

static void
seed(struct refresh *r)
{
	if (getrandom(&r->seed, sizeof r->seed, 0) != sizeof r->seed)
		r->seed = (uint64_t)clock_ms();
	srandom((unsigned)r->seed);
}

static void
renew_all(struct refresh *r)
{
	int64_t begin = clock_ms();
	struct sts_error err;

	if (r->tally.due == 0)
		return;
	if (r->plan.n > r->tally.due)
		r->plan.n = (unsigned)r->tally.due;
	seed(r);
	r->rounds = r->jitter > 0 ? ROUNDS : 1;
	r->workers = workers_start(&r->plan, &err);
	if (r->workers == NULL) {
		tally_trouble(&r->tally, err.text);
		return;
	}
	for (r->round = 0; r->round < r->rounds; r->round++) {
		if (refresh_is_stopped(r))
			break;
		r->given = 0;
		r->round_begins = begin + r->jitter / r->rounds * r->round;
		if (cache_walk(tool_cache(r->tool), false, renew_if_due, r,
			&err) != STS_OK)
			tally_trouble(&r->tally, err.text);
	}
	workers_finish(r->workers);
	workers_end(r->workers);
}

void
refresh_due(struct refresh *r)
{
	struct sts_error err;

	progress_begin(&r->progress);
	if (cache_walk(tool_cache(r->tool), false, survey, r, &err) != STS_OK)
		tally_trouble(&r->tally, err.text);
	renew_all(r);
	progress_end(&r->progress);
}
