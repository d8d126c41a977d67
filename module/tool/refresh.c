/* SPDX-License-Identifier: GPL-2.0-or-later */
/* refresh.c - `mta-sts refresh`: fetch cached policies again before they end,
 * whatever DNS says (RFC 8461 3.3, 10.2), and care for the cache. */
#include "refresh.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../net/become.h"
#include "../net/standby.h"
#include "../store/cache.h"
#include "../store/owner.h"
#include "commands.h"

#define OLDER 72000 /* seconds: 20 h */
#define JOBS 8
#define JITTER_MAX 86400 /* seconds */
#define LOCK_NAME "/refresh" /* no domain */

static volatile sig_atomic_t stop;

static void
note_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void
catch_signals(void)
{
	struct sigaction act;

	memset(&act, 0, sizeof act);
	act.sa_handler = note_signal;
	(void)sigaction(SIGINT, &act, NULL);
	(void)sigaction(SIGTERM, &act, NULL);
	(void)sigaction(SIGHUP, &act, NULL);
}

/* --- who we are ----------------------------------------------------------- */

/* Nothing here needs root: it is given up for good. */
static bool
become_owner(struct tool *t)
{
	const char *dir = t->config.cache_dir;
	struct sts_error err;
	uid_t uid;
	gid_t gid;

	if (owner_of(dir, &uid, &gid, &err) != STS_OK) {
		(void)tool_trouble(t, &err);
		return false;
	}
	if (geteuid() == 0 && uid == 0)
		tool_say("%s belongs to root; it must belong to Exim's user",
		    dir);
	else if (geteuid() == 0 && (chdir("/") != 0 || !become_user(uid, gid)))
		tool_say("cannot become user %lu, group %lu",
		    (unsigned long)uid, (unsigned long)gid);
	else if (tool_lacks_permission(t))
		(void)tool_trouble(t, &err);
	else
		return true;
	return false;
}

/* --- one renewed policy --------------------------------------------------- */

static void
work(void *arg, const char *domain, void *result)
{
	struct refresh *r = arg;

	renew_domain(r->tool, domain, result);
}

/* The lock is for one refresh, not for one of its workers that is left. */
static void
begin_work(void *arg)
{
	static struct standby standby = { .pid = -1, .fd = -1 };
	struct refresh *r = arg;

	flight_drop(&r->lock);
	/* A few domains are not worth it. */
	if (!r->named)
		r->tool->standby = &standby;
}

/* Or its helper would be reaped by process 1, which not every container has a
 * good one of. */
static void
end_work(void *arg)
{
	struct refresh *r = arg;

	if (r->tool->standby != NULL)
		standby_end(r->tool->standby);
}

static void
count(struct tally *y, const char *domain, const struct renewal *w)
{
	char text[STS_TEXT_MAX + 1];

	switch (w->end) {
	case RENEW_CHANGED_SAME_ID:
		y->changed_same_id++;
		y->changed++;
		y->renewed++;
		break;
	case RENEW_CHANGED:
		y->changed++;
		y->renewed++;
		break;
	case RENEW_SAME:
		y->renewed++;
		break;
	case RENEW_FAILED:
	case RENEW_GONE:
		y->failed++;
		break;
	case RENEW_BUSY:
		y->busy++;
		break;
	case RENEW_EXEMPT:
		y->exempt++;
		break;
	case RENEW_TROUBLE:
		(void)snprintf(text, sizeof text, "%.60s: %.100s (%s)", domain,
		    w->text, w->word);
		tally_trouble(y, text);
		break;
	}
	y->alerts += w->alert;
}

static int
code_of(enum renew_end end)
{
	if (end == RENEW_TROUBLE)
		return EXIT_TROUBLE;
	return end == RENEW_FAILED || end == RENEW_GONE || end == RENEW_BUSY
	    ? EXIT_NEGATIVE
	    : EXIT_DONE;
}

static void
done(void *arg, const char *domain, const void *result)
{
	static const struct renewal lost = { .end = RENEW_TROUBLE,
		.word = "child-lost",
		.text = "its worker was lost" };
	const struct renewal *w = result == NULL ? &lost : result;
	struct refresh *r = arg;

	count(&r->tally, domain, w);
	renew_log(domain, w);
	if (r->named) {
		r->code = tool_worse(r->code, code_of(w->end));
		if (tool_has(r->tool, OPT_JSON))
			r->code = tool_worse(r->code, renew_json(domain, w));
		else
			renew_print(domain, w);
	}
	progress_show(&r->progress,
	    r->tally.renewed + r->tally.failed + r->tally.busy +
		r->tally.exempt + r->tally.trouble,
	    r->tally.due, domain);
}

/* --- all that is due ------------------------------------------------------ */

static int
tell_tally(const struct refresh *r)
{
	int code = tally_exit(&r->tally);
	struct object o;

	if (!tool_has(r->tool, OPT_JSON)) {
		tally_print(&r->tally);
		return code;
	}
	o = tally_json(&r->tally);
	return tool_worse(code, object_print(&o));
}

static int
refresh_all(struct refresh *r)
{
	if (!refresh_check(r))
		return EXIT_TROUBLE;
	refresh_due(r);
	r->tally.interrupted = stop != 0;
	if (stop == 0)
		refresh_care(r);
	r->tally.ended = time(NULL);
	if (!tally_save(&r->tally, r->tool->config.cache_dir))
		tally_trouble(&r->tally, "refresh.json cannot be written");
	return tell_tally(r);
}

/* One at a time: two would only fetch everything twice. */
static int
run_all(struct refresh *r)
{
	const char *dir = r->tool->config.cache_dir;
	struct sts_error err;
	enum sts_status st = flight_take(dir, LOCK_NAME, 0, &r->lock, &err);
	int code;

	if (st == STS_WAIT) {
		tool_say("another refresh is at work");
		return EXIT_NEGATIVE;
	}
	if (st != STS_OK)
		return tool_trouble(r->tool, &err);
	code = refresh_all(r);
	flight_drop(&r->lock);
	return code;
}

/* --- by name -------------------------------------------------------------- */

/* False: nothing is cached of it. */
static bool
is_cached(struct refresh *r, const char *domain)
{
	struct sts_error err;
	struct entry e;

	enum sts_status status =
	    cache_get(tool_cache(r->tool), domain, &e, &err);

	if (status == STS_OK || status == STS_DAMAGED)
		return true;
	if (status == STS_MISS) {
		tool_say("%s: not cached", domain);
		r->code = tool_worse(r->code, EXIT_NEGATIVE);
	} else
		r->code = tool_trouble(r->tool, &err);
	return false;
}

static int
run_named(struct refresh *r, int argc, char *const argv[])
{
	char domain[STS_DOMAIN_MAX + 1];
	struct sts_error err;

	r->named = true;
	if (r->plan.n > (unsigned)argc)
		r->plan.n = (unsigned)argc;
	r->workers = workers_start(&r->plan, &err);
	if (r->workers == NULL)
		return tool_trouble(r->tool, &err);
	for (int i = 0; i < argc && stop == 0; i++) {
		if (!tool_domain(argv[i], domain))
			r->code = tool_worse(r->code, EXIT_NEGATIVE);
		else if (is_cached(r, domain) &&
		    !workers_give(r->workers, domain) && stop == 0)
			r->code = EXIT_TROUBLE;
	}
	workers_finish(r->workers);
	workers_end(r->workers);
	return stop != 0 ? tool_worse(r->code, EXIT_NEGATIVE) : r->code;
}

/* --- the command line ----------------------------------------------------- */

static bool
read_jobs(const char *value, unsigned *jobs)
{
	char *end;
	unsigned long n;

	if (value == NULL)
		return true;
	errno = 0;
	n = strtoul(value, &end, 10);
	*jobs = (unsigned)n;
	return value[0] >= '1' && value[0] <= '9' && *end == '\0' &&
	    errno == 0 && n <= WORKERS_MAX;
}

static bool
read_time(const char *value, unsigned max, int64_t *out)
{
	unsigned seconds;

	if (value == NULL)
		return true;
	if (!config_seconds(value, &seconds) || seconds > max)
		return false;
	*out = seconds;
	return true;
}

int
cmd_refresh(struct tool *t, int argc, char *const argv[])
{
	struct refresh r = { .tool = t,
		.older = OLDER,
		.lock = { .fd = -1 },
		.plan = { .n = JOBS,
		    .result_size = sizeof(struct renewal),
		    .begin = begin_work,
		    .end = end_work,
		    .work = work,
		    .done = done,
		    .stop = &stop } };
	int64_t jitter = 0;

	if (!read_jobs(t->option[OPT_JOBS], &r.plan.n))
		return tool_usage(t, "--jobs takes a number from 1 to 64");
	if (!read_time(t->option[OPT_OLDER], STS_AGE_MAX, &r.older))
		return tool_usage(t,
		    "--older takes a time such as 90s, 20h, 2d");
	if (!read_time(t->option[OPT_JITTER], JITTER_MAX, &jitter))
		return tool_usage(t, "--jitter takes a time up to 1d");
	if (argc > 0 && (tool_has(t, OPT_OLDER) || tool_has(t, OPT_JITTER)))
		return tool_usage(t,
		    "--older and --jitter go with no DOMAIN");
	if (!tool_open(t) || !become_owner(t))
		return EXIT_TROUBLE;
	r.plan.arg = &r;
	r.plan.job_seconds = tool_time_limit(t) + 10;
	r.jitter = jitter * 1000;
	r.now = r.tally.began = time(NULL);
	catch_signals();
	return argc > 0 ? run_named(&r, argc, argv) : run_all(&r);
}
