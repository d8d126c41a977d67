/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbopen.c - a TDB file of ours: its names, its handle and its locks. */
#include "tdbopen.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h> /* for tdb.h */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <tdb.h>
#include "../protocol/text.h"
#include "clock.h"

#define LARGE (64u << 20) /* bytes; 150,000 policies or so */

bool
tdbopen_path(const struct tdbfile *f, const char *suffix,
    char path[TDBOPEN_PATH])
{
	struct text t;

	text_init(&t, path, TDBOPEN_PATH);
	text_add(&t, f->dir);
	text_add(&t, "/");
	text_add(&t, f->name);
	text_add(&t, suffix);
	errno = ENAMETOOLONG;
	return !t.full;
}

/* --- locks ---------------------------------------------------------------- */

int64_t
tdbopen_deadline(const struct tdbfile *f)
{
	int64_t most = clock_ms() + TDBOPEN_WAIT_MS;

	return f->deadline != 0 && f->deadline < most ? f->deadline : most;
}

bool
tdbopen_comes_free(int fd, short type, off_t from, off_t len,
    int64_t deadline)
{
	do {
		struct flock l = { .l_type = type,
			.l_whence = SEEK_SET,
			.l_start = from,
			.l_len = len };

		if (fcntl(fd, F_GETLK, &l) != 0 || l.l_type == F_UNLCK)
			return true;
		(void)poll(NULL, 0, 1);
	} while (clock_left(deadline) > 0);
	errno = EAGAIN;
	return false;
}

bool
tdbopen_lock_writers(struct tdb_context *t, int64_t deadline)
{
	while (tdb_lockall_read_nonblock(t) != 0) {
		if (tdb_error(t) != TDB_ERR_LOCK || clock_left(deadline) == 0)
			return false;
		(void)poll(NULL, 0, 1);
	}
	return true;
}

/* --- handles -------------------------------------------------------------- */

/* O_NONBLOCK: nobody shall make us wait by planting a FIFO. */
static struct tdb_context *
open_tdb(const struct tdbfile *f, const char *path, int hash_size, int flags,
    int tdb_flags)
{
	struct tdb_context *t;

	errno = 0;
	t = tdb_open(path, hash_size,
	    tdb_flags | TDB_INCOMPATIBLE_HASH |
		(f->durable ? 0 : TDB_NOSYNC),
	    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, TDBOPEN_MODE);
	/* Whoever started Exim may have TDB_NO_FSYNC in his environment. */
	if (t != NULL && f->durable)
		tdb_remove_flags(t, TDB_NOSYNC);
	return t;
}

/* With a wrong hash size TDB would look in the wrong places. */
struct tdb_context *
tdbopen_at(const struct tdbfile *f, const char *path)
{
	struct tdb_context *t = open_tdb(f, path, 0, 0, TDB_NOMMAP);
	int n = t != NULL ? tdb_hash_size(t) : 0;

	if (t == NULL || n == TDBFORMAT_CHAINS || n == TDBFORMAT_CHAINS_LARGE)
		return t;
	(void)tdb_close(t);
	errno = EIO;
	return NULL;
}

/* Whether the file can be opened without waiting for somebody else who is
 * just doing so (TDB's lock for that is byte 0); else errno says why not. */
static bool
may_be_opened(const char *path, int64_t deadline)
{
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool ok;
	int keep;

	if (fd < 0)
		return false;
	ok = tdbopen_comes_free(fd, F_WRLCK, 0, 1, deadline);
	keep = errno;
	(void)close(fd);
	errno = keep;
	return ok;
}

/* What of the beginning of a TDB file never changes. */
static bool
read_head(int fd, char head[TDBFILE_HEAD])
{
	/* But where the recovery area is, and a sequence number. */
	enum {
		CHANGES = 44,
		STAYS = 52
	};

	if (pread(fd, head, TDBFILE_HEAD, 0) != TDBFILE_HEAD)
		return false;
	memset(head + CHANGES, 0, STAYS - CHANGES);
	return true;
}

bool
tdbopen_file(struct tdbfile *f)
{
	char path[TDBOPEN_PATH];
	struct stat st;
	int fd;

	if (!tdbopen_path(f, "", path) ||
	    !may_be_opened(path, tdbopen_deadline(f)))
		return false;
	f->tdb = tdbopen_at(f, path);
	if (f->tdb == NULL)
		return false;
	fd = tdb_fd(f->tdb);
	errno = EIO;
	if (fstat(fd, &st) != 0 || !read_head(fd, f->head)) {
		int keep = errno;

		tdbfile_close(f);
		errno = keep;
		return false;
	}
	f->pid = getpid();
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	return true;
}

struct tdb_context *
tdbopen_create(const struct tdbfile *f, const char *path, uint64_t size)
{
	struct tdb_context *t;

	(void)unlink(path);
	/* Nobody else has it: mmap is fast and safe. */
	t = open_tdb(f, path,
	    size > LARGE ? TDBFORMAT_CHAINS_LARGE : TDBFORMAT_CHAINS,
	    O_CREAT | O_EXCL, TDB_DEFAULT);
	/* Whatever the umask is. */
	if (t != NULL && fchmod(tdb_fd(t), TDBOPEN_MODE) != 0) {
		(void)tdb_close(t);
		t = NULL;
	}
	return t;
}

bool
tdbopen_is_current(const struct tdbfile *f)
{
	char path[TDBOPEN_PATH];
	struct stat st;

	return f->tdb != NULL && f->pid == getpid() &&
	    tdbopen_path(f, "", path) && lstat(path, &st) == 0 &&
	    st.st_ino == f->ino && st.st_dev == f->dev;
}

bool
tdbopen_begins_well(const struct tdbfile *f)
{
	char head[TDBFILE_HEAD];

	return read_head(tdb_fd(f->tdb), head) &&
	    memcmp(head, f->head, sizeof head) == 0;
}
