/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_trail.c - what one event by ${run} leaves for the next. */
#include "../../module/report/trail.h"
#include "rows.h"
#include <stdio.h>
#include <string.h>

static char room[TRAIL_TEXT_MAX + 1];

static struct bytes
written(const struct trail *t)
{
	struct text out;

	text_init(&out, room, sizeof room);
	trail_write(t, &out);
	assert_false(out.full);
	return (struct bytes){ room, out.len };
}

static void
fill(char *out, size_t size)
{
	memset(out, 'x', size - 1);
	out[size - 1] = '\0';
}

static void
assert_same(const struct trail *a, const struct trail *b)
{
	assert_int_equal(a->greeted, b->greeted);
	assert_int_equal(a->offered, b->offered);
	assert_string_equal(a->host, b->host);
	assert_string_equal(a->address, b->address);
	assert_string_equal(a->helo, b->helo);
	assert_string_equal(a->dane, b->dane);
	assert_string_equal(a->failed, b->failed);
}

static void
it_is_read_as_it_was_written(void **state)
{
	static struct trail t, back;

	(void)state;
	assert_true(trail_read(written(&t), &back));
	assert_same(&t, &back);
	t.offered = true;
	(void)snprintf(t.host, sizeof t.host, "mx.a.test");
	(void)snprintf(t.helo, sizeof t.helo, "a b");
	assert_true(trail_is_new(&t, 0xdeadbeef));
	assert_true(trail_read(written(&t), &back));
	assert_same(&t, &back);
	assert_false(trail_is_new(&back, 0xdeadbeef));
	assert_true(trail_is_new(&back, 1));
}

/* At its longest, too. */
static void
it_always_fits(void **state)
{
	static struct trail t, back;

	(void)state;
	memset(&t, 0, sizeof t);
	t.greeted = true;
	fill(t.host, sizeof t.host);
	fill(t.address, sizeof t.address);
	fill(t.helo, sizeof t.helo);
	fill(t.dane, sizeof t.dane);
	fill(t.failed, sizeof t.failed);
	for (uint32_t i = 0; i < 3 * TRAIL_ROUTED; i++)
		assert_true(trail_is_new(&t, i));
	assert_true(trail_read(written(&t), &back));
	assert_same(&t, &back);
	/* What was there first has gone first. */
	assert_true(trail_is_new(&t, 0));
	for (uint32_t i = 2 * TRAIL_ROUTED + 1; i < 3 * TRAIL_ROUTED; i++)
		assert_false(trail_is_new(&t, i));
}

static const struct foreign_row {
	const char *name;
	const char *text;
} foreign_rows[] = {
	{ "nothing", "" },
	{ "too few fields", "go\tmx.a.test\t" },
	{ "a field that is too long",
	    "gogo\tmx.a.test\t192.0.2.1\thelo\tx\tfailed\t" },
	{ "a byte that is not printable",
	    "go\tmx\n.test\t192.0.2.1\thelo\tx\tfailed\t" },
	{ "half a hash",
	    "go\tmx.a.test\t192.0.2.1\thelo\tx\tfailed\t0123456" },
	{ "no hash", "go\tmx.a.test\t192.0.2.1\thelo\tx\tfailed\t0123456g" },
};

static void
nothing_else_is_read(void **state)
{
	const struct foreign_row *r = *state;
	static struct trail t;
	static const struct trail none;
	struct bytes text = { r->text, strlen(r->text) };

	memset(&t, 'x', sizeof t);
	assert_false(trail_read(text, &t));
	assert_memory_equal(&t, &none, sizeof t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_read_as_it_was_written),
		cmocka_unit_test(it_always_fits),
	};

	return RUN_ROWS(foreign_rows, nothing_else_is_read) +
	    cmocka_run_group_tests(tests, NULL, NULL);
}
