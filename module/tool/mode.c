/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mode.c - `mta-sts mode DOMAIN`: one word, for ${run}. */
#include "commands.h"
#include "quiet.h"

int
cmd_mode(struct tool *t, int argc, char *const argv[])
{
	const struct answer *a;

	if (argc != 1 || !tool_open(t)) {
		quiet_answer("tempfail");
		return EXIT_DONE;
	}
	quiet_limit(tool_time_limit(t), "tempfail\n");
	a = lookup_domain(t->lookup, argv[0], LOOKUP_PLAIN);
	quiet_answer(answer_mode_name(a));
	return EXIT_DONE;
}
