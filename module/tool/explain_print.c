/* SPDX-License-Identifier: GPL-2.0-or-later */
/* explain_print.c - what `mta-sts explain` has found out, for people and for
 * programs. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "../protocol/text.h"
#include "entries.h"
#include "explain.h"
#include "print.h"

#define SHOWN_MAX 300u /* bytes of one TXT record */

/* A TXT record as people may see it, and what is to be said of it alone. */
static void
judge_record(struct bytes rec, char shown[SHOWN_MAX + 8], char verdict[300])
{
	char id[STS_ID_MAX + 1];
	struct sts_error err;
	struct text t;

	text_init(&t, shown, SHOWN_MAX + 8);
	text_add_foreign(&t, rec.p, rec.len, SHOWN_MAX);
	if (record_parse(rec.p, rec.len, id, &err) == STS_OK)
		(void)snprintf(verdict, 300, "valid, id %s", id);
	else if (err.status == STS_ABSENT)
		(void)snprintf(verdict, 300, "not about MTA-STS");
	else
		(void)snprintf(verdict, 300, "invalid: %s", err.text);
}

static bool
has_cached(const struct explanation *x)
{
	return x->cached_status == STS_OK && x->cached.kind == ENTRY_POLICY;
}

static const char *
cached_state(const struct explanation *x)
{
	if (x->cached_status == STS_MISS || x->cached_status == STS_ABSENT)
		return "none";
	if (x->cached_status == STS_OK || x->cached_status == STS_DAMAGED)
		return entries_state(x->cached_status, &x->cached, x->now);
	return "unreadable";
}

static struct bytes
bytes_of(const char *s)
{
	struct bytes b = { s, strlen(s) };

	return b;
}

static const char *
outcome_name(enum outcome o)
{
	switch (o) {
	case OUTCOME_GOES:
		return "goes";
	case OUTCOME_DEFERRED:
		return "deferred";
	case OUTCOME_TROUBLE:
		break;
	}
	return "trouble";
}

/* --- for people ---------------------------------------------------------- */

static void __attribute__((format(printf, 1, 2)))
say(const char *format, ...)
{
	va_list ap;

	(void)fputs("   ", stdout);
	va_start(ap, format);
	(void)vprintf(format, ap);
	va_end(ap);
	(void)putchar('\n');
}

static void
print_exception(const struct explanation *x)
{
	const struct exception *e = x->exception;

	(void)printf("2. Exception (%s)\n",
	    x->tool->config.exceptions[0] != '\0' ? x->tool->config.exceptions
						  : "no file configured");
	if (x->broken > 0)
		say("%u broken lines: see mta-sts config", x->broken);
	if (e == NULL) {
		say("none for this domain");
		return;
	}
	say("line %u: %s %s%s", e->line, e->name, exception_name(e->kind),
	    x->decided ? ", nobody is asked" : "");
	print_field_mx(bytes_of(e->mx));
	print_field_time("until", e->until, x->now);
	if (e->why[0] != '\0')
		print_field("why", "%s", e->why);
}

static void
print_record(const struct explanation *x)
{
	char shown[SHOWN_MAX + 8], verdict[300];

	(void)puts("3. TXT record (RFC 8461 3.1)");
	if (x->decided) {
		say("not looked at");
		return;
	}
	for (size_t i = 0; i < x->records.n; i++) {
		judge_record(x->records.rec[i], shown, verdict);
		say("%s TXT \"%s\": %s", x->record_name, shown, verdict);
	}
	if (x->record.status == STS_OK)
		say("its id is %s", x->id);
	else
		say("%s: no usable record (%s): %s", x->record_name,
		    x->record.word, x->record.text);
}

static void
print_cached(const struct explanation *x)
{
	const struct entry *e = &x->cached;

	(void)puts("4. Cache, before anybody was asked (RFC 8461 3.3, 5.1)");
	if (!has_cached(x)) {
		say("no policy (%s)%s%s", cached_state(x),
		    strcmp(cached_state(x), "unreadable") == 0 ? ": " : "",
		    strcmp(cached_state(x), "unreadable") == 0
			? x->cached_error.text
			: "");
		return;
	}
	say("%s (%s)%s", mode_name(e->mode), cached_state(x),
	    x->record.status == STS_OK && !x->decided &&
		    strcmp(e->id, x->id) != 0
		? "; DNS has another id, so that it is fetched anew"
		: "");
	print_field("id", "%s", e->id);
	print_field_time("fetched", e->fetched_at, x->now);
	print_field_time("expires", entry_expires(e), x->now);
	print_field_time("asked", e->trial.asked_at, x->now);
}

static void
print_policy(const struct explanation *x)
{
	const struct answer *a = x->answer;

	(void)puts("5. Policy as Exim is told now (RFC 8461 3.2, 3.3, 5)");
	say("%s (%s)%s", answer_mode_name(a), answer_status_name(a->status),
	    x->tool->config.observe ? "; observe mode: never more than testing"
				    : "");
	if (!a->tempfail && a->id[0] != '\0') {
		print_field("id", "%s", a->id);
		print_field_mx(bytes_of(a->mx));
		print_field_max_age(a->max_age);
		print_field_time("fetched", a->fetched_at, x->now);
		print_field_time("expires", a->expires, x->now);
		print_field_findings(a->findings);
	}
	if (a->why.status != STS_OK)
		print_field("because", "%s: %s", a->why.word, a->why.text);
}

static void
print_host(const struct explanation *x, const struct explain_host *h)
{
	bool policy = !x->answer->tempfail && x->answer->mode != STS_NONE;
	const char *verdict = h->permitted ? "match, " : "mismatch";

	if (x->implicit)
		say("%s, without an MX record%s%s%s", h->name,
		    policy ? ": " : "", policy ? verdict : "",
		    h->permitted ? h->pattern : "");
	else
		say("%u %s%s%s%s", h->mx->preference, h->name,
		    policy ? ": " : "", policy ? verdict : "",
		    h->permitted ? h->pattern : "");
	if (h->address.status != STS_OK)
		say("  %s (%s)", h->address.text, h->address.word);
	if (!h->tried)
		return;
	if (h->probe.status == STS_OK)
		say("  TLS and certificate do: %s", h->tls);
	else
		say("  TLS fails (%s): %s", h->probe.word, h->probe.text);
}

static void
print_hosts(const struct explanation *x)
{
	(void)printf("6. Mail hosts (RFC 8461 4.1%s)\n",
	    tool_has(x->tool, OPT_CONNECT) ? ", 4.2" : "");
	if (x->mx.status != STS_OK)
		say("none found (%s): %s", x->mx.word, x->mx.text);
	if (x->takes_none)
		say("\".\": the domain takes no mail (RFC 7505)");
	for (size_t i = 0; i < x->hosts; i++)
		print_host(x, &x->host[i]);
	if (x->set.left_out > 0)
		say("and %zu more, not looked at", x->set.left_out);
}

/* Whether another mode of the policy would let mail go. */
static bool
is_the_policy(const struct explanation *x)
{
	for (size_t i = 0; i < x->hosts; i++)
		if (x->host[i].address.status == STS_OK)
			return true;
	return false;
}

/* Where the policy is what mail waits for, and nobody has made an exception. */
static void
print_way_out(const struct explanation *x)
{
	if (x->outcome == OUTCOME_DEFERRED && !x->answer->tempfail &&
	    x->exception == NULL && x->mx.status == STS_OK &&
	    !x->takes_none && is_the_policy(x))
		say("Should the domain's postmaster say that this is his "
		    "mistake: mta-sts except %s testing --until +7d",
		    x->domain);
}

void
explain_print_plain(const struct explanation *x)
{
	char iso[PRINT_ISO_MAX];

	print_iso(x->now, iso);
	(void)printf("Mail for %s at %s (exim-mta-sts " MTA_STS_VERSION ")\n",
	    x->asked, iso);
	(void)puts("1. Domain (RFC 8461 3.4)");
	say("%s", x->domain);
	print_exception(x);
	print_record(x);
	print_cached(x);
	print_policy(x);
	print_hosts(x);
	(void)puts("7. Verdict");
	say("%s", x->sentence);
	print_way_out(x);
}

/* --- for programs -------------------------------------------------------- */

/* Adds an object, or a list of them, in the making to another. */
static void
add_object(struct object *o, const char *key, struct object *part)
{
	o->failed |= part->failed;
	object_add(o, key, part->json);
}

static void
append(json_t *list, struct object *part, struct object *to)
{
	to->failed |= part->failed ||
	    json_array_append_new(list, part->json) != 0;
}

static void
add_error(struct object *o, const struct sts_error *err)
{
	if (err->status == STS_OK)
		return;
	object_text(o, "reason", err->word);
	object_text(o, "error", err->text);
}

static void
add_exception(struct object *o, const struct explanation *x)
{
	const struct exception *e = x->exception;
	struct object part;

	if (e == NULL)
		return;
	part = object_new();
	object_text(&part, "name", e->name);
	object_text(&part, "action", exception_name(e->kind));
	if (e->mx[0] != '\0')
		object_mx(&part, bytes_of(e->mx));
	object_time(&part, "until", e->until);
	if (e->why[0] != '\0')
		object_text(&part, "why", e->why);
	object_number(&part, "line", e->line);
	add_object(o, "exception", &part);
}

static void
add_record(struct object *o, const struct explanation *x)
{
	char shown[SHOWN_MAX + 8], verdict[300];
	struct object part = object_new();
	json_t *list = json_array();

	for (size_t i = 0; list != NULL && i < x->records.n; i++) {
		struct object one = object_new();

		judge_record(x->records.rec[i], shown, verdict);
		object_text(&one, "text", shown);
		object_text(&one, "verdict", verdict);
		append(list, &one, &part);
	}
	object_text(&part, "name", x->record_name);
	object_add(&part, "records", list);
	object_bool(&part, "valid", x->record.status == STS_OK);
	if (x->record.status == STS_OK)
		object_text(&part, "id", x->id);
	add_error(&part, &x->record);
	add_object(o, "record", &part);
}

static void
add_cached(struct object *o, const struct explanation *x)
{
	const struct entry *e = &x->cached;
	struct object part = object_new();

	object_text(&part, "status", cached_state(x));
	if (has_cached(x)) {
		object_text(&part, "mode", mode_name(e->mode));
		object_text(&part, "id", e->id);
		object_time(&part, "fetched_at", e->fetched_at);
		object_time(&part, "expires", entry_expires(e));
		object_time(&part, "asked_at", e->trial.asked_at);
	}
	add_object(o, "cached", &part);
}

static void
add_policy(struct object *o, const struct explanation *x)
{
	const struct answer *a = x->answer;

	object_text(o, "mode", answer_mode_name(a));
	object_text(o, "status", answer_status_name(a->status));
	object_bool(o, "observe", x->tool->config.observe);
	if (!a->tempfail && a->id[0] != '\0') {
		object_text(o, "id", a->id);
		object_number(o, "max_age", a->max_age);
		object_time(o, "fetched_at", a->fetched_at);
		object_time(o, "expires", a->expires);
		object_mx(o, bytes_of(a->mx));
		object_findings(o, a->findings);
	}
	add_error(o, &a->why);
}

static struct object
host_object(const struct explanation *x, const struct explain_host *h)
{
	struct object one = object_new();

	object_text(&one, "host", h->name);
	if (!x->implicit)
		object_number(&one, "preference", h->mx->preference);
	object_text(&one, "result", answer_match(x->answer, h->name));
	if (h->permitted)
		object_text(&one, "pattern", h->pattern);
	add_error(&one, &h->address);
	if (!h->tried)
		return one;
	object_bool(&one, "tls", h->probe.status == STS_OK);
	if (h->probe.status == STS_OK)
		object_text(&one, "session", h->tls);
	add_error(&one, &h->probe);
	return one;
}

static void
add_hosts(struct object *o, const struct explanation *x)
{
	json_t *list = json_array();

	for (size_t i = 0; list != NULL && i < x->hosts; i++) {
		struct object one = host_object(x, &x->host[i]);

		append(list, &one, o);
	}
	object_add(o, "hosts", list);
	object_bool(o, "takes_no_mail", x->takes_none);
	if (x->mx.status != STS_OK)
		object_text(o, "hosts_error", x->mx.text);
}

int
explain_print_json(const struct explanation *x)
{
	struct object o = object_new();

	object_text(&o, "asked", x->asked);
	object_number(&o, "broken_exceptions", x->broken);
	object_text(&o, "domain", x->domain);
	object_time(&o, "time", x->now);
	add_exception(&o, x);
	if (!x->decided)
		add_record(&o, x);
	add_cached(&o, x);
	add_policy(&o, x);
	add_hosts(&o, x);
	object_text(&o, "mail", outcome_name(x->outcome));
	object_text(&o, "verdict", x->sentence);
	return object_print(&o);
}
