/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_sandbox.h - hold the helper to what it needs, whatever a stranger's
 * bytes may have made of it.
 *
 * A seccomp filter: no other program, no new process, no thread, no word to
 * any process but itself, no file written or changed, no sockets but those of
 * the Internet, of this host's name services and of the routing table, nobody
 * waited for, no way out of its process group, and none of the calls of the
 * kernel that only administrators and attackers need.  What is refused gives
 * an error and does not kill.
 *
 * Landlock: files are read below some directories only.  Those in which mail
 * and policies are kept are not among them.
 *
 * A kernel that lacks one or both is no reason to stop: rights and limits were
 * given up before (become.h). */
#ifndef FETCH_SANDBOX_H
#define FETCH_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

struct fetch_sandbox {
	bool filter; /* seccomp */
	int landlock; /* version of its rules; 0: none */
};

/* For good, and after all else that takes rights.  The files of authorities
 * (or NULL) stay readable, though not what links in them lead to elsewhere. */
void fetch_sandbox_enter(const char *ca_file, const char *ca_path,
    struct fetch_sandbox *held);

/* From now on TCP goes to this port only.  False where the kernel cannot hold
 * us to that. */
bool fetch_sandbox_port(uint16_t port);

#endif
