/* SPDX-License-Identifier: GPL-2.0-or-later */
/* workers.c - processes like this one that take jobs from it. */
#include "workers.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../store/clock.h"

/* How often the stop flag and the time limits are looked at. */
#define TICK_MS 100

struct worker {
	pid_t pid;
	int fd; /* -1: it is gone */
	int64_t deadline; /* of its job; 0: it is free */
	char job[WORKERS_JOB_MAX];
};

struct workers {
	const struct workers_plan *plan;
	struct worker worker[WORKERS_MAX];
	unsigned n; /* started */
};

/* --- a worker ------------------------------------------------------------- */

/* Results go back whole, or not at all. */
static bool
do_job(const struct workers_plan *plan, int fd)
{
	char job[WORKERS_JOB_MAX + 1];
	char result[WORKERS_JOB_MAX];
	ssize_t n;

	do
		n = recv(fd, job, sizeof job - 1, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	job[n] = '\0';
	memset(result, 0, sizeof result);
	plan->work(plan->arg, job, result);
	return send(fd, result, plan->result_size, MSG_NOSIGNAL) ==
	    (ssize_t)plan->result_size;
}

/* The parent alone decides what a key on the terminal means. */
static void
take_signals(pid_t parent)
{
	struct sigaction act;

	memset(&act, 0, sizeof act);
	act.sa_handler = SIG_IGN;
	(void)sigaction(SIGINT, &act, NULL);
	act.sa_handler = SIG_DFL;
	(void)sigaction(SIGTERM, &act, NULL);
	(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM, 0L, 0L, 0L);
	if (getppid() != parent)
		_exit(0);
}

/* The ends that the parent holds of the others' sockets must be nobody else's,
 * or they would never see it go. */
static _Noreturn void
be_worker(const struct workers *w, int fd, pid_t parent)
{
	take_signals(parent);
	for (unsigned i = 0; i < w->n; i++)
		if (w->worker[i].fd >= 0)
			(void)close(w->worker[i].fd);
	if (w->plan->begin != NULL)
		w->plan->begin(w->plan->arg);
	while (do_job(w->plan, fd))
		;
	if (w->plan->end != NULL)
		w->plan->end(w->plan->arg);
	_exit(0);
}

/* --- the parent ----------------------------------------------------------- */

static bool
start_one(struct workers *w)
{
	struct worker *one = &w->worker[w->n];
	pid_t parent = getpid();
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) != 0)
		return false;
	one->pid = fork();
	if (one->pid == 0) {
		(void)close(fd[0]);
		be_worker(w, fd[1], parent);
	}
	(void)close(fd[1]);
	one->fd = fd[0];
	if (one->pid < 0)
		(void)close(fd[0]);
	else
		w->n++;
	return one->pid > 0;
}

struct workers *
workers_start(const struct workers_plan *plan, struct sts_error *err)
{
	struct workers *w = calloc(1, sizeof *w);

	if (w == NULL) {
		(void)error_set(err, STS_NOMEM, "memory", "out of memory");
		return NULL;
	}
	w->plan = plan;
	/* What stdio still holds would be written by each of them. */
	(void)fflush(NULL);
	while (w->n < plan->n && w->n < WORKERS_MAX && start_one(w))
		;
	if (w->n > 0)
		return w;
	(void)error_set(err, STS_SYSTEM, "child-fork", "no worker: %s",
	    strerror(errno));
	free(w);
	return NULL;
}

static void
reap(struct worker *one)
{
	pid_t got;

	do
		got = waitpid(one->pid, NULL, 0);
	while (got < 0 && errno == EINTR);
	one->pid = -1;
}

static void
lose(struct workers *w, struct worker *one)
{
	bool busy = one->deadline != 0;

	(void)kill(one->pid, SIGKILL);
	reap(one);
	(void)close(one->fd);
	one->fd = -1;
	one->deadline = 0;
	if (busy)
		w->plan->done(w->plan->arg, one->job, NULL);
}

static void
take_result(struct workers *w, struct worker *one)
{
	char result[WORKERS_JOB_MAX];
	ssize_t n = recv(one->fd, result, sizeof result, 0);

	if (n < 0 && errno == EINTR)
		return;
	if (n != (ssize_t)w->plan->result_size || one->deadline == 0) {
		lose(w, one);
		return;
	}
	one->deadline = 0;
	w->plan->done(w->plan->arg, one->job, result);
}

/* Takes what comes within some milliseconds. */
static void
take_results(struct workers *w, int ms)
{
	struct pollfd p[WORKERS_MAX];

	for (unsigned i = 0; i < w->n; i++)
		p[i] = (struct pollfd){ .fd = w->worker[i].fd,
			.events = POLLIN };
	if (poll(p, w->n, ms < TICK_MS ? ms : TICK_MS) < 0)
		return;
	for (unsigned i = 0; i < w->n; i++) {
		struct worker *one = &w->worker[i];

		if (p[i].revents != 0)
			take_result(w, one);
		else if (one->deadline != 0 && clock_left(one->deadline) == 0)
			lose(w, one);
	}
}

static bool
is_stopped(const struct workers *w)
{
	return w->plan->stop != NULL && *w->plan->stop != 0;
}

static bool
give_to(struct workers *w, struct worker *one, const char *job)
{
	size_t n = strlen(job);

	if (n >= sizeof one->job ||
	    send(one->fd, job, n, MSG_NOSIGNAL) != (ssize_t)n)
		return false;
	memcpy(one->job, job, n + 1);
	one->deadline = clock_ms() + (int64_t)w->plan->job_seconds * 1000;
	return true;
}

/* One that is free, or NULL; then *alive are at work. */
static struct worker *
find_free(struct workers *w, unsigned *alive)
{
	*alive = 0;
	for (unsigned i = 0; i < w->n; i++) {
		struct worker *one = &w->worker[i];

		if (one->fd >= 0 && one->deadline == 0)
			return one;
		*alive += one->fd >= 0;
	}
	return NULL;
}

bool
workers_give(struct workers *w, const char *job)
{
	while (!is_stopped(w)) {
		unsigned alive;
		struct worker *one = find_free(w, &alive);

		if (one != NULL && give_to(w, one, job))
			return true;
		if (one != NULL)
			lose(w, one);
		else if (alive == 0)
			return false;
		else
			take_results(w, TICK_MS);
	}
	return false;
}

unsigned
workers_busy(const struct workers *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->n; i++)
		n += w->worker[i].deadline != 0;
	return n;
}

void
workers_wait(struct workers *w, int64_t until)
{
	int left;

	while (!is_stopped(w) && (left = clock_left(until)) > 0)
		take_results(w, left);
}

void
workers_finish(struct workers *w)
{
	while (!is_stopped(w) && workers_busy(w) > 0)
		take_results(w, TICK_MS);
}

void
workers_end(struct workers *w)
{
	if (w == NULL)
		return;
	for (unsigned i = 0; i < w->n; i++) {
		struct worker *one = &w->worker[i];

		if (one->fd < 0)
			continue;
		/* One at rest sees the end of the line; one at work may be
		 * stopped anywhere: so may a machine. */
		if (one->deadline != 0)
			(void)kill(one->pid, SIGKILL);
		(void)close(one->fd);
		reap(one);
	}
	free(w);
}
