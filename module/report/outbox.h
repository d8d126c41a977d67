/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outbox.h - the reports that are on their way, or were: the directory
 * reports/outbox of the cache, in it one for each day, in it a file for each
 * domain (job.h).
 *
 * A file is replaced as a whole and is on the disk before anybody goes on, so
 * that whoever is killed, at whatever step, left either the state before it or
 * the one after it.  What is done stays as a file until its day is forgotten:
 * that is how nothing is sent twice.  One process at a time changes a day. */
#ifndef OUTBOX_H
#define OUTBOX_H

#include "job.h"

enum sts_status outbox_save(const char *dir, const struct job *j,
    struct sts_error *err) STS_CHECKED;
/* *j to be job_free()'d.  STS_MISS; STS_DAMAGED. */
enum sts_status outbox_load(const char *dir, const char *day,
    const char *domain, struct job *j, struct sts_error *err) STS_CHECKED;
bool outbox_has(const char *dir, const char *day, const char *domain);

/* The days that there are, and the domains of one, in order, until each()
 * says no more. */
enum sts_status outbox_days(const char *dir,
    bool (*each)(void *arg, const char *day), void *arg,
    struct sts_error *err) STS_CHECKED;
enum sts_status outbox_domains(const char *dir, const char *day,
    bool (*each)(void *arg, const char *domain), void *arg,
    struct sts_error *err) STS_CHECKED;

/* That there is a file for each domain of the day that wants reports. */
bool outbox_is_complete(const char *dir, const char *day);
enum sts_status outbox_set_complete(const char *dir, const char *day,
    struct sts_error *err) STS_CHECKED;
/* All of a day. */
enum sts_status outbox_forget(const char *dir, const char *day,
    struct sts_error *err) STS_CHECKED;

/* One more report of the day for that host, of max.  STS_WAIT ("too-many"): it
 * has all that it may get. */
enum sts_status outbox_share_take(const char *dir, const char *day,
    const char *host, unsigned max, struct sts_error *err) STS_CHECKED;
/* The host did not get that one. */
void outbox_share_return(const char *dir, const char *day, const char *host);

/* --- for the mail server that was given a report -------------------------- */

/* A report is given to it again when nobody knows whether it took it before.
 * Of such mails the first one to come here is the report's. */
enum outbox_claim {
	CLAIM_FIRST, /* ... also when it comes again, or is none of ours */
	CLAIM_AGAIN, /* another mail with the same report was here before */
	CLAIM_UNKNOWN /* our trouble: ask again */
};

/* id: what stands in Message-ID, in angle brackets; mail: the mail server's
 * own name for it, of letters, digits and '-'. */
enum outbox_claim outbox_claim(const char *dir, const char *id,
    const char *mail, struct sts_error *err);

#endif
