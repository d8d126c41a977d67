/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_workers.c - processes that take jobs: each job comes to one end,
 * whatever becomes of them. */
#include "scratch.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../../module/net/workers.h"
#include "../../module/store/clock.h"
#include "ran.h"

#define MANY 200

struct result {
	int square;
	pid_t by;
};

struct task {
	struct workers_plan plan;
	unsigned begun; /* seen by this process only */
	unsigned done;
	unsigned lost;
	int sum;
	pid_t by[WORKERS_MAX + 1]; /* who did it */
	volatile unsigned *busy; /* shared */
	volatile sig_atomic_t stop;
};

static void
begin(void *arg)
{
	struct task *t = arg;

	t->begun++;
}

/* Jobs are numbers; some are more than a worker can take. */
static void
work(void *arg, const char *job, void *result)
{
	struct task *t = arg;
	struct result *r = result;
	int n = (int)strtol(job, NULL, 10);

	if (strcmp(job, "die") == 0)
		_exit(1);
	if (strcmp(job, "kill") == 0)
		(void)raise(SIGKILL);
	if (strcmp(job, "hang") == 0) {
		(*t->busy)++;
		(void)sleep(60);
	}
	r->square = t->begun == 1 ? n * n : -1;
	r->by = getpid();
}

static void
done(void *arg, const char *job, const void *result)
{
	const struct result *r = result;
	struct task *t = arg;
	unsigned i = 0;

	(void)job;
	t->done++;
	if (r == NULL) {
		t->lost++;
		return;
	}
	t->sum += r->square;
	while (t->by[i] != 0 && t->by[i] != r->by)
		i++;
	t->by[i] = r->by;
}

static struct task
task(unsigned n)
{
	struct task t = { .plan = { .n = n,
			      .result_size = sizeof(struct result),
			      .job_seconds = 20,
			      .begin = begin,
			      .work = work,
			      .done = done } };

	t.busy = scratch_shared(sizeof *t.busy);
	return t;
}

static struct workers *
start(struct task *t)
{
	struct workers *w;

	t->plan.arg = t;
	t->plan.stop = &t->stop;
	w = workers_start(&t->plan, NULL);
	assert_non_null(w);
	return w;
}

static void
every_job_is_done_once(void **state)
{
	struct task t = task(7);
	struct workers *w = start(&t);
	char job[16];
	int sum = 0;
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(job, sizeof job, "%d", i);
		assert_true(workers_give(w, job));
		sum += i * i;
	}
	workers_finish(w);
	assert_int_equal(workers_busy(w), 0);
	workers_end(w);
	assert_int_equal(t.done, MANY);
	assert_int_equal(t.lost, 0);
	assert_int_equal(t.sum, sum);
	assert_int_equal(t.begun, 0); /* theirs, not ours */
	while (t.by[n] != 0)
		n++;
	assert_in_range(n, 2, 7);
}

/* One after another, as workers_end() ends them. */
static void
count_end(void *arg)
{
	struct task *t = arg;

	(*t->busy)++;
}

static void
each_ends_in_its_own_way(void **state)
{
	struct task t = task(4);
	struct workers *w;

	(void)state;
	t.plan.end = count_end;
	w = start(&t);
	assert_true(workers_give(w, "2"));
	assert_true(workers_give(w, "die"));
	workers_finish(w);
	assert_int_equal(*t.busy, 0);
	workers_end(w);
	assert_int_equal(*t.busy, 3);
}

static const char *const ends[] = { "die", "kill" };

static void
a_lost_worker_loses_its_job_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct task t = task(3);
		struct workers *w = start(&t);

		assert_true(workers_give(w, "2"));
		assert_true(workers_give(w, ends[i]));
		workers_finish(w);
		assert_true(workers_give(w, "3"));
		assert_true(workers_give(w, "4"));
		assert_true(workers_give(w, "5"));
		workers_finish(w);
		workers_end(w);
		assert_int_equal(t.lost, 1);
		assert_int_equal(t.done, 5);
		assert_int_equal(t.sum, 4 + 9 + 16 + 25);
	}
}

static void
without_workers_nothing_is_taken(void **state)
{
	struct task t = task(2);
	struct workers *w = start(&t);

	(void)state;
	assert_true(workers_give(w, "die"));
	assert_true(workers_give(w, "die"));
	assert_false(workers_give(w, "1"));
	workers_finish(w);
	workers_end(w);
	assert_int_equal(t.lost, 2);
}

static void
one_that_hangs_is_killed(void **state)
{
	struct task t = task(2);
	struct workers *w;
	int64_t began = clock_ms();

	(void)state;
	t.plan.job_seconds = 1;
	w = start(&t);
	assert_true(workers_give(w, "hang"));
	assert_true(workers_give(w, "3"));
	workers_finish(w);
	assert_in_range(clock_ms() - began, 900, 5000);
	workers_end(w);
	assert_int_equal(t.lost, 1);
	assert_int_equal(t.sum, 9);
}

static void
stop_ends_every_wait(void **state)
{
	struct task t = task(1);
	struct workers *w = start(&t);
	int64_t began = clock_ms();

	(void)state;
	assert_true(workers_give(w, "hang"));
	t.stop = 1;
	assert_false(workers_give(w, "1"));
	workers_wait(w, clock_ms() + 10000);
	workers_finish(w);
	workers_end(w);
	assert_true(clock_ms() - began < 2000);
	assert_int_equal(t.done, 0);
}

static void
waiting_takes_results(void **state)
{
	struct task t = task(1);
	struct workers *w = start(&t);
	int64_t began = clock_ms();

	(void)state;
	assert_true(workers_give(w, "3"));
	workers_wait(w, began + 300);
	assert_in_range(clock_ms() - began, 300, 2000);
	assert_int_equal(t.done, 1);
	workers_end(w);
}

static void
too_long_a_job_is_refused(void **state)
{
	static char job[WORKERS_JOB_MAX + 1];
	struct task t = task(1);
	struct workers *w = start(&t);

	(void)state;
	memset(job, '1', sizeof job - 1);
	assert_false(workers_give(w, job));
	workers_end(w);
}

static int
leave_one_behind(void *arg)
{
	struct task *t = arg;
	struct workers *w;

	t->plan.arg = t;
	w = workers_start(&t->plan, NULL);
	NEED(w != NULL);
	NEED(workers_give(w, "hang"));
	NEED(scratch_wait(t->busy, 1));
	_exit(0); /* without workers_end() */
}

/* Its group is the only trace of it that we have. */
static int
lead_a_group(void *arg)
{
	NEED(setpgid(0, 0) == 0);
	return leave_one_behind(arg);
}

static void
they_end_with_their_parent(void **state)
{
	struct task t = task(3);
	pid_t pid = scratch_start(lead_a_group, &t);
	int64_t deadline = clock_ms() + 5000;

	(void)state;
	assert_int_equal(scratch_finish(pid), 0);
	while (kill(-pid, 0) == 0 && clock_left(deadline) > 0)
		scratch_sleep(10000);
	assert_int_equal(kill(-pid, 0), -1);
	assert_int_equal(errno, ESRCH);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(every_job_is_done_once),
		SCRATCH_TEST(each_ends_in_its_own_way),
		SCRATCH_TEST(a_lost_worker_loses_its_job_only),
		SCRATCH_TEST(without_workers_nothing_is_taken),
		SCRATCH_TEST(one_that_hangs_is_killed),
		SCRATCH_TEST(stop_ends_every_wait),
		SCRATCH_TEST(waiting_takes_results),
		SCRATCH_TEST(too_long_a_job_is_refused),
		SCRATCH_TEST(they_end_with_their_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
