/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_child_rights.c - what a child has left of what its parent has. */
#include "ran.h"
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEEP ((uid_t)-1)
#define SOMEBODY 65533
#define NOBODY_FOUR_TIMES "65534\t65534\t65534\t65534"
#define SOMEBODY_FOUR_TIMES "65533\t65533\t65533\t65533"
#define NO_CAPABILITY "0000000000000000"
#define NO_SIGNAL "0000000000000000"

static struct ran ran;

static void
run_status(void)
{
	RAN(&ran, RAN_LONG, "/bin/cat", "/proc/self/status");
}

static void
only_as_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* --- environment, descriptors, signals ----------------------------------- */
static void
environment_is_empty(void **state)
{
	(void)state;
	assert_int_equal(setenv("https_proxy", "http://x.test/", 1), 0);
	RAN(&ran, RAN_LONG, "/bin/cat", "/proc/self/environ");
	assert_int_equal(unsetenv("https_proxy"), 0);
	assert_int_equal(ran.end.exit_code, 0);
	assert_int_equal(ran.end.out_len, 0);
}

/* 3 is what ls reads the directory by. */
static int
sees_only_0_to_2(void)
{
	int low = open("/etc/passwd", O_RDONLY);
	int high = fcntl(low, F_DUPFD, 700);
	int own = open("/etc/passwd", O_RDONLY | O_CLOEXEC);

	NEED(low > 2 && high >= 700 && own > 2);
	RAN(&ran, RAN_LONG, "/bin/ls", "/proc/self/fd");
	NEED(ran.end.exit_code == 0);
	NEED(strcmp(ran.out, "0\n1\n2\n3\n") == 0);
	return 0;
}

static void
no_descriptor_of_ours_is_left(void **state)
{
	(void)state;
	assert_int_equal(ran_apart(sees_only_0_to_2), 0);
}

/* A kernel that does not know close_range(). */
static int
sees_only_0_to_2_on_an_old_kernel(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 38 /* ENOSYS */),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof code / sizeof *code, code };

	NEED(prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) == 0);
	NEED(prctl(PR_SET_SECCOMP, (long)SECCOMP_MODE_FILTER, &filter, 0L,
		 0L) == 0);
	NEED(syscall(SYS_close_range, ~0u, ~0u, 0u) != 0);
	return sees_only_0_to_2();
}

static void
nor_without_close_range(void **state)
{
	(void)state;
	assert_int_equal(ran_apart(sees_only_0_to_2_on_an_old_kernel), 0);
}

static void
standard_input_is_empty(void **state)
{
	(void)state;
	RAN(&ran, RAN_LONG, "/bin/readlink", "/proc/self/fd/0");
	assert_string_equal(ran.out, "/dev/null\n");
}

static void
directory_and_umask_are_neutral(void **state)
{
	(void)state;
	RAN(&ran, RAN_LONG, "/bin/readlink", "/proc/self/cwd");
	assert_string_equal(ran.out, "/\n");
	run_status();
	assert_string_equal(ran_field(&ran, "Umask"), "0077");
}

static int
has_default_signals(void)
{
	sigset_t some;

	NEED(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	NEED(signal(SIGHUP, SIG_IGN) != SIG_ERR);
	NEED(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	NEED(sigemptyset(&some) == 0 && sigaddset(&some, SIGTERM) == 0);
	NEED(sigprocmask(SIG_BLOCK, &some, NULL) == 0);
	run_status();
	NEED(strcmp(ran_field(&ran, "SigBlk"), NO_SIGNAL) == 0);
	NEED(strcmp(ran_field(&ran, "SigIgn"), NO_SIGNAL) == 0);
	NEED(strcmp(ran_field(&ran, "SigCgt"), NO_SIGNAL) == 0);
	return 0;
}

static void
signals_are_as_at_birth(void **state)
{
	(void)state;
	assert_int_equal(ran_apart(has_default_signals), 0);
}

static void
process_group_is_its_own(void **state)
{
	(void)state;
	run_status();
	assert_int_equal(ran_number(&ran, "NSpgid"), ran_number(&ran, "Pid"));
	assert_int_not_equal(ran_number(&ran, "NSpgid"), getpgrp());
}

/* --- limits -------------------------------------------------------------- */
static void
limits_hold(void **state)
{
	static const char *const lines[] = {
		"Max cpu time              30                   30 ",
		"Max file size             0                    0 ",
		"Max core file size        0                    0 ",
		"Max processes             0                    0 ",
		"Max open files            32                   32 ",
		"Max address space         536870912            536870912 ",
	};

	(void)state;
	RAN(&ran, RAN_LONG, "/bin/cat", "/proc/self/limits");
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		assert_non_null(strstr(ran.out, lines[i]));
}

/* So that there are no grandchildren to be forgotten. */
static void
it_cannot_start_processes(void **state)
{
	(void)state;
	RAN_SCRIPT(&ran, RAN_LONG, "/bin/true; echo started");
	assert_int_equal(ran.status, STS_OK);
	assert_string_equal(ran.out, "");
	assert_int_not_equal(ran.end.exit_code, 0);
	assert_non_null(strstr(ran.why, "fork"));
}

static void
it_gains_nothing_by_exec(void **state)
{
	(void)state;
	run_status();
	assert_string_equal(ran_field(&ran, "NoNewPrivs"), "1");
}

/* --- user and group ------------------------------------------------------ */
static int
is_nobody_without_groups(void)
{
	gid_t groups[] = { 0, 4, 6 };

	NEED(setgroups(3, groups) == 0);
	run_status();
	NEED(ran.end.exit_code == 0);
	NEED(strcmp(ran_field(&ran, "Uid"), NOBODY_FOUR_TIMES) == 0);
	NEED(strcmp(ran_field(&ran, "Gid"), NOBODY_FOUR_TIMES) == 0);
	NEED(ran_number(&ran, "Groups") == RAN_NOBODY);
	NEED(strchr(ran_field(&ran, "Groups"), ' ') == NULL ||
	    strcmp(strchr(ran_field(&ran, "Groups"), ' '), " ") == 0);
	NEED(strcmp(ran_field(&ran, "CapPrm"), NO_CAPABILITY) == 0);
	NEED(strcmp(ran_field(&ran, "CapEff"), NO_CAPABILITY) == 0);
	NEED(strcmp(ran_field(&ran, "CapInh"), NO_CAPABILITY) == 0);
	NEED(strcmp(ran_field(&ran, "CapAmb"), NO_CAPABILITY) == 0);
	return 0;
}

static void
root_becomes_nobody_wholly(void **state)
{
	(void)state;
	only_as_root();
	assert_int_equal(ran_apart(is_nobody_without_groups), 0);
}

static void
there_is_no_way_back_to_root(void **state)
{
	(void)state;
	only_as_root();
	RAN(&ran, RAN_LONG, "/usr/bin/python3", "-c",
	    "import os\n"
	    "for f, *a in ((os.setuid, 0), (os.seteuid, 0), (os.setgid, 0),\n"
	    "              (os.setresuid, 0, 0, 0), (os.setgroups, [0])):\n"
	    "    try:\n"
	    "        f(*a)\n"
	    "    except PermissionError:\n"
	    "        print('refused')\n");
	assert_int_equal(ran.end.exit_code, 0);
	assert_string_equal(ran.out,
	    "refused\nrefused\nrefused\nrefused\nrefused\n");
}

static void
root_runs_nothing_as_root(void **state)
{
	char directory[] = "/tmp/mta-sts-test-rights.XXXXXX";
	char path[64];
	const char *argv[] = { "/bin/mkdir", path, NULL };

	(void)state;
	only_as_root();
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof path, "%s/made", directory);
	ran_argv(&ran, RAN_LONG, 0, argv);
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(ran.status, STS_SYSTEM);
	assert_string_equal(ran.err.word, "child-root");
}

static void
who_cannot_be_dropped_to_does_not_run(void **state)
{
	const char *argv[] = { "/bin/echo", "ran", NULL };

	(void)state;
	only_as_root();
	/* -1 means "leave it" to setresuid(). */
	ran_argv(&ran, RAN_LONG, KEEP, argv);
	assert_int_equal(ran.status, STS_OK);
	assert_int_equal(ran.end.exit_code, CHILD_EXIT_RIGHTS);
	assert_string_equal(ran.out, "");
}

static int
runs_as_somebody(uid_t real, uid_t effective, uid_t saved)
{
	const char *const argv[] = { "/bin/cat", "/proc/self/status", NULL };

	NEED(setresgid(real, effective, saved) == 0);
	NEED(setresuid(real, effective, saved) == 0);
	ran_argv(&ran, RAN_LONG, SOMEBODY, argv);
	NEED(ran.status == STS_OK && ran.end.exit_code == 0);
	NEED(geteuid() == effective);
	return 0;
}

static int
only_effective_user_was_switched(void)
{
	NEED(runs_as_somebody(0, RAN_NOBODY, 0) == 0);
	NEED(strcmp(ran_field(&ran, "Uid"), SOMEBODY_FOUR_TIMES) == 0);
	NEED(strcmp(ran_field(&ran, "Gid"), SOMEBODY_FOUR_TIMES) == 0);
	return 0;
}

static int
only_saved_user_is_root(void)
{
	NEED(runs_as_somebody(RAN_NOBODY, RAN_NOBODY, 0) == 0);
	NEED(strcmp(ran_field(&ran, "Uid"), SOMEBODY_FOUR_TIMES) == 0);
	NEED(strcmp(ran_field(&ran, "Gid"), SOMEBODY_FOUR_TIMES) == 0);
	return 0;
}

static int
hangs_while_switched(void)
{
	const char *const argv[] = { "/bin/sleep", "60", NULL };

	NEED(setresuid(KEEP, RAN_NOBODY, KEEP) == 0);
	ran_argv(&ran, 150, SOMEBODY, argv);
	NEED(ran.status == STS_OK);
	NEED(ran.end.timed_out && ran.end.signal == SIGKILL);
	NEED(ran.took < 1000);
	NEED(geteuid() == RAN_NOBODY);
	return 0;
}

static void
root_switched_off_is_dropped_too(void **state)
{
	(void)state;
	only_as_root();
	assert_int_equal(ran_apart(only_effective_user_was_switched), 0);
	assert_int_equal(ran_apart(only_saved_user_is_root), 0);
}

static void
root_switched_off_can_kill_still(void **state)
{
	(void)state;
	only_as_root();
	assert_int_equal(ran_apart(hangs_while_switched), 0);
}

static int
stays_nobody(void)
{
	NEED(setgroups(0, NULL) == 0);
	NEED(runs_as_somebody(RAN_NOBODY, RAN_NOBODY, RAN_NOBODY) == 0);
	NEED(strcmp(ran_field(&ran, "Uid"), NOBODY_FOUR_TIMES) == 0);
	NEED(strcmp(ran_field(&ran, "Gid"), NOBODY_FOUR_TIMES) == 0);
	NEED(strcmp(ran_field(&ran, "NoNewPrivs"), "1") == 0);
	NEED(sees_only_0_to_2() == 0);
	return 0;
}

static void
who_is_not_root_stays_who_he_is(void **state)
{
	(void)state;
	only_as_root();
	assert_int_equal(ran_apart(stays_nobody), 0);
}

/* As from a service manager: the mail user, and the right to change users. */
static int
loses_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	unsigned cap = 1u << CAP_SETUID;
	struct __user_cap_data_struct data[2] = {
		{ .effective = cap, .permitted = cap, .inheritable = cap },
	};

	NEED(prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) == 0);
	NEED(setresuid(RAN_NOBODY, RAN_NOBODY, RAN_NOBODY) == 0);
	NEED(syscall(SYS_capset, &head, data) == 0);
	NEED(prctl(PR_CAP_AMBIENT, (long)PR_CAP_AMBIENT_RAISE,
		 (long)CAP_SETUID, 0L, 0L) == 0);
	run_status();
	NEED(ran.status == STS_OK && ran.end.exit_code == 0);
	NEED(strcmp(ran_field(&ran, "CapPrm"), NO_CAPABILITY) == 0);
	NEED(strcmp(ran_field(&ran, "CapInh"), NO_CAPABILITY) == 0);
	NEED(strcmp(ran_field(&ran, "CapAmb"), NO_CAPABILITY) == 0);
	/* The parent keeps what it has. */
	NEED(setuid(0) == 0);
	return 0;
}

static void
capabilities_are_lost_too(void **state)
{
	(void)state;
	only_as_root();
	assert_int_equal(ran_apart(loses_capabilities), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RAN_TEST(environment_is_empty),
		RAN_TEST(no_descriptor_of_ours_is_left),
		RAN_TEST(nor_without_close_range),
		RAN_TEST(standard_input_is_empty),
		RAN_TEST(directory_and_umask_are_neutral),
		RAN_TEST(signals_are_as_at_birth),
		RAN_TEST(process_group_is_its_own),
		RAN_TEST(limits_hold),
		RAN_TEST(it_cannot_start_processes),
		RAN_TEST(it_gains_nothing_by_exec),
		RAN_TEST(root_becomes_nobody_wholly),
		RAN_TEST(there_is_no_way_back_to_root),
		RAN_TEST(root_runs_nothing_as_root),
		RAN_TEST(who_cannot_be_dropped_to_does_not_run),
		RAN_TEST(root_switched_off_is_dropped_too),
		RAN_TEST(root_switched_off_can_kill_still),
		RAN_TEST(who_is_not_root_stays_who_he_is),
		RAN_TEST(capabilities_are_lost_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
