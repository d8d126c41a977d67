/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_mx.c - `mta-sts check-mx HOST PATTERN...`: would a policy with these
 * mx patterns permit HOST? */
#include <stdio.h>
#include "../protocol/match.h"
#include "commands.h"
#include "print.h"

static int
print_json(const char *host, const char *pattern)
{
	struct object o = object_new();

	object_text(&o, "host", host);
	object_bool(&o, "match", pattern != NULL);
	if (pattern != NULL)
		object_text(&o, "pattern", pattern);
	return object_print(&o);
}

int
cmd_check_mx(struct tool *t, int argc, char *const argv[])
{
	const char *pattern = NULL; /* the first that matches */
	int code = EXIT_DONE;

	for (int i = 1; i < argc && pattern == NULL; i++)
		if (match_pattern(argv[i], argv[0]))
			pattern = argv[i];
	if (tool_has(t, OPT_JSON))
		code = print_json(argv[0], pattern);
	else
		(void)puts(pattern != NULL ? "match" : "mismatch");
	return pattern != NULL ? code : tool_worse(code, EXIT_NEGATIVE);
}
