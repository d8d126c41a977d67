/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_tdbquick.c - a value read, and another of the same length in its place:
 * as TDB would have it, or not at all. */
#include "scratch.h"
#include <fcntl.h>
#include <signal.h> /* for tdb.h */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <tdb.h>
#include "../../module/store/clock.h"
#include "../../module/store/tdbfile.h"
#include "../../module/store/tdbformat.h"
#include "../../module/store/tdbhash.h"
#include "../../module/store/tdbquick.h"
#include "ran.h"

#define LENGTH 8u

static const char *name = "x.tdb"; /* of the file in hand */

static struct tdbfile
file_of(const struct scratch *s)
{
	struct tdbfile f = { .dir = s->dir, .name = name };

	return f;
}

static void
put(const struct scratch *s, const char *key, const char *value)
{
	struct tdbfile f = file_of(s);
	struct bytes v = { value, strlen(value) };

	assert_int_equal(tdbfile_put(&f, key, v, UINT64_MAX, NULL), STS_OK);
	tdbfile_close(&f);
}

static void
has(const struct scratch *s, const char *key, const char *want)
{
	struct tdbfile f = file_of(s);
	struct bytes v;

	assert_int_equal(tdbfile_get(&f, key, &v, NULL), STS_OK);
	assert_int_equal(v.len, strlen(want));
	assert_memory_equal(v.p, want, v.len);
	tdbfile_close(&f);
}

/* --- trying it ------------------------------------------------------------ */

struct attempt {
	const struct scratch *s;
	const char *key;
	const char *now; /* what shall take the value's place; NULL: read it */
	enum tdbquick_result want;
	const char *value; /* what is to be found */
	bool before; /* the file is opened ... */
	void (*meanwhile)(const struct scratch *s); /* ... and this is done */
};

static bool
give(void *arg, char *buf, size_t len, uint64_t size)
{
	const struct attempt *t = arg;

	if (size == 0 || len != strlen(t->now))
		return false;
	memcpy(buf, t->now, len);
	return true;
}

static enum tdbquick_result
do_it(struct tdbquick *q, struct attempt *t)
{
	const char *path = scratch_path(t->s, name);
	struct bytes v = { NULL, 0 };
	enum tdbquick_result r;

	if (t->now != NULL)
		return tdbquick_patch(q, t->s->dir, path, t->key, give, t);
	r = tdbquick_get(q, t->s->dir, path, t->key, &v);
	if (r == TDBQUICK_FOUND && t->value != NULL &&
	    (v.len != strlen(t->value) || memcmp(v.p, t->value, v.len) != 0))
		return TDBQUICK_UNKNOWN;
	return r;
}

static int
try_it(void *arg)
{
	struct attempt *t = arg;
	struct tdbquick q = { 0 };
	int64_t began = clock_ms();

	NEED(!t->before || do_it(&q, t) == TDBQUICK_FOUND);
	if (t->meanwhile != NULL)
		t->meanwhile(t->s);
	NEED(do_it(&q, t) == t->want);
	NEED(clock_ms() - began < 1000);
	tdbquick_close(&q);
	NEED(!q.is_open && q.record == NULL);
	return 0;
}

static int
try_as_owner(void *arg)
{
	NEED(geteuid() != 0 || scratch_become(SCRATCH_OWNER));
	return try_it(arg);
}

/* By root and by the owner. */
static void
tries(struct attempt t)
{
	assert_int_equal(scratch_apart(try_it, &t), 0);
	assert_int_equal(scratch_apart(try_as_owner, &t), 0);
}

static void
reads(const struct scratch *s, const char *key, const char *value)
{
	tries((struct attempt){ .s = s,
	    .key = key,
	    .value = value,
	    .want = TDBQUICK_FOUND });
}

static void
reads_not(const struct scratch *s, const char *key,
    enum tdbquick_result want)
{
	tries((struct attempt){ .s = s, .key = key, .want = want });
}

static void
writes(const struct scratch *s, const char *key, const char *now,
    enum tdbquick_result want)
{
	tries(
	    (struct attempt){ .s = s, .key = key, .now = now, .want = want });
}

/* --- the hash ------------------------------------------------------------- */

static void
the_hash_is_tdbs(void **state)
{
	unsigned char key[300];
	TDB_DATA k = { key, 0 };

	(void)state;
	for (; k.dsize < sizeof key - 1; k.dsize++)
		for (unsigned n = 0; n < 20; n++) {
			for (size_t i = 0; i < k.dsize; i++)
				key[i] = (unsigned char)scratch_random();
			assert_int_equal(tdbhash((char *)key, k.dsize),
			    tdb_jenkins_hash(&k));
		}
}

/* --- what it does --------------------------------------------------------- */

static void
a_value_is_read_and_changed_in_its_place(void **state)
{
	const struct scratch *s = *state;

	put(s, "a.test", "12345678");
	put(s, "b.test", "abcdefgh");
	reads(s, "a.test", "12345678");
	writes(s, "a.test", "87654321", TDBQUICK_FOUND);
	reads(s, "a.test", "87654321");
	has(s, "a.test", "87654321");
	has(s, "b.test", "abcdefgh");
	assert_true(scratch_tdb_is_clean(s, name));
}

/* So many that chains have several. */
static void
every_key_of_a_chain_is_found_and_no_other(void **state)
{
	const struct scratch *s = *state;
	struct tdbfile f = file_of(s);
	struct tdbquick q = { 0 };
	const char *path = scratch_path(s, name);
	struct bytes v;
	char key[32];

	for (unsigned i = 0; i < 3000; i++) {
		(void)snprintf(key, sizeof key, "d%u.test", i);
		v = (struct bytes){ key, strlen(key) };
		assert_int_equal(tdbfile_put(&f, key, v, UINT64_MAX, NULL),
		    STS_OK);
	}
	tdbfile_close(&f);
	for (unsigned i = 0; i < 6000; i++) {
		(void)snprintf(key, sizeof key, "d%u.test", i);
		assert_int_equal(tdbquick_get(&q, s->dir, path, key, &v),
		    i < 3000 ? TDBQUICK_FOUND : TDBQUICK_MISSING);
		if (i < 3000)
			assert_memory_equal(v.p, key, v.len);
	}
	tdbquick_close(&q);
}

static void
values_of_all_lengths_are_read_whole(void **state)
{
	const struct scratch *s = *state;
	static char was[200001], now[200001];

	for (size_t len = 1; len < sizeof was; len += 1 + len / 3) {
		memset(was, 'w', len);
		was[len - 1] = 'e';
		was[len] = '\0';
		memset(now, 'n', len);
		now[len] = '\0';
		put(s, "a.test", was);
		reads(s, "a.test", was);
		writes(s, "a.test", now, TDBQUICK_FOUND);
		has(s, "a.test", now);
	}
	reads_not(s, "a.tes", TDBQUICK_MISSING);
	reads_not(s, "a.test.", TDBQUICK_MISSING);
}

static void
a_refused_change_leaves_the_value(void **state)
{
	const struct scratch *s = *state;

	put(s, "a.test", "12345678");
	writes(s, "a.test", "123456789", TDBQUICK_FOUND);
	writes(s, "b.test", "12345678", TDBQUICK_MISSING);
	has(s, "a.test", "12345678");
}

static int
ask_in_a_child(void *arg)
{
	struct attempt *t = arg;
	struct tdbquick q = { 0 };
	pid_t child;
	int status;

	NEED(do_it(&q, t) == TDBQUICK_FOUND);
	child = fork();
	if (child == 0)
		_exit(do_it(&q, t) == TDBQUICK_FOUND ? 0 : 1);
	NEED(child > 0 && waitpid(child, &status, 0) == child && status == 0);
	NEED(do_it(&q, t) == TDBQUICK_FOUND);
	return 0;
}

static void
a_child_may_go_on(void **state)
{
	const struct scratch *s = *state;
	struct attempt t = { .s = s, .key = "a.test", .value = "12345678" };

	put(s, "a.test", "12345678");
	assert_int_equal(scratch_apart(ask_in_a_child, &t), 0);
}

/* --- what it leaves to TDB ------------------------------------------------ */

static void
what_is_no_file_of_the_owners_is_not_for_it(void **state)
{
	const struct scratch *s = *state;

	reads_not(s, "a.test", TDBQUICK_UNKNOWN);
	put(s, "a.test", "12345678");
	scratch_copy(s, name, "copy");
	assert_int_equal(unlink(scratch_path(s, name)), 0);
	assert_int_equal(symlink(scratch_path(s, "copy"),
			     scratch_path(s, name)),
	    0);
	reads_not(s, "a.test", TDBQUICK_UNKNOWN);
	assert_int_equal(unlink(scratch_path(s, name)), 0);
	assert_int_equal(mkfifo(scratch_path(s, name), 0666), 0);
	assert_int_equal(chmod(scratch_path(s, name), 0666), 0);
	reads_not(s, "a.test", TDBQUICK_UNKNOWN);
	assert_int_equal(unlink(scratch_path(s, name)), 0);
	assert_int_equal(mkdir(scratch_path(s, name), 0777), 0);
	reads_not(s, "a.test", TDBQUICK_UNKNOWN);
	assert_int_equal(rmdir(scratch_path(s, name)), 0);
}

/* Root opens it as the owner, who may not read this one. */
static void
nor_is_roots(void **state)
{
	const struct scratch *s = *state;

	scratch_only_root();
	put(s, "a.test", "12345678");
	assert_int_equal(chown(scratch_path(s, name), 0, 0), 0);
	assert_int_equal(chmod(scratch_path(s, name), 0600), 0);
	reads_not(s, "a.test", TDBQUICK_UNKNOWN);
}

/* Whatever TDB's writers hold, and its readers. */
static void
what_is_locked_is_not_waited_for(void **state)
{
	const struct scratch *s = *state;
	pid_t holder;

	put(s, "a.test", "12345678");
	holder = scratch_hold(s, name, F_RDLCK, TDBFORMAT_LOCK(0), 0);
	reads(s, "a.test", "12345678");
	writes(s, "a.test", "87654321", TDBQUICK_BUSY);
	scratch_release(holder);
	holder = scratch_hold(s, name, F_WRLCK, TDBFORMAT_LOCK(0), 4 * 10007);
	reads_not(s, "a.test", TDBQUICK_BUSY);
	writes(s, "a.test", "87654321", TDBQUICK_BUSY);
	scratch_release(holder);
	has(s, "a.test", "12345678");
}

static void
overwrite(const struct scratch *s, off_t at, const void *p, size_t len)
{
	int fd = open(scratch_path(s, name), O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, p, len, at), len);
	assert_int_equal(close(fd), 0);
}

static uint32_t
number_at(const struct scratch *s, off_t at)
{
	size_t len;
	char *bytes = scratch_read(s, name, &len);
	uint32_t n;

	assert_true((size_t)at + sizeof n <= len);
	memcpy(&n, bytes + at, sizeof n);
	free(bytes);
	return n;
}

static const struct damage_row {
	const char *name;
	off_t at;
	uint32_t with;
} damage_rows[] = {
	{ "the magic", 0, 1 },
	{ "the version", 32, 1 },
	{ "the number of chains", 36, 10006 },
	{ "another number of chains", 36, 131 },
	{ "the hash", 40, 0 },
};

static void
a_file_that_begins_otherwise_is_not_for_it(void **state)
{
	const struct scratch *s = *state;
	const struct damage_row *row = s->row;

	put(s, "a.test", "12345678");
	overwrite(s, row->at, &row->with, sizeof row->with);
	reads_not(s, "a.test", TDBQUICK_UNKNOWN);
	reads_not(s, "b.test", TDBQUICK_UNKNOWN);
	writes(s, "a.test", "87654321", TDBQUICK_UNKNOWN);
}

/* --- what must not read as a miss (RFC 8461 10.2) ------------------------- */

static void
zero_it(const struct scratch *s)
{
	static const char zeros[168 + 4 * 10008];

	overwrite(s, 0, zeros, sizeof zeros);
}

static void
cut_it(const struct scratch *s)
{
	assert_int_equal(truncate(scratch_path(s, name), 4096), 0);
}

static void
forget_it(const struct scratch *s)
{
	assert_int_equal(unlink(scratch_path(s, name)), 0);
}

static void
replace_it(const struct scratch *s)
{
	assert_int_equal(rename(scratch_path(s, "copy"),
			     scratch_path(s, name)),
	    0);
}

static void
what_becomes_of_an_open_file_is_seen(void **state)
{
	const struct scratch *s = *state;
	static void (*const fate[])(const struct scratch *s) = { zero_it,
		cut_it, forget_it };

	for (size_t i = 0; i < sizeof fate / sizeof *fate; i++) {
		struct attempt t = { .s = s,
			.key = "a.test",
			.before = true,
			.meanwhile = fate[i] };

		put(s, "a.test", "12345678");
		assert_int_equal(scratch_apart(try_it, &t), 0);
		(void)unlink(scratch_path(s, name));
	}
}

static void
a_new_file_of_that_name_is_read(void **state)
{
	const struct scratch *s = *state;
	struct attempt t = { .s = s,
		.key = "b.test",
		.before = true,
		.want = TDBQUICK_MISSING,
		.meanwhile = replace_it };

	put(s, "a.test", "12345678");
	scratch_copy(s, name, "copy");
	put(s, "b.test", "12345678");
	assert_int_equal(scratch_apart(try_it, &t), 0);
}

/* --- what is not looked at again in the same second ----------------------- */

static void
undo_it(const struct scratch *s)
{
	static const uint32_t undo = TDBFORMAT_UNDO;
	uint32_t at = number_at(s, TDBFORMAT_RECOVERY);

	assert_true(at > 0); /* where the transaction of put() had its own */
	overwrite(s,
	    (off_t)at + (off_t)offsetof(struct tdbformat_record, magic), &undo,
	    sizeof undo);
}

static void
set_aside(const struct scratch *s)
{
	assert_int_equal(rename(scratch_path(s, name),
			     scratch_path(s, "aside")),
	    0);
}

/* A file that was not written to for long enough, at the beginning of a
 * second. */
static void
settle(void)
{
	struct timespec now;

	scratch_sleep(2000000);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	scratch_sleep((unsigned)(1000000 - now.tv_nsec / 1000));
}

static const struct fate {
	const char *name; /* of its file */
	void (*befall)(const struct scratch *s);
	enum tdbquick_result want;
} fates[] = {
	{ "zeroed", zero_it, TDBQUICK_UNKNOWN },
	{ "cut", cut_it, TDBQUICK_UNKNOWN },
	{ "forgotten", forget_it, TDBQUICK_UNKNOWN },
	{ "replaced", replace_it, TDBQUICK_MISSING },
	{ "to be undone", undo_it, TDBQUICK_UNKNOWN },
	{ "set aside", set_aside, TDBQUICK_UNKNOWN },
};

#define FATES (sizeof fates / sizeof *fates)

static enum tdbquick_result
get_a(const struct scratch *s, struct tdbquick *q)
{
	struct bytes v;

	return tdbquick_get(q, s->dir, scratch_path(s, name), "a.test", &v);
}

static void
what_becomes_of_one_just_looked_at_is_seen(void **state)
{
	const struct scratch *s = *state;
	struct tdbquick q[FATES];

	memset(q, 0, sizeof q);
	for (size_t i = 0; i < FATES; i++) {
		name = fates[i].name;
		put(s, "b.test", "12345678");
		if (i == 0)
			scratch_copy(s, name, "copy");
		put(s, "a.test", "12345678");
		assert_int_equal(get_a(s, &q[i]), TDBQUICK_FOUND);
	}
	settle();
	for (size_t i = 0; i < FATES; i++) {
		name = fates[i].name;
		assert_int_equal(get_a(s, &q[i]), TDBQUICK_FOUND);
		assert_int_not_equal(q[i].look.at, 0);
		assert_int_equal(get_a(s, &q[i]), TDBQUICK_FOUND);
		fates[i].befall(s);
		assert_int_equal(get_a(s, &q[i]), fates[i].want);
		tdbquick_close(&q[i]);
	}
	name = "x.tdb";
}

/* Unless this machine stands still for a second, again and again. */
static void
one_just_written_to_is_always_looked_at(void **state)
{
	const struct scratch *s = *state;
	struct tdbquick q = { 0 };
	time_t looked = 1;

	put(s, "a.test", "12345678");
	for (unsigned i = 0; i < 10 && looked != 0; i++) {
		overwrite(s, 0, "T", 1); /* as it was */
		assert_int_equal(get_a(s, &q), TDBQUICK_FOUND);
		looked = q.look.at;
	}
	assert_int_equal(looked, 0);
	tdbquick_close(&q);
}

static volatile char *
map(const struct scratch *s, size_t len)
{
	int fd = open(scratch_path(s, name), O_RDWR | O_CLOEXEC);
	void *p;

	assert_true(fd >= 0);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(p != MAP_FAILED);
	assert_int_equal(close(fd), 0);
	return p;
}

/* What somebody changes by mmap leaves no trace once he has changed that page
 * before. */
static void
nor_is_anything_hidden_for_longer(void **state)
{
	const struct scratch *s = *state;
	static const uint32_t undo = TDBFORMAT_UNDO;
	struct tdbquick q = { 0 };
	enum tdbquick_result got = TDBQUICK_FOUND;
	volatile char *p;
	size_t at;
	char was;

	put(s, "a.test", "12345678");
	at = number_at(s, TDBFORMAT_RECOVERY) +
	    offsetof(struct tdbformat_record, magic);
	p = map(s, at + sizeof undo);
	was = p[at];
	p[at] = was;
	settle();
	assert_int_equal(get_a(s, &q), TDBQUICK_FOUND);
	assert_int_not_equal(q.look.at, 0);
	for (size_t i = 0; i < sizeof undo; i++)
		p[at + i] = ((const char *)&undo)[i];
	for (unsigned i = 0; i < 15 && got == TDBQUICK_FOUND; i++) {
		scratch_sleep(100000);
		got = get_a(s, &q);
	}
	assert_int_equal(got, TDBQUICK_UNKNOWN);
	assert_int_equal(munmap((void *)(uintptr_t)p, at + sizeof undo), 0);
	tdbquick_close(&q);
}

#define RECORD_AND_KEY ((off_t)sizeof(struct tdbformat_record) + 6)

/* A record on the way, and what stands in each of its numbers. */
static void
no_damage_on_the_way_hides_a_key(void **state)
{
	const struct scratch *s = *state;
	off_t bucket = TDBFORMAT_CHAIN(tdbhash("a.test", 6) % 10007);
	uint32_t at, chain, old;

	put(s, "a.test", "12345678");
	at = number_at(s, bucket);
	for (off_t where = 0; where < RECORD_AND_KEY; where++) {
		unsigned char was = (unsigned char)(number_at(s, at + where)),
			      now = was ^ 0x10;

		overwrite(s, at + where, &now, 1);
		/* But for the next one's place, and lengths that are no less
		 * right: the key's length, its hash, the magic, the key. */
		if ((where >= 8 && where < 12) || where >= 16)
			reads_not(s, "a.test", TDBQUICK_UNKNOWN);
		overwrite(s, at + where, &was, 1);
	}
	chain = at + 4;
	old = at;
	overwrite(s, bucket, &chain, sizeof chain);
	reads_not(s, "a.test", TDBQUICK_UNKNOWN);
	overwrite(s, bucket, &old, sizeof old);
	reads(s, "a.test", "12345678");
}

static void
a_chain_without_an_end_is_left(void **state)
{
	const struct scratch *s = *state;
	off_t bucket = TDBFORMAT_CHAIN(tdbhash("a.test", 6) % 10007);
	char key[32];
	uint32_t at;

	put(s, "a.test", "12345678");
	at = number_at(s, bucket);
	overwrite(s, at, &at, sizeof at); /* its own next one */
	reads(s, "a.test", "12345678");
	/* Another key of that chain. */
	for (unsigned i = 0;; i++) {
		(void)snprintf(key, sizeof key, "d%u.test", i);
		if (tdbhash(key, strlen(key)) % 10007 ==
		    tdbhash("a.test", 6) % 10007)
			break;
	}
	reads_not(s, key, TDBQUICK_UNKNOWN);
}

/* A transaction that was broken off in the middle is TDB's to undo: what the
 * chains lead to then may be anything. */
static void
nor_is_a_file_read_with_something_to_undo(void **state)
{
	const struct scratch *s = *state;

	put(s, "a.test", "12345678");
	undo_it(s);
	reads_not(s, "a.test", TDBQUICK_UNKNOWN);
	reads_not(s, "b.test", TDBQUICK_UNKNOWN);
	writes(s, "a.test", "87654321", TDBQUICK_UNKNOWN);
}

static bool
replace_and_give(void *arg, char *buf, size_t len, uint64_t size)
{
	const struct attempt *t = arg;

	replace_it(t->s);
	return give(arg, buf, len, size);
}

/* What went into the old file is lost, and so is not said to be done. */
static void
nor_is_one_written_that_is_replaced_meanwhile(void **state)
{
	const struct scratch *s = *state;
	struct attempt t = { .s = s, .key = "a.test", .now = "87654321" };
	struct tdbquick q = { 0 };

	put(s, "a.test", "12345678");
	scratch_copy(s, name, "copy");
	assert_int_equal(tdbquick_patch(&q, s->dir, scratch_path(s, name),
			     t.key, replace_and_give, &t),
	    TDBQUICK_UNKNOWN);
	tdbquick_close(&q);
}

static const char *const copies[] = { "copy 1", "copy 2", "copy 3" };

#define COPIES (sizeof copies / sizeof *copies)

struct replacing {
	const struct scratch *s;
	unsigned replaced;
};

static bool
replace_and_lengthen(void *arg, struct bytes old, bool grow,
    struct bytes *now)
{
	struct replacing *r = arg;

	*now = (struct bytes){ "123456789", 9 };
	if (old.len == LENGTH && grow && r->replaced < COPIES)
		assert_int_equal(
		    rename(scratch_path(r->s, copies[r->replaced++]),
			scratch_path(r->s, name)),
		    0);
	return true;
}

/* So it is made again in each new one. */
static void
nor_is_a_change_lost_however_often_it_is_replaced(void **state)
{
	const struct scratch *s = *state;
	struct replacing r = { s, 0 };
	struct tdbfile_change c = { replace_and_lengthen, &r, UINT64_MAX };
	struct tdbfile f = file_of(s);

	put(s, "a.test", "12345678");
	for (size_t i = 0; i < COPIES; i++)
		scratch_copy(s, name, copies[i]);
	assert_int_equal(tdbfile_alter(&f, "a.test", &c, NULL), STS_OK);
	assert_int_equal(r.replaced, COPIES);
	tdbfile_close(&f);
	has(s, "a.test", "123456789");
}

/* --- among others --------------------------------------------------------- */

#define CROWD 6
#define EACH 300

struct adder {
	const struct scratch *s;
	bool by_tdb;
	volatile unsigned *lost;
};

static bool
add_in_place(void *arg, char *buf, size_t len, uint64_t size)
{
	char was[LENGTH + 1] = "", now[LENGTH + 1];

	(void)arg;
	(void)size;
	memcpy(was, buf, len == LENGTH ? LENGTH : 0);
	(void)snprintf(now, sizeof now, "%08lu", strtoul(was, NULL, 10) + 1);
	memcpy(buf, now, LENGTH);
	return true;
}

static bool
add_one(void *arg, struct bytes old, bool grow, struct bytes *now)
{
	static char digits[LENGTH + 1];
	char was[LENGTH + 1] = "";

	(void)arg;
	(void)grow;
	memcpy(was, old.p, old.len == LENGTH ? LENGTH : 0);
	(void)snprintf(digits, sizeof digits, "%08lu",
	    strtoul(was, NULL, 10) + 1);
	now->p = digits;
	now->len = LENGTH;
	return true;
}

/* By TDB in a transaction that moves it, or without. */
static bool
add_once(const struct adder *a, struct tdbfile *f, struct tdbquick *q)
{
	struct tdbfile_change c = { add_one, NULL, UINT64_MAX };

	if (a->by_tdb) {
		struct bytes other = { "another", 7 };

		return tdbfile_put(f, "b.test", other, UINT64_MAX, NULL) ==
		    STS_OK &&
		    tdbfile_alter(f, "a.test", &c, NULL) == STS_OK;
	}
	return tdbquick_patch(q, a->s->dir, scratch_path(a->s, name),
		   "a.test", add_in_place, NULL) == TDBQUICK_FOUND;
}

static int
add_many(void *arg)
{
	const struct adder *a = arg;
	struct tdbfile f = file_of(a->s);
	struct tdbquick q = { 0 };

	for (unsigned i = 0; i < EACH; i++)
		if (!add_once(a, &f, &q))
			__atomic_add_fetch(a->lost, 1, __ATOMIC_SEQ_CST);
	tdbfile_close(&f);
	tdbquick_close(&q);
	return 0;
}

/* Some by TDB and some without: whoever says that he has added has. */
static void
no_change_is_lost_beside_tdbs_own(void **state)
{
	const struct scratch *s = *state;
	volatile unsigned *lost = scratch_shared(sizeof *lost);
	struct adder a[CROWD];
	char want[LENGTH + 1];
	pid_t pid[CROWD];

	put(s, "a.test", "00000000");
	for (unsigned i = 0; i < CROWD; i++) {
		a[i] = (struct adder){ s, i % 3 == 0, lost };
		pid[i] = scratch_start(add_many, &a[i]);
	}
	for (unsigned i = 0; i < CROWD; i++)
		assert_int_equal(scratch_finish(pid[i]), 0);
	(void)snprintf(want, sizeof want, "%08u", CROWD * EACH - *lost);
	has(s, "a.test", want);
	assert_in_range(*lost, 0, CROWD * EACH - EACH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_tdbs),
		SCRATCH_TEST(a_value_is_read_and_changed_in_its_place),
		SCRATCH_TEST(every_key_of_a_chain_is_found_and_no_other),
		SCRATCH_TEST(values_of_all_lengths_are_read_whole),
		SCRATCH_TEST(a_refused_change_leaves_the_value),
		SCRATCH_TEST(a_child_may_go_on),
		SCRATCH_TEST(what_is_no_file_of_the_owners_is_not_for_it),
		SCRATCH_TEST(nor_is_roots),
		SCRATCH_TEST(what_is_locked_is_not_waited_for),
		SCRATCH_TEST(what_becomes_of_an_open_file_is_seen),
		SCRATCH_TEST(a_new_file_of_that_name_is_read),
		SCRATCH_TEST(what_becomes_of_one_just_looked_at_is_seen),
		SCRATCH_TEST(one_just_written_to_is_always_looked_at),
		SCRATCH_CROWD(nor_is_anything_hidden_for_longer),
		SCRATCH_TEST(no_damage_on_the_way_hides_a_key),
		SCRATCH_TEST(a_chain_without_an_end_is_left),
		SCRATCH_TEST(nor_is_a_file_read_with_something_to_undo),
		SCRATCH_TEST(nor_is_one_written_that_is_replaced_meanwhile),
		SCRATCH_TEST(nor_is_a_change_lost_however_often_it_is_replaced),
		SCRATCH_TEST(no_change_is_lost_beside_tdbs_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) +
	    SCRATCH_ROWS(damage_rows,
		a_file_that_begins_otherwise_is_not_for_it);
}
