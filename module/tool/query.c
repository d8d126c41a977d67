/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query.c - `mta-sts query DOMAIN...`: what a look-up says now. */
#include <stdio.h>
#include <string.h>
#include "../protocol/text.h"
#include "commands.h"
#include "print.h"

/* What was asked, fit for a terminal. */
static void
printable(const char *asked, char out[STS_DOMAIN_MAX + 8])
{
	struct text t;

	text_init(&t, out, STS_DOMAIN_MAX + 8);
	text_add_foreign(&t, asked, strlen(asked), STS_DOMAIN_MAX);
}

static bool
has_policy(const struct answer *a)
{
	return !a->tempfail && a->id[0] != '\0';
}

static struct bytes
mx_of(const struct answer *a)
{
	struct bytes mx = { a->mx, strlen(a->mx) };

	return mx;
}

static void
print_plain(const char *asked, const struct answer *a)
{
	char name[STS_DOMAIN_MAX + 8];
	int64_t now = time(NULL);

	printable(asked, name);
	(void)printf("%s: %s (%s)\n", a->domain[0] != '\0' ? a->domain : name,
	    answer_mode_name(a), answer_status_name(a->status));
	if (has_policy(a)) {
		print_field("id", "%s", a->id);
		print_field_mx(mx_of(a));
		print_field_max_age(a->max_age);
		print_field_time("fetched", a->fetched_at, now);
		print_field_time("expires", a->expires, now);
		print_field_findings(a->findings);
	}
	if (a->why.status != STS_OK)
		print_field("because", "%s: %s", a->why.word, a->why.text);
}

static int
print_json(const char *asked, const struct answer *a)
{
	struct object o = object_new();

	object_text(&o, "asked", asked);
	if (a->domain[0] != '\0')
		object_text(&o, "domain", a->domain);
	object_text(&o, "mode", answer_mode_name(a));
	object_text(&o, "status", answer_status_name(a->status));
	if (has_policy(a)) {
		object_text(&o, "id", a->id);
		object_number(&o, "max_age", a->max_age);
		object_time(&o, "fetched_at", a->fetched_at);
		object_time(&o, "expires", a->expires);
		object_mx(&o, mx_of(a));
		object_findings(&o, a->findings);
	}
	if (a->why.status != STS_OK) {
		object_text(&o, "reason", a->why.word);
		object_text(&o, "error", a->why.text);
	}
	return object_print(&o);
}

static int
exit_code(const struct answer *a)
{
	if (a->status == ANSWER_NOTADOMAIN)
		return EXIT_NEGATIVE;
	if (!a->tempfail)
		return EXIT_DONE;
	/* dns_failure = defer: the trouble is not ours. */
	if (strcmp(a->why.word, "dns") == 0)
		return EXIT_NEGATIVE;
	return EXIT_TROUBLE;
}

int
cmd_query(struct tool *t, int argc, char *const argv[])
{
	bool live = tool_has(t, OPT_NO_CACHE);
	unsigned flags = live ? LOOKUP_NO_CACHE : LOOKUP_PLAIN;
	int code = EXIT_DONE;

	if (live ? !tool_open(t) : !tool_open_cache(t))
		return EXIT_TROUBLE;
	for (int i = 0; i < argc; i++) {
		const struct answer *a =
		    lookup_domain(t->lookup, argv[i], flags);

		if (tool_has(t, OPT_JSON))
			code = tool_worse(code, print_json(argv[i], a));
		else
			print_plain(argv[i], a);
		/* The next look-up may take a while. */
		(void)fflush(stdout);
		code = tool_worse(code, exit_code(a));
	}
	return code;
}
