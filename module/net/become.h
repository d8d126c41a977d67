/* SPDX-License-Identifier: GPL-2.0-or-later */
/* become.h - give up what a process inherited or was born with.
 *
 * Made for the time between fork and exec: system calls only, no memory, no
 * stdio.  False means: do not go on, you are not what you should be. */
#ifndef BECOME_H
#define BECOME_H

#include <stdbool.h>
#include <sys/types.h>
#include "../protocol/status.h"

/* Whether root is one of the three user ids, and so can be had back. */
bool become_may_root(void);

/* 0, 1 and 2 on the descriptors given (above 2; -1: /dev/null), every other
 * one closed, cwd /, umask 077. */
bool become_bare(int in, int out, int why) STS_CHECKED;

/* Nobody but uid and gid (never 0) when there is a way to root, else whoever
 * we are; without capabilities, without a way to anything more, by exec
 * neither.  Checked. */
bool become_user(uid_t uid, gid_t gid) STS_CHECKED;

/* From root, uid and gid (never 0), with no way back of our own.  But programs
 * that belong to root and say so can be run as such: sendmail is one. */
bool become_sender(uid_t uid, gid_t gid) STS_CHECKED;

/* No core, no files, little memory and little time; and no processes, unless
 * it forks. */
bool become_limited(bool forks) STS_CHECKED;

/* Killed when parent, which started us, ends.  The kernel forgets this at a
 * change of user. */
bool become_bound(pid_t parent) STS_CHECKED;

#endif
