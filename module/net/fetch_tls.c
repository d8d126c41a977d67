/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_tls.c - the certificate of a policy host, checked by OpenSSL. */
#include "fetch_tls.h"
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* RFC 8461 3.3: the policy host is in a DNS-ID of the certificate; a wildcard
 * is a whole left-most label.  libcurl would take a common name too. */
#define HOST_FLAGS                             \
	(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | \
	    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)

/* Our place in an SSL_CTX. */
static int
place(void)
{
	static int index = -1;

	if (index < 0)
		index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
	return index;
}

static struct fetch_tls *
whose(const SSL *ssl)
{
	return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), place());
}

static void
on_event(const SSL *ssl, int where, int value)
{
	struct fetch_tls *t = whose(ssl);

	/* The low byte of value is the alert (RFC 8446 6.1). */
	if (t != NULL && where == SSL_CB_READ_ALERT &&
	    (value & 0xff) == SSL_AD_CLOSE_NOTIFY)
		t->ended = true;
}

/* Not libcurl's CURLINFO_SSL_VERIFYRESULT: in 8.23 it has lost the reason. */
static int
on_verify(int ok, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store,
	    SSL_get_ex_data_X509_STORE_CTX_idx());
	struct fetch_tls *t = whose(ssl);

	if (!ok && t != NULL && t->result == X509_V_OK)
		t->result = X509_STORE_CTX_get_error(store);
	return ok;
}

bool
fetch_tls_require(void *ctx, struct fetch_tls *t)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);

	X509_VERIFY_PARAM_set_hostflags(param, HOST_FLAGS);
	SSL_CTX_set_info_callback(ctx, on_event);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
	return SSL_CTX_set_ex_data(ctx, place(), t) == 1 &&
	    X509_VERIFY_PARAM_set1_host(param, t->host, 0) == 1;
}

void
fetch_tls_warm(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = ctx != NULL ? SSL_new(ctx) : NULL;

	(void)place();
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

static const char *
word_of(long fault)
{
	switch (fault) {
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
fetch_tls_error(const struct fetch_tls *t, struct sts_error *err)
{
	long fault = t->result;

	if (fault == X509_V_OK)
		fault = X509_V_ERR_HOSTNAME_MISMATCH;
	return error_set(err, STS_CERT, word_of(fault),
	    "certificate of %.100s: %s", t->host,
	    X509_verify_cert_error_string(fault));
}
