/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tdbcare.c - the daily care for the cache: nothing that others write or
 * read meanwhile is lost. */
#include "scratch.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../module/store/clock.h"
#include "ran.h"

#define MANY 400
#define LONG_BODY 3000
#define AT_ONCE_MS 5000 /* where others keep both processors busy */

static void
put_many(struct scratch *s, unsigned n)
{
	struct entry e = scratch_policy("1", LONG_BODY);
	char domain[32];

	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		scratch_put(s, domain, &e);
	}
}

static void
has_many(struct scratch *s, unsigned from, unsigned n)
{
	char domain[32];

	for (unsigned i = from; i < n; i++) {
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		scratch_has(s, domain, "1", LONG_BODY);
	}
}

static void
delete_many(struct scratch *s, unsigned n)
{
	char domain[32];

	for (unsigned i = 0; i < n; i++) {
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		assert_int_equal(cache_delete(s->cache, domain, NULL), STS_OK);
	}
}

static void
save(struct scratch *s)
{
	uint64_t size = 0;

	assert_int_equal(cache_save(s->cache, &size, NULL), STS_OK);
	assert_true(size > 0);
}

static void
cut(const struct scratch *s, const char *name)
{
	assert_int_equal(truncate(scratch_path(s, name), 100), 0);
}

/* --- the last good copy --------------------------------------------------- */

static void
a_damaged_file_is_replaced_by_the_copy(void **state)
{
	struct scratch *s = *state;

	put_many(s, 20);
	save(s);
	scratch_is_owners(s, "policies.tdb.1");
	assert_false(scratch_exists(s, "policies.tdb.1.new"));
	cut(s, "policies.tdb");
	scratch_reopen(s);
	has_many(s, 0, 20);
	assert_non_null(strstr(s->alert, "last good copy"));
	assert_true(scratch_exists(s, "policies.tdb.damaged"));
}

static void
a_copy_is_of_now(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("2", 10);

	put_many(s, 3);
	save(s);
	scratch_put(s, "d1.example", &e);
	assert_int_equal(cache_delete(s->cache, "d2.example", NULL), STS_OK);
	save(s);
	cut(s, "policies.tdb");
	scratch_reopen(s);
	has_many(s, 0, 1);
	scratch_has(s, "d1.example", "2", 10);
	assert_int_equal(scratch_get(s, "d2.example", (char[80]){ 0 }),
	    STS_MISS);
}

/* What a refresh left that was killed. */
static void
half_a_copy_is_no_copy(void **state)
{
	struct scratch *s = *state;

	put_many(s, 3);
	save(s);
	scratch_write(s, "policies.tdb.1.new", "half", 4);
	scratch_write(s, "policies.tdb.compact", "half", 4);
	cut(s, "policies.tdb");
	scratch_reopen(s);
	has_many(s, 0, 3);
	save(s);
	assert_int_equal(cache_compact(s->cache, NULL), STS_OK);
	has_many(s, 0, 3);
}

static void
everything_forgotten_is_forgotten_in_the_copy(void **state)
{
	struct scratch *s = *state;

	put_many(s, 3);
	save(s);
	assert_int_equal(cache_clear(s->cache, NULL), STS_OK);
	cut(s, "policies.tdb");
	scratch_reopen(s);
	assert_int_equal(scratch_get(s, "d1.example", (char[80]){ 0 }),
	    STS_MISS);
}

/* --- a look at all of it -------------------------------------------------- */

static void
a_sound_file_is_sound(void **state)
{
	struct scratch *s = *state;

	put_many(s, 20);
	assert_int_equal(cache_check(s->cache, NULL), STS_OK);
	assert_int_equal(cache_mend(s->cache, NULL), STS_OK);
	assert_int_equal(s->alerts, 0);
}

static void
zero_the_middle(const struct scratch *s)
{
	static const char zeros[65536];
	struct stat st = { 0 };
	int fd = open(scratch_path(s, "policies.tdb"), O_WRONLY);

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	assert_int_equal(pwrite(fd, zeros, sizeof zeros, st.st_size / 2),
	    sizeof zeros);
	assert_int_equal(close(fd), 0);
}

static void
damage_is_found_and_mended(void **state)
{
	struct scratch *s = *state;
	struct sts_error err;

	put_many(s, MANY);
	save(s);
	zero_the_middle(s);
	assert_int_equal(cache_check(s->cache, &err), STS_DAMAGED);
	assert_string_equal(err.word, "cache-damaged");
	assert_int_equal(cache_mend(s->cache, NULL), STS_OK);
	has_many(s, 0, MANY);
	assert_non_null(strstr(s->alert, "last good copy"));
}

/* --- without waste -------------------------------------------------------- */

static void
waste_goes_and_entries_stay(void **state)
{
	struct scratch *s = *state;
	uint64_t before;

	put_many(s, MANY);
	delete_many(s, MANY / 2);
	before = cache_size(s->cache, false);
	assert_int_equal(cache_compact(s->cache, NULL), STS_OK);
	assert_true(cache_size(s->cache, false) < before / 4 * 3);
	has_many(s, MANY / 2, MANY);
	assert_int_equal(scratch_get(s, "d0.example", (char[80]){ 0 }),
	    STS_MISS);
	assert_int_equal(cache_check(s->cache, NULL), STS_OK);
	scratch_is_owners(s, "policies.tdb");
	assert_false(scratch_exists(s, "policies.tdb.compact"));
}

struct crowd {
	struct scratch *s;
	volatile unsigned ready;
	volatile unsigned over;
	volatile unsigned written;
	volatile unsigned read;
};

static int
write_one(struct crowd *c, unsigned i)
{
	struct entry e = scratch_policy("1", LONG_BODY);
	char domain[32];

	(void)snprintf(domain, sizeof domain, "d%u.example", i);
	NEED(cache_put(c->s->cache, domain, &e, NULL) == STS_OK);
	c->written = i + 1;
	/* Or the file would soon be too large to be compacted in time. */
	scratch_sleep(2000);
	return 0;
}

/* Whether what is noted stays. */
static int
touch_one(struct crowd *c, unsigned i)
{
	int64_t when = SCRATCH_NOW + (int64_t)i;
	struct entry e;

	NEED(cache_get(c->s->cache, "d3.example", &e, NULL) == STS_OK);
	e.trial.marked_at = when;
	NEED(cache_touch(c->s->cache, "d3.example", &e, NULL) == STS_OK);
	NEED(cache_get(c->s->cache, "d3.example", &e, NULL) == STS_OK);
	NEED(e.trial.marked_at == when);
	return 0;
}

/* Whether one that is there is found, and at once. */
static int
read_one(struct crowd *c, unsigned i)
{
	int64_t before = clock_ms();
	struct entry e;
	char domain[32];

	(void)snprintf(domain, sizeof domain, "d%u.example", i % MANY);
	NEED(cache_get(c->s->cache, domain, &e, NULL) == STS_OK);
	NEED(clock_ms() - before < AT_ONCE_MS);
	c->read++;
	return 0;
}

static int
go_on(struct crowd *c, int (*one)(struct crowd *c, unsigned i))
{
	int code = 0;

	scratch_reopen(c->s);
	c->ready++;
	for (unsigned i = MANY; c->over == 0 && code == 0; i++)
		code = one(c, i);
	return code;
}

static int
write_on(void *arg)
{
	return go_on(arg, write_one);
}

static int
touch_on(void *arg)
{
	return go_on(arg, touch_one);
}

static int
read_on(void *arg)
{
	return go_on(arg, read_one);
}

#define TIMES 25

static void
nobody_loses_anything_meanwhile(void **state)
{
	struct scratch *s = *state;
	struct crowd *c = scratch_shared(sizeof *c);
	unsigned done = 0;
	uint64_t size;
	pid_t pid[3];

	c->s = s;
	put_many(s, MANY);
	scratch_reopen(s);
	pid[0] = scratch_start(write_on, c);
	pid[1] = scratch_start(touch_on, c);
	pid[2] = scratch_start(read_on, c);
	assert_true(scratch_wait(&c->ready, 3));
	for (unsigned i = 0; i < TIMES; i++) {
		enum sts_status st = cache_compact(s->cache, NULL);

		assert_true(st == STS_OK || st == STS_WAIT);
		done += st == STS_OK;
		assert_true(scratch_wait(&c->written, MANY + i));
		assert_int_equal(cache_save(s->cache, &size, NULL), STS_OK);
	}
	c->over = 1;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(scratch_finish(pid[i]), 0);
	assert_true(done > TIMES / 2);
	assert_true(c->read > TIMES);
	scratch_reopen(s);
	has_many(s, 0, c->written);
	assert_int_equal(cache_check(s->cache, NULL), STS_OK);
}

/* Somebody was stopped while he wrote: at a place that none but those want who
 * want all of it. */
static void
a_locked_file_stays_as_it_is(void **state)
{
	struct scratch *s = *state;
	struct sts_error err;
	pid_t holder;

	put_many(s, 3);
	holder = scratch_hold(s, "policies.tdb", F_WRLCK, 1 << 20, 1);
	assert_int_equal(cache_compact(s->cache, &err), STS_WAIT);
	assert_string_equal(err.word, "cache-busy");
	scratch_release(holder);
	has_many(s, 0, 3);
	assert_false(scratch_exists(s, "policies.tdb.compact"));
}

/* --- what only writers read ----------------------------------------------- */

/* Gives all free records of TDB's the mark. */
static unsigned
mark_free_records(const struct scratch *s, uint32_t mark)
{
	static const char mark_of_free[] = "\x66\xe6\xfe\xd9";
	size_t len;
	char *p = scratch_read(s, "policies.tdb", &len);
	char *end = p + len, *at = p;
	unsigned n = 0;

	while ((at = memmem(at, (size_t)(end - at), mark_of_free, 4)) != NULL) {
		memcpy(at, &mark, sizeof mark);
		n++;
	}
	scratch_write(s, "policies.tdb", p, len);
	free(p);
	return n;
}

static void
damaged_free_space_is_seen_and_mended(void **state)
{
	struct scratch *s = *state;

	put_many(s, 20);
	delete_many(s, 5);
	save(s);
	/* As a process that was killed while it deleted leaves it. */
	assert_true(mark_free_records(s, 0x26011999) > 0);
	assert_int_equal(cache_check(s->cache, NULL), STS_OK);
	scratch_put(s, "d0.example", &(struct entry){ .kind = ENTRY_DAMAGED });
	assert_true(mark_free_records(s, 0) > 0);
	assert_int_equal(cache_check(s->cache, NULL), STS_DAMAGED);
	assert_int_equal(cache_mend(s->cache, NULL), STS_OK);
	assert_int_equal(cache_check(s->cache, NULL), STS_OK);
	has_many(s, 5, 20);
}

/* --- absences ------------------------------------------------------------- */

static bool
is_young(void *arg, const struct entry *absence)
{
	(void)arg;
	return absence->trial.asked_at >= SCRATCH_NOW;
}

static void
old_absences_go(void **state)
{
	struct scratch *s = *state;
	struct entry e = { .kind = ENTRY_ABSENCE };
	char domain[32];

	for (unsigned i = 0; i < 20; i++) {
		e.trial.asked_at = SCRATCH_NOW - i % 2;
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		scratch_put(s, domain, &e);
	}
	assert_int_equal(
	    cache_sift_absences(s->cache, is_young, NULL, NULL), STS_OK);
	for (unsigned i = 0; i < 20; i++) {
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		assert_int_equal(cache_get_absence(s->cache, domain, &e),
		    i % 2 == 0 ? STS_OK : STS_MISS);
	}
	scratch_is_owners(s, "absent.tdb");
}

struct rivals {
	struct scratch *s;
	volatile unsigned inside;
	volatile unsigned go;
	pid_t other;
};

static bool
keep_slowly(void *arg, const struct entry *absence)
{
	struct rivals *r = arg;

	(void)absence;
	r->inside = 1;
	return scratch_wait(&r->go, 1);
}

static int
sift_slowly(void *arg)
{
	struct rivals *r = arg;
	enum sts_status st =
	    cache_sift_absences(r->s->cache, keep_slowly, r, NULL);

	NEED(st == STS_OK || st == STS_WAIT);
	return 0;
}

static bool
keep_while_another_begins(void *arg, const struct entry *absence)
{
	struct rivals *r = arg;

	(void)absence;
	if (r->inside == 0) {
		r->other = scratch_start(sift_slowly, r);
		return scratch_wait(&r->inside, 1);
	}
	return true;
}

/* Their copies have the same name: neither may put the other's, half made, in
 * the place of the file. */
static void
two_at_once_do_not_take_one_anothers_copy(void **state)
{
	struct rivals *r = scratch_shared(sizeof *r);
	struct scratch *s = *state;
	struct entry e = { .kind = ENTRY_ABSENCE };
	enum sts_status st;
	char domain[32];

	r->s = s;
	for (unsigned i = 0; i < 50; i++) {
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		scratch_put(s, domain, &e);
	}
	st = cache_sift_absences(s->cache, keep_while_another_begins, r, NULL);
	assert_int_equal(st, STS_WAIT);
	r->go = 1;
	assert_int_equal(scratch_finish(r->other), 0);
	for (unsigned i = 0; i < 50; i++) {
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		assert_int_equal(cache_get_absence(s->cache, domain, &e),
		    STS_OK);
	}
	assert_false(scratch_exists(s, "absent.tdb.compact"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(a_damaged_file_is_replaced_by_the_copy),
		SCRATCH_TEST(a_copy_is_of_now),
		SCRATCH_TEST(half_a_copy_is_no_copy),
		SCRATCH_TEST(everything_forgotten_is_forgotten_in_the_copy),
		SCRATCH_TEST(a_sound_file_is_sound),
		SCRATCH_TEST(damage_is_found_and_mended),
		SCRATCH_TEST(waste_goes_and_entries_stay),
		SCRATCH_CROWD(nobody_loses_anything_meanwhile),
		SCRATCH_TEST(a_locked_file_stays_as_it_is),
		SCRATCH_TEST(damaged_free_space_is_seen_and_mended),
		SCRATCH_TEST(old_absences_go),
		SCRATCH_CROWD(two_at_once_do_not_take_one_anothers_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
