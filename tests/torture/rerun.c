/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rerun.c - runs every test of a program again and again, each time with
 * another allocation failing.  A test may fail for lack of memory; it must not
 * crash or hang. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../module/store/clock.h"
#include "torture.h"

#define HANGS_MS 60000
/* Of a test that takes long, so many allocations fail, spread evenly, as there
 * is time for; and fewer where their failing makes it longer. */
#define BUDGET_MS 4000
#define PATIENCE_MS 15000

int __real__cmocka_run_group_tests(const char *group,
    const struct CMUnitTest *tests, size_t n, CMFixtureFunction setup,
    CMFixtureFunction teardown);
int __wrap__cmocka_run_group_tests(const char *group,
    const struct CMUnitTest *tests, size_t n, CMFixtureFunction setup,
    CMFixtureFunction teardown);

struct group {
	const char *name;
	CMFixtureFunction setup;
	CMFixtureFunction teardown;
};

static unsigned runs;
static unsigned allocations;
static unsigned crashes;

/* Ends what is left of a test, by its process group. */
static int
wait_for(pid_t pid)
{
	int64_t deadline = clock_ms() + HANGS_MS;
	int status = -1;
	pid_t done;

	while ((done = waitpid(pid, &status, WNOHANG)) == 0 &&
	    clock_left(deadline) > 0)
		(void)poll(NULL, 0, 1);
	if (done == 0) {
		(void)kill(-pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
	}
	(void)kill(-pid, SIGKILL);
	return status;
}

/* cmocka takes a SIGSEGV for a failure like any other. */
static bool
says_exception(int out)
{
	static char buf[65536];
	ssize_t n = pread(out, buf, sizeof buf, 0);

	return n > 0 &&
	    memmem(buf, (size_t)n, "failed with exception", 21) != NULL;
}

/* The number of allocations that the test came to make. */
static unsigned
run_once(const struct group *g, const struct CMUnitTest *test, unsigned fail)
{
	int out = memfd_create("torture", MFD_CLOEXEC);
	int status;
	pid_t pid;

	torture_fail(fail);
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		(void)setpgid(0, 0);
		(void)dup2(out, 1);
		(void)dup2(out, 2);
		exit(__real__cmocka_run_group_tests(g->name, test, 1, g->setup,
			 g->teardown) != 0);
	}
	status = wait_for(pid);
	runs++;
	if (!WIFEXITED(status) || says_exception(out)) {
		crashes++;
		(void)printf("not ok - %s: %s with allocation %u (status %d)\n",
		    g->name, test->name, fail, status);
	}
	(void)close(out);
	return torture_count();
}

/* TORTURE="a_test 57": just that, here, for a debugger to see. */
static bool
runs_only_one(const struct group *g, const struct CMUnitTest *test)
{
	const char *only = getenv("TORTURE");
	size_t n = strlen(test->name);

	if (only == NULL)
		return false;
	if (strncmp(only, test->name, n) != 0 || only[n] != ' ')
		return true;
	torture_fail((unsigned)strtoul(only + n, NULL, 10));
	(void)__real__cmocka_run_group_tests(g->name, test, 1, g->setup,
	    g->teardown);
	return true;
}

static void
torture(const struct group *g, const struct CMUnitTest *test)
{
	int64_t began = clock_ms(), each;
	unsigned total, step;

	if (runs_only_one(g, test))
		return;
	total = run_once(g, test, 0);
	each = clock_ms() - began + 1;
	step = (unsigned)(total * each / BUDGET_MS) + 1;
	allocations += total;
	for (unsigned n = 1; n <= total; n += step)
		if (run_once(g, test, n) < n ||
		    clock_ms() - began > PATIENCE_MS)
			break;
}

int
__wrap__cmocka_run_group_tests(const char *group,
    const struct CMUnitTest *tests, size_t n, CMFixtureFunction setup,
    CMFixtureFunction teardown)
{
	struct group g = { group, setup, teardown };
	unsigned before = crashes, runs_before = runs, ours = allocations;

	for (size_t i = 0; i < n; i++)
		torture(&g, &tests[i]);
	(void)printf("# %s: %u allocations, %u runs, %u crashes\n", group,
	    allocations - ours, runs - runs_before, crashes - before);
	return crashes > before;
}
