/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_domain.c - what is a mail domain, and how it is spelled. */
#include "rows.h"
#include <string.h>
#include "../../module/protocol/domain.h"
#include "guard.h"
#include "sanitized.h"
#if !SANITIZED
#include "shaky_idn.h"
#endif

#define L10 "abcdefghij"
#define L60 L10 L10 L10 L10 L10 L10
#define L61 L60 "k"
#define L63 L60 "klm"
#define L64 L63 "n"
#define THREE_63 L63 "." L63 "." L63 /* 191 bytes */
#define B244 THREE_63 "." L10 L10 L10 L10 L10 "ab"

static const struct domain_row {
	const char *name;
	const char *in;
	const char *want; /* NULL: not a domain */
} domain_rows[] = {
	{ "as it is", "good.loc", "good.loc" },
	{ "upper case", "GOOD.Loc", "good.loc" },
	{ "one final dot", "good.loc.", "good.loc" },
	{ "two final dots", "good.loc..", NULL },
	{ "a leading dot", ".good.loc", NULL },
	{ "an empty label", "good..loc", NULL },
	{ "nothing", "", NULL },
	{ "the root", ".", NULL },
	{ "one label", "localhost", "localhost" },
	{ "digits and dashes", "3--com.9z", "3--com.9z" },
	{ "a label that begins with a dash", "-a.loc", NULL },
	{ "a label that ends with a dash", "a-.loc", NULL },
	{ "the last label ends with a dash", "a.loc-", NULL },
	{ "an underscore", "_a.loc", NULL },
	{ "a label of 63 bytes", L63 ".loc", L63 ".loc" },
	{ "a label of 64 bytes", L64 ".loc", NULL },
	/* "_mta-sts." before it makes 253. */
	{ "a name of 244 bytes", B244, B244 },
	{ "a name of 244 bytes and a dot", B244 ".", B244 },
	{ "a name of 245 bytes", B244 "c", NULL },
	{ "a name of 253 bytes", THREE_63 "." L61, NULL },
	{ "a name of over 300 bytes", THREE_63 "." THREE_63, NULL },
	{ "an IPv4 address", "1.2.3.4", NULL },
	{ "an IPv4 address and a dot", "192.0.2.255.", NULL },
	{ "four labels, one with a letter", "1.2.3.4a", "1.2.3.4a" },
	{ "three labels of digits", "1.2.3", "1.2.3" },
	{ "five labels of digits", "1.2.3.4.5", "1.2.3.4.5" },
	{ "an address literal", "[1.2.3.4]", NULL },
	{ "an IPv6 literal", "[IPv6:::1]", NULL },
	{ "an IPv6 address", "2001:db8::1", NULL },
	{ "a blank before it", " good.loc", NULL },
	{ "a blank after it", "good.loc ", NULL },
	{ "a line end", "good.loc\n", NULL },
	{ "a control byte", "good\x01.loc", NULL },
	{ "DEL", "good\x7f.loc", NULL },
	{ "a path", "../x", NULL },
	{ "a slash", "good.loc/x", NULL },
	{ "an expansion", "${run{/bin/sh}}", NULL },
	{ "a list", "a.loc:b.loc", NULL },
	{ "a wildcard", "*.loc", NULL },
	{ "a whole address", "user@good.loc", NULL },
	{ "an escaped dot", "good\\.loc", NULL },
	{ "a U-label", "b\303\274cher.example",
	    "xn--bcher-kva.example" },
	{ "a U-label in upper case", "B\303\234CHER.EXAMPLE",
	    "xn--bcher-kva.example" },
	{ "a U-label and a final dot", "b\303\274cher.example.",
	    "xn--bcher-kva.example" },
	{ "a U-label not in NFC", "bu\314\210cher.example",
	    "xn--bcher-kva.example" },
	{ "sharp s stays itself (not transitional)", "fa\303\237.de",
	    "xn--fa-hia.de" },
	{ "an ideographic full stop", "good\343\200\202loc", "good.loc" },
	{ "an A-label", "XN--bcher-kva.example", "xn--bcher-kva.example" },
	{ "an IPv4 address in full-width digits",
	    "\357\274\221.2.3.\357\274\224", NULL },
	{ "an underscore beside a U-label", "_x.b\303\274cher.example", NULL },
	{ "a full-width slash", "x\357\274\217y.loc", NULL },
	{ "a no-break space", "a\302\240b.loc", NULL },
	{ "Latin-1", "b\374cher.example", NULL },
	{ "UTF-8 cut short", "b\303", NULL },
	{ "an overlong dot", "good\300\256loc", NULL },
	{ "a byte order mark alone", "\357\273\277", NULL },
	{ "a long name with a U-label",
	    "\303\274." THREE_63 "." L10 L10 L10 L10 L10, NULL },
};

#define ROWS (sizeof domain_rows / sizeof domain_rows[0])

static void
check_domain(void **state)
{
	const struct domain_row *r = *state;
	const char *in = guard_string(r->in);
	char *out = guard_string(THREE_63 "." L61); /* no byte to spare */
	struct sts_error err;
	enum sts_status want = r->want ? STS_OK : STS_DOMAIN;

	assert_int_equal(domain_canon(in, out, &err), want);
	assert_string_equal(out, r->want ? r->want : "");
	if (r->want == NULL)
		assert_string_equal(err.word, "domain");
	assert_int_equal(domain_canon(in, out, NULL), want);
}

static void
canonical_name_is_its_own_canonical_name(void **state)
{
	char again[STS_DOMAIN_MAX + 1];

	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		const char *name = domain_rows[i].want;

		if (name == NULL)
			continue;
		assert_int_equal(domain_canon(name, again, NULL), STS_OK);
		assert_string_equal(again, name);
	}
}

static void
endless_utf8_is_no_domain(void **state)
{
	enum {
		LEN = 20000
	};
	static char in[LEN + 1];
	char out[STS_DOMAIN_MAX + 1];

	(void)state;
	for (size_t i = 0; i < LEN; i++)
		in[i] = "\303\274"[i % 2];
	assert_int_equal(domain_canon(guard_string(in), out, NULL), STS_DOMAIN);
	guard_free();
}

/* Soft hyphens vanish, so that only a limit of our own ends these. */
static void
long_input_is_not_even_converted(void **state)
{
	enum {
		HYPHENS = 600
	};
	char in[2 * HYPHENS + sizeof "a.loc"] = { 0 };
	char out[STS_DOMAIN_MAX + 1];

	(void)state;
	for (size_t i = 0; i < HYPHENS; i++)
		memcpy(in + 2 * i, "\302\255", 2);
	memcpy(in + 2 * HYPHENS, "a.loc", sizeof "a.loc");
	assert_int_equal(domain_canon(in, out, NULL), STS_DOMAIN);
	assert_int_equal(domain_canon(in + HYPHENS, out, NULL), STS_OK);
	assert_string_equal(out, "a.loc");
}

#if !SANITIZED
static void
is_unknown(const char *name, enum sts_status want, const char *word)
{
	char out[STS_DOMAIN_MAX + 1] = "before";
	struct sts_error err;

	assert_int_equal(domain_canon(name, out, &err), want);
	assert_string_equal(err.word, word);
	assert_string_equal(out, "");
}

/* First of all: what was loaded stays so. */
static void
without_libidn2_nobody_knows(void **state)
{
	char out[STS_DOMAIN_MAX + 1];

	(void)state;
	idn.missing = true;
	is_unknown("b\303\274cher.example", STS_SYSTEM, "libidn2");
	assert_int_equal(domain_canon("Good.loc", out, NULL), STS_OK);
	assert_string_equal(out, "good.loc");
	assert_int_equal(domain_canon("bad..loc", out, NULL), STS_DOMAIN);
	idn.missing = false;
	assert_int_equal(domain_canon("b\303\274cher.example", out, NULL),
	    STS_OK);
	assert_string_equal(out, "xn--bcher-kva.example");
}

static void
no_memory_does_not_mean_no_domain(void **state)
{
	(void)state;
	idn.out_of_memory = true;
	is_unknown("b\303\274cher.example", STS_NOMEM, "memory");
	idn.out_of_memory = false;
}
#endif

static void
errors_show_the_name_cut_and_printable(void **state)
{
	char out[STS_DOMAIN_MAX + 1];
	struct sts_error err;

	(void)state;
	assert_int_equal(domain_canon("a\n\303\274", out, &err), STS_DOMAIN);
	assert_string_equal(err.text, "not a mail domain: \"a???\"");
	assert_int_equal(domain_canon(L60 L10 L10 "!", out, &err), STS_DOMAIN);
	assert_string_equal(err.text,
	    "not a mail domain: \"" L60 L10 L10 "...\"");
}

static const struct ldh_row {
	const char *name;
	const char *in;
	bool want;
} ldh_rows[] = {
	{ "a name", "mx1.example.com", true },
	{ "any case", "MX1.Example.COM", true },
	{ "one label", "localhost", true },
	{ "one letter", "a", true },
	{ "a dotted quad, as the grammar says", "192.0.2.1", true },
	{ "a name of 253 bytes", THREE_63 "." L61, true },
	{ "a name of 254 bytes", THREE_63 "." L61 "l", false },
	{ "a label of 63 bytes", L63, true },
	{ "a label of 64 bytes", L64, false },
	{ "a last label of 64 bytes", "a." L64, false },
	{ "nothing", "", false },
	{ "a dot", ".", false },
	{ "a final dot", "a.", false },
	{ "a leading dot", ".a", false },
	{ "an empty label", "a..b", false },
	{ "a leading dash", "-a.b", false },
	{ "a final dash", "a.b-", false },
	{ "a dash before a dot", "a-.b", false },
	{ "a dash alone", "-", false },
	{ "an underscore", "a_b.c", false },
	{ "a wildcard", "*.a", false },
	{ "a byte beyond ASCII", "\303\274.a", false },
	{ "a blank", "a b", false },
};

static void
check_ldh(void **state)
{
	const struct ldh_row *r = *state;
	size_t len = strlen(r->in);

	assert_int_equal(domain_is_ldh(guard_bytes(r->in, len), len), r->want);
}

static void
nul_ends_no_name(void **state)
{
	(void)state;
	assert_false(domain_is_ldh("a\0b", 3));
	assert_false(domain_is_ldh("a.b\0", 4));
}

int
main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(canonical_name_is_its_own_canonical_name),
		cmocka_unit_test(endless_utf8_is_no_domain),
		cmocka_unit_test(long_input_is_not_even_converted),
		cmocka_unit_test(errors_show_the_name_cut_and_printable),
		cmocka_unit_test(nul_ends_no_name),
	};

	int failed = 0;
#if !SANITIZED
	const struct CMUnitTest trouble[] = {
		cmocka_unit_test(without_libidn2_nobody_knows),
		cmocka_unit_test(no_memory_does_not_mean_no_domain),
	};

	failed = cmocka_run_group_tests(trouble, NULL, NULL);
#endif
	return failed + RUN_ROWS(domain_rows, check_domain) +
	    RUN_ROWS(ldh_rows, check_ldh) +
	    cmocka_run_group_tests(others, NULL, NULL);
}
