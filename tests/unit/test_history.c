/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_history.c - the last policies of a domain. */
#include "../../module/store/history.h"
#include "scratch.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "../../module/store/tdbfile.h"

static struct history *history;

static int
before(void **state)
{
	const struct scratch *s;

	if (scratch_before(state) != 0)
		return -1;
	s = *state;
	history = history_new(s->dir, NULL, NULL);
	return history == NULL ? -1 : 0;
}

static int
after(void **state)
{
	history_free(history);
	history = NULL;
	return scratch_after(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, before, after)

static void
add(const char *domain, const char *id, enum sts_mode mode, const char *mx)
{
	struct entry e = { .kind = ENTRY_POLICY,
		.mode = mode,
		.max_age = 604800 };

	(void)snprintf(e.id, sizeof e.id, "%s", id);
	e.mx.p = mx;
	e.mx.len = strlen(mx);
	e.fetched_at = SCRATCH_NOW + strtol(id, NULL, 10);
	history_add(history, domain, &e);
}

static char seen[1024];

static void
see(void *arg, const struct history_item *item)
{
	size_t n = strlen(seen);

	(void)arg;
	(void)snprintf(seen + n, sizeof seen - n, "%s%s %s %u %lld %.*s",
	    n > 0 ? ", " : "", item->id, mode_name(item->mode),
	    (unsigned)item->max_age, (long long)item->fetched_at - SCRATCH_NOW,
	    (int)(item->mx.len < 40 ? item->mx.len : 40), item->mx.p);
}

static enum sts_status
look(const char *domain)
{
	seen[0] = '\0';
	return history_each(history, domain, see, NULL, NULL);
}

#define A "mx.a.example"

static void
nothing_is_known_at_first(void **state)
{
	(void)state;
	assert_int_equal(look("a.example"), STS_MISS);
	assert_string_equal(seen, "");
}

static void
the_newest_comes_first(void **state)
{
	(void)state;
	add("a.example", "1", STS_TESTING, A);
	add("a.example", "2", STS_ENFORCE, A ":*." A);
	add("a.example", "3", STS_NONE, "");
	assert_int_equal(look("a.example"), STS_OK);
	assert_string_equal(seen,
	    "3 none 604800 3 , 2 enforce 604800 2 " A ":*." A
	    ", 1 testing 604800 1 " A);
	assert_int_equal(look("b.example"), STS_MISS);
}

static void
the_same_policy_is_noted_once(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		add("a.example", "1", STS_ENFORCE, A);
	(void)look("a.example");
	assert_string_equal(seen, "1 enforce 604800 1 " A);
}

static void
back_and_forth_is_a_change_each_time(void **state)
{
	(void)state;
	add("a.example", "1", STS_ENFORCE, A);
	add("a.example", "1", STS_NONE, A);
	add("a.example", "1", STS_ENFORCE, A);
	(void)look("a.example");
	assert_string_equal(seen,
	    "1 enforce 604800 1 " A ", 1 none 604800 1 " A
	    ", 1 enforce 604800 1 " A);
}

static void
new_patterns_under_an_old_id_are_a_change(void **state)
{
	(void)state;
	add("a.example", "1", STS_ENFORCE, A);
	add("a.example", "1", STS_ENFORCE, "mx.b.example");
	(void)look("a.example");
	assert_string_equal(seen, "1 enforce 604800 1 mx.b.example"
				  ", 1 enforce 604800 1 " A);
}

static void
five_are_kept(void **state)
{
	char id[8];

	(void)state;
	for (int i = 1; i <= 7; i++) {
		(void)snprintf(id, sizeof id, "%d", i);
		add("a.example", id, STS_NONE, "");
	}
	(void)look("a.example");
	assert_string_equal(seen,
	    "7 none 604800 7 , 6 none 604800 6 , 5 none 604800 5 , "
	    "4 none 604800 4 , 3 none 604800 3 ");
}

static void
the_longest_list_fits_five_times(void **state)
{
	char *mx = malloc(STS_BODY_MAX);
	struct stat st;
	unsigned commas = 0;

	assert_non_null(mx);
	memset(mx, 'a', STS_BODY_MAX - 1);
	mx[STS_BODY_MAX - 1] = '\0';
	for (int i = 0; i < 6; i++) {
		mx[0] = (char)('a' + i);
		add("a.example", "99", STS_ENFORCE, mx);
	}
	free(mx);
	assert_int_equal(look("a.example"), STS_OK);
	for (const char *p = seen; *p != '\0'; p++)
		commas += *p == ',';
	assert_int_equal(commas, 4);
	assert_int_equal(
	    stat(scratch_path(*state, "history.tdb"), &st), 0);
	assert_true(st.st_size > 5 * (off_t)STS_BODY_MAX);
}

static void
other_domains_stay_when_one_is_forgotten(void **state)
{
	(void)state;
	add("a.example", "1", STS_ENFORCE, A);
	add("b.example", "2", STS_NONE, "");
	assert_int_equal(history_forget(history, "a.example", NULL), STS_OK);
	assert_int_equal(history_forget(history, "a.example", NULL),
	    STS_MISS);
	assert_int_equal(look("a.example"), STS_MISS);
	assert_int_equal(look("b.example"), STS_OK);
	assert_int_equal(history_clear(history, NULL), STS_OK);
	assert_int_equal(look("b.example"), STS_MISS);
}

static void
its_file_is_the_owners(void **state)
{
	add("a.example", "1", STS_ENFORCE, A);
	scratch_is_owners(*state, "history.tdb");
}

/* --- what somebody else wrote -------------------------------------------- */

static const struct value_row {
	const char *name;
	const char *value;
	const char *want;
} value_rows[] = {
	{ "a good line", "1 none 2 x \n", "x none 2 -1699999999 " },
	{ "nothing", "", "" },
	{ "no end of the line", "1 none 2 x y", "" },
	{ "an unknown mode", "1 never 2 x y\n", "" },
	{ "no time", "none 2 x y\n", "" },
	{ "a time too large", "99999999999999999999 none 2 x y\n", "" },
	{ "a time before there was one", "-1 none 2 x y\n", "" },
	{ "a max_age too large", "1 none 31557601 x y\n", "" },
	{ "an id too long",
	    "1 none 2 123456789012345678901234567890123 y\n", "" },
	{ "no id", "1 none 2\n", "" },
	{ "a field too many", "1 none 2 x y z\n", "" },
	{ "an escape", "1 none 2 x \x1b[2J\n", "" },
	{ "what follows a broken line is not trusted",
	    "1 none 2 x y\n1 never 2 x y\n1 none 3 x y\n",
	    "x none 2 -1699999999 y" },
};

static void
a_broken_value_harms_nobody(void **state)
{
	struct scratch *s = *state;
	const struct value_row *r = s->row;
	struct tdbfile f = { .dir = s->dir, .name = "history.tdb" };
	struct bytes v = { r->value, strlen(r->value) };
	struct history *h = history_new(s->dir, NULL, NULL);

	assert_non_null(h);
	assert_int_equal(tdbfile_put(&f, "a.example", v, 1u << 30, NULL),
	    STS_OK);
	tdbfile_close(&f);
	history = h;
	assert_int_equal(look("a.example"),
	    r->want[0] == '\0' ? STS_MISS : STS_OK);
	assert_string_equal(seen, r->want);
	add("a.example", "7", STS_ENFORCE, A);
	(void)look("a.example");
	assert_memory_equal(seen, "7 enforce 604800 7 " A, 31);
	history_free(h);
	history = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_known_at_first),
		TEST(the_newest_comes_first),
		TEST(the_same_policy_is_noted_once),
		TEST(back_and_forth_is_a_change_each_time),
		TEST(new_patterns_under_an_old_id_are_a_change),
		TEST(five_are_kept),
		TEST(the_longest_list_fits_five_times),
		TEST(other_domains_stay_when_one_is_forgotten),
		TEST(its_file_is_the_owners),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed + SCRATCH_ROWS(value_rows, a_broken_value_harms_nobody);
}
