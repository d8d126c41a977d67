/* SPDX-License-Identifier: GPL-2.0-or-later */
/* child.h - run another program without trusting it and without leaving
 * anything behind.  The only exec of the project, and the only fork of what
 * Exim loads. */
#ifndef CHILD_H
#define CHILD_H

#include <stdint.h>
#include <sys/types.h>
#include "../protocol/status.h"

/* Exit codes of a child that never became the program. */
#define CHILD_EXIT_RIGHTS 126
#define CHILD_EXIT_EXEC 127

struct child {
	const char *const *argv; /* argv[0]: an absolute path; NULL ends it */
	uid_t uid; /* who it becomes when we are root; never 0 */
	gid_t gid;
	int64_t deadline; /* clock.h; then its whole process group is killed */
	int in; /* what it reads from fd 0, above 2; 0: /dev/null */
	bool forks; /* it may have processes of its own */
	char *out; /* what it writes to fd 1 ... */
	size_t out_cap;
	char *why; /* ... and to fd 2, cut at why_cap */
	size_t why_cap;
};

struct child_end {
	size_t out_len;
	size_t why_len;
	bool timed_out;
	bool flooded; /* wrote more than out_cap to fd 1, or no end to fd 2 */
	int exit_code; /* -1 when a signal ended it */
	int signal; /* 0 when it exited */
};

/* fork, then in the child: default signals, own process group, 0 on c->in,
 * 1 and 2 on pipes, every other descriptor closed, cwd /, umask 077,
 * resource limits, when we are root setgroups + setresgid + setresuid and a
 * check that there is no way back, no_new_privs, empty environment, exec.
 * Waits for the end within the deadline, reaps it whatever SIGCHLD says, and
 * restores SIGCHLD; should we die, it dies.  STS_OK: it ran, *end tells how it
 * ended (exit code CHILD_EXIT_EXEC: it could not be executed;
 * CHILD_EXIT_RIGHTS: it could not be stripped of its rights).  STS_SYSTEM: no
 * pipe, no fork, or we are root and uid is 0. */
enum sts_status child_run(const struct child *c, struct child_end *end,
    struct sts_error *err) STS_CHECKED;

/* The same for one that stays, with 1 and 2 on /dev/null and no deadline, until
 * child_stop(), which kills its group and reaps all of it that is a child of
 * ours.  SIGCHLD must have its default action for so long. */
enum sts_status child_start(const struct child *c, pid_t *pid,
    struct sts_error *err) STS_CHECKED;
void child_stop(pid_t pid);

/* Starts argv as a grandchild of nobody's (double fork, setsid, 0 to 2 on
 * /dev/null, as above else, but with no limits and no deadline) and returns at
 * once. */
enum sts_status child_detach(const char *const *argv, uid_t uid, gid_t gid,
    struct sts_error *err) STS_CHECKED;

#endif
