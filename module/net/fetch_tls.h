/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_tls.h - the certificate of a policy host (RFC 8461 3.3, RFC 6125). */
#ifndef FETCH_TLS_H
#define FETCH_TLS_H

#include <stdbool.h>
#include "../protocol/status.h"

struct fetch_tls {
	const char *host;
	bool ended; /* the server has said goodbye: nothing was cut off */
	long result; /* X509_V_ERR_... of the certificate; 0: none found */
};

/* Makes every handshake of ctx (an SSL_CTX) fail unless the certificate has
 * t->host as a DNS-ID, and notes in *t how its connections go.  *t is
 * borrowed for the life of ctx.  False: no memory. */
bool fetch_tls_require(void *ctx, struct fetch_tls *t) STS_CHECKED;

/* STS_CERT with the word for t->result; without one it is libcurl that does not
 * find t->host in the certificate. */
enum sts_status fetch_tls_error(const struct fetch_tls *t,
    struct sts_error *err);

/* Has OpenSSL find what a handshake needs, for processes forked later. */
void fetch_tls_warm(void);

#endif
