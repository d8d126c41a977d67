/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_child.c - programs that behave, flood, hang and die. */
#include "ran.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../module/store/clock.h"

#define HANG_MS 150
#define LATE_MS 400 /* what a loaded machine may add */

static struct ran ran;

/* --- how it ends --------------------------------------------------------- */
static void
output_reason_and_code_come_back(void **state)
{
	(void)state;
	RAN_SCRIPT(&ran, RAN_LONG, "echo body; echo why >&2; exit 7");
	assert_int_equal(ran.status, STS_OK);
	assert_string_equal(ran.out, "body\n");
	assert_string_equal(ran.why, "why\n");
	assert_int_equal(ran.end.exit_code, 7);
	assert_int_equal(ran.end.signal, 0);
	assert_false(ran.end.timed_out);
	assert_false(ran.end.flooded);
}

static void
nothing_is_waited_for_once_it_ended(void **state)
{
	(void)state;
	RAN(&ran, RAN_LONG, "/bin/true");
	assert_int_equal(ran.end.exit_code, 0);
	assert_in_range(ran.took, 0, LATE_MS);
}

static void
signal_is_told(void **state)
{
	(void)state;
	RAN_SCRIPT(&ran, RAN_LONG, "echo begun; kill -TERM $$");
	assert_int_equal(ran.status, STS_OK);
	assert_string_equal(ran.out, "begun\n");
	assert_int_equal(ran.end.exit_code, -1);
	assert_int_equal(ran.end.signal, SIGTERM);
}

static void
what_cannot_be_executed_exits_127(void **state)
{
	(void)state;
	RAN(&ran, RAN_LONG, "/nonexistent/program");
	assert_int_equal(ran.status, STS_OK);
	assert_int_equal(ran.end.exit_code, CHILD_EXIT_EXEC);
	RAN(&ran, RAN_LONG, "/etc/passwd");
	assert_int_equal(ran.end.exit_code, CHILD_EXIT_EXEC);
	RAN(&ran, RAN_LONG, "/etc");
	assert_int_equal(ran.end.exit_code, CHILD_EXIT_EXEC);
}

/* --- too much ------------------------------------------------------------ */
static void
reason_is_cut_and_the_rest_read(void **state)
{
	char want[RAN_WHY + 1];

	(void)state;
	RAN_SCRIPT(&ran, RAN_LONG,
	    "i=0; while [ $i -lt 5000 ]; do i=$((i+1)); printf x >&2; done;"
	    "exit 3");
	memset(want, 'x', RAN_WHY);
	want[RAN_WHY] = '\0';
	assert_string_equal(ran.why, want);
	assert_int_equal(ran.end.why_len, RAN_WHY);
	assert_int_equal(ran.end.exit_code, 3);
	assert_false(ran.end.flooded);
}

static void
output_that_just_fits_is_taken(void **state)
{
	(void)state;
	RAN(&ran, RAN_LONG, "/usr/bin/head", "-c", "8192", "/dev/zero");
	assert_int_equal(ran.end.out_len, RAN_OUT);
	assert_false(ran.end.flooded);
	assert_int_equal(ran.end.exit_code, 0);
}

static void
one_byte_more_is_a_flood(void **state)
{
	(void)state;
	RAN(&ran, RAN_LONG, "/usr/bin/head", "-c", "8193", "/dev/zero");
	assert_int_equal(ran.status, STS_OK);
	assert_int_equal(ran.end.out_len, RAN_OUT);
	assert_true(ran.end.flooded);
	assert_false(ran.end.timed_out);
}

static void
endless_output_is_cut_at_once(void **state)
{
	(void)state;
	RAN(&ran, RAN_LONG, "/bin/cat", "/dev/zero");
	assert_true(ran.end.flooded);
	assert_int_equal(ran.end.signal, SIGKILL);
	assert_in_range(ran.took, 0, LATE_MS);
}

static void
endless_reason_is_cut(void **state)
{
	(void)state;
	RAN_SCRIPT(&ran, RAN_LONG, "exec cat /dev/zero >&2");
	assert_true(ran.end.flooded);
	assert_int_equal(ran.end.signal, SIGKILL);
	assert_in_range(ran.took, 0, LATE_MS);
}

/* --- too long ------------------------------------------------------------ */
static void
assert_killed_on_time(void)
{
	assert_int_equal(ran.status, STS_OK);
	assert_true(ran.end.timed_out);
	assert_false(ran.end.flooded);
	assert_int_equal(ran.end.exit_code, -1);
	assert_int_equal(ran.end.signal, SIGKILL);
	assert_in_range(ran.took, HANG_MS, HANG_MS + LATE_MS);
}

static void
hang_is_killed_on_time(void **state)
{
	(void)state;
	RAN(&ran, HANG_MS, "/bin/sleep", "60");
	assert_killed_on_time();
}

static void
hang_with_closed_pipes_is_killed_on_time(void **state)
{
	(void)state;
	RAN_SCRIPT(&ran, HANG_MS, "exec >&- 2>&-; exec sleep 60");
	assert_killed_on_time();
}

static void
hang_that_ignores_signals_is_killed_on_time(void **state)
{
	(void)state;
	RAN_SCRIPT(&ran, HANG_MS, "trap '' TERM INT HUP; exec sleep 60");
	assert_killed_on_time();
}

static void
stopped_one_is_killed_on_time(void **state)
{
	(void)state;
	RAN_SCRIPT(&ran, HANG_MS, "kill -STOP $$");
	assert_killed_on_time();
}

static void
drip_does_not_prolong_it(void **state)
{
	(void)state;
	RAN(&ran, HANG_MS, "/usr/bin/python3", "-c",
	    "import os, time\n"
	    "while True:\n"
	    " os.write(1, b'x')\n"
	    " time.sleep(.01)\n");
	assert_killed_on_time();
	assert_true(ran.end.out_len > 1);
}

static void
deadline_in_the_past_ends_at_once(void **state)
{
	(void)state;
	RAN(&ran, -1000, "/bin/sleep", "60");
	assert_int_equal(ran.status, STS_OK);
	assert_true(ran.end.timed_out);
	assert_in_range(ran.took, 0, LATE_MS);
}

/* --- our own signals and descriptors ------------------------------------- */
static void
ignored_sigchld_is_no_hindrance_and_stays(void **state)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction before, after;

	(void)state;
	assert_int_equal(sigaction(SIGCHLD, &ignore, &before), 0);
	RAN_SCRIPT(&ran, RAN_LONG, "exit 5");
	assert_int_equal(sigaction(SIGCHLD, &before, &after), 0);
	assert_int_equal(ran.status, STS_OK);
	assert_int_equal(ran.end.exit_code, 5);
	assert_true(after.sa_handler == SIG_IGN);
}

static volatile sig_atomic_t caught;

static void
reap_everybody(int sig)
{
	(void)sig;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		caught = 1;
}

static void
handler_that_reaps_is_kept_away_and_stays(void **state)
{
	struct sigaction reaper = { .sa_handler = reap_everybody,
		.sa_flags = SA_RESTART };
	struct sigaction before, after;

	(void)state;
	caught = 0;
	assert_int_equal(sigaction(SIGCHLD, &reaper, &before), 0);
	RAN_SCRIPT(&ran, RAN_LONG, "exit 6");
	assert_int_equal(sigaction(SIGCHLD, &before, &after), 0);
	assert_int_equal(ran.status, STS_OK);
	assert_int_equal(ran.end.exit_code, 6);
	assert_int_equal(caught, 0);
	assert_true(after.sa_handler == reap_everybody);
	assert_int_equal(after.sa_flags & SA_RESTART, SA_RESTART);
}

static void
count_alarm(int sig)
{
	(void)sig;
	caught++;
}

static void
signals_of_ours_do_not_end_the_wait(void **state)
{
	struct sigaction act = { .sa_handler = count_alarm };
	struct itimerval often = { { 0, 5000 }, { 0, 5000 } };
	struct itimerval never = { { 0, 0 }, { 0, 0 } };
	struct sigaction before;

	(void)state;
	caught = 0;
	assert_int_equal(sigaction(SIGALRM, &act, &before), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	RAN_SCRIPT(&ran, RAN_LONG, "exec >&- 2>&-; exec sleep 0.15");
	assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
	assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
	assert_int_equal(ran.status, STS_OK);
	assert_int_equal(ran.end.exit_code, 0);
	assert_true(caught > 5);
}

static void
mask_of_ours_stays(void **state)
{
	sigset_t some, before, after;

	(void)state;
	(void)sigemptyset(&some);
	(void)sigaddset(&some, SIGUSR1);
	assert_int_equal(sigprocmask(SIG_BLOCK, &some, &before), 0);
	RAN(&ran, RAN_LONG, "/bin/true");
	assert_int_equal(sigprocmask(SIG_SETMASK, &before, &after), 0);
	assert_int_equal(sigismember(&after, SIGUSR1), 1);
	assert_int_equal(sigismember(&after, SIGTERM), 0);
}

static int
with_no_standard_descriptors(void)
{
	(void)close(0);
	(void)close(1);
	(void)close(2);
	RAN_SCRIPT(&ran, RAN_LONG, "echo body; echo why >&2");
	return ran.status == STS_OK && strcmp(ran.out, "body\n") == 0 &&
		strcmp(ran.why, "why\n") == 0 && open("/", O_RDONLY) == 0
	    ? 0
	    : 1;
}

static void
our_own_0_to_2_may_be_closed(void **state)
{
	(void)state;
	assert_int_equal(ran_apart(with_no_standard_descriptors), 0);
}

/* --- when we die --------------------------------------------------------- */
static pid_t
only_child_of(pid_t pid)
{
	char path[64], line[32] = "";
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/task/%d/children",
	    (int)pid, (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fgets(line, sizeof line, f) == NULL)
		line[0] = '\0';
	(void)fclose(f);
	return (pid_t)strtol(line, NULL, 10);
}

/* Whether it got as far as being sleep. */
static bool
is_sleeping(pid_t pid)
{
	char path[64], name[16] = "";
	FILE *f;

	if (pid == 0)
		return false;
	(void)snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	if (fgets(name, sizeof name, f) == NULL)
		name[0] = '\0';
	(void)fclose(f);
	return strcmp(name, "sleep\n") == 0;
}

static void
nap(void)
{
	struct timespec ms = { 0, 1000000 };

	(void)nanosleep(&ms, NULL);
}

static void
it_dies_with_us(void **state)
{
	int64_t end = clock_ms() + RAN_LONG;
	pid_t parent, child = 0;
	int status = 0;

	(void)state;
	/* Orphans come to us, so that we can see how they ended. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L), 0);
	parent = fork();
	if (parent == 0) {
		RAN(&ran, RAN_LONG, "/bin/sleep", "60");
		_exit(0);
	}
	while (!is_sleeping(child) && clock_ms() < end) {
		child = only_child_of(parent);
		nap();
	}
	assert_true(is_sleeping(child));
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0L, 0L, 0L, 0L), 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* --- detached ------------------------------------------------------------ */
#define DIRECTORY "/tmp/mta-sts-test-child.XXXXXX"

/* 3 is what it lists the directory by. */
static const char look_around[] =
    "import os, sys, time\n"
    "fds = sorted(os.listdir('/proc/self/fd'))\n"
    "time.sleep(.3)\n"
    "os.chdir(sys.argv[1])\n"
    "with open('new', 'w') as out:\n"
    "    out.write(open('/proc/self/status').read())\n"
    "    print('fds:', *fds, file=out)\n"
    "    print('links:', *map(os.readlink, ('/proc/self/fd/0',\n"
    "          '/proc/self/fd/1', '/proc/self/fd/2')), file=out)\n"
    "    environ = open('/proc/self/environ').read()\n"
    "    print('environ:', len(environ), file=out)\n"
    "os.rename('new', 'done')\n";

static bool
appears(const char *path)
{
	int64_t end = clock_ms() + RAN_LONG;

	while (access(path, F_OK) != 0 && clock_ms() < end)
		nap();
	return access(path, F_OK) == 0;
}

static void
read_into_ran(const char *path)
{
	FILE *f = fopen(path, "re");

	memset(&ran, 0, sizeof ran);
	assert_non_null(f);
	assert_true(fread(ran.out, 1, RAN_OUT, f) > 0);
	(void)fclose(f);
}

static void
detached_one_is_nobodys_and_not_waited_for(void **state)
{
	char directory[] = DIRECTORY, path[64];
	const char *argv[] = { "/usr/bin/python3", "-c", look_around, directory,
		NULL };
	int64_t began = clock_ms();

	(void)state;
	assert_non_null(mkdtemp(directory));
	if (geteuid() == 0)
		assert_int_equal(chown(directory, RAN_NOBODY, RAN_NOBODY), 0);
	(void)snprintf(path, sizeof path, "%s/done", directory);
	assert_int_equal(child_detach(argv, RAN_NOBODY, RAN_NOBODY, NULL),
	    STS_OK);
	assert_in_range(clock_ms() - began, 0, 250);
	assert_true(appears(path));
	read_into_ran(path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(directory), 0);
	assert_string_equal(ran_field(&ran, "fds"), "0 1 2 3");
	assert_string_equal(ran_field(&ran, "links"),
	    "/dev/null /dev/null /dev/null");
	assert_string_equal(ran_field(&ran, "environ"), "0");
	assert_string_equal(ran_field(&ran, "NoNewPrivs"), "1");
	assert_string_equal(ran_field(&ran, "SigBlk"), "0000000000000000");
	assert_int_not_equal(ran_number(&ran, "PPid"), getpid());
	assert_int_not_equal(ran_number(&ran, "NSsid"), getsid(0));
	if (geteuid() == 0)
		assert_string_equal(ran_field(&ran, "Uid"),
		    "65534\t65534\t65534\t65534");
}

static void
detached_one_is_never_root(void **state)
{
	const char *argv[] = { "/bin/true", NULL };
	struct sts_error err;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(child_detach(argv, 0, 0, &err), STS_SYSTEM);
	assert_string_equal(err.word, "child-root");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RAN_TEST(output_reason_and_code_come_back),
		RAN_TEST(nothing_is_waited_for_once_it_ended),
		RAN_TEST(signal_is_told),
		RAN_TEST(what_cannot_be_executed_exits_127),
		RAN_TEST(reason_is_cut_and_the_rest_read),
		RAN_TEST(output_that_just_fits_is_taken),
		RAN_TEST(one_byte_more_is_a_flood),
		RAN_TEST(endless_output_is_cut_at_once),
		RAN_TEST(endless_reason_is_cut),
		RAN_TEST(hang_is_killed_on_time),
		RAN_TEST(hang_with_closed_pipes_is_killed_on_time),
		RAN_TEST(hang_that_ignores_signals_is_killed_on_time),
		RAN_TEST(stopped_one_is_killed_on_time),
		RAN_TEST(drip_does_not_prolong_it),
		RAN_TEST(deadline_in_the_past_ends_at_once),
		RAN_TEST(ignored_sigchld_is_no_hindrance_and_stays),
		RAN_TEST(handler_that_reaps_is_kept_away_and_stays),
		RAN_TEST(signals_of_ours_do_not_end_the_wait),
		RAN_TEST(mask_of_ours_stays),
		RAN_TEST(our_own_0_to_2_may_be_closed),
		RAN_TEST(it_dies_with_us),
		RAN_TEST(detached_one_is_nobodys_and_not_waited_for),
		RAN_TEST(detached_one_is_never_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
