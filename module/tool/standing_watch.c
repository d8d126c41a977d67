/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standing_watch.c - how it all stands, for Nagios and Prometheus. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include "../protocol/text.h"
#include "standing.h"

/* --- Nagios --------------------------------------------------------------- */

enum level {
	LEVEL_OK,
	LEVEL_WARNING,
	LEVEL_CRITICAL,
	LEVEL_UNKNOWN
};

struct judgement {
	enum level level;
	struct text text;
	char room[400];
};

static void __attribute__((format(printf, 3, 4)))
find_fault(struct judgement *v, enum level level, const char *format, ...)
{
	char buf[300];
	va_list ap;

	if (level > v->level)
		v->level = level;
	va_start(ap, format);
	(void)vsnprintf(buf, sizeof buf, format, ap);
	va_end(ap);
	text_addf(&v->text, "%s%s", v->text.len > 0 ? "; " : "", buf);
}

static void
judge_cache(const struct standing *s, struct judgement *v)
{
	const struct survey *n = &s->survey;

	if (s->check == STS_DAMAGED)
		find_fault(v, LEVEL_CRITICAL, "the cache is damaged");
	if (n->damaged > 0)
		find_fault(v, LEVEL_CRITICAL, "%" PRIu64 " damaged policies",
		    n->damaged);
	if (s->set_aside)
		find_fault(v, LEVEL_WARNING,
		    "a damaged cache file was set aside");
	if (n->alerts > 0)
		find_fault(v,
		    n->urgent > 0 ? LEVEL_CRITICAL : LEVEL_WARNING,
		    "%" PRIu64 " policies not renewed: %s: %.120s", n->alerts,
		    n->failures.item[0].domain,
		    n->failures.item[0].alert_text);
	if (s->refresh == NULL)
		find_fault(v, LEVEL_WARNING, "never refreshed");
	else if (standing_refresh_is_late(s))
		find_fault(v, LEVEL_WARNING,
		    "the last refresh is %" PRId64 " h ago",
		    (n->now - s->refreshed_at) / 3600);
	else if (standing_number(s, "exit") == EXIT_TROUBLE)
		find_fault(v, LEVEL_WARNING, "the last refresh had trouble");
}

static void
judge_rest(const struct standing *s, struct judgement *v)
{
	if (s->config_errors > 0)
		find_fault(v, LEVEL_WARNING, "%u errors in mta-sts.conf",
		    s->config_errors);
	if (s->exception_errors > 0)
		find_fault(v, LEVEL_WARNING, "%u broken exceptions",
		    s->exception_errors);
	if (s->ending > 0)
		find_fault(v, LEVEL_WARNING, "exception for %s runs out",
		    s->ends[0].name);
	if (s->exim.active == SEEN_NO)
		find_fault(v, LEVEL_WARNING, "not active in Exim");
	if (s->exim.retry == SEEN_NO)
		find_fault(v, LEVEL_WARNING, "mta-sts.retry is not included");
	if (s->exim.path == NULL)
		find_fault(v, LEVEL_WARNING, "no Exim found");
	if (s->reports.late)
		find_fault(v, LEVEL_WARNING, "TLS reports are not made");
	if (s->exim.signs == SEEN_NO)
		find_fault(v, LEVEL_WARNING,
		    "mails with TLS reports are not signed");
}

static void
print_numbers(const struct standing *s)
{
	const struct survey *v = &s->survey;

	(void)printf(" | enforce=%" PRIu64 " testing=%" PRIu64 " none=%" PRIu64
		     " ended=%" PRIu64 " failing=%" PRIu64 " alerts=%" PRIu64
		     " size=%" PRIu64 "B",
	    v->in_force[STS_ENFORCE], v->in_force[STS_TESTING],
	    v->in_force[STS_NONE], v->ended, v->failing, v->alerts, s->bytes);
	if (s->refresh != NULL)
		(void)printf(" refresh_age=%" PRId64 "s",
		    v->now - s->refreshed_at);
}

int
standing_check(const struct standing *s)
{
	static const char *const names[] = { "OK", "WARNING", "CRITICAL",
		"UNKNOWN" };
	struct judgement v = { .level = LEVEL_OK };
	bool known = s->trouble.status == STS_OK;

	text_init(&v.text, v.room, sizeof v.room);
	if (!known)
		find_fault(&v,
		    s->lacks_permission ? LEVEL_UNKNOWN : LEVEL_CRITICAL,
		    "%s",
		    s->lacks_permission ? "no permission to use the cache"
					: s->trouble.text);
	else
		judge_cache(s, &v);
	judge_rest(s, &v);
	(void)printf("MTA-STS %s - %s", names[v.level],
	    v.text.len > 0 ? v.room : "policies are renewed");
	if (known)
		print_numbers(s);
	(void)putchar('\n');
	return (int)v.level;
}

/* --- Prometheus ----------------------------------------------------------- */

static void
metric(const char *name, const char *help)
{
	(void)printf("# HELP mta_sts_%s %s\n# TYPE mta_sts_%s gauge\n", name,
	    help, name);
}

static void
gauge(const char *name, const char *help, int64_t value)
{
	metric(name, help);
	(void)printf("mta_sts_%s %" PRId64 "\n", name, value);
}

static void
print_policies(const struct survey *v)
{
	metric("policies", "Policies in force, by mode.");
	for (unsigned i = 0; i < SURVEY_MODES; i++)
		(void)printf("mta_sts_policies{mode=\"%s\"} %" PRIu64 "\n",
		    mode_name((enum sts_mode)i), v->in_force[i]);
	gauge("policies_ended", "Policies past their max_age.",
	    (int64_t)v->ended);
	gauge("policies_unused", "Policies not renewed for want of use.",
	    (int64_t)v->unused);
	gauge("policies_damaged", "Policies that cannot be read.",
	    (int64_t)v->damaged);
	gauge("policies_failing", "Policies whose last renewal failed.",
	    (int64_t)v->failing);
	gauge("policies_alert", "Policies not renewed that will run out.",
	    (int64_t)v->alerts);
	gauge("absences", "Domains known to have no usable policy.",
	    (int64_t)v->absences);
	if (v->oldest_fetch > 0)
		gauge("oldest_fetch_timestamp_seconds",
		    "When the oldest policy in force was fetched.",
		    v->oldest_fetch);
	if (v->next.n > 0)
		gauge("next_end_timestamp_seconds",
		    "When the next policy ends, if not renewed.",
		    v->next.item[0].expires);
}

static void
print_refresh(const struct standing *s)
{
	static const char *const results[] = { "renewed", "changed",
		"changed_same_id", "failed", "forgotten", "trouble" };

	if (s->refresh == NULL)
		return;
	gauge("refresh_timestamp_seconds", "When the last refresh ended.",
	    s->refreshed_at);
	gauge("refresh_duration_seconds", "How long it took.",
	    standing_number(s, "seconds"));
	gauge("refresh_exit", "Its exit status.", standing_number(s, "exit"));
	metric("refresh_policies", "What the last refresh came to.");
	for (size_t i = 0; i < sizeof results / sizeof results[0]; i++)
		(void)printf("mta_sts_refresh_policies{result=\"%s\"} %" PRId64
			     "\n",
		    results[i], standing_number(s, results[i]));
}

static void
print_reports(const struct report_seen *r, enum seen signs)
{
	if (!r->on)
		return;
	metric("reports", "TLS reports of the days that are kept.");
	for (unsigned i = 0; i <= JOB_UNWANTED; i++)
		(void)printf("mta_sts_reports{state=\"%s\"} %" PRIu64 "\n",
		    job_state_name((enum job_state)i), r->jobs[i]);
	metric("report_sessions", "Sessions counted today (UTC).");
	(void)printf("mta_sts_report_sessions{result=\"success\"} %" PRIu64
		     "\nmta_sts_report_sessions{result=\"failure\"} %" PRIu64
		     "\n",
	    r->today.success, r->today.failure);
	gauge("reports_late", "Whether no reports were made of a day.",
	    r->late);
	if (signs != SEEN_UNKNOWN)
		gauge("reports_signed",
		    "Whether Exim signs the mails with reports.",
		    signs == SEEN_YES);
}

static void
print_rest(const struct standing *s)
{
	const struct exim_seen *x = &s->exim;

	metric("info", "Versions.");
	(void)printf("mta_sts_info{version=\"" MTA_STS_VERSION
		     "\",exim=\"%s\"} 1\n",
	    x->version);
	if (x->dlfunc != SEEN_UNKNOWN)
		gauge("exim_dlfunc", "Whether Exim has dlfunc.",
		    x->dlfunc == SEEN_YES);
	if (x->active != SEEN_UNKNOWN)
		gauge("active", "Whether Exim's configuration uses MTA-STS.",
		    x->active == SEEN_YES);
	gauge("config_errors", "Errors in mta-sts.conf.", s->config_errors);
	gauge("exceptions", "Exceptions that count.", s->exceptions);
	gauge("exception_errors", "Broken lines among the exceptions.",
	    s->exception_errors);
	gauge("exceptions_ending", "Exceptions that run out within 3 days.",
	    s->ending);
}

int
standing_prometheus(const struct standing *s)
{
	bool known = s->trouble.status == STS_OK;

	gauge("up", "Whether the cache can be read.", known);
	print_rest(s);
	if (!known)
		return EXIT_TROUBLE;
	metric("cache_bytes", "Size of the cache files.");
	(void)printf("mta_sts_cache_bytes{file=\"policies.tdb\"} %" PRIu64
		     "\nmta_sts_cache_bytes{file=\"absent.tdb\"} %" PRIu64
		     "\n",
	    s->bytes, s->absent_bytes);
	if (s->saved_at > 0)
		gauge("cache_saved_timestamp_seconds",
		    "When the last good copy was written.", s->saved_at);
	if (s->check == STS_OK || s->check == STS_DAMAGED)
		gauge("cache_sound", "Whether the cache file is sound.",
		    s->check == STS_OK);
	print_policies(&s->survey);
	print_refresh(s);
	print_reports(&s->reports, s->exim.signs);
	return EXIT_DONE;
}
