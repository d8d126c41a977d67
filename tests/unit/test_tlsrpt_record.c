/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tlsrpt_record.c - the TXT record at _smtp._tls.DOMAIN (RFC 8460 3). */
#include "rows.h"
#include <string.h>
#include "../../module/report/tlsrpt_record.h"
#include "guard.h"

#define V "v=TLSRPTv1;"
#define X64 \
	"0123456789012345678901234567890123456789012345678901234567890123"

static const struct record_row {
	const char *name;
	const char *txt;
	enum sts_status want;
	const char *text; /* canonical, or the error's word */
	unsigned refused;
} record_rows[] = {
	/* --- the grammar --- */
	{ "the RFC's example of mailto", V "rua=mailto:reports@example.com",
	    STS_OK, V "rua=mailto:reports@example.com", 0 },
	{ "the RFC's example of https",
	    V "rua=https://reporting.example.com/v1/tlsrpt", STS_OK,
	    V "rua=https://reporting.example.com/v1/tlsrpt", 0 },
	{ "two addresses, blanks around the comma and the semicolons",
	    "v=TLSRPTv1 ;\t rua=mailto:a@b.test \t, https://c.test/x ; ",
	    STS_OK, V "rua=mailto:a@b.test,https://c.test/x", 0 },
	{ "an extension before and after",
	    V "a=b; rua=mailto:a@b.test; c-._9=!:<>~;", STS_OK,
	    V "rua=mailto:a@b.test", 0 },
	{ "two rua are one list", V "rua=mailto:a@b.test;rua=mailto:c@b.test",
	    STS_OK, V "rua=mailto:a@b.test,mailto:c@b.test", 0 },
	{ "the same address twice is one",
	    V "rua=mailto:a@b.test,MAILTO:a@B.test", STS_OK,
	    V "rua=mailto:a@b.test", 0 },
	{ "another version", "v=TLSRPTv10;rua=mailto:a@b.test", STS_ABSENT,
	    "no-record", 0 },
	{ "the version in another case", "v=tlsrptv1;rua=mailto:a@b.test",
	    STS_ABSENT, "no-record", 0 },
	{ "an MTA-STS record", "v=STSv1; id=1", STS_ABSENT, "no-record", 0 },
	{ "nothing", "", STS_ABSENT, "no-record", 0 },
	{ "the version only", "v=TLSRPTv1", STS_RECORD, "record-no-rua", 0 },
	{ "the version and a semicolon", V, STS_RECORD, "record-no-rua", 0 },
	{ "no semicolon after the version", "v=TLSRPTv1 rua=mailto:a@b.test",
	    STS_RECORD, "record-syntax", 0 },
	{ "RUA is not rua", V "RUA=x", STS_RECORD, "record-no-rua", 0 },
	{ "rua in a blank", V "rua =mailto:a@b.test", STS_RECORD,
	    "record-syntax", 0 },
	{ "an empty rua", V "rua=", STS_RECORD, "record-syntax", 0 },
	{ "an empty address in a list", V "rua=mailto:a@b.test,,", STS_RECORD,
	    "record-syntax", 0 },
	{ "a list without its last", V "rua=mailto:a@b.test,", STS_RECORD,
	    "record-syntax", 0 },
	{ "two semicolons", V ";rua=mailto:a@b.test", STS_RECORD,
	    "record-syntax", 0 },
	{ "a field that is none", V "rua=mailto:a@b.test; x", STS_RECORD,
	    "record-syntax", 0 },
	{ "a blank inside an address", V "rua=mailto:a @b.test", STS_RECORD,
	    "record-syntax", 1 },
	{ "a line end", V "rua=mailto:a@b.test\r\nBcc: x", STS_RECORD,
	    "record-syntax", 0 },
	{ "a byte beyond ASCII", V "rua=mailto:\xc3\xa4@b.test", STS_RECORD,
	    "record-syntax", 1 },
	/* --- mailto --- */
	{ "coded characters of an address (RFC 6068)",
	    V "rua=mailto:a%2Bb%40c.test", STS_OK, V "rua=mailto:a+b@c.test",
	    0 },
	{ "header fields are left out (RFC 6068 2)",
	    V "rua=mailto:a@b.test?subject=x&bcc=c@d.test", STS_OK,
	    V "rua=mailto:a@b.test", 0 },
	{ "all that a local part may hold", V "rua=mailto:a.Z_0-9+=~@b.test",
	    STS_OK, V "rua=mailto:a.Z_0-9+=~@b.test", 0 },
	{ "a local part of 64 bytes", V "rua=mailto:" X64 "@b.test", STS_OK,
	    V "rua=mailto:" X64 "@b.test", 0 },
	{ "one of 65", V "rua=mailto:x" X64 "@b.test", STS_RECORD,
	    "record-rua", 1 },
	{ "an option for sendmail", V "rua=mailto:-oQ/tmp@b.test", STS_RECORD,
	    "record-rua", 1 },
	{ "a coded option", V "rua=mailto:%2Doq@b.test", STS_RECORD,
	    "record-rua", 1 },
	{ "a coded line end", V "rua=mailto:a%0d%0aBcc:x@b.test", STS_RECORD,
	    "record-rua", 1 },
	{ "a coded NUL", V "rua=mailto:a%00@b.test", STS_RECORD, "record-rua",
	    1 },
	{ "two addresses by a coded comma",
	    V "rua=mailto:a@b.test%2Cc@d.test", STS_RECORD, "record-rua", 1 },
	{ "two at signs", V "rua=mailto:a@b@c.test", STS_RECORD, "record-rua",
	    1 },
	{ "a shell's characters", V "rua=mailto:a%7Cb@c.test,mailto:$x@c.test,"
				    "mailto:`x`@c.test,mailto:a%3Bb@c.test",
	    STS_RECORD, "record-rua", 4 },
	{ "a quoted local part", V "rua=mailto:\"a\"@b.test", STS_RECORD,
	    "record-rua", 1 },
	{ "dots where none may be",
	    V "rua=mailto:.a@b.test,mailto:a.@b.test,mailto:a..b@b.test",
	    STS_RECORD, "record-rua", 3 },
	{ "no local part, no domain, neither",
	    V "rua=mailto:@b.test,mailto:a@,mailto:@,mailto:,mailto:a",
	    STS_RECORD, "record-rua", 5 },
	{ "a domain of one label is this machine's",
	    V "rua=mailto:root@localhost,mailto:root@localhost.", STS_RECORD,
	    "record-rua", 2 },
	{ "an address as the domain",
	    V "rua=mailto:a@[192.0.2.1],mailto:a@192.0.2.1", STS_RECORD,
	    "record-rua", 2 },
	{ "half a code", V "rua=mailto:a%4@b.test,mailto:a@b.test%",
	    STS_RECORD, "record-rua", 2 },
	{ "a size limit in the manner of DMARC", V "rua=mailto:a@b.test!10m",
	    STS_RECORD, "record-rua", 1 },
	/* --- https --- */
	{ "a URL without a path", V "rua=https://B.test", STS_OK,
	    V "rua=https://b.test/", 0 },
	{ "a URL with a query only", V "rua=https://b.test?x=1", STS_OK,
	    V "rua=https://b.test/?x=1", 0 },
	{ "the scheme in upper case", V "rua=HTTPS://b.test/X%2c", STS_OK,
	    V "rua=https://b.test/X%2c", 0 },
	{ "its own port", V "rua=https://b.test:443/", STS_OK,
	    V "rua=https://b.test/", 0 },
	{ "another port", V "rua=https://b.test:25/,https://b.test:4430/",
	    STS_RECORD, "record-rua", 2 },
	{ "a user", V "rua=https://u:p@b.test/,https://b.test@c.test/",
	    STS_RECORD, "record-rua", 2 },
	{ "addresses, short names",
	    V "rua=https://127.0.0.1/,https://[::1]/,https://localhost/,"
	      "https:///x",
	    STS_RECORD, "record-rua", 4 },
	{ "a fragment, a backslash, an angle, a coded line end",
	    V "rua=https://b.test/#x,https://b.test/\\x,https://b.test/<,"
	      "https://b.test/%0a",
	    STS_RECORD, "record-rua", 4 },
	{ "a U-label", V "rua=https://xn--bcher-kva.test/", STS_OK,
	    V "rua=https://xn--bcher-kva.test/", 0 },
	/* --- others --- */
	{ "other schemes",
	    V "rua=http://b.test/,ftp://b.test/,file:///etc/passwd,x",
	    STS_RECORD, "record-rua", 4 },
	{ "a good one among bad ones",
	    V "rua=http://b.test/,mailto:a@b.test,tel:1", STS_OK,
	    V "rua=mailto:a@b.test", 2 },
	{ "the first four that do",
	    V "rua=mailto:a@b.test,x,mailto:c@b.test,mailto:d@b.test,"
	      "mailto:e@b.test,mailto:f@b.test",
	    STS_OK,
	    V "rua=mailto:a@b.test,mailto:c@b.test,mailto:d@b.test,"
	      "mailto:e@b.test",
	    2 },
};

static void
check_text(const struct tlsrpt_record *r, const char *want)
{
	char buf[TLSRPT_TEXT_MAX];
	struct tlsrpt_record again;
	struct text t;

	text_init(&t, buf, sizeof buf);
	tlsrpt_record_text(r, &t);
	assert_false(t.full);
	assert_string_equal(buf, want);
	assert_int_equal(tlsrpt_record_parse(buf, t.len, &again, NULL),
	    STS_OK);
	assert_int_equal(again.n, r->n);
}

static void
check_record(void **state)
{
	const struct record_row *row = *state;
	size_t len = strlen(row->txt);
	struct tlsrpt_record r;
	struct sts_error err = { 0 };

	assert_int_equal(tlsrpt_record_parse(guard_bytes(row->txt, len), len,
			     &r, &err),
	    row->want);
	guard_free();
	if (row->want == STS_OK)
		check_text(&r, row->text);
	else {
		assert_string_equal(err.word, row->text);
		assert_int_equal(r.n, 0);
	}
	assert_int_equal(r.refused, row->refused);
}

#define GOOD V "rua=mailto:a@b.test"

static const struct set_row {
	const char *name;
	const char *set[4];
	enum sts_status want;
	const char *text;
} set_rows[] = {
	{ "one record", { GOOD }, STS_OK, GOOD },
	{ "others are discarded", { "x", GOOD, "v=spf1 -all" }, STS_OK, GOOD },
	{ "two are none", { GOOD, GOOD }, STS_RECORD, "record-several" },
	{ "a good and a bad one are two", { V "x", GOOD }, STS_RECORD,
	    "record-several" },
	{ "one alone may have a blank before the semicolon",
	    { "v=TLSRPTv1 ;rua=mailto:a@b.test" }, STS_OK, GOOD },
	{ "among several it is discarded",
	    { "v=TLSRPTv1 ;rua=mailto:x@b.test", GOOD }, STS_OK, GOOD },
	{ "none of ours", { "x", "y" }, STS_ABSENT, "no-record" },
	{ "none at all", { NULL }, STS_ABSENT, "no-record" },
};

static void
check_set(void **state)
{
	const struct set_row *row = *state;
	struct bytes set[4];
	struct tlsrpt_record r;
	struct sts_error err = { 0 };
	size_t n = 0;

	for (; n < 4 && row->set[n] != NULL; n++) {
		set[n].p = row->set[n];
		set[n].len = strlen(row->set[n]);
	}
	assert_int_equal(tlsrpt_record_select(set, n, &r, &err), row->want);
	if (row->want == STS_OK)
		check_text(&r, row->text);
	else {
		assert_string_equal(err.word, row->text);
		assert_int_equal(r.n, 0);
	}
}

/* The longest URL that is taken, and one byte more. */
static void
longest_url(void **state)
{
	char txt[TLSRPT_URI_MAX + 32];
	struct tlsrpt_record r;
	struct text t;

	(void)state;
	text_init(&t, txt, sizeof txt);
	text_add(&t, V "rua=https://b.test/");
	while (t.len < strlen(V "rua=") + TLSRPT_URI_MAX)
		text_add(&t, "x");
	assert_int_equal(tlsrpt_record_parse(txt, t.len, &r, NULL), STS_OK);
	check_text(&r, txt);
	text_add(&t, "x");
	assert_int_equal(tlsrpt_record_parse(txt, t.len, &r, NULL),
	    STS_RECORD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(longest_url),
	};
	int failed = RUN_ROWS(record_rows, check_record);

	failed += RUN_ROWS(set_rows, check_set);
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
