/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event.c - `mta-sts event` with the arguments of mta_sts_event, for ${run}. */
#include "../lookup/event.h"
#include <string.h>
#include "commands.h"
#include "quiet.h"

int
cmd_event(struct tool *t, int argc, char *const argv[])
{
	const char *args[EVENT_ARGS];

	if (argc != EVENT_ARGS || !tool_open(t))
		return EXIT_DONE;
	memcpy(args, argv, sizeof args);
	quiet_limit(tool_time_limit(t), "");
	event_handle(t->lookup, argc, args);
	return EXIT_DONE;
}
