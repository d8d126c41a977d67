/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_text.c - the bounded buffer, and the cursor over foreign bytes. */
#include "rows.h"
#include <string.h>
#include "../../module/protocol/scan.h"
#include "../../module/protocol/text.h"
#include "guard.h"

#define CAP 8u

static void
add_nothing(struct text *t)
{
	text_add(t, "");
}

static void
add_all_room(struct text *t)
{
	text_add(t, "defg");
}

static void
add_one_too_many(struct text *t)
{
	text_add(t, "defgh");
}

static void
add_after_full(struct text *t)
{
	text_add(t, "defgh");
	text_add(t, "x");
	text_add_bytes(t, "x", 1);
	text_add_foreign(t, "x", 1, 1);
	text_addf(t, "%d", 1);
}

static void
add_bytes_part(struct text *t)
{
	text_add_bytes(t, guard_bytes("de", 2), 2);
}

static void
add_bytes_none(struct text *t)
{
	text_add_bytes(t, NULL, 0);
}

static void
add_bytes_too_many(struct text *t)
{
	text_add_bytes(t, guard_bytes("defgh", 5), 5);
}

static void
addf_all_room(struct text *t)
{
	text_addf(t, "%d-%s", 12, "x");
}

static void
addf_nothing(struct text *t)
{
	text_addf(t, "%s", "");
}

static void
addf_too_long(struct text *t)
{
	text_addf(t, "%d-%s", 12, "xy");
}

static void
foreign_unprintable(struct text *t)
{
	text_add_foreign(t, guard_bytes("\n\x7f\0\xff", 4), 4, 4);
}

static void
foreign_edges(struct text *t)
{
	text_add_foreign(t, " ~\x1f", 3, 9);
}

static void
foreign_longer_than_max(struct text *t)
{
	text_add_foreign(t, guard_bytes("defgh", 5), 5, 1);
}

static void
foreign_without_room(struct text *t)
{
	text_add_foreign(t, "defgh", 5, 2);
}

/* What is added to "abc" in a buffer of CAP bytes that ends at the guard. */
static const struct add_row {
	const char *name;
	void (*add)(struct text *t);
	const char *want;
	bool full;
} add_rows[] = {
	{ "an empty string adds nothing", add_nothing, "abc", false },
	{ "the last byte is the terminator's", add_all_room, "abcdefg", false },
	{ "too long: left out whole", add_one_too_many, "abc", true },
	{ "nothing follows what was left out", add_after_full, "abc", true },
	{ "bytes without terminator", add_bytes_part, "abcde", false },
	{ "no bytes at no address", add_bytes_none, "abc", false },
	{ "too many bytes", add_bytes_too_many, "abc", true },
	{ "a format that just fits", addf_all_room, "abc12-x", false },
	{ "a format that adds nothing", addf_nothing, "abc", false },
	{ "a format too long is not cut", addf_too_long, "abc", true },
	{ "unprintable bytes become ?", foreign_unprintable, "abc????", false },
	{ "blank and tilde are printable", foreign_edges, "abc ~?", false },
	{ "foreign text is cut at max", foreign_longer_than_max, "abcd...",
	    false },
	{ "the dots need room too", foreign_without_room, "abc", true },
};

static void
check_add(void **state)
{
	const struct add_row *r = *state;
	char fill[CAP];
	struct text t;

	memset(fill, '#', sizeof fill);
	text_init(&t, guard_bytes(fill, sizeof fill), CAP);
	assert_string_equal(t.buf, "");
	text_add(&t, "abc");
	r->add(&t);
	assert_string_equal(t.buf, r->want);
	assert_int_equal(t.len, strlen(r->want));
	assert_int_equal(t.full, r->full);
}

static void
smallest_buffer_holds_nothing(void **state)
{
	struct text t;

	(void)state;
	text_init(&t, guard_bytes("#", 1), 1);
	text_add(&t, "");
	assert_false(t.full);
	text_add(&t, "a");
	assert_true(t.full);
	assert_string_equal(t.buf, "");
}

static void
ascii_questions_know_ascii_only(void **state)
{
	static const char alnum[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	(void)state;
	for (int i = 0; i < 256; i++) {
		char c = (char)i;
		bool listed = i != 0 && strchr(alnum, c) != NULL;
		bool upper = i >= 'A' && i <= 'Z';

		assert_int_equal(ascii_is_alnum(c), listed);
		assert_int_equal(ascii_is_digit(c), i >= '0' && i <= '9');
		assert_int_equal(ascii_is_print(c), i >= 0x20 && i <= 0x7e);
		assert_int_equal(ascii_lower(c), upper ? (char)(i + 32) : c);
	}
}

static void
cursor_stops_at_its_end(void **state)
{
	struct scan s = scan_over(guard_bytes(" \t a", 4), 4);

	(void)state;
	assert_false(scan_literal(&s, " \t ab"));
	assert_int_equal(scan_left(&s), 4);
	scan_wsp(&s);
	assert_int_equal(scan_left(&s), 1);
	assert_false(scan_literal(&s, "b"));
	assert_true(scan_literal(&s, "a"));
	assert_true(scan_done(&s));
	assert_int_equal(scan_while(&s, ascii_is_alnum, 9), 0);
	assert_int_equal(scan_name(&s), 0);
	scan_wsp(&s);
	assert_true(scan_literal(&s, ""));
	s = scan_over(NULL, 0);
	assert_true(scan_done(&s));
}

static void
cursor_counts_no_further_than_max(void **state)
{
	struct scan s = scan_over(guard_bytes("abc", 3), 3);

	(void)state;
	assert_int_equal(scan_while(&s, ascii_is_alnum, 2), 2);
	assert_int_equal(scan_left(&s), 1);
	assert_int_equal(scan_while(&s, ascii_is_digit, 2), 0);
	assert_int_equal(scan_while(&s, ascii_is_alnum, 2), 1);
}

int
main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(smallest_buffer_holds_nothing),
		cmocka_unit_test(ascii_questions_know_ascii_only),
		cmocka_unit_test(cursor_stops_at_its_end),
		cmocka_unit_test(cursor_counts_no_further_than_max),
	};

	return RUN_ROWS(add_rows, check_add) +
	    cmocka_run_group_tests(others, NULL, NULL);
}
