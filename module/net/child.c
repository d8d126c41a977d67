/* SPDX-License-Identifier: GPL-2.0-or-later */
/* child.c - run another program without trusting it and without leaving
 * anything behind. */
#include "child.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../store/clock.h"
#include "become.h"
#include "drain.h"

#define GRACE_MS 2000 /* for the kernel to end what was killed */

/* --- in the child: async-signal-safe calls only -------------------------- */
/* The handlers are Exim's and would work on Exim's affairs; so all signals
 * are blocked from before the fork until here. */
static bool
default_signals(void)
{
	/* The kernel's struct sigaction, whose zeros are SIG_DFL.  libc's own
	 * call refuses the two signals that it keeps for threads, which what
	 * make starts has ignored. */
	const char zeros[64] = { 0 };
	sigset_t none;

	/* Refused for the two that cannot have another action anyway. */
	for (int sig = 1; sig < NSIG; sig++)
		(void)syscall(SYS_rt_sigaction, sig, zeros, NULL, NSIG / 8);
	return sigemptyset(&none) == 0 &&
	    sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

static _Noreturn void
become_program(const char *const *argv)
{
	char *no_environment[] = { NULL };
	union {
		const char *const *ours;
		char *const *execve_s;
	} args = { argv };

	(void)execve(argv[0], args.execve_s, no_environment);
	_exit(CHILD_EXIT_EXEC);
}

static _Noreturn void
be_child(const struct child *c, int out, int why, pid_t parent)
{
	(void)setpgid(0, 0);
	if (!default_signals() ||
	    !become_bare(c->in > 2 ? c->in : -1, out, why))
		_exit(CHILD_EXIT_EXEC);
	/* Whatever happens to the parent, nobody waits for us then. */
	if (!become_user(c->uid, c->gid) || !become_limited(c->forks) ||
	    !become_bound(parent))
		_exit(CHILD_EXIT_RIGHTS);
	become_program(c->argv);
}

/* Exits at once and leaves a child behind that belongs to nobody. */
static _Noreturn void
be_parent_of_detached(const char *const *argv, uid_t uid, gid_t gid)
{
	pid_t pid;

	if (!default_signals() || !become_bare(-1, -1, -1) || setsid() < 0)
		_exit(CHILD_EXIT_EXEC);
	if (!become_user(uid, gid))
		_exit(CHILD_EXIT_RIGHTS);
	pid = fork();
	if (pid == 0)
		become_program(argv);
	_exit(pid > 0 ? 0 : CHILD_EXIT_EXEC);
}

/* --- in the parent ------------------------------------------------------- */
/* Exim ignores SIGCHLD in places, and has handlers that reap in others: our
 * children are to be seen by nobody but us. */
static bool
keep_children(struct sigaction *before)
{
	struct sigaction act;

	memset(&act, 0, sizeof act);
	act.sa_handler = SIG_DFL;
	return sigaction(SIGCHLD, &act, before) == 0;
}

static void
block_all(sigset_t *before)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, before);
}

static bool
is_allowed(uid_t uid)
{
	return uid != 0 || !become_may_root();
}

static enum sts_status
refuse_root(struct sts_error *err, const char *program)
{
	return error_set(err, STS_SYSTEM, "child-root",
	    "%s must not run as root", program);
}

/* Whether pid ends in time; it stays to be reaped, so that its number and
 * that of its group remain its own.  It has closed its pipes: no wait for
 * one that means well. */
static bool
ends_by(pid_t pid, int64_t deadline)
{
	siginfo_t info;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_PID, (id_t)pid, &info,
			WEXITED | WNOHANG | WNOWAIT) != 0 &&
		    errno != EINTR)
			return false;
		if (info.si_pid == pid)
			return true;
		if (clock_left(deadline) == 0)
			return false;
		(void)poll(NULL, 0, 1);
	}
}

/* Who has only switched root off may not kill whom root has started. */
static void
kill_group(pid_t pid)
{
	uid_t mine = geteuid();

	if (kill(-pid, SIGKILL) == 0 || errno != EPERM ||
	    setresuid((uid_t)-1, 0, (uid_t)-1) != 0)
		return;
	(void)kill(-pid, SIGKILL);
	/* It was ours a moment ago, and is never root. */
	while (setresuid((uid_t)-1, mine, (uid_t)-1) != 0)
		(void)poll(NULL, 0, 1);
}

static bool
reap(pid_t pid, struct child_end *end)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(pid, &status, WNOHANG);
	while (got < 0 && errno == EINTR);
	if (got != pid)
		return false;
	if (WIFEXITED(status))
		end->exit_code = WEXITSTATUS(status);
	else
		end->signal = WTERMSIG(status);
	return true;
}

static enum sts_status
wait_for_end(const struct child *c, pid_t pid, struct drain *out,
    struct drain *why, struct child_end *end, struct sts_error *err)
{
	bool ended = drain_both(out, why, c->deadline) &&
	    ends_by(pid, c->deadline);

	end->out_len = out->len;
	end->why_len = why->len;
	end->flooded = drain_is_flooded(out, why);
	end->timed_out = !ended && !end->flooded;
	/* Also when it ended: who knows what it leaves behind. */
	kill_group(pid);
	if (!ended && !ends_by(pid, clock_ms() + GRACE_MS))
		return error_set(err, STS_SYSTEM, "child-stuck",
		    "%s cannot be killed", c->argv[0]);
	if (!reap(pid, end))
		return error_set(err, STS_SYSTEM, "child-lost",
		    "%s was reaped by somebody else", c->argv[0]);
	return STS_OK;
}

static enum sts_status
start(const struct child *c, const int out[2], const int why[2], pid_t *pid,
    struct sts_error *err)
{
	pid_t parent = getpid();
	sigset_t mask;
	int error;

	block_all(&mask);
	*pid = fork();
	error = errno;
	if (*pid == 0)
		be_child(c, out[1], why[1], parent);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	if (*pid < 0)
		return error_set(err, STS_SYSTEM, "child-fork", "fork: %s",
		    strerror(error));
	/* The child does the same; whoever comes first. */
	(void)setpgid(*pid, *pid);
	return STS_OK;
}

static enum sts_status
run_on_pipes(const struct child *c, int out[2], int why[2],
    struct child_end *end, struct sts_error *err)
{
	struct drain from_out = { .buf = c->out, .cap = c->out_cap };
	struct drain from_why = { .buf = c->why, .cap = c->why_cap };
	struct sigaction before;
	enum sts_status status;
	pid_t pid = -1;

	if (!keep_children(&before))
		return error_set(err, STS_SYSTEM, "child-fork",
		    "SIGCHLD: %s", strerror(errno));
	status = start(c, out, why, &pid, err);
	drain_close(&out[1]);
	drain_close(&why[1]);
	from_out.fd = out[0];
	from_why.fd = why[0];
	out[0] = why[0] = -1;
	if (status == STS_OK)
		status = wait_for_end(c, pid, &from_out, &from_why, end, err);
	drain_close(&from_out.fd);
	drain_close(&from_why.fd);
	(void)sigaction(SIGCHLD, &before, NULL);
	return status;
}

enum sts_status
child_run(const struct child *c, struct child_end *end, struct sts_error *err)
{
	int out[2] = { -1, -1 };
	int why[2] = { -1, -1 };
	enum sts_status status;

	*end = (struct child_end){ .exit_code = -1 };
	if (!is_allowed(c->uid))
		return refuse_root(err, c->argv[0]);
	if (drain_pipe(out) && drain_pipe(why))
		status = run_on_pipes(c, out, why, end, err);
	else
		status = error_set(err, STS_SYSTEM, "child-pipe", "pipe: %s",
		    strerror(errno));
	for (int i = 0; i < 2; i++) {
		drain_close(&out[i]);
		drain_close(&why[i]);
	}
	return status;
}

enum sts_status
child_start(const struct child *c, pid_t *pid, struct sts_error *err)
{
	const int nowhere[2] = { -1, -1 };

	if (!is_allowed(c->uid))
		return refuse_root(err, c->argv[0]);
	return start(c, nowhere, nowhere, pid, err);
}

void
child_stop(pid_t pid)
{
	int64_t grace = clock_ms() + GRACE_MS;

	kill_group(pid);
	/* What the kernel cannot end is left to it. */
	while (waitpid(-pid, NULL, WNOHANG) >= 0) {
		if (clock_left(grace) == 0)
			return;
		(void)poll(NULL, 0, 1);
	}
}

/* The one between us and the detached one ends at once. */
static enum sts_status
reap_between(pid_t pid, const char *program, struct sts_error *err)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(err, STS_SYSTEM, "child-fork",
		    "%s could not be started", program);
	return STS_OK;
}

enum sts_status
child_detach(const char *const *argv, uid_t uid, gid_t gid,
    struct sts_error *err)
{
	struct sigaction before;
	enum sts_status status;
	sigset_t mask;
	pid_t pid;

	if (!is_allowed(uid))
		return refuse_root(err, argv[0]);
	if (!keep_children(&before))
		return error_set(err, STS_SYSTEM, "child-fork",
		    "SIGCHLD: %s", strerror(errno));
	block_all(&mask);
	pid = fork();
	if (pid == 0)
		be_parent_of_detached(argv, uid, gid);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	if (pid < 0)
		status = error_set(err, STS_SYSTEM, "child-fork", "fork: %s",
		    strerror(errno));
	else
		status = reap_between(pid, argv[0], err);
	(void)sigaction(SIGCHLD, &before, NULL);
	return status;
}
