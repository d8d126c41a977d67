/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standby.c - a helper that stands by, and how it is asked.
 *
 * A question is one message: the arguments of a helper, each with its NUL, and
 * with it the descriptors for its output and its reason.  The answer is one,
 * too: how that process ended, as waitpid() has it. */
#include "standby.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../store/clock.h"
#include "drain.h"
#include "fetch_standby.h"

/* --- to have one ---------------------------------------------------------- */

/* Who ends is to be seen by us, or its number could be another's; and who lost
 * his parent is to be reaped by us, not by whatever is process 1. */
static bool
keep_children(void)
{
	struct sigaction act;

	memset(&act, 0, sizeof act);
	act.sa_handler = SIG_DFL;
	return sigaction(SIGCHLD, &act, NULL) == 0 &&
	    prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) == 0;
}

static bool
start(struct standby *s, const struct child *like)
{
	const char *argv[] = { like->argv[0], "--standby", NULL };
	struct child c = {
		.argv = argv,
		.uid = like->uid,
		.gid = like->gid,
		.forks = true,
	};
	int fd[2];

	if (!keep_children() ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0)
		return false;
	c.in = fd[1];
	/* Below 3 it would be no descriptor for child_start(). */
	if (fd[0] < 3 || fd[1] < 3 || child_start(&c, &s->pid, NULL) != STS_OK)
		s->pid = -1;
	(void)close(fd[1]);
	if (s->pid < 0)
		(void)close(fd[0]);
	else
		s->fd = fd[0];
	return s->pid >= 0;
}

void
standby_end(struct standby *s)
{
	if (s->pid >= 0)
		child_stop(s->pid);
	drain_close(&s->fd);
	s->pid = -1;
}

/* --- one question -------------------------------------------------------- */

/* 0: they are too long. */
static size_t
join(const char *const *argv, char out[STANDBY_REQUEST_MAX])
{
	size_t len = 0;

	for (; *argv != NULL; argv++) {
		size_t n = strlen(*argv) + 1;

		if (n > STANDBY_REQUEST_MAX - len)
			return 0;
		memcpy(out + len, *argv, n);
		len += n;
	}
	return len;
}

static bool
ask(int to, const char *const *argv, int out, int why)
{
	const int fds[STANDBY_FDS] = { out, why };
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof fds)];
	} control = { .bytes = { 0 } };
	char text[STANDBY_REQUEST_MAX];
	struct iovec v = { text, join(argv, text) };
	struct msghdr m = {
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control,
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fds);
	memcpy(CMSG_DATA(c), fds, sizeof fds);
	return v.iov_len > 0 &&
	    sendmsg(to, &m, MSG_NOSIGNAL) == (ssize_t)v.iov_len;
}

enum outcome {
	OUTCOME_TOLD,
	OUTCOME_LATE, /* or flooded */
	OUTCOME_LOST
};

/* How the process ended. */
static enum outcome
hear(int from, int64_t deadline, struct child_end *end)
{
	struct pollfd p = { .fd = from, .events = POLLIN };
	int status;
	int n;

	do
		n = poll(&p, 1, clock_left(deadline));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return OUTCOME_LATE;
	if (recv(from, &status, sizeof status, MSG_DONTWAIT) !=
	    (ssize_t)sizeof status)
		return OUTCOME_LOST;
	if (WIFEXITED(status))
		end->exit_code = WEXITSTATUS(status);
	else if (WIFSIGNALED(status))
		end->signal = WTERMSIG(status);
	else
		return OUTCOME_LOST;
	return OUTCOME_TOLD;
}

static enum outcome
listen_to(const struct standby *s, const struct child *c, struct drain *out,
    struct drain *why, struct child_end *end)
{
	enum outcome o = OUTCOME_LATE;

	if (drain_both(out, why, c->deadline))
		o = hear(s->fd, c->deadline, end);
	end->out_len = out->len;
	end->why_len = why->len;
	end->flooded = drain_is_flooded(out, why);
	end->timed_out = o == OUTCOME_LATE && !end->flooded;
	return o;
}

static enum outcome
ask_on_pipes(const struct standby *s, const struct child *c,
    struct child_end *end)
{
	struct drain from_out = { .buf = c->out, .cap = c->out_cap };
	struct drain from_why = { .buf = c->why, .cap = c->why_cap };
	int out[2] = { -1, -1 };
	int why[2] = { -1, -1 };
	enum outcome o = OUTCOME_LOST;
	bool asked;

	asked = drain_pipe(out) && drain_pipe(why) &&
	    ask(s->fd, c->argv, out[1], why[1]);
	drain_close(&out[1]);
	drain_close(&why[1]);
	from_out.fd = out[0];
	from_why.fd = why[0];
	if (asked)
		o = listen_to(s, c, &from_out, &from_why, end);
	drain_close(&from_out.fd);
	drain_close(&from_why.fd);
	return o;
}

enum sts_status
standby_run(void *arg, const struct child *c, struct child_end *end,
    struct sts_error *err)
{
	struct standby *s = arg;
	enum outcome o;

	/* It has no file to give. */
	if (c->in != 0 || (s->pid < 0 && !start(s, c)))
		return child_run(c, end, err);
	*end = (struct child_end){ .exit_code = -1 };
	o = ask_on_pipes(s, c, end);
	if (o != OUTCOME_TOLD || end->signal != 0)
		standby_end(s);
	return o == OUTCOME_LOST ? child_run(c, end, err) : STS_OK;
}
