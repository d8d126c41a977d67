/* SPDX-License-Identifier: GPL-2.0-or-later */
/* program.c - run one of the administrator's own programs. */
#include "program.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../store/clock.h"

static bool
prepare(posix_spawn_file_actions_t *files, posix_spawnattr_t *how, int in,
    int out)
{
	sigset_t all, none;

	return sigfillset(&all) == 0 && sigemptyset(&none) == 0 &&
	    posix_spawnattr_setflags(how,
		(short)(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
		    POSIX_SPAWN_SETSIGMASK)) == 0 &&
	    posix_spawnattr_setsigdefault(how, &all) == 0 &&
	    posix_spawnattr_setsigmask(how, &none) == 0 &&
	    (in < 0 ? posix_spawn_file_actions_addopen(files, 0, "/dev/null",
			  O_RDONLY, 0)
		    : posix_spawn_file_actions_adddup2(files, in, 0)) == 0 &&
	    posix_spawn_file_actions_adddup2(files, out, 1) == 0 &&
	    posix_spawn_file_actions_adddup2(files, out, 2) == 0;
}

static bool
start(const char *const *argv, int in, int out, pid_t *pid)
{
	/* What a shell script of Debian's needs. */
	char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char locale[] = "LC_ALL=C";
	char *env[] = { path, locale, NULL };
	union {
		const char *const *ours;
		char *const *spawn_s;
	} args = { argv };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	bool started = false;

	if (posix_spawn_file_actions_init(&files) != 0)
		return false;
	if (posix_spawnattr_init(&how) == 0) {
		started = prepare(&files, &how, in, out) &&
		    posix_spawn(pid, argv[0], &files, &how, args.spawn_s,
			env) == 0;
		(void)posix_spawnattr_destroy(&how);
	}
	(void)posix_spawn_file_actions_destroy(&files);
	return started;
}

/* Reads to the end, or until the time is up: then false. */
static bool
drain(int fd, int64_t deadline, char *out, size_t cap, size_t *len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char spill[512];
	ssize_t n;

	for (;;) {
		int left = clock_left(deadline);

		if (left == 0)
			return false;
		if (poll(&p, 1, left) <= 0)
			continue;
		if (*len + 1 < cap)
			n = read(fd, out + *len, cap - 1 - *len);
		else
			n = read(fd, spill, sizeof spill);
		if (n == 0 || (n < 0 && errno != EINTR))
			return true;
		if (n > 0 && *len + 1 < cap)
			*len += (size_t)n;
	}
}

/* Waits for its end; when the time is up, whatever is left of all it started is
 * killed. */
static void
wait_for(pid_t pid, bool in_time, int64_t deadline, struct program_end *end)
{
	int status = 0;
	pid_t got = 0;

	while (in_time && got == 0) {
		got = waitpid(pid, &status, WNOHANG);
		in_time = got != 0 || clock_left(deadline) > 0;
		if (got == 0 && in_time)
			(void)poll(NULL, 0, 1);
	}
	if (!in_time) {
		/* Perhaps only a child of its own holds its output. */
		got = waitpid(pid, &status, WNOHANG);
		end->timed_out = got == 0;
		(void)kill(-pid, SIGKILL);
	}
	if (end->timed_out)
		(void)waitpid(pid, &status, 0);
	else if (got == pid && WIFEXITED(status))
		end->exit_code = WEXITSTATUS(status);
}

bool
program_feed(const char *const *argv, int in, unsigned seconds, char *out,
    size_t cap, struct program_end *end, struct sts_error *err)
{
	int64_t deadline = clock_ms() + (int64_t)seconds * 1000;
	int fd[2] = { -1, -1 };
	bool started, in_time;
	pid_t pid = -1;

	*end = (struct program_end){ .exit_code = -1 };
	out[0] = '\0';
	started = pipe2(fd, O_CLOEXEC) == 0 && start(argv, in, fd[1], &pid);
	if (fd[1] >= 0)
		(void)close(fd[1]);
	if (started) {
		in_time = drain(fd[0], deadline, out, cap, &end->len);
		out[end->len] = '\0';
		wait_for(pid, in_time, deadline, end);
	} else
		(void)error_set(err, STS_SYSTEM, "program",
		    "%s cannot be run", argv[0]);
	if (fd[0] >= 0)
		(void)close(fd[0]);
	return started;
}

bool
program_run(const char *const *argv, unsigned seconds, char *out, size_t cap,
    struct program_end *end, struct sts_error *err)
{
	return program_feed(argv, -1, seconds, out, cap, end, err);
}

const char *
program_exim(void)
{
	static const char *const places[] = { "/usr/sbin/exim4",
		"/usr/sbin/exim", "/usr/exim/bin/exim",
		"/usr/local/sbin/exim" };

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}
