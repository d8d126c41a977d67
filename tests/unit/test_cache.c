/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cache.c - what the cache keeps, changes, lists and forgets. */
#include "scratch.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tdb.h>
#include <unistd.h>
#include "ran.h"

#define DOMAIN "example.com"
#define DAY 86400

static struct entry
an_absence(void)
{
	struct entry e = { .kind = ENTRY_ABSENCE };

	e.trial.asked_at = SCRATCH_NOW;
	e.trial.outcome = STS_ABSENT;
	return e;
}

static struct entry
a_mark(void)
{
	struct entry e = { .kind = ENTRY_DAMAGED };

	e.damaged_until = SCRATCH_NOW + DAY;
	return e;
}

static struct entry
stored(struct scratch *s)
{
	struct entry e;

	assert_int_equal(cache_get(s->cache, DOMAIN, &e, NULL), STS_OK);
	return e;
}

static void
touch(struct scratch *s, const struct entry *e, enum sts_status want)
{
	assert_int_equal(cache_touch(s->cache, DOMAIN, e, NULL), want);
}

static bool
has_absence(struct scratch *s, const char *domain)
{
	struct entry e;

	return cache_get_absence(s->cache, domain, &e) == STS_OK;
}

/* --- kept ----------------------------------------------------------------- */

static void
an_empty_cache_knows_nothing(void **state)
{
	struct scratch *s = *state;
	struct sts_error err = { 0 };
	struct entry e;

	assert_int_equal(cache_get(s->cache, DOMAIN, &e, &err), STS_MISS);
	assert_string_equal(err.word, "cache-miss");
	assert_false(has_absence(s, DOMAIN));
	assert_int_equal(s->alerts, 0);
}

static void
a_policy_is_kept_for_the_next_process(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 1000);
	struct entry got;

	e.findings = FINDING_BOM;
	e.used_at = SCRATCH_NOW + 5;
	scratch_put(s, DOMAIN, &e);
	scratch_reopen(s);
	scratch_has(s, DOMAIN, "id1", 1000);
	got = stored(s);
	assert_int_equal(got.fetched_at, SCRATCH_NOW);
	assert_int_equal(got.max_age, 604800);
	assert_int_equal(got.findings, FINDING_BOM);
	assert_int_equal(got.used_at, SCRATCH_NOW + 5);
	assert_int_equal(s->alerts, 0);
}

static void
policies_of_all_sizes_stand_side_by_side(void **state)
{
	struct scratch *s = *state;
	char domain[32], id[16];

	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 40; i++) {
			struct entry e;
			unsigned size = round == 0 ? i * i * 40 : 64000 - i;

			(void)snprintf(domain, sizeof domain, "d%u.example", i);
			(void)snprintf(id, sizeof id, "i%uR%u", i, round);
			e = scratch_policy(id, size);
			scratch_put(s, domain, &e);
			scratch_has(s, domain, id, size);
		}
	scratch_reopen(s);
	for (unsigned i = 0; i < 40; i++) {
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		(void)snprintf(id, sizeof id, "i%uR1", i);
		scratch_has(s, domain, id, 64000 - i);
	}
	assert_int_equal(s->alerts, 0);
}

static void
a_policy_ends_an_absence(void **state)
{
	struct scratch *s = *state;
	struct entry absence = an_absence();
	struct entry e = scratch_policy("id1", 10);

	scratch_put(s, DOMAIN, &absence);
	scratch_put(s, "example.net", &absence);
	assert_true(has_absence(s, DOMAIN));
	scratch_put(s, DOMAIN, &e);
	assert_false(has_absence(s, DOMAIN));
	assert_true(has_absence(s, "example.net"));
	/* A policy past its end may stand beside a newer absence. */
	scratch_put(s, DOMAIN, &absence);
	assert_true(has_absence(s, DOMAIN));
	scratch_has(s, DOMAIN, "id1", 10);
}

static void
an_absence_keeps_what_was_tried(void **state)
{
	struct scratch *s = *state;
	struct entry e = an_absence();
	struct entry got;

	e.trial.outcome = STS_FETCH;
	e.trial.failed_at = SCRATCH_NOW - 1;
	(void)snprintf(e.trial.failed_id, sizeof e.trial.failed_id, "a1");
	(void)snprintf(e.trial.failed_word, sizeof e.trial.failed_word,
	    "http-404");
	scratch_put(s, DOMAIN, &e);
	scratch_reopen(s);
	assert_int_equal(cache_get_absence(s->cache, DOMAIN, &got), STS_OK);
	assert_int_equal(got.trial.asked_at, SCRATCH_NOW);
	assert_int_equal(got.trial.outcome, STS_FETCH);
	assert_int_equal(got.trial.failed_at, SCRATCH_NOW - 1);
	assert_string_equal(got.trial.failed_id, "a1");
	assert_string_equal(got.trial.failed_word, "http-404");
}

/* --- touched -------------------------------------------------------------- */

static void
a_touch_changes_the_times_only(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 500);
	struct entry got;

	scratch_put(s, DOMAIN, &e);
	e.trial.asked_at = SCRATCH_NOW + 300;
	e.trial.outcome = STS_DNS;
	e.used_at = SCRATCH_NOW + 300;
	e.mode = STS_NONE;
	e.max_age = 1;
	e.mx.len = e.body.len = 3;
	touch(s, &e, STS_OK);
	scratch_has(s, DOMAIN, "id1", 500);
	got = stored(s);
	assert_int_equal(got.trial.asked_at, SCRATCH_NOW + 300);
	assert_int_equal(got.trial.outcome, STS_DNS);
	assert_int_equal(got.used_at, SCRATCH_NOW + 300);
	assert_int_equal(got.max_age, 604800);
	assert_int_equal(got.fetched_at, SCRATCH_NOW);
}

static void
a_touch_of_nothing_is_a_miss(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 10);

	touch(s, &e, STS_MISS);
	assert_int_equal(cache_get(s->cache, DOMAIN, &e, NULL), STS_MISS);
}

static const struct newer_row {
	const char *name;
	const char *id;
	int later; /* seconds */
	bool mark;
} newer_rows[] = {
	{ "a newer id", "id2", 0, false },
	{ "the same id, fetched again", "id1", 1, false },
	{ "a newer id, fetched later", "id2", 1, false },
	{ "a mark of damage", "", 0, true },
};

static void
check_newer(void **state)
{
	struct scratch *s = *state;
	const struct newer_row *r = s->row;
	struct entry old = scratch_policy("id1", 10);
	struct entry e = scratch_policy(r->id, 20);
	struct entry got;

	e.fetched_at += r->later;
	if (r->mark)
		e = a_mark();
	scratch_put(s, DOMAIN, &e);
	old.trial.asked_at = old.trial.marked_at = SCRATCH_NOW + 9;
	old.used_at = SCRATCH_NOW + 9;
	touch(s, &old, STS_OK);
	got = stored(s);
	assert_int_equal(got.kind, e.kind);
	assert_string_equal(got.id, r->id);
	assert_int_equal(got.fetched_at, e.fetched_at);
	assert_int_equal(got.trial.asked_at, e.trial.asked_at);
	assert_int_equal(got.trial.marked_at, 0);
	assert_int_equal(got.used_at, 0);
}

/* Two processes have read the same; each writes what it came to know. */
static void
what_another_process_noted_stays(void **state)
{
	struct scratch *s = *state;
	struct entry ours = scratch_policy("id1", 10);
	struct entry theirs = ours;
	struct entry got;

	scratch_put(s, DOMAIN, &ours);
	theirs.trial.marked_at = SCRATCH_NOW + 1;
	theirs.trial.tried_at = SCRATCH_NOW + 2;
	theirs.trial.failed_at = SCRATCH_NOW + 3;
	theirs.trial.failing_since = SCRATCH_NOW + 3;
	(void)snprintf(theirs.trial.failed_id, sizeof theirs.trial.failed_id,
	    "id2");
	(void)snprintf(theirs.trial.failed_word,
	    sizeof theirs.trial.failed_word, "timeout");
	theirs.used_at = SCRATCH_NOW + 4;
	touch(s, &theirs, STS_OK);
	ours.trial.asked_at = SCRATCH_NOW + 5;
	ours.used_at = SCRATCH_NOW - DAY;
	touch(s, &ours, STS_OK);
	got = stored(s);
	assert_int_equal(got.trial.asked_at, SCRATCH_NOW + 5);
	assert_int_equal(got.trial.marked_at, SCRATCH_NOW + 1);
	assert_int_equal(got.trial.tried_at, SCRATCH_NOW + 2);
	assert_int_equal(got.trial.failed_at, SCRATCH_NOW + 3);
	assert_int_equal(got.trial.failing_since, SCRATCH_NOW + 3);
	assert_string_equal(got.trial.failed_id, "id2");
	assert_string_equal(got.trial.failed_word, "timeout");
	assert_int_equal(got.used_at, SCRATCH_NOW + 4);
}

/* A mark goes with the delivery that worked after it, ... */
static void
a_mark_is_taken_off(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 10);
	struct entry got;

	e.trial.asked_at = SCRATCH_NOW + 2;
	e.trial.marked_at = SCRATCH_NOW + 1;
	scratch_put(s, DOMAIN, &e);
	assert_int_equal(cache_unmark(s->cache, DOMAIN, &e, NULL), STS_OK);
	got = stored(s);
	assert_int_equal(got.trial.marked_at, 0);
	assert_int_equal(got.trial.asked_at, SCRATCH_NOW + 2);
	assert_int_equal(cache_unmark(s->cache, "example.net", &e, NULL),
	    STS_MISS);
}

/* ... but not another policy's, nor one that somebody set later. */
static void
another_s_mark_stays(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 10);
	struct entry seen = e;

	e.trial.marked_at = SCRATCH_NOW + 2;
	scratch_put(s, DOMAIN, &e);
	seen.trial.marked_at = SCRATCH_NOW + 1;
	assert_int_not_equal(cache_unmark(s->cache, DOMAIN, &seen, NULL),
	    STS_SYSTEM);
	assert_int_equal(stored(s).trial.marked_at, SCRATCH_NOW + 2);
	seen = scratch_policy("id2", 10);
	seen.trial.marked_at = SCRATCH_NOW + 3;
	assert_int_not_equal(cache_unmark(s->cache, DOMAIN, &seen, NULL),
	    STS_SYSTEM);
	assert_int_equal(stored(s).trial.marked_at, SCRATCH_NOW + 2);
}

static void
our_later_failure_replaces_an_earlier_one(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 10);
	struct entry got;

	e.trial.failed_at = SCRATCH_NOW + 3;
	(void)snprintf(e.trial.failed_id, sizeof e.trial.failed_id, "id2");
	scratch_put(s, DOMAIN, &e);
	e.trial.failed_at = SCRATCH_NOW + 4;
	(void)snprintf(e.trial.failed_id, sizeof e.trial.failed_id, "id3");
	touch(s, &e, STS_OK);
	got = stored(s);
	assert_int_equal(got.trial.failed_at, SCRATCH_NOW + 4);
	assert_string_equal(got.trial.failed_id, "id3");
}

static void
a_failure_from_the_future_does_not_stay(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 10);

	e.trial.asked_at = e.trial.failed_at = SCRATCH_NOW + DAY;
	scratch_put(s, DOMAIN, &e);
	e.trial.asked_at = e.trial.failed_at = SCRATCH_NOW;
	touch(s, &e, STS_OK);
	assert_int_equal(stored(s).trial.failed_at, SCRATCH_NOW);
}

/* --- marks of damage ------------------------------------------------------ */

static void
a_mark_is_kept_and_replaced_by_a_policy(void **state)
{
	struct scratch *s = *state;
	struct entry mark = a_mark();
	struct entry e = scratch_policy("id1", 10);
	struct entry got;

	scratch_put(s, DOMAIN, &mark);
	scratch_reopen(s);
	got = stored(s);
	assert_int_equal(got.kind, ENTRY_DAMAGED);
	assert_int_equal(got.damaged_until, SCRATCH_NOW + DAY);
	scratch_put(s, DOMAIN, &e);
	scratch_has(s, DOMAIN, "id1", 10);
}

/* One process finds a value damaged; before it marks that, another one has
 * fetched the policy anew. */
static void
a_mark_does_not_replace_a_policy(void **state)
{
	struct scratch *s = *state;
	struct entry mark = a_mark();
	struct entry e = scratch_policy("id1", 10);

	scratch_put(s, DOMAIN, &e);
	scratch_put(s, DOMAIN, &mark);
	scratch_has(s, DOMAIN, "id1", 10);
}

/* --- forgotten ------------------------------------------------------------ */

static void
delete_forgets_both(void **state)
{
	struct scratch *s = *state;
	struct entry absence = an_absence();
	struct entry e = scratch_policy("id1", 10);

	scratch_put(s, DOMAIN, &e);
	scratch_put(s, DOMAIN, &absence);
	scratch_put(s, "example.net", &e);
	assert_int_equal(cache_delete(s->cache, DOMAIN, NULL), STS_OK);
	assert_int_equal(cache_get(s->cache, DOMAIN, &e, NULL), STS_MISS);
	assert_false(has_absence(s, DOMAIN));
	assert_int_equal(cache_delete(s->cache, DOMAIN, NULL), STS_MISS);
	scratch_put(s, DOMAIN, &absence);
	assert_int_equal(cache_delete(s->cache, DOMAIN, NULL), STS_OK);
	assert_false(has_absence(s, DOMAIN));
	scratch_has(s, "example.net", "id1", 10);
}

static void
clear_forgets_everything(void **state)
{
	struct scratch *s = *state;
	struct entry absence = an_absence();
	struct entry e = scratch_policy("id1", 10);

	scratch_put(s, DOMAIN, &e);
	scratch_put(s, "example.net", &absence);
	scratch_copy(s, "policies.tdb", "policies.tdb.1");
	assert_int_equal(cache_clear(s->cache, NULL), STS_OK);
	assert_int_equal(cache_get(s->cache, DOMAIN, &e, NULL), STS_MISS);
	assert_false(has_absence(s, "example.net"));
	scratch_is_owners(s, "policies.tdb");
	scratch_is_owners(s, "absent.tdb");
	/* Nor does it come back with the last good copy. */
	scratch_write(s, "policies.tdb", "", 0);
	assert_int_equal(cache_get(s->cache, DOMAIN, &e, NULL), STS_MISS);
}

static int
keep_open(void *arg)
{
	struct scratch *s = arg;
	unsigned *step = (unsigned *)(uintptr_t)s->row;
	struct entry e = scratch_policy("id2", 20);

	NEED(cache_get(s->cache, DOMAIN, &e, NULL) == STS_OK);
	step[0] = 1;
	NEED(scratch_wait(&step[1], 1));
	NEED(cache_get(s->cache, DOMAIN, &e, NULL) == STS_MISS);
	e = scratch_policy("id2", 20);
	NEED(cache_put(s->cache, DOMAIN, &e, NULL) == STS_OK);
	return 0;
}

static void
other_processes_see_a_clear(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 10);
	unsigned *step = scratch_shared(2 * sizeof *step);
	pid_t pid;

	scratch_put(s, DOMAIN, &e);
	s->row = step;
	pid = scratch_start(keep_open, s);
	assert_true(scratch_wait(&step[0], 1));
	assert_int_equal(cache_clear(s->cache, NULL), STS_OK);
	step[1] = 1;
	assert_int_equal(scratch_finish(pid), 0);
	scratch_has(s, DOMAIN, "id2", 20);
}

/* --- listed --------------------------------------------------------------- */

struct list {
	struct scratch *s;
	unsigned n;
	unsigned damaged;
	unsigned stop_at; /* 0: never */
	unsigned seen[100];
	void (*meanwhile)(struct list *l, const char *domain);
};

static bool
list_one(void *arg, const char *domain, enum sts_status st,
    const struct entry *e)
{
	struct list *l = arg;
	unsigned long i = strtoul(domain + 1, NULL, 10);

	l->n++;
	l->damaged += st == STS_DAMAGED;
	assert_true(i < 100);
	l->seen[i]++;
	if (st == STS_OK && e->kind == ENTRY_POLICY)
		assert_int_equal(e->body.len, i);
	if (l->meanwhile != NULL)
		l->meanwhile(l, domain);
	return l->n != l->stop_at;
}

static void
fill(struct scratch *s, unsigned n, bool absences)
{
	for (unsigned i = 0; i < n; i++) {
		char domain[32];
		struct entry e = scratch_policy("id1", i);

		if (absences)
			e = an_absence();
		(void)snprintf(domain, sizeof domain, "d%u.example", i);
		scratch_put(s, domain, &e);
	}
}

static enum sts_status
walk(struct list *l, bool absences)
{
	return cache_walk(l->s->cache, absences, list_one, l, NULL);
}

static void
a_walk_meets_each_entry_once(void **state)
{
	struct list l = { .s = *state };

	assert_int_equal(walk(&l, false), STS_OK);
	assert_int_equal(l.n, 0);
	fill(l.s, 60, false);
	fill(l.s, 20, true);
	assert_int_equal(walk(&l, false), STS_OK);
	assert_int_equal(l.n, 60);
	for (unsigned i = 0; i < 60; i++)
		assert_int_equal(l.seen[i], 1);
	memset(l.seen, 0, sizeof l.seen);
	assert_int_equal(walk(&l, true), STS_OK);
	assert_int_equal(l.n, 80);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(l.seen[i], 1);
	assert_int_equal(l.damaged, 0);
}

static void
a_walk_ends_when_told(void **state)
{
	struct list l = { .s = *state, .stop_at = 3 };

	fill(l.s, 10, false);
	assert_int_equal(walk(&l, false), STS_OK);
	assert_int_equal(l.n, 3);
}

static void
delete_it(struct list *l, const char *domain)
{
	assert_int_equal(cache_delete(l->s->cache, domain, NULL), STS_OK);
}

static void
put_it_again(struct list *l, const char *domain)
{
	char id[80];

	(void)snprintf(id, sizeof id, "id1");
	assert_int_equal(scratch_get(l->s, domain, id), STS_OK);
	if (l->n == 3) {
		struct entry e = scratch_policy("new", 99);

		scratch_put(l->s, "d99.example", &e);
	}
}

static void
clear_all(struct list *l, const char *domain)
{
	(void)domain;
	assert_int_equal(cache_clear(l->s->cache, NULL), STS_OK);
}

/* The directory itself goes away: an error, and no crash. */
static void
take_away(struct list *l, const char *domain)
{
	static const char *const names[] = { "policies.tdb", "lock" };

	(void)domain;
	for (unsigned i = 0; i < 2; i++)
		(void)unlink(scratch_path(l->s, names[i]));
	assert_int_equal(rmdir(l->s->dir), 0);
}

static void
what_is_listed_may_be_deleted(void **state)
{
	struct list l = { .s = *state, .meanwhile = delete_it };

	fill(l.s, 30, false);
	assert_int_equal(walk(&l, false), STS_OK);
	assert_int_equal(l.n, 30);
	l.meanwhile = NULL;
	assert_int_equal(walk(&l, false), STS_OK);
	assert_int_equal(l.n, 30);
}

static void
the_cache_may_be_used_while_it_is_listed(void **state)
{
	struct list l = { .s = *state, .meanwhile = put_it_again };

	fill(l.s, 30, false);
	assert_int_equal(walk(&l, false), STS_OK);
	assert_in_range(l.n, 30, 31);
	scratch_has(l.s, "d99.example", "new", 99);
}

static void
the_cache_may_be_cleared_while_it_is_listed(void **state)
{
	struct list l = { .s = *state, .meanwhile = clear_all };

	fill(l.s, 30, false);
	assert_int_equal(walk(&l, false), STS_OK);
	assert_in_range(l.n, 1, 29);
}

static void
the_cache_may_vanish_while_it_is_listed(void **state)
{
	struct list l = { .s = *state, .meanwhile = take_away, .stop_at = 0 };

	fill(l.s, 2, false);
	l.meanwhile = NULL;
	l.stop_at = 1;
	assert_int_equal(walk(&l, false), STS_OK);
	cache_free(l.s->cache);
	l.s->cache = cache_new(l.s->dir, NULL, NULL);
	assert_non_null(l.s->cache);
	(void)unlink(scratch_path(l.s, "absent.tdb"));
	l.n = l.stop_at = 0;
	l.meanwhile = take_away;
	assert_int_equal(walk(&l, false), STS_ABSENT);
	assert_int_equal(l.n, 1);
	assert_int_equal(mkdir(l.s->dir, 0700), 0); /* for the tear-down */
}

/* --- bounds --------------------------------------------------------------- */

static void
grow(struct scratch *s, const char *name, off_t size)
{
	assert_int_equal(truncate(scratch_path(s, name), size), 0);
}

static off_t
size_of(struct scratch *s, const char *name)
{
	struct stat st;

	assert_int_equal(stat(scratch_path(s, name), &st), 0);
	return st.st_size;
}

/* As fast as TDB can, so that the file grows as it does in years. */
static void
fill_absences(struct scratch *s, unsigned n)
{
	struct entry e = an_absence();
	struct tdb_context *t;
	char value[300];
	char domain[40];

	scratch_reopen(s); /* TDB opens a file once in a process */
	t = tdb_open(scratch_path(s, "absent.tdb"), 0, TDB_NOSYNC, O_RDWR, 0);
	assert_non_null(t);
	assert_int_equal(tdb_transaction_start(t), 0);
	for (unsigned i = 0; i < n; i++) {
		TDB_DATA k = { (unsigned char *)domain, 0 };
		TDB_DATA v = { (unsigned char *)value, entry_size(&e) };

		k.dsize = (size_t)snprintf(domain, sizeof domain,
		    "%u.attacker.example", i);
		entry_encode(&e, domain, value);
		assert_int_equal(tdb_store(t, k, v, TDB_REPLACE), 0);
	}
	assert_int_equal(tdb_transaction_commit(t), 0);
	assert_int_equal(tdb_close(t), 0);
}

static void
absences_are_bounded(void **state)
{
	struct scratch *s = *state;
	struct entry e = an_absence();

	scratch_put(s, DOMAIN, &e);
	fill_absences(s, 5000);
	assert_true(has_absence(s, "4999.attacker.example"));
	scratch_put(s, "example.net", &e);
	assert_true(has_absence(s, DOMAIN));
	fill_absences(s, 70000);
	assert_true(size_of(s, "absent.tdb") > 16 << 20);
	scratch_put(s, "example.org", &e);
	assert_true(size_of(s, "absent.tdb") < 4 << 20);
	assert_true(has_absence(s, "example.org"));
	assert_false(has_absence(s, DOMAIN));
	scratch_is_owners(s, "absent.tdb");
	assert_int_equal(s->alerts, 0);
}

static void
policies_are_bounded_but_none_is_forgotten(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 10);
	struct sts_error err = { 0 };

	scratch_put(s, DOMAIN, &e);
	grow(s, "policies.tdb", ((off_t)2 << 30) + 4096); /* a hole */
	e = scratch_policy("id2", 10);
	assert_int_equal(
	    cache_put(s->cache, "example.net", &e, &err), STS_SYSTEM);
	assert_string_equal(err.word, "cache-full");
	scratch_put(s, DOMAIN, &e);
	scratch_has(s, DOMAIN, "id2", 10);
	assert_int_equal(s->alerts, 0);
}

/* --- whose files ---------------------------------------------------------- */

static int
use_as_owner(void *arg)
{
	struct scratch *s = arg;
	struct entry e = scratch_policy("owner", 10);
	struct entry absence = an_absence();

	NEED(scratch_become(scratch_owner()));
	NEED(cache_put(s->cache, "owner.example", &e, NULL) == STS_OK);
	NEED(cache_put(s->cache, "example.net", &absence, NULL) == STS_OK);
	NEED(cache_get(s->cache, "owner.example", &e, NULL) == STS_OK);
	return 0;
}

static const struct mode_row {
	const char *name;
	mode_t mask;
	bool owner_first;
} mode_rows[] = {
	{ "root first, umask 000", 0, false },
	{ "root first, umask 077", 077, false },
	{ "the owner first, umask 000", 0, true },
	{ "the owner first, umask 077", 077, true },
};

static void
check_mode(void **state)
{
	struct scratch *s = *state;
	const struct mode_row *r = s->row;
	struct entry e = scratch_policy("root", 10);

	if (!r->owner_first)
		scratch_only_root();
	(void)umask(r->mask);
	if (r->owner_first)
		assert_int_equal(scratch_apart(use_as_owner, s), 0);
	scratch_put(s, DOMAIN, &e);
	assert_int_equal(scratch_apart(use_as_owner, s), 0);
	scratch_has(s, DOMAIN, "root", 10);
	scratch_has(s, "owner.example", "owner", 10);
	assert_true(has_absence(s, "example.net"));
	scratch_is_owners(s, "policies.tdb");
	scratch_is_owners(s, "absent.tdb");
	scratch_is_owners(s, "lock");
	assert_false(scratch_exists(s, "policies.tdb.new"));
	assert_int_equal(s->alerts, 0);
}

/* exim -be of somebody who may not read here: never "no policy". */
static int
use_as_somebody(void *arg)
{
	struct scratch *s = arg;
	struct entry e = scratch_policy("id2", 10);
	struct entry got;

	NEED(scratch_become(SCRATCH_OTHER));
	NEED(cache_get(s->cache, DOMAIN, &got, NULL) == STS_SYSTEM);
	NEED(cache_put(s->cache, DOMAIN, &e, NULL) == STS_SYSTEM);
	NEED(cache_touch(s->cache, DOMAIN, &e, NULL) == STS_SYSTEM);
	NEED(cache_delete(s->cache, DOMAIN, NULL) == STS_SYSTEM);
	NEED(cache_clear(s->cache, NULL) == STS_SYSTEM);
	NEED(cache_walk(s->cache, false, NULL, NULL, NULL) == STS_SYSTEM);
	return 0;
}

static void
somebody_else_learns_nothing(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 10);

	scratch_only_root();
	scratch_put(s, DOMAIN, &e);
	assert_int_equal(scratch_apart(use_as_somebody, s), 0);
	assert_int_equal(chmod(s->dir, 0755), 0);
	assert_int_equal(scratch_apart(use_as_somebody, s), 0);
	scratch_has(s, DOMAIN, "id1", 10);
	assert_int_equal(s->alerts, 0);
}

static void
without_a_directory_there_is_no_cache(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 10);
	struct entry absence = an_absence();
	struct sts_error err = { 0 };

	assert_int_equal(rmdir(s->dir), 0);
	assert_int_equal(cache_get(s->cache, DOMAIN, &e, &err), STS_ABSENT);
	assert_string_equal(err.word, "cache-missing");
	assert_int_equal(
	    cache_get_absence(s->cache, DOMAIN, &e), STS_MISS);
	e = scratch_policy("id1", 10);
	assert_int_equal(cache_put(s->cache, DOMAIN, &e, NULL), STS_ABSENT);
	assert_int_equal(
	    cache_put(s->cache, DOMAIN, &absence, NULL), STS_ABSENT);
	touch(s, &e, STS_ABSENT);
	assert_int_equal(cache_delete(s->cache, DOMAIN, NULL), STS_ABSENT);
	assert_int_equal(
	    cache_walk(s->cache, false, NULL, NULL, NULL), STS_ABSENT);
	assert_int_equal(cache_clear(s->cache, NULL), STS_ABSENT);
	assert_int_equal(s->alerts, 0);
	assert_int_equal(mkdir(s->dir, 0700), 0); /* for the tear-down */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(an_empty_cache_knows_nothing),
		SCRATCH_TEST(a_policy_is_kept_for_the_next_process),
		SCRATCH_TEST(policies_of_all_sizes_stand_side_by_side),
		SCRATCH_TEST(a_policy_ends_an_absence),
		SCRATCH_TEST(an_absence_keeps_what_was_tried),
		SCRATCH_TEST(a_touch_changes_the_times_only),
		SCRATCH_TEST(a_touch_of_nothing_is_a_miss),
		SCRATCH_TEST(what_another_process_noted_stays),
		SCRATCH_TEST(a_mark_is_taken_off),
		SCRATCH_TEST(another_s_mark_stays),
		SCRATCH_TEST(our_later_failure_replaces_an_earlier_one),
		SCRATCH_TEST(a_failure_from_the_future_does_not_stay),
		SCRATCH_TEST(a_mark_is_kept_and_replaced_by_a_policy),
		SCRATCH_TEST(a_mark_does_not_replace_a_policy),
		SCRATCH_TEST(delete_forgets_both),
		SCRATCH_TEST(clear_forgets_everything),
		SCRATCH_TEST(other_processes_see_a_clear),
		SCRATCH_TEST(a_walk_meets_each_entry_once),
		SCRATCH_TEST(a_walk_ends_when_told),
		SCRATCH_TEST(what_is_listed_may_be_deleted),
		SCRATCH_TEST(the_cache_may_be_used_while_it_is_listed),
		SCRATCH_TEST(the_cache_may_be_cleared_while_it_is_listed),
		SCRATCH_TEST(the_cache_may_vanish_while_it_is_listed),
		SCRATCH_TEST(absences_are_bounded),
		SCRATCH_TEST(policies_are_bounded_but_none_is_forgotten),
		SCRATCH_TEST(somebody_else_learns_nothing),
		SCRATCH_TEST(without_a_directory_there_is_no_cache),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += SCRATCH_ROWS(newer_rows, check_newer);
	failed += SCRATCH_ROWS(mode_rows, check_mode);
	return failed;
}
