/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_day.c - what is counted for the reports of one day (RFC 8460 4). */
#include "scratch.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../module/report/day.h"
#include "../../module/report/dayvalue.h"
#include "../../module/store/clock.h"
#include "ran.h"

#define NOW SCRATCH_NOW
#define TODAY "2023-11-14"
#define FILE_TODAY "reports/" TODAY ".tdb"
#define JOURNAL_TODAY "reports/" TODAY ".log"

#define STS_POLICY                                                  \
	{                                                           \
		REPORT_STS, "a.test",                               \
		    "version: STSv1\nmode: enforce\nmx: *.a.test\n" \
		    "max_age: 86400",                               \
		    "*.a.test"                                      \
	}
#define EXPIRED                                                       \
	{                                                             \
		RESULT_CERTIFICATE_EXPIRED, "192.0.2.1", "mx.a.test", \
		    "mx", "192.0.2.25", ""                            \
	}

static const struct verdict good = {
	.domain = "a.test", .policy = STS_POLICY, .success = true
};
static const struct report_failure expired[] = { EXPIRED };
static const struct verdict bad = { .domain = "a.test",
	.policy = STS_POLICY,
	.failures = expired,
	.n = 1 };
static const struct verdict plain = { .domain = "b.test",
	.policy = { REPORT_NO_POLICY, "b.test", "", "" },
	.success = true };

static void
count(const struct scratch *s, const struct verdict *v)
{
	assert_int_equal(day_count(s->dir, NOW, v, NULL), STS_OK);
}

static void
fold(const struct scratch *s)
{
	assert_int_equal(day_fold(s->dir, TODAY, NULL), STS_OK);
}

/* --- reading back --------------------------------------------------------- */

static char seen[200000];
static struct text seen_text;

static void
say_failure(const struct day_detail *d)
{
	const struct report_failure *f = &d->failure;

	text_addf(&seen_text, " [%llu x %s %s %s %s %s %s]",
	    (unsigned long long)d->count, report_result_name(f->result),
	    f->sending_ip, f->mx_hostname, f->mx_helo, f->receiving_ip,
	    f->reason);
}

static bool
say_row(void *arg, const struct day_row *r)
{
	(void)arg;
	text_addf(&seen_text, "%s %s %s %llu/%llu <%s> <%s>", r->domain,
	    report_type_name(r->policy.type), r->policy.domain,
	    (unsigned long long)r->success, (unsigned long long)r->failure,
	    r->policy.mx, r->policy.strings);
	for (size_t i = 0; i < r->n; i++)
		say_failure(&r->details[i]);
	text_add(&seen_text, "\n");
	return true;
}

static const char *
read_day(const struct scratch *s, const char *day)
{
	text_init(&seen_text, seen, sizeof seen);
	assert_int_equal(day_each(s->dir, day, say_row, NULL, NULL), STS_OK);
	assert_false(seen_text.full);
	return seen;
}

struct sums {
	uint64_t success;
	uint64_t failure;
	uint64_t details;
	unsigned rows;
	unsigned kinds;
};

static bool
add_row(void *arg, const struct day_row *r)
{
	struct sums *sum = arg;

	sum->success += r->success;
	sum->failure += r->failure;
	sum->rows++;
	sum->kinds += (unsigned)r->n;
	for (size_t i = 0; i < r->n; i++)
		sum->details += r->details[i].count;
	return true;
}

static struct sums
sums_of(const struct scratch *s)
{
	struct sums sum = { 0, 0, 0, 0, 0 };

	assert_int_equal(day_each(s->dir, TODAY, add_row, &sum, NULL),
	    STS_OK);
	return sum;
}

/* --- counters ------------------------------------------------------------- */

static void
sessions_are_counted_by_domain_and_policy(void **state)
{
	const struct scratch *s = *state;

	count(s, &plain);
	count(s, &good);
	count(s, &bad);
	count(s, &good);
	count(s, &bad);
	assert_string_equal(read_day(s, TODAY),
	    "a.test sts a.test 2/2 <*.a.test> <version: STSv1\nmode: enforce\n"
	    "mx: *.a.test\nmax_age: 86400> [2 x certificate-expired 192.0.2.1 "
	    "mx.a.test mx 192.0.2.25 ]\n"
	    "b.test no-policy-found b.test 1/0 <> <>\n");
}

/* RFC 8460 4.4: a policy that changed in the course of the day is another. */
static void
another_policy_is_another_row(void **state)
{
	const struct scratch *s = *state;
	struct verdict other = good;

	other.policy.strings = "version: STSv1\nmode: testing";
	count(s, &good);
	count(s, &other);
	other.policy.type = REPORT_TLSA;
	count(s, &other);
	assert_int_equal(sums_of(s).rows, 3);
}

static void
a_success_may_have_failures_and_they_differ_in_every_field(void **state)
{
	const struct scratch *s = *state;
	struct report_failure f[6];
	struct verdict v = good;

	for (size_t i = 0; i < 6; i++)
		f[i] = expired[0];
	f[0].sending_ip = "";
	f[1].mx_hostname = "other";
	f[2].mx_helo = "other";
	f[3].receiving_ip = "2001:db8::1";
	f[4].reason = "other";
	f[5].result = RESULT_VALIDATION_FAILURE;
	v.failures = f;
	v.n = 6;
	count(s, &v);
	count(s, &v);
	assert_int_equal(sums_of(s).success, 2);
	assert_int_equal(sums_of(s).failure, 0);
	assert_int_equal(sums_of(s).kinds, 6);
	assert_int_equal(sums_of(s).details, 12);
}

/* --- limits --------------------------------------------------------------- */

/* Who has many MX hosts, or answers, makes our file no larger for it. */
static void
failures_of_too_many_kinds_are_counted_by_result(void **state)
{
	const struct scratch *s = *state;
	struct report_failure f = expired[0];
	struct verdict v = bad;
	char host[32];

	v.failures = &f;
	f.mx_hostname = host;
	for (unsigned i = 0; i < 3 * DAY_DETAILS_MAX; i++) {
		(void)snprintf(host, sizeof host, "mx%u.a.test", i);
		count(s, &v);
	}
	f.result = RESULT_VALIDATION_FAILURE;
	count(s, &v);
	assert_int_equal(sums_of(s).failure, 3 * DAY_DETAILS_MAX + 1);
	assert_int_equal(sums_of(s).details, 3 * DAY_DETAILS_MAX + 1);
	assert_int_equal(sums_of(s).kinds, DAY_DETAILS_MAX + 2);
	assert_non_null(strstr(read_day(s, TODAY),
	    "[200 x certificate-expired     ]"));
}

static void
policies_too_many_are_counted_without_their_text(void **state)
{
	const struct scratch *s = *state;
	struct verdict v = good;
	char line[32];

	v.policy.strings = line;
	for (unsigned i = 0; i < 3 * DAY_ROWS_MAX; i++) {
		(void)snprintf(line, sizeof line, "mx: mx%u.a.test", i);
		count(s, &v);
	}
	assert_int_equal(sums_of(s).rows, DAY_ROWS_MAX + 1);
	assert_int_equal(sums_of(s).success, 3 * DAY_ROWS_MAX);
	assert_non_null(strstr(read_day(s, TODAY),
	    "\na.test sts a.test 128/0 <> <>\n"));
}

/* Every MX host under DANE is a row: one that has none is not another's. */
static void
no_host_has_the_sessions_of_another(void **state)
{
	const struct scratch *s = *state;
	struct report_failure f = expired[0];
	struct verdict v = bad;
	char host[32], line[64];

	v.policy = (struct report_policy){ REPORT_TLSA, host, "", "" };
	f.mx_hostname = host;
	v.failures = &f;
	for (unsigned n = 0; n < 2; n++)
		for (unsigned i = 0; i < DAY_ROWS_MAX + 6; i++) {
			(void)snprintf(host, sizeof host, "mx%u.a.test", i);
			count(s, &v);
		}
	count(s, &good);
	assert_int_equal(sums_of(s).failure, 2 * (DAY_ROWS_MAX + 6));
	for (unsigned i = 0; i < DAY_ROWS_MAX; i++) {
		(void)snprintf(line, sizeof line,
		    "a.test tlsa mx%u.a.test 0/2 <> <> [2 x ", i);
		assert_non_null(strstr(read_day(s, TODAY), line));
	}
	assert_non_null(strstr(read_day(s, TODAY),
	    "a.test tlsa a.test 0/12 <> <> [2 x certificate-expired "
	    "192.0.2.1 mx64.a.test mx 192.0.2.25 ]"));
	/* STS has a row of its own for the rest. */
	assert_non_null(strstr(read_day(s, TODAY),
	    "a.test sts a.test 1/0 <> <>\n"));
}

/* Each session in the row of its policy or in that for the rest, whatever came
 * before. */
struct account {
	uint64_t own[3][200]; /* sessions of that type and number */
	uint64_t rest[3];
	uint64_t all;
};

static const enum report_type kinds[] = { REPORT_TLSA, REPORT_STS,
	REPORT_NO_POLICY };

static bool
settle(void *arg, const struct day_row *r)
{
	struct account *a = arg;
	unsigned kind = r->policy.type == REPORT_TLSA ? 0
	    : r->policy.type == REPORT_STS	      ? 1
						      : 2;
	unsigned long n = strtoul(r->policy.domain + 1, NULL, 10);

	a->all += r->success + r->failure;
	if (strcmp(r->policy.domain, "a.test") == 0) {
		a->rest[kind] += r->success + r->failure;
		assert_string_equal(r->policy.strings, "");
		return true;
	}
	assert_in_range(n, 0, 199);
	assert_true(a->own[kind][n] >= r->success + r->failure);
	a->own[kind][n] -= r->success + r->failure;
	return true;
}

static void
sums_are_the_sessions(const struct scratch *s, unsigned seed, size_t size)
{
	static struct account a;
	static char strings[REPORT_STRINGS_MAX + 1];
	unsigned random = seed;
	struct verdict v = bad;
	char host[32];

	memset(&a, 0, sizeof a);
	memset(strings, 'x', size);
	strings[size] = '\0';
	for (unsigned i = 0; i < 1000; i++) {
		unsigned kind, n;

		random = random * 1103515245 + 12345;
		kind = random / 65536 % 3;
		n = random / 65536 / 3 % 200;
		(void)snprintf(host, sizeof host, "h%u.a.test", n);
		v.policy = (struct report_policy){ kinds[kind], host, strings,
			"" };
		v.success = i % 2 == 0;
		a.own[kind][n]++;
		count(s, &v);
	}
	assert_int_equal(day_each(s->dir, TODAY, settle, &a, NULL), STS_OK);
	assert_int_equal(a.all, 1000);
	for (unsigned kind = 0; kind < 3; kind++) {
		uint64_t left = 0;

		for (unsigned n = 0; n < 200; n++)
			left += a.own[kind][n];
		assert_int_equal(left, a.rest[kind]);
		assert_true(left > 0);
	}
}

static void
every_session_is_in_its_row_or_in_that_for_the_rest(void **state)
{
	static const size_t sizes[] = { 1, 300, 2000, REPORT_STRINGS_MAX };
	const struct scratch *s = *state;

	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		sums_are_the_sessions(s, i + 1, sizes[i]);
		assert_int_equal(day_forget(s->dir, TODAY, NULL), STS_OK);
	}
}

/* The largest policies, and the longest failures: the value has a limit, and
 * the totals are right all the same. */
static void
a_value_has_a_limit(void **state)
{
	const struct scratch *s = *state;
	static char strings[REPORT_STRINGS_MAX + 1], mx[REPORT_MX_MAX + 1];
	struct report_failure f[REPORT_FAILURES_MAX];
	char words[REPORT_WORDS_MAX + 1];
	struct verdict v = bad;
	struct sums sum;

	memset(strings, 'x', sizeof strings - 1);
	memset(mx, 'y', sizeof mx - 1);
	memset(words, 'z', sizeof words - 1);
	words[sizeof words - 1] = '\0';
	v.policy.strings = strings;
	v.policy.mx = mx;
	v.failures = f;
	v.n = REPORT_FAILURES_MAX;
	for (unsigned i = 0; i < 40; i++) {
		strings[0] = (char)('A' + i % 10);
		for (unsigned k = 0; k < v.n; k++)
			f[k] = (struct report_failure){
				RESULT_VALIDATION_FAILURE, "", words, words,
				"", words
			};
		words[i] = 'Z';
		count(s, &v);
	}
	sum = sums_of(s);
	assert_int_equal(sum.failure, 40);
	assert_in_range(sum.rows, 2, 4);
	assert_true(strlen(read_day(s, TODAY)) < DAYVALUE_MAX + 2000);
}

/* --- what strangers wrote ------------------------------------------------- */

/* Strings are clean before they get here; should one not be, it is no way to
 * forge a line. */
static void
no_string_is_more_than_a_field(void **state)
{
	const struct scratch *s = *state;
	struct report_failure f = expired[0];
	struct verdict v = bad;

	f.reason = "a\tb\nc\x01\xff";
	v.failures = &f;
	v.policy.mx = "x\ty";
	v.policy.strings = "1\n2\v3\t4";
	count(s, &v);
	assert_string_equal(read_day(s, TODAY),
	    "a.test sts a.test 0/1 <x?y> <1\n2?3?4> [1 x certificate-expired "
	    "192.0.2.1 mx.a.test mx 192.0.2.25 a?b?c??]\n");
}

static void
a_damaged_value_begins_anew(void **state)
{
	const struct scratch *s = *state;
	size_t len;
	char *bytes;
	char *at;

	count(s, &good);
	count(s, &plain);
	fold(s);
	bytes = scratch_read(s, FILE_TODAY, &len);
	at = memmem(bytes, len, "mode: enforce", 13);
	assert_non_null(at);
	*at = 'M';
	scratch_write(s, FILE_TODAY, bytes, len);
	free(bytes);
	assert_string_equal(read_day(s, TODAY),
	    "b.test no-policy-found b.test 1/0 <> <>\n");
	count(s, &good);
	assert_int_equal(sums_of(s).success, 2);
}

static void
a_damaged_file_begins_anew(void **state)
{
	const struct scratch *s = *state;

	count(s, &good);
	fold(s);
	scratch_write(s, FILE_TODAY, "this is no TDB file", 19);
	count(s, &plain);
	assert_int_equal(sums_of(s).success, 1);
}

/* --- days ----------------------------------------------------------------- */

/* RFC 8460 4.1: midnight is UTC's, whatever the time zone is. */
static void
a_day_begins_at_midnight_utc(void **state)
{
	const struct scratch *s = *state;
	time_t midnight = day_begin("2023-11-15");

	setenv("TZ", "Pacific/Kiritimati", 1);
	tzset();
	assert_int_equal(midnight, 1700006400);
	assert_int_equal(day_count(s->dir, midnight - 1, &good, NULL),
	    STS_OK);
	assert_int_equal(day_count(s->dir, midnight, &plain, NULL), STS_OK);
	unsetenv("TZ");
	tzset();
	assert_non_null(strstr(read_day(s, "2023-11-14"), "a.test"));
	assert_null(strstr(read_day(s, "2023-11-14"), "b.test"));
	assert_non_null(strstr(read_day(s, "2023-11-15"), "b.test"));
}

static const char *const no_days[] = { "", "2023-11-1", "2023-11-144",
	"2023-02-29", "2023-13-01", "2023-00-10", "2023/11/14", "20231-1-14",
	"2023-11-00", "../../../x" };

static void
names_of_days(void **state)
{
	const struct scratch *s = *state;
	char day[DAY_NAME];

	for (size_t i = 0; i < sizeof no_days / sizeof *no_days; i++) {
		assert_int_equal(day_begin(no_days[i]), -1);
		assert_int_equal(day_each(s->dir, no_days[i], say_row, NULL,
				     NULL),
		    STS_ABSENT);
	}
	assert_int_equal(day_begin("2024-02-29"), 1709164800);
	day_name(1709164800, day);
	assert_string_equal(day, "2024-02-29");
	day_name(0, day);
	assert_string_equal(day, "1970-01-01");
	day_name((time_t)1 << 50, day);
	assert_int_equal(strlen(day), DAY_NAME - 1);
}

/* As the C library has it, for a thousand years. */
static void
every_day_is_the_librarys(void **state)
{
	(void)state;
	for (time_t t = 0; t < (time_t)365250 * 86400; t += 86400) {
		char day[DAY_NAME], want[DAY_NAME];
		struct tm tm;

		assert_non_null(gmtime_r(&t, &tm));
		assert_int_equal(strftime(want, sizeof want, "%Y-%m-%d", &tm),
		    DAY_NAME - 1);
		day_name(t + 86399, day);
		assert_string_equal(day, want);
		assert_int_equal(day_begin(day), t);
	}
}

static bool
say_day(void *arg, const char *day)
{
	(void)arg;
	text_add(&seen_text, day);
	text_add(&seen_text, " ");
	return true;
}

static void
days_are_listed_and_forgotten(void **state)
{
	struct scratch *s = *state;

	text_init(&seen_text, seen, sizeof seen);
	assert_int_equal(day_list(s->dir, say_day, NULL, NULL), STS_OK);
	assert_string_equal(seen, "");
	assert_int_equal(day_each(s->dir, TODAY, say_row, NULL, NULL),
	    STS_ABSENT);
	assert_false(scratch_exists(s, "reports"));
	assert_int_equal(day_count(s->dir, NOW + 86400, &good, NULL), STS_OK);
	count(s, &good);
	assert_int_equal(day_count(s->dir, NOW - 86400, &good, NULL), STS_OK);
	scratch_write(s, "reports/x.tdb", "", 0);
	scratch_write(s, "reports/2023-11-31.tdb", "", 0);
	assert_int_equal(day_list(s->dir, say_day, NULL, NULL), STS_OK);
	assert_string_equal(seen, "2023-11-13 2023-11-14 2023-11-15 ");
	assert_int_equal(day_forget(s->dir, TODAY, NULL), STS_OK);
	assert_int_equal(day_forget(s->dir, TODAY, NULL), STS_OK);
	text_init(&seen_text, seen, sizeof seen);
	assert_int_equal(day_list(s->dir, say_day, NULL, NULL), STS_OK);
	assert_string_equal(seen, "2023-11-13 2023-11-15 ");
	(void)remove(scratch_path(s, "reports/x.tdb"));
	(void)remove(scratch_path(s, "reports/2023-11-31.tdb"));
}

/* --- rights --------------------------------------------------------------- */

static void
the_files_are_the_owners(void **state)
{
	const struct scratch *s = *state;
	struct stat st;
	mode_t mask = umask(0);

	count(s, &good);
	(void)umask(mask);
	assert_int_equal(stat(scratch_path(s, "reports"), &st), 0);
	assert_int_equal(st.st_uid, scratch_owner());
	assert_int_equal(st.st_mode & 07777, 0750);
	scratch_is_owners(s, JOURNAL_TODAY);
	fold(s);
	scratch_is_owners(s, FILE_TODAY);
}

static void
without_a_cache_nothing_is_made(void **state)
{
	struct sts_error err = { 0 };

	(void)state;
	assert_int_equal(day_count("/nonexistent/cache", NOW, &good, &err),
	    STS_ABSENT);
	assert_int_equal(day_each("/nonexistent/cache", TODAY, say_row, NULL,
			     NULL),
	    STS_ABSENT);
}

/* The owner of the cache cannot make root write, or read, anywhere else. */
static void
what_is_planted_is_not_followed(void **state)
{
	const struct scratch *s = *state;
	char away[64];

	assert_int_equal(symlink("/tmp", scratch_path(s, "reports")), 0);
	assert_int_equal(day_count(s->dir, NOW, &good, NULL), STS_SYSTEM);
	assert_int_equal(day_fold(s->dir, TODAY, NULL), STS_SYSTEM);
	assert_int_equal(access("/tmp/" TODAY ".log", F_OK), -1);
	assert_int_equal(unlink(scratch_path(s, "reports")), 0);
	count(s, &good);
	(void)snprintf(away, sizeof away, "%s", scratch_path(s, "away"));
	assert_int_equal(symlink(away, scratch_path(s, FILE_TODAY)), 0);
	assert_int_equal(day_fold(s->dir, TODAY, NULL), STS_SYSTEM);
	assert_int_equal(unlink(scratch_path(s, FILE_TODAY)), 0);
	assert_int_equal(unlink(scratch_path(s, JOURNAL_TODAY)), 0);
	assert_int_equal(symlink(away, scratch_path(s, JOURNAL_TODAY)), 0);
	assert_int_equal(day_count(s->dir, NOW, &good, NULL), STS_SYSTEM);
	assert_int_equal(day_fold(s->dir, TODAY, NULL), STS_SYSTEM);
	assert_int_equal(unlink(scratch_path(s, JOURNAL_TODAY)), 0);
	assert_int_equal(mkfifo(scratch_path(s, JOURNAL_TODAY), 0666), 0);
	assert_int_equal(day_count(s->dir, NOW, &good, NULL), STS_SYSTEM);
	assert_int_equal(day_fold(s->dir, TODAY, NULL), STS_SYSTEM);
	assert_int_equal(remove(scratch_path(s, JOURNAL_TODAY)), 0);
	assert_false(scratch_exists(s, "away"));
}

/* --- others --------------------------------------------------------------- */

/* Somebody was stopped while he held the day's file: a delivery does not wait,
 * and what it counts is not lost. */
static void
a_held_file_is_not_waited_for(void **state)
{
	const struct scratch *s = *state;
	int64_t began;
	pid_t holder;

	count(s, &good);
	fold(s);
	holder = scratch_hold(s, FILE_TODAY, F_WRLCK, 168, 4000);
	began = clock_ms();
	count(s, &bad);
	assert_in_range(clock_ms() - began, 0, 100);
	assert_int_equal(day_fold(s->dir, TODAY, NULL), STS_SYSTEM);
	scratch_release(holder);
	assert_int_equal(sums_of(s).failure, 1);
	assert_int_equal(sums_of(s).success, 1);
}

#define CROWD 8
#define EACH 200

struct crowd {
	const struct scratch *s;
	unsigned number;
	volatile unsigned *done;
};

static int
count_many(void *arg)
{
	const struct crowd *c = arg;
	struct verdict v = c->number % 2 == 0 ? good : bad;

	for (unsigned i = 0; i < EACH; i++)
		if (day_count(c->s->dir, NOW, &v, NULL) != STS_OK)
			return 1;
	__atomic_add_fetch(c->done, 1, __ATOMIC_SEQ_CST);
	return 0;
}

static int
fold_many(void *arg)
{
	const struct crowd *c = arg;

	while (__atomic_load_n(c->done, __ATOMIC_SEQ_CST) < CROWD)
		if (day_fold(c->s->dir, TODAY, NULL) != STS_OK)
			return 1;
	return 0;
}

/* No session is counted twice, and none is lost, while others fold. */
static void
a_crowd_counts_right(void **state)
{
	const struct scratch *s = *state;
	volatile unsigned *done = scratch_shared(sizeof *done);
	struct crowd c[CROWD + 2];
	pid_t pid[CROWD + 2];
	struct sums sum;

	for (unsigned i = 0; i < CROWD + 2; i++) {
		c[i] = (struct crowd){ s, i, done };
		pid[i] = scratch_start(i < CROWD ? count_many : fold_many,
		    &c[i]);
	}
	for (unsigned i = 0; i < CROWD + 2; i++)
		assert_int_equal(scratch_finish(pid[i]), 0);
	sum = sums_of(s);
	assert_int_equal(sum.success, CROWD * EACH / 2);
	assert_int_equal(sum.failure, CROWD * EACH / 2);
	assert_int_equal(sum.details, sum.failure);
}

/* Killed at any moment: who folds next counts the rest, and nothing twice. */
static void
who_is_killed_at_it_counts_nothing_twice(void **state)
{
	const struct scratch *s = *state;
	volatile unsigned *done = scratch_shared(sizeof *done);
	struct crowd c = { s, 0, done };
	unsigned want = 0;
	struct sums sum;

	for (unsigned i = 0; i < 150; i++) {
		pid_t pid;

		for (unsigned k = 0; k < 10; k++, want++)
			count(s, k % 2 == 0 ? &good : &plain);
		pid = scratch_start(fold_many, &c);
		(void)poll(NULL, 0, (int)(i % 4));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_not_equal(scratch_finish(pid), 0);
	}
	sum = sums_of(s);
	assert_int_equal(sum.success, want);
	assert_int_equal(sum.failure, 0);
}

/* --- the journal ---------------------------------------------------------- */

static void
append(const struct scratch *s, const char *bytes, size_t len)
{
	int fd = open(scratch_path(s, JOURNAL_TODAY),
	    O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	assert_int_equal(close(fd), 0);
}

static const struct rubbish_row {
	const char *name;
	const char *bytes;
} rubbish_rows[] = {
	{ "a head that is cut", "\n>a.test 2" },
	{ "a record that is cut", "\n>a.test 240\n0123456789abcdef\n0000" },
	{ "a record with another checksum",
	    "\n>a.test 20\n0123456789abcdef\n000" },
	{ "a length that is none", "\n>a.test x\n" },
	{ "a length that is too much", "\n>a.test 49153\n" },
	{ "no domain", "\n> 10\n0123456789" },
	{ "line ends", "\n\n\n\n>" },
	{ "bytes", "\x01\xff>\n" },
};

/* A disk that was full, or a cut of the power, has left something. */
static void
rubbish_is_passed_over(void **state)
{
	const struct scratch *s = *state;

	for (size_t i = 0; i < sizeof rubbish_rows / sizeof *rubbish_rows;
	     i++) {
		const char *bytes = rubbish_rows[i].bytes;

		count(s, &good);
		append(s, bytes, strlen(bytes));
		if (i % 2 == 0)
			fold(s);
		count(s, &good);
		assert_int_equal(sums_of(s).success, 2 * (i + 1));
	}
	assert_int_equal(sums_of(s).failure, 0);
}

/* The next one's first byte is what a record lacks. */
static void
one_that_lacks_a_byte_counts_too(void **state)
{
	const struct scratch *s = *state;
	struct stat st;

	count(s, &good);
	assert_int_equal(stat(scratch_path(s, JOURNAL_TODAY), &st), 0);
	assert_int_equal(truncate(scratch_path(s, JOURNAL_TODAY),
			     st.st_size - 1),
	    0);
	count(s, &bad);
	count(s, &plain);
	assert_int_equal(sums_of(s).success, 2);
	assert_int_equal(sums_of(s).failure, 1);
}

/* What is folded is given back, and the rest is found behind it. */
static void
the_disk_is_given_back(void **state)
{
	const struct scratch *s = *state;
	struct stat st;

	for (unsigned i = 0; i < 400; i++)
		count(s, &bad);
	assert_int_equal(stat(scratch_path(s, JOURNAL_TODAY), &st), 0);
	assert_true(st.st_blocks * 512 > 50000);
	fold(s);
	assert_int_equal(stat(scratch_path(s, JOURNAL_TODAY), &st), 0);
	assert_true(st.st_size > 50000);
	assert_in_range(st.st_blocks * 512, 0, 8192);
	count(s, &bad);
	assert_int_equal(sums_of(s).failure, 401);
}

/* Also by who damages the day's file: what is left in the journal counts. */
static void
a_lost_file_is_begun_from_the_journal(void **state)
{
	const struct scratch *s = *state;

	count(s, &good);
	fold(s);
	count(s, &good);
	assert_int_equal(unlink(scratch_path(s, FILE_TODAY)), 0);
	assert_in_range(sums_of(s).success, 1, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(sessions_are_counted_by_domain_and_policy),
		SCRATCH_TEST(another_policy_is_another_row),
		SCRATCH_TEST(
		    a_success_may_have_failures_and_they_differ_in_every_field),
		SCRATCH_TEST(failures_of_too_many_kinds_are_counted_by_result),
		SCRATCH_TEST(policies_too_many_are_counted_without_their_text),
		SCRATCH_TEST(no_host_has_the_sessions_of_another),
		SCRATCH_TEST(
		    every_session_is_in_its_row_or_in_that_for_the_rest),
		SCRATCH_TEST(a_value_has_a_limit),
		SCRATCH_TEST(no_string_is_more_than_a_field),
		SCRATCH_TEST(a_damaged_value_begins_anew),
		SCRATCH_TEST(a_damaged_file_begins_anew),
		SCRATCH_TEST(a_day_begins_at_midnight_utc),
		SCRATCH_TEST(names_of_days),
		cmocka_unit_test(every_day_is_the_librarys),
		SCRATCH_TEST(days_are_listed_and_forgotten),
		SCRATCH_TEST(the_files_are_the_owners),
		SCRATCH_TEST(without_a_cache_nothing_is_made),
		SCRATCH_TEST(what_is_planted_is_not_followed),
		SCRATCH_TEST(a_held_file_is_not_waited_for),
		SCRATCH_TEST(who_is_killed_at_it_counts_nothing_twice),
		SCRATCH_TEST(rubbish_is_passed_over),
		SCRATCH_TEST(one_that_lacks_a_byte_counts_too),
		SCRATCH_TEST(the_disk_is_given_back),
		SCRATCH_TEST(a_lost_file_is_begun_from_the_journal),
		SCRATCH_TEST(a_crowd_counts_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
