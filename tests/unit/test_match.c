/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_match.c - which MX hosts a policy permits (RFC 8461 4.1), and that
 * the list made for Exim permits the same. */
#include "rows.h"
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include "../../module/protocol/match.h"
#include "guard.h"

static const struct match_row {
	const char *name;
	const char *host;
	const char *list;
	bool want;
} match_rows[] = {
	{ "the same name", "mail.example.com", "mail.example.com", true },
	{ "case of the host", "Mail.EXAMPLE.com", "mail.example.com", true },
	{ "case of the pattern", "mail.example.com", "MAIL.example.com", true },
	{ "a final dot of the host", "mail.example.com.", "mail.example.com",
	    true },
	{ "two final dots", "mail.example.com..", "mail.example.com", false },
	{ "another name", "mail.example.net", "mail.example.com", false },
	{ "a beginning of the name", "mail.example.co", "mail.example.com",
	    false },
	{ "a longer name", "mail.example.com.net", "mail.example.com", false },
	{ "an end of the name", "evilmail.example.com", "mail.example.com",
	    false },
	{ "a dot is a dot", "mailXexample.com", "mail.example.com", false },
	{ "one label before a wildcard's name", "mail.example.com",
	    "*.example.com", true },
	{ "no label", "example.com", "*.example.com", false },
	{ "an empty label", ".example.com", "*.example.com", false },
	{ "two labels", "foo.bar.example.com", "*.example.com", false },
	{ "a wildcard needs the dot", "mailexample.com", "*.example.com",
	    false },
	{ "a wildcard and case", "MAIL.EXAMPLE.COM.", "*.example.com", true },
	{ "a top-level wildcard", "abc.com", "*.com", true },
	{ "an underscore in the wild label", "mx_1.example.com",
	    "*.example.com", true },
	{ "an A-label in the wild label", "xn--bcher-kva.example.com",
	    "*.example.com", true },
	{ "one label", "localhost", "localhost", true },
	{ "one label and a wildcard", "localhost", "*.localhost", false },
	{ "the second of a list", "sub.b.example", "a.example:*.b.example",
	    true },
	{ "the last of a list", "c.example", "a.example:b.example:c.example",
	    true },
	{ "none of a list", "d.example", "a.example:*.b.example", false },
	{ "an empty list", "a.example", "", false },
	{ "an empty host", "", "a.example", false },
	{ "an empty host and list", "", "", false },
	{ "a dot as host", ".", "a.example", false },
	{ "no pattern: a wildcard within", "abc.x.com", "abc.*.com", false },
	{ "no pattern: two wildcards", "x.*.com", "*.*.com", false },
	{ "no pattern: part of a label", "mail.example.com", "*ail.example.com",
	    false },
	{ "no pattern: a star", "mail", "*", false },
	{ "no pattern: a star and a dot", "mail.", "*.", false },
	{ "no pattern: a final dot", "a.example", "a.example.", false },
	{ "no pattern: an underscore", "a_b.example", "a_b.example", false },
	{ "a pattern beside what is none", "b.example", ":-:b.example:", true },
	{ "an escaped dot hides a label", "mail\\.example.com",
	    "*.example.com", false },
	{ "an escaped byte in the wild label", "a\\000.example.com",
	    "*.example.com", false },
	{ "an escape alone in the wild label", "\\.example.com",
	    "*.example.com", false },
	{ "a blank in the host", "a b.example.com", "*.example.com", false },
	{ "a line end after the host", "mail.example.com\n",
	    "mail.example.com", false },
	{ "a byte beyond ASCII in the host", "\303\274.example.com",
	    "*.example.com", false },
};

static void
check_match(void **state)
{
	const struct match_row *r = *state;
	const char *host = guard_string(r->host);
	const char *list = guard_string(r->list);

	assert_int_equal(match_host(list, host), r->want);
	if (strchr(r->list, ':') == NULL)
		assert_int_equal(match_pattern(list, host), r->want);
}

static void
a_list_is_no_pattern(void **state)
{
	(void)state;
	assert_false(match_pattern("a.example:b.example", "a.example"));
	assert_false(match_pattern("a.example:25", "a.example"));
}

static const struct ignore_row {
	const char *name;
	const char *list;
	const char *want; /* NULL: refused */
} ignore_rows[] = {
	{ "a name", "mx1.example.com", "!^mx1[.]example[.]com$:*" },
	{ "a wildcard", "*.example.net", "!^[^.]+[.]example[.]net$:*" },
	{ "both, in order", "mx1.example.com:*.example.net",
	    "!^mx1[.]example[.]com$:!^[^.]+[.]example[.]net$:*" },
	{ "one label with a dash", "a-1", "!^a-1$:*" },
	{ "without patterns every host is ignored", "", "*" },
	{ "upper case", "MX.example.com", NULL },
	{ "an underscore", "a_b.example", NULL },
	{ "an empty pattern", "a.example::b.example", NULL },
	{ "a colon at the end", "a.example:", NULL },
	{ "a wildcard within", "a.*.example", NULL },
	{ "a star alone", "*", NULL },
	{ "a blank", "a.example b.example", NULL },
	{ "regular expression, quoting, expansion", "a.*$", NULL },
	{ "a backslash", "a\\N.example", NULL },
	{ "a brace", "a}.example", NULL },
};

static void
check_ignore(void **state)
{
	const struct ignore_row *r = *state;
	const char *list = guard_string(r->list);
	char buf[256];
	struct text t;

	text_init(&t, buf, sizeof buf);
	text_add(&t, "ignore=");
	match_ignore_list(&t, list);
	assert_int_equal(t.full, r->want == NULL);
	assert_int_equal(t.len, strlen(buf));
	assert_memory_equal(buf, "ignore=", strlen("ignore="));
	assert_string_equal(buf + strlen("ignore="), r->want ? r->want : "");
}

static void
list_without_room_is_left_out_whole(void **state)
{
	static const char want[] = "!^a[.]example$:!^[^.]+[.]b$:*";
	char buf[sizeof want];
	struct text t;

	(void)state;
	for (size_t cap = 1; cap < sizeof want; cap++) {
		text_init(&t, buf, cap);
		match_ignore_list(&t, "a.example:*.b");
		assert_true(t.full);
		assert_string_equal(buf, "");
	}
	text_init(&t, buf, sizeof buf);
	match_ignore_list(&t, "a.example:*.b");
	assert_false(t.full);
	assert_string_equal(buf, want);
}

/* The list as Exim reads it: the first item that matches decides, and "!"
 * means not ignored.  Exim matches host names whatever their case. */
#define ITEMS_MAX 8u

struct exim_list {
	regex_t item[ITEMS_MAX];
	size_t n;
	bool ends_with_all; /* "*" */
};

static void
list_compile(struct exim_list *l, char *list)
{
	char *item;

	memset(l, 0, sizeof *l);
	while ((item = strsep(&list, ":")) != NULL) {
		assert_false(l->ends_with_all);
		if (strcmp(item, "*") == 0) {
			l->ends_with_all = true;
			continue;
		}
		assert_true(l->n < ITEMS_MAX);
		assert_memory_equal(item, "!^", 2);
		assert_int_equal(regcomp(&l->item[l->n++], item + 1,
				     REG_EXTENDED | REG_NOSUB | REG_ICASE),
		    0);
	}
	assert_true(l->ends_with_all);
}

static void
list_free(struct exim_list *l)
{
	while (l->n > 0)
		regfree(&l->item[--l->n]);
}

static bool
list_permits(const struct exim_list *l, const char *host)
{
	for (size_t i = 0; i < l->n; i++)
		if (regexec(&l->item[i], host, 0, NULL, 0) == 0)
			return true;
	return false;
}

/* False if there is no such list. */
static bool
list_make(struct exim_list *l, const char *mx_list)
{
	char buf[1024];
	struct text t;

	text_init(&t, buf, sizeof buf);
	match_ignore_list(&t, mx_list);
	if (!t.full)
		list_compile(l, buf);
	return !t.full;
}

#define NAME_LEN 6u

struct comparison {
	const char *mx_list;
	struct exim_list list;
	unsigned matched;
	unsigned different;
};

/* Compares for host[len] and every name of up to NAME_LEN bytes that begins
 * with it.  Exim drops a final dot before it asks. */
static void
compare_names(struct comparison *c, char host[NAME_LEN + 1], size_t len)
{
	static const char bytes[] = "ab.-A_";
	bool want;

	host[len] = '\0';
	if (len == 0 || host[len - 1] != '.') {
		want = match_host(c->mx_list, host);
		c->matched += want;
		if (list_permits(&c->list, host) != want) {
			print_error("%s: %s\n", c->mx_list, host);
			c->different++;
		}
	}
	if (len == NAME_LEN)
		return;
	for (size_t i = 0; bytes[i] != '\0'; i++) {
		host[len] = bytes[i];
		compare_names(c, host, len + 1);
	}
}

static void
list_for_exim_permits_what_match_host_does(void **state)
{
	static const char *const lists[] = { "a", "a.b", "*.b", "*.a.b",
		"a.b:*.b", "b:*.a:a.b.a", "*.ab:a-b.b", "ab.b:*.a-b" };
	char host[NAME_LEN + 1];

	(void)state;
	for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		struct comparison c = { .mx_list = lists[i] };

		assert_true(list_make(&c.list, lists[i]));
		compare_names(&c, host, 0);
		list_free(&c.list);
		assert_int_equal(c.different, 0);
		assert_true(c.matched > 0);
	}
}

static void
rows_of_match_host_hold_for_the_list_too(void **state)
{
	unsigned compared = 0;

	(void)state;
	for (size_t i = 0; i < sizeof match_rows / sizeof match_rows[0]; i++) {
		const struct match_row *r = &match_rows[i];
		size_t len = strlen(r->host);
		struct exim_list list;

		/* Exim has no such host, and no policy holds such a list. */
		if (strpbrk(r->host, "\\ \n\303") != NULL ||
		    (len > 0 && r->host[len - 1] == '.') ||
		    !list_make(&list, r->list))
			continue;
		assert_int_equal(list_permits(&list, r->host), r->want);
		list_free(&list);
		compared++;
	}
	assert_true(compared > 20);
}

int
main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(a_list_is_no_pattern),
		cmocka_unit_test(list_without_room_is_left_out_whole),
		cmocka_unit_test(list_for_exim_permits_what_match_host_does),
		cmocka_unit_test(rows_of_match_host_hold_for_the_list_too),
	};

	return RUN_ROWS(match_rows, check_match) +
	    RUN_ROWS(ignore_rows, check_ignore) +
	    cmocka_run_group_tests(others, NULL, NULL);
}
