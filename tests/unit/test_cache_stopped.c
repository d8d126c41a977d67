/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cache_stopped.c - nobody waits for ever for a process that was stopped
 * while it held a lock of the cache's. */
#include "scratch.h"
#include <fcntl.h>
#include <string.h>
#include "ran.h"
#include "../../module/store/clock.h"

#define DOMAIN "example.com"
#define PATIENCE_MS 7000 /* more than BUSY_WAIT_MS and TDBOPEN_WAIT_MS */

static int
get_in_vain(void *arg)
{
	struct scratch *s = arg;
	int64_t began = clock_ms();
	struct sts_error err = { 0 };
	struct entry e;

	NEED(cache_get(s->cache, DOMAIN, &e, &err) == STS_SYSTEM);
	NEED(strncmp(err.word, "cache-", 6) == 0);
	NEED(clock_ms() - began < PATIENCE_MS);
	return 0;
}

static int
get_all_the_same(void *arg)
{
	struct scratch *s = arg;
	int64_t began = clock_ms();
	char got[80];

	NEED(scratch_get(s, DOMAIN, got) == STS_OK);
	NEED(clock_ms() - began < 1000);
	return 0;
}

static int
touch_all_the_same(void *arg)
{
	struct scratch *s = arg;
	struct entry e = scratch_policy("id1", 10);
	int64_t began = clock_ms();

	NEED(cache_touch(s->cache, DOMAIN, &e, NULL) == STS_OK);
	NEED(clock_ms() - began < 1000);
	return 0;
}

static int
put_in_vain(void *arg)
{
	struct scratch *s = arg;
	struct entry e = scratch_policy("id2", 10);
	int64_t began = clock_ms();

	NEED(cache_put(s->cache, DOMAIN, &e, NULL) == STS_SYSTEM);
	NEED(clock_ms() - began < PATIENCE_MS);
	return 0;
}

static int
touch_in_vain(void *arg)
{
	struct scratch *s = arg;
	struct entry e = scratch_policy("id1", 10);
	int64_t began = clock_ms();

	NEED(cache_touch(s->cache, DOMAIN, &e, NULL) == STS_SYSTEM);
	NEED(clock_ms() - began < PATIENCE_MS);
	return 0;
}

/* TDB's locks: byte 0 while it opens a file, byte 8 while a transaction goes
 * on, all from 168 while it ends. */
static const struct stopped_row {
	const char *name;
	off_t from;
	off_t len;
	bool open; /* the others have it open already */
	int (*others[3])(void *arg);
} stopped_rows[] = {
	{ "stopped while it opened the file", 0, 1, false,
	    { get_all_the_same, put_in_vain, touch_all_the_same } },
	{ "stopped while it wrote", 8, 1, true,
	    { get_all_the_same, put_in_vain } },
	{ "stopped while it ended a transaction", 168, 0, true,
	    { get_in_vain, put_in_vain, touch_in_vain } },
};

static void
check_stopped(void **state)
{
	struct scratch *s = *state;
	const struct stopped_row *r = s->row;
	struct entry e = scratch_policy("id1", 10);
	pid_t holder, pid[3];

	scratch_put(s, DOMAIN, &e);
	if (!r->open)
		scratch_reopen(s);
	holder = scratch_hold(s, "policies.tdb", F_WRLCK, r->from, r->len);
	for (unsigned i = 0; i < 3 && r->others[i] != NULL; i++)
		pid[i] = scratch_start(r->others[i], s);
	for (unsigned i = 0; i < 3 && r->others[i] != NULL; i++)
		assert_int_equal(scratch_finish(pid[i]), 0);
	scratch_release(holder);
	scratch_has(s, DOMAIN, "id1", 10);
	assert_int_equal(s->alerts, 0);
}

/* --- nor do two get into each other's way --------------------------------- */

static int
get_in_time(void *arg)
{
	cache_limit(((struct scratch *)arg)->cache, clock_ms() + 2000);
	return get_all_the_same(arg);
}

static int
touch_in_time(void *arg)
{
	cache_limit(((struct scratch *)arg)->cache, clock_ms() + 2000);
	return touch_all_the_same(arg);
}

static int
run_beside_writer(struct scratch *s, int (*f)(void *arg))
{
	pid_t writer = scratch_hold(s, "policies.tdb", F_WRLCK, 168, 0);
	pid_t pid = scratch_start(f, s);

	scratch_sleep(20000);
	scratch_release(writer);
	return scratch_finish(pid);
}

/* One was stopped while it opened the file, so that no other can open it by
 * libtdb; and somebody is just writing.  Thrice at most: this machine may stand
 * still for half a second, too. */
static void
who_writes_meanwhile_is_waited_for(void **state)
{
	static int (*const others[])(void *arg) = { get_in_time,
		touch_in_time };
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 10);
	pid_t holder;

	scratch_put(s, DOMAIN, &e);
	scratch_reopen(s);
	holder = scratch_hold(s, "policies.tdb", F_WRLCK, 0, 1);
	for (unsigned i = 0; i < 2; i++)
		assert_true(run_beside_writer(s, others[i]) == 0 ||
		    run_beside_writer(s, others[i]) == 0 ||
		    run_beside_writer(s, others[i]) == 0);
	scratch_release(holder);
	scratch_has(s, DOMAIN, "id1", 10);
}

/* --- for no longer than the look-up has ----------------------------------- */

#define LIMIT_MS 300
#define LATE_MS 700 /* more, on a machine that has other work */

static int
wait_no_longer(void *arg)
{
	struct scratch *s = arg;
	const struct stopped_row *r = s->row;

	for (unsigned i = 0; i < 3 && r->others[i] != NULL; i++) {
		int64_t began = clock_ms();

		cache_limit(s->cache, began + LIMIT_MS);
		NEED(r->others[i](s) == 0);
		NEED(clock_ms() - began < LIMIT_MS + LATE_MS);
	}
	return 0;
}

static void
check_limit(void **state)
{
	struct scratch *s = *state;
	const struct stopped_row *r = s->row;
	struct entry e = scratch_policy("id1", 10);
	pid_t holder;

	scratch_put(s, DOMAIN, &e);
	if (!r->open)
		scratch_reopen(s);
	holder = scratch_hold(s, "policies.tdb", F_WRLCK, r->from, r->len);
	assert_int_equal(scratch_apart(wait_no_longer, s), 0);
	scratch_release(holder);
	scratch_has(s, DOMAIN, "id1", 10);
}

int
main(void)
{
	const struct CMUnitTest together[] = {
		SCRATCH_TEST(who_writes_meanwhile_is_waited_for),
	};
	int failed = SCRATCH_ROWS(stopped_rows, check_stopped);

	failed += cmocka_run_group_tests(together, NULL, NULL);
	failed += SCRATCH_ROWS(stopped_rows, check_limit);
	return failed;
}
