/* SPDX-License-Identifier: GPL-2.0-or-later */
/* known.c - what the cache knows of a domain, and for how long that will do. */
#include "quest.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../store/owner.h"

#define DAY 86400
#define DAMAGE_DOUBT 3600 /* seconds, when the end cannot be read */

static void
tell_unwritable(struct quest *q, const struct sts_error *err)
{
	if (q->l->told_unwritable)
		return;
	q->l->told_unwritable = true;
	say_line(q->l, "answers are not cached (%s): %s", err->word, err->text);
}

/* RFC 8461 3.2, 5.1: in force while time-since-fetch has not exceeded
 * max_age.  A fetch time in the future (a clock set back, a backup restored)
 * makes it doubtful, not void. */
static bool
is_live(const struct quest *q, const struct entry *e)
{
	return e->kind == ENTRY_POLICY && q->now < entry_expires(e);
}

/* How long a domain whose value was damaged may not be taken for one without
 * a policy.  An end in the past is not believed: it may be what is damaged. */
static int64_t
doubt_until(const struct quest *q, int64_t readable_end)
{
	if (readable_end > q->now &&
	    readable_end <= q->now + (int64_t)STS_AGE_MAX + CLOCK_SLACK)
		return readable_end;
	return q->now + DAMAGE_DOUBT;
}

static void
mark_damaged(struct quest *q, int64_t readable_end, const char *what)
{
	struct entry mark = { .kind = ENTRY_DAMAGED };
	struct sts_error err;

	mark.damaged_until = doubt_until(q, readable_end);
	q->policy = mark;
	if (cache_put(q->l->cache, q->domain, &mark, &err) != STS_OK)
		tell_unwritable(q, &err);
	say(q, LOG_NOTHING, "%s; asking anew, and deferring until it is "
			    "replaced",
	    what);
}

static enum sts_status
no_cache(struct quest *q, const struct sts_error *err)
{
	q->cached = false;
	tell_unwritable(q, err);
	return STS_OK;
}

/* Neither root nor the cache's owner: somebody at "exim -be".  Who cannot even
 * see the directory counts as one, too; Exim's own user loses nothing by that,
 * since no stranger is told "none" either. */
static bool
is_stranger(const struct quest *q)
{
	uid_t uid;
	gid_t gid;

	if (geteuid() == 0)
		return false;
	return owner_of(q->l->config.cache_dir, &uid, &gid, NULL) != STS_OK ||
	    uid != geteuid();
}

/* The cache may take its strings back at the next call, and what is noted in
 * between is such a call.  The body is for reports only. */
static enum sts_status
keep_strings(struct quest *q)
{
	struct bytes *mx = &q->policy.mx;
	struct bytes *body = &q->policy.body;
	char *copy;

	if (!quest_is_counted(q))
		memset(body, 0, sizeof *body);
	copy = malloc(mx->len + 1 + body->len);
	if (copy == NULL)
		return error_set(&q->why, STS_NOMEM, "memory",
		    "out of memory");
	if (mx->len > 0)
		memcpy(copy, mx->p, mx->len);
	copy[mx->len] = '\0';
	mx->p = copy;
	if (body->len > 0)
		memcpy(copy + mx->len + 1, body->p, body->len);
	body->p = copy + mx->len + 1;
	free(q->kept);
	q->kept = copy;
	return STS_OK;
}

void
known_free(struct quest *q)
{
	free(q->kept);
	q->kept = NULL;
}

enum sts_status
known_read(struct quest *q)
{
	struct sts_error err = { 0 };
	struct entry found;
	enum sts_status status;

	if (!q->cached)
		return STS_OK;
	status = cache_get(q->l->cache, q->domain, &found, &err);
	/* What was read before it went away still counts. */
	if (status == STS_ABSENT)
		return no_cache(q, &err);
	if (status == STS_SYSTEM && is_stranger(q)) {
		q->hidden = err;
		return no_cache(q, &err);
	}
	if (status != STS_OK && status != STS_MISS && status != STS_DAMAGED) {
		q->why = err;
		return STS_SYSTEM;
	}
	q->policy = found;
	if (status == STS_DAMAGED)
		mark_damaged(q, found.damaged_until, err.text);
	q->live = status == STS_OK && is_live(q, &q->policy);
	q->damaged = q->policy.kind == ENTRY_DAMAGED &&
	    q->now < q->policy.damaged_until;
	if (!q->live && !q->damaged &&
	    cache_get_absence(q->l->cache, q->domain, &q->absence) != STS_OK)
		memset(&q->absence, 0, sizeof q->absence);
	return q->policy.kind == ENTRY_POLICY ? keep_strings(q) : STS_OK;
}

struct trial *
known_trial(struct quest *q)
{
	return q->live || q->damaged ? &q->policy.trial : &q->absence.trial;
}

/* Less than span seconds have passed since then.  A time in the future was
 * written by another clock: nothing is known of how long ago that is. */
static bool
is_within(const struct quest *q, int64_t then, int64_t span)
{
	return then > 0 && then <= q->now && q->now - then < span;
}

bool
known_is_failing(const struct quest *q)
{
	return q->live && q->policy.trial.marked_at > 0;
}

bool
known_is_marked(const struct quest *q)
{
	return known_is_failing(q) &&
	    q->policy.trial.marked_at >= q->policy.trial.asked_at;
}

static bool
is_from_the_future(const struct quest *q)
{
	return q->live && q->policy.fetched_at > q->now + CLOCK_SLACK;
}

/* How long an answer of DNS's will do, in seconds. */
static int64_t
span_of(const struct quest *q, enum sts_status outcome)
{
	const struct config *c = &q->l->config;

	if (outcome == STS_OK)
		return c->recheck;
	if (outcome == STS_ABSENT || outcome == STS_RECORD)
		return q->live || q->damaged ? c->recheck : c->negative_ttl;
	if (outcome == STS_DNS)
		return DNS_BACKOFF;
	/* RFC 8461 3.3: what backs off is the fetch for one id.  The record is
	 * looked at each time, for a new id is a new try. */
	return 0;
}

bool
known_is_due(struct quest *q)
{
	const struct trial *t = known_trial(q);

	if ((q->flags & (LOOKUP_RECHECK | LOOKUP_REFETCH)) != 0 ||
	    known_is_marked(q) || known_must_refetch(q))
		return true;
	return !is_within(q, t->asked_at, span_of(q, t->outcome));
}

bool
known_must_refetch(struct quest *q)
{
	const struct trial *t = &q->policy.trial;

	if (!q->live)
		return false;
	if ((q->flags & LOOKUP_REFETCH) != 0)
		return true;
	if (is_within(q, t->failed_at, FETCH_BACKOFF))
		return false;
	return is_from_the_future(q) ||
	    (known_is_failing(q) &&
		!is_within(q, q->policy.fetched_at, FETCH_BACKOFF));
}

bool
known_backs_off(struct quest *q, const char *id)
{
	const struct trial *t = known_trial(q);

	return (q->flags & LOOKUP_REFETCH) == 0 &&
	    is_within(q, t->failed_at, FETCH_BACKOFF) &&
	    strcmp(t->failed_id, id) == 0;
}

/* Writes the trial back to where it came from; says whether it is there. */
static bool
keep_trial(struct quest *q)
{
	struct sts_error err;
	enum sts_status status;

	if (!q->cached)
		return false;
	if (q->live || q->damaged)
		status = cache_touch(q->l->cache, q->domain, &q->policy, &err);
	else {
		q->absence.kind = ENTRY_ABSENCE;
		status =
		    cache_put(q->l->cache, q->domain, &q->absence, &err);
	}
	/* A miss: somebody else deleted or replaced it meanwhile. */
	if (status != STS_OK && status != STS_MISS)
		tell_unwritable(q, &err);
	return status == STS_OK;
}

void
known_note_asked(struct quest *q, enum sts_status outcome)
{
	struct trial *t = known_trial(q);

	t->asked_at = q->now;
	t->outcome = outcome;
	(void)keep_trial(q);
}

void
known_note_failed(struct quest *q)
{
	struct trial *t = known_trial(q);

	t->asked_at = q->now;
	t->outcome = q->why.status;
	/* RFC 8461 10.2: for the alert that a policy cannot be renewed. */
	if (q->live && !is_within(q, t->failing_since, STS_AGE_MAX))
		t->failing_since = q->now;
	t->failed_at = q->now;
	memcpy(t->failed_id, q->id, sizeof t->failed_id);
	memcpy(t->failed_word, q->why.word, sizeof t->failed_word);
	(void)keep_trial(q);
}

void
known_note_fetched(struct quest *q, const struct entry *e)
{
	/* max_age 0 is for this delivery only; but it ends an older policy. */
	bool worth_keeping = e->max_age > 0 || q->live || q->damaged;
	struct sts_error err;

	q->policy = *e;
	q->live = true;
	q->damaged = false;
	if (q->cached && worth_keeping &&
	    cache_put(q->l->cache, q->domain, e, &err) != STS_OK)
		tell_unwritable(q, &err);
}

/* RFC 8461 3.3, 10.2: a policy should be refreshed before it expires, once a
 * day; where no timer does it, the look-ups that meet it do. */
static bool
wants_refresh(const struct quest *q)
{
	const struct trial *t = &q->policy.trial;
	int64_t age = q->now - q->policy.fetched_at;

	return (age > DAY || age > (int64_t)q->policy.max_age / 2) &&
	    !is_within(q, t->tried_at, FETCH_BACKOFF) &&
	    !is_within(q, t->failed_at, FETCH_BACKOFF);
}

bool
known_note_used(struct quest *q)
{
	bool refresh = q->l->ops.background != NULL && wants_refresh(q);
	bool new_day = !is_within(q, q->policy.used_at, DAY);

	/* To refresh it or to look at it is not to use it. */
	if ((q->flags & (LOOKUP_REFETCH | LOOKUP_CACHE_ONLY)) != 0)
		return false;
	if (!q->cached || (!refresh && !new_day))
		return false;
	q->policy.used_at = q->now;
	if (refresh)
		q->policy.trial.tried_at = q->now;
	/* What cannot be noted would be started by every look-up. */
	return keep_trial(q) && refresh;
}
