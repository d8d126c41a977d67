/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_policy.c - the policy text (RFC 8461 3.2): what is taken, what is
 * tolerated, what is refused. */
#include "rows.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../module/protocol/domain.h"
#include "../../module/protocol/policy.h"
#include "../../module/protocol/text.h"
#include "guard.h"

/* What most rows share. */
#define V "version: STSv1\n"
#define E "mode: enforce\n"
#define A "max_age: 86400\n"
#define M "mx: a.example\n"
#define N31 "0123456789012345678901234567890"

static const struct good_row {
	const char *name;
	const char *body;
	enum sts_mode mode;
	uint32_t max_age;
	const char *mx;
	size_t mx_count;
	uint32_t findings;
} good_rows[] = {
	{ "the RFC's example",
	    "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\n"
	    "mx: *.example.net\r\nmx: backupmx.example.com\r\n"
	    "max_age: 604800\r\n",
	    STS_ENFORCE, 604800,
	    "mail.example.com:*.example.net:backupmx.example.com", 3, 0 },
	{ "LF, CRLF and no end of the last line",
	    "version: STSv1\nmode: enforce\r\nmx: a.example\nmax_age: 86400",
	    STS_ENFORCE, 86400, "a.example", 1, 0 },
	{ "mode testing", V "mode: testing\n" M A, STS_TESTING, 86400,
	    "a.example", 1, 0 },
	{ "any order", A M E V, STS_ENFORCE, 86400, "a.example", 1, 0 },
	{ "no blank after the colon",
	    "version:STSv1\nmode:enforce\nmx:a.example\nmax_age:86400\n",
	    STS_ENFORCE, 86400, "a.example", 1, 0 },
	{ "blanks and tabs after the colon",
	    "version: \t STSv1\nmode:\tenforce\n" M A, STS_ENFORCE, 86400,
	    "a.example", 1, 0 },
	{ "blanks and tabs after a field",
	    "version: STSv1 \t\r\nmode: enforce \nmx: a.example\t\n"
	    "max_age: 86400 \t",
	    STS_ENFORCE, 86400, "a.example", 1, 0 },
	{ "mode none needs no mx", V "mode: none\n" A, STS_NONE, 86400, "", 0,
	    0 },
	{ "mode none keeps its mx", V "mode: none\n" M A, STS_NONE, 86400,
	    "a.example", 1, 0 },
	{ "max_age 0", V E M "max_age: 0\n", STS_ENFORCE, 0, "a.example", 1,
	    0 },
	{ "leading zeros up to ten digits", V E M "max_age: 0000086400\n",
	    STS_ENFORCE, 86400, "a.example", 1, 0 },
	{ "the greatest max_age", V E M "max_age: 31557600\n", STS_ENFORCE,
	    31557600, "a.example", 1, 0 },
	{ "mx in lower case", V E "mx: MX.Example.COM\nmx: *.B.Example\n" A,
	    STS_ENFORCE, 86400, "mx.example.com:*.b.example", 2, 0 },
	{ "a repeated mx", V E M M A, STS_ENFORCE, 86400,
	    "a.example:a.example", 2, 0 },
	{ "a wildcard below the root", V E "mx: *.com\n" A, STS_ENFORCE, 86400,
	    "*.com", 1, 0 },
	{ "mx of one label", V E "mx: localhost\n" A, STS_ENFORCE, 86400,
	    "localhost", 1, 0 },
	{ "mx like an IPv4 address, as the grammar says",
	    V E "mx: 192.0.2.1\n" A, STS_ENFORCE, 86400, "192.0.2.1", 1, 0 },
	{ "an A-label", V E "mx: mx.xn--bcher-kva.example\n" A, STS_ENFORCE,
	    86400, "mx.xn--bcher-kva.example", 1, 0 },
	{ "an unknown field", V E M A "foo: bar\n", STS_ENFORCE, 86400,
	    "a.example", 1, 0 },
	{ "unknown fields may repeat", V "x: 1\nx: 2\n" E M A, STS_ENFORCE,
	    86400, "a.example", 1, 0 },
	{ "a name of 32 characters", V E M A N31 "a: b\n", STS_ENFORCE, 86400,
	    "a.example", 1, 0 },
	{ "all kinds of name characters", V E M A "0-_.Z: b\n", STS_ENFORCE,
	    86400, "a.example", 1, 0 },
	{ "Mode is not mode", V "Mode: x\n" E M A, STS_ENFORCE, 86400,
	    "a.example", 1, 0 },
	{ "a name that begins like a known one", V "m: x\nmxx: x\n" E M A,
	    STS_ENFORCE, 86400, "a.example", 1, 0 },
	{ "colons, blanks and all of ASCII in a value",
	    V E M A "foo: !b:c d  e~ \t\n", STS_ENFORCE, 86400, "a.example", 1,
	    0 },
	{ "UTF-8 of all lengths, first and last",
	    V E M A "a: \302\200\337\277\n"
		    "b: \340\240\200\354\277\277\355\237\277\356\200\200"
		    "\357\277\277\n"
		    "c: \360\220\200\200\363\277\277\277\364\217\277\277\n",
	    STS_ENFORCE, 86400, "a.example", 1, 0 },
	{ "NEL, line separator and no-break space end nothing",
	    V E M A "foo: a\302\205mode: none\342\200\250mode: none\302\240\n",
	    STS_ENFORCE, 86400, "a.example", 1, 0 },
	/* The five tolerances, and what the RFC has us ignore. */
	{ "one byte order mark", "\357\273\277" V E M A, STS_ENFORCE, 86400,
	    "a.example", 1, FINDING_BOM },
	{ "a blank line at the end", V E M A "\n", STS_ENFORCE, 86400,
	    "a.example", 1, FINDING_BLANK_LINE },
	{ "a blank line first", "\r\n" V E M A, STS_ENFORCE, 86400,
	    "a.example", 1, FINDING_BLANK_LINE },
	{ "blank lines with blanks and tabs", V " \t\r\n" E M A "  ",
	    STS_ENFORCE, 86400, "a.example", 1, FINDING_BLANK_LINE },
	{ "a final dot of an mx", V E "mx: a.example.\nmx: *.b.example.\n" A,
	    STS_ENFORCE, 86400, "a.example:*.b.example", 2,
	    FINDING_FINAL_DOT },
	{ "max_age one too great", V E M "max_age: 31557601\n", STS_ENFORCE,
	    31557600, "a.example", 1, FINDING_MAX_AGE },
	{ "max_age of ten nines", V E M "max_age: 9999999999\n", STS_ENFORCE,
	    31557600, "a.example", 1, FINDING_MAX_AGE },
	{ "max_age of 2^32", V E M "max_age: 4294967296\n", STS_ENFORCE,
	    31557600, "a.example", 1, FINDING_MAX_AGE },
	{ "a malformed mx before a good one", V E "mx: a_b.example\n" M A,
	    STS_ENFORCE, 86400, "a.example", 1, FINDING_MX_DROPPED },
	{ "malformed ones after a good one", V E M "mx:\nmx: *\nmx: .\n" A,
	    STS_ENFORCE, 86400, "a.example", 1, FINDING_MX_DROPPED },
	{ "a malformed mx alone, but mode none", V "mode: none\nmx: -\n" A,
	    STS_NONE, 86400, "", 0, FINDING_MX_DROPPED },
	{ "the same, mode last", V "mx: -\n" A "mode: none\n", STS_NONE, 86400,
	    "", 0, FINDING_MX_DROPPED },
	{ "the first mode wins", V E "mode: none\n" M A, STS_ENFORCE, 86400,
	    "a.example", 1, FINDING_DUPLICATE },
	{ "the first max_age wins", V E M A "max_age: 1\n", STS_ENFORCE, 86400,
	    "a.example", 1, FINDING_DUPLICATE },
	{ "the first version wins", V E M A "version: STSv2\n", STS_ENFORCE,
	    86400, "a.example", 1, FINDING_DUPLICATE },
	{ "a later garbage mode is ignored", V E M A "mode:\377\n", STS_ENFORCE,
	    86400, "a.example", 1, FINDING_DUPLICATE },
	{ "a later max_age too great is not capped",
	    V E M A "max_age: 9999999999\n",
	    STS_ENFORCE, 86400, "a.example", 1, FINDING_DUPLICATE },
	{ "all of them",
	    "\357\273\277\n" V E "mx: a.example.\nmx: ?\n"
	    "max_age: 99999999\nmode: x\n",
	    STS_ENFORCE, 31557600, "a.example", 1,
	    FINDING_BOM | FINDING_BLANK_LINE | FINDING_FINAL_DOT |
		FINDING_MAX_AGE | FINDING_MX_DROPPED | FINDING_DUPLICATE },
};

static void
check_good(void **state)
{
	const struct good_row *r = *state;
	size_t len = strlen(r->body);
	const char *body = guard_bytes(r->body, len);
	struct policy *p = NULL;
	struct sts_error err = { 0 };
	enum sts_status got = policy_parse(body, len, &p, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(got, STS_OK);
	guard_free(); /* nothing is borrowed from the body */
	assert_int_equal(p->mode, r->mode);
	assert_int_equal(p->max_age, r->max_age);
	assert_string_equal(p->mx, r->mx);
	assert_int_equal(p->mx_count, r->mx_count);
	assert_int_equal(p->findings, r->findings);
	policy_free(p);
}

static const struct bad_row {
	const char *name;
	const char *body;
	const char *word;
	const char *text; /* or NULL */
} bad_rows[] = {
	{ "nothing", "", "policy-empty", NULL },
	{ "line ends only", "\n\r\n \n", "policy-empty", NULL },
	{ "a byte order mark only", "\357\273\277", "policy-empty", NULL },
	{ "no version", E M A, "policy-no-version", "no version" },
	{ "no mode", V M A, "policy-no-mode", "no mode" },
	{ "no max_age", V E M, "policy-no-max-age", "no max_age" },
	{ "no mx", V E A, "policy-no-mx", "no mx" },
	{ "no mx, testing", V "mode: testing\n" A, "policy-no-mx", NULL },
	{ "unknown fields only", "a: b\n", "policy-no-version", NULL },
	{ "another version", "version: STSv2\n" E M A, "policy-version",
	    "line 1: not STSv1: \"version: STSv2\"" },
	{ "a longer version", "version: STSv10\n" E M A, "policy-version",
	    NULL },
	{ "version in lower case", "version: stsv1\n" E M A, "policy-version",
	    NULL },
	{ "no version's value", "version:\n" E M A, "policy-version", NULL },
	{ "a later good version does not help", "version: x\n" V E M A,
	    "policy-version", NULL },
	{ "everything on one line", "version: STSv1 mode: none max_age: 1\n",
	    "policy-version", NULL },
	{ "semicolons", "version: STSv1;\n" E M A, "policy-version", NULL },
	{ "bare CR", "version: STSv1\rmode: none\rmax_age: 1\r",
	    "policy-version", NULL },
	{ "CR CR LF", "version: STSv1\r\r\n" E M A, "policy-version", NULL },
	{ "CR without LF at the end", V E M "max_age: 1\r", "policy-max-age",
	    NULL },
	{ "LF CR", V "\r" E M A, "policy-line", NULL },
	{ "another mode", V "mode: report\n" M A, "policy-mode",
	    "line 2: none of enforce, testing, none: \"mode: report\"" },
	{ "a longer mode", V "mode: enforced\n" M A, "policy-mode", NULL },
	{ "a shorter mode", V "mode: test\n" M A, "policy-mode", NULL },
	{ "mode in upper case", V "mode: ENFORCE\n" M A, "policy-mode", NULL },
	{ "two modes", V "mode: none enforce\n" M A, "policy-mode", NULL },
	{ "a no-break space is no blank", V "mode:\302\240none\n" A,
	    "policy-mode", NULL },
	{ "a no-break space behind", V "mode: none\302\240\n" A, "policy-mode",
	    NULL },
	{ "Mode is not mode", V "Mode: enforce\n" M A, "policy-no-mode", NULL },
	{ "max_age empty", V E M "max_age:\n", "policy-max-age",
	    "line 4: not 1 to 10 digits: \"max_age:\"" },
	{ "max_age of eleven digits", V E M "max_age: 00000086400\n",
	    "policy-max-age", NULL },
	{ "max_age with a sign", V E M "max_age: +1\n", "policy-max-age",
	    NULL },
	{ "a negative max_age", V E M "max_age: -1\n", "policy-max-age", NULL },
	{ "max_age with a unit", V E M "max_age: 1d\n", "policy-max-age",
	    NULL },
	{ "max_age with a comma", V E M "max_age: 86,400\n", "policy-max-age",
	    NULL },
	{ "max_age with a blank", V E M "max_age: 86 400\n", "policy-max-age",
	    NULL },
	{ "max_age in hexadecimal", V E M "max_age: 0x10\n", "policy-max-age",
	    NULL },
	{ "max_age with a comment", V E M "max_age: 1 # day\n",
	    "policy-max-age", NULL },
	{ "max_age in Arabic digits", V E M "max_age: \331\241\n",
	    "policy-max-age", NULL },
	{ "mx empty", V E "mx:\n" A, "policy-mx",
	    "line 3: no host name, nor *.DOMAIN: \"mx:\"" },
	{ "mx a star", V E "mx: *\n" A, "policy-mx", NULL },
	{ "mx a star and a dot", V E "mx: *.\n" A, "policy-mx", NULL },
	{ "mx a dot", V E "mx: .\n" A, "policy-mx", NULL },
	{ "mx with two final dots", V E "mx: a.example..\n" A, "policy-mx",
	    NULL },
	{ "mx with an empty label", V E "mx: a..example\n" A, "policy-mx",
	    NULL },
	{ "mx with two wildcards", V E "mx: *.*.example\n" A, "policy-mx",
	    NULL },
	{ "mx with a wildcard within", V E "mx: a.*.example\n" A, "policy-mx",
	    NULL },
	{ "mx with part of a label wild", V E "mx: a*.example\n" A, "policy-mx",
	    NULL },
	{ "mx with a wildcard without dot", V E "mx: *a.example\n" A,
	    "policy-mx", NULL },
	{ "mx with an underscore", V E "mx: _a.example\n" A, "policy-mx",
	    NULL },
	{ "mx a U-label", V E "mx: b\303\274cher.example\n" A, "policy-mx",
	    NULL },
	{ "mx an address literal", V E "mx: [192.0.2.1]\n" A, "policy-mx",
	    NULL },
	{ "mx an IPv6 address", V E "mx: 2001:db8::1\n" A, "policy-mx", NULL },
	{ "mx with a port", V E "mx: a.example:25\n" A, "policy-mx", NULL },
	{ "mx a URL", V E "mx: smtp://a.example\n" A, "policy-mx", NULL },
	{ "two hosts in one mx", V E "mx: a.example b.example\n" A, "policy-mx",
	    NULL },
	{ "mx with a comment", V E "mx: a.example # x\n" A, "policy-mx", NULL },
	{ "the first malformed mx is told", V E "mx: -\nmx: ?\n" A, "policy-mx",
	    "line 3: no host name, nor *.DOMAIN: \"mx: -\"" },
	{ "no colon", V E M A "hello\n", "policy-line",
	    "line 5: not a field: \"hello\"" },
	{ "blank lines are counted", V "\n" E M A "hello\n", "policy-line",
	    "line 6: not a field: \"hello\"" },
	{ "an equals sign", "version=STSv1\n" E M A, "policy-line", NULL },
	{ "a comment", "# x\n" V E M A, "policy-line", NULL },
	{ "a comment with a colon", "# x: y\n" V E M A, "policy-line", NULL },
	{ "a blank before a field", " version: STSv1\n" E M A, "policy-line",
	    NULL },
	{ "a tab before a field", V "\tmode: enforce\n" M A, "policy-line",
	    NULL },
	{ "a blank before the colon", V "mode : enforce\n" M A, "policy-line",
	    NULL },
	{ "an empty name", V E M A ": x\n", "policy-line", NULL },
	{ "a name of 33 characters", V E M A N31 "ab: x\n", "policy-line",
	    NULL },
	{ "a name that begins with an underscore", V E M A "_a: x\n",
	    "policy-line", NULL },
	{ "a name that begins with a dot", V E M A ".a: x\n", "policy-line",
	    NULL },
	{ "a blank in a name", V E M A "a b: x\n", "policy-line", NULL },
	{ "a byte beyond ASCII in a name", V E M A "\303\274: x\n",
	    "policy-line", NULL },
	{ "two byte order marks", "\357\273\277\357\273\277" V E M A,
	    "policy-line", NULL },
	{ "a byte order mark within", V "\357\273\277" E M A, "policy-line",
	    NULL },
	{ "HTML", "<!DOCTYPE html>\n", "policy-line", NULL },
	{ "JSON", "{\"version\": \"STSv1\"}\n", "policy-line", NULL },
	{ "an empty value", V E M A "a:\n", "policy-extension", NULL },
	{ "a value of blanks", V E M A "a:  \t\n", "policy-extension", NULL },
	{ "a tab in a value", V E M A "a: b\tc\n", "policy-extension", NULL },
	{ "a CR in a value", V E M A "a: b\rc\n", "policy-extension", NULL },
	{ "VT in a value", V E M A "a: b\vc\n", "policy-extension", NULL },
	{ "a control byte after a blank", V E M A "a: b \033c\n",
	    "policy-extension", NULL },
	{ "DEL in a value", V E M A "a: b\177\n", "policy-extension", NULL },
	{ "Latin-1 in a value", V E M A "a: gr\374n\n", "policy-extension",
	    NULL },
	{ "UTF-8 cut short", V E M A "a: \303", "policy-extension", NULL },
	{ "UTF-8 of three cut short", V E M A "a: \342\200", "policy-extension",
	    NULL },
	{ "UTF-8 of four cut short", V E M A "a: \360\220\200",
	    "policy-extension", NULL },
	{ "UTF-8 cut by a blank", V E M A "a: \342\200 b\n", "policy-extension",
	    NULL },
	{ "a tail alone", V E M A "a: \200\n", "policy-extension", NULL },
	{ "two bytes, overlong", V E M A "a: \301\277\n", "policy-extension",
	    NULL },
	{ "three bytes, overlong", V E M A "a: \340\237\277\n",
	    "policy-extension", NULL },
	{ "four bytes, overlong", V E M A "a: \360\217\277\277\n",
	    "policy-extension", NULL },
	{ "a surrogate", V E M A "a: \355\240\200\n", "policy-extension",
	    NULL },
	{ "past the last character", V E M A "a: \364\220\200\200\n",
	    "policy-extension", NULL },
	{ "five bytes", V E M A "a: \370\210\200\200\200\n", "policy-extension",
	    NULL },
	{ "a bad last tail of three", V E M A "a: \342\200\300\n",
	    "policy-extension", NULL },
	{ "a bad last tail of four", V E M A "a: \361\200\200\177\n",
	    "policy-extension", NULL },
	{ "a bad field after good ones is not forgiven", V E M A "a:\n" V,
	    "policy-extension", NULL },
	{ "an error shows 60 bytes of a line",
	    N31 N31 "\n", "policy-line",
	    "line 1: not a field: \"" N31 "01234567890123456789012345678\"" },
	{ "an error shows no line end and no escape",
	    V E M A "\033]0;x\007\n", "policy-line",
	    "line 5: not a field: \"?]0;x?\"" },
};

static void
check_bad(void **state)
{
	const struct bad_row *r = *state;
	size_t len = strlen(r->body);
	const char *body = guard_bytes(r->body, len);
	struct policy *p = (void *)&p; /* anything but NULL */
	struct sts_error err;

	assert_int_equal(policy_parse(body, len, &p, &err), STS_POLICY);
	assert_null(p);
	assert_int_equal(err.status, STS_POLICY);
	assert_string_equal(err.word, r->word);
	if (r->text != NULL)
		assert_string_equal(err.text, r->text);
	assert_int_equal(policy_parse(body, len, &p, NULL), STS_POLICY);
}

static enum sts_status
parse_bytes(const char *body, size_t len)
{
	struct policy *p = NULL;
	enum sts_status got = policy_parse(guard_bytes(body, len), len, &p,
	    NULL);

	policy_free(p);
	guard_free();
	return got;
}

static void
nul_is_a_byte_like_others(void **state)
{
	static const char first[] = "\0" V E M A;
	static const char in_value[] = "version: STSv1\0\n" E M A;
	static const char in_mx[] = V E "mx: a.example\0.evil\n" A;
	static const char last[] = V E M A "a: b\0";

	(void)state;
	assert_int_equal(parse_bytes(first, sizeof first - 1), STS_POLICY);
	assert_int_equal(parse_bytes(in_value, sizeof in_value - 1),
	    STS_POLICY);
	assert_int_equal(parse_bytes(in_mx, sizeof in_mx - 1), STS_POLICY);
	assert_int_equal(parse_bytes(last, sizeof last - 1), STS_POLICY);
	assert_int_equal(parse_bytes(last, sizeof last - 2), STS_OK);
	assert_int_equal(parse_bytes(NULL, 0), STS_POLICY);
}

static void
limit_is_65536_bytes(void **state)
{
	static const char begin[] = V E M A "x: ";
	char *body = malloc(STS_BODY_MAX + 1);

	(void)state;
	assert_non_null(body);
	memset(body, 'y', STS_BODY_MAX + 1);
	memcpy(body, begin, sizeof begin - 1);
	assert_int_equal(parse_bytes(body, STS_BODY_MAX), STS_OK);
	assert_int_equal(parse_bytes(body, STS_BODY_MAX + 1), STS_POLICY);
	free(body);
}

static void
thousands_of_mx_are_kept(void **state)
{
	static char body[STS_BODY_MAX];
	struct policy *p = NULL;
	struct text t;
	size_t n = 0;

	(void)state;
	text_init(&t, body, sizeof body);
	text_add(&t, V E A);
	while (sizeof body - t.len > sizeof "mx:a\n") {
		text_add(&t, "mx:a\n");
		n++;
	}
	assert_int_equal(policy_parse(guard_bytes(body, t.len), t.len, &p,
			     NULL),
	    STS_OK);
	assert_true(n > 13000);
	assert_int_equal(p->mx_count, n);
	assert_int_equal(strlen(p->mx), 2 * n - 1);
	policy_free(p);
	guard_free();
}

/* A text cut short gives no other policy than the whole, but for a number. */
static void
every_beginning_of_a_policy_is_judged_within_it(void **state)
{
	static const char whole[] = "\357\273\277" V
				    "mx: *.b.example\n\r\n" E
				    "ext: \342\202\254 x\r\n" M
				    "mode: none\nmax_age: 604800 \r\n";
	struct policy *p;
	unsigned valid = 0;

	(void)state;
	for (size_t len = 0; len < sizeof whole; len++) {
		if (policy_parse(guard_bytes(whole, len), len, &p, NULL) ==
		    STS_OK) {
			valid++;
			assert_int_equal(p->mode, STS_ENFORCE);
			assert_string_equal(p->mx, "*.b.example:a.example");
			assert_true(p->max_age <= 604800);
		}
		policy_free(p);
		guard_free();
	}
	assert_int_equal(valid, 8); /* six digits, " ", "\r\n"; not "\r" */
}

/* Whether u[n] is one character by RFC 3629, worked out from its number. */
static bool
is_one_character(const unsigned char *u, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = u[0] & (0x7fu >> n);

	if ((u[0] | 0x7fu >> n) != (0xffu & ~(0x80u >> n)))
		return false;
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return false;
		c = c << 6 | (u[i] & 0x3f);
	}
	return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

static void
check_character(const unsigned char *u, size_t n)
{
	static char body[] = V E M A "x:....";
	size_t len = sizeof body - 1 - 4;
	struct policy *p = NULL;
	bool ok;

	memcpy(body + len, u, n);
	ok = policy_parse(body, len + n, &p, NULL) == STS_OK;
	policy_free(p);
	if (ok != is_one_character(u, n))
		fail_msg("%zu bytes: %02x %02x %02x %02x", n, u[0], u[1], u[2],
		    u[3]);
}

/* All first and second bytes of two to four, and the edges of the others. */
static void
values_are_utf8_to_the_letter(void **state)
{
	static const unsigned char tails[] = { 0x7f, 0x80, 0xbf, 0xc0 };
	unsigned char u[4];

	(void)state;
	for (unsigned i = 0; i < 128 * 256 * 16; i++) {
		u[0] = (unsigned char)(0x80 | (i & 0x7f));
		u[1] = (unsigned char)(i >> 7);
		u[2] = tails[i >> 15 & 3];
		u[3] = tails[i >> 17 & 3];
		for (size_t n = 2; n <= 4; n++)
			check_character(u, n);
	}
}

/* Whatever was read obeys the rules, and reads the same when it is written
 * by the book. */
static void
check_sound(const struct policy *p)
{
	static char body[2 * STS_BODY_MAX];
	char list[4096];
	struct policy *again = NULL;
	struct text t;
	char *rest = list;
	char *item;
	size_t n = 0;

	assert_true(p->max_age <= STS_AGE_MAX);
	assert_true(p->findings < 1u << FINDINGS_ALL);
	assert_true(p->mode == STS_NONE || p->mx_count > 0);
	assert_int_equal(strspn(p->mx, "abcdefghijklmnopqrstuvwxyz0123456789"
				       ".*:-"),
	    strlen(p->mx));
	text_init(&t, list, sizeof list);
	text_add(&t, p->mx);
	assert_false(t.full);
	text_init(&t, body, sizeof body);
	text_addf(&t, V "mode: %s\nmax_age: %" PRIu32 "\n", mode_name(p->mode),
	    p->max_age);
	while (p->mx_count > 0 && (item = strsep(&rest, ":")) != NULL) {
		text_addf(&t, "mx: %s\n", item);
		if (strncmp(item, "*.", 2) == 0)
			item += 2;
		assert_true(domain_is_ldh(item, strlen(item)));
		n++;
	}
	assert_int_equal(n, p->mx_count);
	assert_int_equal(policy_parse(t.buf, t.len, &again, NULL), STS_OK);
	assert_int_equal(again->findings, 0);
	assert_int_equal(again->mode, p->mode);
	assert_int_equal(again->max_age, p->max_age);
	assert_string_equal(again->mx, p->mx);
	policy_free(again);
}

static uint32_t
next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

/* Good texts with a few bytes changed, always the same ones. */
static void
whatever_is_read_is_sound(void **state)
{
	static const char bytes[] = "\n\r\t :.*-_x0A\357\273\277\303\274";
	uint32_t x = 8461;
	unsigned valid = 0;
	enum {
		ROUNDS = 20000
	};

	(void)state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t row = next_random(&x) %
		    (sizeof good_rows / sizeof good_rows[0]);
		size_t len = strlen(good_rows[row].body);
		char *body = guard_bytes(good_rows[row].body, len);
		struct policy *p = NULL;

		for (unsigned i = next_random(&x) % 4; i > 0; i--)
			body[next_random(&x) % len] = bytes[next_random(&x) %
			    (sizeof bytes - 1)];
		if (policy_parse(body, len, &p, NULL) == STS_OK) {
			check_sound(p);
			valid++;
		}
		policy_free(p);
		guard_free();
	}
	assert_true(valid > ROUNDS / 10);
	assert_true(valid < ROUNDS * 9 / 10);
}

static void
modes_have_names_both_ways(void **state)
{
	static const char *const names[] = { "none", "testing", "enforce" };
	enum sts_mode mode = STS_TESTING;

	(void)state;
	assert_string_equal(mode_name(STS_NONE), names[STS_NONE]);
	assert_string_equal(mode_name(STS_TESTING), names[STS_TESTING]);
	assert_string_equal(mode_name(STS_ENFORCE), names[STS_ENFORCE]);
	assert_true(mode_from_name(guard_bytes("enforce", 7), 7, &mode));
	assert_int_equal(mode, STS_ENFORCE);
	assert_false(mode_from_name("enforced", 8, &mode));
	assert_false(mode_from_name("enforce", 6, &mode));
	assert_false(mode_from_name("None", 4, &mode));
	assert_false(mode_from_name("", 0, &mode));
	assert_int_equal(mode, STS_ENFORCE);
	assert_true(mode_from_name("none", 4, &mode));
	assert_int_equal(mode, STS_NONE);
	guard_free();
}

static void
findings_have_names(void **state)
{
	static const struct {
		enum sts_finding bit;
		const char *name;
	} want[] = {
		{ FINDING_BOM, "bom" },
		{ FINDING_BLANK_LINE, "blank-line" },
		{ FINDING_FINAL_DOT, "final-dot" },
		{ FINDING_MAX_AGE, "max-age-capped" },
		{ FINDING_MX_DROPPED, "mx-dropped" },
		{ FINDING_DUPLICATE, "duplicate" },
	};

	(void)state;
	assert_int_equal(sizeof want / sizeof want[0], FINDINGS_ALL);
	for (unsigned i = 0; i < FINDINGS_ALL; i++) {
		assert_int_equal(want[i].bit, 1u << i);
		assert_string_equal(finding_name(i), want[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(nul_is_a_byte_like_others),
		cmocka_unit_test(limit_is_65536_bytes),
		cmocka_unit_test(thousands_of_mx_are_kept),
		cmocka_unit_test(
		    every_beginning_of_a_policy_is_judged_within_it),
		cmocka_unit_test(values_are_utf8_to_the_letter),
		cmocka_unit_test(whatever_is_read_is_sound),
		cmocka_unit_test(modes_have_names_both_ways),
		cmocka_unit_test(findings_have_names),
	};

	return RUN_ROWS(good_rows, check_good) +
	    RUN_ROWS(bad_rows, check_bad) +
	    cmocka_run_group_tests(others, NULL, NULL);
}
