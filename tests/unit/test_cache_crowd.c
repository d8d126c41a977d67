/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cache_crowd.c - the cache among processes: many at once, forked ones,
 * killed ones. */
#include "scratch.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "ran.h"
#include "../../module/store/clock.h"

static const char *
domain_of(unsigned i)
{
	static char room[2][32];
	char *domain = room[i % 2];

	(void)snprintf(domain, sizeof room[0], "d%u.example", i);
	return domain;
}

static void
put_some(struct scratch *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct entry e = scratch_policy("id1", 50 * i);

		scratch_put(s, domain_of(i), &e);
	}
}

static bool
is_there(struct scratch *s, unsigned i)
{
	char got[80], want[80];

	(void)snprintf(want, sizeof want, "enforce id1 %u", 50 * i);
	return scratch_get(s, domain_of(i), got) == STS_OK &&
	    strcmp(got, want) == 0;
}

/* --- many at once --------------------------------------------------------- */

#define STEADY 20 /* policies that nobody changes */
#define READERS 4
#define WRITERS 4
#define ROUND_MS 1500

struct crowd {
	struct scratch *s;
	int64_t until;
	unsigned reads; /* shared */
	unsigned writes;
	unsigned touches;
	unsigned busy;
};

static int
read_on(void *arg)
{
	struct crowd *c = arg;

	while (clock_left(c->until) > 0) {
		unsigned i = scratch_random() % STEADY;
		char got[80];
		enum sts_status status =
		    scratch_get(c->s, domain_of(i), got);

		if (status == STS_SYSTEM)
			__atomic_add_fetch(&c->busy, 1, __ATOMIC_RELAXED);
		else
			NEED(status == STS_OK && got[0] != '\0');
		__atomic_add_fetch(&c->reads, 1, __ATOMIC_RELAXED);
		if (i == 0) /* as short-lived as Exim's */
			scratch_reopen(c->s);
	}
	return 0;
}

/* Policies that come, grow, shrink and go; and steady ones touched. */
static int
write_on(void *arg)
{
	struct crowd *c = arg;
	unsigned own = 1000 + 10 * (unsigned)getpid();

	for (unsigned n = 0; clock_left(c->until) > 0; n++) {
		unsigned i = scratch_random() % STEADY;
		struct entry e = scratch_policy("new",
		    scratch_random() % 20000);

		NEED(cache_put(c->s->cache, domain_of(own + n % 5), &e,
			 NULL) == STS_OK);
		__atomic_add_fetch(&c->writes, 1, __ATOMIC_RELAXED);
		e = scratch_policy("id1", 50 * i);
		e.used_at = e.trial.asked_at = SCRATCH_NOW + n;
		NEED(cache_touch(c->s->cache, domain_of(i), &e, NULL) ==
		    STS_OK);
		__atomic_add_fetch(&c->touches, 1, __ATOMIC_RELAXED);
		if (n % 7 == 6)
			NEED(cache_delete(c->s->cache, domain_of(own + n % 5),
				 NULL) == STS_OK);
	}
	return 0;
}

static void
readers_and_writers_do_not_disturb_one_another(void **state)
{
	struct crowd *c = scratch_shared(sizeof *c);
	struct scratch *s = *state;
	pid_t pid[READERS + WRITERS];

	put_some(s, STEADY);
	c->s = s;
	c->until = clock_ms() + ROUND_MS;
	for (unsigned i = 0; i < READERS + WRITERS; i++)
		pid[i] = scratch_start(i % 2 == 0 ? read_on : write_on, c);
	for (unsigned i = 0; i < READERS + WRITERS; i++)
		assert_int_equal(scratch_finish(pid[i]), 0);
	for (unsigned i = 0; i < STEADY; i++)
		assert_true(is_there(s, i));
	assert_int_equal(s->alerts, 0);
	assert_true(c->reads > 50 && c->writes > 8 && c->touches > 8);
	assert_true(c->busy * 10 < c->reads);
	assert_int_equal(cache_check(s->cache, NULL), STS_OK);
}

/* The first look-ups after the installation. */
static int
be_first(void *arg)
{
	struct crowd *c = arg;
	struct entry e = scratch_policy("id1", 0);
	char domain[32];

	(void)snprintf(domain, sizeof domain, "p%d.example", (int)getpid());
	NEED(scratch_wait(&c->writes, 1));
	NEED(cache_put(c->s->cache, domain, &e, NULL) == STS_OK);
	NEED(cache_get(c->s->cache, domain, &e, NULL) == STS_OK);
	return 0;
}

static void
many_begin_one_file(void **state)
{
	struct crowd *c = scratch_shared(sizeof *c);
	struct scratch *s = *state;
	char domain[32];
	pid_t pid[8];

	c->s = s;
	for (unsigned i = 0; i < 8; i++)
		pid[i] = scratch_start(be_first, c);
	c->writes = 1;
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(scratch_finish(pid[i]), 0);
	for (unsigned i = 0; i < 8; i++) {
		(void)snprintf(domain, sizeof domain, "p%d.example",
		    (int)pid[i]);
		scratch_has(s, domain, "id1", 0);
	}
	assert_int_equal(s->alerts, 0);
}

/* --- after a fork --------------------------------------------------------- */

static int
use_inherited(void *arg)
{
	struct scratch *s = arg;

	for (unsigned n = 0; n < 25; n++) {
		struct entry e = scratch_policy("id1", 50 * 7);

		NEED(is_there(s, n % 5));
		NEED(cache_put(s->cache, domain_of(7), &e, NULL) == STS_OK);
		e.used_at = SCRATCH_NOW + n;
		NEED(cache_touch(s->cache, domain_of(7), &e, NULL) ==
		    STS_OK);
		NEED(is_there(s, 7));
	}
	return 0;
}

static void
parent_and_child_go_on_after_a_fork(void **state)
{
	struct scratch *s = *state;
	pid_t pid;

	put_some(s, 5);
	assert_true(is_there(s, 1)); /* open */
	pid = scratch_start(use_inherited, s);
	assert_int_equal(use_inherited(s), 0);
	assert_int_equal(scratch_finish(pid), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_true(is_there(s, i));
	assert_int_equal(s->alerts, 0);
}

/* A value that was read before a fork stays readable in both. */
static int
free_inherited(void *arg)
{
	struct scratch *s = arg;

	cache_free(s->cache);
	return 0;
}

static void
a_childs_end_leaves_its_parents_locks_alone(void **state)
{
	struct scratch *s = *state;
	struct entry e;

	put_some(s, 2);
	assert_int_equal(cache_get(s->cache, domain_of(1), &e, NULL), STS_OK);
	assert_int_equal(scratch_apart(free_inherited, s), 0);
	assert_int_equal(e.body.len, 50);
	assert_memory_equal(e.body.p, "abcdef", 6);
	assert_true(is_there(s, 0));
}

/* --- killed --------------------------------------------------------------- */

#define KILLS 1000
#define VICTIMS 8 /* domains that a killed writer writes to */

struct killed {
	struct scratch *s;
	unsigned round;
	volatile unsigned at_work; /* the round whose writer is */
	unsigned sure[VICTIMS]; /* the number of the last policy kept ... */
	unsigned perhaps[VICTIMS]; /* ... and of one begun */
};

/* A policy that comes and goes. */
static int
write_for_a_moment(struct cache *c, unsigned n, const struct entry *e)
{
	char domain[32];

	(void)snprintf(domain, sizeof domain, "t%u.example", n);
	NEED(cache_put(c, domain, e, NULL) == STS_OK);
	NEED(cache_delete(c, domain, NULL) == STS_OK);
	return 0;
}

/* Writes without end, and notes what the cache said it had kept. */
static int
write_until_killed(void *arg)
{
	struct killed *k = arg;
	struct cache *c = k->s->cache;

	srandom(k->round);
	for (unsigned n = 1;; n++) {
		unsigned i = (unsigned)random() % VICTIMS;
		struct entry e = scratch_policy("id1",
		    (size_t)(random() % 9000));
		char domain[32];

		(void)snprintf(domain, sizeof domain, "v%u.example", i);
		e.fetched_at = k->perhaps[i] = k->round * 1000 + n;
		k->at_work = k->round;
		NEED(cache_put(c, domain, &e, NULL) == STS_OK);
		k->sure[i] = k->perhaps[i];
		e.used_at = SCRATCH_NOW;
		NEED(cache_touch(c, domain, &e, NULL) == STS_OK);
		NEED(n % 3 != 0 || write_for_a_moment(c, n, &e) == 0);
	}
}

static void
nothing_was_lost(struct killed *k)
{
	struct scratch *s = k->s;

	for (unsigned i = 0; i < VICTIMS; i++) {
		struct sts_error err = { 0 };
		char domain[32];
		struct entry e;

		(void)snprintf(domain, sizeof domain, "v%u.example", i);
		if (k->sure[i] == 0) {
			if (cache_get(s->cache, domain, &e, NULL) == STS_OK)
				k->sure[i] = (unsigned)e.fetched_at;
			continue;
		}
		if (cache_get(s->cache, domain, &e, &err) != STS_OK)
			fail_msg("%s: %s: %s", domain, err.word, err.text);
		assert_true(e.fetched_at == (int64_t)k->sure[i] ||
		    e.fetched_at == (int64_t)k->perhaps[i]);
		k->sure[i] = (unsigned)e.fetched_at;
	}
	for (unsigned i = 0; i < 5; i++)
		assert_true(is_there(s, i));
	assert_int_equal(s->alerts, 0);
}

static void
killed_writers_leave_a_sound_file(void **state)
{
	struct killed *k = scratch_shared(sizeof *k);

	k->s = *state;
	put_some(k->s, 5);
	for (k->round = 1; k->round <= KILLS; k->round++) {
		pid_t pid = scratch_start(write_until_killed, k);

		assert_true(scratch_wait(&k->at_work, k->round));
		scratch_sleep(scratch_random() % 5000);
		scratch_kill(pid);
		nothing_was_lost(k);
		if (k->round % 10 == 0)
			assert_int_equal(
			    cache_check(k->s->cache, NULL), STS_OK);
		scratch_reopen(k->s);
	}
	/* TDB complains of space, too, that belongs to nobody since a kill: it
	 * goes when the file is compacted. */
	assert_int_equal(cache_compact(k->s->cache, NULL), STS_OK);
	nothing_was_lost(k);
	scratch_reopen(k->s); /* TDB opens no file twice */
	assert_true(scratch_tdb_is_clean(k->s, "policies.tdb"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_CROWD(readers_and_writers_do_not_disturb_one_another),
		SCRATCH_CROWD(many_begin_one_file),
		SCRATCH_TEST(parent_and_child_go_on_after_a_fork),
		SCRATCH_TEST(a_childs_end_leaves_its_parents_locks_alone),
		SCRATCH_CROWD(killed_writers_leave_a_sound_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
