/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standby.h - a helper that stands by: it has loaded its libraries, and forks
 * a process for each fetch.  For who fetches much: loading them takes twice as
 * long as a fetch.
 *
 * It reads what we ask of it and nothing else.  Each fetch has a process of its
 * own, as bare, limited and held as if it had been executed, so none learns
 * anything from another one, and what it says comes to us directly. */
#ifndef STANDBY_H
#define STANDBY_H

#include "child.h"

struct standby {
	pid_t pid; /* -1: none is there; so it begins */
	int fd; /* the socket by which it is asked; -1 likewise */
};

/* As child_run(), for fetch_options.run; arg is a struct standby.  Starts the
 * helper when none is there.  Whatever is not as it should be ends it: a
 * deadline, a flood, a process of its that a signal ended (the next shall lie
 * elsewhere in memory).  One that was lost, or does not know how to stand by,
 * is made up for by child_run() itself.  SIGCHLD gets its default action, and
 * orphans of ours become children of ours. */
enum sts_status standby_run(void *arg, const struct child *c,
    struct child_end *end, struct sts_error *err) STS_CHECKED;

/* Ends the helper, if one is there, and what it does. */
void standby_end(struct standby *s);

#endif
