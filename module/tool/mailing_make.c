/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mailing_make.c - make the reports of the days that are over. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <syslog.h>
#include "../protocol/text.h"
#include "../report/tlsrpt_lookup.h"
#include "mailing.h"

#define DAY 86400 /* seconds */
#define STRAGGLERS 60 /* seconds that who counts may be late */

/* --- the reports of a day ------------------------------------------------- */

struct making {
	struct mailing *m;
	const char *day;
	bool (*each)(void *arg, const char *domain, struct report *r,
	    const char *id);
	void *arg;
	/* of the domain whose rows are coming */
	char domain[STS_DOMAIN_MAX + 1]; /* "": none yet */
	char id[JOB_ID_MAX + 1];
	struct report report;
	bool stopped;
	bool broken; /* not every domain has what it should */
};

/* For nobody to guess, and nobody's else: RFC 8460 4.4, 5.3. */
static void
make_id(const struct making *k, char id[JOB_ID_MAX + 1])
{
	uint64_t unique = 0;
	struct text t;

	while (getrandom(&unique, sizeof unique, 0) != (ssize_t)sizeof unique)
		;
	text_init(&t, id, JOB_ID_MAX + 1);
	text_addf(&t, "%s.%016" PRIx64 "@%s", k->day, unique,
	    report_submitter(k->m->tool->config.tlsrpt.contact));
}

/* Whether a domain gets what was counted of it. */
static bool
is_told(const struct making *k)
{
	const struct config *c = &k->m->tool->config;
	const struct report *r = &k->report;

	return (c->tlsrpt.success || r->failure > 0 || r->details > 0) &&
	    !config_excludes(c, k->domain);
}

static void
end_domain(struct making *k)
{
	if (k->domain[0] == '\0')
		return;
	if (is_told(k) && !k->stopped)
		k->stopped = !k->each(k->arg, k->domain, &k->report, k->id);
	report_end(&k->report);
	k->domain[0] = '\0';
}

static void
begin_domain(struct making *k, const char *domain)
{
	const struct config_tlsrpt *c = &k->m->tool->config.tlsrpt;
	struct report_head h = { c->org, c->contact, k->id, k->day };

	memcpy(k->domain, domain, strlen(domain) + 1);
	make_id(k, k->id);
	report_begin(&k->report, &h);
}

/* The name is about to be that of a file. */
static bool
is_canonical(const char *domain)
{
	char canonical[STS_DOMAIN_MAX + 1];

	return domain_canon(domain, canonical, NULL) == STS_OK &&
	    strcmp(domain, canonical) == 0;
}

static bool
take_row(void *arg, const struct day_row *row)
{
	struct making *k = arg;

	if (strcmp(k->domain, row->domain) != 0) {
		end_domain(k);
		if (!is_canonical(row->domain))
			return !k->stopped;
		begin_domain(k, row->domain);
	}
	report_add(&k->report, row);
	return !k->stopped;
}

enum sts_status
mailing_reports(struct mailing *m, const char *day,
    bool (*each)(void *arg, const char *domain, struct report *r,
	const char *id),
    void *arg, struct sts_error *err)
{
	struct making k = { .m = m, .day = day, .each = each, .arg = arg };
	enum sts_status status;

	status = day_each(m->tool->config.cache_dir, day, take_row, &k, err);
	k.stopped |= status != STS_OK;
	end_domain(&k);
	return status;
}

/* --- days ----------------------------------------------------------------- */

struct choosing {
	struct mailing *m;
	bool (*each)(void *arg, const char *day);
	void *arg;
};

static bool
choose_day(void *arg, const char *day)
{
	const struct choosing *c = arg;
	const struct mailing *m = c->m;
	int64_t end = (int64_t)day_begin(day) + DAY;

	if (m->only_day != NULL && strcmp(m->only_day, day) != 0)
		return true;
	if (end + STRAGGLERS > m->now ||
	    end + (int64_t)MAILING_KEPT_DAYS * DAY <= m->now ||
	    outbox_is_complete(m->tool->config.cache_dir, day))
		return true;
	return c->each(c->arg, day);
}

enum sts_status
mailing_days(struct mailing *m, bool (*each)(void *arg, const char *day),
    void *arg, struct sts_error *err)
{
	struct choosing c = { m, each, arg };

	return day_list(m->tool->config.cache_dir, choose_day, &c, err);
}

/* --- where they go -------------------------------------------------------- */

/* RFC 8460 3: one of them is enough.  HTTPS first: who takes it there has it.
 */
void
mailing_choose(const struct tlsrpt_record *r, struct job *j)
{
	static const enum tlsrpt_kind order[] = { TLSRPT_HTTPS,
		TLSRPT_MAILTO };

	j->n = 0;
	for (size_t k = 0; k < sizeof order / sizeof *order; k++)
		for (unsigned i = 0; i < r->n; i++)
			if (r->rua[i].kind == order[k])
				j->target[j->n++].rua = r->rua[i];
}

/* --- jobs ----------------------------------------------------------------- */

static unsigned
random_delay(unsigned spread)
{
	uint32_t n = 0;

	if (spread == 0 || getrandom(&n, sizeof n, 0) != (ssize_t)sizeof n)
		return 0;
	return (unsigned)((uint64_t)n * (spread + UINT64_C(1)) >> 32);
}

/* The look-up is done, where it could be; who does not answer will be asked
 * again when the report is due.  False: the domain wants none. */
static bool
find_targets(const struct mailing *m, struct job *j)
{
	struct tlsrpt_record record;
	enum sts_status status = tlsrpt_known(m->tool->config.cache_dir,
	    j->domain, time(NULL), &record);

	if (status == STS_OK)
		mailing_choose(&record, j);
	return status != STS_ABSENT;
}

static bool
make_job(void *arg, const char *domain, struct report *r, const char *id)
{
	struct making *k = arg;
	struct mailing *m = k->m;
	struct job j = { .created = m->now };
	enum sts_status status;
	struct sts_error err;

	if (outbox_has(m->tool->config.cache_dir, k->day, domain))
		return true;
	memcpy(j.day, k->day, sizeof j.day);
	memcpy(j.domain, domain, strlen(domain) + 1);
	memcpy(j.id, id, strlen(id) + 1);
	j.next = m->now + random_delay(m->spread);
	j.sessions = r->success + r->failure;
	if (!find_targets(m, &j))
		return true;
	j.report = report_text(r, false);
	if (j.report == NULL)
		status = error_set(&err, STS_NOMEM, "memory", "out of memory");
	else
		status = outbox_save(m->tool->config.cache_dir, &j, &err);
	if (status == STS_OK)
		m->made++;
	else
		mailing_trouble(m, &err);
	k->broken |= status != STS_OK;
	job_free(&j);
	return status == STS_OK;
}

/* DNS may be slow: many are asked at a time, and the answers remembered. */
static bool
ask_for(void *arg, const char *domain, struct report *r, const char *id)
{
	const struct making *k = arg;
	char job[WORKERS_JOB_MAX];

	(void)r;
	(void)id;
	(void)snprintf(job, sizeof job, "? %s", domain);
	return outbox_has(k->m->tool->config.cache_dir, k->day, domain) ||
	    workers_give(k->m->workers, job);
}

static bool
make_day(void *arg, const char *day)
{
	struct mailing *m = arg;
	struct making k = { .m = m, .day = day };
	struct sts_error err;

	if (mailing_reports(m, day, ask_for, &k, &err) != STS_OK) {
		mailing_trouble(m, &err);
		return true;
	}
	workers_finish(m->workers);
	if (mailing_reports(m, day, make_job, &k, &err) != STS_OK)
		mailing_trouble(m, &err);
	else if (!k.broken) {
		m->days++;
		if (outbox_set_complete(m->tool->config.cache_dir, day, &err) !=
		    STS_OK)
			mailing_trouble(m, &err);
	}
	return true;
}

void
mailing_make(struct mailing *m)
{
	struct sts_error err;

	if (mailing_days(m, make_day, m, &err) != STS_OK)
		mailing_trouble(m, &err);
}
