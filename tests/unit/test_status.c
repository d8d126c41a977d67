/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_status.c - reasons: nothing remote can forge a line with one. */
#include "rows.h"
#include <string.h>
#include "../../module/protocol/status.h"

static const struct status_row {
	const char *name; /* the word */
	enum sts_status status;
	int number; /* as it stands in caches */
	const char *tlsrpt; /* RFC 8460 4.3 */
} status_rows[] = {
	{ "ok", STS_OK, 0, NULL },
	{ "absent", STS_ABSENT, 1, NULL },
	{ "record", STS_RECORD, 2, NULL },
	{ "dns", STS_DNS, 3, NULL },
	{ "fetch", STS_FETCH, 4, "sts-policy-fetch-error" },
	{ "cert", STS_CERT, 5, "sts-webpki-invalid" },
	{ "policy", STS_POLICY, 6, "sts-policy-invalid" },
	{ "wait", STS_WAIT, 7, NULL },
	{ "domain", STS_DOMAIN, 8, NULL },
	{ "miss", STS_MISS, 9, NULL },
	{ "damaged", STS_DAMAGED, 10, NULL },
	{ "memory", STS_NOMEM, 11, NULL },
	{ "system", STS_SYSTEM, 12, NULL },
	{ "unknown", (enum sts_status)13, 13, NULL },
};

static void
check_status(void **state)
{
	const struct status_row *r = *state;

	assert_int_equal(r->status, r->number);
	assert_string_equal(status_name(r->status), r->name);
	if (r->tlsrpt == NULL)
		assert_null(status_tlsrpt(r->status));
	else
		assert_string_equal(status_tlsrpt(r->status), r->tlsrpt);
}

static const struct error_row {
	const char *name;
	const char *word;
	const char *arg;
	const char *want_word;
	const char *want_text;
} error_rows[] = {
	{ "a word and a sentence", "http-404", "no", "http-404", "said: no" },
	{ "line ends cannot begin another log line", "a", "x\r\ny", "a",
	    "said: x??y" },
	{ "bytes that are not ASCII, DEL and ESC do not reach a terminal", "a",
	    "\xc3\xa9\x7f\x1b", "a", "said: ????" },
	{ "what is foreign is no format", "a", "%s%n", "a", "said: %s%n" },
	{ "a word is of [a-z0-9-]", "A b_z\xff\n{/:`", "", "--b-z------",
	    "said: " },
	{ "no word", "", "", "", "said: " },
	{ "a long word is cut at 31 bytes",
	    "0123456789012345678901234567890123456789", "",
	    "0123456789012345678901234567890", "said: " },
};

static void
check_error(void **state)
{
	const struct error_row *r = *state;
	struct sts_error err;

	memset(&err, '#', sizeof err);
	assert_int_equal(error_set(&err, STS_FETCH, r->word, "said: %s",
			     r->arg),
	    STS_FETCH);
	assert_int_equal(err.status, STS_FETCH);
	assert_string_equal(err.word, r->want_word);
	assert_string_equal(err.text, r->want_text);
}

static void
nobody_interested_still_gets_the_status(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, STS_DNS, "x", "%d", 1), STS_DNS);
}

static void
long_text_is_cut_and_terminated(void **state)
{
	char longer[2 * STS_TEXT_MAX];
	struct sts_error err;

	(void)state;
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	(void)error_set(&err, STS_DNS, "x", "%s", longer);
	assert_int_equal(strlen(err.text), STS_TEXT_MAX);
	assert_memory_equal(err.text, longer, STS_TEXT_MAX);
}

int
main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(nobody_interested_still_gets_the_status),
		cmocka_unit_test(long_text_is_cut_and_terminated),
	};

	return RUN_ROWS(status_rows, check_status) +
	    RUN_ROWS(error_rows, check_error) +
	    cmocka_run_group_tests(others, NULL, NULL);
}
