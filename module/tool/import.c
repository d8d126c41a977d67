/* SPDX-License-Identifier: GPL-2.0-or-later */
/* import.c - `mta-sts import FILE`: policies that another host trusts.
 *
 * Each line is checked as if it came from a stranger.  It adds a policy or
 * extends one; what is in force here is never weakened or shortened. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../lookup/exceptions.h"
#include "../protocol/text.h"
#include "../store/cache.h"
#include "../store/clock.h"
#include "../store/flight.h"
#include "../store/history.h"
#include "commands.h"
#include "dump.h"
#include "print.h"

/* A policy text of the most bytes, each escaped, and its patterns. */
#define LINE_MAX_BYTES ((size_t)8 * STS_BODY_MAX)
#define WAIT_MS 2000 /* for a fetch that is under way */

struct import {
	struct tool *tool;
	int64_t now;
	uint64_t line;
	uint64_t added, extended, unchanged, skipped;
	int code;
	struct sts_error err; /* of our own; ends it */
};

/* One line, understood. */
struct offer {
	char domain[STS_DOMAIN_MAX + 1];
	struct policy *policy; /* owned */
	struct entry e; /* borrows from policy and json */
	json_t *json; /* owned */
};

/* --- a line -------------------------------------------------------------- */

/* The string under key; NULL when there is none, or it holds a NUL. */
static const char *
text_at(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);
	const char *s = json_string_value(v);

	return s != NULL && strlen(s) == json_string_length(v) ? s : NULL;
}

/* "2026-01-01T00:00:00Z" and no other form. */
static bool
time_at(const json_t *o, const char *key, int64_t *out)
{
	const char *s = text_at(o, key);
	time_t t;

	if (s == NULL || strlen(s) != strlen("2026-01-01T00:00:00Z") ||
	    !exception_date(s, &t))
		return false;
	*out = t;
	return true;
}

/* The record's parser is the judge of an id. */
static bool
take_id(const json_t *o, struct entry *e)
{
	const char *id = text_at(o, "id");
	char record[STS_ID_MAX + 16];
	struct text t;

	if (id == NULL)
		return false;
	text_init(&t, record, sizeof record);
	text_addf(&t, "v=STSv1;id=%s", id);
	return !t.full && record_parse(record, t.len, e->id, NULL) == STS_OK &&
	    strcmp(id, e->id) == 0;
}

/* Whether the array under "mx" holds just these patterns. */
static bool
is_mx(const json_t *o, const char *mx)
{
	const json_t *list = json_object_get(o, "mx");
	struct scan s = scan_over(mx, strlen(mx));
	size_t i;

	if (!json_is_array(list))
		return false;
	for (i = 0; !scan_done(&s); i++) {
		struct bytes want = scan_item(&s);
		const json_t *got = json_array_get(list, i);

		if (json_string_length(got) != want.len ||
		    memcmp(json_string_value(got), want.p, want.len) != 0)
			return false;
	}
	return json_array_size(list) == i;
}

/* What the text says, and that the members beside it say the same. */
static const char *
take_text(struct offer *f)
{
	const json_t *v = json_object_get(f->json, "text");
	const json_t *max_age = json_object_get(f->json, "max_age");
	const char *mode = text_at(f->json, "mode");
	const struct policy *p;

	if (!json_is_string(v) ||
	    policy_parse(json_string_value(v), json_string_length(v),
		&f->policy, NULL) != STS_OK)
		return "its text is no policy";
	p = f->policy;
	if (mode == NULL || strcmp(mode, mode_name(p->mode)) != 0)
		return "its mode is not that of its text";
	if (!json_is_integer(max_age) ||
	    json_integer_value(max_age) != p->max_age)
		return "its max_age is not that of its text";
	if (!is_mx(f->json, p->mx))
		return "its mx is not that of its text";
	f->e.mode = p->mode;
	f->e.max_age = p->max_age;
	f->e.findings = p->findings;
	f->e.mx.p = p->mx;
	f->e.mx.len = strlen(p->mx);
	f->e.body.p = json_string_value(v);
	f->e.body.len = json_string_length(v);
	return NULL;
}

static const char *
take_times(const struct import *m, struct offer *f)
{
	int64_t expires;

	if (!time_at(f->json, "fetched_at", &f->e.fetched_at) ||
	    !time_at(f->json, "expires", &expires))
		return "a time is missing or malformed";
	if (f->e.fetched_at > m->now)
		return "it was fetched in the future";
	/* RFC 8461 3.2: not a second longer than it said then. */
	if (expires != entry_expires(&f->e))
		return "its end is not fetched_at and max_age";
	if (expires <= m->now)
		return "it is past its max_age";
	f->e.kind = ENTRY_POLICY;
	f->e.used_at = m->now;
	/* The next look-up asks DNS whether there is a newer one. */
	f->e.trial.asked_at = f->e.fetched_at;
	f->e.trial.outcome = STS_OK;
	return NULL;
}

/* What is wrong with a line; NULL: *f is filled. */
static const char *
read_offer(const struct import *m, const char *line, size_t len,
    struct offer *f)
{
	const char *domain;
	const char *wrong;

	f->json = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
	    NULL);
	if (!json_is_object(f->json))
		return "not a JSON object";
	domain = text_at(f->json, "domain");
	if (domain == NULL || domain_canon(domain, f->domain, NULL) != STS_OK ||
	    strcmp(domain, f->domain) != 0) {
		f->domain[0] = '\0';
		return "its domain is none, or not in canonical form";
	}
	if (!take_id(f->json, &f->e))
		return "its id is none";
	wrong = take_text(f);
	return wrong != NULL ? wrong : take_times(m, f);
}

static void
free_offer(struct offer *f)
{
	policy_free(f->policy);
	json_decref(f->json);
}

/* --- what is here -------------------------------------------------------- */

static bool
same_mx(const struct entry *a, const struct entry *b)
{
	return a->mx.len == b->mx.len &&
	    memcmp(a->mx.p, b->mx.p, a->mx.len) == 0;
}

/* Why the offer must not replace what is in force here; NULL: it may. */
static const char *
objection(const struct entry *here, const struct entry *offered)
{
	if (offered->mode < here->mode)
		return "a stronger policy is in force here";
	if (offered->mode == STS_ENFORCE && here->mode == STS_ENFORCE &&
	    !same_mx(here, offered))
		return "an enforce policy with other mx is in force here";
	if (offered->fetched_at < here->fetched_at)
		return "what is in force here was fetched later";
	if (entry_expires(offered) < entry_expires(here))
		return "what is in force here ends later";
	return NULL;
}

static bool
is_same(const struct entry *a, const struct entry *b)
{
	return a->mode == b->mode && a->fetched_at == b->fetched_at &&
	    a->max_age == b->max_age && strcmp(a->id, b->id) == 0 &&
	    same_mx(a, b);
}

static void
keep(struct import *m, const struct offer *f, uint64_t *count)
{
	if (cache_put(tool_cache(m->tool), f->domain, &f->e, &m->err) !=
	    STS_OK)
		return;
	history_add(lookup_history(m->tool->lookup), f->domain, &f->e);
	++*count;
}

/* With the turn to fetch for the domain in our hands: nobody else stores. */
static const char *
decide(struct import *m, const struct offer *f)
{
	const char *wrong;
	struct entry here;
	enum sts_status st =
	    cache_get(tool_cache(m->tool), f->domain, &here, &m->err);

	if (st != STS_OK && st != STS_MISS && st != STS_DAMAGED)
		return NULL;
	memset(&m->err, 0, sizeof m->err);
	if (st == STS_DAMAGED || (st == STS_OK && here.kind == ENTRY_DAMAGED))
		return "what was here is damaged; the next look-up mends that";
	if (st == STS_MISS || m->now >= entry_expires(&here)) {
		keep(m, f, &m->added);
		return NULL;
	}
	if (is_same(&here, &f->e)) {
		m->unchanged++;
		return NULL;
	}
	wrong = objection(&here, &f->e);
	if (wrong == NULL)
		keep(m, f, &m->extended);
	return wrong;
}

static const char *
store(struct import *m, const struct offer *f)
{
	const char *wrong;
	struct flight turn;
	enum sts_status status = flight_take(m->tool->config.cache_dir,
	    f->domain, clock_ms() + WAIT_MS, &turn, &m->err);

	if (status == STS_WAIT) {
		memset(&m->err, 0, sizeof m->err);
		return "it is being fetched just now";
	}
	if (status != STS_OK)
		return NULL;
	wrong = decide(m, f);
	flight_drop(&turn);
	return wrong;
}

/* --- the file ------------------------------------------------------------ */

static void
skip(struct import *m, const char *domain, const char *why)
{
	struct object o;

	m->skipped++;
	if (!tool_has(m->tool, OPT_JSON)) {
		tool_say("line %" PRIu64 ": %s%sskipped: %s", m->line, domain,
		    domain[0] != '\0' ? ": " : "", why);
		return;
	}
	o = object_new();
	object_number(&o, "line", (int64_t)m->line);
	if (domain[0] != '\0')
		object_text(&o, "domain", domain);
	object_text(&o, "skipped", why);
	m->code = tool_worse(m->code, object_print(&o));
}

static void
take_line(struct import *m, const char *line, size_t len)
{
	struct offer f = { .policy = NULL };
	const char *wrong;

	if (len > LINE_MAX_BYTES)
		wrong = "the line is too long";
	else
		wrong = read_offer(m, line, len, &f);
	if (wrong == NULL)
		wrong = store(m, &f);
	if (wrong != NULL)
		skip(m, f.domain, wrong);
	free_offer(&f);
}

/* The first line says that this is ours, and of which version. */
static bool
is_head(const char *line, size_t len)
{
	json_t *o = len > LINE_MAX_BYTES
	    ? NULL
	    : json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *format = text_at(o, "format");
	bool good = format != NULL && strcmp(format, DUMP_FORMAT) == 0 &&
	    json_integer_value(json_object_get(o, "version")) == DUMP_VERSION;

	json_decref(o);
	return good;
}

/* One line, of which no more than too much is kept; -1 at the end. */
static ssize_t
read_line(FILE *in, char *line)
{
	size_t n = 0;
	int ch;

	while ((ch = getc(in)) != EOF && ch != '\n') {
		if (n <= LINE_MAX_BYTES)
			line[n++] = (char)ch;
	}
	return ch == EOF && n == 0 ? -1 : (ssize_t)n;
}

static int
unreadable(void)
{
	tool_say("cannot be read: %s", strerror(errno));
	return EXIT_TROUBLE;
}

static int
read_file(struct import *m, FILE *in, char *line)
{
	ssize_t len = read_line(in, line);

	m->line = 1;
	if (ferror(in))
		return unreadable();
	if (len < 0 || !is_head(line, (size_t)len)) {
		tool_say("not what mta-sts export of this version writes");
		return EXIT_NEGATIVE;
	}
	while (m->err.status == STS_OK && (len = read_line(in, line)) >= 0) {
		m->line++;
		if (len > 0)
			take_line(m, line, (size_t)len);
	}
	if (m->err.status != STS_OK)
		return tool_trouble(m->tool, &m->err);
	if (ferror(in))
		return unreadable();
	return m->skipped > 0 ? EXIT_NEGATIVE : EXIT_DONE;
}

static void
tell(struct import *m)
{
	struct object o;

	if (!tool_has(m->tool, OPT_JSON)) {
		(void)printf("added %" PRIu64 ", extended %" PRIu64
			     ", unchanged %" PRIu64 ", skipped %" PRIu64 "\n",
		    m->added, m->extended, m->unchanged, m->skipped);
		return;
	}
	o = object_new();
	object_number(&o, "added", (int64_t)m->added);
	object_number(&o, "extended", (int64_t)m->extended);
	object_number(&o, "unchanged", (int64_t)m->unchanged);
	object_number(&o, "skipped", (int64_t)m->skipped);
	m->code = tool_worse(m->code, object_print(&o));
}

static int
import_from(struct tool *t, FILE *in)
{
	struct import m = { .tool = t, .now = time(NULL) };
	char *line = malloc(LINE_MAX_BYTES + 1);
	int code;

	if (line == NULL) {
		tool_say("out of memory");
		return EXIT_TROUBLE;
	}
	code = read_file(&m, in, line);
	free(line);
	tell(&m);
	return tool_worse(code, m.code);
}

int
cmd_import(struct tool *t, int argc, char *const argv[])
{
	FILE *in = stdin;
	int code;

	(void)argc;
	if (!tool_open(t))
		return EXIT_TROUBLE;
	if (strcmp(argv[0], "-") != 0)
		in = fopen(argv[0], "re");
	if (in == NULL) {
		tool_say("%s: %s", argv[0], strerror(errno));
		return EXIT_TROUBLE;
	}
	code = import_from(t, in);
	if (in != stdin)
		(void)fclose(in);
	return code;
}
