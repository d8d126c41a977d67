/* SPDX-License-Identifier: GPL-2.0-or-later */
/* job.h - a report on its way: what it says, where it may go, and what came of
 * that so far; as the text of a file of the outbox (outbox.h), too. */
#ifndef JOB_H
#define JOB_H

#include "../protocol/domain.h"
#include "day.h"
#include "tlsrpt_record.h"

#define JOB_UNIQUE 16u /* hexadecimal digits */
/* "2026-03-01.0123456789abcdef@SUBMITTER" */
#define JOB_ID_MAX (DAY_NAME + JOB_UNIQUE + 1u + STS_DOMAIN_MAX)
#define JOB_TEXT_MAX 1048576u /* bytes of a file */

enum job_state {
	JOB_WAITING, /* to be sent, or tried again */
	JOB_SENT, /* RFC 8460 3: one target has taken it */
	JOB_FAILED, /* given up */
	JOB_UNWANTED /* the domain has no TLSRPT record, after all */
};

enum target_state {
	TARGET_UNTRIED, /* or it did not take it */
	TARGET_TRYING, /* about to be given it; perhaps it has it */
	TARGET_TOOK
};

struct job_target {
	struct tlsrpt_rua rua;
	enum target_state state;
	bool counted; /* among the reports that its host gets of the day */
	char word[STS_WORD_MAX + 1]; /* why it did not take it; "" */
};

struct job {
	char day[DAY_NAME];
	char domain[STS_DOMAIN_MAX + 1];
	char id[JOB_ID_MAX + 1]; /* of the report, and of the mail with it */
	char *report; /* JSON; owned */
	int64_t created; /* seconds since 1970 UTC */
	int64_t tried; /* for the first time; 0: not yet */
	int64_t next; /* when it is due */
	unsigned tries;
	enum job_state state;
	uint64_t sessions; /* in it */
	/* None: nobody knows yet whether the domain wants reports. */
	struct job_target target[TLSRPT_RUA_MAX];
	unsigned n;
	char word[STS_WORD_MAX + 1]; /* the last trouble; "" */
};

void job_free(struct job *j);

const char *job_state_name(enum job_state state);
/* "mailto:" and the address, or the URL. */
void job_target_text(const struct job_target *t, struct text *out);

/* To be freed; NULL: no memory. */
char *job_write(const struct job *j, size_t *len);
/* What job_write() wrote for that day and domain.  STS_DAMAGED: it did not;
 * then *j is empty. */
enum sts_status job_read(const char *p, size_t len, const char *day,
    const char *domain, struct job *j) STS_CHECKED;

#endif
