/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status.c - `mta-sts status`: how it all stands. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "../lookup/exceptions.h"
#include "../store/cache.h"
#include "../store/owner.h"
#include "commands.h"
#include "standing.h"
#include "tally.h"

#define ENDING 259200 /* seconds: three days */

int64_t
standing_number(const struct standing *s, const char *key)
{
	return json_integer_value(json_object_get(s->refresh, key));
}

/* When the file was written; 0: there is none. */
static int64_t
written_at(const char *dir, const char *name)
{
	char path[CONFIG_PATH_MAX + 64];
	struct stat st;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	return lstat(path, &st) == 0 ? st.st_mtime : 0;
}

static void
look_at_cache(struct tool *t, struct standing *s)
{
	const char *dir = t->config.cache_dir;
	struct cache *c = tool_cache(t);

	s->check = STS_WAIT;
	if (survey_take(t, &s->survey, &s->trouble) == STS_OK)
		s->trouble.status = STS_OK;
	else
		s->lacks_permission = tool_lacks_permission(t);
	if (s->trouble.status != STS_OK)
		return;
	if (tool_has(t, OPT_CHECK_FILE))
		s->check = cache_check(c, NULL);
	s->bytes = cache_size(c, false);
	s->absent_bytes = cache_size(c, true);
	s->saved_at = written_at(dir, "policies.tdb.1");
	s->set_aside = written_at(dir, "policies.tdb.damaged") != 0;
	s->refresh = tally_load(dir, &s->refreshed_at);
}

static void
note_ending(struct standing *s, const struct exception *x)
{
	struct ending *e = &s->ends[s->ending];

	if (s->ending++ >= EXCEPTIONS_SHOWN)
		return;
	memcpy(e->name, x->name, sizeof e->name);
	e->until = x->until;
}

static void
look_at_exceptions(const struct tool *t, struct standing *s)
{
	const struct exception *x;
	struct exceptions *all = exceptions_load(t->config.exceptions, NULL,
	    NULL, &s->exception_errors);

	for (size_t i = 0;
	     all != NULL && (x = exceptions_at(all, i)) != NULL; i++) {
		if (x->until != 0 && x->until <= s->survey.now)
			continue;
		s->exceptions++;
		if (x->until != 0 && x->until - s->survey.now < ENDING)
			note_ending(s, x);
	}
	exceptions_free(all);
}

/* What is wrong was told by tool_open() in words. */
static void
look_at_config(const struct tool *t, struct standing *s)
{
	struct config c;

	s->config_errors = config_load(t->config_path, &c, NULL, NULL);
}

static int
tell(struct tool *t, const struct standing *s)
{
	if (tool_has(t, OPT_CHECK))
		return standing_check(s);
	if (s->trouble.status != STS_OK && !tool_has(t, OPT_PROMETHEUS)) {
		int code = tool_has(t, OPT_JSON) ? standing_json(s)
						 : EXIT_DONE;

		return tool_worse(code, tool_trouble(t, &s->trouble));
	}
	if (tool_has(t, OPT_PROMETHEUS))
		return standing_prometheus(s);
	return tool_has(t, OPT_JSON) ? standing_json(s) : standing_print(s);
}

int
cmd_status(struct tool *t, int argc, char *const argv[])
{
	static struct standing s;
	int code;

	(void)argc;
	(void)argv;
	if (tool_has(t, OPT_CHECK) + tool_has(t, OPT_PROMETHEUS) +
		tool_has(t, OPT_JSON) >
	    1)
		return tool_usage(t,
		    "--check, --prometheus and --json exclude one another");
	if (!tool_open(t))
		return EXIT_TROUBLE;
	s.tool = t;
	look_at_cache(t, &s);
	look_at_config(t, &s);
	look_at_exceptions(t, &s);
	exim_look(t, &s.exim);
	report_look(t, time(NULL), &s.reports);
	code = tell(t, &s);
	json_decref(s.refresh);
	return code;
}
