/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dlfunc.c - what Exim calls by ${dlfunc}: the only place that knows Exim.
 *
 * Every function returns the code OK with a string, always: Exim takes each
 * other code, somewhere, for "no policy" and delivers in clear.  No Exim
 * header and no Exim symbol but a weak log_write: its prototype is the same
 * from 4.94 to 4.100, and so is that of these functions. */
#include <stdio.h>
#include <string.h>
#include "../lookup/event.h"
#include "../lookup/lookup.h"
#include "../lookup/world.h"
#include "../report/session.h"
#include "../report/sink.h"
#include "../store/clock.h"

#define EXIM_OK 0
#define EXIM_LOG_MAIN 1
/* A process that lives long reads mta-sts.conf again now and then. */
#define CONFIG_SECONDS 60

typedef unsigned char uschar; /* Exim's name for it */

#define EXPORT __attribute__((visibility("default")))

/* To write to Exim's log: with a selector first until 4.99, without from 4.100
 * on, which takes our selector for no flags and ends the process.  is_debug is
 * as old as that change. */
extern void log_write(void) __attribute__((weak));
extern void is_debug(void) __attribute__((weak));
typedef void log_write_before(unsigned selector, int flags,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
typedef void log_write_since(int flags, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

EXPORT int mta_sts_lookup(uschar **yield, int argc, uschar *argv[]);
EXPORT int mta_sts_mode(uschar **yield, int argc, uschar *argv[]);
EXPORT int mta_sts_match(uschar **yield, int argc, uschar *argv[]);
EXPORT int mta_sts_prefetch(uschar **yield, int argc, uschar *argv[]);
EXPORT int mta_sts_event(uschar **yield, int argc, uschar *argv[]);
EXPORT int mta_sts_version(uschar **yield, int argc, uschar *argv[]);

/* Of this process. */
static struct config config;
static struct lookup *lookup;
static time_t configured_at;
static struct session session;
static struct sink sink;

static void
log_line(void *arg, const char *line)
{
	log_write_since *since = (log_write_since *)log_write;
	log_write_before *before = (log_write_before *)log_write;

	(void)arg;
	if (log_write == NULL)
		return;
	if (is_debug != NULL)
		since(EXIM_LOG_MAIN, "%s", line);
	else
		before(0, EXIM_LOG_MAIN, "%s", line);
}

static void
log_problem(void *arg, unsigned line, const char *text)
{
	char whole[600];

	if (line == 0)
		(void)snprintf(whole, sizeof whole, "MTA-STS: %s", text);
	else
		(void)snprintf(whole, sizeof whole, "MTA-STS: %s line %u: %s",
		    MTA_STS_CONF, line, text);
	log_line(arg, whole);
}

/* The look-up of this process, made on first use.  NULL: no memory. */
static struct lookup *
ready(void)
{
	struct lookup_ops ops;
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (lookup != NULL && ts.tv_sec >= configured_at &&
	    ts.tv_sec - configured_at < CONFIG_SECONDS)
		return lookup;
	lookup_free(lookup);
	(void)config_load(MTA_STS_CONF, &config, log_problem, NULL);
	world_ops(&ops, &config, log_line);
	lookup = lookup_new(&config, &ops);
	configured_at = ts.tv_sec;
	return lookup;
}

/* Exim copies the string at once and never writes to it. */
static int
give(uschar **yield, const char *s)
{
	memcpy(yield, &s, sizeof *yield);
	return EXIM_OK;
}

static const struct answer *
ask(const uschar *domain)
{
	struct lookup *l = ready();

	if (l == NULL)
		return &answer_no_memory;
	return lookup_domain(l, (const char *)domain, LOOKUP_PLAIN);
}

#define USAGE_LINE "mode=tempfail status=error reason=usage"

int
mta_sts_lookup(uschar **yield, int argc, uschar *argv[])
{
	if (argc != 1)
		return give(yield, USAGE_LINE);
	return give(yield, ask(argv[0])->line);
}

int
mta_sts_mode(uschar **yield, int argc, uschar *argv[])
{
	if (argc != 1)
		return give(yield, "tempfail");
	return give(yield, answer_mode_name(ask(argv[0])));
}

int
mta_sts_match(uschar **yield, int argc, uschar *argv[])
{
	if (argc != 2)
		return give(yield, "tempfail");
	return give(yield,
	    answer_match(ask(argv[0]), (const char *)argv[1]));
}

int
mta_sts_prefetch(uschar **yield, int argc, uschar *argv[])
{
	char domain[STS_DOMAIN_MAX + 1];

	if (argc == 1 && ready() != NULL &&
	    domain_canon((const char *)argv[0], domain, NULL) == STS_OK &&
	    lookup_wants_prefetch(lookup, domain))
		world_background(&config, domain);
	return give(yield, "");
}

static time_t
now(void *arg)
{
	struct timespec ts;

	(void)arg;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

static void
take_verdict(void *arg, const struct verdict *v)
{
	sink_take(arg, now(NULL), v);
}

/* RFC 8460: what the event comes to for the domain's owner. */
static void
report(const struct event *e)
{
	if (!config_reports(&config))
		return;
	sink.config = &config;
	sink.log = log_line;
	session.config = &config;
	session.lookup = lookup;
	session.now = now;
	session.tell = take_verdict;
	session.arg = &sink;
	session_event(&session, e);
}

int
mta_sts_event(uschar **yield, int argc, uschar *argv[])
{
	const char *args[EVENT_ARGS];
	struct event e;

	if (argc != EVENT_ARGS || ready() == NULL)
		return give(yield, "");
	for (int i = 0; i < EVENT_ARGS; i++)
		args[i] = (const char *)argv[i];
	if (event_read(argc, args, &e)) {
		lookup_hurry(lookup, clock_ms() + EVENT_WAIT_MS);
		report(&e);
		event_handle(lookup, &e);
		lookup_hurry(lookup, 0);
	}
	return give(yield, "");
}

int
mta_sts_version(uschar **yield, int argc, uschar *argv[])
{
	(void)argc;
	(void)argv;
	return give(yield, "exim-mta-sts " MTA_STS_VERSION);
}
