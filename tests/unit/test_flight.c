/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_flight.c - one fetch at a time, however its holder ends. */
#include "scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ran.h"
#include "../../module/store/clock.h"
#include "../../module/store/flight.h"

#define DOMAIN "example.com"
#define AT_ONCE 0 /* a deadline in the past */

static enum sts_status
take(const struct scratch *s, const char *domain, int64_t deadline,
    struct flight *f)
{
	return flight_take(s->dir, domain, deadline, f, NULL);
}

/* Whether somebody holds domain now. */
static bool
is_held(const struct scratch *s, const char *domain)
{
	struct flight f;
	enum sts_status status = take(s, domain, AT_ONCE, &f);

	if (status == STS_OK)
		flight_drop(&f);
	else
		assert_int_equal(status, STS_WAIT);
	return status != STS_OK;
}

/* --- one at a time -------------------------------------------------------- */

static void
it_is_held_until_it_is_dropped(void **state)
{
	struct scratch *s = *state;
	struct sts_error err = { 0 };
	struct flight f, other;

	assert_int_equal(take(s, DOMAIN, AT_ONCE, &f), STS_OK);
	assert_int_equal(
	    flight_take(s->dir, DOMAIN, AT_ONCE, &other, &err), STS_WAIT);
	assert_string_equal(err.word, "busy");
	assert_int_equal(other.fd, -1);
	flight_drop(&other);
	assert_true(is_held(s, DOMAIN));
	flight_drop(&f);
	assert_int_equal(f.fd, -1);
	assert_false(is_held(s, DOMAIN));
	flight_drop(&f);
}

static void
two_domains_do_not_wait_for_one_another(void **state)
{
	struct scratch *s = *state;
	struct flight one, two, files;

	assert_int_equal(take(s, "example.com", AT_ONCE, &one), STS_OK);
	assert_int_equal(take(s, "example.net", AT_ONCE, &two), STS_OK);
	assert_int_equal(take(s, "", AT_ONCE, &files), STS_OK);
	flight_drop(&one);
	assert_true(is_held(s, "example.net"));
	assert_true(is_held(s, ""));
	assert_false(is_held(s, "example.com"));
	flight_drop(&two);
	flight_drop(&files);
}

struct crowd {
	const struct scratch *s;
	unsigned inside; /* shared */
	unsigned turns;
	unsigned clashes;
};

static int
take_turns(void *arg)
{
	struct crowd *c = arg;
	struct flight f;

	for (unsigned i = 0; i < 15; i++) {
		NEED(take(c->s, DOMAIN, clock_ms() + SCRATCH_LONG, &f) ==
		    STS_OK);
		if (__atomic_add_fetch(&c->inside, 1, __ATOMIC_SEQ_CST) != 1)
			__atomic_add_fetch(&c->clashes, 1, __ATOMIC_SEQ_CST);
		scratch_sleep(scratch_random() % 1000);
		c->turns++;
		__atomic_sub_fetch(&c->inside, 1, __ATOMIC_SEQ_CST);
		flight_drop(&f);
	}
	return 0;
}

static void
many_processes_take_turns(void **state)
{
	struct crowd *c = scratch_shared(sizeof *c);
	pid_t pid[5];

	c->s = *state;
	for (unsigned i = 0; i < 5; i++)
		pid[i] = scratch_start(take_turns, c);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(scratch_finish(pid[i]), 0);
	assert_int_equal(c->clashes, 0);
	assert_int_equal(c->turns, 5 * 15);
}

/* --- deadlines ------------------------------------------------------------ */

static void
a_deadline_in_the_past_is_one_try(void **state)
{
	struct scratch *s = *state;
	struct flight f, other;
	int64_t began = clock_ms();

	assert_int_equal(take(s, DOMAIN, began - 5000, &f), STS_OK);
	assert_int_equal(take(s, DOMAIN, began - 5000, &other), STS_WAIT);
	assert_in_range(clock_ms() - began, 0, 100);
	flight_drop(&f);
}

static void
a_deadline_is_kept(void **state)
{
	struct scratch *s = *state;
	struct flight f, other;
	int64_t began;

	assert_int_equal(take(s, DOMAIN, AT_ONCE, &f), STS_OK);
	began = clock_ms();
	assert_int_equal(take(s, DOMAIN, began + 150, &other), STS_WAIT);
	assert_in_range(clock_ms() - began, 150, 400);
	flight_drop(&f);
}

/* --- the end of a holder -------------------------------------------------- */

struct holder {
	const struct scratch *s;
	unsigned held;
	pid_t left_behind;
};

static int
hold_for_ever(void *arg)
{
	struct holder *h = arg;
	struct flight f;

	NEED(take(h->s, DOMAIN, AT_ONCE, &f) == STS_OK);
	h->held = 1;
	for (;;)
		(void)pause();
}

static void
a_killed_holder_holds_no_more(void **state)
{
	struct holder *h = scratch_shared(sizeof *h);
	struct flight f;
	int64_t began;
	pid_t pid;

	h->s = *state;
	pid = scratch_start(hold_for_ever, h);
	assert_true(scratch_wait(&h->held, 1));
	assert_true(is_held(*state, DOMAIN));
	began = clock_ms();
	scratch_kill(pid);
	assert_int_equal(take(*state, DOMAIN, began + 5000, &f), STS_OK);
	assert_in_range(clock_ms() - began, 0, 1000);
	flight_drop(&f);
}

/* A helper that is still running must not keep the lock of its dead parent. */
static int
hold_and_leave_a_program(void *arg)
{
	struct holder *h = arg;
	struct flight f;
	int ready[2];
	pid_t pid;
	char c;

	NEED(take(h->s, DOMAIN, AT_ONCE, &f) == STS_OK);
	NEED(pipe2(ready, O_CLOEXEC) == 0);
	pid = fork();
	NEED(pid >= 0);
	if (pid == 0) {
		(void)execl("/bin/sleep", "sleep", "60", (char *)NULL);
		_exit(127);
	}
	h->left_behind = pid;
	(void)close(ready[1]);
	/* The end of the pipe: it is another program now. */
	NEED(read(ready[0], &c, 1) == 0);
	return 0;
}

static void
a_program_does_not_inherit_it(void **state)
{
	struct holder *h = scratch_shared(sizeof *h);

	h->s = *state;
	assert_int_equal(scratch_apart(hold_and_leave_a_program, h), 0);
	assert_true(h->left_behind > 1);
	assert_int_equal(kill(h->left_behind, 0), 0);
	assert_false(is_held(*state, DOMAIN));
	assert_int_equal(kill(h->left_behind, SIGKILL), 0);
}

/* --- the file ------------------------------------------------------------- */

static int
take_as_owner(void *arg)
{
	struct scratch *s = arg;
	struct flight f;

	NEED(scratch_become(scratch_owner()));
	NEED(take(s, DOMAIN, AT_ONCE, &f) == STS_OK);
	flight_drop(&f);
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

	if (!r->owner_first)
		scratch_only_root();
	(void)umask(r->mask);
	if (r->owner_first)
		assert_int_equal(scratch_apart(take_as_owner, s), 0);
	assert_false(is_held(s, DOMAIN));
	scratch_is_owners(s, "lock");
	assert_int_equal(scratch_apart(take_as_owner, s), 0);
	assert_false(is_held(s, DOMAIN));
	scratch_is_owners(s, "lock");
}

static void
is_no_lock(const struct scratch *s, const char *word)
{
	struct sts_error err = { 0 };
	struct flight f;

	assert_int_equal(
	    flight_take(s->dir, DOMAIN, AT_ONCE, &f, &err), STS_SYSTEM);
	assert_string_equal(err.word, word);
	assert_int_equal(f.fd, -1);
	flight_drop(&f);
}

static void
a_planted_link_is_not_followed(void **state)
{
	struct scratch *s = *state;

	assert_int_equal(symlink("victim", scratch_path(s, "lock")), 0);
	is_no_lock(s, "cache-open");
	assert_false(scratch_exists(s, "victim"));
	scratch_write(s, "victim", "x", 1);
	is_no_lock(s, "cache-open");
}

static void
what_is_no_file_is_no_lock(void **state)
{
	struct scratch *s = *state;
	struct flight f;

	assert_int_equal(mkdir(scratch_path(s, "lock"), 0777), 0);
	is_no_lock(s, "cache-open");
	assert_int_equal(rmdir(scratch_path(s, "lock")), 0);
	/* Whatever comes of a FIFO, we do not wait for its other end. */
	assert_int_equal(mkfifo(scratch_path(s, "lock"), 0666), 0);
	if (take(s, DOMAIN, AT_ONCE, &f) == STS_OK)
		flight_drop(&f);
}

static void
without_a_directory_there_is_no_lock(void **state)
{
	struct scratch *s = *state;
	struct sts_error err = { 0 };
	struct flight f;

	assert_int_equal(flight_take(scratch_path(s, "none"), DOMAIN, AT_ONCE,
			     &f, &err),
	    STS_SYSTEM);
	assert_string_equal(err.word, "cache-missing");
	assert_int_equal(f.fd, -1);
}

static void
too_long_a_path_is_refused(void **state)
{
	struct sts_error err = { 0 };
	struct flight f;
	char dir[600];

	(void)state;
	memset(dir, '/', sizeof dir - 1);
	dir[sizeof dir - 1] = '\0';
	assert_int_equal(
	    flight_take(dir, DOMAIN, AT_ONCE, &f, &err), STS_SYSTEM);
	assert_string_equal(err.word, "cache-open");
}

static int
take_without_descriptors(void *arg)
{
	struct scratch *s = arg;
	struct rlimit none = { 0, 0 };
	struct sts_error err = { 0 };
	struct flight f;

	NEED(setrlimit(RLIMIT_NOFILE, &none) == 0);
	NEED(flight_take(s->dir, DOMAIN, AT_ONCE, &f, &err) == STS_SYSTEM);
	NEED(strcmp(err.word, "cache-open") == 0);
	NEED(f.fd == -1 && geteuid() == getuid());
	return 0;
}

static void
without_descriptors_there_is_no_lock(void **state)
{
	assert_int_equal(scratch_apart(take_without_descriptors, *state), 0);
}

/* exim -be of a user who may not write here. */
static int
take_as_somebody(void *arg)
{
	struct scratch *s = arg;
	struct flight f;

	NEED(scratch_become(SCRATCH_OTHER));
	NEED(take(s, DOMAIN, AT_ONCE, &f) == STS_SYSTEM);
	return 0;
}

static void
somebody_else_gets_no_lock(void **state)
{
	struct scratch *s = *state;

	scratch_only_root();
	assert_int_equal(scratch_apart(take_as_somebody, s), 0);
	assert_false(scratch_exists(s, "lock"));
	assert_false(is_held(s, DOMAIN));
	assert_int_equal(scratch_apart(take_as_somebody, s), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(it_is_held_until_it_is_dropped),
		SCRATCH_TEST(two_domains_do_not_wait_for_one_another),
		SCRATCH_TEST(many_processes_take_turns),
		SCRATCH_TEST(a_deadline_in_the_past_is_one_try),
		SCRATCH_TEST(a_deadline_is_kept),
		SCRATCH_TEST(a_killed_holder_holds_no_more),
		SCRATCH_TEST(a_program_does_not_inherit_it),
		SCRATCH_TEST(a_planted_link_is_not_followed),
		SCRATCH_TEST(what_is_no_file_is_no_lock),
		SCRATCH_TEST(without_a_directory_there_is_no_lock),
		SCRATCH_TEST(too_long_a_path_is_refused),
		SCRATCH_TEST(without_descriptors_there_is_no_lock),
		SCRATCH_TEST(somebody_else_gets_no_lock),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += SCRATCH_ROWS(mode_rows, check_mode);
	return failed;
}
