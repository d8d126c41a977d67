/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tlsrpt_lookup.c - what is remembered of TLSRPT records. */
#include "scratch.h"
#include <string.h>
#include "../../module/report/tlsrpt_lookup.h"
#include "../../module/store/tdbfile.h"

#define NOW SCRATCH_NOW
#define RECORD "v=TLSRPTv1;rua=mailto:a@b.test"

static bool
make(void *arg, struct bytes old, bool grow, struct bytes *now)
{
	(void)old;
	(void)grow;
	now->p = arg;
	now->len = strlen(now->p);
	return true;
}

static void
put(const struct scratch *s, const char *domain, const char *value)
{
	struct tdbfile f = { .dir = s->dir, .name = "tlsrpt.tdb" };
	struct tdbfile_change c = { make, NULL, 1u << 20 };

	memcpy(&c.arg, &value, sizeof c.arg);
	assert_int_equal(tdbfile_alter(&f, domain, &c, NULL), STS_OK);
	tdbfile_close(&f);
}

static const struct value_row {
	const char *name;
	const char *value;
	enum sts_status want;
} value_rows[] = {
	{ "a record, for a second more", "001700000001 " RECORD, STS_OK },
	{ "a record of just now", "001700003600 " RECORD, STS_OK },
	{ "none", "001700000001 ", STS_ABSENT },
	{ "one that has run out", "001700000000 " RECORD, STS_MISS },
	{ "one of another clock", "001700003601 " RECORD, STS_MISS },
	{ "one that has become none", "001700000001 v=TLSRPTv1;rua=x",
	    STS_ABSENT },
	{ "no time", "00170000000x " RECORD, STS_MISS },
	{ "no blank", "001700000001" RECORD, STS_MISS },
	{ "nothing", "", STS_MISS },
	{ "half a time", "0017000", STS_MISS },
};

static void
is_known(void **state)
{
	struct scratch *s = *state;
	const struct value_row *r = s->row;
	struct tlsrpt_record record;

	put(s, "a.test", r->value);
	assert_int_equal(tlsrpt_known(s->dir, "a.test", NOW, &record),
	    r->want);
	assert_int_equal(record.n, r->want == STS_OK ? 1 : 0);
	assert_int_equal(tlsrpt_known(s->dir, "b.test", NOW, &record),
	    STS_MISS);
	scratch_is_owners(s, "tlsrpt.tdb");
}

/* What is known is not asked for: there is no time for that. */
static void
what_is_known_is_not_asked_for(void **state)
{
	struct scratch *s = *state;
	struct tlsrpt_record record;

	put(s, "a.test", "001700000001 " RECORD);
	put(s, "b.test", "001700000001 ");
	assert_int_equal(
	    tlsrpt_lookup(s->dir, "a.test", NOW, 0, &record, NULL), STS_OK);
	assert_string_equal(record.rua[0].text, "a@b.test");
	assert_int_equal(
	    tlsrpt_lookup(s->dir, "b.test", NOW, 0, &record, NULL),
	    STS_ABSENT);
}

static void
without_a_cache_nothing_is_known(void **state)
{
	struct tlsrpt_record record;

	(void)state;
	assert_int_equal(
	    tlsrpt_known("/nonexistent/x", "a.test", NOW, &record), STS_MISS);
}

/* --- changes of a value --------------------------------------------------- */

static bool
double_it(void *arg, struct bytes old, bool grow, struct bytes *now)
{
	static char room[100];
	struct text t;

	text_init(&t, room, sizeof room);
	text_add_bytes(&t, old.p, old.len);
	text_add_bytes(&t, old.p, old.len);
	if (old.p == NULL)
		text_add(&t, "x");
	*(bool *)arg = grow;
	now->p = room;
	now->len = t.len;
	return true;
}

/* tdbfile_alter(): what grows in a file that is too large does not. */
static void
a_full_file_lets_nothing_grow(void **state)
{
	struct scratch *s = *state;
	struct tdbfile f = { .dir = s->dir, .name = "x.tdb" };
	bool grew = false;
	struct tdbfile_change c = { double_it, &grew, 1u << 20 };
	struct sts_error err = { 0 };
	struct bytes value;

	assert_int_equal(tdbfile_alter(&f, "k", &c, NULL), STS_OK);
	assert_int_equal(tdbfile_alter(&f, "k", &c, NULL), STS_OK);
	assert_true(grew);
	c.size_max = 100;
	assert_int_equal(tdbfile_alter(&f, "k", &c, &err), STS_SYSTEM);
	assert_string_equal(err.word, "cache-full");
	assert_false(grew);
	assert_int_equal(tdbfile_alter(&f, "new", &c, &err), STS_SYSTEM);
	assert_int_equal(tdbfile_get(&f, "k", &value, NULL), STS_OK);
	assert_int_equal(value.len, 2);
	tdbfile_close(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(what_is_known_is_not_asked_for),
		SCRATCH_TEST(without_a_cache_nothing_is_known),
		SCRATCH_TEST(a_full_file_lets_nothing_grow),
	};

	return SCRATCH_ROWS(value_rows, is_known) +
	    cmocka_run_group_tests(tests, NULL, NULL);
}
