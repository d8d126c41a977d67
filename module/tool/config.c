/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.c - `mta-sts config`: what mta-sts.conf comes to, and what is wrong
 * with it and with the exceptions. */
#include "../lookup/exceptions.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "commands.h"
#include "print.h"

struct shown {
	const char *path;
	const char *wrong; /* the file that note_problem() is about */
	bool json;
	struct object values;
	json_t *errors;
	bool failed; /* no memory for an error */
};

static void
note_problem(void *arg, unsigned line, const char *text)
{
	struct shown *s = arg;
	struct object o;

	if (!s->json && line > 0)
		tool_say("%s line %u: %s", s->wrong, line, text);
	else if (!s->json && s->wrong != s->path)
		tool_say("%s: %s", s->wrong, text);
	else if (!s->json)
		tool_say("%s", text);
	if (!s->json)
		return;
	o = object_new();
	object_text(&o, "file", s->wrong);
	if (line > 0)
		object_number(&o, "line", line);
	object_text(&o, "error", text);
	if (o.failed || json_array_append_new(s->errors, o.json) != 0)
		s->failed = true;
}

static void
show(void *arg, const char *key, const char *value, bool set)
{
	struct shown *s = arg;
	struct object o;

	if (!s->json) {
		(void)printf("%-24s %-30s %s\n", key,
		    value[0] != '\0' ? value : "(none)",
		    set ? s->path : "default");
		return;
	}
	o = object_new();
	object_text(&o, "value", value);
	object_text(&o, "origin", set ? "file" : "default");
	s->values.failed |= o.failed;
	object_add(&s->values, key, o.json);
}

static int
print_json(struct shown *s, bool exists, unsigned problems)
{
	struct object o = object_new();

	object_text(&o, "file", s->path);
	object_bool(&o, "exists", exists);
	object_bool(&o, "valid", problems == 0);
	o.failed |= s->values.failed || s->failed;
	object_add(&o, "values", s->values.json);
	object_add(&o, "errors", s->errors);
	return object_print(&o);
}

/* The exceptions count as a part of the configuration. */
static unsigned
check_exceptions(struct shown *s, const char *path)
{
	unsigned problems = 0;
	struct exceptions *x;

	s->wrong = path;
	x = exceptions_load(path, note_problem, s, &problems);
	if (x == NULL) {
		note_problem(s, 0, "out of memory");
		problems++;
	}
	exceptions_free(x);
	return problems;
}

int
cmd_config(struct tool *t, int argc, char *const argv[])
{
	struct shown s = { .path = t->config_path,
		.wrong = t->config_path,
		.json = tool_has(t, OPT_JSON) };
	bool exists = access(s.path, F_OK) == 0;
	unsigned problems;
	int code = EXIT_DONE;

	(void)argc;
	(void)argv;
	if (s.json) {
		s.values = object_new();
		s.errors = json_array();
	}
	problems = config_load(s.path, &t->config, note_problem, &s);
	if (!exists && tool_has(t, OPT_CONFIG)) {
		problems++;
		note_problem(&s, 0, "there is no such file");
	}
	config_show(&t->config, show, &s);
	problems += check_exceptions(&s, t->config.exceptions);
	if (s.json)
		code = print_json(&s, exists, problems);
	return problems == 0 ? code : tool_worse(code, EXIT_NEGATIVE);
}
