/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_tls.c - the certificate of a policy host, checked by OpenSSL. */
#include "fetch_tls.h"
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* RFC 8461 3.3: the policy host is in a DNS-ID of the certificate; a wildcard
 * is a whole left-most label.  libcurl would take a common name too. */
#define HOST_FLAGS \
	(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)

bool
fetch_tls_require(void *ctx, const char *host)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);

	X509_VERIFY_PARAM_set_hostflags(param, HOST_FLAGS);
	return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static const char *
word_of(long result)
{
	switch (result) {
	case X509_V_OK: /* libcurl's own look at the name */
	case X509_V_ERR_HOSTNAME_MISMATCH:
		return "cert-name";
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "cert-expired";
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "cert-not-yet-valid";
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
	case X509_V_ERR_CERT_REJECTED:
		return "cert-untrusted";
	default:
		return "cert-invalid";
	}
}

enum sts_status
fetch_tls_error(long result, const char *host, struct sts_error *err)
{
	if (result == X509_V_OK)
		result = X509_V_ERR_HOSTNAME_MISMATCH;
	return error_set(err, STS_CERT, word_of(result),
	    "certificate of %.100s: %s", host,
	    X509_verify_cert_error_string(result));
}
