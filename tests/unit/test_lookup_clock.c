/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_lookup_clock.c - clocks that were set, and how long a process repeats
 * itself. */
#include "fakes.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* --- clocks -------------------------------------------------------------- */

static void
a_clock_set_back_by_a_day_leaves_the_policy_in_force(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_dns_fails(f, STS_DNS, "servfail");
	fakes_https_fails(f, STS_FETCH, "connect");
	f->now -= DAY;
	a = fakes_ask(f, "example.com");
	assert_answer(a, "enforce", "stale");
	assert_int_equal(a->expires, FAKES_START + WEEK);
	/* It ends when it would have ended: a day later for this clock. */
	f->now = FAKES_START + WEEK - 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "none", "unusable");
}

static void
a_policy_from_the_future_applies_and_is_fetched_again(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now -= WEEK;
	fakes_https_fails(f, STS_FETCH, "connect");
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	assert_asked(f, 1, 1);
	/* Not at every look-up. */
	f->now += 5 * MINUTE - 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
	assert_int_equal(f->fetched, 1);
	fakes_publish(f, "1", ENFORCE_TEXT);
	f->now += 1;
	a = fakes_ask(f, "example.com");
	assert_answer(a, "enforce", "fresh");
	assert_int_equal(a->expires, f->now + WEEK);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
}

static void
clocks_may_differ_by_minutes(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now -= 5 * MINUTE;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
	assert_asked(f, 1, 0);
}

static void
an_absence_from_the_future_is_not_believed(void **state)
{
	struct fakes *f = *state;

	(void)fakes_ask(f, "example.com");
	f->now -= DAY;
	fakes_publish(f, "1", ENFORCE_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
}

static void
an_answer_in_memory_from_the_future_is_not_believed(void **state)
{
	struct fakes *f = *state;

	(void)fakes_ask(f, "example.com");
	f->now -= 1;
	(void)fakes_ask_again(f, "example.com");
	assert_asked(f, 2, 0);
}

/* --- this process's memory ----------------------------------------------- */

static void
a_second_look_up_in_a_process_does_not_open_the_cache(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;
	char away[100];

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	(void)snprintf(away, sizeof away, "%s-away", f->dir);
	assert_int_equal(rename(f->dir, away), 0);
	f->now += 59;
	a = fakes_ask_again(f, "example.com");
	assert_int_equal(rename(away, f->dir), 0);
	assert_answer(a, "enforce", "cached");
	assert_asked(f, 0, 0);
	assert_string_equal(fakes_log(), "");
}

static void
a_process_repeats_itself_for_a_minute_at_most(void **state)
{
	struct fakes *f = *state;

	f->config.recheck = 0;
	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	(void)fakes_ask(f, "example.com");
	f->now += 59;
	(void)fakes_ask_again(f, "example.com");
	assert_asked(f, 1, 0);
	f->now += 1;
	(void)fakes_ask_again(f, "example.com");
	assert_asked(f, 2, 0);
}

static void
a_process_does_not_repeat_itself_past_the_policys_end(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1",
	    POLICY_TEXT("enforce", "90", "mx.example.com"));
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	f->now += 89;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	assert_answer(fakes_ask_again(f, "example.com"), "enforce", "cached");
	f->now += 1;
	assert_answer(fakes_ask_again(f, "example.com"), "none", "absent");
}

static void
answers_for_many_domains_do_not_get_mixed_up(void **state)
{
	struct fakes *f = *state;
	char domain[32];

	f->config.recheck = 0;
	fakes_publish(f, "1", ENFORCE_TEXT);
	(void)fakes_restart(f);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(domain, sizeof domain, "d%d.example",
		    i * 7 % 20);
		assert_string_equal(fakes_ask_again(f, domain)->domain, domain);
	}
}

static const struct CMUnitTest clocks[] = {
	flow_test(a_clock_set_back_by_a_day_leaves_the_policy_in_force),
	flow_test(a_policy_from_the_future_applies_and_is_fetched_again),
	flow_test(clocks_may_differ_by_minutes),
	flow_test(an_absence_from_the_future_is_not_believed),
	flow_test(an_answer_in_memory_from_the_future_is_not_believed),
};

static const struct CMUnitTest memory[] = {
	flow_test(a_second_look_up_in_a_process_does_not_open_the_cache),
	flow_test(a_process_repeats_itself_for_a_minute_at_most),
	flow_test(a_process_does_not_repeat_itself_past_the_policys_end),
	flow_test(answers_for_many_domains_do_not_get_mixed_up),
};

int
main(void)
{
	return cmocka_run_group_tests(clocks, NULL, NULL) +
	    cmocka_run_group_tests(memory, NULL, NULL);
}
