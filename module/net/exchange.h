/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exchange.h - one DNS question to the servers of this host, and the answer
 * of the first that has one, within one time limit. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <resolv.h>
#include "stream.h"

/* What we take over UDP (EDNS0, RFC 6891): fits one packet on any path. */
#define EXCHANGE_UDP_MAX 1232u /* bytes */

struct exchange {
	struct nameserver server[MAXNS];
	size_t n;
	bool stream_only;
	int64_t deadline; /* clock.h */
};

struct exchange_answer {
	const unsigned char *p; /* into udp or stream */
	size_t len;
	unsigned char *stream; /* malloc'ed when TCP was needed, or NULL */
	unsigned char udp[EXCHANGE_UDP_MAX];
};

/* Asks query[len]: a header and one question, nothing more; the EDNS0 record
 * is added here, and left out for a server that does not know it.  STS_OK with
 * an answer of code NOERROR or NXDOMAIN, whole, to just this question; its
 * records are unread.  STS_DNS ("servfail", "refused", "dns-timeout",
 * "dns-unreachable", "dns-garbage"); STS_SYSTEM, STS_NOMEM.  Whatever comes
 * of it, *out is ready for exchange_answer_free(). */
enum sts_status exchange_ask(const struct exchange *x,
    const unsigned char *query, size_t len, struct exchange_answer *out,
    struct sts_error *err) STS_CHECKED;
void exchange_answer_free(struct exchange_answer *a);

#endif
