/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report_seen.c - what was counted for TLS reports, and what was sent. */
#include "report_seen.h"
#include <string.h>
#include "../report/outbox.h"

#define DAY 86400 /* seconds */
#define LATE 21600 /* seconds after the day's end */

struct looking {
	const struct tool *tool;
	struct report_seen *seen;
	int64_t now;
	const char *day; /* whose jobs are coming */
	struct report_day *counts; /* whose rows are coming */
	char domain[STS_DOMAIN_MAX + 1]; /* of the row before */
};

static bool
see_row(void *arg, const struct day_row *row)
{
	struct looking *l = arg;

	if (strcmp(l->domain, row->domain) != 0 &&
	    strlen(row->domain) <= STS_DOMAIN_MAX) {
		l->counts->domains++;
		memcpy(l->domain, row->domain, strlen(row->domain) + 1);
	}
	l->counts->success += row->success;
	l->counts->failure += row->failure;
	return true;
}

static void
count_day(struct looking *l, int64_t when, struct report_day *counts)
{
	enum sts_status status;
	char day[DAY_NAME];

	day_name((time_t)when, day);
	l->counts = counts;
	l->domain[0] = '\0';
	status = day_each(l->tool->config.cache_dir, day, see_row, l, NULL);
	(void)status; /* nothing was counted */
}

static bool
see_day(void *arg, const char *day)
{
	const struct looking *l = arg;

	if ((int64_t)day_begin(day) + DAY + LATE <= l->now &&
	    !outbox_is_complete(l->tool->config.cache_dir, day))
		l->seen->late = true;
	return true;
}

static bool
see_job(void *arg, const char *domain)
{
	const struct looking *l = arg;
	struct report_seen *r = l->seen;
	struct job j;

	if (outbox_load(l->tool->config.cache_dir, l->day, domain, &j, NULL) !=
	    STS_OK)
		return true;
	r->jobs[j.state]++;
	if (j.state == JOB_WAITING && (r->next == 0 || j.next < r->next))
		r->next = j.next;
	job_free(&j);
	return true;
}

static bool
see_jobs(void *arg, const char *day)
{
	struct looking *l = arg;
	enum sts_status status;

	l->day = day;
	status = outbox_domains(l->tool->config.cache_dir, day, see_job, l,
	    NULL);
	(void)status; /* the next day, then */
	return true;
}

void
report_look(const struct tool *t, int64_t now, struct report_seen *r)
{
	struct looking l = { .tool = t, .seen = r, .now = now };
	enum sts_status days, jobs;

	memset(r, 0, sizeof *r);
	r->on = t->config.tlsrpt.contact[0] != '\0' && t->config.tlsrpt.db;
	if (!r->on)
		return;
	count_day(&l, now, &r->today);
	count_day(&l, now - DAY, &r->yesterday);
	days = day_list(t->config.cache_dir, see_day, &l, NULL);
	jobs = outbox_days(t->config.cache_dir, see_jobs, &l, NULL);
	(void)days; /* what cannot be seen is told of as part of the cache */
	(void)jobs;
}
