/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drain.h - what a child writes to two pipes, read without trusting it to end
 * or to be brief. */
#ifndef DRAIN_H
#define DRAIN_H

#include <stddef.h>
#include <stdint.h>
#include "../protocol/status.h"

/* What comes out of one pipe. */
struct drain {
	int fd; /* -1: it has ended */
	char *buf;
	size_t cap;
	size_t len;
	size_t spilled; /* what did not fit */
};

/* A pipe above 0 to 2, which a caller may have closed.  False: none, and what
 * is open of fd is to be closed all the same. */
bool drain_pipe(int fd[2]) STS_CHECKED;
/* Closes *fd unless it is -1, which it becomes. */
void drain_close(int *fd);

/* Reads both to their ends.  False when it is to be stopped before: at the
 * deadline (clock.h), or for flooding. */
bool drain_both(struct drain *out, struct drain *why,
    int64_t deadline) STS_CHECKED;
/* More than fits came out of `out`, or no end out of `why`. */
bool drain_is_flooded(const struct drain *out, const struct drain *why);

#endif
