/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event.c - `mta-sts event` with the arguments of mta_sts_event, for ${run};
 * and `mta-sts tell`, which tells a tlsrpt-collectd of a session. */
#include "../lookup/event.h"
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include "../report/session.h"
#include "../report/sink.h"
#include "../report/trail_file.h"
#include "../store/clock.h"
#include "commands.h"
#include "quiet.h"

static time_t
now(void *arg)
{
	(void)arg;
	return time(NULL);
}

static void
log_line(void *arg, const char *line)
{
	(void)arg;
	syslog(LOG_NOTICE, "%s", line);
}

static void
take_verdict(void *arg, const struct verdict *v)
{
	sink_take(arg, now(NULL), v);
}

/* RFC 8460: what the event comes to for the domain's owner. */
static void
report(struct tool *t, const struct event *e)
{
	struct sink sink = { .config = &t->config, .log = log_line };
	struct session session = { .config = &t->config,
		.lookup = t->lookup,
		.now = now,
		.tell = take_verdict,
		.arg = &sink };
	struct bytes message = e->field[EVENT_MESSAGE];
	pid_t exim = getppid();

	if (!config_reports(&t->config) || message.len == 0)
		return;
	trail_load(t->config.cache_dir, exim, message, &session.trail);
	session_event(&session, e);
	trail_save(t->config.cache_dir, exim, message, &session.trail);
}

int
cmd_event(struct tool *t, int argc, char *const argv[])
{
	const char *args[EVENT_ARGS];
	struct event e;

	if (argc != EVENT_ARGS || !tool_open(t))
		return EXIT_DONE;
	memcpy(args, argv, sizeof args);
	quiet_limit(tool_time_limit(t), "");
	if (event_read(argc, args, &e)) {
		lookup_hurry(t->lookup, clock_ms() + EVENT_WAIT_MS);
		report(t, &e);
		event_handle(t->lookup, &e);
	}
	return EXIT_DONE;
}

/* In the background, where nobody waits; POLICIES is sink.c's. */
int
cmd_tell(struct tool *t, int argc, char *const argv[])
{
	char domain[STS_DOMAIN_MAX + 1];
	enum sts_status status;

	if (argc != 2 || !tool_open(t) ||
	    t->config.tlsrpt.socket[0] == '\0' ||
	    domain_canon(argv[0], domain, NULL) != STS_OK)
		return EXIT_DONE;
	quiet_limit(tool_time_limit(t), "");
	status = sink_tell(&t->config, now(NULL),
	    clock_ms() + (int64_t)t->config.dns_timeout * 1000, domain,
	    argv[1], NULL);
	(void)status; /* a session more or less */
	return EXIT_DONE;
}
