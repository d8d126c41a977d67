/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_cache_disk.c - a disk that is full or read-only, and a process without
 * descriptors: no policy is lost, and none is denied. */
#include "scratch.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ran.h"

#define FILE_NAME "policies.tdb"
#define COPY FILE_NAME ".1"
#define ASIDE FILE_NAME ".damaged"

static const char *
domain_of(unsigned i)
{
	static char room[2][32];
	char *domain = room[i % 2];

	(void)snprintf(domain, sizeof room[0], "d%u.example", i);
	return domain;
}

static bool
has(struct scratch *s, unsigned i, size_t size)
{
	char got[80], want[80];

	(void)snprintf(want, sizeof want, "enforce id1 %zu", size);
	return scratch_get(s, domain_of(i), got) == STS_OK &&
	    strcmp(got, want) == 0;
}

static bool
have(struct scratch *s, unsigned n, size_t size)
{
	for (unsigned i = 0; i < n; i++)
		if (!has(s, i, size))
			return false;
	return true;
}

/* --- a disk of the test's own --------------------------------------------- */

static bool
mount_disk(const struct scratch *s, const char *size, unsigned long flags)
{
	char options[100];

	(void)snprintf(options, sizeof options,
	    "size=%s,mode=0750,uid=%d,gid=%d", size, SCRATCH_OWNER,
	    SCRATCH_OWNER);
	return mount("scratch", s->dir, "tmpfs", flags, options) == 0;
}

/* Nobody else sees it, and it goes with this process. */
static bool
own_disk(const struct scratch *s, const char *size)
{
	return unshare(CLONE_NEWNS) == 0 &&
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount_disk(s, size, 0);
}

static bool
fill_disk(const struct scratch *s)
{
	static const char zeros[4096];
	int fd = open(scratch_path(s, "filler"),
	    O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return false;
	while (write(fd, zeros, sizeof zeros) > 0)
		;
	(void)close(fd);
	return true;
}

/* --- full ----------------------------------------------------------------- */

static const struct size_row {
	const char *name;
	const char *size; /* as mount has it */
	size_t policy; /* bytes of each */
	bool fits; /* at least one */
} size_rows[] = {
	{ "no room for the file", "16k", 300, false },
	{ "room for the file and no policy", "64k", 300, false },
	{ "... nor for a transaction", "512k", 300, false },
	{ "room for small policies", "2m", 300, true },
	{ "room for large policies", "8m", 20000, true },
	{ "room for the largest policies", "24m", 65000, true },
};

/* Until nothing more can be put; how many were.  Their values stay readable
 * throughout. */
static int
put_until_full(struct scratch *s, size_t size, unsigned *n)
{
	struct entry e = scratch_policy("id1", size);
	struct sts_error err = { 0 };

	for (*n = 0; *n < 20000; ++*n)
		if (cache_put(s->cache, domain_of(*n), &e, &err) != STS_OK)
			break;
	NEED(*n < 20000);
	NEED(*n == 0 || strcmp(err.word, "cache-write") == 0);
	NEED(*n == 0 || strstr(err.text, "No space left") != NULL);
	NEED(*n == 0 ||
	    cache_put(s->cache, domain_of(*n), &e, NULL) == STS_SYSTEM);
	NEED(geteuid() == 0);
	return 0;
}

static int
fill_and_free(void *arg)
{
	struct scratch *s = arg;
	const struct size_row *r = s->row;
	struct entry e = scratch_policy("id1", r->policy);
	unsigned n;

	NEED(own_disk(s, r->size));
	NEED(put_until_full(s, r->policy, &n) == 0);
	NEED((n > 0) == r->fits);
	NEED(have(s, n, r->policy));
	scratch_reopen(s);
	NEED(have(s, n, r->policy));
	/* Full to the last byte, and tried again and again. */
	NEED(fill_disk(s));
	for (unsigned i = 0; i < 20; i++) {
		enum sts_status st = cache_put(s->cache, "new.example", &e,
		    NULL);

		NEED(n == 0 || st == STS_OK || st == STS_SYSTEM);
		scratch_reopen(s);
	}
	NEED(have(s, n, r->policy));
	NEED(s->alerts == 0 && !scratch_exists(s, ASIDE));
	/* Room again. */
	NEED(mount_disk(s, "64m", MS_REMOUNT));
	NEED(cache_put(s->cache, domain_of(n), &e, NULL) == STS_OK);
	NEED(have(s, n + 1, r->policy));
	NEED(s->alerts == 0);
	return 0;
}

static void
check_size(void **state)
{
	struct scratch *s = *state;

	scratch_only_root();
	assert_int_equal(scratch_apart(fill_and_free, s), 0);
}

/* Times change in place: also where nothing can grow. */
static int
touch_when_full(void *arg)
{
	struct scratch *s = arg;
	struct entry e = scratch_policy("id1", 100);

	NEED(own_disk(s, "4m"));
	NEED(cache_put(s->cache, domain_of(0), &e, NULL) == STS_OK);
	NEED(fill_disk(s));
	e.used_at = 777;
	NEED(cache_touch(s->cache, domain_of(0), &e, NULL) == STS_OK);
	NEED(cache_get(s->cache, domain_of(0), &e, NULL) == STS_OK);
	NEED(e.used_at == 777);
	return 0;
}

static void
a_full_disk_can_be_touched(void **state)
{
	scratch_only_root();
	assert_int_equal(scratch_apart(touch_when_full, *state), 0);
}

/* The file is damaged, the copy is good, and there is no room for it now. */
static int
restore_when_full(void *arg)
{
	struct scratch *s = arg;
	struct entry e = scratch_policy("id1", 3000);

	NEED(own_disk(s, "12m"));
	for (unsigned i = 0; i < 50; i++)
		NEED(cache_put(s->cache, domain_of(i), &e, NULL) == STS_OK);
	scratch_copy(s, FILE_NAME, COPY);
	scratch_write(s, FILE_NAME, "", 0);
	scratch_reopen(s);
	NEED(fill_disk(s));
	/* Room for an empty file, as it were, but not for a copy. */
	NEED(truncate(scratch_path(s, "filler"), 1 << 20) == 0);
	NEED(mount_disk(s, "4m", MS_REMOUNT));
	for (unsigned i = 0; i < 5; i++) {
		NEED(cache_get(s->cache, domain_of(i), &e, NULL) ==
		    STS_SYSTEM);
		scratch_reopen(s);
	}
	NEED(s->alerts > 0);
	NEED(mount_disk(s, "20m", MS_REMOUNT));
	NEED(have(s, 50, 3000));
	return 0;
}

static void
a_copy_waits_for_room(void **state)
{
	scratch_only_root();
	assert_int_equal(scratch_apart(restore_when_full, *state), 0);
}

/* --- read-only ------------------------------------------------------------ */

static int
use_read_only(void *arg)
{
	struct scratch *s = arg;
	struct entry e = scratch_policy("id1", 100);
	struct entry got;

	NEED(own_disk(s, "8m"));
	NEED(cache_put(s->cache, domain_of(0), &e, NULL) == STS_OK);
	scratch_reopen(s);
	NEED(mount_disk(s, "8m", MS_REMOUNT | MS_RDONLY));
	NEED(cache_get(s->cache, domain_of(0), &got, NULL) == STS_SYSTEM);
	NEED(cache_get(s->cache, domain_of(1), &got, NULL) == STS_SYSTEM);
	NEED(cache_put(s->cache, domain_of(0), &e, NULL) == STS_SYSTEM);
	NEED(cache_touch(s->cache, domain_of(0), &e, NULL) == STS_SYSTEM);
	NEED(cache_delete(s->cache, domain_of(0), NULL) == STS_SYSTEM);
	NEED(cache_clear(s->cache, NULL) == STS_SYSTEM);
	NEED(s->alerts == 0);
	NEED(mount_disk(s, "8m", MS_REMOUNT));
	NEED(has(s, 0, 100));
	return 0;
}

static void
a_read_only_disk_is_no_answer(void **state)
{
	scratch_only_root();
	assert_int_equal(scratch_apart(use_read_only, *state), 0);
}

/* --- no descriptors ------------------------------------------------------- */

static bool
limit_descriptors(rlim_t n)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return false;
	r.rlim_cur = n;
	return setrlimit(RLIMIT_NOFILE, &r) == 0;
}

static int
use_few_descriptors(void *arg)
{
	struct scratch *s = arg;
	struct entry e = scratch_policy("id1", 100);
	rlim_t enough = 64;
	bool worked = false;

	for (rlim_t n = 0; n < 12; n++) {
		enum sts_status get, put;
		struct entry got;

		scratch_reopen(s);
		NEED(limit_descriptors(n));
		get = cache_get(s->cache, domain_of(0), &got, NULL);
		e = scratch_policy("id1", 100);
		put = cache_put(s->cache, domain_of(1), &e, NULL);
		NEED(limit_descriptors(enough));
		NEED(get == STS_OK || get == STS_SYSTEM);
		NEED(put == STS_OK || put == STS_SYSTEM);
		worked = worked || get == STS_OK;
		NEED(s->alerts == 0 && !scratch_exists(s, ASIDE));
		scratch_reopen(s);
		NEED(has(s, 0, 100));
	}
	NEED(worked);
	return 0;
}

static void
without_descriptors_nothing_is_denied(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 100);

	scratch_put(s, domain_of(0), &e);
	assert_int_equal(scratch_apart(use_few_descriptors, s), 0);
}

/* The file is damaged and the copy is good: it is taken, sooner or later. */
static int
restore_with_few_descriptors(void *arg)
{
	struct scratch *s = arg;
	bool worked = false;

	for (rlim_t n = 0; n < 12; n++) {
		enum sts_status get;
		struct entry got;

		scratch_write(s, FILE_NAME, "", 0);
		scratch_reopen(s);
		NEED(limit_descriptors(n));
		get = cache_get(s->cache, domain_of(0), &got, NULL);
		NEED(limit_descriptors(64));
		NEED(get == STS_OK || get == STS_SYSTEM);
		worked = worked || get == STS_OK;
		scratch_reopen(s);
		NEED(has(s, 0, 100));
	}
	NEED(worked);
	return 0;
}

static void
without_descriptors_the_copy_is_not_forgotten(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 100);

	scratch_put(s, domain_of(0), &e);
	scratch_copy(s, FILE_NAME, COPY);
	assert_int_equal(scratch_apart(restore_with_few_descriptors, s), 0);
}

/* Truncated while open: TDB's error is the file's, what follows is not. */
static int
replace_with_few_descriptors(void *arg)
{
	struct scratch *s = arg;

	for (rlim_t n = 3; n < 12; n++) {
		enum sts_status get;
		struct entry got;

		scratch_copy(s, COPY, FILE_NAME);
		scratch_reopen(s);
		NEED(has(s, 0, 100));
		NEED(truncate(scratch_path(s, FILE_NAME), 5000) == 0);
		NEED(limit_descriptors(n));
		get = cache_get(s->cache, domain_of(0), &got, NULL);
		NEED(limit_descriptors(64));
		NEED(get == STS_OK || get == STS_SYSTEM);
		scratch_reopen(s);
		NEED(has(s, 0, 100));
	}
	return 0;
}

static void
without_descriptors_nothing_sound_is_set_aside(void **state)
{
	struct scratch *s = *state;
	struct entry e = scratch_policy("id1", 100);

	scratch_put(s, domain_of(0), &e);
	scratch_copy(s, FILE_NAME, COPY);
	assert_int_equal(scratch_apart(replace_with_few_descriptors, s), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(a_full_disk_can_be_touched),
		SCRATCH_TEST(a_copy_waits_for_room),
		SCRATCH_TEST(a_read_only_disk_is_no_answer),
		SCRATCH_TEST(without_descriptors_nothing_is_denied),
		SCRATCH_TEST(without_descriptors_the_copy_is_not_forgotten),
		SCRATCH_TEST(without_descriptors_nothing_sound_is_set_aside),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += SCRATCH_ROWS(size_rows, check_size);
	return failed;
}
