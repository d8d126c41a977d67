/* SPDX-License-Identifier: GPL-2.0-or-later */
/* owner.c - work in the cache directory as the user it belongs to. */
#include "owner.h"
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* lstat() would follow "link/". */
static int
lstat_bare(const char *dir, struct stat *st)
{
	char bare[PATH_MAX];
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	if (n >= sizeof bare) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(bare, dir, n);
	bare[n] = '\0';
	return lstat(bare, st);
}

enum sts_status
owner_of(const char *dir, uid_t *uid, gid_t *gid, struct sts_error *err)
{
	struct stat st;

	if (lstat_bare(dir, &st) != 0)
		return error_set(err, STS_SYSTEM,
		    errno == ENOENT ? "cache-missing" : "cache-open", "%s: %s",
		    dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return error_set(err, STS_SYSTEM, "cache-open",
		    "%s: not a directory", dir);
	*uid = st.st_uid;
	*gid = st.st_gid;
	return STS_OK;
}

static bool
set_group(gid_t gid)
{
	return setresgid((gid_t)-1, gid, (gid_t)-1) == 0;
}

static bool
set_user(uid_t uid)
{
	return setresuid((uid_t)-1, uid, (uid_t)-1) == 0;
}

/* Does not fail: the saved ids are still root's. */
static void
go_back(const struct owner *o)
{
	bool back = set_user(o->euid) && set_group(o->egid);

	(void)back;
}

enum sts_status
owner_enter(const char *dir, struct owner *o, struct sts_error *err)
{
	enum sts_status status;
	uid_t uid = 0;
	gid_t gid = 0;

	o->euid = geteuid();
	o->egid = getegid();
	o->switched = false;
	status = owner_of(dir, &uid, &gid, err);
	if (status != STS_OK || o->euid != 0)
		return status;
	/* Root's files in there could not be opened by Exim's own user. */
	if (uid == 0)
		return error_set(err, STS_SYSTEM, "cache-owner",
		    "%s belongs to root; it must belong to Exim's user", dir);
	if (!set_group(gid) || !set_user(uid)) {
		status = error_set(err, STS_SYSTEM, "cache-owner",
		    "cannot become user %lu, group %lu: %s",
		    (unsigned long)uid, (unsigned long)gid, strerror(errno));
		go_back(o);
		return status;
	}
	o->switched = true;
	return STS_OK;
}

void
owner_leave(const struct owner *o)
{
	int keep = errno;

	if (o->switched)
		go_back(o);
	errno = keep;
}
