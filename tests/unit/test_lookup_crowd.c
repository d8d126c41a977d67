/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_lookup_crowd.c - many processes that ask for one domain at once, and
 * some that die over it. */
#include "fakes.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../module/store/clock.h"
#include "../../module/store/flight.h"

#define CROWD 30

/* --- at once ------------------------------------------------------------- */

static int gate[2];
static unsigned flags;

static const char *wanted_mode;

/* One of the crowd: waits for the gate to open, then asks. */
static void
one(struct fakes *f)
{
	const struct answer *a;
	char c;

	(void)close(gate[1]);
	if (read(gate[0], &c, 1) != 0)
		return;
	a = fakes_ask_for(f, "example.com", flags);
	if (strcmp(answer_mode_name(a), wanted_mode) == 0)
		f->right++;
}

static void
all_at_once(struct fakes *f, unsigned with, const char *mode)
{
	pid_t pid[CROWD];

	flags = with;
	wanted_mode = mode;
	f->right = 0;
	assert_int_equal(pipe(gate), 0);
	for (int i = 0; i < CROWD; i++)
		pid[i] = fakes_fork(f, one);
	(void)close(gate[0]);
	(void)close(gate[1]);
	for (int i = 0; i < CROWD; i++)
		assert_true(fakes_wait(pid[i]));
	assert_int_equal(f->right, CROWD);
}

static void
thirty_that_ask_for_a_new_domain_fetch_once(void **state)
{
	struct fakes *f = *state;

	fakes_publish(f, "1", ENFORCE_TEXT);
	f->https_ms = 200;
	all_at_once(f, LOOKUP_PLAIN, "enforce");
	assert_int_equal(f->fetched, 1);
}

static void
thirty_that_ask_in_vain_fetch_once(void **state)
{
	struct fakes *f = *state;

	fakes_publish(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, STS_FETCH, "timeout");
	f->https_ms = 200;
	all_at_once(f, LOOKUP_PLAIN, "none");
	assert_int_equal(f->fetched, 1);
}

static void
thirty_that_meet_a_new_id_fetch_once(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_publish(f, "2", TESTING_TEXT);
	f->now += HOUR;
	f->https_ms = 200;
	all_at_once(f, LOOKUP_PLAIN, "testing");
	assert_int_equal(f->fetched, 1);
}

static void
thirty_that_refresh_fetch_once(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_publish(f, "1", TESTING_TEXT);
	f->now += DAY;
	f->https_ms = 200;
	all_at_once(f, LOOKUP_REFETCH, "testing");
	assert_int_equal(f->fetched, 1);
}

static void
thirty_that_meet_a_policy_from_the_future_fetch_once(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_publish(f, "1", TESTING_TEXT);
	f->now -= WEEK;
	f->https_ms = 200;
	all_at_once(f, LOOKUP_PLAIN, "testing");
	assert_int_equal(f->fetched, 1);
}

/* Ours may be gone at the next try. */
static void
thirty_without_a_helper_all_defer(void **state)
{
	struct fakes *f = *state;

	fakes_publish(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, STS_SYSTEM, "helper-missing");
	all_at_once(f, LOOKUP_PLAIN, "tempfail");
	assert_int_equal(f->fetched, CROWD);
}

/* --- one before the other ------------------------------------------------ */

/* Runs while DNS is asked: another process starts later and ends sooner. */
static void
another_is_faster(struct fakes *f)
{
	f->meanwhile = NULL;
	f->now += 5;
	assert_true(fakes_wait(fakes_fork(f, fakes_say)));
}

static void
a_policy_fetched_while_dns_was_asked_is_taken(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	fakes_publish(f, "1", ENFORCE_TEXT);
	f->meanwhile = another_is_faster;
	a = fakes_ask(f, "example.com");
	assert_non_null(strstr(f->said, "status=fresh"));
	assert_answer(a, "enforce", "checked");
	assert_int_equal(a->fetched_at, FAKES_START + 5);
	assert_int_equal(f->fetched, 1);
}

/* RFC 8461 3.3: by whose clock whatever. */
static void
a_fetch_that_failed_while_dns_was_asked_is_not_repeated(void **state)
{
	struct fakes *f = *state;

	fakes_publish(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, STS_FETCH, "http-404");
	f->meanwhile = another_is_faster;
	assert_answer(fakes_ask(f, "example.com"), "none", "unusable");
	assert_non_null(strstr(f->said, "status=unusable"));
	assert_int_equal(f->fetched, 1);
}

static void
nor_is_one_for_a_cached_policys_new_id(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += HOUR;
	fakes_publish(f, "2", ENFORCE_TEXT);
	fakes_https_fails(f, STS_FETCH, "http-404");
	f->meanwhile = another_is_faster;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	assert_non_null(strstr(f->said, "status=stale"));
	assert_int_equal(f->fetched, 1);
}

/* What fails by local trouble now must not make the other's failure ours. */
static void
a_back_off_is_no_trouble_of_ours(void **state)
{
	struct fakes *f = *state;

	f->config.defer_on_dns_failure = true;
	fakes_publish(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, STS_FETCH, "http-404");
	(void)fakes_ask(f, "example.com");
	fakes_dns_fails(f, STS_DNS, "servfail");
	(void)fakes_ask(f, "example.com");
	fakes_publish(f, "2", ENFORCE_TEXT);
	fakes_https_fails(f, STS_FETCH, "http-404");
	f->now += MINUTE;
	f->meanwhile = another_is_faster;
	assert_answer(fakes_ask(f, "example.com"), "none", "unusable");
	assert_int_equal(f->fetched, 2);
}

static void
hold_the_flight(struct fakes *f)
{
	struct flight held;

	if (flight_take(f->dir, "example.com", clock_ms() + 1000, &held,
		NULL) != STS_OK)
		_exit(1);
	f->right = 1;
	(void)poll(NULL, 0, 9000);
}

static void
a_look_up_that_backs_off_waits_for_nobody(void **state)
{
	struct fakes *f = *state;
	int64_t began;
	pid_t holder;

	fakes_publish(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, STS_FETCH, "timeout");
	(void)fakes_ask(f, "example.com");
	holder = fakes_fork(f, hold_the_flight);
	fakes_until(&f->right);
	began = clock_ms();
	assert_answer(fakes_ask(f, "example.com"), "none", "unusable");
	assert_true(clock_ms() - began < 1000);
	assert_int_equal(kill(holder, SIGKILL), 0);
	assert_false(fakes_wait(holder));
}

/* --- death --------------------------------------------------------------- */

static void
when_the_one_that_fetches_is_killed_another_does(void **state)
{
	struct fakes *f = *state;
	int64_t began;
	pid_t first, second;

	fakes_publish(f, "1", ENFORCE_TEXT);
	f->https_ms = 60000;
	first = fakes_fork(f, fakes_say);
	fakes_until(&f->fetched);
	f->https_ms = 0;
	second = fakes_fork(f, fakes_say);
	(void)poll(NULL, 0, 100);
	assert_string_equal(f->said, "");
	began = clock_ms();
	assert_int_equal(kill(first, SIGKILL), 0);
	assert_true(fakes_wait(second));
	assert_true(clock_ms() - began < 2000);
	assert_false(fakes_wait(first));
	assert_non_null(strstr(f->said, "mode=enforce status=fresh"));
	assert_int_equal(f->fetched, 2);
}

static void
one_that_is_stopped_holds_nobody_up_for_long(void **state)
{
	struct fakes *f = *state;
	int64_t began;
	pid_t first;

	f->config.dns_timeout = 1;
	f->config.fetch_timeout = 1;
	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_publish(f, "2", TESTING_TEXT);
	f->now += HOUR;
	f->https_ms = 60000;
	first = fakes_fork(f, fakes_say);
	fakes_until(&f->fetched);
	assert_int_equal(kill(first, SIGSTOP), 0);
	began = clock_ms();
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	assert_in_range(clock_ms() - began, 1500, 3000);
	assert_int_equal(kill(first, SIGKILL), 0);
	assert_false(fakes_wait(first));
	assert_int_equal(f->fetched, 1);
}

/* As TDB locks the file when a transaction ends. */
static void
hold_the_file(struct fakes *f)
{
	struct flock lock = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = 168 };
	int fd = open(fakes_path(f, "policies.tdb"), O_RDWR | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_SETLK, &lock) != 0)
		_exit(1);
	f->right = 1;
	(void)poll(NULL, 0, 20000);
}

/* Whatever is locked, the look-up ends a second after its two time limits, at
 * the latest. */
static void
one_stopped_in_the_cache_costs_the_time_limit_at_most(void **state)
{
	struct fakes *f = *state;
	int64_t began;
	pid_t holder;

	f->config.dns_timeout = 1;
	f->config.fetch_timeout = 1;
	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	holder = fakes_fork(f, hold_the_file);
	fakes_until(&f->right);
	began = clock_ms();
	assert_answer(fakes_ask(f, "example.com"), "tempfail", "error");
	assert_in_range(clock_ms() - began, 1500, 3000);
	assert_int_equal(kill(holder, SIGKILL), 0);
	assert_false(fakes_wait(holder));
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(thirty_that_ask_for_a_new_domain_fetch_once),
		flow_test(thirty_that_ask_in_vain_fetch_once),
		flow_test(thirty_that_meet_a_new_id_fetch_once),
		flow_test(thirty_that_refresh_fetch_once),
		flow_test(thirty_that_meet_a_policy_from_the_future_fetch_once),
		flow_test(thirty_without_a_helper_all_defer),
		flow_test(a_policy_fetched_while_dns_was_asked_is_taken),
		flow_test(
		    a_fetch_that_failed_while_dns_was_asked_is_not_repeated),
		flow_test(nor_is_one_for_a_cached_policys_new_id),
		flow_test(a_back_off_is_no_trouble_of_ours),
		flow_test(a_look_up_that_backs_off_waits_for_nobody),
		flow_test(when_the_one_that_fetches_is_killed_another_does),
		flow_test(one_that_is_stopped_holds_nobody_up_for_long),
		flow_test(
		    one_stopped_in_the_cache_costs_the_time_limit_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
