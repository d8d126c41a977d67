/* SPDX-License-Identifier: GPL-2.0-or-later */
/* history.c - `mta-sts history DOMAIN`: the last policies of a domain. */
#include "../store/history.h"
#include <stdio.h>
#include <time.h>
#include "commands.h"
#include "print.h"

struct shown {
	const char *domain;
	bool json;
	int64_t now;
	int code;
};

static void
show(void *arg, const struct history_item *item)
{
	struct shown *s = arg;
	struct object o;

	if (!s->json) {
		(void)printf("%s: %s\n", s->domain, mode_name(item->mode));
		print_field("id", "%s", item->id);
		print_field_mx(item->mx);
		print_field_max_age(item->max_age);
		print_field_time("fetched", item->fetched_at, s->now);
		return;
	}
	o = object_new();
	object_text(&o, "domain", s->domain);
	object_text(&o, "mode", mode_name(item->mode));
	object_text(&o, "id", item->id);
	object_number(&o, "max_age", item->max_age);
	object_time(&o, "fetched_at", item->fetched_at);
	object_mx(&o, item->mx);
	s->code = tool_worse(s->code, object_print(&o));
}

int
cmd_history(struct tool *t, int argc, char *const argv[])
{
	char domain[STS_DOMAIN_MAX + 1];
	struct shown s = { .domain = domain,
		.json = tool_has(t, OPT_JSON),
		.now = time(NULL),
		.code = EXIT_DONE };
	struct sts_error err;
	enum sts_status status;

	(void)argc;
	if (!tool_open(t))
		return EXIT_TROUBLE;
	if (!tool_domain(argv[0], domain))
		return EXIT_NEGATIVE;
	status =
	    history_each(lookup_history(t->lookup), domain, show, &s, &err);
	if (status == STS_MISS) {
		tool_say("%s: no policy known", domain);
		return EXIT_NEGATIVE;
	}
	return status == STS_OK ? s.code : tool_trouble(t, &err);
}
