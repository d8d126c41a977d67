/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolve.h - one TXT question (RFC 8461 3.1), within one time limit.
 *
 * libresolv builds the question, knows the servers of resolv.conf and reads
 * the answer.  The exchange itself is ours: libresolv's own has no time limit
 * over TCP, counts in whole seconds, and tells SERVFAIL from a time-out by
 * accident only. */
#ifndef RESOLVE_H
#define RESOLVE_H

#include <stdint.h>
#include "../protocol/scan.h"
#include "../protocol/status.h"

struct txt_set {
	struct bytes *rec; /* records, the strings of each joined */
	size_t n;
	uint32_t ttl; /* seconds, the smallest on the way */
};

/* Asks for name IN TXT, CNAMEs followed, until deadline (clock.h).
 * STS_OK: at least one record; free *out with txt_set_free().
 * STS_ABSENT: NXDOMAIN (word "nxdomain") or no TXT there (word "nodata").
 * STS_DNS: word "servfail", "refused", "dns-timeout", "dns-garbage",
 * "dns-unreachable".  STS_SYSTEM, STS_NOMEM: ours. */
enum sts_status resolve_txt(const char *name, int64_t deadline,
    struct txt_set *out, struct sts_error *err) STS_CHECKED;
void txt_set_free(struct txt_set *set);

/* The answer's bytes, already matched to a question for name, read into a
 * set.  Pure; resolve_txt() ends with it, tests and fuzzers begin here. */
enum sts_status resolve_read(const unsigned char *answer, size_t len,
    const char *name, struct txt_set *out, struct sts_error *err) STS_CHECKED;

#endif
