/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_tls.h - the certificate of a policy host (RFC 8461 3.3, RFC 6125). */
#ifndef FETCH_TLS_H
#define FETCH_TLS_H

#include <stdbool.h>
#include "../protocol/status.h"

struct fetch_tls {
	const char *host;
	bool ended; /* the server has said goodbye: nothing was cut off */
};

/* Makes every handshake of ctx (an SSL_CTX) fail unless the certificate has
 * t->host as a DNS-ID, and notes in *t how its connections end.  *t is
 * borrowed for the life of ctx.  False: no memory. */
bool fetch_tls_require(void *ctx, struct fetch_tls *t) STS_CHECKED;

/* OpenSSL's verify result (X509_V_ERR_...) as STS_CERT with a word. */
enum sts_status fetch_tls_error(long result, const char *host,
    struct sts_error *err);

#endif
