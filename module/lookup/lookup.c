/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lookup.c - the policy in force for a domain now (RFC 8461 3.3, 5.1). */
#include "lookup.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../store/clock.h"
#include "../store/flight.h"
#include "quest.h"

/* For noting what came at the last moment. */
#define KEEP_MS 500

struct lookup *
lookup_new(const struct config *config, const struct lookup_ops *ops)
{
	struct lookup *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->config = *config;
	l->ops = *ops;
	l->memo.forget = answer_free;
	l->cache = cache_new(config->cache_dir, ops->log, ops->arg);
	l->history = history_new(config->cache_dir, ops->log, ops->arg);
	if (l->cache != NULL && l->history != NULL)
		return l;
	lookup_free(l);
	return NULL;
}

void
lookup_free(struct lookup *l)
{
	if (l == NULL)
		return;
	memo_clear(&l->memo);
	answer_free(l->last);
	cache_free(l->cache);
	history_free(l->history);
	exceptions_free(l->exceptions);
	free(l);
}

struct history *
lookup_history(struct lookup *l)
{
	return l->history;
}

struct cache *
lookup_cache(struct lookup *l)
{
	return l->cache;
}

/* --- DNS ------------------------------------------------------------------ */

/* RFC 8461 3.1: the record at _mta-sts.DOMAIN; its id goes to q->id. */
static enum sts_status
ask_dns(struct quest *q)
{
	const struct lookup_ops *ops = &q->l->ops;
	char name[STS_DOMAIN_MAX + 16];
	struct txt_set set;
	enum sts_status status;

	(void)snprintf(name, sizeof name, "_mta-sts.%s", q->domain);
	if (strlen(name) > STS_DOMAIN_MAX)
		return error_set(&q->why, STS_ABSENT, "nodata",
		    "too long a name for a record");
	status = ops->txt(ops->arg, name, q->dns_deadline, &set, &q->why);
	if (status != STS_OK)
		return status;
	status = record_select(set.rec, set.n, q->id, &q->why);
	txt_set_free(&set);
	return status;
}

/* --- HTTPS ---------------------------------------------------------------- */

static void
fill_entry(const struct quest *q, const struct policy *p, struct bytes body,
    struct entry *e)
{
	memset(e, 0, sizeof *e);
	e->kind = ENTRY_POLICY;
	e->trial.asked_at = q->now;
	e->trial.outcome = STS_OK;
	e->mode = p->mode;
	e->max_age = p->max_age;
	e->findings = p->findings;
	e->fetched_at = q->now;
	e->used_at = q->policy.used_at > 0 ? q->policy.used_at : q->now;
	/* RFC 8461 5: that a policy was looked for delivers nothing yet. */
	if (e->mode == STS_ENFORCE && known_is_failing(q))
		e->trial.marked_at = q->policy.trial.marked_at;
	memcpy(e->id, q->id, sizeof e->id);
	e->mx.p = p->mx;
	e->mx.len = strlen(p->mx);
	e->body = body;
}

/* A policy has come in body: kept, answered. */
static struct answer *
take_policy(struct quest *q, const struct policy *p, struct bytes body)
{
	struct entry e;

	fill_entry(q, p, body, &e);
	say_fetched(q, &e);
	say_change(q, &e);
	if (q->cached && e.max_age > 0)
		history_add(q->l->history, q->domain, &e);
	known_note_fetched(q, &e);
	return verdict_policy(q, ANSWER_FRESH);
}

/* None has come, for the reason q->why. */
static struct answer *
answer_not_fetched(struct quest *q)
{
	say_failed(q);
	if (!quest_is_our_trouble(q)) /* else the next look-up tries again */
		known_note_failed(q);
	return verdict_without(q, ANSWER_UNUSABLE);
}

/* RFC 8461 3.3. */
static enum sts_status
fetch_body(struct quest *q, char *body, size_t *len)
{
	const struct lookup_ops *ops = &q->l->ops;
	int64_t deadline = clock_ms() +
	    (int64_t)q->l->config.fetch_timeout * 1000;

	if (body == NULL)
		return error_set(&q->why, STS_NOMEM, "memory",
		    "out of memory");
	if (deadline > q->deadline)
		deadline = q->deadline;
	return ops->fetch(ops->arg, q->domain, deadline, body, STS_BODY_MAX,
	    len, &q->why);
}

static struct answer *
fetch_now(struct quest *q)
{
	char *body = malloc(STS_BODY_MAX);
	struct bytes got = { body, 0 };
	struct policy *p = NULL;
	struct answer *a;

	if (fetch_body(q, body, &got.len) == STS_OK &&
	    policy_parse(got.p, got.len, &p, &q->why) == STS_OK)
		a = take_policy(q, p, got);
	else
		a = answer_not_fetched(q);
	policy_free(p);
	free(body);
	return a;
}

/* While we waited for our turn somebody else may have fetched for this id, or
 * tried to: then that is our answer, too. */
static struct answer *
answer_from_others(struct quest *q)
{
	int64_t before = q->live ? q->policy.fetched_at : 0;

	/* What others noted meanwhile must not seem to be of the future. */
	q->now = q->l->ops.now(q->l->ops.arg);
	if (known_read(q) != STS_OK)
		return verdict_tempfail(q, q->why.word);
	memset(&q->why, 0, sizeof q->why);
	if (q->live && q->policy.fetched_at != before &&
	    strcmp(q->policy.id, q->id) == 0)
		return verdict_policy(q, ANSWER_CHECKED);
	return known_backs_off(q, q->id) ? verdict_backing_off(q) : NULL;
}

/* False: it did not come in time. */
static bool
take_turn(struct quest *q, struct flight *turn)
{
	enum sts_status status;

	if (!q->cached)
		return true;
	status = flight_take(q->l->config.cache_dir, q->domain, q->deadline,
	    turn, &q->why);
	return status != STS_WAIT;
}

/* One process at a time fetches for a domain; the others wait for it. */
static struct answer *
answer_from_https(struct quest *q)
{
	struct flight turn = { -1 };
	struct answer *a = NULL;

	if (!take_turn(q, &turn))
		return verdict_without(q, ANSWER_UNUSABLE);
	if (q->cached)
		a = answer_from_others(q);
	if (a == NULL) {
		memset(&q->why, 0, sizeof q->why);
		a = fetch_now(q);
	}
	flight_drop(&turn);
	return a;
}

/* --- the flow ------------------------------------------------------------- */

static struct answer *
answer_from_network(struct quest *q)
{
	enum sts_status status = ask_dns(q);

	if (status != STS_OK && known_must_refetch(q)) {
		/* RFC 8461 10.2: a refresh minds not what the record says. */
		memcpy(q->id, q->policy.id, sizeof q->id);
		return answer_from_https(q);
	}
	if (status != STS_OK) {
		say_dns(q);
		if (!quest_is_our_trouble(q))
			known_note_asked(q, status);
		return verdict_without(q,
		    status == STS_ABSENT ? ANSWER_ABSENT : ANSWER_UNUSABLE);
	}
	if (q->live && strcmp(q->id, q->policy.id) == 0 &&
	    !known_must_refetch(q)) {
		/* RFC 8461 3.2: max_age counts from the last fetch, so that the
		 * same id confirms a policy but never extends it. */
		known_note_asked(q, STS_OK);
		return verdict_policy(q, ANSWER_CHECKED);
	}
	if (known_backs_off(q, q->id))
		return verdict_backing_off(q);
	return answer_from_https(q);
}

static void
say_problem(void *arg, unsigned line, const char *text)
{
	const struct quest *q = arg;

	if (line > 0)
		say_line(q->l, "%s line %u: %s", q->l->config.exceptions, line,
		    text);
	else
		say_line(q->l, "%s: %s", q->l->config.exceptions, text);
}

/* The administrator's word on this domain, if there is one.  False: out of
 * memory. */
static bool
find_exception(struct quest *q)
{
	struct lookup *l = q->l;

	if (l->exceptions == NULL)
		l->exceptions = exceptions_load(l->config.exceptions,
		    say_problem, q, NULL);
	if (l->exceptions == NULL)
		return false;
	q->exception = exceptions_find(l->exceptions, q->domain, q->now);
	return true;
}

/* Whether the administrator's word is all that counts: nobody is asked. */
static bool
exception_decides(const struct quest *q)
{
	const struct exception *x = q->exception;

	return x != NULL &&
	    (x->kind == EXCEPTION_IGNORE || x->kind == EXCEPTION_ENFORCE);
}

static struct answer *
find_answer(struct quest *q, const char *domain)
{
	enum sts_status status = domain_canon(domain, q->domain, &q->why);
	struct answer *a;

	if (status == STS_NOMEM)
		return NULL;
	if (status == STS_DOMAIN)
		return verdict_plain(q, ANSWER_NOTADOMAIN);
	if (status == STS_OK && q->l->config.unreadable)
		status = error_set(&q->why, STS_SYSTEM, "config",
		    "mta-sts.conf is there, but cannot be read");
	if (status != STS_OK)
		return verdict_tempfail(q, q->why.word);
	if (!find_exception(q))
		return NULL;
	if (exception_decides(q))
		return verdict_exempt(q);
	if (known_read(q) != STS_OK)
		return verdict_tempfail(q, q->why.word);
	if (!known_is_due(q) || (q->flags & LOOKUP_CACHE_ONLY) != 0)
		return verdict_known(q);
	a = answer_from_network(q);
	if (a != NULL)
		say_asked(q, a);
	return a;
}

/* The outcome of q as an answer, which the next call on l may overwrite. */
static const struct answer *
keep(struct lookup *l, struct answer *a)
{
	if (a == NULL)
		return &answer_no_memory;
	answer_free(l->last);
	l->last = a;
	return a;
}

/* Until when an answer may be given again without a look at the cache. */
static time_t
good_until(const struct answer *a, time_t now)
{
	if (a->tempfail)
		return now;
	return a->expires > 0 && a->expires < now + MEMO_SECONDS
	    ? a->expires
	    : now + MEMO_SECONDS;
}

/* The time limit of all that a look-up waits for; 0: of each alone. */
static void
limit(struct lookup *l, int64_t deadline)
{
	if (l->hurry != 0 && (deadline == 0 || l->hurry < deadline))
		deadline = l->hurry;
	cache_limit(l->cache, deadline);
	history_limit(l->history, deadline);
}

static const struct answer *
ask_anew(struct lookup *l, const char *domain, unsigned flags, time_t now)
{
	struct quest q = { .l = l, .flags = flags };
	struct answer *a;

	q.now = now;
	q.dns_deadline = clock_ms() + (int64_t)l->config.dns_timeout * 1000;
	q.deadline = q.dns_deadline +
	    (int64_t)l->config.fetch_timeout * 1000;
	q.cached = (flags & LOOKUP_NO_CACHE) == 0;
	limit(l, q.deadline + KEEP_MS);
	a = find_answer(&q, domain);
	known_free(&q);
	limit(l, 0);
	if (a != NULL && flags == LOOKUP_PLAIN &&
	    memo_put(&l->memo, domain, a, q.now, good_until(a, q.now)))
		return a;
	return keep(l, a);
}

const struct answer *
lookup_domain(struct lookup *l, const char *domain, unsigned flags)
{
	time_t now = l->ops.now(l->ops.arg);
	const struct answer *a = flags == LOOKUP_PLAIN
	    ? memo_get(&l->memo, domain, now)
	    : NULL;

	return a != NULL ? a : ask_anew(l, domain, flags, now);
}

const struct answer *
lookup_remembered(struct lookup *l, const char *domain)
{
	const struct answer *a = memo_get(&l->memo, domain,
	    l->ops.now(l->ops.arg));

	if (a != NULL || l->last == NULL)
		return a;
	/* RFC 8461 3.2: max_age 0, for this delivery only. */
	return l->last->id[0] != '\0' && l->last->max_age == 0 &&
		strcmp(l->last->domain, domain) == 0
	    ? l->last
	    : NULL;
}

void
lookup_hurry(struct lookup *l, int64_t deadline)
{
	l->hurry = deadline;
	limit(l, 0);
}

bool
lookup_has_exception(struct lookup *l, const char *domain)
{
	struct quest q = { .l = l };
	struct text t;

	q.now = l->ops.now(l->ops.arg);
	text_init(&t, q.domain, sizeof q.domain);
	text_add(&t, domain);
	return !find_exception(&q) || q.exception != NULL;
}

bool
lookup_wants_prefetch(struct lookup *l, const char *domain)
{
	struct quest q = { .l = l, .cached = true };
	bool wants;

	q.now = l->ops.now(l->ops.arg);
	/* Without a cache there is nothing to make warm. */
	wants = domain_canon(domain, q.domain, NULL) == STS_OK &&
	    find_exception(&q) && !exception_decides(&q) &&
	    known_read(&q) == STS_OK && q.cached && known_is_due(&q);
	known_free(&q);
	return wants;
}

void
lookup_mark_ahead(struct lookup *l, const char *domain)
{
	char name[STS_DOMAIN_MAX + 1];
	enum sts_status status = STS_OK;

	if (domain_canon(domain, name, NULL) == STS_OK)
		status = cache_mark(l->cache, name, l->ops.now(l->ops.arg),
		    NULL);
	/* Where it cannot be written the next recheck comes in minutes. */
	(void)status;
}

void
lookup_mark(struct lookup *l, const char *domain)
{
	memo_clear(&l->memo);
	lookup_mark_ahead(l, domain);
}

void
lookup_forget(struct lookup *l)
{
	memo_clear(&l->memo);
}

/* Whether this process, or the one that it was forked from, was told of the
 * policy when nothing had failed under it. */
static bool
remembers_no_failure(struct lookup *l, const char *domain)
{
	const struct answer *a = memo_get(&l->memo, domain,
	    l->ops.now(l->ops.arg));

	return a != NULL && !a->failing;
}

void
lookup_unmark(struct lookup *l, const char *domain)
{
	struct quest q = { .l = l, .cached = true };
	enum sts_status status = STS_OK;

	if (remembers_no_failure(l, domain))
		return;
	q.now = l->ops.now(l->ops.arg);
	if (domain_canon(domain, q.domain, NULL) == STS_OK &&
	    known_read(&q) == STS_OK && known_is_failing(&q)) {
		memo_clear(&l->memo);
		status = cache_unmark(l->cache, q.domain, &q.policy, NULL);
	}
	/* Else the policy is looked for once more than it need be. */
	(void)status;
	known_free(&q);
}
