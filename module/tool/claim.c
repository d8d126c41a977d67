/* SPDX-License-Identifier: GPL-2.0-or-later */
/* claim.c - `mta-sts claim`: Exim asks whether a mail with a report is the
 * first one with that report (outbox.h). */
#include <string.h>
#include <syslog.h>
#include "../report/outbox.h"
#include "commands.h"
#include "quiet.h"

#define LIMIT 10 /* seconds */

int
cmd_claim(struct tool *t, int argc, char *const argv[])
{
	static const char *const words[] = {
		[CLAIM_FIRST] = "first",
		[CLAIM_AGAIN] = "again",
		[CLAIM_UNKNOWN] = "unknown",
	};
	enum outbox_claim claim = CLAIM_UNKNOWN;
	struct sts_error err;

	quiet_limit(LIMIT, "unknown\n");
	if (argc == 2 && tool_open(t)) {
		claim = outbox_claim(t->config.cache_dir, argv[0], argv[1],
		    &err);
		if (claim == CLAIM_UNKNOWN)
			syslog(LOG_WARNING, "MTA-STS: claim: %s (%s)",
			    err.text, err.word);
	}
	quiet_answer(words[claim]);
	return EXIT_DONE;
}
