/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_memo.c - what a process remembers, and for how long. */
#include "rows.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../module/store/memo.h"

#define NOW ((time_t)1700000000)
#define FAR (NOW + 604800)

static unsigned forgotten;

static void
forget(void *answer)
{
	forgotten++;
	free(answer);
}

static int
begin(void **state)
{
	struct memo *m = calloc(1, sizeof *m);

	if (m == NULL)
		return -1;
	m->forget = forget;
	forgotten = 0;
	*state = m;
	return 0;
}

static int
end(void **state)
{
	struct memo *m = *state;

	memo_clear(m);
	free(m);
	return 0;
}

static void
put(struct memo *m, const char *question, const char *answer, time_t now,
    time_t until)
{
	char *copy = strdup(answer);

	assert_non_null(copy);
	assert_true(memo_put(m, question, copy, now, until));
}

static void
is(const struct memo *m, const char *question, time_t now, const char *want)
{
	const char *got = memo_get(m, question, now);

	if (want == NULL)
		assert_null(got);
	else {
		assert_non_null(got);
		assert_string_equal(got, want);
	}
}

static const struct time_row {
	const char *name;
	int until; /* seconds after it was put */
	int asked;
	bool known;
} time_rows[] = {
	{ "at once", 604800, 0, true },
	{ "after 59 seconds", 604800, 59, true },
	{ "not after 60 seconds", 604800, 60, false },
	{ "not after a day", 604800, 86400, false },
	{ "just before the policy ends", 10, 9, true },
	{ "not past the policy's end", 10, 10, false },
	{ "a policy that ends after 60 seconds", 60, 59, true },
	{ "... not longer than it", 60, 60, false },
	{ "a policy that ends after 61 seconds", 61, 59, true },
	{ "... not longer than 60 seconds", 61, 60, false },
	{ "a clock set back by a second", 604800, -1, false },
	{ "a clock set back by a year", 604800, -31557600, false },
};

static void
check_time(void **state)
{
	const struct time_row *r = *state;
	struct memo m = { .forget = forget };

	put(&m, "example.com", "a", NOW, NOW + r->until);
	is(&m, "example.com", NOW + r->asked, r->known ? "a" : NULL);
	memo_clear(&m);
}

static void
nothing_is_known_at_first(void **state)
{
	is(*state, "example.com", NOW, NULL);
	is(*state, "", NOW, NULL);
}

static void
only_the_very_question_is_answered(void **state)
{
	struct memo *m = *state;

	put(m, "example.com", "a", NOW, FAR);
	put(m, "example.net", "b", NOW, FAR);
	is(m, "example.com", NOW, "a");
	is(m, "example.net", NOW, "b");
	is(m, "example.co", NOW, NULL);
	is(m, "example.com.", NOW, NULL);
	is(m, "Example.com", NOW, NULL);
}

static void
the_question_is_copied(void **state)
{
	char question[] = "example.com";

	put(*state, question, "a", NOW, FAR);
	question[0] = 'x';
	is(*state, "example.com", NOW, "a");
}

static void
what_has_ended_is_not_taken(void **state)
{
	char *answer = strdup("mine");

	assert_non_null(answer);
	assert_false(memo_put(*state, "example.com", answer, NOW, NOW));
	assert_false(memo_put(*state, "example.com", answer, NOW, NOW - 1));
	assert_false(memo_put(*state, "example.com", answer, NOW, 0));
	is(*state, "example.com", NOW, NULL);
	assert_int_equal(forgotten, 0);
	assert_string_equal(answer, "mine");
	free(answer);
}

static void
the_ninth_entry_overwrites_the_oldest(void **state)
{
	struct memo *m = *state;
	char q[16];

	for (unsigned i = 0; i < 30; i++) {
		(void)snprintf(q, sizeof q, "d%u", i);
		put(m, q, q, NOW, FAR);
		assert_int_equal(forgotten,
		    i < MEMO_SLOTS ? 0 : i - MEMO_SLOTS + 1);
		for (unsigned j = 0; j <= i; j++) {
			(void)snprintf(q, sizeof q, "d%u", j);
			is(m, q, NOW, j + MEMO_SLOTS > i ? q : NULL);
		}
	}
}

static void
a_newer_answer_replaces_the_older(void **state)
{
	struct memo *m = *state;

	put(m, "example.com", "old", NOW, NOW + 5);
	put(m, "example.net", "other", NOW, FAR);
	put(m, "example.com", "new", NOW + 5, FAR);
	assert_int_equal(forgotten, 1);
	is(m, "example.com", NOW + 5, "new");
	is(m, "example.net", NOW + 5, "other");
}

/* The older one would else be the answer again when the clock is right. */
static void
a_clock_set_back_and_forth_brings_nothing_back(void **state)
{
	struct memo *m = *state;

	put(m, "example.com", "old", NOW, FAR);
	put(m, "example.com", "new", NOW - 3600, FAR);
	is(m, "example.com", NOW - 3600, "new");
	is(m, "example.com", NOW + 1, NULL);
}

static void
clear_forgets_everything(void **state)
{
	struct memo *m = *state;
	char q[16];

	for (unsigned i = 0; i < MEMO_SLOTS; i++) {
		(void)snprintf(q, sizeof q, "d%u", i);
		put(m, q, q, NOW, FAR);
	}
	memo_clear(m);
	assert_int_equal(forgotten, MEMO_SLOTS);
	for (unsigned i = 0; i < MEMO_SLOTS; i++) {
		(void)snprintf(q, sizeof q, "d%u", i);
		is(m, q, NOW, NULL);
	}
	memo_clear(m);
	assert_int_equal(forgotten, MEMO_SLOTS);
	put(m, "d1", "again", NOW, FAR);
	is(m, "d1", NOW, "again");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_known_at_first),
		TEST(only_the_very_question_is_answered),
		TEST(the_question_is_copied),
		TEST(what_has_ended_is_not_taken),
		TEST(the_ninth_entry_overwrites_the_oldest),
		TEST(a_newer_answer_replaces_the_older),
		TEST(a_clock_set_back_and_forth_brings_nothing_back),
		TEST(clear_forgets_everything),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += RUN_ROWS(time_rows, check_time);
	return failed;
}
