/* SPDX-License-Identifier: GPL-2.0-or-later */
/* version.c - `mta-sts version`. */
#include <stdio.h>
#include "commands.h"
#include "print.h"

int
cmd_version(struct tool *t, int argc, char *const argv[])
{
	struct object o;

	(void)argc;
	(void)argv;
	if (!tool_has(t, OPT_JSON)) {
		(void)puts("exim-mta-sts " MTA_STS_VERSION);
		return EXIT_DONE;
	}
	o = object_new();
	object_text(&o, "version", MTA_STS_VERSION);
	return object_print(&o);
}
