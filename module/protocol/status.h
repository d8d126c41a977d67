/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status.h - why something did not work: one reason for programs, one word
 * for logs and counters, one sentence for people. */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>
#include <stddef.h>

#define STS_CHECKED __attribute__((warn_unused_result))
#define STS_WORD_MAX 31u /* bytes; [a-z0-9-] */
#define STS_TEXT_MAX 199u /* bytes; printable ASCII */

/* Zero is success; every other value says whose trouble it is.  The tables in
 * status.c are total over it (-Wswitch-enum): no reason can be forgotten.
 * The numbers are written into the cache: add at the end, never renumber. */
enum sts_status {
	STS_OK = 0,
	STS_ABSENT = 1, /* domain: no MTA-STS record (RFC 8461 3.1) */
	STS_RECORD = 2, /* remote: the TXT record is invalid, or two are */
	STS_DNS = 3, /* remote: SERVFAIL, time-out, garbage; ask again */
	STS_FETCH = 4, /* remote: name, connect, HTTP, size or time (3.3) */
	STS_CERT = 5, /* remote: the policy host's certificate (3.3) */
	STS_POLICY = 6, /* remote: the policy text is invalid (3.2) */
	STS_WAIT = 7, /* remote: failed lately, backing off (3.3); or busy */
	STS_DOMAIN = 8, /* local: the argument is not a mail domain (3.4) */
	STS_MISS = 9, /* cache: nothing under this key */
	STS_DAMAGED = 10, /* cache: a value or the file fails its checks */
	STS_NOMEM = 11, /* local */
	STS_SYSTEM = 12 /* local: a system call, a file, a right */
};

/* Filled on failure only.  Both strings are always terminated, printable
 * ASCII without line ends: nothing remote can forge a log line with them.
 * Every function that takes one takes NULL for "not interested". */
struct sts_error {
	enum sts_status status;
	char word[STS_WORD_MAX + 1]; /* "http-404", "cert-expired", ... */
	char text[STS_TEXT_MAX + 1];
};

/* Fills err (or nothing when it is NULL) and returns status, so that a
 * failing function can end with it.  word must be [a-z0-9-]; what is not
 * becomes '-'.  The formatted text is cut at STS_TEXT_MAX and every byte that
 * is not printable ASCII becomes '?'. */
enum sts_status error_set(struct sts_error *err, enum sts_status status,
    const char *word, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The status as a stable word: "absent", "dns", "fetch", ...  Never NULL. */
const char *status_name(enum sts_status status);

/* RFC 8460 4.3: the result type that a report gives this failure
 * ("sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"),
 * or NULL where none applies. */
const char *status_tlsrpt(enum sts_status status);

#endif
