/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_standby.c - a process for each question.  This one reads no other
 * bytes than its parent's, so it cannot be taken over by a stranger's. */
#include "fetch_standby.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "become.h"
#include "child.h"

struct question {
	char text[STANDBY_REQUEST_MAX];
	char *argv[STANDBY_ARGS_MAX + 1];
	int argc;
	int fd[STANDBY_FDS]; /* for output and reason */
};

static bool
take_descriptors(struct msghdr *m, struct question *q)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);

	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof q->fd))
		return false;
	memcpy(q->fd, CMSG_DATA(c), sizeof q->fd);
	return q->fd[0] > 2 && q->fd[1] > 2;
}

static bool
split(struct question *q, size_t len)
{
	char *p = q->text;

	if (q->text[len - 1] != '\0')
		return false;
	for (q->argc = 0; p < q->text + len; p += strlen(p) + 1) {
		if (q->argc == STANDBY_ARGS_MAX)
			return false;
		q->argv[q->argc++] = p;
	}
	q->argv[q->argc] = NULL;
	return true;
}

/* 1: *q is one; 0: there are no more; -1: that was none. */
static int
take(struct question *q)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof q->fd)];
	} control;
	struct iovec v = { q->text, sizeof q->text };
	struct msghdr m = {
		.msg_iov = &v,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control,
	};
	ssize_t n;

	do
		n = recvmsg(STDIN_FILENO, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n == 0 ? 0 : -1;
	return (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
		take_descriptors(&m, q) && split(q, (size_t)n)
	    ? 1
	    : -1;
}

/* The socket is gone before a stranger's first byte comes. */
static _Noreturn void
answer(struct question *q, pid_t parent, int (*run)(int argc, char *argv[]))
{
	int code = CHILD_EXIT_RIGHTS;

	if (become_bare(-1, q->fd[0], q->fd[1]) && become_limited(false) &&
	    become_bound(parent))
		code = run(q->argc, q->argv);
	/* No handlers of libraries: the kernel tidies up faster. */
	(void)fflush(stdout);
	_exit(code);
}

/* False: nobody would learn of it. */
static bool
answer_apart(struct question *q, int (*run)(int argc, char *argv[]))
{
	pid_t parent = getpid(), pid = fork(), got;
	int status = 0;

	if (pid == 0)
		answer(q, parent, run);
	for (size_t i = 0; i < STANDBY_FDS; i++)
		(void)close(q->fd[i]);
	if (pid < 0)
		return false;
	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	return got == pid &&
	    send(STDIN_FILENO, &status, sizeof status, MSG_NOSIGNAL) ==
	    (ssize_t)sizeof status;
}

int
fetch_standby(int (*run)(int argc, char *argv[]))
{
	static struct question q;
	int more;

	while ((more = take(&q)) == 1)
		if (!answer_apart(&q, run))
			return 1;
	return more == 0 ? 0 : 1;
}
