/* SPDX-License-Identifier: GPL-2.0-or-later */
/* owner.h - work in the cache directory as the user it belongs to.
 *
 * Exim calls us as root (routers), as its own user (ACLs, transports) and as
 * anybody (exim -be).  What we leave in the directory must always belong to
 * its owner, and root must not follow what that owner may have planted. */
#ifndef OWNER_H
#define OWNER_H

#include <sys/types.h>
#include "../protocol/status.h"

/* The directory's owner and group.  STS_SYSTEM when dir is not a directory
 * (symbolic links are not followed) or cannot be seen; word "cache-missing"
 * when it does not exist. */
enum sts_status owner_of(const char *dir, uid_t *uid, gid_t *gid,
    struct sts_error *err) STS_CHECKED;

struct owner {
	uid_t euid; /* what to go back to */
	gid_t egid;
	bool switched;
};

/* Takes the effective user and group of dir's owner when we are root, else
 * changes nothing.  Every success is paired with owner_leave(). */
enum sts_status owner_enter(const char *dir, struct owner *o,
    struct sts_error *err) STS_CHECKED;
void owner_leave(const struct owner *o); /* keeps errno */

#endif
