/* SPDX-License-Identifier: GPL-2.0-or-later */
/* workers.h - a few processes like this one that take jobs from it and report
 * what came of them: fork without exec.  For the tool only; what Exim loads
 * must not fork itself.
 *
 * A worker does one job after another and ends when the parent does.  One that
 * is gone, or takes too long and is killed, loses its job, and only that. */
#ifndef WORKERS_H
#define WORKERS_H

#include <signal.h>
#include <stdint.h>
#include "../protocol/status.h"

#define WORKERS_MAX 64u
#define WORKERS_JOB_MAX 1024u /* bytes */

struct workers_plan {
	unsigned n; /* 1 to WORKERS_MAX */
	size_t result_size; /* bytes; at most WORKERS_JOB_MAX */
	unsigned job_seconds; /* after which a worker is killed */
	/* In a worker: once, before anything else, and after all else unless it
	 * is killed.  Both may be NULL. */
	void (*begin)(void *arg);
	void (*end)(void *arg);
	/* In a worker: fills *result, which is all zero. */
	void (*work)(void *arg, const char *job, void *result);
	/* In the parent; result is NULL when the worker was lost. */
	void (*done)(void *arg, const char *job, const void *result);
	void *arg;
	/* Set by a signal handler: then no function here waits any longer. */
	const volatile sig_atomic_t *stop;
};

struct workers;

/* plan is borrowed until workers_end().  NULL and err when not even one worker
 * could be started. */
struct workers *workers_start(const struct workers_plan *plan,
    struct sts_error *err);
/* Hands job to a free worker, and waits for one.  False: there is none any
 * more, or *stop. */
bool workers_give(struct workers *w, const char *job) STS_CHECKED;
/* Takes results until the time (clock.h) has come. */
void workers_wait(struct workers *w, int64_t until);
/* Takes all results that are still to come, unless *stop. */
void workers_finish(struct workers *w);
unsigned workers_busy(const struct workers *w);
/* Ends the workers, whatever they do, and frees w (or NULL). */
void workers_end(struct workers *w);

#endif
