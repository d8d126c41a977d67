/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_entry.c - cache values: what was written is read, and nothing else. */
#include "scratch.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "guard.h"
#include "rows.h"

#define KEY "example.com"
#define DAY 86400

/* Places in the bytes, as caches out there have them. */
enum {
	AT_VERSION = 10,
	AT_KIND = 11,
	AT_LENGTH = 12,
	AT_TRIAL_SUM = 16,
	AT_ASKED = 24,
	AT_FAILING = 40,
	AT_OUTCOME = 72,
	AT_FAILED_ID = 76,
	AT_FAILED_WORD = 108,
	AT_FETCHED = 140,
	AT_DAMAGED = 148,
	AT_MODE = 156,
	AT_MAX_AGE = 160,
	AT_MX_LEN = 168,
	AT_BODY_LEN = 172,
	AT_ID = 176,
	AT_MX = 208
};

static struct entry
sample(void)
{
	struct entry e = scratch_policy("20240101T000000", 100);

	e.trial.failed_at = SCRATCH_NOW - 50;
	(void)snprintf(e.trial.failed_id, sizeof e.trial.failed_id, "old1");
	(void)snprintf(e.trial.failed_word, sizeof e.trial.failed_word,
	    "http-404");
	return e;
}

/* The bytes of e, their end guarded. */
static char *
bytes_of(const struct entry *e, const char *key)
{
	size_t len = entry_size(e);
	char *plain = malloc(len);
	char *p;

	assert_non_null(plain);
	p = guard_bytes(plain, len);
	free(plain);
	entry_encode(e, key, p);
	return p;
}

static void
set_number(char *p, size_t at, uint64_t n, size_t width)
{
	for (size_t i = 0; i < width; i++)
		p[at + i] = (char)(n >> 8 * i & 0xff);
}

static void
set_sums(char *p, size_t len, const char *key)
{
	uint64_t seed = XXH64(key, strlen(key), 0);

	set_number(p, AT_TRIAL_SUM,
	    XXH64(p + AT_ASKED, AT_FETCHED - AT_ASKED, seed), 8);
	seed = XXH64(p + 8, 8, seed);
	set_number(p, 0, XXH64(p + AT_FETCHED, len - AT_FETCHED, seed), 8);
}

/* --- what was written is read --------------------------------------------- */

static void
same_bytes(struct bytes a, struct bytes b)
{
	assert_int_equal(a.len, b.len);
	if (a.len > 0)
		assert_memory_equal(a.p, b.p, a.len);
}

static void
same_entry(const struct entry *a, const struct entry *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->trial.asked_at, b->trial.asked_at);
	assert_int_equal(a->trial.outcome, b->trial.outcome);
	assert_int_equal(a->trial.failing_since, b->trial.failing_since);
	assert_int_equal(a->trial.failed_at, b->trial.failed_at);
	assert_int_equal(a->trial.failing_since, b->trial.failing_since);
	assert_string_equal(a->trial.failed_id, b->trial.failed_id);
	assert_string_equal(a->trial.failed_word, b->trial.failed_word);
	assert_int_equal(a->trial.marked_at, b->trial.marked_at);
	assert_int_equal(a->trial.tried_at, b->trial.tried_at);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->max_age, b->max_age);
	assert_int_equal(a->findings, b->findings);
	assert_int_equal(a->fetched_at, b->fetched_at);
	assert_int_equal(a->used_at, b->used_at);
	assert_string_equal(a->id, b->id);
	same_bytes(a->mx, b->mx);
	same_bytes(a->body, b->body);
	assert_int_equal(a->damaged_until, b->damaged_until);
}

static int64_t
random_time(void)
{
	uint64_t t = (uint64_t)scratch_random() << 32 | scratch_random();

	return scratch_random() % 8 == 0 ? 0 : (int64_t)(t >> 24);
}

static void
random_string(char *out, size_t max, const char *of)
{
	size_t n = scratch_random() % (max + 1);

	for (size_t i = 0; i < n; i++)
		out[i] = of[scratch_random() % strlen(of)];
	out[n] = '\0';
}

static struct entry
random_entry(char *mx, char *body)
{
	static const char alnum[] = "abcXYZ019";
	struct entry e = { .kind = 1 + scratch_random() % 3 };

	e.trial.asked_at = random_time();
	e.trial.outcome = scratch_random() % (STS_SYSTEM + 1);
	e.trial.failed_at = random_time();
	e.trial.failing_since = random_time();
	random_string(e.trial.failed_id, STS_ID_MAX, alnum);
	random_string(e.trial.failed_word, STS_WORD_MAX, "abcxyz-019");
	e.trial.marked_at = random_time();
	e.trial.tried_at = random_time();
	e.mode = scratch_random() % 3;
	e.max_age = scratch_random() % (STS_AGE_MAX + 1);
	e.findings = scratch_random() % (1u << FINDINGS_ALL);
	e.fetched_at = random_time();
	e.used_at = random_time();
	random_string(e.id, STS_ID_MAX, alnum);
	random_string(mx, 500, "abc019.-*:");
	e.mx = (struct bytes){ mx, strlen(mx) };
	e.body = (struct bytes){ body, scratch_random() % 600 };
	for (size_t i = 0; i < e.body.len; i++)
		body[i] = (char)scratch_random();
	e.damaged_until = random_time();
	return e;
}

static void
any_entry_is_read_as_written(void **state)
{
	char mx[501], body[600], key[254];

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		struct entry e = random_entry(mx, body);
		struct entry got;
		char *p;

		random_string(key, 253, "abcxyz019.-");
		p = bytes_of(&e, key);
		assert_int_equal(
		    entry_decode(p, entry_size(&e), key, &got, NULL), STS_OK);
		same_entry(&got, &e);
		assert_int_equal(got.mx.p[got.mx.len], '\0');
		guard_free();
	}
}

static void
the_largest_policy_is_read_as_written(void **state)
{
	struct entry e = scratch_policy("a", STS_BODY_MAX);
	char *mx = malloc(STS_BODY_MAX);
	struct entry got;

	(void)state;
	assert_non_null(mx);
	memset(mx, 'a', STS_BODY_MAX);
	e.mx = (struct bytes){ mx, STS_BODY_MAX };
	assert_true(entry_size(&e) <= ENTRY_BYTES_MAX);
	assert_int_equal(entry_decode(bytes_of(&e, KEY), entry_size(&e), KEY,
			     &got, NULL),
	    STS_OK);
	same_entry(&got, &e);
	free(mx);
}

/* Times change in place, in the file and in memory. */
static void
times_change_over_the_bytes_they_came_from(void **state)
{
	struct entry e = sample();
	char *p = bytes_of(&e, KEY);
	size_t len = entry_size(&e);
	struct entry got;

	(void)state;
	assert_int_equal(entry_decode(p, len, KEY, &got, NULL), STS_OK);
	got.used_at = got.trial.asked_at = SCRATCH_NOW + DAY;
	got.trial.marked_at = got.trial.tried_at = SCRATCH_NOW + DAY + 1;
	assert_int_equal(entry_size(&got), len);
	entry_encode(&got, KEY, p);
	e.used_at = e.trial.asked_at = SCRATCH_NOW + DAY;
	e.trial.marked_at = e.trial.tried_at = SCRATCH_NOW + DAY + 1;
	assert_int_equal(entry_decode(p, len, KEY, &got, NULL), STS_OK);
	same_entry(&got, &e);
}

static void
a_time_before_1970_or_beyond_reason_is_never(void **state)
{
	struct entry e = sample();
	struct entry got;

	(void)state;
	e.used_at = -1;
	e.trial.tried_at = INT64_MIN;
	e.trial.marked_at = INT64_MAX;
	e.trial.asked_at = (int64_t)1 << 40;
	e.trial.failed_at = ((int64_t)1 << 40) - 1;
	assert_int_equal(entry_decode(bytes_of(&e, KEY), entry_size(&e), KEY,
			     &got, NULL),
	    STS_OK);
	assert_int_equal(got.used_at, 0);
	assert_int_equal(got.trial.tried_at, 0);
	assert_int_equal(got.trial.marked_at, 0);
	assert_int_equal(got.trial.asked_at, 0);
	assert_int_equal(got.trial.failed_at, ((int64_t)1 << 40) - 1);
}

/* What is written today must be read by what is installed tomorrow. */
static void
the_layout_stays(void **state)
{
	static const unsigned char head[] = { 0x4d, 0x53, 2, 1, 0x0e, 1, 0,
		0 };
	static const unsigned char now[] = { 0x00, 0xf1, 0x53, 0x65, 0, 0, 0,
		0 };
	struct entry e = scratch_policy("20240101T000000", 32);
	char *p = bytes_of(&e, KEY);

	(void)state;
	assert_int_equal(entry_size(&e), 270);
	assert_memory_equal(p + 8, head, sizeof head);
	assert_memory_equal(p + AT_ASKED, now, sizeof now);
	assert_memory_equal(p + AT_FETCHED, now, sizeof now);
	assert_int_equal(p[AT_MODE], STS_ENFORCE);
	assert_memory_equal(p + AT_FAILING, "\0\0\0\0\0\0\0", 8);
	assert_memory_equal(p + AT_MAX_AGE, "\x80\x3a\x09", 4);
	assert_int_equal(p[AT_MX_LEN], 29);
	assert_int_equal(p[AT_BODY_LEN], 32);
	assert_string_equal(p + AT_ID, "20240101T000000");
	assert_string_equal(p + AT_MX, "mx1.example.com:*.example.net");
	set_sums(p, 270, KEY);
	assert_int_equal(entry_decode(p, 270, KEY, &e, NULL), STS_OK);
}

/* --- and nothing else ----------------------------------------------------- */

static void
is_damaged(const char *p, size_t len, const char *key)
{
	struct sts_error err = { 0 };
	struct entry got;

	memset(&got, 0x55, sizeof got);
	assert_int_equal(entry_decode(p, len, key, &got, &err), STS_DAMAGED);
	assert_int_equal(err.status, STS_DAMAGED);
	assert_string_equal(err.word, "cache-damaged");
	assert_int_equal(got.kind, ENTRY_DAMAGED);
	assert_int_equal(got.fetched_at, 0);
	assert_int_equal(got.mx.len + got.body.len, 0);
	assert_string_equal(got.id, "");
}

/* The policy stands; when it was asked about, and used, is not known. */
static void
is_untried(const char *p, const struct entry *e)
{
	static const struct trial none;
	struct entry got;

	assert_int_equal(entry_decode(p, entry_size(e), KEY, &got, NULL),
	    STS_OK);
	assert_int_equal(got.kind, e->kind);
	assert_int_equal(got.mode, e->mode);
	assert_int_equal(got.max_age, e->max_age);
	assert_int_equal(got.fetched_at, e->fetched_at);
	assert_string_equal(got.id, e->id);
	same_bytes(got.mx, e->mx);
	same_bytes(got.body, e->body);
	assert_int_equal(got.used_at, e->fetched_at);
	assert_memory_equal(&got.trial, &none, sizeof none);
}

/* After a change of the byte at i. */
static void
is_noticed(const char *p, const struct entry *e, size_t i)
{
	if (i >= AT_TRIAL_SUM && i < AT_FETCHED)
		is_untried(p, e);
	else
		is_damaged(p, entry_size(e), KEY);
}

static void
every_flipped_bit_is_noticed(void **state)
{
	struct entry e = sample();
	char *p = bytes_of(&e, KEY);

	(void)state;
	for (size_t i = 0; i < entry_size(&e); i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			p[i] = (char)(p[i] ^ (1 << bit));
			is_noticed(p, &e, i);
			p[i] = (char)(p[i] ^ (1 << bit));
		}
}

/* kill -9 ends a write where a page of the file ends, which may be anywhere in
 * a value. */
static void
a_touch_that_is_cut_short_leaves_the_policy(void **state)
{
	struct entry old = sample(), new = sample();
	size_t len = entry_size(&old);
	char *from, *to, *torn = malloc(len);

	(void)state;
	assert_non_null(torn);
	new.trial.asked_at = SCRATCH_NOW + 300;
	new.trial.failed_at = SCRATCH_NOW + 200;
	new.trial.marked_at = SCRATCH_NOW + 100;
	new.used_at = SCRATCH_NOW + DAY;
	(void)snprintf(new.trial.failed_word, sizeof new.trial.failed_word,
	    "cert-expired");
	from = bytes_of(&old, KEY);
	to = bytes_of(&new, KEY);
	for (size_t cut = 1; cut < len; cut++) {
		struct entry got;

		memcpy(torn, from, len);
		memcpy(torn, to, cut);
		if (cut > AT_TRIAL_SUM && cut <= AT_FAILED_WORD) {
			is_untried(torn, &old);
			continue;
		}
		assert_int_equal(entry_decode(torn, len, KEY, &got, NULL),
		    STS_OK);
		same_bytes(got.body, old.body);
	}
	free(torn);
}

/* Where there is no policy, there is nothing else to know. */
static void
a_torn_absence_is_damage(void **state)
{
	struct entry e = { .kind = ENTRY_ABSENCE };
	char *p;

	(void)state;
	e.trial.asked_at = SCRATCH_NOW;
	p = bytes_of(&e, KEY);
	p[AT_ASKED] ^= 1;
	is_damaged(p, entry_size(&e), KEY);
}

static void
every_byte_zeroed_or_filled_is_noticed(void **state)
{
	struct entry e = sample();
	char *p = bytes_of(&e, KEY);

	(void)state;
	for (size_t i = 0; i < entry_size(&e); i++) {
		static const char with[] = { 0, (char)0xff, 'B' };
		char was = p[i];

		for (unsigned j = 0; j < sizeof with; j++) {
			p[i] = with[j];
			if (was != with[j])
				is_noticed(p, &e, i);
		}
		p[i] = was;
	}
}

static void
every_shorter_and_longer_value_is_damage(void **state)
{
	struct entry e = sample();
	size_t len = entry_size(&e);
	char *whole = malloc(len + 64);

	(void)state;
	assert_non_null(whole);
	memset(whole, 0, len + 64);
	entry_encode(&e, KEY, whole);
	for (size_t n = 0; n <= len + 64; n++) {
		if (n != len)
			is_damaged(guard_bytes(whole, n), n, KEY);
		guard_free();
	}
	free(whole);
}

static void
a_value_under_another_key_is_damage(void **state)
{
	static const char *const keys[] = { "", "example.co", "example.com.",
		"Example.com", "www.example.com", "moc.elpmaxe" };
	struct entry e = sample();
	char *p = bytes_of(&e, KEY);

	(void)state;
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		is_damaged(p, entry_size(&e), keys[i]);
}

static void
random_bytes_are_damage(void **state)
{
	char p[700];

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		size_t len = scratch_random() % sizeof p;

		for (size_t j = 0; j < len; j++)
			p[j] = (char)scratch_random();
		if (len > 16 && i % 2 == 0) {
			memcpy(p + 8, "MS\2\1", 4);
			set_number(p, AT_LENGTH, len, 4);
		}
		is_damaged(p, len, KEY);
	}
}

/* Values with a right checksum that entry_encode() does not write: somebody's
 * program that means something else by them. */
static const struct insane_row {
	const char *name;
	size_t at;
	uint64_t number;
	size_t width;
} insane_rows[] = {
	{ "a newer version", AT_VERSION, 3, 1 },
	{ "an older version", AT_VERSION, 1, 1 },
	{ "version 0", AT_VERSION, 0, 1 },
	{ "another magic", 8, 0x4d54, 2 },
	{ "kind 0", AT_KIND, 0, 1 },
	{ "kind 4", AT_KIND, 4, 1 },
	{ "kind 255", AT_KIND, 255, 1 },
	{ "a status from after this version", AT_OUTCOME, STS_SYSTEM + 1, 4 },
	{ "a status of many bits", AT_OUTCOME, 0x80000000, 4 },
	{ "a fourth mode", AT_MODE, 3, 4 },
	{ "a mode of many bits", AT_MODE, 0x10002, 4 },
	{ "a max_age over a year", AT_MAX_AGE, STS_AGE_MAX + 1, 4 },
	{ "a length of its own that is short", AT_LENGTH, 100, 4 },
	{ "an mx length of 4 GB", AT_MX_LEN, 0xffffffff, 4 },
	{ "an mx length one too long", AT_MX_LEN, 30, 4 },
	{ "an mx length one too short", AT_MX_LEN, 28, 4 },
	{ "a body length of 4 GB", AT_BODY_LEN, 0xffffffff, 4 },
	{ "lengths that add up by wrapping", AT_MX_LEN,
	    0xffffffffull << 32 | 130, 8 },
	{ "an id with a blank", AT_ID, ' ', 1 },
	{ "an id with a line end", AT_ID + 3, '\n', 1 },
	{ "an id beyond ASCII", AT_ID, 0xe9, 1 },
	{ "a failed id with a dash", AT_FAILED_ID, '-', 1 },
	{ "a failed word with a capital", AT_FAILED_WORD, 'A', 1 },
	{ "a failed word with a line end", AT_FAILED_WORD + 7, '\n', 1 },
	{ "an mx with a capital", AT_MX, 'M', 1 },
	{ "an mx with a blank", AT_MX + 3, ' ', 1 },
	{ "an mx with a line end", AT_MX + 28, '\n', 1 },
	{ "an mx with a quote", AT_MX + 1, '"', 1 },
	{ "an mx with a NUL", AT_MX + 5, 0, 1 },
	{ "an mx with no NUL behind it", AT_MX + 29, 'x', 1 },
};

static void
check_insane(void **state)
{
	const struct insane_row *r = *state;
	struct entry e = sample();
	char *p = bytes_of(&e, KEY);

	set_number(p, r->at, r->number, r->width);
	set_sums(p, entry_size(&e), KEY);
	is_damaged(p, entry_size(&e), KEY);
}

/* Nor may it overrun what it reads them into. */
static void
strings_that_fill_their_place(void **state)
{
	struct entry e = sample();
	char *p = bytes_of(&e, KEY);
	struct entry got;

	(void)state;
	memset(p + AT_ID, 'i', 32);
	memset(p + AT_FAILED_ID, 'f', 32);
	memset(p + AT_FAILED_WORD, 'w', 31);
	set_sums(p, entry_size(&e), KEY);
	assert_int_equal(entry_decode(p, entry_size(&e), KEY, &got, NULL),
	    STS_OK);
	assert_int_equal(strlen(got.id), 32);
	assert_int_equal(strlen(got.trial.failed_id), 32);
	assert_int_equal(strlen(got.trial.failed_word), 31);
	p[AT_FAILED_WORD + 31] = 'w';
	set_sums(p, entry_size(&e), KEY);
	is_damaged(p, entry_size(&e), KEY);
}

/* --- until when a damaged policy may have been in force ------------------- */

static const struct until_row {
	const char *name;
	size_t at;
	uint64_t number;
	size_t width;
	int64_t until;
} until_rows[] = {
	{ "a torn body: fetched_at + max_age", AT_MX + 40, 'Z', 1,
	    SCRATCH_NOW + 604800 },
	{ "a torn mx list", AT_MX, 'Z', 1, SCRATCH_NOW + 604800 },
	{ "a torn checksum", 0, 0, 8, SCRATCH_NOW + 604800 },
	{ "a wrong length", AT_LENGTH, 7, 4, SCRATCH_NOW + 604800 },
	{ "a mode that says none is not believed", AT_MODE, STS_NONE, 4,
	    SCRATCH_NOW + 604800 },
	{ "fetched_at itself may be what is damaged", AT_FETCHED,
	    SCRATCH_NOW - DAY, 8, SCRATCH_NOW - DAY + 604800 },
	{ "never fetched", AT_FETCHED, 0, 8, 0 },
	{ "fetched beyond reason", AT_FETCHED, UINT64_MAX, 8, 0 },
	{ "fetched just beyond reason", AT_FETCHED, (uint64_t)1 << 40, 8, 0 },
	{ "the longest max_age", AT_MAX_AGE, STS_AGE_MAX, 4,
	    SCRATCH_NOW + STS_AGE_MAX },
	{ "a max_age beyond reason", AT_MAX_AGE, STS_AGE_MAX + 1, 4, 0 },
	{ "max_age 0", AT_MAX_AGE, 0, 4, SCRATCH_NOW },
	{ "not a policy any more", AT_KIND, ENTRY_ABSENCE, 1, 0 },
	{ "a newer version", AT_VERSION, 3, 1, 0 },
	{ "no magic", 8, 0, 2, 0 },
};

static void
check_until(void **state)
{
	const struct until_row *r = *state;
	struct entry e = sample();
	char *p = bytes_of(&e, KEY);
	struct entry got;

	set_number(p, r->at, r->number, r->width);
	assert_int_equal(entry_decode(p, entry_size(&e), KEY, &got, NULL),
	    STS_DAMAGED);
	assert_int_equal(got.damaged_until, r->until);
}

static void
of_a_stump_nothing_is_known(void **state)
{
	struct entry e = sample();
	char *p = bytes_of(&e, KEY);
	struct entry got;

	(void)state;
	assert_int_equal(entry_decode(p, AT_MX, KEY, &got, NULL), STS_DAMAGED);
	assert_int_equal(got.damaged_until, 0);
	assert_int_equal(entry_decode(p, AT_MX + 1, KEY, &got, NULL),
	    STS_DAMAGED);
	assert_int_equal(got.damaged_until, SCRATCH_NOW + 604800);
}

static void
a_mark_is_no_policy(void **state)
{
	struct entry e = { .kind = ENTRY_DAMAGED };
	struct entry got;
	char *p;

	(void)state;
	e.damaged_until = SCRATCH_NOW + DAY;
	p = bytes_of(&e, KEY);
	assert_int_equal(entry_decode(p, entry_size(&e), KEY, &got, NULL),
	    STS_OK);
	assert_int_equal(got.kind, ENTRY_DAMAGED);
	assert_int_equal(got.damaged_until, SCRATCH_NOW + DAY);
	/* A damaged mark does not say until when, either. */
	p[AT_DAMAGED] ^= 1;
	assert_int_equal(entry_decode(p, entry_size(&e), KEY, &got, NULL),
	    STS_DAMAGED);
	assert_int_equal(got.damaged_until, 0);
}

static void
the_end_is_max_age_after_the_fetch(void **state)
{
	struct entry e = sample();

	(void)state;
	e.trial.asked_at = e.used_at = SCRATCH_NOW + DAY;
	assert_int_equal(entry_expires(&e), SCRATCH_NOW + 604800);
}

static int
give_back(void **state)
{
	(void)state;
	guard_free();
	return 0;
}

#define TEST(f) cmocka_unit_test_teardown(f, give_back)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_entry_is_read_as_written),
		TEST(the_largest_policy_is_read_as_written),
		TEST(times_change_over_the_bytes_they_came_from),
		TEST(a_time_before_1970_or_beyond_reason_is_never),
		TEST(the_layout_stays),
		TEST(every_flipped_bit_is_noticed),
		TEST(every_byte_zeroed_or_filled_is_noticed),
		TEST(a_touch_that_is_cut_short_leaves_the_policy),
		TEST(a_torn_absence_is_damage),
		TEST(every_shorter_and_longer_value_is_damage),
		TEST(a_value_under_another_key_is_damage),
		TEST(random_bytes_are_damage),
		TEST(strings_that_fill_their_place),
		TEST(of_a_stump_nothing_is_known),
		TEST(a_mark_is_no_policy),
		TEST(the_end_is_max_age_after_the_fetch),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += RUN_ROWS(insane_rows, check_insane);
	failed += RUN_ROWS(until_rows, check_until);
	return failed;
}
