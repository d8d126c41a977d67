/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_report.c - reports as JSON (RFC 8460 4.4), compressed (5.2), and as
 * mails (5.3). */
#include "rows.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "../../module/report/gzip.h"
#include "../../module/report/mime.h"
#include "../../module/report/report.h"

#define ID "2023-11-14.0123456789abcdef@out.test"

static const struct report_head head = { "", "tls@out.test", ID,
	"2023-11-14" };

#define BEGIN                                                         \
	"{\"organization-name\":\"out.test\",\"date-range\":"         \
	"{\"start-datetime\":\"2023-11-14T00:00:00Z\","               \
	"\"end-datetime\":\"2023-11-14T23:59:59Z\"},"                 \
	"\"contact-info\":\"tls@out.test\",\"report-id\":\"" ID "\"," \
	"\"policies\":["
#define DETAILS                                                           \
	",\"failure-details\":[{\"result-type\":\"certificate-expired\"," \
	"\"sending-mta-ip\":\"192.0.2.1\","                               \
	"\"receiving-mx-hostname\":\"mx.a.test\","                        \
	"\"receiving-mx-helo\":\"mx\",\"receiving-ip\":\"::1\","          \
	"\"failed-session-count\":2},"                                    \
	"{\"result-type\":\"sts-policy-fetch-error\","                    \
	"\"failed-session-count\":1,"                                     \
	"\"failure-reason-code\":\"http-404\"}]}]}"
#define POLICY(type, domain)                         \
	"{\"policy\":{\"policy-type\":\"" type "\"," \
	"\"policy-domain\":\"" domain "\"},"
#define SUMMARY(good, bad)                                       \
	"\"summary\":{\"total-successful-session-count\":" #good \
	",\"total-failure-session-count\":" #bad "}"

static const struct day_detail expired[] = {
	{ { RESULT_CERTIFICATE_EXPIRED, "192.0.2.1", "mx.a.test", "mx", "::1",
	      "" },
	    2 },
	{ { RESULT_STS_POLICY_FETCH_ERROR, "", "", "", "", "http-404" }, 1 },
};

static const struct report_row {
	const char *name;
	struct day_row row;
	const char *json;
} report_rows[] = {
	{ "a policy of MTA-STS: lists of its lines and its hosts",
	    { "a.test",
		{ REPORT_STS, "a.test", "version: STSv1\nmode: testing",
		    "*.a.test:mx.b.test" },
		3, 0, NULL, 0 },
	    BEGIN
	    "{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":"
	    "[\"version: STSv1\",\"mode: testing\"],"
	    "\"policy-domain\":\"a.test\","
	    "\"mx-host\":[\"*.a.test\",\"mx.b.test\"]}," SUMMARY(3, 0) "}]}" },
	{ "no policy: neither list is there",
	    { "a.test", { REPORT_NO_POLICY, "a.test", "", "" }, 0, 7, NULL,
		0 },
	    BEGIN
	    "{\"policy\":{\"policy-type\":\"no-policy-found\","
	    "\"policy-domain\":\"a.test\"}," SUMMARY(0, 7) "}]}" },
	{ "details: what is absent is left out",
	    { "a.test", { REPORT_TLSA, "mx.a.test", "", "" }, 1, 2, expired,
		2 },
	    BEGIN POLICY("tlsa", "mx.a.test") SUMMARY(1, 2) DETAILS },
	{ "RFC 7493 2.2: no number that a double does not hold",
	    { "a.test", { REPORT_NO_POLICY, "a.test", "", "" }, UINT64_MAX,
		0, NULL, 0 },
	    BEGIN POLICY("no-policy-found", "a.test")
		SUMMARY(9007199254740991, 0) "}]}" },
};

static void
check_report(void **state)
{
	const struct report_row *row = *state;
	struct report r;
	char *text;

	report_begin(&r, &head);
	report_add(&r, &row->row);
	text = report_text(&r, false);
	assert_non_null(text);
	assert_string_equal(text, row->json);
	assert_int_equal(r.success, row->row.success);
	assert_int_equal(r.details, row->row.n);
	free(text);
	report_end(&r);
}

static void
rows_follow_one_another(void **state)
{
	struct report r;
	char *text;

	(void)state;
	report_begin(&r, &head);
	for (int i = 0; i < 2; i++)
		report_add(&r, &report_rows[i].row);
	assert_int_equal(r.success, 3);
	assert_int_equal(r.failure, 7);
	text = report_text(&r, true);
	assert_non_null(text);
	assert_non_null(strstr(text, "\n"));
	assert_int_equal(json_array_size(json_object_get(r.json, "policies")),
	    2);
	free(text);
	report_end(&r);
}

static void
words_of_people_are_escaped(void **state)
{
	struct report_head h = head;
	struct report r;
	char *text;

	(void)state;
	h.org = "A \"B\" \\ C";
	report_begin(&r, &h);
	text = report_text(&r, false);
	assert_non_null(text);
	assert_non_null(strstr(text,
	    "\"organization-name\":\"A \\\"B\\\" \\\\ C\""));
	free(text);
	report_end(&r);
}

/* --- compressed ----------------------------------------------------------- */

static size_t
inflate_all(const char *p, size_t len, char *out, size_t room)
{
	z_stream z;
	union {
		const char *ours;
		Bytef *zlib_s;
	} in = { p };

	memset(&z, 0, sizeof z);
	z.next_in = in.zlib_s;
	z.avail_in = (uInt)len;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)room;
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	assert_int_equal(inflateEnd(&z), Z_OK);
	return (size_t)z.total_out;
}

static void
what_is_compressed_comes_back_and_is_always_the_same(void **state)
{
	static char in[100000], out[100001];
	char *first = NULL, *second = NULL;
	size_t n = 0, again = 0;

	(void)state;
	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (char)(i * i % 251);
	for (size_t len = 0; len <= sizeof in; len = 10 * len + 1) {
		assert_int_equal(gzip_bytes(in, len, &first, &n, NULL),
		    STS_OK);
		assert_int_equal(gzip_bytes(in, len, &second, &again, NULL),
		    STS_OK);
		assert_int_equal(n, again);
		assert_memory_equal(first, second, n);
		assert_int_equal(inflate_all(first, n, out, sizeof out), len);
		assert_memory_equal(out, in, len);
		free(first);
		free(second);
	}
}

/* --- as a mail ------------------------------------------------------------ */

static struct mime_mail
mail_of(const char *report, size_t len)
{
	return (struct mime_mail){ "Out \"Inc\"", "tls@out.test",
		"rua@in.test", "in.test", "2023-11-14", ID, 1700000000, report,
		len };
}

static void
file_has_the_name_of_the_rfc(void **state)
{
	struct mime_mail m = mail_of("", 0);
	char name[MIME_FILENAME_MAX];

	(void)state;
	mime_filename(&m, name);
	assert_string_equal(name,
	    "out.test!in.test!1699920000!1700006399!0123456789abcdef.json.gz");
}

static const char whole[] =
    "From: \"Out \\\"Inc\\\"\" <tls@out.test>\n"
    "To: <rua@in.test>\n"
    "Date: Tue, 14 Nov 2023 22:13:20 +0000\n"
    "Message-ID: <" ID ">\n"
    "Subject: Report Domain: in.test\n Submitter: out.test\n"
    " Report-ID: <" ID ">\n"
    "TLS-Report-Domain: in.test\nTLS-Report-Submitter: out.test\n"
    "TLS-Required: No\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n"
    "Content-Type: multipart/report; report-type=\"tlsrpt\";\n"
    " boundary=\"=_2023-11-14.0123456789abcdef\"\n\n"
    "--=_2023-11-14.0123456789abcdef\n"
    "Content-Type: text/plain; charset=us-ascii\n\n"
    "This is an aggregate TLS report (RFC 8460) from out.test\n"
    "about SMTP sessions for mail to in.test on 2023-11-14 (UTC).\n\n"
    "--=_2023-11-14.0123456789abcdef\n"
    "Content-Type: application/tlsrpt+gzip\n"
    "Content-Transfer-Encoding: base64\n"
    "Content-Disposition: attachment;\n filename=\"out.test!in.test!"
    "1699920000!1700006399!0123456789abcdef.json.gz\"\n\n"
    "YWJj\n--=_2023-11-14.0123456789abcdef--\n";

static void
mail_has_the_form_of_the_rfc(void **state)
{
	struct mime_mail m = mail_of("abc", 3);
	char *text = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(mime_write(&m, &text, &len, NULL), STS_OK);
	assert_string_equal(text, whole);
	assert_int_equal(len, strlen(whole));
	free(text);
}

/* RFC 4648 10, and lines of RFC 2045 6.8. */
static const struct base64_row {
	const char *name;
	const char *in;
	const char *out;
} base64_rows[] = {
	{ "nothing", "", "\n--=_" },
	{ "one byte", "f", "\nZg==\n--=_" },
	{ "two", "fo", "\nZm8=\n--=_" },
	{ "three", "foo", "\nZm9v\n--=_" },
	{ "four", "foob", "\nZm9vYg==\n--=_" },
	{ "high bits", "\xff\xfe\xfb", "\n//77\n--=_" },
	{ "57 bytes are a line",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "\nYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYW"
	    "FhYWFhYWFhYWFhYWFh\n--=_" },
	{ "and one more begins another",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
	    "\nYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYW"
	    "FhYWFhYWFhYWFhYWFh\nYg==\n--=_" },
};

static void
check_base64(void **state)
{
	const struct base64_row *row = *state;
	struct mime_mail m = mail_of(row->in, strlen(row->in));
	const char *at;
	char *text = NULL;
	size_t len = 0;

	assert_int_equal(mime_write(&m, &text, &len, NULL), STS_OK);
	at = strstr(text, ".json.gz\"\n");
	assert_non_null(at);
	assert_memory_equal(at + strlen(".json.gz\"\n"), row->out,
	    strlen(row->out));
	free(text);
}

static void
longest_names_fit(void **state)
{
	char label[64], name[STS_DOMAIN_MAX + 1], contact[STS_DOMAIN_MAX + 1];
	char id[STS_DOMAIN_MAX + 40];
	struct mime_mail m = mail_of("abc", 3);
	char *text = NULL;
	size_t len = 0;

	(void)state;
	memset(label, 'x', 63);
	label[63] = '\0';
	(void)snprintf(name, sizeof name, "%s.%s.%s.%.52s", label, label,
	    label, label);
	(void)snprintf(contact, sizeof contact, "tls@%.240s", name);
	(void)snprintf(id, sizeof id, "2023-11-14.0123456789abcdef@%.240s",
	    name);
	m.domain = name;
	m.contact = contact;
	m.to = contact;
	m.id = id;
	assert_int_equal(mime_write(&m, &text, &len, NULL), STS_OK);
	for (const char *p = text; *p != '\0'; p++) {
		size_t n = strcspn(p, "\n");

		assert_in_range(n, 0, 998); /* RFC 5322 2.1.1 */
		p += n;
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_follow_one_another),
		cmocka_unit_test(words_of_people_are_escaped),
		cmocka_unit_test(
		    what_is_compressed_comes_back_and_is_always_the_same),
		cmocka_unit_test(file_has_the_name_of_the_rfc),
		cmocka_unit_test(mail_has_the_form_of_the_rfc),
		cmocka_unit_test(longest_names_fit),
	};

	return RUN_ROWS(report_rows, check_report) +
	    RUN_ROWS(base64_rows, check_base64) +
	    cmocka_run_group_tests(tests, NULL, NULL);
}
