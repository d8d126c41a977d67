/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_standby.c - a helper that stands by.  This program is that helper, too,
 * as are copies of it that behave worse; what is asked of it is a script for
 * the shell, which cannot have processes of its own. */
#include "ran.h"
#include "sanitized.h"
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../module/net/fetch_standby.h"
#include "../../module/net/standby.h"
#include "../../module/store/clock.h"

#define SHORT_MS 300
#define LATE_MS 1000 /* what a loaded machine may add */

#define TEMPLATE "/tmp/mta-sts-test-standby.XXXXXX"

static char directory[sizeof TEMPLATE];
static char helper[128];
static struct standby standby = { .pid = -1, .fd = -1 };
static struct ran ran;

/* --- in the helper ------------------------------------------------------- */

static int
run_script(int argc, char *argv[])
{
	if (argc != 2)
		return 99;
	(void)execl("/bin/sh", "sh", "-c", argv[1], (char *)NULL);
	return 98;
}

/* One that takes a question and answers it with these bytes. */
static int
answer_with(const char *bytes, size_t n)
{
	char text[STANDBY_REQUEST_MAX];

	if (recv(STDIN_FILENO, text, sizeof text, 0) <= 0)
		return 1;
	if (n > 0 && send(STDIN_FILENO, bytes, n, MSG_NOSIGNAL) < 0)
		return 1;
	(void)poll(NULL, 0, RAN_LONG);
	return 0;
}

static int
stand_by(const char *name)
{
	static const char stopped[sizeof(int)] = { 0x7f };

	if (strcmp(name, "old") == 0) /* it knows no --standby */
		return 2;
	if (strcmp(name, "mute") == 0)
		return answer_with("", 0);
	if (strcmp(name, "short") == 0)
		return answer_with("xx", 2);
	if (strcmp(name, "stopped") == 0)
		return answer_with(stopped, sizeof stopped);
	return fetch_standby(run_script);
}

/* --- to ask it ------------------------------------------------------------ */

static void
ask_all(int64_t ms, const char *const *argv)
{
	int64_t began = clock_ms();
	struct child c = {
		.argv = argv,
		.uid = RAN_NOBODY,
		.gid = RAN_NOBODY,
		.deadline = began + ms,
		.out = ran.out,
		.out_cap = RAN_OUT,
		.why = ran.why,
		.why_cap = RAN_WHY,
	};

	memset(&ran, 0, sizeof ran);
	ran.status = standby_run(&standby, &c, &ran.end, &ran.err);
	ran.took = clock_ms() - began;
	ran.out[ran.end.out_len] = '\0';
	ran.why[ran.end.why_len] = '\0';
}

static void
ask(int64_t ms, const char *script)
{
	ask_all(ms, (const char *const[]){ helper, script, NULL });
}

/* The helper that is asked from now on. */
static void
call_it(const char *name)
{
	static const char self[] = "/proc/self/exe";
	char buf[65536];
	FILE *from, *to;
	size_t n;

	(void)snprintf(helper, sizeof helper, "%s/%s", directory, name);
	if (access(helper, X_OK) == 0)
		return;
	from = fopen(self, "re");
	to = fopen(helper, "we");
	assert_non_null(from);
	assert_non_null(to);
	while ((n = fread(buf, 1, sizeof buf, from)) > 0)
		assert_int_equal(fwrite(buf, 1, n, to), n);
	assert_int_equal(fclose(to), 0);
	(void)fclose(from);
	assert_int_equal(chmod(helper, 0755), 0);
}

/* Which process answered, and whose child it was. */
static void
who(long *pid, long *parent)
{
	char *end;

	ask(RAN_LONG, "echo $$ $PPID");
	assert_int_equal(ran.status, STS_OK);
	assert_int_equal(ran.end.exit_code, 0);
	*pid = strtol(ran.out, &end, 10);
	*parent = strtol(end, NULL, 10);
}

static bool
is_answered_by_standby(void)
{
	long pid, parent;

	who(&pid, &parent);
	return parent == standby.pid && standby.pid > 0;
}

/* --- as it should be ------------------------------------------------------ */

static void
each_question_has_a_process_and_all_one_parent(void **state)
{
	long pid[2], parent[2];

	(void)state;
	who(&pid[0], &parent[0]);
	who(&pid[1], &parent[1]);
	assert_int_not_equal(pid[0], pid[1]);
	assert_int_equal(parent[0], standby.pid);
	assert_int_equal(parent[1], parent[0]);
}

static void
output_reason_and_code_come_back(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		ask(RAN_LONG, "echo body; echo why >&2; exit 7");
		assert_int_equal(ran.status, STS_OK);
		assert_string_equal(ran.out, "body\n");
		assert_string_equal(ran.why, "why\n");
		assert_int_equal(ran.end.exit_code, 7);
		assert_int_equal(ran.end.signal, 0);
		assert_false(ran.end.timed_out);
		assert_false(ran.end.flooded);
		assert_true(is_answered_by_standby());
	}
}

/* As test_child_rights.c has it of a helper of its own. */
static void
process_is_bare_and_limited(void **state)
{
	(void)state;
	ask(RAN_LONG, "exec cat /proc/self/limits");
	assert_non_null(strstr(ran.out,
	    "Max processes             0                    0 "));
	assert_non_null(strstr(ran.out,
	    "Max file size             0                    0 "));
	assert_non_null(strstr(ran.out,
	    "Max open files            32                   32 "));
	ask(RAN_LONG, "exec cat /proc/self/status");
	assert_int_equal(ran_number(&ran, "NoNewPrivs"), 1);
	assert_string_equal(ran_field(&ran, "CapPrm"), "0000000000000000");
	if (geteuid() == 0)
		assert_int_equal(ran_number(&ran, "Uid"), RAN_NOBODY);
	/* 3 is the directory that is read. */
	ask(RAN_LONG, "exec ls /proc/self/fd");
	assert_string_equal(ran.out, "0\n1\n2\n3\n");
	ask(RAN_LONG, "exec readlink /proc/self/fd/0");
	assert_string_equal(ran.out, "/dev/null\n");
	ask(RAN_LONG, "exec env");
	assert_null(strstr(ran.out, "HOME="));
	assert_true(is_answered_by_standby());
}

/* --- as it should not be ------------------------------------------------- */

static void
after_a_signal_there_is_another(void **state)
{
	pid_t first;

	(void)state;
	assert_true(is_answered_by_standby());
	first = standby.pid;
	ask(RAN_LONG, "echo begun; kill -SEGV $$");
	assert_int_equal(ran.status, STS_OK);
	assert_string_equal(ran.out, "begun\n");
	assert_int_equal(ran.end.exit_code, -1);
	assert_int_equal(ran.end.signal, SIGSEGV);
	assert_int_equal(standby.pid, -1);
	assert_int_equal(kill(first, 0), -1);
	assert_true(is_answered_by_standby());
}

static void
deadline_ends_all_of_it(void **state)
{
	static const char *const scripts[] = { "echo begun; exec sleep 60",
		"exec sleep 60 >&- 2>&-" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		pid_t first;

		assert_true(is_answered_by_standby());
		first = standby.pid;
		ask(SHORT_MS, scripts[i]);
		assert_int_equal(ran.status, STS_OK);
		assert_true(ran.end.timed_out);
		assert_in_range(ran.took, SHORT_MS, SHORT_MS + LATE_MS);
		/* And no zombie of it is left to process 1. */
		assert_int_equal(kill(-first, 0), -1);
	}
	assert_true(is_answered_by_standby());
}

static void
flood_is_stopped(void **state)
{
	(void)state;
	ask(RAN_LONG, "exec cat /dev/zero");
	assert_int_equal(ran.status, STS_OK);
	assert_true(ran.end.flooded);
	assert_false(ran.end.timed_out);
	ask(RAN_LONG, "exec cat /dev/zero >&2");
	assert_true(ran.end.flooded);
	assert_true(is_answered_by_standby());
}

/* What it was doing dies with it, and is done again by a helper that may not
 * kill its parent. */
static void
lost_one_is_made_up_for(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_true(is_answered_by_standby());
	ask(RAN_LONG, "kill -9 $PPID 2>/dev/null || exit 5; exec sleep 60");
	assert_int_equal(ran.status, STS_OK);
	assert_int_equal(ran.end.exit_code, 5);
	assert_int_equal(ran.end.signal, 0);
	assert_in_range(ran.took, 0, RAN_LONG / 2);
	assert_true(is_answered_by_standby());
}

static void
killed_between_questions(void **state)
{
	siginfo_t info;

	(void)state;
	assert_true(is_answered_by_standby());
	assert_int_equal(kill(standby.pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)standby.pid, &info,
			     WEXITED | WNOWAIT),
	    0);
	assert_false(is_answered_by_standby());
	assert_true(is_answered_by_standby());
}

static void
one_that_cannot_stand_by_is_made_up_for(void **state)
{
	static const char *const names[] = { "old", "short", "stopped" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		call_it(names[i]);
		ask(RAN_LONG, "echo body; exit 7");
		assert_int_equal(ran.status, STS_OK);
		assert_string_equal(ran.out, "body\n");
		assert_int_equal(ran.end.exit_code, 7);
		assert_int_equal(standby.pid, -1);
	}
}

static void
one_that_never_answers_is_late(void **state)
{
	(void)state;
	call_it("mute");
	ask(SHORT_MS, "exit 0");
	assert_int_equal(ran.status, STS_OK);
	assert_true(ran.end.timed_out);
	assert_in_range(ran.took, SHORT_MS, SHORT_MS + LATE_MS);
	assert_int_equal(standby.pid, -1);
}

static void
missing_one_is_told(void **state)
{
	(void)state;
	(void)snprintf(helper, sizeof helper, "/nonexistent/helper");
	ask(RAN_LONG, "exit 0");
	assert_int_equal(ran.status, STS_OK);
	assert_int_equal(ran.end.exit_code, CHILD_EXIT_EXEC);
}

static void
root_stays_forbidden(void **state)
{
	const char *argv[] = { helper, "exit 0", NULL };
	struct child c = { .argv = argv, .deadline = clock_ms() + RAN_LONG };
	struct child_end end;
	struct sts_error err;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(standby_run(&standby, &c, &end, &err), STS_SYSTEM);
	assert_string_equal(err.word, "child-root");
	assert_int_equal(standby.pid, -1);
}

static void
too_much_is_asked_of_one_of_its_own(void **state)
{
	static char script[STANDBY_REQUEST_MAX + 1] = "echo $PPID #x";

	(void)state;
	memset(script + 12, 'x', sizeof script - 13);
	ask(RAN_LONG, script);
	assert_int_equal(strtol(ran.out, NULL, 10), getpid());
}

/* --- its side ------------------------------------------------------------ */

static int
refuse(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	return 1;
}

/* What fetch_standby() returns when it gets this, with descriptors or not. */
static int
serve(const char *text, size_t len, bool with)
{
	int fds[2] = { 0, 1 };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof fds)];
	} control = { .head = { CMSG_LEN(sizeof fds), SOL_SOCKET,
			  SCM_RIGHTS } };
	char copy[2 * STANDBY_REQUEST_MAX];
	struct iovec v = { copy, len };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	int fd[2];

	memcpy(copy, text, len);
	memcpy(CMSG_DATA(&control.head), fds, sizeof fds);
	if (with) {
		m.msg_control = &control;
		m.msg_controllen = sizeof control;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) != 0 ||
	    sendmsg(fd[0], &m, 0) < 0 || shutdown(fd[0], SHUT_WR) != 0 ||
	    dup2(fd[1], STDIN_FILENO) < 0)
		return -1;
	return fetch_standby(refuse);
}

static int
questions_that_are_none(void)
{
	static const char many[2 * (STANDBY_ARGS_MAX + 1)] = { 0 };
	static const char large[STANDBY_REQUEST_MAX + 1] = { 0 };

	NEED(serve("a\0b", 4, true) == 0);
	NEED(serve("a\0b", 4, false) == 1);
	NEED(serve("a\0b", 3, true) == 1);
	NEED(serve(many, STANDBY_ARGS_MAX, true) == 0);
	NEED(serve(many, STANDBY_ARGS_MAX + 1, true) == 1);
	NEED(serve(large, sizeof large, true) == 1);
	NEED(close(STDIN_FILENO) == 0 && open("/dev/null", O_RDONLY) == 0);
	NEED(fetch_standby(refuse) == 1);
	return 0;
}

static void
no_question_ends_it(void **state)
{
	(void)state;
	assert_int_equal(ran_apart(questions_that_are_none), 0);
}

/* --- */

static int
before_each(void **state)
{
	call_it("good");
	return ran_before(state);
}

static int
after_each(void **state)
{
	standby_end(&standby);
	standby_end(&standby); /* does nothing */
	return ran_after(state);
}

static int
make_directory(void **state)
{
	(void)state;
	memcpy(directory, TEMPLATE, sizeof directory);
	return mkdtemp(directory) != NULL && chmod(directory, 0755) == 0 ? 0
									 : -1;
}

static int
remove_directory(void **state)
{
	static const char *const names[] = { "good", "old", "short", "stopped",
		"mute" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		(void)snprintf(helper, sizeof helper, "%s/%s", directory,
		    names[i]);
		(void)unlink(helper);
	}
	return rmdir(directory);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, before_each, after_each)

int
main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		TEST(missing_one_is_told),
		TEST(root_stays_forbidden),
		TEST(no_question_ends_it),
	};
	/* They start this program, with a helper's limits. */
	const struct CMUnitTest limited[] = {
		TEST(each_question_has_a_process_and_all_one_parent),
		TEST(output_reason_and_code_come_back),
		TEST(process_is_bare_and_limited),
		TEST(after_a_signal_there_is_another),
		TEST(deadline_ends_all_of_it),
		TEST(flood_is_stopped),
		TEST(lost_one_is_made_up_for),
		TEST(killed_between_questions),
		TEST(one_that_cannot_stand_by_is_made_up_for),
		TEST(one_that_never_answers_is_late),
		TEST(too_much_is_asked_of_one_of_its_own),
	};
	int failed;

	if (argc == 2 && strcmp(argv[1], "--standby") == 0)
		return stand_by(basename(argv[0]));
	if (argc == 2)
		return run_script(argc, argv);
	failed = cmocka_run_group_tests(tests, make_directory,
	    remove_directory);
	if (!SANITIZED)
		failed += cmocka_run_group_tests(limited, make_directory,
		    remove_directory);
	return failed;
}
