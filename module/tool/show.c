/* SPDX-License-Identifier: GPL-2.0-or-later */
/* show.c - `mta-sts show DOMAIN`: all that the cache knows of a domain. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "entries.h"

/* The text as it was fetched, line by line, made printable. */
static void
print_body(struct bytes body)
{
	const char *name = "text";

	while (body.len > 0) {
		const char *end = memchr(body.p, '\n', body.len);
		size_t len = end == NULL ? body.len : (size_t)(end - body.p);
		size_t shown = len;

		if (shown > 0 && body.p[shown - 1] == '\r')
			shown--;
		(void)printf("    %-9s | ", name);
		for (size_t i = 0; i < shown; i++)
			(void)putchar(
			    ascii_is_print(body.p[i]) ? body.p[i] : '?');
		(void)putchar('\n');
		name = "";
		len += end != NULL;
		body.p += len;
		body.len -= len;
	}
}

static void
print_trial(const struct trial *t, int64_t now)
{
	print_field_time("asked", t->asked_at, now);
	if (t->asked_at != 0)
		print_field("outcome", "%s", status_name(t->outcome));
	print_field_time("failed", t->failed_at, now);
	if (t->failed_at != 0)
		print_field("reason", "%s (id %s)", t->failed_word,
		    t->failed_id);
	print_field_time("failing", t->failing_since, now);
	print_field_time("marked", t->marked_at, now);
	print_field_time("tried", t->tried_at, now);
}

static void
print_policy(const struct entry *e, int64_t now)
{
	print_field("id", "%s", e->id);
	print_field_mx(e->mx);
	print_field_max_age(e->max_age);
	print_field_time("fetched", e->fetched_at, now);
	print_field_time("expires", entry_expires(e), now);
	print_field_time("used", e->used_at, now);
	print_trial(&e->trial, now);
	print_field_findings(e->findings);
	print_body(e->body);
}

static void
print_plain(const char *domain, enum sts_status st, const struct entry *e,
    int64_t now)
{
	bool policy = st == STS_OK && e->kind == ENTRY_POLICY;

	(void)printf("%s: %s (%s)\n", domain,
	    policy ? mode_name(e->mode) : "no policy",
	    entries_state(st, e, now));
	if (policy)
		print_policy(e, now);
	else if (st == STS_OK && e->kind == ENTRY_ABSENCE)
		print_trial(&e->trial, now);
	else
		print_field_time("until", e->damaged_until, now);
}

/* What is known of one domain: a policy (or what was one), an absence beside
 * it or alone. */
struct found {
	enum sts_status st;
	struct entry policy; /* when st is STS_OK or STS_DAMAGED */
	bool absent;
	struct entry absence;
};

static int
print_json(const char *domain, const struct found *f, int64_t now)
{
	bool known = f->st != STS_MISS;
	struct object o;

	if (!known) {
		o = entries_json(domain, STS_OK, &f->absence, now);
		return object_print(&o);
	}
	o = entries_json(domain, f->st, &f->policy, now);
	if (f->st == STS_OK && f->policy.kind == ENTRY_POLICY)
		object_add(&o, "text",
		    json_text(f->policy.body.p, f->policy.body.len));
	if (f->absent) {
		struct object absence =
		    entries_json(domain, STS_OK, &f->absence, now);

		o.failed |= absence.failed;
		object_add(&o, "absence", absence.json);
	}
	return object_print(&o);
}

int
cmd_show(struct tool *t, int argc, char *const argv[])
{
	char domain[STS_DOMAIN_MAX + 1];
	int64_t now = time(NULL);
	struct sts_error err;
	struct found f;

	(void)argc;
	if (!tool_open(t))
		return EXIT_TROUBLE;
	if (!tool_domain(argv[0], domain))
		return EXIT_NEGATIVE;
	/* First, for the policy's strings last until the next call only. */
	f.absent = cache_get_absence(tool_cache(t), domain, &f.absence) ==
	    STS_OK;
	f.st = cache_get(tool_cache(t), domain, &f.policy, &err);
	if (f.st != STS_OK && f.st != STS_MISS && f.st != STS_DAMAGED)
		return tool_trouble(t, &err);
	if (f.st == STS_MISS && !f.absent) {
		tool_say("%s: not cached", domain);
		return EXIT_NEGATIVE;
	}
	if (tool_has(t, OPT_JSON))
		return print_json(domain, &f, now);
	if (f.st != STS_MISS)
		print_plain(domain, f.st, &f.policy, now);
	if (f.absent)
		print_plain(domain, STS_OK, &f.absence, now);
	return EXIT_DONE;
}
