/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rewrite.c - change a text file of the administrator's. */
#include "rewrite.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../store/clock.h"

#define WAIT_MS 5000 /* for another change */
#define TRY_EVERY_MS 50
#define NEW_MODE 0644

static enum sts_status
failed(struct sts_error *err, const char *word, const char *path)
{
	if (errno == EACCES || errno == EPERM)
		return error_set(err, STS_SYSTEM, word,
		    "no permission to change %.120s: run this as root", path);
	return error_set(err,
	    errno == ENOMEM ? STS_NOMEM : STS_SYSTEM, word, "%.120s: %s", path,
	    strerror(errno));
}

/* The file itself, so that a link to it stays one; a new file's own name. */
static char *
real_name(const char *path)
{
	char *real = realpath(path, NULL);

	return real == NULL && errno == ENOENT ? strdup(path) : real;
}

/* Takes the lock file, which nobody but its owner can open: a lock on the file
 * or on its directory could be held by whoever may read it.  Whoever had it
 * before has deleted it: then ours is a file that nobody else sees. */
static bool
try_lock(struct rewrite *r)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat mine, there;

	r->lock = open(r->lock_path,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r->lock < 0)
		return false;
	if (fcntl(r->lock, F_OFD_SETLK, &lock) == 0 &&
	    fstat(r->lock, &mine) == 0 && stat(r->lock_path, &there) == 0 &&
	    mine.st_dev == there.st_dev && mine.st_ino == there.st_ino)
		return true;
	(void)close(r->lock);
	r->lock = -1;
	errno = EAGAIN;
	return false;
}

static enum sts_status
take_lock(struct rewrite *r, struct sts_error *err)
{
	int64_t deadline = clock_ms() + WAIT_MS;

	if (asprintf(&r->lock_path, "%s.lock", r->path) < 0) {
		r->lock_path = NULL;
		errno = ENOMEM;
		return failed(err, "memory", r->path);
	}
	while (!try_lock(r)) {
		if (errno == EACCES || errno == EPERM)
			return failed(err, "write", r->path);
		if (errno != EAGAIN)
			return failed(err, "write", r->lock_path);
		if (clock_left(deadline) == 0)
			return error_set(err, STS_SYSTEM, "busy",
			    "%.120s: somebody else is changing it", r->path);
		(void)poll(NULL, 0, TRY_EVERY_MS);
	}
	return STS_OK;
}

static enum sts_status
open_old(struct rewrite *r, struct stat *st, struct sts_error *err)
{
	memset(st, 0, sizeof *st);
	st->st_mode = NEW_MODE;
	st->st_uid = geteuid();
	st->st_gid = getegid();
	r->in = fopen(r->path, "re");
	if (r->in == NULL)
		return errno == ENOENT ? STS_OK : failed(err, "read", r->path);
	if (fstat(fileno(r->in), st) != 0)
		return failed(err, "read", r->path);
	if (!S_ISREG(st->st_mode))
		return error_set(err, STS_SYSTEM, "read",
		    "%.120s: not a regular file", r->path);
	return STS_OK;
}

static enum sts_status
open_new(struct rewrite *r, const struct stat *st, struct sts_error *err)
{
	int fd;

	if (asprintf(&r->temp, "%s.XXXXXX", r->path) < 0) {
		r->temp = NULL;
		return failed(err, "memory", r->path);
	}
	fd = mkostemp(r->temp, O_CLOEXEC);
	if (fd < 0) {
		free(r->temp);
		r->temp = NULL;
		return failed(err, "write", r->path);
	}
	r->out = fdopen(fd, "w");
	if (r->out == NULL) {
		(void)close(fd);
		return failed(err, "memory", r->path);
	}
	if ((st->st_uid != geteuid() || st->st_gid != getegid()) &&
	    fchown(fd, st->st_uid, st->st_gid) != 0)
		return failed(err, "write", r->path);
	if (fchmod(fd, st->st_mode & 07777) != 0)
		return failed(err, "write", r->path);
	return STS_OK;
}

enum sts_status
rewrite_begin(const char *path, struct rewrite *r, struct sts_error *err)
{
	enum sts_status status;
	struct stat st;

	memset(r, 0, sizeof *r);
	r->lock = -1;
	r->path = real_name(path);
	if (r->path == NULL)
		return failed(err, "read", path);
	status = take_lock(r, err);
	if (status == STS_OK)
		status = open_old(r, &st, err);
	return status == STS_OK ? open_new(r, &st, err) : status;
}

/* The change is made; this only makes it outlive a crash. */
static void
sync_directory(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL
	    ? strdup(".")
	    : strndup(path, (size_t)(slash - path) + 1);
	int fd = dir == NULL ? -1
			     : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	free(dir);
	if (fd < 0)
		return;
	(void)fsync(fd);
	(void)close(fd);
}

enum sts_status
rewrite_commit(struct rewrite *r, struct sts_error *err)
{
	bool kept = fflush(r->out) == 0 && !ferror(r->out) &&
	    fsync(fileno(r->out)) == 0;

	if (!kept || rename(r->temp, r->path) != 0)
		return failed(err, "write", r->path);
	free(r->temp);
	r->temp = NULL;
	sync_directory(r->path);
	return STS_OK;
}

void
rewrite_end(struct rewrite *r)
{
	if (r->temp != NULL)
		(void)unlink(r->temp);
	if (r->in != NULL)
		(void)fclose(r->in);
	if (r->out != NULL)
		(void)fclose(r->out);
	if (r->lock >= 0) {
		(void)unlink(r->lock_path);
		(void)close(r->lock);
	}
	free(r->lock_path);
	free(r->temp);
	free(r->path);
	memset(r, 0, sizeof *r);
	r->lock = -1;
}
