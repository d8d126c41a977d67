/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_standby.h - the helper's side of standby.h. */
#ifndef FETCH_STANDBY_H
#define FETCH_STANDBY_H

#define STANDBY_REQUEST_MAX 8192u /* bytes: all arguments with their NULs */
#define STANDBY_ARGS_MAX 16
#define STANDBY_FDS 2u

/* Takes questions from the socket on fd 0 until it ends; each is answered by
 * run(), in a process that has nothing but that question and its two
 * descriptors, has no processes of its own, and dies with this one.  What run()
 * returns is its exit code.  Returns 0; or 1: that was no socket, or no
 * question, or there is no process to be had. */
int fetch_standby(int (*run)(int argc, char *argv[]));

#endif
