/* SPDX-License-Identifier: GPL-2.0-or-later */
/* purge.c - `mta-sts purge`: forget domains, what has expired, or all. */
#include <inttypes.h>
#include <stdio.h>
#include "../store/flight.h"
#include "../store/history.h"
#include "commands.h"
#include "entries.h"

struct purge {
	struct tool *tool;
	int64_t now;
	uint64_t policies;
	uint64_t absences;
	bool count_only;
	struct sts_error err; /* what could not be deleted ends the walk */
};

/* --- by name ------------------------------------------------------------- */

static int
tell_domain(const struct tool *t, const char *domain, bool purged)
{
	struct object o;

	if (tool_has(t, OPT_JSON)) {
		o = object_new();
		object_text(&o, "domain", domain);
		object_bool(&o, "purged", purged);
		return object_print(&o);
	}
	if (purged)
		(void)printf("%s: purged\n", domain);
	else
		tool_say("%s: not cached", domain);
	return EXIT_DONE;
}

static int
purge_domain(struct tool *t, const char *asked)
{
	char domain[STS_DOMAIN_MAX + 1];
	enum sts_status status;
	struct sts_error err;
	int code;

	if (!tool_domain(asked, domain))
		return EXIT_NEGATIVE;
	status = cache_delete(tool_cache(t), domain, &err);
	if (status != STS_OK && status != STS_MISS)
		return tool_trouble(t, &err);
	if (history_forget(lookup_history(t->lookup), domain, NULL) == STS_OK)
		status = STS_OK;
	code = tell_domain(t, domain, status == STS_OK);
	return status == STS_OK ? code : tool_worse(code, EXIT_NEGATIVE);
}

static int
purge_domains(struct tool *t, int argc, char *const argv[])
{
	int code = EXIT_DONE;

	for (int i = 0; i < argc; i++)
		code = tool_worse(code, purge_domain(t, argv[i]));
	return code;
}

/* --- by the walk --------------------------------------------------------- */

static int
tell_counts(const struct purge *p)
{
	struct object o;

	if (!tool_has(p->tool, OPT_JSON)) {
		(void)printf("purged: %" PRIu64 " policies, %" PRIu64
			     " absences\n",
		    p->policies, p->absences);
		return EXIT_DONE;
	}
	o = object_new();
	object_number(&o, "policies", (int64_t)p->policies);
	object_number(&o, "absences", (int64_t)p->absences);
	return object_print(&o);
}

/* The longest that a failed fetch counts (RFC 8461 3.3). */
#define BACKOFF 300 /* seconds */

/* Whether an absence says nothing to anybody any more. */
static bool
is_forgotten(const struct purge *p, const struct entry *e)
{
	const struct trial *t = &e->trial;
	int64_t ttl = p->tool->config.negative_ttl;
	int64_t last =
	    t->asked_at > t->failed_at ? t->asked_at : t->failed_at;

	return p->now - last >= (ttl > BACKOFF ? ttl : BACKOFF);
}

static bool
is_over(const struct purge *p, enum sts_status st, const struct entry *e)
{
	if (st == STS_OK && e->kind == ENTRY_ABSENCE)
		return is_forgotten(p, e);
	return entries_is_expired(st, e, p->now);
}

/* As it stands now: the walk may have seen an older state. */
static bool
is_still_over(const struct purge *p, const char *domain)
{
	struct cache *c = tool_cache(p->tool);
	struct entry e;
	enum sts_status st = cache_get(c, domain, &e, NULL);

	if (st == STS_MISS)
		st = cache_get_absence(c, domain, &e);
	return st == STS_OK && is_over(p, st, &e);
}

/* Who fetches for the domain just now holds its turn, and what he is about to
 * store must stay. */
static bool
delete_over(struct purge *p, const char *domain)
{
	enum sts_status status = STS_MISS;
	struct flight turn;

	if (flight_take(p->tool->config.cache_dir, domain, 0, &turn, NULL) !=
	    STS_OK)
		return false;
	if (is_still_over(p, domain))
		status = cache_delete(tool_cache(p->tool), domain, &p->err);
	flight_drop(&turn);
	return status == STS_OK;
}

static bool
see(void *arg, const char *domain, enum sts_status st, const struct entry *e)
{
	struct purge *p = arg;
	bool absence = st == STS_OK && e->kind == ENTRY_ABSENCE;

	if (!p->count_only && (!is_over(p, st, e) || !delete_over(p, domain)))
		return p->err.status != STS_SYSTEM;
	if (absence)
		p->absences++;
	else
		p->policies++;
	return true;
}

/* Both files, policies first: an absence beside one goes with it. */
static int
walk(struct purge *p)
{
	struct cache *c = tool_cache(p->tool);
	struct sts_error err;

	if (cache_walk(c, false, see, p, &err) != STS_OK ||
	    cache_walk(c, true, see, p, &err) != STS_OK)
		return tool_trouble(p->tool, &err);
	if (p->err.status == STS_SYSTEM)
		return tool_trouble(p->tool, &p->err);
	return EXIT_DONE;
}

static int
purge_expired(struct tool *t)
{
	struct purge p = { .tool = t, .now = time(NULL) };
	int code = walk(&p);

	return code == EXIT_DONE ? tell_counts(&p) : code;
}

static int
purge_all(struct tool *t)
{
	struct purge p = { .tool = t, .count_only = true };
	struct cache *c = tool_cache(t);

	/* A file that cannot be read goes uncounted. */
	if (cache_walk(c, false, see, &p, NULL) != STS_OK)
		p.policies = 0;
	if (cache_walk(c, true, see, &p, NULL) != STS_OK)
		p.absences = 0;
	if (cache_clear(c, &p.err) != STS_OK ||
	    history_clear(lookup_history(t->lookup), &p.err) != STS_OK)
		return tool_trouble(t, &p.err);
	return tell_counts(&p);
}

int
cmd_purge(struct tool *t, int argc, char *const argv[])
{
	bool all = tool_has(t, OPT_ALL), expired = tool_has(t, OPT_EXPIRED);

	if ((argc > 0) + all + expired != 1)
		return tool_usage(t,
		    "name domains, or say --all or --expired");
	if (!tool_open(t))
		return EXIT_TROUBLE;
	if (all)
		return purge_all(t);
	return expired ? purge_expired(t) : purge_domains(t, argc, argv);
}
