/* SPDX-License-Identifier: GPL-2.0-or-later */
/* include.c - put marked .include lines into the text of an Exim
 * configuration, and take them out again to the byte. */
#include "include.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIRST_MARK "# >>> mta-sts setup; taken out by: mta-sts setup --undo\n"
#define LAST_MARK "# <<< mta-sts setup\n"

static bool
begins(const char *p, const char *with)
{
	return strncmp(p, with, strlen(with)) == 0;
}

static const char *
next_line(const char *p)
{
	const char *end = strchr(p, '\n');

	return end != NULL ? end + 1 : p + strlen(p);
}

static const char *
skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

unsigned
include_line(const char *text, const char *at)
{
	unsigned n = 1;

	for (; text < at; text++)
		n += *text == '\n';
	return n;
}

static void
no_memory(struct sts_error *err)
{
	(void)error_set(err, STS_NOMEM, "memory", "out of memory");
}

/* --- out ----------------------------------------------------------------- */

/* The line after a block, or NULL when that is not what we wrote. */
static const char *
end_of_block(const char *p)
{
	p = next_line(p);
	if (!begins(p, ".include /"))
		return NULL;
	p = next_line(p);
	return begins(p, LAST_MARK) ? next_line(p) : NULL;
}

static bool
copy_without(const char *text, FILE *out, struct sts_error *err)
{
	const char *next;

	for (const char *p = text; *p != '\0'; p = next) {
		next = begins(p, FIRST_MARK) ? end_of_block(p) : next_line(p);
		if (next == NULL || begins(p, LAST_MARK)) {
			(void)error_set(err, STS_DAMAGED, "setup",
			    "line %u: somebody has changed what mta-sts setup "
			    "put here; please remove it by hand",
			    include_line(text, p));
			return false;
		}
		if (!begins(p, FIRST_MARK))
			(void)fwrite(p, 1, (size_t)(next - p), out);
	}
	return true;
}

char *
include_strip(const char *text, struct sts_error *err)
{
	char *bare = NULL;
	size_t len;
	FILE *out = open_memstream(&bare, &len);
	bool good;

	if (out == NULL) {
		no_memory(err);
		return NULL;
	}
	good = copy_without(text, out, err);
	if (fclose(out) != 0 && good) {
		no_memory(err);
		good = false;
	}
	if (good)
		return bare;
	free(bare);
	return NULL;
}

/* --- in ------------------------------------------------------------------ */

static void
put_block(FILE *out, const char *file)
{
	(void)fprintf(out, FIRST_MARK ".include %s/%s\n" LAST_MARK,
	    MTA_STS_ETC, file);
}

char *
include_put(const char *text, const struct include_places *places)
{
	char *with = NULL;
	size_t len;
	FILE *out = open_memstream(&with, &len);

	if (out == NULL)
		return NULL;
	for (unsigned i = 0; i < places->n; i++) {
		const struct include_place *p = &places->place[i];

		(void)fwrite(text, 1, (size_t)(p->at - text), out);
		put_block(out, p->file);
		text = p->at;
	}
	(void)fputs(text, out);
	if (fclose(out) == 0)
		return with;
	free(with);
	return NULL;
}

/* --- where: what Debian's template says itself --------------------------- */

/* The order of files is that of conf.d, and exim-conf/debian says why. */
static const struct {
	const char *after; /* the file of conf.d that ends there */
	const char *file;
} debian[INCLUDE_MAX] = {
	{ "main/01_exim4-config_listmacrosdefs", "debian/main" },
	{ "acl/20_exim4-config_local_deny_exceptions", "debian/acl" },
	{ "router/150_exim4-config_hubbed_hosts", "debian/routers" },
	{ "transport/10_exim4-config_transport-macros", "debian/transports" },
	{ "retry/00_exim4-config_header", "debian/retry" },
};

/* "### end NAME" with the line of ### above it. */
static const char *
find_end_of(const char *text, const char *name)
{
	const char *before = text;

	for (const char *p = text; *p != '\0'; before = p, p = next_line(p)) {
		const char *rest = p + strlen("### end ");

		if (!begins(p, "### end ") || !begins(rest, name) ||
		    rest[strlen(name)] != '\n')
			continue;
		return before[strspn(before, "#")] == '\n' && *before == '#'
		    ? before
		    : p;
	}
	return NULL;
}

static bool
find_debian(const char *text, struct include_places *places,
    struct sts_error *err)
{
	for (unsigned i = 0; i < INCLUDE_MAX; i++) {
		const char *at = find_end_of(text, debian[i].after);

		if (at == NULL) {
			(void)error_set(err, STS_MISS, "setup",
			    "no line \"### end %s\", as Debian's template has "
			    "it",
			    debian[i].after);
			return false;
		}
		places->place[i] =
		    (struct include_place){ at, debian[i].file };
	}
	places->n = INCLUDE_MAX;
	return true;
}

/* --- where: in any configuration ----------------------------------------- */

struct plan {
	const char *main; /* the first "begin" */
	const char *routers; /* the section */
	const char *router; /* the one that comes by last */
	const char *dnslookup; /* the first that uses MX records */
	const char *transports; /* the section's first line */
	const char *retry; /* the same; a site may do without this section */
	bool in_routers;
};

/* "begin NAME", in any case, as Exim takes it: the name, or NULL. */
static const char *
section_at(const char *p)
{
	size_t n = strlen("begin");

	if (strncasecmp(p, "begin", n) != 0 || (p[n] != ' ' && p[n] != '\t'))
		return NULL;
	return skip_blanks(p + n);
}

static bool
is_word(const char *p, const char *word)
{
	size_t n = strlen(word);

	return strncasecmp(p, word, n) == 0 && !isalnum((unsigned char)p[n]);
}

/* "name:" */
static bool
is_head(const char *p)
{
	const char *end = p;

	while (isalnum((unsigned char)*end) || *end == '_' || *end == '-')
		end++;
	return end > p && *skip_blanks(end) == ':';
}

static bool
is_dnslookup(const char *p)
{
	if (!begins(p, "driver"))
		return false;
	p = skip_blanks(p + strlen("driver"));
	if (*p != '=')
		return false;
	p = skip_blanks(p + 1);
	return begins(p, "dnslookup") &&
	    !isalnum((unsigned char)p[strlen("dnslookup")]);
}

static void
take_section(struct plan *plan, const char *line, const char *name)
{
	if (plan->main == NULL)
		plan->main = line;
	plan->in_routers = is_word(name, "routers");
	if (plan->in_routers)
		plan->routers = line;
	if (is_word(name, "transports"))
		plan->transports = next_line(line);
	if (is_word(name, "retry"))
		plan->retry = next_line(line);
}

static void
take_line(struct plan *plan, const char *line)
{
	const char *p = skip_blanks(line);
	const char *name = section_at(p);

	if (name != NULL)
		take_section(plan, line, name);
	else if (plan->in_routers && is_head(p))
		plan->router = line;
	else if (plan->in_routers && plan->dnslookup == NULL &&
	    is_dnslookup(p))
		plan->dnslookup = plan->router;
}

/* Whether the line goes on in the next. */
static bool
goes_on(const char *line, const char *next)
{
	while (next > line && isspace((unsigned char)next[-1]))
		next--;
	return next > line && next[-1] == '\\';
}

static void
read_plan(const char *text, struct plan *plan)
{
	const char *next;
	bool within = false;

	for (const char *p = text; *p != '\0'; p = next) {
		const char *first = skip_blanks(p);

		next = next_line(p);
		/* A comment between the lines of a value does not end it. */
		if (*first == '#')
			continue;
		if (!within)
			take_line(plan, p);
		within = goes_on(p, next);
	}
}

static const char *
lack_of(const struct plan *plan)
{
	if (plan->routers == NULL)
		return "no line \"begin routers\"";
	if (plan->dnslookup == NULL)
		return "no router with \"driver = dnslookup\" after \"begin "
		       "routers\"";
	if (plan->transports == NULL)
		return "no line \"begin transports\"";
	/* A block cannot follow a line that has no end. */
	if (plan->transports[0] == '\0')
		return "nothing after \"begin transports\"";
	if (plan->retry != NULL && plan->retry[-1] != '\n')
		return "no end of the line \"begin retry\"";
	return NULL;
}

/* In the order of the text. */
static void
add_place(struct include_places *places, const char *at, const char *file)
{
	unsigned i = places->n++;

	for (; i > 0 && places->place[i - 1].at > at; i--)
		places->place[i] = places->place[i - 1];
	places->place[i] = (struct include_place){ at, file };
}

static bool
find_plain(const char *text, struct include_places *places,
    struct sts_error *err)
{
	struct plan plan = { 0 };
	const char *lack;

	read_plan(text, &plan);
	lack = lack_of(&plan);
	if (lack != NULL) {
		(void)error_set(err, STS_MISS, "setup", "%s", lack);
		return false;
	}
	add_place(places, plan.main, "mta-sts.main");
	add_place(places, plan.dnslookup, "mta-sts.routers");
	add_place(places, plan.transports, "mta-sts.transports");
	if (plan.retry != NULL)
		add_place(places, plan.retry, "mta-sts.retry");
	return true;
}

/* Two of a router would be an error that is hard to understand. */
static bool
is_by_hand(const char *text, struct sts_error *err)
{
	for (const char *p = text; *p != '\0'; p = next_line(p)) {
		const char *first = skip_blanks(p);
		size_t len = (size_t)(next_line(p) - first);

		if (!begins(first, ".include") ||
		    memmem(first, len, "mta-sts", strlen("mta-sts")) == NULL)
			continue;
		(void)error_set(err, STS_DAMAGED, "setup",
		    "line %u: a file of exim-mta-sts is included already, and "
		    "not by this command; please remove such lines first",
		    include_line(text, p));
		return true;
	}
	return false;
}

bool
include_find(const char *text, enum include_style style,
    struct include_places *places, struct sts_error *err)
{
	places->n = 0;
	if (is_by_hand(text, err))
		return false;
	return style == INCLUDE_DEBIAN ? find_debian(text, places, err)
				       : find_plain(text, places, err);
}
