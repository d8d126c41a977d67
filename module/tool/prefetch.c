/* SPDX-License-Identifier: GPL-2.0-or-later */
/* prefetch.c - `mta-sts prefetch DOMAIN`: make the cache warm and never wait,
 * for ${run}; with --foreground the work itself. */
#include <string.h>
#include "../store/cache.h"
#include "commands.h"
#include "quiet.h"

#define DAY 86400
#define BACKOFF 300 /* seconds; RFC 8461 3.3 */

/* Whether the cache holds a policy that should be fetched again: over a day
 * old, or half used up, and not tried in vain just now. */
static bool
is_old(struct tool *t, const char *domain)
{
	int64_t now = time(NULL);
	struct entry e;
	int64_t age;

	if (cache_get(tool_cache(t), domain, &e, NULL) != STS_OK ||
	    e.kind != ENTRY_POLICY || now - e.trial.failed_at < BACKOFF)
		return false;
	age = now - e.fetched_at;
	return age > DAY || age > (int64_t)e.max_age / 2;
}

/* RFC 8461 3.3, 10.2: an old policy is fetched again whatever the record
 * says, so that blocking DNS cannot make it run out.  For all else what any
 * look-up does will do: a mail server that prefetches for each recipient must
 * not make as many requests. */
static void
refresh(struct tool *t, const char *domain)
{
	char canonical[STS_DOMAIN_MAX + 1];
	unsigned flags = LOOKUP_PLAIN;

	if (domain_canon(domain, canonical, NULL) != STS_OK)
		return;
	if (is_old(t, canonical))
		flags = LOOKUP_REFETCH;
	quiet_limit(tool_time_limit(t), "");
	(void)lookup_domain(t->lookup, canonical, flags);
}

static void
start(struct tool *t, const char *domain)
{
	char canonical[STS_DOMAIN_MAX + 1];

	if (domain_canon(domain, canonical, NULL) == STS_OK &&
	    lookup_wants_prefetch(t->lookup, canonical))
		tool_background(t, canonical);
}

int
cmd_prefetch(struct tool *t, int argc, char *const argv[])
{
	bool foreground = argc == 2 && strcmp(argv[0], "--foreground") == 0;

	if ((argc != 1 && !foreground) || !tool_open(t))
		return EXIT_DONE;
	if (foreground)
		refresh(t, argv[1]);
	else
		start(t, argv[0]);
	return EXIT_DONE;
}
