/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_wishes.c - what the administrator makes of policies: exceptions and
 * observe mode; and what he is told of policies that become weaker. */
#include "fakes.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../module/store/history.h"

#define TESTING_TEXT POLICY_TEXT("testing", "604800", "mx.example.com")
#define NONE_TEXT "version: STSv1\nmode: none\nmax_age: 86400\n"
#define OTHER_MX_TEXT POLICY_TEXT("enforce", "604800", "mx.elsewhere.example")
#define MORE_MX_TEXT                     \
	POLICY_TEXT("enforce", "604800", \
	    "mx2.example.com\r\nmx: mx.example.com")

/* FAKES_START is 2023-11-14T22:13:20Z. */
static void
except(struct fakes *f, const char *lines)
{
	FILE *out;

	(void)snprintf(f->config.exceptions, sizeof f->config.exceptions,
	    "%s/exceptions", f->dir);
	out = fopen(f->config.exceptions, "w");
	assert_non_null(out);
	assert_true(fputs(lines, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static unsigned
told(const char *what)
{
	unsigned n = 0;

	for (const char *p = fakes_log(); (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

/* --- exceptions ---------------------------------------------------------- */

static const struct cached_row {
	const char *name;
	const char *policy; /* in the cache */
	const char *exceptions;
	const char *line; /* of the answer, as far as its mx */
	bool exempt;
} cached_rows[] = {
	{ "none for the domain", ENFORCE_TEXT, "example.net ignore\n",
	    "domain=example.com mode=enforce status=cached id=1 "
	    "max_age=604800 expires=1700604800 mx=mx.example.com ignore=",
	    false },
	{ "ignore", ENFORCE_TEXT, "example.com ignore\n",
	    "domain=example.com mode=none status=exempt", true },
	{ "ignore by suffix", ENFORCE_TEXT, ".com ignore\n",
	    "domain=example.com mode=none status=exempt", true },
	{ "testing caps enforce", ENFORCE_TEXT, "example.com testing\n",
	    "domain=example.com mode=testing status=exempt id=1 "
	    "max_age=604800 expires=1700604800 mx=mx.example.com",
	    true },
	{ "testing leaves testing", TESTING_TEXT, "example.com testing\n",
	    "domain=example.com mode=testing status=cached id=1", false },
	{ "testing does not raise none", NONE_TEXT, "example.com testing\n",
	    "domain=example.com mode=none status=cached id=1", false },
	{ "other patterns", ENFORCE_TEXT, "example.com mx=a.example\n",
	    "domain=example.com mode=enforce status=exempt id=1 "
	    "max_age=604800 expires=1700604800 mx=a.example "
	    "ignore=!^a[.]example$:*",
	    true },
	{ "other patterns leave testing what it is", TESTING_TEXT,
	    "example.com mx=a.example\n",
	    "domain=example.com mode=testing status=exempt id=1 "
	    "max_age=604800 expires=1700604800 mx=a.example",
	    true },
	{ "other patterns do not raise none", NONE_TEXT,
	    "example.com mx=a.example\n",
	    "domain=example.com mode=none status=cached id=1", false },
	{ "a pin", TESTING_TEXT, "example.com enforce mx=a.example\n",
	    "domain=example.com mode=enforce status=exempt id=exception "
	    "max_age=86400 expires=1700086400 mx=a.example "
	    "ignore=!^a[.]example$:*",
	    true },
	{ "a pin that ends soon", ENFORCE_TEXT,
	    "example.com enforce mx=a.example until=2023-11-14T22:14:20Z\n",
	    "domain=example.com mode=enforce status=exempt id=exception "
	    "max_age=60 expires=1700000060 mx=a.example ignore=",
	    true },
	{ "one that is over", ENFORCE_TEXT,
	    "example.com ignore until=2023-11-13\n",
	    "domain=example.com mode=enforce status=cached id=1", false },
	{ "a broken one", ENFORCE_TEXT, "example.com ignroe\n",
	    "domain=example.com mode=enforce status=cached id=1", false },
};

static void
over_a_cached_policy(void **state)
{
	struct fakes *f = *state;
	const struct cached_row *r = f->row;
	const struct answer *a;

	fakes_cache_policy(f, "1", r->policy);
	except(f, r->exceptions);
	a = fakes_ask(f, "example.com");
	assert_int_equal(strncmp(a->line, r->line, strlen(r->line)) == 0
		? 0
		: (print_message("%s\n", a->line), 1),
	    0);
	assert_int_equal(told("MTA-STS: example.com: exception used: "),
	    r->exempt);
	assert_asked(f, 0, 0);
}

/* With nothing cached. */
static const struct asked_row {
	const char *name;
	const char *exceptions;
	const char *mode;
	const char *status;
	unsigned asked;
} asked_rows[] = {
	{ "ignore asks nobody", "example.com ignore\n", "none", "exempt", 0 },
	{ "a pin asks nobody", "example.com enforce mx=a.example\n",
	    "enforce", "exempt", 0 },
	{ "testing needs the policy", "example.com testing\n", "testing",
	    "exempt", 1 },
	{ "other patterns need it, too", "example.com mx=a.example\n",
	    "enforce", "exempt", 1 },
};

static void
nobody_is_asked_in_vain(void **state)
{
	static const unsigned flags[] = { LOOKUP_PLAIN, LOOKUP_RECHECK,
		LOOKUP_REFETCH, LOOKUP_NO_CACHE };
	struct fakes *f = *state;
	const struct asked_row *r = f->row;

	except(f, r->exceptions);
	fakes_publish(f, "1", ENFORCE_TEXT);
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		assert_answer(fakes_ask_for(f, "example.com", flags[i]),
		    r->mode, r->status);
		if (r->asked == 0)
			assert_asked(f, 0, 0);
	}
	assert_int_equal(f->asked > 0, r->asked);
}

static void
no_policy_no_exception_to_it(void **state)
{
	struct fakes *f = *state;

	except(f, "example.com mx=a.example\n");
	assert_answer(fakes_ask(f, "example.com"), "none", "absent");
	assert_int_equal(told("exception"), 0);
}

static void
ignore_and_pin_start_nothing_in_the_background(void **state)
{
	struct fakes *f = *state;

	except(f, "a.example ignore\nb.example enforce mx=mx.b.example\n");
	assert_false(lookup_wants_prefetch(fakes_restart(f), "a.example"));
	assert_false(lookup_wants_prefetch(fakes_restart(f), "b.example"));
	assert_true(lookup_wants_prefetch(fakes_restart(f), "c.example"));
}

static void
a_broken_line_is_told_and_the_others_count(void **state)
{
	struct fakes *f = *state;

	except(f, "example.com ignroe\nexample.net ignore\n");
	assert_answer(fakes_ask(f, "example.net"), "none", "exempt");
	assert_int_equal(told("exceptions line 1: not understood: ignroe"), 1);
	(void)fakes_ask_again(f, "example.org");
	assert_int_equal(told("exceptions line 1"), 1);
}

static void
the_log_says_what_and_why(void **state)
{
	struct fakes *f = *state;

	except(f, "# first\nexample.com ignore until=2023-12-31 "
		  "why=\"ticket 47\"\n");
	(void)fakes_ask(f, "example.com");
	assert_string_equal(fakes_log(),
	    "MTA-STS: example.com: exception used: ignore (line 2): "
	    "ticket 47; until 2024-01-01T00:00:00Z\n");
	fakes_calm(f);
	(void)fakes_ask_for(f, "example.com", LOOKUP_CACHE_ONLY);
	assert_string_equal(fakes_log(), "");
}

static void
it_warns_before_it_runs_out_even_when_quiet(void **state)
{
	struct fakes *f = *state;

	f->config.log = LOG_NOTHING;
	except(f, "example.com ignore until=2023-11-18T00:00:00Z\n");
	(void)fakes_ask(f, "example.com");
	assert_string_equal(fakes_log(), "");
	f->now += DAY;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(told("WARNING: it runs out soon, at "
			      "2023-11-18T00:00:00Z"),
	    1);
}

static void
it_ends_when_it_says(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	except(f, "example.com ignore until=2023-11-14T22:14:00Z\n");
	assert_answer(fakes_ask(f, "example.com"), "none", "exempt");
	f->now += 40;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
}

/* A file of nothing but trouble opens nothing. */
static void
an_unreadable_file_is_told_and_changes_nothing(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	memcpy(f->config.exceptions, f->dir, sizeof f->dir);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	assert_int_equal(told(": cannot be read"), 1);
	assert_int_equal(told("line 0"), 0);
}

/* --- our own trouble ----------------------------------------------------- */

static void
break_cache(const struct fakes *f)
{
	assert_int_equal(unlink(fakes_path(f, "policies.tdb")), 0);
	assert_int_equal(mkdir(fakes_path(f, "policies.tdb"), 0700), 0);
}

static const struct trouble_row {
	const char *name;
	const char *exceptions;
	bool observe;
	const char *mode;
	const char *status;
} trouble_rows[] = {
	{ "defers", "", false, "tempfail", "error" },
	{ "not what is ignored", "example.com ignore\n", false, "none",
	    "exempt" },
	{ "not what is pinned", "example.com enforce mx=a.example\n", false,
	    "enforce", "exempt" },
	{ "not what is testing at most", "example.com testing\n", false,
	    "none", "unusable" },
	{ "what has other patterns", "example.com mx=a.example\n", false,
	    "tempfail", "error" },
	{ "nothing in observe mode", "", true, "none", "unusable" },
};

static void
a_broken_cache_defers(void **state)
{
	struct fakes *f = *state;
	const struct trouble_row *r = f->row;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	except(f, r->exceptions);
	f->config.observe = r->observe;
	(void)fakes_restart(f);
	break_cache(f);
	assert_answer(fakes_ask(f, "example.com"), r->mode, r->status);
	if (strcmp(r->status, "unusable") == 0)
		assert_int_equal(told("would have been deferred"), 1);
	assert_int_equal(rmdir(fakes_path(f, "policies.tdb")), 0);
}

/* --- observe mode -------------------------------------------------------- */

static void
observe_answers_enforce_as_testing(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	f->config.observe = true;
	fakes_publish(f, "1", ENFORCE_TEXT);
	a = fakes_ask(f, "example.com");
	assert_answer(a, "testing", "fresh");
	assert_null(strstr(a->line, "ignore="));
	assert_string_equal(a->mx, "mx.example.com");
	/* The cache holds what the domain says. */
	f->config.observe = false;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
}

static void
observe_leaves_testing_and_none(void **state)
{
	struct fakes *f = *state;

	f->config.observe = true;
	fakes_publish(f, "1", TESTING_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "testing", "fresh");
	fakes_publish(f, "1", NONE_TEXT);
	assert_answer(fakes_ask(f, "example.net"), "none", "fresh");
}

static void
observe_holds_for_a_pin(void **state)
{
	struct fakes *f = *state;

	f->config.observe = true;
	except(f, "example.com enforce mx=a.example\n");
	assert_answer(fakes_ask(f, "example.com"), "testing", "exempt");
}

static void
observe_defers_nothing_for_dns(void **state)
{
	struct fakes *f = *state;

	f->config.observe = true;
	f->config.defer_on_dns_failure = true;
	fakes_dns_fails(f, STS_DNS, "servfail");
	assert_answer(fakes_ask(f, "example.com"), "none", "unusable");
	assert_int_equal(told("would have been deferred"), 1);
}

/* --- policies that become weaker ----------------------------------------- */

#define ALARM "MTA-STS: downgrade: example.com: "

static const struct change_row {
	const char *name;
	const char *was;
	const char *now;
	const char *alarm; /* or "" */
} change_rows[] = {
	{ "enforce to testing", ENFORCE_TEXT, TESTING_TEXT,
	    ALARM "mode enforce (id=1) becomes testing (id=2)\n" },
	{ "enforce to none", ENFORCE_TEXT, NONE_TEXT,
	    ALARM "mode enforce (id=1) becomes none (id=2)\n" },
	{ "all patterns are other ones", ENFORCE_TEXT, OTHER_MX_TEXT,
	    ALARM "none of the mx patterns of id=1 stands in id=2, which "
		  "permits mx.elsewhere.example\n" },
	{ "a pattern more", ENFORCE_TEXT, MORE_MX_TEXT, "" },
	{ "a pattern less", MORE_MX_TEXT, ENFORCE_TEXT, "" },
	{ "the same again", ENFORCE_TEXT, ENFORCE_TEXT, "" },
	{ "testing to none", TESTING_TEXT, NONE_TEXT, "" },
	{ "none to enforce", NONE_TEXT, ENFORCE_TEXT, "" },
};

static void
a_change(void **state)
{
	struct fakes *f = *state;
	const struct change_row *r = f->row;

	f->config.log = LOG_NOTHING;
	fakes_cache_policy(f, "1", r->was);
	fakes_publish(f, "2", r->now);
	f->now += HOUR;
	assert_answer(fakes_ask(f, "example.com"),
	    strstr(r->now, "enforce") != NULL	    ? "enforce"
		: strstr(r->now, "testing") != NULL ? "testing"
						    : "none",
	    "fresh");
	assert_string_equal(fakes_log(), r->alarm);
}

static void
a_downgrade_under_the_old_id_is_seen_by_a_refresh(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_publish(f, "1", NONE_TEXT);
	f->now += DAY;
	(void)fakes_ask_for(f, "example.com", LOOKUP_REFETCH);
	assert_int_equal(told(ALARM), 1);
}

static void
count(void *arg, const struct history_item *item)
{
	unsigned *n = arg;

	if (item->mode == STS_ENFORCE)
		++*n;
	*n += 10;
}

static unsigned
history_of(struct fakes *f, const char *domain)
{
	unsigned n = 0;
	enum sts_status status = history_each(
	    lookup_history(fakes_restart(f)), domain, count, &n, NULL);

	assert_int_equal(status, n > 0 ? STS_OK : STS_MISS);
	return n;
}

static void
each_policy_that_came_is_in_the_history(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += HOUR;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
	(void)fakes_ask_for(f, "example.com", LOOKUP_REFETCH);
	assert_int_equal(history_of(f, "example.com"), 11);
	fakes_publish(f, "2", NONE_TEXT);
	f->now += HOUR;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(history_of(f, "example.com"), 21);
	/* What did not come, or was not kept, is not. */
	fakes_publish(f, "3", "version: STSv1\n");
	f->now += HOUR;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(history_of(f, "example.com"), 21);
	fakes_publish(f, "1", ENFORCE_TEXT);
	(void)fakes_ask_for(f, "example.net", LOOKUP_NO_CACHE);
	assert_int_equal(history_of(f, "example.net"), 0);
}

/* For people only: without it all goes on. */
static void
a_history_that_cannot_be_kept_holds_nothing_up(void **state)
{
	struct fakes *f = *state;

	assert_int_equal(mkdir(fakes_path(f, "history.tdb"), 0700), 0);
	fakes_publish(f, "1", ENFORCE_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	assert_int_equal(rmdir(fakes_path(f, "history.tdb")), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(no_policy_no_exception_to_it),
		flow_test(ignore_and_pin_start_nothing_in_the_background),
		flow_test(a_broken_line_is_told_and_the_others_count),
		flow_test(the_log_says_what_and_why),
		flow_test(it_warns_before_it_runs_out_even_when_quiet),
		flow_test(it_ends_when_it_says),
		flow_test(an_unreadable_file_is_told_and_changes_nothing),
		flow_test(observe_answers_enforce_as_testing),
		flow_test(observe_leaves_testing_and_none),
		flow_test(observe_holds_for_a_pin),
		flow_test(observe_defers_nothing_for_dns),
		flow_test(a_downgrade_under_the_old_id_is_seen_by_a_refresh),
		flow_test(each_policy_that_came_is_in_the_history),
		flow_test(a_history_that_cannot_be_kept_holds_nothing_up),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += FLOW_ROWS(cached_rows, over_a_cached_policy);
	failed += FLOW_ROWS(asked_rows, nobody_is_asked_in_vain);
	failed += FLOW_ROWS(trouble_rows, a_broken_cache_defers);
	return failed + FLOW_ROWS(change_rows, a_change);
}
