/* SPDX-License-Identifier: GPL-2.0-or-later */
/* except.c - `mta-sts except`: show the administrator's exceptions, and make,
 * change and remove one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../lookup/exceptions.h"
#include "../protocol/text.h"
#include "commands.h"
#include "print.h"
#include "rewrite.h"

#define LINE_ROOM 4096u
#define YEARS_10 (INT64_C(3660) * 86400) /* seconds; longer is a mistake */

/* --- showing ------------------------------------------------------------- */

struct look {
	const char *path;
	int code;
};

static void
complain(void *arg, unsigned line, const char *text)
{
	struct look *l = arg;

	if (line > 0)
		tool_say("%s line %u: %s", l->path, line, text);
	else
		tool_say("%s: %s", l->path, text);
	l->code = tool_worse(l->code, line > 0 ? EXIT_NEGATIVE : EXIT_TROUBLE);
}

static struct bytes
mx_of(const struct exception *e)
{
	struct bytes mx = { e->mx, strlen(e->mx) };

	return mx;
}

static int
print_one(const struct tool *t, const struct exception *e, int64_t now)
{
	bool over = e->until != 0 && now >= e->until;
	struct object o;

	if (!tool_has(t, OPT_JSON)) {
		(void)printf("%s: %s%s\n", e->name, exception_name(e->kind),
		    over ? " (over: counts for nothing)" : "");
		print_field_mx(mx_of(e));
		print_field_time("until", e->until, now);
		if (e->why[0] != '\0')
			print_field("why", "%s", e->why);
		return EXIT_DONE;
	}
	o = object_new();
	object_text(&o, "name", e->name);
	object_text(&o, "action", exception_name(e->kind));
	if (e->mx[0] != '\0')
		object_mx(&o, mx_of(e));
	object_time(&o, "until", e->until);
	if (e->why[0] != '\0')
		object_text(&o, "why", e->why);
	object_bool(&o, "over", over);
	object_number(&o, "line", e->line);
	return object_print(&o);
}

static int
list(const struct tool *t, const struct exceptions *x)
{
	const struct exception *e;
	int code = EXIT_DONE;

	for (size_t i = 0; (e = exceptions_at(x, i)) != NULL; i++)
		code = tool_worse(code, print_one(t, e, time(NULL)));
	return code;
}

/* The line that counts for a domain, or the line of a .suffix. */
static int
show(const struct tool *t, const struct exceptions *x, const char *asked)
{
	char name[STS_DOMAIN_MAX + 2];
	const struct exception *e = NULL;

	if (!exception_target(asked, name))
		return tool_usage(t, "not a domain or .suffix");
	if (name[0] != '.')
		e = exceptions_find(x, name, time(NULL));
	else
		for (size_t i = 0; (e = exceptions_at(x, i)) != NULL; i++)
			if (strcmp(e->name, name) == 0)
				break;
	if (e != NULL)
		return print_one(t, e, time(NULL));
	tool_say("%s: no exception", name);
	return EXIT_NEGATIVE;
}

static int
look(const struct tool *t, const char *asked)
{
	struct look l = { t->config.exceptions, EXIT_DONE };
	struct exceptions *x = exceptions_load(l.path, complain, &l, NULL);
	int code;

	if (x == NULL) {
		tool_say("out of memory");
		return EXIT_TROUBLE;
	}
	code = asked == NULL ? list(t, x) : show(t, x, asked);
	exceptions_free(x);
	return tool_worse(code, l.code);
}

/* --- a line from arguments ----------------------------------------------- */

/* "+7d", "+12h" from now, as the second when it ends. */
static bool
read_span(const char *s, int64_t *seconds)
{
	static const struct {
		char name;
		int64_t seconds;
	} units[] = { { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 },
		{ 'w', INT64_C(7) * 86400 } };
	int64_t n = 0;

	if (!ascii_is_digit(*s))
		return false;
	for (; ascii_is_digit(*s); s++) {
		n = n * 10 + (*s - '0');
		if (n > YEARS_10)
			return false;
	}
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (*s == units[i].name && s[1] == '\0') {
			*seconds = n * units[i].seconds;
			return *seconds > 0 && *seconds <= YEARS_10;
		}
	return false;
}

/* until=... as the file has it. */
static bool
add_until(struct text *t, const char *value)
{
	char iso[PRINT_ISO_MAX];
	int64_t now = time(NULL), span;
	time_t until;

	if (value[0] == '+') {
		if (!read_span(value + 1, &span)) {
			tool_say("--until: not a time such as +12h, +7d");
			return false;
		}
		print_iso(now + span, iso);
		text_addf(t, " until=%s", iso);
		return true;
	}
	if (!exception_date(value, &until)) {
		tool_say("--until: not a time such as +7d, 2027-01-31 or "
			 "2027-01-31T12:00:00Z");
		return false;
	}
	if (until <= now) {
		tool_say("--until: that time is over");
		return false;
	}
	text_addf(t, " until=%s", value);
	return true;
}

/* The line for the file, tried on its reader.  False, with a message, when it
 * would be broken. */
static bool
make_line(const struct tool *t, int argc, char *const argv[],
    const char *name, char line[LINE_ROOM])
{
	struct exception e;
	char mx[LINE_ROOM];
	char why[128];
	struct text s;

	text_init(&s, line, LINE_ROOM);
	text_add(&s, name);
	for (int i = 1; i < argc; i++)
		text_addf(&s, " %s", argv[i]);
	if (tool_has(t, OPT_UNTIL) && !add_until(&s, t->option[OPT_UNTIL]))
		return false;
	if (tool_has(t, OPT_WHY)) {
		if (strchr(t->option[OPT_WHY], '"') != NULL) {
			tool_say("--why: no double quotes");
			return false;
		}
		text_addf(&s, " why=\"%s\"", t->option[OPT_WHY]);
	}
	if (s.full) {
		tool_say("the line would be too long");
		return false;
	}
	if (exception_parse(line, &e, mx, why))
		return true;
	tool_say("%s", why);
	return false;
}

/* --- the file ------------------------------------------------------------ */

struct change {
	const char *name;
	const char *line; /* NULL: remove */
	unsigned found; /* lines that were name's */
	bool cut_off; /* the last line has no end */
};

/* Whether it is a line, sound or broken, of the name. */
static bool
is_about(const char *line, size_t len, const char *name)
{
	char found[STS_DOMAIN_MAX + 2];
	char copy[LINE_ROOM];
	const char *p;

	if (len >= sizeof copy)
		return false;
	memcpy(copy, line, len);
	copy[len] = '\0';
	p = exception_content(copy, strlen(copy));
	if (p == NULL)
		return false;
	copy[(size_t)(p - copy) + strcspn(p, " \t")] = '\0';
	return exception_target(p, found) && strcmp(found, name) == 0;
}

/* All lines as they are, but for those of the name: the new line stands where
 * the first of them stood, or at the end. */
static bool
copy_lines(struct rewrite *r, struct change *c)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	bool good = true;

	while (good && (len = getline(&line, &cap, r->in)) >= 0) {
		if (is_about(line, (size_t)len, c->name)) {
			if (c->found++ == 0 && c->line != NULL)
				good = fprintf(r->out, "%s\n", c->line) > 0;
			continue;
		}
		good = fwrite(line, 1, (size_t)len, r->out) == (size_t)len;
		c->cut_off = line[len - 1] != '\n';
	}
	free(line);
	return good && feof(r->in);
}

static bool
write_all(struct rewrite *r, struct change *c)
{
	if (r->in != NULL && !copy_lines(r, c))
		return false;
	if (c->line == NULL || c->found > 0)
		return true;
	return fprintf(r->out, "%s%s\n", c->cut_off ? "\n" : "", c->line) > 0;
}

static int
tell(const struct tool *t, const struct change *c)
{
	struct object o;

	if (!tool_has(t, OPT_JSON)) {
		if (c->line != NULL)
			(void)printf("%s\n", c->line);
		else
			(void)printf("%s: removed\n", c->name);
		return EXIT_DONE;
	}
	o = object_new();
	object_text(&o, "name", c->name);
	if (c->line != NULL)
		object_text(&o, "line", c->line);
	object_number(&o, "replaced", c->found);
	return object_print(&o);
}

static int
change(const struct tool *t, struct change *c)
{
	enum sts_status status;
	struct sts_error err;
	struct rewrite r;

	status = rewrite_begin(t->config.exceptions, &r, &err);
	if (status == STS_OK && !write_all(&r, c))
		status = error_set(&err, STS_SYSTEM, "write",
		    "%s cannot be written anew: %s", t->config.exceptions,
		    strerror(errno));
	if (status == STS_OK && (c->line != NULL || c->found > 0))
		status = rewrite_commit(&r, &err);
	rewrite_end(&r);
	if (status != STS_OK) {
		tool_say("%s", err.text);
		return EXIT_TROUBLE;
	}
	if (c->line == NULL && c->found == 0) {
		tool_say("%s: no exception", c->name);
		return EXIT_NEGATIVE;
	}
	return tell(t, c);
}

int
cmd_except(struct tool *t, int argc, char *const argv[])
{
	bool removes = tool_has(t, OPT_REMOVE);
	bool has_terms = tool_has(t, OPT_UNTIL) || tool_has(t, OPT_WHY);
	char name[STS_DOMAIN_MAX + 2];
	char line[LINE_ROOM];
	struct change c = { .name = name };

	if (removes ? argc != 1 || has_terms : argc < 2 && has_terms)
		return tool_usage(t,
		    removes ? "--remove takes a domain and nothing else"
			    : "say a domain and what to do with it");
	if (!tool_open(t))
		return EXIT_TROUBLE;
	if (t->config.exceptions[0] == '\0') {
		tool_say("there is no file of exceptions");
		return EXIT_NEGATIVE;
	}
	if (argc < 2 && !removes)
		return look(t, argc == 0 ? NULL : argv[0]);
	if (!exception_target(argv[0], name))
		return tool_usage(t, "not a domain or .suffix");
	if (!removes && !make_line(t, argc, argv, name, line))
		return EXIT_USAGE;
	c.line = removes ? NULL : line;
	return change(t, &c);
}
