/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_blame.c - which result of RFC 8460 4.3 an event stands for. */
#include "rows.h"
#include <stdio.h>
#include <string.h>
#include "../../module/report/blame.h"

#define NOW 1700000000
#define HOST "mx.a.test"
/* not before, not after, self-signed or not, SAN */
#define GOOD "1600000000,1800000000,,mx.a.test"
#define EXPIRED "1600000000,1699999999,,mx.a.test"
#define GNUTLS "TLS session: (certificate verification failed)"
#define INVALID GNUTLS ": certificate invalid"
#define OPENSSL                                                     \
	"TLS session: (SSL_connect): error:0A000086:SSL routines::" \
	"certificate verify failed"

static void
make_event(struct event *e, const char *const argv[], char *packed,
    size_t size, const char *sess, const char *cert)
{
	const char *args[EVENT_ARGS];

	memcpy(args, argv, 6 * sizeof args[0]);
	/* The usage stands before the certificate, where it matters. */
	(void)snprintf(packed, size, "testing|192.0.2.1|%s||id||%s%s",
	    sess, cert[0] == '3' ? "" : "0|", cert);
	args[6] = packed;
	assert_true(event_read(EVENT_ARGS, args, e));
}

/* --- hosts that failed ---------------------------------------------------- */

static const struct host_row {
	const char *name;
	const char *error;
	const char *data;
	const char *cert;
	unsigned want; /* 0: not TLS */
	const char *reason;
	bool dane;
} host_rows[] = {
	{ "no STARTTLS", "-38",
	    "a TLS session is required, but the server did not offer TLS "
	    "support",
	    "", 201, "", false },
	{ "STARTTLS refused", "-38",
	    "a TLS session is required, but an attempt to start TLS failed",
	    "", 201, "starttls-rejected", false },
	{ "STARTTLS refused, as a 4xx is told", "0",
	    "SMTP error from remote mail server after STARTTLS: 454 no", "",
	    201, "starttls-rejected", false },
	{ "DANE: STARTTLS refused for now", "0",
	    "SMTP error from remote mail server after STARTTLS: 454 no", "3|",
	    201, "starttls-rejected", true },
	{ "DANE: STARTTLS not answered", "110", "SMTP timeout after STARTTLS",
	    "3|", 205, "no-answer-to-starttls", true },
	{ "STARTTLS not answered", "110", "SMTP timeout after STARTTLS", "",
	    205, "no-answer-to-starttls", false },
	{ "a broken handshake (GnuTLS)", "-37",
	    "TLS session: (gnutls_handshake): An unexpected TLS packet was "
	    "received.",
	    "", 205,
	    "(gnutls_handshake): An unexpected TLS packet was received.",
	    false },
	{ "a broken handshake (OpenSSL)", "-37",
	    "TLS session: (SSL_connect): error:0A000126:SSL routines::"
	    "unexpected eof while reading",
	    "", 205,
	    "(SSL_connect): error:0A000126:SSL routines::unexpected eof "
	    "while reading",
	    false },
	{ "a certificate of before does not matter to a handshake", "-37",
	    "TLS session: (gnutls_handshake): x", EXPIRED, 205,
	    "(gnutls_handshake): x", false },
	{ "an expired certificate", "-37", INVALID, EXPIRED, 204, "", false },
	{ "the same by OpenSSL", "-37", OPENSSL, EXPIRED, 204, "", false },
	{ "one not yet valid", "-37", INVALID,
	    "1700000001,1800000000,,mx.a.test", 203,
	    "certificate-not-yet-valid", false },
	{ "one for another name", "-37", GNUTLS,
	    "1600000000,1800000000,,other.test", 202, "", false },
	{ "a name among many", "-37", OPENSSL,
	    "1600000000,1800000000,,x.test;*.a.test;y.test", 203,
	    "untrusted-issuer", false },
	{ "a wildcard stands for one label (RFC 6125 6.4.3)", "-37", OPENSSL,
	    "1600000000,1800000000,,*.test", 202, "", false },
	{ "and not for a part of one", "-37", OPENSSL,
	    "1600000000,1800000000,,m*.a.test", 202, "", false },
	{ "one without a SAN", "-37",
	    "TLS session: (gnutls_handshake): Error in the certificate.",
	    "1600000000,1800000000,,", 202, "no-subject-alt-name", false },
	{ "one that signed itself", "-37", INVALID,
	    "1600000000,1800000000,self,mx.a.test", 203,
	    "self-signed-certificate", false },
	{ "one of an unknown CA", "-37", INVALID, GOOD, 203,
	    "untrusted-issuer", false },
	{ "one revoked", "-37", GNUTLS ": certificate revoked", EXPIRED, 203,
	    "certificate-revoked", false },
	{ "a certificate that is not known", "-37", INVALID, "", 203, "",
	    false },
	{ "facts that are none", "-37", INVALID, ";;,x,,", 202,
	    "no-subject-alt-name", false },
	{ "a separator in a name", "-37", INVALID,
	    "1600000000,1800000000,,a|b;mx.a.test", 203, "untrusted-issuer",
	    false },
	{ "DANE: another certificate", "-37",
	    GNUTLS ": Verification failed. The certificate differs.", GOOD,
	    205, "dane-no-match", true },
	{ "DANE: another certificate, by OpenSSL", "-37", OPENSSL,
	    "3|1600000000,1800000000,,other.test", 205, "dane-no-match",
	    true },
	{ "DANE: of a host before, by GnuTLS", "-37", GNUTLS,
	    "3|1600000000,1800000000,,other.test", 202, "", false },
	{ "a CA that signed itself, as OpenSSL shows it", "-37", OPENSSL,
	    "1600000000,1800000000,self,", 203, "self-signed-certificate",
	    false },
	{ "DANE: no usable record", "-37",
	    GNUTLS ": TLSA record problem: none usable", GOOD, 304,
	    "all-tlsa-records-unusable", true },
	{ "a network that fails", "111", "Connection refused", "", 0, "",
	    false },
	{ "another of Exim's numbers", "-36", "DANE error", "", 0, "", false },
	{ "a stranger's words", "0",
	    "SMTP error from remote mail server after MAIL FROM:<x>: 451 "
	    "SMTP error from remote mail server after STARTTLS",
	    "", 0, "", false },
};

static void
check_host(void **state)
{
	const struct host_row *r = *state;
	const char *const argv[] = { "msg:host:defer", r->data, r->error,
		"a.test", HOST, "192.0.2.25" };
	char packed[400];
	struct event e;
	struct blame b;

	make_event(&e, argv, packed, sizeof packed, "0|no||", r->cert);
	assert_int_equal(blame_host(&e, NOW, &b), r->want != 0);
	if (r->want == 0)
		return;
	assert_int_equal(b.result, r->want);
	assert_string_equal(b.reason, r->reason);
	assert_int_equal(b.dane, r->dane);
}

/* --- sessions under TLS --------------------------------------------------- */

static const struct session_row {
	const char *name;
	const char *packed; /* cv|dane|cipher|sni */
	const char *cert;
	unsigned want; /* 0: nothing is wrong */
	const char *reason;
} session_rows[] = {
	{ "a good one", "1|no|TLS1.3:X:256|", GOOD, 0, "" },
	{ "a good one whose certificate is not known", "1|no|TLS1.3:X:256|",
	    "", 0, "" },
	{ "TLS 1.2", "1|no|TLS1.2:X:256|", GOOD, 0, "" },
	{ "TLS 1.1", "1|no|TLS1.1:X:256|", GOOD, 205,
	    "tls-version-before-1.2" },
	{ "TLS 1.0", "1|no|TLS1.0:X:256|", GOOD, 205,
	    "tls-version-before-1.2" },
	{ "not verified: expired", "0|no|TLS1.3:X:256|", EXPIRED, 204, "" },
	{ "not verified, no reason to be seen", "0|no|TLS1.3:X:256|", GOOD,
	    203, "untrusted-issuer" },
	{ "verified by its CN alone", "1|no|TLS1.3:X:256|",
	    "1600000000,1800000000,,", 202, "no-subject-alt-name" },
};

static void
check_session(void **state)
{
	const struct session_row *r = *state;
	const char *const argv[] = { "smtp:ehlo", "250 mx", "0", "a.test",
		HOST, "192.0.2.25" };
	char packed[400];
	struct event e;
	struct blame b;

	make_event(&e, argv, packed, sizeof packed, r->packed, r->cert);
	assert_int_equal(blame_session(&e, NOW, &b), r->want != 0);
	if (r->want == 0)
		return;
	assert_int_equal(b.result, r->want);
	assert_string_equal(b.reason, r->reason);
}

/* --- dane:fail ------------------------------------------------------------ */

static const struct dane_row {
	const char *name;
	const char *data;
	unsigned want;
	const char *reason;
} dane_rows[] = {
	{ "no valid records (RFC 8460 4.3.2.1)", "dnssec-invalid", 305, "" },
	{ "DANE required", "dane-required", 306, "" },
	{ "no STARTTLS", "starttls-not-supported", 201, "" },
	{ "another certificate", "validation-failure", 205, "dane-no-match" },
	{ "a word of tomorrow", "other", 0, "" },
};

static void
check_dane(void **state)
{
	const struct dane_row *r = *state;
	struct blame b;

	assert_int_equal(blame_dane(r->data, &b), r->want != 0);
	if (r->want == 0)
		return;
	assert_int_equal(b.result, r->want);
	assert_string_equal(b.reason, r->reason);
	assert_true(b.dane);
}

/* Whatever the other side made the library say. */
static void
a_reason_is_printable_and_bounded(void **state)
{
	static char data[2000];
	const char *const argv[] = { "msg:host:defer", data, "-37", "a.test",
		HOST, "192.0.2.25" };
	char packed[400];
	struct event e;
	struct blame b;

	(void)state;
	memset(data, '\xff', sizeof data - 1);
	memcpy(data, "TLS session: (x\n\x1b", 17);
	make_event(&e, argv, packed, sizeof packed, "0|no||", "");
	assert_true(blame_host(&e, NOW, &b));
	assert_int_equal(strlen(b.reason), REPORT_WORDS_MAX);
	assert_memory_equal(b.reason, "(x????", 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reason_is_printable_and_bounded),
	};

	return RUN_ROWS(host_rows, check_host) +
	    RUN_ROWS(session_rows, check_session) +
	    RUN_ROWS(dane_rows, check_dane) +
	    cmocka_run_group_tests(tests, NULL, NULL);
}
