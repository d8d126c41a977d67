/* SPDX-License-Identifier: GPL-2.0-or-later */
/* say.c - what the administrator's log hears of a look-up. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "../protocol/text.h"
#include "quest.h"

void
say_line(const struct lookup *l, const char *format, ...)
{
	char line[2048] = "MTA-STS: ";
	size_t n = strlen(line);
	va_list ap;

	if (l->ops.log == NULL)
		return;
	va_start(ap, format);
	(void)vsnprintf(line + n, sizeof line - n, format, ap);
	va_end(ap);
	l->ops.log(l->ops.arg, line);
}

void
say(const struct quest *q, enum config_log level, const char *format, ...)
{
	char text[1800];
	va_list ap;

	if (q->l->config.log < level)
		return;
	va_start(ap, format);
	(void)vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	say_line(q->l, "%s: %s",
	    q->domain[0] != '\0' ? q->domain : "a name beyond ASCII", text);
}

/* What a daily refresh finds as it was: nothing to tell. */
static bool
is_known(const struct quest *q, const struct entry *e)
{
	const struct entry *was = &q->policy;

	return (q->flags & LOOKUP_REFETCH) != 0 && q->live &&
	    was->mode == e->mode && was->max_age == e->max_age &&
	    was->findings == e->findings && strcmp(was->id, e->id) == 0 &&
	    was->mx.len == e->mx.len &&
	    memcmp(was->mx.p, e->mx.p, e->mx.len) == 0;
}

void
say_fetched(const struct quest *q, const struct entry *e)
{
	char findings[160] = "";
	struct text t;

	text_init(&t, findings, sizeof findings);
	for (unsigned i = 0; i < FINDINGS_ALL; i++)
		if ((e->findings >> i & 1) != 0)
			text_addf(&t, "%s%s", t.len > 0 ? "," : " findings=",
			    finding_name(i));
	say(q, is_known(q, e) ? LOG_ALL : LOG_POLICY,
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

void
say_failed(const struct quest *q)
{
	const char *then = "delivering as without a policy";

	if (q->live)
		then = "the cached policy stays in force";
	else if (q->damaged || q->hidden.status != STS_OK)
		then = "deferring, since a policy may be in force";
	else if (quest_is_our_trouble(q))
		then = "deferring";
	say(q, needs_no_alert(q) ? LOG_ALL : LOG_POLICY,
	    "policy not fetched (%s): %s; %s", q->why.word, q->why.text, then);
}

void
say_dns(const struct quest *q)
{
	bool matters = q->live || q->why.status == STS_RECORD;

	say(q, matters && !needs_no_alert(q) ? LOG_POLICY : LOG_ALL,
	    "no usable record (%s): %s%s", q->why.word, q->why.text,
	    q->live ? "; the cached policy stays in force" : "");
}

void
say_asked(const struct quest *q, const struct answer *a)
{
	say(q, LOG_ALL, "asked: mode=%s status=%s%s%s", answer_mode_name(a),
	    answer_status_name(a->status), a->why.word[0] != '\0' ? " " : "",
	    a->why.word);
}

/* --- a policy that is replaced ------------------------------------------- */

/* Whether the list a (patterns joined by ':') holds the pattern p. */
static bool
holds(struct bytes a, struct bytes p)
{
	struct scan s = scan_over(a.p, a.len);

	while (!scan_done(&s)) {
		struct bytes one = scan_item(&s);

		if (one.len == p.len && memcmp(one.p, p.p, p.len) == 0)
			return true;
	}
	return false;
}

static bool
have_one_in_common(struct bytes a, struct bytes b)
{
	struct scan s = scan_over(a.p, a.len);

	while (!scan_done(&s))
		if (holds(b, scan_item(&s)))
			return true;
	return false;
}

/* What an attacker who got hold of a policy host would do, and an owner may
 * well do: the administrator should know. */
void
say_change(const struct quest *q, const struct entry *now)
{
	const struct entry *was = &q->policy;

	if (was->kind != ENTRY_POLICY || was->mode != STS_ENFORCE)
		return;
	if (now->mode != STS_ENFORCE)
		say_line(q->l,
		    "downgrade: %s: mode enforce (id=%s) becomes %s (id=%s)",
		    q->domain, was->id, mode_name(now->mode), now->id);
	else if (!have_one_in_common(was->mx, now->mx))
		say_line(q->l,
		    "downgrade: %s: none of the mx patterns of id=%s stands "
		    "in id=%s, which permits %.200s",
		    q->domain, was->id, now->id, now->mx.p);
}

/* --- exceptions ---------------------------------------------------------- */

#define RUNS_OUT_SOON INT64_C(259200) /* seconds: three days */

void
say_exception(const struct quest *q, const struct exception *x)
{
	bool soon = x->until > 0 && x->until - q->now < RUNS_OUT_SOON;
	char end[80] = "";
	struct tm tm;

	/* To look at it is not to use it. */
	if ((q->flags & LOOKUP_CACHE_ONLY) != 0)
		return;
	if (x->until > 0 && gmtime_r(&x->until, &tm) != NULL)
		(void)strftime(end, sizeof end,
		    soon ? "; WARNING: it runs out soon, at %Y-%m-%dT%H:%M:%SZ"
			 : "; until %Y-%m-%dT%H:%M:%SZ",
		    &tm);
	say(q, soon ? LOG_NOTHING : LOG_POLICY,
	    "exception used: %s (line %u)%s%s%s", exception_name(x->kind),
	    x->line, x->why[0] != '\0' ? ": " : "", x->why, end);
}
