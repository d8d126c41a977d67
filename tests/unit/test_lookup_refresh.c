/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_lookup_refresh.c - a policy is fetched again before it must be: by a
 * timer, in the background, after a delivery that failed. */
#include "fakes.h"
#include <string.h>

#define NONE_TEXT "version: STSv1\nmode: none\nmax_age: 86400\n"

/* --- refresh ------------------------------------------------------------- */

/* RFC 8461 3.2, 10.2: not the id but the policy host knows what is in force. */
static void
a_refresh_takes_another_text_under_the_same_id(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_publish(f, "1", POLICY_TEXT("testing", "86400", "b.example"));
	f->now += HOUR;
	a = fakes_ask_for(f, "example.com", LOOKUP_REFETCH);
	assert_answer(a, "testing", "fresh");
	a = fakes_ask(f, "example.com");
	assert_answer(a, "testing", "cached");
	assert_string_equal(a->mx, "b.example");
	assert_int_equal(a->expires, f->now + DAY);
}

/* RFC 8461 10.2: regardless of the state of the TXT record. */
static void
a_refresh_fetches_although_the_record_is_gone(void **state)
{
	static const struct {
		enum sts_status why;
		const char *word;
	} faults[] = { { STS_ABSENT, "nxdomain" }, { STS_DNS, "dns-timeout" },
		{ STS_SYSTEM, "resolver" } };
	struct fakes *f = *state;
	const struct answer *a;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	for (size_t i = 0; i < 3; i++) {
		f->now += DAY;
		fakes_dns_fails(f, faults[i].why, faults[i].word);
		a = fakes_ask_for(f, "example.com", LOOKUP_REFETCH);
		assert_answer(a, "enforce", "fresh");
		assert_int_equal(a->expires, f->now + WEEK);
		assert_string_equal(a->id, "1");
	}
}

/* RFC 8461 3.3: and tells the administrator, ... */
static void
a_refresh_that_fails_leaves_the_policy_and_its_end(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, STS_CERT, "cert-expired");
	for (int day = 1; day < 4; day++) {
		f->now += DAY;
		fakes_calm(f);
		a = fakes_ask_for(f, "example.com", LOOKUP_REFETCH);
		assert_answer(a, "enforce", "stale");
		assert_int_equal(a->expires, FAKES_START + WEEK);
		assert_string_equal(fakes_log(),
		    "MTA-STS: example.com: policy not fetched (cert-expired): "
		    "HTTPS says no; the cached policy stays in force\n");
	}
}

/* ... but not about a policy of mode none (10.2, 8.3). */
static void
no_alert_while_a_policy_of_mode_none_runs_out(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", NONE_TEXT);
	fakes_https_fails(f, STS_FETCH, "host-not-found");
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	f->now += HOUR;
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_REFETCH), "none",
	    "stale");
	f->now += HOUR;
	assert_answer(fakes_ask(f, "example.com"), "none", "stale");
	assert_string_equal(fakes_log(), "");
}

static void
a_refresh_is_no_use_of_the_policy(void **state)
{
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	for (int day = 1; day < 4; day++) {
		f->now += DAY + 1;
		assert_answer(fakes_ask_for(f, "example.com", LOOKUP_REFETCH),
		    "enforce", "fresh");
	}
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.used_at, FAKES_START);
	(void)fakes_ask(f, "example.com");
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.used_at, f->now);
}

/* RFC 8461 3.3, 10.2: where no timer runs. */
static void
a_policy_over_a_day_old_is_refreshed_in_background_once(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += DAY;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(f->started, 0);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	assert_int_equal(f->started, 1);
	assert_string_equal(f->started_name, "example.com");
	/* Started once, whatever came of it, ... */
	f->now += 5 * MINUTE - 1;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(f->started, 1);
	/* ... for five minutes. */
	f->now += 1;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(f->started, 2);
	assert_int_equal(f->fetched, 0);
}

static void
so_is_one_over_half_its_max_age_old(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1",
	    POLICY_TEXT("enforce", "7200", "mx.example.com"));
	f->now += HOUR;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(f->started, 0);
	f->now += 1;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(f->started, 1);
	/* The memory of this process starts nothing. */
	(void)fakes_ask_again(f, "example.com");
	assert_int_equal(f->started, 1);
}

static void
a_refreshed_policy_is_not_refreshed_again(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += DAY + 1;
	(void)fakes_ask_for(f, "example.com", LOOKUP_REFETCH);
	(void)fakes_ask(f, "example.com");
	assert_int_equal(f->started, 0);
}

static void
a_refresh_that_fails_starts_no_other(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, STS_FETCH, "connect");
	f->now += DAY + 1;
	(void)fakes_ask_for(f, "example.com", LOOKUP_REFETCH);
	fakes_https_fails(f, STS_SYSTEM, "helper-missing");
	f->now += HOUR;
	(void)fakes_ask_for(f, "example.com", LOOKUP_REFETCH);
	assert_int_equal(f->started, 0);
	f->now -= HOUR;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(f->started, 0);
}

/* --- other ways to ask --------------------------------------------------- */

static void
recheck_asks_dns_whatever_the_cache_says(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_RECHECK),
	    "enforce", "checked");
	assert_asked(f, 1, 0);
	fakes_publish(f, "2", TESTING_TEXT);
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_RECHECK),
	    "testing", "fresh");
}

static void
no_cache_neither_reads_nor_writes_one(void **state)
{
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_NO_CACHE), "none",
	    "absent");
	fakes_publish(f, "2", TESTING_TEXT);
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_NO_CACHE),
	    "testing", "fresh");
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_string_equal(e.id, "1");
	assert_answer(fakes_ask_for(f, "example.net", LOOKUP_NO_CACHE),
	    "testing", "fresh");
	assert_int_equal(fakes_stored(f, "example.net", &e), STS_MISS);
	assert_string_equal(answer_status_name(
				fakes_ask(f, "example.com")->status),
	    "cached");
}

static void
cache_only_asks_nobody_and_starts_nothing(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += DAY + 1;
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_CACHE_ONLY),
	    "enforce", "cached");
	assert_answer(fakes_ask_for(f, "example.net", LOOKUP_CACHE_ONLY),
	    "none", "absent");
	f->now += WEEK;
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_CACHE_ONLY),
	    "none", "absent");
	assert_asked(f, 0, 0);
	assert_int_equal(f->started, 0);
}

static void
a_policy_nobody_asked_dns_about_is_cached_all_the_same(void **state)
{
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	e.trial.asked_at = 0; /* an import, say */
	fakes_store(f, "example.com", &e);
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_CACHE_ONLY),
	    "enforce", "cached");
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
}

static void
a_prefetch_is_wanted_when_a_look_up_would_ask(void **state)
{
	struct fakes *f = *state;

	assert_true(lookup_wants_prefetch(fakes_lookup(), "example.com"));
	(void)fakes_ask(f, "example.com");
	assert_false(lookup_wants_prefetch(fakes_lookup(), "example.com"));
	f->now += 10 * MINUTE;
	assert_true(lookup_wants_prefetch(fakes_lookup(), "example.com"));
	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	assert_false(lookup_wants_prefetch(fakes_lookup(), "example.com"));
	f->now += 5 * MINUTE;
	assert_true(lookup_wants_prefetch(fakes_lookup(), "example.com"));
	assert_asked(f, 0, 0);
}

/* --- after a delivery that failed ---------------------------------------- */

/* RFC 8461 5: DNS is asked before a message may bounce. */
static void
after_a_failed_delivery_dns_is_asked_at_once(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += 1;
	lookup_mark(fakes_lookup(), "example.com");
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
	assert_asked(f, 1, 0);
	fakes_publish(f, "2", TESTING_TEXT);
	f->now += 1;
	lookup_mark(fakes_lookup(), "EXAMPLE.com.");
	assert_answer(fakes_ask(f, "example.com"), "testing", "fresh");
	assert_asked(f, 2, 1);
}

static void
once_for_each_failure(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	lookup_mark(fakes_lookup(), "example.com");
	f->now += 1;
	(void)fakes_ask(f, "example.com");
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	assert_asked(f, 1, 0);
	f->now += 1;
	lookup_mark(fakes_lookup(), "example.com");
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
	assert_asked(f, 2, 0);
}

static void
after_it_a_failing_dns_is_not_asked_each_time(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	lookup_mark(fakes_lookup(), "example.com");
	fakes_dns_fails(f, STS_DNS, "dns-timeout");
	for (int i = 0; i < 5; i++) {
		f->now += 1;
		assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	}
	assert_asked(f, 1, 0);
}

static void
the_process_that_saw_the_failure_does_not_repeat_itself(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	lookup_mark(fakes_lookup(), "example.com");
	assert_answer(fakes_ask_again(f, "example.com"), "enforce", "checked");
}

static void
a_policy_over_five_minutes_old_is_fetched_whatever_the_id(void **state)
{
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += 5 * MINUTE;
	lookup_mark(fakes_lookup(), "example.com");
	fakes_publish(f, "1", TESTING_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "testing", "fresh");
	assert_asked(f, 1, 1);
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.trial.marked_at, 0);
}

static void
a_younger_one_as_soon_as_it_is_that_old(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += 5 * MINUTE - 2;
	lookup_mark(fakes_lookup(), "example.com");
	fakes_publish(f, "1", TESTING_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
	f->now += 1;
	assert_int_equal(f->fetched, 0);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "testing", "fresh");
}

static void
at_most_every_five_minutes(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += HOUR;
	fakes_https_fails(f, STS_FETCH, "connect");
	for (int i = 0; i < 30; i++) {
		lookup_mark(fakes_lookup(), "example.com");
		assert_string_equal(answer_mode_name(
					fakes_ask(f, "example.com")),
		    "enforce");
		f->now += 30;
	}
	assert_int_equal(f->fetched, 3);
}

/* A fetch that brings the old policy again delivers nothing. */
static void
until_a_delivery_works(void **state)
{
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_publish(f, "1", ENFORCE_TEXT);
	f->now += HOUR;
	lookup_mark(fakes_lookup(), "example.com");
	f->now += 1;
	for (unsigned i = 1; i <= 4; i++) {
		assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
		assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
		assert_asked(f, i, i);
		f->now += 5 * MINUTE;
	}
	lookup_unmark(fakes_restart(f), "EXAMPLE.com");
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.trial.marked_at, 0);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
	assert_asked(f, 5, 4);
}

/* The same, by a new policy of another mode: nothing fails under that. */
static void
or_the_policy_demands_no_more(void **state)
{
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_publish(f, "1", TESTING_TEXT);
	f->now += HOUR;
	lookup_mark(fakes_lookup(), "example.com");
	assert_answer(fakes_ask(f, "example.com"), "testing", "fresh");
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.trial.marked_at, 0);
	f->now += 5 * MINUTE;
	assert_answer(fakes_ask(f, "example.com"), "testing", "checked");
	assert_asked(f, 2, 1);
}

/* A process that was told of a failure takes the mark off; one that remembers
 * none does not look. */
static void
a_delivery_that_works_ends_it_for_every_process(void **state)
{
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	(void)fakes_ask(f, "example.com");
	lookup_unmark(fakes_lookup(), "example.com");
	lookup_mark(fakes_lookup(), "example.com");
	f->now += 1;
	(void)fakes_ask_again(f, "example.com");
	lookup_unmark(fakes_lookup(), "example.com");
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.trial.marked_at, 0);
	assert_answer(fakes_ask_again(f, "example.com"), "enforce", "cached");
	lookup_unmark(fakes_lookup(), "example.net");
	lookup_unmark(fakes_lookup(), "not a domain");
	assert_asked(f, 1, 0);
}

static void
also_when_dns_does_not_answer(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += HOUR;
	lookup_mark(fakes_lookup(), "example.com");
	fakes_publish(f, "1", TESTING_TEXT);
	fakes_dns_fails(f, STS_DNS, "dns-timeout");
	assert_answer(fakes_ask(f, "example.com"), "testing", "fresh");
}

static void
a_mark_without_a_policy_does_nothing(void **state)
{
	struct fakes *f = *state;

	(void)fakes_ask(f, "example.com");
	lookup_mark(fakes_lookup(), "example.com");
	assert_answer(fakes_ask(f, "example.com"), "none", "absent");
	assert_asked(f, 1, 0);
}

static const struct CMUnitTest refresh[] = {
	flow_test(a_refresh_takes_another_text_under_the_same_id),
	flow_test(a_refresh_fetches_although_the_record_is_gone),
	flow_test(a_refresh_that_fails_leaves_the_policy_and_its_end),
	flow_test(no_alert_while_a_policy_of_mode_none_runs_out),
	flow_test(a_refresh_is_no_use_of_the_policy),
	flow_test(a_policy_over_a_day_old_is_refreshed_in_background_once),
	flow_test(so_is_one_over_half_its_max_age_old),
	flow_test(a_refreshed_policy_is_not_refreshed_again),
	flow_test(a_refresh_that_fails_starts_no_other),
};

static const struct CMUnitTest other_ways[] = {
	flow_test(recheck_asks_dns_whatever_the_cache_says),
	flow_test(no_cache_neither_reads_nor_writes_one),
	flow_test(cache_only_asks_nobody_and_starts_nothing),
	flow_test(a_policy_nobody_asked_dns_about_is_cached_all_the_same),
	flow_test(a_prefetch_is_wanted_when_a_look_up_would_ask),
};

static const struct CMUnitTest after_failure[] = {
	flow_test(after_a_failed_delivery_dns_is_asked_at_once),
	flow_test(once_for_each_failure),
	flow_test(after_it_a_failing_dns_is_not_asked_each_time),
	flow_test(the_process_that_saw_the_failure_does_not_repeat_itself),
	flow_test(a_policy_over_five_minutes_old_is_fetched_whatever_the_id),
	flow_test(a_younger_one_as_soon_as_it_is_that_old),
	flow_test(at_most_every_five_minutes),
	flow_test(until_a_delivery_works),
	flow_test(or_the_policy_demands_no_more),
	flow_test(a_delivery_that_works_ends_it_for_every_process),
	flow_test(also_when_dns_does_not_answer),
	flow_test(a_mark_without_a_policy_does_nothing),
};

int
main(void)
{
	return cmocka_run_group_tests(refresh, NULL, NULL) +
	    cmocka_run_group_tests(other_ways, NULL, NULL) +
	    cmocka_run_group_tests(after_failure, NULL, NULL);
}
