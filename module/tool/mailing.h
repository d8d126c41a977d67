/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mailing.h - one run of `mta-sts report`, for its files only. */
#ifndef MAILING_H
#define MAILING_H

#include "../net/workers.h"
#include "../report/outbox.h"
#include "../report/report.h"
#include "../store/flight.h"
#include "tool.h"

#define MAILING_KEPT_DAYS 10 /* counters and reports, for people to look at */
#define MAILING_RETRY 86400 /* seconds; RFC 8460 5.5 */

/* What came of one job in a worker. */
enum attempt_end {
	ATTEMPT_LOST, /* with its worker, whose result would be another */
	ATTEMPT_ASKED, /* the TLSRPT record was looked for, no more */
	ATTEMPT_SENT,
	ATTEMPT_PERHAPS, /* perhaps sent, and never to be tried again */
	ATTEMPT_LATER,
	ATTEMPT_FAILED, /* given up */
	ATTEMPT_UNWANTED,
	ATTEMPT_TROUBLE /* of our own */
};

struct attempt {
	enum attempt_end end;
	char word[STS_WORD_MAX + 1];
	char text[STS_TEXT_MAX + 1];
	char to[TLSRPT_URI_MAX + 8]; /* who took it */
};

struct mailing {
	struct tool *tool;
	const char *only_day; /* or NULL */
	int64_t now; /* seconds since 1970 UTC */
	unsigned spread; /* seconds */
	struct workers_plan plan;
	struct workers *workers;
	struct flight lock;
	/* what came of it */
	unsigned days; /* of which reports were made */
	unsigned made;
	unsigned sent;
	unsigned later;
	unsigned failed;
	unsigned unwanted;
	unsigned waiting; /* not due yet */
	unsigned trouble;
	char error[STS_TEXT_MAX + 1]; /* the first of it */
};

void mailing_trouble(struct mailing *m, const struct sts_error *err);

/* --- mailing_make.c ------------------------------------------------------- */

/* Writes a file of the outbox for each domain that there is something to tell
 * of a day that is over, and that wants to hear it. */
void mailing_make(struct mailing *m);
/* The days that there are counters of and no reports yet, to each(). */
enum sts_status mailing_days(struct mailing *m,
    bool (*each)(void *arg, const char *day), void *arg,
    struct sts_error *err) STS_CHECKED;
/* Calls each() with a report, not ended, for every domain of the day that is
 * told of. */
enum sts_status mailing_reports(struct mailing *m, const char *day,
    bool (*each)(void *arg, const char *domain, struct report *r,
	const char *id),
    void *arg, struct sts_error *err) STS_CHECKED;
/* Fills j's targets from a record. */
void mailing_choose(const struct tlsrpt_record *r, struct job *j);

/* --- mailing_send.c ------------------------------------------------------- */

/* Sends what is due, and forgets what is old. */
void mailing_send(struct mailing *m);
/* In a worker: a job of plan.work(). */
void mailing_work(void *arg, const char *job, void *result);
void mailing_done(void *arg, const char *job, const void *result);

#endif
