/* SPDX-License-Identifier: GPL-2.0-or-later */
/* match.c - `mta-sts match DOMAIN HOST`: may mail for DOMAIN go to HOST? */
#include <stdio.h>
#include <string.h>
#include "commands.h"
#include "print.h"

static int
print_json(const char *host, const struct answer *a)
{
	struct object o = object_new();

	if (a->domain[0] != '\0')
		object_text(&o, "domain", a->domain);
	object_text(&o, "host", host);
	object_text(&o, "result", answer_match(a, host));
	object_text(&o, "mode", answer_mode_name(a));
	object_text(&o, "status", answer_status_name(a->status));
	return object_print(&o);
}

int
cmd_match(struct tool *t, int argc, char *const argv[])
{
	const struct answer *a;
	int code = EXIT_DONE;

	(void)argc;
	if (!tool_open_cache(t))
		return EXIT_TROUBLE;
	a = lookup_domain(t->lookup, argv[0], LOOKUP_PLAIN);
	if (tool_has(t, OPT_JSON))
		code = print_json(argv[1], a);
	else
		(void)puts(answer_match(a, argv[1]));
	if (a->tempfail)
		return tool_trouble(t, &a->why);
	if (strcmp(answer_match(a, argv[1]), "match") != 0)
		return tool_worse(code, EXIT_NEGATIVE);
	return code;
}
