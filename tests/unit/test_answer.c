/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_answer.c - the line that Exim reads: order, format and characters. */
#include "rows.h"
#include <stdlib.h>
#include <string.h>
#include "../../module/lookup/answer.h"

static const struct answer policy = {
	.mode = STS_ENFORCE,
	.domain = "example.com",
	.id = "20240101T000000",
	.max_age = 604800,
	.fetched_at = 1766620800,
	.expires = 1767225600,
};

static struct bytes
bytes(const char *s)
{
	struct bytes b = { s, strlen(s) };

	return b;
}

#define MX "mx1.example.com:*.example.net"
#define KEYS "id=20240101T000000 max_age=604800 expires=1767225600 mx=" MX
#define IGNORE "ignore=!^mx1[.]example[.]com$:!^[^.]+[.]example[.]net$:*"

static const struct line_row {
	const char *name;
	struct answer draft;
	const char *mx;
	const char *want;
} line_rows[] = {
	{ "the example of the manual",
	    { .status = ANSWER_CACHED, .mode = STS_ENFORCE }, MX,
	    "domain=example.com mode=enforce status=cached " KEYS " " IGNORE },
	{ "ignore is for enforce only: testing",
	    { .status = ANSWER_FRESH, .mode = STS_TESTING }, MX,
	    "domain=example.com mode=testing status=fresh " KEYS },
	{ "ignore is for enforce only: none",
	    { .status = ANSWER_CHECKED, .mode = STS_NONE }, MX,
	    "domain=example.com mode=none status=checked " KEYS },
	{ "a policy of mode none without mx",
	    { .status = ANSWER_STALE, .mode = STS_NONE }, "",
	    "domain=example.com mode=none status=stale id=20240101T000000 "
	    "max_age=604800 expires=1767225600 mx=" },
	{ "an enforce policy that permits nobody ignores every host",
	    { .status = ANSWER_CACHED, .mode = STS_ENFORCE }, "",
	    "domain=example.com mode=enforce status=cached id=20240101T000000 "
	    "max_age=604800 expires=1767225600 mx= ignore=*" },
};

static void
check_line(void **state)
{
	const struct line_row *r = *state;
	struct answer draft = policy;
	struct answer *a;

	draft.status = r->draft.status;
	draft.mode = r->draft.mode;
	a = answer_new(&draft, bytes(r->mx));
	assert_non_null(a);
	assert_string_equal(a->line, r->want);
	assert_string_equal(a->mx, r->mx);
	answer_free(a);
}

static const struct plain_row {
	const char *name;
	enum answer_status status;
	const char *domain;
	const char *word;
	const char *want;
} plain_rows[] = {
	{ "no record", ANSWER_ABSENT, "example.com", "nxdomain",
	    "domain=example.com mode=none status=absent" },
	{ "no policy to be had", ANSWER_UNUSABLE, "example.com", "http-404",
	    "domain=example.com mode=none status=unusable" },
	{ "an exception", ANSWER_EXEMPT, "example.com", "",
	    "domain=example.com mode=none status=exempt" },
	{ "not a domain: none is named", ANSWER_NOTADOMAIN, "", "domain",
	    "mode=none status=notadomain" },
	{ "our own trouble", ANSWER_ERROR, "example.com", "cache-open",
	    "domain=example.com mode=tempfail status=error reason=cache-open" },
	{ "our own trouble without a word", ANSWER_ERROR, "example.com", "",
	    "domain=example.com mode=tempfail status=error reason=system" },
};

static struct answer *
plain(const struct plain_row *r, struct answer *draft)
{
	draft->status = r->status;
	draft->tempfail = r->status == ANSWER_ERROR;
	memcpy(draft->domain, r->domain, strlen(r->domain) + 1);
	memcpy(draft->why.word, r->word, strlen(r->word) + 1);
	return answer_new(draft, bytes(""));
}

static void
check_plain(void **state)
{
	const struct plain_row *r = *state;
	struct answer draft = { 0 };
	struct answer *a = plain(r, &draft);

	assert_non_null(a);
	assert_string_equal(a->line, r->want);
	answer_free(a);
}

static void
tempfail_shows_no_policy_whatever_the_draft_holds(void **state)
{
	struct answer draft = policy;
	struct answer *a = plain(&plain_rows[4], &draft);

	(void)state;
	assert_non_null(a);
	assert_string_equal(a->line, plain_rows[4].want);
	assert_string_equal(answer_mode_name(a), "tempfail");
	answer_free(a);
}

/* Whatever a parser let through, it does not get as far as Exim. */
static const struct unsafe_row {
	const char *name;
	const char *domain;
	const char *id;
	const char *mx;
} unsafe_rows[] = {
	{ "a blank in an id", "a.example", "1 mode=none", "mx.example" },
	{ "a line end in an id", "a.example", "1\n2", "mx.example" },
	{ "a dollar and braces in an id", "a.example", "${run}", "mx.example" },
	{ "a quote in an id", "a.example", "\"", "mx.example" },
	{ "a backslash in an id", "a.example", "\\n", "mx.example" },
	{ "a byte beyond ASCII in an id", "a.example", "\xc3\xbc",
	    "mx.example" },
	{ "a blank in an mx", "a.example", "1", "a b" },
	{ "a tab in an mx", "a.example", "1", "a\tb" },
	{ "a semicolon in an mx", "a.example", "1", "a;b" },
	{ "a regular expression as an mx", "a.example", "1", "[^.]+" },
	{ "a bracket in an id", "a.example", "[1]", "mx.example" },
	{ "a blank in a domain", "a b", "1", "mx.example" },
	{ "a dollar sign in a domain", "$domain", "1", "mx.example" },
	{ "a slash in a domain", "a/b", "1", "mx.example" },
};

static void
becomes_an_error_in(enum sts_mode mode, const struct unsafe_row *r)
{
	struct answer draft = policy;
	struct answer *a;

	draft.status = ANSWER_CACHED;
	draft.mode = mode;
	memset(draft.domain, 0, sizeof draft.domain);
	memcpy(draft.domain, r->domain, strlen(r->domain));
	memset(draft.id, 0, sizeof draft.id);
	memcpy(draft.id, r->id, strlen(r->id));
	a = answer_new(&draft, bytes(r->mx));
	assert_non_null(a);
	assert_string_equal(a->line,
	    "mode=tempfail status=error reason=characters");
	assert_string_equal(answer_mode_name(a), "tempfail");
	assert_string_equal(answer_match(a, "mx.example"), "tempfail");
	answer_free(a);
}

static void
becomes_an_error(void **state)
{
	becomes_an_error_in(STS_NONE, *state);
	becomes_an_error_in(STS_TESTING, *state);
	becomes_an_error_in(STS_ENFORCE, *state);
}

/* Nor does it become a list of hosts that says something else. */
static const struct unsafe_row pattern_rows[] = {
	{ "a wildcard alone", "a.example", "1", "*" },
	{ "a wildcard within", "a.example", "1", "mx.*.example" },
	{ "an upper case mx", "a.example", "1", "MX.example" },
	{ "an empty mx in a list", "a.example", "1", "a.example::b.example" },
};

static void
becomes_an_error_in_enforce(void **state)
{
	becomes_an_error_in(STS_ENFORCE, *state);
}

static bool
is_harmless(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || strchr(" .-*:=!^$[]+_", c) != NULL;
}

/* Noise that often looks like patterns, so that some of it gets through. */
static size_t
hostile_mx(char *buf, size_t cap)
{
	static const char common[] = "abcz09-.:*";
	size_t len = (size_t)random() % cap;

	for (size_t i = 0; i < len; i++) {
		unsigned char any = (unsigned char)(1 + random() % 255);

		buf[i] = common[(size_t)random() % (sizeof common - 1)];
		if (random() % 40 == 0)
			memcpy(buf + i, &any, 1);
	}
	return len;
}

static void
no_list_of_patterns_puts_a_foreign_character_into_the_line(void **state)
{
	struct answer draft = policy;
	char mx[24] = "";
	int good = 0;

	(void)state;
	srandom(8461);
	for (int i = 0; i < 200000; i++) {
		struct bytes b = { mx, hostile_mx(mx, sizeof mx) };
		struct answer *a;

		draft.mode = (enum sts_mode)(i % 3);
		a = answer_new(&draft, b);
		assert_non_null(a);
		for (const char *c = a->line; *c != '\0'; c++)
			assert_true(is_harmless(*c));
		if (!a->tempfail) {
			good++;
			assert_int_equal(strstr(a->line, " ignore=") != NULL,
			    draft.mode == STS_ENFORCE);
		}
		answer_free(a);
	}
	/* Else nothing was tested. */
	assert_in_range(good, 1000, 199000);
}

/* As long as a policy can make it, with the patterns that grow most. */
static void
the_longest_list_fits(void **state)
{
	static const char *const items[] = { "a:", "*.a:", "a.a.a.a:",
		"*.a.a.a.a:" };
	char *mx = malloc(STS_BODY_MAX);
	struct answer draft = policy;

	(void)state;
	assert_non_null(mx);
	for (size_t i = 0; i < 4; i++) {
		size_t n = strlen(items[i]);
		struct bytes b = { mx, 0 };
		struct answer *a;

		while (b.len + n <= STS_BODY_MAX) {
			memcpy(mx + b.len, items[i], n);
			b.len += n;
		}
		b.len--; /* the last ':' */
		a = answer_new(&draft, b);
		assert_non_null(a);
		assert_false(a->tempfail);
		assert_string_equal(a->line + strlen(a->line) - 3, "$:*");
		answer_free(a);
	}
	free(mx);
}

static void
statuses_have_their_words(void **state)
{
	static const char *const want[] = { "fresh", "checked", "cached",
		"stale", "absent", "unusable", "exempt", "notadomain",
		"error" };

	(void)state;
	for (unsigned i = 0; i < 9; i++)
		assert_string_equal(answer_status_name((enum answer_status)i),
		    want[i]);
}

static const struct match_row {
	const char *name;
	struct answer answer;
	const char *host;
	const char *want;
} match_rows[] = {
	{ "a permitted host", { .mode = STS_ENFORCE, .mx = MX },
	    "MX1.example.com.", "match" },
	{ "a host by wildcard", { .mode = STS_ENFORCE, .mx = MX },
	    "a.example.net", "match" },
	{ "another host", { .mode = STS_ENFORCE, .mx = MX },
	    "a.b.example.net", "mismatch" },
	{ "no host", { .mode = STS_ENFORCE, .mx = MX }, "", "mismatch" },
	{ "another host in testing", { .mode = STS_TESTING, .mx = MX }, "x",
	    "mismatch" },
	{ "a policy of mode none", { .mode = STS_NONE, .mx = MX },
	    "mx1.example.com", "nopolicy" },
	{ "no policy", { .mode = STS_NONE, .mx = "" }, "mx1.example.com",
	    "nopolicy" },
	{ "our own trouble",
	    { .mode = STS_ENFORCE, .tempfail = true, .mx = MX },
	    "mx1.example.com", "tempfail" },
};

static void
check_match(void **state)
{
	const struct match_row *r = *state;

	assert_string_equal(answer_match(&r->answer, r->host), r->want);
}

static void
without_memory_there_is_an_answer_too(void **state)
{
	(void)state;
	assert_string_equal(answer_no_memory.line,
	    "mode=tempfail status=error reason=memory");
	assert_string_equal(answer_mode_name(&answer_no_memory), "tempfail");
	assert_string_equal(answer_match(&answer_no_memory, "a"), "tempfail");
	answer_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(
		    tempfail_shows_no_policy_whatever_the_draft_holds),
		cmocka_unit_test(
		    no_list_of_patterns_puts_a_foreign_character_into_the_line),
		cmocka_unit_test(the_longest_list_fits),
		cmocka_unit_test(statuses_have_their_words),
		cmocka_unit_test(without_memory_there_is_an_answer_too),
	};

	return RUN_ROWS(line_rows, check_line) +
	    RUN_ROWS(plain_rows, check_plain) +
	    RUN_ROWS(unsafe_rows, becomes_an_error) +
	    RUN_ROWS(pattern_rows, becomes_an_error_in_enforce) +
	    RUN_ROWS(match_rows, check_match) +
	    cmocka_run_group_tests(others, NULL, NULL);
}
