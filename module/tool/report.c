/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.c - `mta-sts report`: tell the owners of domains what TLS was worth
 * on the way to them (RFC 8460). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../net/become.h"
#include "../protocol/text.h"
#include "../report/tlsrpt_lookup.h"
#include "../store/clock.h"
#include "../store/owner.h"
#include "commands.h"
#include "mailing.h"
#include "print.h"

#define SPREAD 14400 /* seconds; RFC 8460 4.1: about four hours */
#define SPREAD_MAX 86400
#define JOBS 8
#define JOB_SECONDS 300 /* every target may take its time */
#define LOCK_NAME "/report" /* no domain */
#define DAY 86400

void
mailing_trouble(struct mailing *m, const struct sts_error *err)
{
	if (m->trouble++ == 0)
		(void)snprintf(m->error, sizeof m->error, "%.150s (%s)",
		    err->text, err->word);
}

/* --- what would be sent --------------------------------------------------- */

struct showing {
	struct mailing *m;
	const char *day;
	const char *domain; /* the only one, or NULL */
	unsigned shown;
	int code;
};

/* "mailto:a@example.com,https://example.com/x", or why there is nobody. */
static void
say_targets(const struct mailing *m, const char *domain, struct text *t)
{
	const struct config *c = &m->tool->config;
	struct tlsrpt_record record;
	struct sts_error err;

	if (tlsrpt_lookup(c->cache_dir, domain, (time_t)m->now,
		clock_ms() + (int64_t)c->dns_timeout * 1000, &record, &err) !=
	    STS_OK) {
		text_addf(t, "nobody (%s)", err.word);
		return;
	}
	for (unsigned i = 0; i < record.n; i++) {
		struct job_target one = { .rua = record.rua[i] };

		text_add(t, i > 0 ? "," : "");
		job_target_text(&one, t);
	}
}

static void
show_line(struct showing *s, const char *domain, const struct report *r)
{
	char to[TLSRPT_TEXT_MAX + 64];
	struct object o;
	struct text t;

	text_init(&t, to, sizeof to);
	say_targets(s->m, domain, &t);
	if (!tool_has(s->m->tool, OPT_JSON)) {
		(void)printf("%s %-28s %" PRIu64 " good, %" PRIu64
			     " failed -> %s\n",
		    s->day, domain, r->success, r->failure, to);
		return;
	}
	o = object_new();
	object_text(&o, "day", s->day);
	object_text(&o, "domain", domain);
	object_text(&o, "to", to);
	object_add(&o, "report", json_incref(r->json));
	s->code = tool_worse(s->code, object_print(&o));
}

static bool
show(void *arg, const char *domain, struct report *r, const char *id)
{
	struct showing *s = arg;
	char *text;

	(void)id;
	if (s->domain == NULL) {
		s->shown++;
		show_line(s, domain, r);
		return true;
	}
	if (strcmp(domain, s->domain) != 0)
		return true;
	text = report_text(r, !tool_has(s->m->tool, OPT_JSON));
	if (text != NULL)
		(void)puts(text);
	s->shown += text != NULL;
	free(text);
	return false;
}

static bool
show_day(void *arg, const char *day)
{
	struct showing *s = arg;
	struct sts_error err;

	s->day = day;
	if (mailing_reports(s->m, day, show, s, &err) != STS_OK &&
	    err.status != STS_ABSENT)
		s->code = tool_trouble(s->m->tool, &err);
	return true;
}

/* A day that somebody names may also be today's. */
static int
dry_run(struct mailing *m)
{
	struct showing s = { .m = m, .code = EXIT_DONE };
	struct sts_error err;

	if (m->only_day != NULL)
		(void)show_day(&s, m->only_day);
	else if (mailing_days(m, show_day, &s, &err) != STS_OK)
		return tool_trouble(m->tool, &err);
	if (s.shown == 0 && s.code == EXIT_DONE)
		tool_say("there is nothing to report");
	return s.code;
}

/* As it was sent, if it was. */
static bool
print_sent(const struct mailing *m, const char *day, const char *domain)
{
	json_t *json = NULL;
	struct job j;
	char *text;

	if (outbox_load(m->tool->config.cache_dir, day, domain, &j, NULL) !=
	    STS_OK)
		return false;
	json = json_loads(j.report, 0, NULL);
	text = json_dumps(json,
	    JSON_ENSURE_ASCII |
		(tool_has(m->tool, OPT_JSON) ? JSON_COMPACT : JSON_INDENT(2)));
	if (text != NULL)
		(void)puts(text);
	free(text);
	json_decref(json);
	job_free(&j);
	return true;
}

static int
print_one(struct mailing *m, const char *asked)
{
	char domain[STS_DOMAIN_MAX + 1], yesterday[DAY_NAME];
	struct showing s = { .m = m, .domain = domain, .code = EXIT_DONE };

	if (!tool_domain(asked, domain))
		return EXIT_NEGATIVE;
	day_name((time_t)m->now - DAY, yesterday);
	s.day = m->only_day != NULL ? m->only_day : yesterday;
	if (print_sent(m, s.day, domain))
		return EXIT_DONE;
	(void)show_day(&s, s.day);
	if (s.code == EXIT_DONE && s.shown == 0) {
		tool_say("%s: nothing to report of %s", domain, s.day);
		return EXIT_NEGATIVE;
	}
	return s.code;
}

/* --- sending -------------------------------------------------------------- */

static int
exit_code(const struct mailing *m)
{
	if (m->trouble > 0)
		return EXIT_TROUBLE;
	return m->later + m->failed > 0 ? EXIT_NEGATIVE : EXIT_DONE;
}

static int
tell(const struct mailing *m)
{
	int code = exit_code(m);
	struct object o;

	if (!tool_has(m->tool, OPT_JSON)) {
		(void)printf("reports: %u made, %u sent, %u to be tried again, "
			     "%u given up, %u not wanted, %u not due\n",
		    m->made, m->sent, m->later, m->failed, m->unwanted,
		    m->waiting);
		if (m->trouble > 0)
			tool_say("%s", m->error);
		return code;
	}
	o = object_new();
	object_number(&o, "days", m->days);
	object_number(&o, "made", m->made);
	object_number(&o, "sent", m->sent);
	object_number(&o, "later", m->later);
	object_number(&o, "failed", m->failed);
	object_number(&o, "unwanted", m->unwanted);
	object_number(&o, "waiting", m->waiting);
	object_number(&o, "trouble", m->trouble);
	if (m->trouble > 0)
		object_text(&o, "error", m->error);
	object_number(&o, "exit", code);
	return tool_worse(code, object_print(&o));
}

/* The cache's owner, who is Exim's user, and may run sendmail. */
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
	else if (geteuid() == 0 &&
	    (chdir("/") != 0 || !become_sender(uid, gid)))
		tool_say("cannot become user %lu, group %lu",
		    (unsigned long)uid, (unsigned long)gid);
	else if (tool_lacks_permission(t))
		(void)tool_trouble(t, &err);
	else
		return true;
	return false;
}

static int
send_all(struct mailing *m)
{
	struct sts_error err;

	/* They have the lock, too: it ends with the last of them. */
	m->workers = workers_start(&m->plan, &err);
	if (m->workers == NULL)
		return tool_trouble(m->tool, &err);
	mailing_make(m);
	mailing_send(m);
	workers_end(m->workers);
	return tell(m);
}

/* One at a time: the other would send the same. */
static int
run(struct mailing *m)
{
	const char *dir = m->tool->config.cache_dir;
	struct sts_error err;
	enum sts_status status;
	int code;

	if (!become_owner(m->tool))
		return EXIT_TROUBLE;
	status = flight_take(dir, LOCK_NAME, 0, &m->lock, &err);
	if (status == STS_WAIT) {
		tool_say("another report is at work");
		return EXIT_NEGATIVE;
	}
	if (status != STS_OK)
		return tool_trouble(m->tool, &err);
	code = send_all(m);
	flight_drop(&m->lock);
	return code;
}

/* --- the command line ----------------------------------------------------- */

static bool
is_over(const struct mailing *m)
{
	return m->only_day == NULL ||
	    (int64_t)day_begin(m->only_day) + DAY <= m->now;
}

int
cmd_report(struct tool *t, int argc, char *const argv[])
{
	struct mailing m = { .tool = t,
		.only_day = t->option[OPT_DAY],
		.now = time(NULL),
		.spread = SPREAD,
		.lock = { .fd = -1 },
		.plan = { .n = JOBS,
		    .result_size = sizeof(struct attempt),
		    .job_seconds = JOB_SECONDS,
		    .work = mailing_work,
		    .done = mailing_done } };
	const char *spread = t->option[OPT_SPREAD];

	(void)argc;
	(void)argv;
	m.plan.arg = &m;
	if (m.only_day != NULL && day_begin(m.only_day) < 0)
		return tool_usage(t, "--day takes a day such as 2026-03-01");
	if (spread != NULL &&
	    (!config_seconds(spread, &m.spread) || m.spread > SPREAD_MAX))
		return tool_usage(t, "--spread takes a time up to 1d");
	if (tool_has(t, OPT_PRINT) && tool_has(t, OPT_DRY_RUN))
		return tool_usage(t,
		    "--print and --dry-run exclude each other");
	if (!tool_open(t))
		return EXIT_TROUBLE;
	if (t->config.tlsrpt.contact[0] == '\0') {
		tool_say("reports are off: tlsrpt_contact is not set");
		return EXIT_DONE;
	}
	if (tool_has(t, OPT_PRINT))
		return print_one(&m, t->option[OPT_PRINT]);
	if (tool_has(t, OPT_DRY_RUN))
		return dry_run(&m);
	if (!is_over(&m))
		return tool_usage(t, "that day is not over yet");
	return run(&m);
}
