/* SPDX-License-Identifier: GPL-2.0-or-later */
/* export.c - `mta-sts export`: the policies in force, for another host. */
#include <inttypes.h>
#include <stdio.h>
#include "../store/cache.h"
#include "commands.h"
#include "dump.h"
#include "print.h"

struct export
{
	int64_t now;
	int code;
	uint64_t left_out;
};

static int
print_head(int64_t now)
{
	struct object o = object_new();

	object_text(&o, "format", DUMP_FORMAT);
	object_number(&o, "version", DUMP_VERSION);
	object_time(&o, "exported_at", now);
	object_text(&o, "program", "exim-mta-sts " MTA_STS_VERSION);
	return object_print(&o);
}

static bool
print_policy(void *arg, const char *domain, enum sts_status st,
    const struct entry *e)
{
	struct export *x = arg;
	struct object o;

	if (st != STS_OK || e->kind != ENTRY_POLICY) {
		x->left_out++;
		return true;
	}
	if (x->now >= entry_expires(e))
		return true;
	o = object_new();
	object_text(&o, "domain", domain);
	object_text(&o, "mode", mode_name(e->mode));
	object_text(&o, "id", e->id);
	object_number(&o, "max_age", e->max_age);
	object_time(&o, "fetched_at", e->fetched_at);
	object_time(&o, "expires", entry_expires(e));
	object_mx(&o, e->mx);
	/* A text that was accepted is UTF-8, and so comes out as it is. */
	object_add(&o, "text", json_text(e->body.p, e->body.len));
	x->code = tool_worse(x->code, object_print(&o));
	return x->code == EXIT_DONE && !ferror(stdout);
}

int
cmd_export(struct tool *t, int argc, char *const argv[])
{
	struct export x = { .now = time(NULL) };
	struct sts_error err;

	(void)argc;
	(void)argv;
	if (!tool_open(t))
		return EXIT_TROUBLE;
	x.code = print_head(x.now);
	if (cache_walk(tool_cache(t), false, print_policy, &x, &err) != STS_OK)
		return tool_trouble(t, &err);
	if (x.left_out > 0)
		tool_say("%" PRIu64 " damaged entries left out", x.left_out);
	return x.code;
}
