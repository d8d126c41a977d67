/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verdict.c - the ways for a look-up to end. */
#include <string.h>
#include "../protocol/match.h"
#include "../protocol/text.h"
#include "quest.h"

bool
quest_is_our_trouble(const struct quest *q)
{
	return q->why.status == STS_SYSTEM || q->why.status == STS_NOMEM;
}

static void
draft_for(struct quest *q, enum answer_status status, struct answer *a)
{
	const struct trial *t = known_trial(q);

	memset(a, 0, sizeof *a);
	a->status = status;
	memcpy(a->domain, q->domain, sizeof a->domain);
	a->why = q->why;
	a->counted = quest_is_counted(q);
	a->outcome = t->outcome;
	memcpy(a->failed_word, t->failed_word, sizeof a->failed_word);
}

bool
quest_is_counted(const struct quest *q)
{
	return q->domain[0] != '\0' && config_reports(&q->l->config) &&
	    !config_excludes(&q->l->config, q->domain);
}

/* Whether no policy is more than a testing one here. */
static bool
is_capped(const struct quest *q)
{
	return q->l->config.observe ||
	    (q->exception != NULL && q->exception->kind == EXCEPTION_TESTING);
}

/* What the administrator makes of a policy: his exception, or observe mode.
 * Neither ever raises what is demanded but by mx patterns of his own. */
static void
apply_wishes(const struct quest *q, struct answer *a, struct bytes *mx)
{
	const struct exception *x = q->exception;

	if (x != NULL && x->kind == EXCEPTION_TESTING &&
	    a->mode == STS_ENFORCE) {
		a->mode = STS_TESTING;
		a->status = ANSWER_EXEMPT;
	}
	if (x != NULL && x->kind == EXCEPTION_MX && a->mode != STS_NONE) {
		mx->p = x->mx;
		mx->len = strlen(x->mx);
		a->status = ANSWER_EXEMPT;
	}
	if (a->status == ANSWER_EXEMPT)
		say_exception(q, x);
	if (q->l->config.observe && a->mode == STS_ENFORCE)
		a->mode = STS_TESTING;
}

/* --- for the reports ----------------------------------------------------- */

#define KEPT_OUT_MAX 2048u /* bytes of names */

/* A name that may stand in Exim's line, as a host name can. */
static bool
is_plain_name(const char *name)
{
	return name[0] != '\0' &&
	    ascii_all_of(name, strlen(name), ASCII_DOMAIN);
}

/* The MX hosts that Exim will not be let talk to (RFC 8460 4.3.2.1).  Asked
 * for here, where Exim is about to ask the same, since no event of a delivery
 * may wait for DNS; what is not to be had is not told. */
static void
find_kept_out(struct quest *q, struct answer *a, struct bytes mx, char *room)
{
	const struct lookup_ops *ops = &q->l->ops;
	struct mx_set set;
	struct text t;

	if (!a->counted || a->mode != STS_ENFORCE || ops->mx == NULL ||
	    q->flags != LOOKUP_PLAIN || mx.len == 0 ||
	    ops->mx(ops->arg, q->domain, q->dns_deadline, &set, NULL) !=
		STS_OK)
		return;
	text_init(&t, room, KEPT_OUT_MAX);
	for (size_t i = 0; i < set.n; i++) {
		const char *name = set.host[i].name;

		if (!is_plain_name(name) || match_host(mx.p, name) ||
		    t.len + strlen(name) + 2 > KEPT_OUT_MAX)
			continue;
		text_addf(&t, "%s%s", t.len > 0 ? ":" : "", name);
	}
	a->kept_out = (struct bytes){ room, t.len };
}

struct answer *
verdict_policy(struct quest *q, enum answer_status status)
{
	char kept_out[KEPT_OUT_MAX];
	const struct entry *e = &q->policy;
	struct bytes mx = e->mx;
	struct answer a;
	struct answer *made;

	draft_for(q, status, &a);
	a.mode = e->mode;
	memcpy(a.id, e->id, sizeof a.id);
	a.max_age = e->max_age;
	a.findings = e->findings;
	a.fetched_at = (time_t)e->fetched_at;
	a.expires = (time_t)entry_expires(e);
	a.failing = known_is_failing(q);
	a.body = e->body;
	apply_wishes(q, &a, &mx);
	find_kept_out(q, &a, mx, kept_out);
	made = answer_new(&a, mx);
	/* From here on e's strings may be gone. */
	if (known_note_used(q))
		q->l->ops.background(q->l->ops.arg, q->domain);
	return made;
}

/* How long an answer of the administrator's own is good, in seconds. */
#define EXCEPTION_AGE 86400

static struct answer *
verdict_pinned(struct quest *q, const struct exception *x)
{
	struct bytes mx = { x->mx, strlen(x->mx) };
	struct answer a;

	draft_for(q, ANSWER_EXEMPT, &a);
	a.mode = q->l->config.observe ? STS_TESTING : STS_ENFORCE;
	memcpy(a.id, "exception", sizeof "exception");
	a.max_age = EXCEPTION_AGE;
	if (x->until > 0 && x->until - q->now < EXCEPTION_AGE)
		a.max_age = (uint32_t)(x->until - q->now);
	a.fetched_at = q->now;
	a.expires = q->now + (time_t)a.max_age;
	return answer_new(&a, mx);
}

struct answer *
verdict_exempt(struct quest *q)
{
	const struct exception *x = q->exception;

	say_exception(q, x);
	return x->kind == EXCEPTION_ENFORCE ? verdict_pinned(q, x)
					    : verdict_plain(q, ANSWER_EXEMPT);
}

struct answer *
verdict_plain(struct quest *q, enum answer_status status)
{
	struct bytes none = { "", 0 };
	struct answer a;

	draft_for(q, status, &a);
	return answer_new(&a, none);
}

struct answer *
verdict_tempfail(struct quest *q, const char *reason)
{
	struct bytes none = { "", 0 };
	struct answer a;

	draft_for(q, ANSWER_ERROR, &a);
	a.tempfail = true;
	(void)error_set(&a.why, q->why.status, reason, "%s", q->why.text);
	/* Whatever that policy is, it holds nothing up. */
	if (is_capped(q)) {
		a.status = ANSWER_UNUSABLE;
		a.tempfail = false;
	}
	say(q, LOG_NOTHING, "cannot tell which policy is in force (%s): %s%s",
	    reason, q->why.text,
	    a.tempfail ? "" : "; would have been deferred");
	return answer_new(&a, none);
}

/* Nothing newer is to be had.  RFC 8461 3.3: a policy in force stays so; else
 * the domain is as one without MTA-STS, unless we ourselves lost its policy or
 * could not ask. */
struct answer *
verdict_without(struct quest *q, enum answer_status otherwise)
{
	if (q->live)
		return verdict_policy(q, ANSWER_STALE);
	if (q->damaged)
		return verdict_tempfail(q, "cache-damaged");
	if (q->hidden.status != STS_OK)
		q->why = q->hidden;
	if (quest_is_our_trouble(q))
		return verdict_tempfail(q, q->why.word);
	if (q->why.status == STS_DNS && q->l->config.defer_on_dns_failure)
		return verdict_tempfail(q, "dns");
	return verdict_plain(q, otherwise);
}

/* What a remembered outcome of DNS's or HTTPS's means now. */
struct answer *
verdict_known(struct quest *q)
{
	const struct trial *t = known_trial(q);

	if (t->asked_at == 0 && !q->live)
		(void)error_set(&q->why, STS_MISS, "cache-miss",
		    "nothing is known");
	else if (t->outcome != STS_OK)
		(void)error_set(&q->why, t->outcome, status_name(t->outcome),
		    "remembered for some time");
	if (q->live && q->why.status == STS_OK)
		return verdict_policy(q, ANSWER_CACHED);
	return verdict_without(q,
	    q->why.status == STS_ABSENT || q->why.status == STS_MISS
		? ANSWER_ABSENT
		: ANSWER_UNUSABLE);
}

/* RFC 8461 3.3: five minutes or longer for each id. */
struct answer *
verdict_backing_off(struct quest *q)
{
	(void)error_set(&q->why, STS_WAIT, known_trial(q)->failed_word,
	    "fetching failed less than 5 minutes ago");
	return verdict_without(q, ANSWER_UNUSABLE);
}
