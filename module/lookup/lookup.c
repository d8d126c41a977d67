/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lookup.c - the policy in force for a domain now (RFC 8461 3.3, 5.1). */
#include "lookup.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../store/clock.h"
#include "../protocol/text.h"
#include "../store/flight.h"
#include "quest.h"

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
	if (l->cache == NULL) {
		free(l);
		return NULL;
	}
	return l;
}

void
lookup_free(struct lookup *l)
{
	if (l == NULL)
		return;
	memo_clear(&l->memo);
	answer_free(l->last);
	cache_free(l->cache);
	free(l);
}

struct cache *
lookup_cache(struct lookup *l)
{
	return l->cache;
}

/* --- telling the administrator ---------------------------------------------- */

static void __attribute__((format(printf, 3, 4)))
tell(const struct quest *q, enum config_log level, const char *format, ...)
{
	const struct lookup *l = q->l;
	char line[2048];
	int n;
	va_list ap;

	if (l->ops.log == NULL || l->config.log < level)
		return;
	n = snprintf(line, sizeof line, "MTA-STS: %s: ", q->domain);
	if (n < 0)
		return;
	va_start(ap, format);
	(void)vsnprintf(line + n, sizeof line - (size_t)n, format, ap);
	va_end(ap);
	l->ops.log(l->ops.arg, line);
}

static void
tell_fetched(const struct quest *q, const struct entry *e)
{
	char findings[160] = "";
	struct text t;

	text_init(&t, findings, sizeof findings);
	for (unsigned i = 0; i < FINDINGS_ALL; i++)
		if ((e->findings >> i & 1) != 0)
			text_addf(&t, "%s%s", t.len > 0 ? "," : " findings=",
			    finding_name(i));
	tell(q, LOG_POLICY,
	    "policy fetched: mode=%s id=%s max_age=%" PRIu32 " mx=%.500s%s",
	    mode_name(e->mode), e->id, e->max_age, e->mx.p, findings);
}

/* RFC 8461 10.2: a policy of mode "none" may run out without an alert, for
 * that is how a domain takes its policy away (8.3). */
static bool
needs_no_alert(const struct quest *q)
{
	return q->live && q->policy.mode == STS_NONE;
}

/* It says nothing about the domain. */
static bool
is_our_trouble(const struct quest *q)
{
	return q->why.status == STS_SYSTEM || q->why.status == STS_NOMEM;
}

static void
tell_failed(const struct quest *q)
{
	const char *then = "delivering as without a policy";

	if (q->live)
		then = "the cached policy stays in force";
	else if (q->damaged || q->hidden.status != STS_OK)
		then = "deferring, since a policy may be in force";
	else if (is_our_trouble(q))
		then = "deferring";
	tell(q, needs_no_alert(q) ? LOG_ALL : LOG_POLICY,
	    "policy not fetched (%s): %s; %s", q->why.word, q->why.text, then);
}

static void
tell_dns(const struct quest *q)
{
	bool matters = q->live || q->why.status == STS_RECORD;

	tell(q, matters && !needs_no_alert(q) ? LOG_POLICY : LOG_ALL,
	    "no usable record (%s): %s%s", q->why.word, q->why.text,
	    q->live ? "; the cached policy stays in force" : "");
}

static void
tell_asked(const struct quest *q, const struct answer *a)
{
	tell(q, LOG_ALL, "asked: mode=%s status=%s%s%s", answer_mode_name(a),
	    answer_status_name(a->status), a->why.word[0] != '\0' ? " " : "",
	    a->why.word);
}

/* --- ways to end -------------------------------------------------------------- */

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

static void
draft_for(const struct quest *q, enum answer_status status, struct answer *a)
{
	memset(a, 0, sizeof *a);
	a->status = status;
	memcpy(a->domain, q->domain, sizeof a->domain);
	a->why = q->why;
}

static struct answer *
answer_policy(struct quest *q, enum answer_status status)
{
	const struct entry *e = &q->policy;
	struct answer a;
	struct answer *made;

	draft_for(q, status, &a);
	a.mode = e->mode;
	memcpy(a.id, e->id, sizeof a.id);
	a.max_age = e->max_age;
	a.findings = e->findings;
	a.fetched_at = (time_t)e->fetched_at;
	a.expires = (time_t)entry_expires(e);
	made = answer_new(&a, e->mx);
	/* From here on e's strings may be gone. */
	if (known_note_used(q))
		q->l->ops.background(q->l->ops.arg, q->domain);
	return made;
}

static struct answer *
answer_plain(const struct quest *q, enum answer_status status)
{
	struct bytes none = { "", 0 };
	struct answer a;

	draft_for(q, status, &a);
	return answer_new(&a, none);
}

static struct answer *
answer_tempfail(const struct quest *q, const char *reason)
{
	struct bytes none = { "", 0 };
	struct answer a;

	draft_for(q, ANSWER_ERROR, &a);
	a.tempfail = true;
	(void)error_set(&a.why, q->why.status, reason, "%s", q->why.text);
	tell(q, LOG_NOTHING, "cannot tell which policy is in force (%s): %s",
	    reason, q->why.text);
	return answer_new(&a, none);
}

/* Nothing newer is to be had.  RFC 8461 3.3: a policy in force stays so; else
 * the domain is as one without MTA-STS, unless we ourselves lost its policy or
 * could not ask. */
static struct answer *
answer_without(struct quest *q, enum answer_status otherwise)
{
	if (q->live)
		return answer_policy(q, ANSWER_STALE);
	if (q->damaged)
		return answer_tempfail(q, "cache-damaged");
	if (q->hidden.status != STS_OK)
		q->why = q->hidden;
	if (is_our_trouble(q))
		return answer_tempfail(q, q->why.word);
	if (q->why.status == STS_DNS && q->l->config.defer_on_dns_failure)
		return answer_tempfail(q, "dns");
	return answer_plain(q, otherwise);
}

/* What a remembered outcome of DNS's or HTTPS's means now. */
static struct answer *
answer_known(struct quest *q)
{
	const struct trial *t = known_trial(q);

	if (t->asked_at == 0 && !q->live)
		(void)error_set(&q->why, STS_MISS, "cache-miss",
		    "nothing is known");
	else if (t->outcome != STS_OK)
		(void)error_set(&q->why, t->outcome, status_name(t->outcome),
		    "remembered for some time");
	if (q->live && q->why.status == STS_OK)
		return answer_policy(q, ANSWER_CACHED);
	return answer_without(q,
	    q->why.status == STS_ABSENT || q->why.status == STS_MISS
	        ? ANSWER_ABSENT
	        : ANSWER_UNUSABLE);
}

/* RFC 8461 3.3: five minutes or longer for each id. */
static struct answer *
answer_backing_off(struct quest *q)
{
	(void)error_set(&q->why, STS_WAIT, known_trial(q)->failed_word,
	    "fetching failed less than 5 minutes ago");
	return answer_without(q, ANSWER_UNUSABLE);
}

/* --- DNS ------------------------------------------------------------------------ */

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

/* --- HTTPS ---------------------------------------------------------------------- */

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
	tell_fetched(q, &e);
	known_note_fetched(q, &e);
	return answer_policy(q, ANSWER_FRESH);
}

/* None has come, for the reason q->why. */
static struct answer *
answer_not_fetched(struct quest *q)
{
	tell_failed(q);
	if (!is_our_trouble(q)) /* else the next look-up tries again */
		known_note_failed(q);
	return answer_without(q, ANSWER_UNUSABLE);
}

/* RFC 8461 3.3. */
static enum sts_status
fetch_body(struct quest *q, char *body, size_t *len)
{
	const struct lookup_ops *ops = &q->l->ops;
	int64_t deadline = clock_ms() + q->l->config.fetch_timeout * 1000;

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
		return answer_tempfail(q, q->why.word);
	memset(&q->why, 0, sizeof q->why);
	if (q->live && q->policy.fetched_at != before &&
	    strcmp(q->policy.id, q->id) == 0)
		return answer_policy(q, ANSWER_CHECKED);
	return known_backs_off(q, q->id) ? answer_backing_off(q) : NULL;
}

/* One process at a time fetches for a domain; the others wait for it. */
static struct answer *
answer_from_https(struct quest *q)
{
	struct flight turn = { -1 };
	struct answer *a = NULL;

	if (q->cached && flight_take(q->l->config.cache_dir, q->domain,
	                     q->deadline, &turn, &q->why) == STS_WAIT)
		return answer_without(q, ANSWER_UNUSABLE);
	if (q->cached)
		a = answer_from_others(q);
	if (a == NULL) {
		memset(&q->why, 0, sizeof q->why);
		a = fetch_now(q);
	}
	flight_drop(&turn);
	return a;
}

/* --- the flow -------------------------------------------------------------------- */

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
		tell_dns(q);
		if (!is_our_trouble(q))
			known_note_asked(q, status);
		return answer_without(q,
		    status == STS_ABSENT ? ANSWER_ABSENT : ANSWER_UNUSABLE);
	}
	if (q->live && strcmp(q->id, q->policy.id) == 0 &&
	    !known_must_refetch(q)) {
		/* RFC 8461 3.2: max_age counts from the last fetch, so that the
		 * same id confirms a policy but never extends it. */
		known_note_asked(q, STS_OK);
		return answer_policy(q, ANSWER_CHECKED);
	}
	if (known_backs_off(q, q->id))
		return answer_backing_off(q);
	return answer_from_https(q);
}

static struct answer *
find_answer(struct quest *q, const char *domain)
{
	enum sts_status status = domain_canon(domain, q->domain, &q->why);
	struct answer *a;

	if (status == STS_NOMEM)
		return NULL;
	if (status != STS_OK)
		return answer_plain(q, ANSWER_NOTADOMAIN);
	if (known_read(q) != STS_OK)
		return answer_tempfail(q, q->why.word);
	if (!known_is_due(q) || (q->flags & LOOKUP_CACHE_ONLY) != 0)
		return answer_known(q);
	a = answer_from_network(q);
	if (a != NULL)
		tell_asked(q, a);
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

const struct answer *
lookup_domain(struct lookup *l, const char *domain, unsigned flags)
{
	struct quest q = { .l = l, .flags = flags };
	struct answer *a;

	q.now = l->ops.now(l->ops.arg);
	if (flags == LOOKUP_PLAIN) {
		a = memo_get(&l->memo, domain, q.now);
		if (a != NULL)
			return a;
	}
	q.dns_deadline = clock_ms() + l->config.dns_timeout * 1000;
	q.deadline = q.dns_deadline + l->config.fetch_timeout * 1000;
	q.cached = (flags & LOOKUP_NO_CACHE) == 0;
	a = find_answer(&q, domain);
	known_free(&q);
	if (a != NULL && flags == LOOKUP_PLAIN &&
	    memo_put(&l->memo, domain, a, q.now, good_until(a, q.now)))
		return a;
	return keep(l, a);
}

bool
lookup_wants_prefetch(struct lookup *l, const char *domain)
{
	struct quest q = { .l = l, .cached = true };
	bool wants;

	q.now = l->ops.now(l->ops.arg);
	/* Without a cache there is nothing to make warm. */
	wants = domain_canon(domain, q.domain, NULL) == STS_OK &&
	    known_read(&q) == STS_OK && q.cached && known_is_due(&q);
	known_free(&q);
	return wants;
}

void
lookup_mark(struct lookup *l, const char *domain)
{
	struct quest q = { .l = l, .cached = true };
	enum sts_status status = STS_OK;

	q.now = l->ops.now(l->ops.arg);
	memo_clear(&l->memo);
	if (domain_canon(domain, q.domain, NULL) == STS_OK &&
	    known_read(&q) == STS_OK && q.live && !known_is_marked(&q)) {
		q.policy.trial.marked_at = q.now;
		status = cache_touch(l->cache, q.domain, &q.policy, NULL);
	}
	/* Where it cannot be written the next recheck comes in minutes. */
	(void)status;
	known_free(&q);
}
