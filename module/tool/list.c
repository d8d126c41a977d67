/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list.c - `mta-sts list`: the cache, an entry a line, in no order, as it is
 * read: a million policies need no memory. */
#include <stdio.h>
#include <string.h>
#include "commands.h"
#include "entries.h"

/* How many patterns a line for people shows. */
#define MX_SHOWN 2

struct list {
	int64_t now;
	bool json;
	bool expired_only;
	bool absences;
	const char *mode; /* NULL: every */
	bool titled;
	int code;
};

static bool
is_wanted(const struct list *l, enum sts_status st, const struct entry *e)
{
	if (l->expired_only && !entries_is_expired(st, e, l->now))
		return false;
	if (l->mode == NULL)
		return true;
	return st == STS_OK && e->kind == ENTRY_POLICY &&
	    strcmp(l->mode, mode_name(e->mode)) == 0;
}

static void
print_row(const char *domain, const char *mode, const char *id,
    const char *age, const char *expires, const char *status, const char *mx)
{
	(void)printf("%-28s %-8s %-16s %-7s %-11s ", domain, mode, id, age,
	    expires);
	if (mx[0] != '\0')
		(void)printf("%-9s %s\n", status, mx);
	else
		(void)puts(status);
}

/* "mx1.example.com, mx2.example.com +3" */
static void
short_mx(struct bytes mx, char *out, size_t cap)
{
	struct text t;
	unsigned n = 0;

	text_init(&t, out, cap);
	while (mx.len > 0) {
		const char *colon = memchr(mx.p, ':', mx.len);
		size_t len = colon == NULL ? mx.len : (size_t)(colon - mx.p);

		if (n++ < MX_SHOWN) {
			text_add(&t, n > 1 ? "," : "");
			text_add_bytes(&t, mx.p, len);
		}
		len += colon != NULL;
		mx.p += len;
		mx.len -= len;
	}
	if (n > MX_SHOWN)
		text_addf(&t, " +%u", n - MX_SHOWN);
}

static void
print_plain(const struct list *l, const char *domain, enum sts_status st,
    const struct entry *e)
{
	const char *state = entries_state(st, e, l->now);
	char age[PRINT_SPAN_MAX] = "-", expires[PRINT_RELATIVE_MAX] = "-";
	char mx[2 * STS_DOMAIN_MAX + 64];

	if (st != STS_OK || e->kind == ENTRY_DAMAGED) {
		if (e->damaged_until > 0)
			print_relative(e->damaged_until, l->now, expires);
		print_row(domain, "-", "-", age, expires, state, "");
		return;
	}
	if (e->kind == ENTRY_ABSENCE) {
		if (e->trial.asked_at > 0)
			print_span(l->now - e->trial.asked_at, age);
		print_row(domain, "none",
		    e->trial.failed_id[0] != '\0' ? e->trial.failed_id : "-",
		    age, expires, state, e->trial.failed_word);
		return;
	}
	print_span(l->now - e->fetched_at, age);
	print_relative(entry_expires(e), l->now, expires);
	short_mx(e->mx, mx, sizeof mx);
	print_row(domain, mode_name(e->mode), e->id, age, expires, state, mx);
}

static bool
print_entry(void *arg, const char *domain, enum sts_status st,
    const struct entry *e)
{
	struct list *l = arg;

	if (!is_wanted(l, st, e))
		return true;
	if (l->json) {
		struct object o = entries_json(domain, st, e, l->now);

		l->code = object_print(&o);
	} else {
		if (!l->titled)
			print_row("DOMAIN", "MODE", "ID", "AGE", "EXPIRES",
			    "STATUS", l->absences ? "REASON" : "MX");
		l->titled = true;
		print_plain(l, domain, st, e);
	}
	/* Nobody may be reading any more. */
	return l->code == EXIT_DONE && !ferror(stdout);
}

int
cmd_list(struct tool *t, int argc, char *const argv[])
{
	struct list l = { .now = time(NULL),
		.json = tool_has(t, OPT_JSON),
		.expired_only = tool_has(t, OPT_EXPIRED),
		.absences = tool_has(t, OPT_ABSENCES),
		.mode = t->option[OPT_MODE] };
	struct sts_error err;
	enum sts_mode mode;

	(void)argc;
	(void)argv;
	if (l.mode != NULL && !mode_from_name(l.mode, strlen(l.mode), &mode))
		return tool_usage(t, "--mode takes none, testing or enforce");
	if (l.absences && (l.mode != NULL || l.expired_only))
		return tool_usage(t, "--absences goes with no other filter");
	if (!tool_open(t))
		return EXIT_TROUBLE;
	if (cache_walk(tool_cache(t), l.absences, print_entry, &l, &err) !=
	    STS_OK)
		return tool_trouble(t, &err);
	return l.code;
}
