/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lookup.c - `mta-sts lookup DOMAIN`: the line of mta_sts_lookup, for Exim's
 * ${run}. */
#include "commands.h"
#include "quiet.h"

#define FAILED(reason) "mode=tempfail status=error reason=" reason

int
cmd_lookup(struct tool *t, int argc, char *const argv[])
{
	if (argc != 1) {
		quiet_answer(FAILED("usage"));
		return EXIT_DONE;
	}
	if (!tool_open(t)) {
		quiet_answer(FAILED("config"));
		return EXIT_DONE;
	}
	quiet_limit(tool_time_limit(t), FAILED("timeout") "\n");
	quiet_answer(lookup_domain(t->lookup, argv[0], LOOKUP_PLAIN)->line);
	return EXIT_DONE;
}
