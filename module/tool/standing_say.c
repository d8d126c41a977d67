/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standing_say.c - how it all stands, for people and as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include "standing.h"

#define KIB 1024u

/* --- for people ----------------------------------------------------------- */

static void
print_exim(const struct exim_seen *x)
{
	if (x->path == NULL)
		(void)puts("exim: none found");
	else
		(void)printf("exim: %s (%s)\n",
		    x->version[0] != '\0' ? x->version : "unknown version",
		    x->path);
	(void)printf("Expand_dlfunc: %s%s\n", exim_word(x->dlfunc),
	    x->dlfunc == SEEN_NO       ? " (mta-sts lookup is run in its place)"
		: x->module == SEEN_NO ? "; " MTA_STS_SO " is not installed"
				       : "");
	(void)printf("configuration active: %s%s%s%s\n", exim_word(x->active),
	    x->why[0] != '\0' ? " (" : "", x->why,
	    x->why[0] != '\0' ? ")" : "");
	if (x->retry == SEEN_NO)
		(void)puts("retry rule: missing (one domain's failure of TLS "
			   "can hold back another's mail: include "
			   "mta-sts.retry)");
}

static void
print_wishes(const struct standing *s)
{
	char when[PRINT_RELATIVE_MAX];

	(void)printf("configuration errors: ");
	if (s->config_errors + s->exception_errors == 0)
		(void)puts("none");
	else
		(void)printf("%u (see mta-sts config)\n",
		    s->config_errors + s->exception_errors);
	if (s->tool->config.observe)
		(void)puts("mode: observe: nothing is enforced");
	(void)printf("exceptions: %u%s\n", s->exceptions,
	    s->ending > 0 ? ", soon without:" : "");
	for (unsigned i = 0; i < s->ending && i < EXCEPTIONS_SHOWN; i++) {
		print_relative(s->ends[i].until, s->survey.now, when);
		(void)printf("    %-28s ends %s\n", s->ends[i].name, when);
	}
}

static const char *
health(const struct standing *s)
{
	if (s->survey.damaged > 0 || s->check == STS_DAMAGED)
		return "DAMAGED";
	if (s->check == STS_OK)
		return "sound";
	return "readable";
}

static void
print_cache(const struct standing *s)
{
	char when[PRINT_RELATIVE_MAX];

	(void)printf("cache: %s, %" PRIu64 " KiB + %" PRIu64
		     " KiB of absences, %s",
	    s->tool->config.cache_dir, s->bytes / KIB, s->absent_bytes / KIB,
	    health(s));
	if (s->saved_at != 0) {
		print_relative(s->saved_at, s->survey.now, when);
		(void)printf(", last good copy %s", when);
	}
	(void)putchar('\n');
	if (s->set_aside)
		(void)printf("ALERT: a damaged file was set aside: "
			     "%s/policies.tdb.damaged\n",
		    s->tool->config.cache_dir);
}

static void
print_refresh(const struct standing *s)
{
	char when[PRINT_RELATIVE_MAX];
	const char *error =
	    json_string_value(json_object_get(s->refresh, "error"));

	if (s->refresh == NULL) {
		(void)puts("last refresh: never");
		return;
	}
	print_relative(s->refreshed_at, s->survey.now, when);
	(void)printf("last refresh: %s: %" PRId64 " due, %" PRId64
		     " renewed, %" PRId64 " changed, %" PRId64
		     " failed, exit %" PRId64 "%s\n",
	    when, standing_number(s, "due"), standing_number(s, "renewed"),
	    standing_number(s, "changed"), standing_number(s, "failed"),
	    standing_number(s, "exit"),
	    standing_refresh_is_late(s) ? "; ALERT: it is late" : "");
	if (error != NULL)
		(void)printf("    %s\n", error);
}

static void
print_policies(const struct survey *v)
{
	char when[PRINT_RELATIVE_MAX];

	(void)printf("policies: %" PRIu64 " enforce, %" PRIu64
		     " testing, %" PRIu64 " none; %" PRIu64
		     " ended, %" PRIu64 " unused, %" PRIu64
		     " damaged; %" PRIu64 " absences\n",
	    v->in_force[STS_ENFORCE], v->in_force[STS_TESTING],
	    v->in_force[STS_NONE], v->ended, v->unused, v->damaged,
	    v->absences);
	if (v->oldest_fetch == 0)
		return;
	print_relative(v->oldest_fetch, v->now, when);
	(void)printf("oldest fetch: %s\n", when);
}

static void
print_failures(const struct survey *v)
{
	char since[PRINT_RELATIVE_MAX], end[PRINT_RELATIVE_MAX];

	(void)printf("failing: %" PRIu64 ", alerts: %" PRIu64 "\n", v->failing,
	    v->alerts);
	for (size_t i = 0; i < v->failures.n; i++) {
		const struct survey_item *p = &v->failures.item[i];

		print_relative(p->expires, v->now, end);
		print_relative(p->failing_since, v->now, since);
		(void)printf("    %-28s %-8s %s%s%s, %s %s%s\n", p->domain,
		    mode_name(p->mode),
		    p->failing_since > 0 ? p->word : "not tried",
		    p->failing_since > 0 ? " " : "",
		    p->failing_since > 0 ? since : "",
		    p->expires > v->now ? "ends" : "ended", end,
		    p->alert ? " ALERT" : "");
	}
}

static void
print_next(const struct survey *v)
{
	char end[PRINT_RELATIVE_MAX];

	if (v->next.n == 0)
		return;
	(void)puts("next to end, if not renewed:");
	for (size_t i = 0; i < v->next.n; i++) {
		const struct survey_item *p = &v->next.item[i];

		print_relative(p->expires, v->now, end);
		(void)printf("    %-28s %-8s %s\n", p->domain,
		    mode_name(p->mode), end);
	}
}

static void
print_report_day(const char *name, const struct report_day *d)
{
	(void)printf("    %-9s %" PRIu64 " sessions with %" PRIu64
		     " domains, %" PRIu64 " failed\n",
	    name, d->success + d->failure, d->domains, d->failure);
}

static void
print_signing(const struct exim_seen *x)
{
	if (x->signs != SEEN_NO)
		return;
	(void)printf("    ALERT: %s, and receivers ignore what is not signed: "
		     "set %s for Exim, or tlsrpt_signed_elsewhere (see "
		     "mta-sts-report)\n",
	    x->report_way == SEEN_NO
		? "mails with reports have no way of their own that signs them"
		: "mails with reports are not signed",
	    x->report_way == SEEN_NO
		? "MTA_STS_TLSRPT_CONTACT and MTA_STS_TLSRPT_KEY"
		: "MTA_STS_TLSRPT_KEY");
}

static void
print_reports(const struct standing *s)
{
	const struct report_seen *r = &s->reports;
	char when[PRINT_RELATIVE_MAX];

	if (!r->on) {
		(void)puts("TLS reports: off");
		return;
	}
	(void)printf("TLS reports: %" PRIu64 " sent, %" PRIu64
		     " given up, %" PRIu64 " waiting",
	    r->jobs[JOB_SENT], r->jobs[JOB_FAILED], r->jobs[JOB_WAITING]);
	if (r->next != 0) {
		print_relative(r->next, s->survey.now, when);
		(void)printf(", the next one is due %s", when);
	}
	(void)puts(r->late ? "; ALERT: mta-sts report has not run" : "");
	print_signing(&s->exim);
	print_report_day("today", &r->today);
	print_report_day("yesterday", &r->yesterday);
}

int
standing_print(const struct standing *s)
{
	(void)puts("exim-mta-sts " MTA_STS_VERSION);
	print_exim(&s->exim);
	print_wishes(s);
	print_cache(s);
	print_refresh(s);
	print_policies(&s->survey);
	print_failures(&s->survey);
	print_next(&s->survey);
	print_reports(s);
	return s->check == STS_DAMAGED ? EXIT_TROUBLE : EXIT_DONE;
}

/* --- for programs --------------------------------------------------------- */

/* Moves o's members to the place key of to. */
static void
add_object(struct object *to, const char *key, struct object *o)
{
	to->failed |= o->failed;
	object_add(to, key, o->json);
}

static void
add_exim(struct object *to, const struct exim_seen *x)
{
	struct object o = object_new();

	if (x->path != NULL)
		object_text(&o, "path", x->path);
	if (x->version[0] != '\0')
		object_text(&o, "version", x->version);
	object_text(&o, "dlfunc", exim_word(x->dlfunc));
	object_text(&o, "module", exim_word(x->module));
	object_text(&o, "active", exim_word(x->active));
	object_text(&o, "retry", exim_word(x->retry));
	if (x->why[0] != '\0')
		object_text(&o, "error", x->why);
	add_object(to, "exim", &o);
}

static void
add_wishes(struct object *to, const struct standing *s)
{
	json_t *list = json_array();

	object_number(to, "config_errors", s->config_errors);
	object_number(to, "exceptions", s->exceptions);
	object_number(to, "exception_errors", s->exception_errors);
	for (unsigned i = 0; i < s->ending && i < EXCEPTIONS_SHOWN; i++) {
		struct object o = object_new();

		object_text(&o, "name", s->ends[i].name);
		object_time(&o, "until", s->ends[i].until);
		to->failed |=
		    o.failed || json_array_append_new(list, o.json) != 0;
	}
	object_add(to, "exceptions_ending", list);
}

static void
add_cache(struct object *to, const struct standing *s)
{
	struct object o = object_new();

	object_text(&o, "dir", s->tool->config.cache_dir);
	object_number(&o, "bytes", (int64_t)s->bytes);
	object_number(&o, "absent_bytes", (int64_t)s->absent_bytes);
	object_time(&o, "saved_at", s->saved_at);
	if (s->check == STS_OK || s->check == STS_DAMAGED)
		object_bool(&o, "sound", s->check == STS_OK);
	object_bool(&o, "set_aside", s->set_aside);
	add_object(to, "cache", &o);
}

static void
add_list(struct object *to, const char *key, const struct survey_list *l)
{
	json_t *list = json_array();

	for (size_t i = 0; i < l->n; i++) {
		const struct survey_item *p = &l->item[i];
		struct object o = object_new();

		object_text(&o, "domain", p->domain);
		object_text(&o, "mode", mode_name(p->mode));
		object_time(&o, "expires", p->expires);
		object_time(&o, "failing_since", p->failing_since);
		if (p->failing_since > 0)
			object_text(&o, "reason", p->word);
		if (p->alert)
			object_text(&o, "alert", p->alert_text);
		to->failed |=
		    o.failed || json_array_append_new(list, o.json) != 0;
	}
	object_add(to, key, list);
}

static void
add_policies(struct object *to, const struct survey *v)
{
	struct object o = object_new();

	object_number(&o, "enforce", (int64_t)v->in_force[STS_ENFORCE]);
	object_number(&o, "testing", (int64_t)v->in_force[STS_TESTING]);
	object_number(&o, "none", (int64_t)v->in_force[STS_NONE]);
	object_number(&o, "ended", (int64_t)v->ended);
	object_number(&o, "unused", (int64_t)v->unused);
	object_number(&o, "damaged", (int64_t)v->damaged);
	object_number(&o, "failing", (int64_t)v->failing);
	object_number(&o, "alerts", (int64_t)v->alerts);
	object_number(&o, "absences", (int64_t)v->absences);
	object_time(&o, "oldest_fetch", v->oldest_fetch);
	add_object(to, "policies", &o);
	add_list(to, "failures", &v->failures);
	add_list(to, "next", &v->next);
}

static void
add_report_day(struct object *to, const char *key, const struct report_day *d)
{
	struct object o = object_new();

	object_number(&o, "domains", (int64_t)d->domains);
	object_number(&o, "success", (int64_t)d->success);
	object_number(&o, "failure", (int64_t)d->failure);
	add_object(to, key, &o);
}

static void
add_reports(struct object *to, const struct standing *s)
{
	const struct report_seen *r = &s->reports;
	struct object o = object_new();

	object_bool(&o, "on", r->on);
	if (r->on) {
		add_report_day(&o, "today", &r->today);
		add_report_day(&o, "yesterday", &r->yesterday);
		for (unsigned i = 0; i <= JOB_UNWANTED; i++)
			object_number(&o, job_state_name((enum job_state)i),
			    (int64_t)r->jobs[i]);
		object_time(&o, "next", r->next);
		object_bool(&o, "late", r->late);
		object_text(&o, "signed",
		    s->tool->config.tlsrpt.signed_elsewhere
			? "elsewhere"
			: exim_word(s->exim.signs));
	}
	add_object(to, "reports", &o);
}

int
standing_json(const struct standing *s)
{
	struct object o = object_new();

	object_text(&o, "version", MTA_STS_VERSION);
	add_exim(&o, &s->exim);
	add_wishes(&o, s);
	if (s->trouble.status != STS_OK) {
		object_text(&o, "reason", s->trouble.word);
		object_text(&o, "error", s->trouble.text);
		return tool_worse(object_print(&o), EXIT_TROUBLE);
	}
	add_cache(&o, s);
	if (s->refresh != NULL) {
		object_time(&o, "refreshed_at", s->refreshed_at);
		object_add(&o, "refresh", json_incref(s->refresh));
	}
	add_policies(&o, &s->survey);
	add_reports(&o, s);
	return tool_worse(object_print(&o),
	    s->check == STS_DAMAGED ? EXIT_TROUBLE : EXIT_DONE);
}
