/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blame.c - which result of RFC 8460 4.3 an event of Exim's stands for. */
#include "blame.h"
#include "../protocol/match.h"
#include "words.h"

static void
set(struct blame *b, enum report_result result, const char *reason)
{
	b->result = result;
	b->dane = false;
	(void)words_copy(b->reason, REPORT_WORDS_MAX, reason, strlen(reason));
}

/* --- certificates --------------------------------------------------------- */

struct facts {
	struct bytes not_before; /* digits; empty: unknown */
	struct bytes not_after;
	bool self_signed;
	struct bytes names; /* dNSNames of the SAN, ';' between */
};

static struct bytes
take_until(struct scan *s, char end)
{
	struct bytes b = { s->p, 0 };

	while (!scan_done(s) && *s->p != end) {
		s->p++;
		b.len++;
	}
	if (!scan_done(s))
		s->p++;
	return b;
}

static bool
read_facts(const struct event *e, struct facts *f)
{
	struct bytes all = e->field[EVENT_CERT];
	struct scan s = scan_over(all.p, all.len);

	if (all.len == 0)
		return false;
	f->not_before = take_until(&s, ',');
	f->not_after = take_until(&s, ',');
	f->self_signed = take_until(&s, ',').len > 0;
	f->names.p = s.p;
	f->names.len = scan_left(&s);
	return true;
}

/* Seconds since 1970; 0 for what is no number. */
static int64_t
time_of(struct bytes digits)
{
	int64_t t = 0;

	if (digits.len == 0 || digits.len > 12)
		return 0;
	for (size_t i = 0; i < digits.len; i++) {
		if (!ascii_is_digit(digits.p[i]))
			return 0;
		t = t * 10 + (digits.p[i] - '0');
	}
	return t;
}

/* RFC 8461 4.2, RFC 6125 6.4.3: in the SAN, a wildcard for one label. */
static bool
names_host(struct bytes names, const char *host)
{
	struct scan s = scan_over(names.p, names.len);
	char pattern[REPORT_NAME_MAX + 1];

	while (!scan_done(&s)) {
		struct bytes name = take_until(&s, ';');

		if (name.len > REPORT_NAME_MAX)
			continue;
		(void)words_copy(pattern, REPORT_NAME_MAX, name.p, name.len);
		if (match_pattern(pattern, host))
			return true;
	}
	return false;
}

/* The first of these that is true of the certificate. */
static void
blame_certificate(const struct event *e, time_t now, struct blame *b)
{
	struct facts f;

	if (!read_facts(e, &f))
		set(b, RESULT_CERTIFICATE_NOT_TRUSTED, "");
	else if (time_of(f.not_after) > 0 && time_of(f.not_after) < now)
		set(b, RESULT_CERTIFICATE_EXPIRED, "");
	else if (time_of(f.not_before) > now)
		set(b, RESULT_CERTIFICATE_NOT_TRUSTED,
		    "certificate-not-yet-valid");
	/* OpenSSL shows the one that failed: a CA's has no such names. */
	else if (f.names.len == 0 && f.self_signed)
		set(b, RESULT_CERTIFICATE_NOT_TRUSTED,
		    "self-signed-certificate");
	else if (f.names.len == 0)
		set(b, RESULT_CERTIFICATE_HOST_MISMATCH,
		    "no-subject-alt-name");
	else if (!names_host(f.names, e->host))
		set(b, RESULT_CERTIFICATE_HOST_MISMATCH, "");
	else
		set(b, RESULT_CERTIFICATE_NOT_TRUSTED,
		    f.self_signed ? "self-signed-certificate"
				  : "untrusted-issuer");
}

/* --- hosts that failed ---------------------------------------------------- */

static bool
says(const struct event *e, const char *words)
{
	return strstr(e->data, words) != NULL;
}

/* Exim's words before what the TLS library says. */
static const char *
library_words(const char *data)
{
	static const char exims[] = "TLS session: ";

	return strncmp(data, exims, sizeof exims - 1) == 0
	    ? data + sizeof exims - 1
	    : data;
}

/* GnuTLS: "(certificate verification failed)[: why]", and "Error in the
 * certificate" where our own look at it refused it.  OpenSSL: "certificate
 * verify failed". */
static bool
is_about_certificate(const struct event *e)
{
	return says(e, "certificate verif") ||
	    says(e, "Error in the certificate");
}

bool
blame_has_tlsa(const struct event *e)
{
	return e->field[EVENT_TLSA].len > 0 && !event_has(e, EVENT_TLSA, "0");
}

/* OpenSSL has no other text for it.  GnuTLS has, and Exim 4.96 does not forget
 * the usage when it goes on to the next host. */
static bool
is_openssl_dane(const struct event *e)
{
	return says(e, "SSL_connect") && is_about_certificate(e) &&
	    blame_has_tlsa(e);
}

static void
blame_tls(const struct event *e, time_t now, struct blame *b)
{
	if (says(e, "TLSA record problem") || says(e, "usable TLSA")) {
		set(b, RESULT_TLSA_INVALID, "all-tlsa-records-unusable");
		b->dane = true;
	} else if (says(e, "certificate differs") || is_openssl_dane(e)) {
		set(b, RESULT_VALIDATION_FAILURE, "dane-no-match");
		b->dane = true;
	} else if (says(e, "revoked"))
		set(b, RESULT_CERTIFICATE_NOT_TRUSTED, "certificate-revoked");
	else if (is_about_certificate(e))
		blame_certificate(e, now, b);
	else
		set(b, RESULT_VALIDATION_FAILURE, library_words(e->data));
}

static void
blame_starttls(const struct event *e, struct blame *b)
{
	if (strncmp(e->data, "SMTP error", 10) == 0)
		set(b, RESULT_STARTTLS_NOT_SUPPORTED, "starttls-rejected");
	else
		set(b, RESULT_VALIDATION_FAILURE, "no-answer-to-starttls");
	b->dane = blame_has_tlsa(e);
}

bool
blame_host(const struct event *e, time_t now, struct blame *b)
{
	if (strcmp(e->error, EVENT_TLS_REQUIRED) == 0)
		set(b, RESULT_STARTTLS_NOT_SUPPORTED,
		    says(e, "attempt to start TLS failed")
			? "starttls-rejected"
			: "");
	else if (strcmp(e->error, EVENT_TLS_FAILURE) == 0)
		blame_tls(e, now, b);
	else if (event_failed_at_starttls(e))
		blame_starttls(e, b);
	else
		return false;
	return true;
}

/* Exim took its words from RFC 8460. */
bool
blame_dane(const char *said, struct blame *b)
{
	static const struct {
		const char *data;
		enum report_result result;
		const char *reason;
	} rows[] = {
		{ "dnssec-invalid", RESULT_DNSSEC_INVALID, "" },
		{ "dane-required", RESULT_DANE_REQUIRED, "" },
		{ "starttls-not-supported", RESULT_STARTTLS_NOT_SUPPORTED,
		    "" },
		{ "validation-failure", RESULT_VALIDATION_FAILURE,
		    "dane-no-match" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(said, rows[i].data) == 0) {
			set(b, rows[i].result, rows[i].reason);
			b->dane = true;
			return true;
		}
	return false;
}

bool
blame_session(const struct event *e, time_t now, struct blame *b)
{
	struct facts f;

	if (event_is_too_old(e))
		set(b, RESULT_VALIDATION_FAILURE, "tls-version-before-1.2");
	/* GnuTLS falls back to the CN of a certificate without a SAN. */
	else if (!event_has(e, EVENT_CV, "1") ||
	    (read_facts(e, &f) && f.names.len == 0))
		blame_certificate(e, now, b);
	else
		return false;
	return true;
}
