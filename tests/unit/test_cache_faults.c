/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cache_faults.c - the cache when one call of the system's, or each after
 * it, fails: nothing that was stored is lost or denied. */
#include "scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "ran.h"
#include "sanitized.h"
#include "../../module/store/clock.h"

#define N 6
#define FILE_NAME "policies.tdb"
#define COPY FILE_NAME ".1"
#define ASIDE FILE_NAME ".damaged"

/* --- calls that fail ------------------------------------------------------ */

enum call {
	READ,
	WRITE,
	SYNC,
	MEMORY
};

/* This process's calls of one kind; the one of that number fails. */
static struct fault {
	bool armed;
	enum call call;
	int error; /* 0: it does half of it */
	unsigned number; /* of the one that fails; 0: none */
	bool for_ever; /* and all after it */
	unsigned calls;
} fault;

static bool
fails(enum call call)
{
	if (!fault.armed || fault.call != call)
		return false;
	fault.calls++;
	return fault.number > 0 &&
	    (fault.calls == fault.number ||
		(fault.for_ever && fault.calls > fault.number));
}

/* libtdb, and we, find these instead of libc's.  The names in C are others,
 * since libc's may be inline functions. */
#define INSTEAD_OF(name) __asm__(name) __attribute__((visibility("default")))

ssize_t fault_pread(int fd, void *p, size_t len, off_t at) INSTEAD_OF("pread");
ssize_t fault_pwrite(int fd, const void *p, size_t len, off_t at)
    INSTEAD_OF("pwrite");
ssize_t fault_write(int fd, const void *p, size_t len) INSTEAD_OF("write");
int fault_fdatasync(int fd) INSTEAD_OF("fdatasync");

ssize_t
fault_pread(int fd, void *p, size_t len, off_t at)
{
	if (fails(READ)) {
		errno = fault.error;
		if (fault.error != 0)
			return -1;
		len /= 2;
	}
	return syscall(SYS_pread64, fd, p, len, at);
}

ssize_t
fault_pwrite(int fd, const void *p, size_t len, off_t at)
{
	if (fails(WRITE)) {
		errno = fault.error;
		if (fault.error != 0)
			return -1;
		len /= 2;
	}
	return syscall(SYS_pwrite64, fd, p, len, at);
}

ssize_t
fault_write(int fd, const void *p, size_t len)
{
	if (fails(WRITE)) {
		errno = fault.error;
		if (fault.error != 0)
			return -1;
		len /= 2;
	}
	return syscall(SYS_write, fd, p, len);
}

int
fault_fdatasync(int fd)
{
	if (fails(SYNC)) {
		errno = fault.error;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

#if !SANITIZED
void *fault_malloc(size_t size) INSTEAD_OF("malloc");
void *fault_calloc(size_t n, size_t size) INSTEAD_OF("calloc");
void *fault_realloc(void *p, size_t size) INSTEAD_OF("realloc");
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

void *
fault_malloc(size_t size)
{
	return fails(MEMORY) ? (errno = ENOMEM, NULL) : __libc_malloc(size);
}

void *
fault_calloc(size_t n, size_t size)
{
	return fails(MEMORY) ? (errno = ENOMEM, NULL) : __libc_calloc(n, size);
}

void *
fault_realloc(void *p, size_t size)
{
	return fails(MEMORY) ? (errno = ENOMEM, NULL)
			     : __libc_realloc(p, size);
}
#endif

static void
arm(const struct fault *f, unsigned number)
{
	fault = *f;
	fault.number = number;
	fault.calls = 0;
	fault.armed = true;
}

/* Whether the fault was met. */
static bool
disarm(void)
{
	fault.armed = false;
	return fault.calls >= fault.number;
}

/* --- a cache, and work in it ---------------------------------------------- */

static const char *
domain_of(unsigned i)
{
	static char room[2][32];
	char *domain = room[i % 2];

	(void)snprintf(domain, sizeof room[0], "d%u.example", i);
	return domain;
}

static char *image;
static size_t image_len;

static void
begin(struct scratch *s)
{
	if (image == NULL) {
		for (unsigned i = 0; i < N; i++) {
			struct entry e = scratch_policy("id1", 100 * i);

			scratch_put(s, domain_of(i), &e);
		}
		image = scratch_read(s, FILE_NAME, &image_len);
	}
	(void)unlink(scratch_path(s, ASIDE));
	scratch_write(s, FILE_NAME, image, image_len);
	scratch_reopen(s);
	s->alerts = 0;
}

static enum sts_status
do_get(struct scratch *s)
{
	char got[80];

	return scratch_get(s, domain_of(0), got);
}

static enum sts_status
do_put(struct scratch *s)
{
	struct entry e = scratch_policy("id2", 777);

	return cache_put(s->cache, domain_of(0), &e, NULL);
}

static enum sts_status
do_put_new(struct scratch *s)
{
	struct entry e = scratch_policy("id2", 3000);

	return cache_put(s->cache, "new.example", &e, NULL);
}

static enum sts_status
do_touch(struct scratch *s)
{
	struct entry e = scratch_policy("id1", 0);

	e.used_at = 12345;
	return cache_touch(s->cache, domain_of(0), &e, NULL);
}

static enum sts_status
do_delete(struct scratch *s)
{
	return cache_delete(s->cache, domain_of(0), NULL);
}

static bool
see(void *arg, const char *domain, enum sts_status st, const struct entry *e)
{
	(void)domain;
	(void)e;
	*(unsigned *)arg += st == STS_OK;
	return true;
}

static enum sts_status
do_walk(struct scratch *s)
{
	unsigned n = 0;
	enum sts_status status = cache_walk(s->cache, false, see, &n, NULL);

	return status == STS_OK && n != N ? STS_MISS : status;
}

/* --- one call fails ------------------------------------------------------- */

static const struct work {
	const char *name;
	enum sts_status (*f)(struct scratch *s);
	const char *after; /* what then stands under the first domain, ... */
	bool new; /* ... and under "new.example" */
	bool warm; /* the file is open already */
} works[] = {
	{ "get", do_get, "enforce id1 0", false, true },
	{ "get, the file being opened", do_get, "enforce id1 0", false,
	    false },
	{ "put", do_put, "enforce id2 777", false, true },
	{ "put of a new one", do_put_new, "enforce id1 0", true, true },
	{ "touch", do_touch, "enforce id1 0", false, true },
	{ "delete", do_delete, "", false, true },
	{ "walk", do_walk, "enforce id1 0", false, false },
};

static const struct fault faults[] = {
	{ .call = READ, .error = EIO },
	{ .call = READ, .error = 0 },
	{ .call = WRITE, .error = EIO },
	{ .call = WRITE, .error = ENOSPC },
	{ .call = WRITE, .error = 0 },
	{ .call = SYNC, .error = EIO },
	{ .call = MEMORY, .error = ENOMEM },
};

/* The others are as they were, the first one as before or as after. */
static void
nothing_is_lost(struct scratch *s, const struct work *w, enum sts_status status)
{
	char got[80];
	enum sts_status now;

	scratch_reopen(s);
	for (unsigned i = 1; i < N; i++)
		scratch_has(s, domain_of(i), "id1", 100 * i);
	now = scratch_get(s, domain_of(0), got);
	if (status == STS_OK)
		assert_string_equal(got, w->after);
	else if (now == STS_MISS)
		assert_string_equal("", w->after);
	else if (strcmp(got, "enforce id1 0") != 0)
		assert_string_equal(got, w->after);
	if (w->new &&status == STS_OK)
		scratch_has(s, "new.example", "id2", 3000);
	assert_false(scratch_exists(s, ASIDE));
}

/* Whether there was a call of that number to fail. */
static bool
try_at(struct scratch *s, const struct work *w, const struct fault *f,
    unsigned number)
{
	enum sts_status status;
	bool met;

	begin(s);
	if (w->warm)
		assert_int_equal(do_get(s), STS_OK);
	arm(f, number);
	status = w->f(s);
	met = disarm();
	if (status == STS_MISS)
		fail_msg("%s: a miss when call %u of kind %u failed with %d",
		    w->name, number, f->call, f->error);
	if (geteuid() != getuid())
		fail_msg("%s: not root when call %u failed", w->name, number);
	nothing_is_lost(s, w, status);
	return met;
}

static void
check_work(void **state)
{
	struct scratch *s = *state;
	const struct work *w = s->row;

	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		unsigned n = 1;

		/* Not each of the many that are alike. */
		while (n < 150 && try_at(s, w, &faults[i], n))
			n += n < 8 ? 1 : n / 4;
	}
}

static void
calls_are_met(void **state)
{
	struct scratch *s = *state;
	unsigned met[MEMORY + 1] = { 0 };

	for (unsigned i = 0; i <= MEMORY; i++) {
		struct fault none = { .call = (enum call)i };

		begin(s);
		arm(&none, 0);
		assert_int_equal(do_put(s), STS_OK);
		(void)disarm();
		met[i] = fault.calls;
	}
	/* Else this test would test nothing. */
	assert_in_range(met[READ], 10, 1000);
	assert_in_range(met[WRITE], 3, 1000);
	assert_in_range(met[SYNC], 2, 10);
	if (met[MEMORY] == 0)
		print_message("malloc() cannot be made to fail here\n");
}

/* --- all calls fail ------------------------------------------------------- */

static const struct dead_row {
	const char *name;
	struct fault fault;
} dead_rows[] = {
	{ "a disk that cannot be read any more",
	    { .call = READ, .error = EIO, .for_ever = true } },
	{ "a disk that cannot be written any more",
	    { .call = WRITE, .error = EIO, .for_ever = true } },
	{ "a disk that is full",
	    { .call = WRITE, .error = ENOSPC, .for_ever = true } },
	{ "a disk that cannot be flushed",
	    { .call = SYNC, .error = EIO, .for_ever = true } },
	{ "no memory", { .call = MEMORY, .error = ENOMEM, .for_ever = true } },
};

static void
check_dead(void **state)
{
	struct scratch *s = *state;
	const struct dead_row *r = s->row;

	for (unsigned i = 0; i < sizeof works / sizeof works[0]; i++) {
		enum sts_status status;

		begin(s);
		if (works[i].warm)
			assert_int_equal(do_get(s), STS_OK);
		arm(&r->fault, 1);
		status = works[i].f(s);
		(void)disarm();
		if (status == STS_MISS)
			assert_true(s->alerts > 0 && scratch_exists(s, ASIDE));
		if (scratch_exists(s, ASIDE))
			assert_true(s->alerts > 0);
		else
			nothing_is_lost(s, &works[i], status);
	}
}

/* --- mending -------------------------------------------------------------- */

/* The copy is good.  Whatever happens on the way, it is not forgotten. */
static void
a_good_copy_is_not_forgotten(void **state)
{
	static const struct fault on_the_way[] = {
		{ .call = WRITE, .error = ENOSPC },
		{ .call = MEMORY, .error = ENOMEM },
	};
	struct scratch *s = *state;

	begin(s);
	scratch_copy(s, FILE_NAME, COPY);
	for (unsigned i = 0; i < 2; i++)
		for (unsigned n = 1; n < 60; n += n < 8 ? 1 : n / 4) {
			begin(s);
			scratch_write(s, FILE_NAME, "", 0);
			arm(&on_the_way[i], n);
			assert_int_not_equal(do_get(s), STS_MISS);
			if (!disarm())
				break;
			for (unsigned j = 0; j < N; j++)
				scratch_has(s, domain_of(j), "id1", 100 * j);
		}
}

/* Without a file there is nothing to lose: a disk that is full is then like no
 * cache at all.  With a copy there is. */
static void
a_full_disk_hides_no_policy_where_there_never_was_one(void **state)
{
	static const struct fault full = { .call = WRITE,
		.error = ENOSPC,
		.for_ever = true };
	struct scratch *s = *state;

	begin(s);
	scratch_copy(s, FILE_NAME, COPY);
	(void)unlink(scratch_path(s, FILE_NAME));
	scratch_reopen(s);
	arm(&full, 1);
	assert_int_equal(do_get(s), STS_SYSTEM);
	(void)disarm();
	(void)unlink(scratch_path(s, COPY));
	arm(&full, 1);
	assert_int_equal(do_get(s), STS_ABSENT);
	(void)disarm();
}

/* But what was set aside is still missed when the disk is full since. */
static void
a_full_disk_does_not_hide_what_was_set_aside(void **state)
{
	static const struct fault full = { .call = WRITE,
		.error = ENOSPC,
		.for_ever = true };
	struct scratch *s = *state;

	begin(s);
	(void)unlink(scratch_path(s, COPY));
	scratch_write(s, FILE_NAME, "", 0);
	for (unsigned i = 0; i < 3; i++) {
		arm(&full, 1);
		assert_int_equal(do_get(s), STS_SYSTEM);
		(void)disarm();
		scratch_reopen(s);
	}
	assert_true(scratch_exists(s, ASIDE));
	assert_int_equal(do_get(s), STS_MISS);
	assert_true(s->alerts > 0);
}

/* --- locks ---------------------------------------------------------------- */

static int
get_elsewhere(void *arg)
{
	struct scratch *s = arg;
	char got[80];
	int64_t began = clock_ms();

	NEED(scratch_get(s, domain_of(1), got) == STS_OK);
	NEED(clock_ms() - began < 1000);
	return 0;
}

/* TDB leaves a transaction open whose last fsync failed, and its locks with
 * it: everybody would wait for the end of this process. */
static void
a_failed_store_holds_nobody_up(void **state)
{
	static const struct fault sync = { .call = SYNC, .error = EIO };
	struct scratch *s = *state;
	unsigned n = 1;
	bool met;

	do {
		begin(s);
		assert_int_equal(do_get(s), STS_OK);
		arm(&sync, n++);
		(void)do_put(s);
		met = disarm();
		assert_int_equal(scratch_apart(get_elsewhere, s), 0);
	} while (met);
	assert_true(n > 3);
}

/* Anybody may start Exim with this in his environment. */
static void
policies_are_flushed_whatever_the_environment(void **state)
{
	static const struct fault count = { .call = SYNC };
	struct scratch *s = *state;

	assert_int_equal(setenv("TDB_NO_FSYNC", "1", 1), 0);
	begin(s);
	arm(&count, 0);
	assert_int_equal(do_put(s), STS_OK);
	(void)disarm();
	assert_int_equal(unsetenv("TDB_NO_FSYNC"), 0);
	assert_true(fault.calls >= 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(calls_are_met),
		SCRATCH_TEST(a_good_copy_is_not_forgotten),
		SCRATCH_TEST(
		    a_full_disk_hides_no_policy_where_there_never_was_one),
		SCRATCH_TEST(a_full_disk_does_not_hide_what_was_set_aside),
		SCRATCH_TEST(a_failed_store_holds_nobody_up),
		SCRATCH_TEST(policies_are_flushed_whatever_the_environment),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += SCRATCH_ROWS(works, check_work);
	failed += SCRATCH_ROWS(dead_rows, check_dead);
	free(image);
	return failed;
}
