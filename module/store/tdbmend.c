/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbmend.c - a TDB file of ours: opened, set aside, made anew. */
#include "tdbmend.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h> /* for tdb.h */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <tdb.h>
#include "../protocol/text.h"
#include "clock.h"
#include "flight.h"
#include "owner.h"

/* A file begins with the first; what is copied into a new one because it has
 * outgrown that gets the second.  TDB copies the whole table for every
 * transaction: larger is not better. */
#define HASH_SIZE 10007
#define HASH_SIZE_LARGE 100003
#define LARGE (64u << 20) /* bytes; 150,000 policies or so */
#define MODE 0640
#define LOCK_WAIT_MS 2000
#define PATH_ROOM TDBMEND_PATH

/* What can be said of a file. */
enum condition {
	SOUND,
	MISSING,
	DAMAGED,
	UNKNOWN /* we have no right, no memory, no descriptor, no lock */
};

/* What mending came to, for the report when all locks are gone. */
struct mending {
	bool set_aside;
	bool copy_damaged;
	bool restored; /* from the last good copy */
	bool begun; /* anew, empty */
	bool had_something; /* a file or a copy: policies may be in it */
	int error; /* errno, when there is no file now */
};

bool
tdbmend_path(const struct tdbfile *f, const char *suffix, char path[PATH_ROOM])
{
	struct text t;

	text_init(&t, path, PATH_ROOM);
	text_add(&t, f->dir);
	text_add(&t, "/");
	text_add(&t, f->name);
	text_add(&t, suffix);
	errno = ENAMETOOLONG;
	return !t.full;
}

static void
tell(const struct tdbfile *f, const char *what, const char *more)
{
	char line[PATH_ROOM + 200];

	if (f->alert == NULL)
		return;
	(void)snprintf(line, sizeof line, "MTA-STS: ALERT: cache %s/%s %s%s",
	    f->dir, f->name, what, more);
	f->alert(f->arg, line);
}

static enum sts_status
cannot_open(const struct tdbfile *f, int error, struct sts_error *err)
{
	return error_set(err, STS_SYSTEM, "cache-open", "%s/%s: %s", f->dir,
	    f->name, error == 0 ? "damaged" : strerror(error));
}

/* owner_enter(); STS_ABSENT when there is no directory. */
static enum sts_status
enter(const struct tdbfile *f, struct owner *o, struct sts_error *err)
{
	struct sts_error why = { 0 };
	enum sts_status status = owner_enter(f->dir, o, &why);

	if (status == STS_OK)
		return STS_OK;
	if (strcmp(why.word, "cache-missing") == 0)
		status = STS_ABSENT;
	return error_set(err, status, why.word, "%s", why.text);
}

/* --- opening ---------------------------------------------------------- */

bool
tdbmend_comes_free(int fd, off_t from, off_t len)
{
	int64_t deadline = clock_ms() + LOCK_WAIT_MS;

	do {
		struct flock l = { .l_type = F_RDLCK,
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
	    O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, MODE);
	/* Whoever started Exim may have TDB_NO_FSYNC in his environment. */
	if (t != NULL && f->durable)
		tdb_remove_flags(t, TDB_NOSYNC);
	return t;
}

/* Whether the file can be opened without waiting for somebody else who is
 * just doing so (TDB's lock for that is byte 0); else errno says why not. */
static bool
may_be_opened(const char *path)
{
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool ok;
	int keep;

	if (fd < 0)
		return false;
	ok = tdbmend_comes_free(fd, 0, 1);
	keep = errno;
	(void)close(fd);
	errno = keep;
	return ok;
}

bool
tdbmend_head(int fd, char head[TDBFILE_HEAD])
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

/* With a wrong one TDB would look in the wrong places. */
static bool
has_our_hash_size(struct tdb_context *t)
{
	int n = tdb_hash_size(t);

	return n == HASH_SIZE || n == HASH_SIZE_LARGE;
}

/* False: errno. */
static bool
open_file(struct tdbfile *f)
{
	char path[PATH_ROOM];
	struct stat st;
	int fd;

	if (!tdbmend_path(f, "", path) || !may_be_opened(path))
		return false;
	f->tdb = open_tdb(f, path, 0, 0, TDB_NOMMAP);
	if (f->tdb == NULL)
		return false;
	fd = tdb_fd(f->tdb);
	errno = EIO;
	if (!has_our_hash_size(f->tdb) || fstat(fd, &st) != 0 ||
	    !tdbmend_head(fd, f->head)) {
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

bool
tdbmend_is_current(const struct tdbfile *f)
{
	char path[PATH_ROOM];
	struct stat st;

	return f->tdb != NULL && f->pid == getpid() && tdbmend_path(f, "", path) &&
	    lstat(path, &st) == 0 && st.st_ino == f->ino &&
	    st.st_dev == f->dev;
}

/* --- condition -------------------------------------------------------- */

/* What a failed open says of the file.  Of content that it does not understand
 * TDB says EIO or EINVAL, or nothing at all. */
static enum condition
condition_by(int error)
{
	if (error == ENOENT)
		return MISSING;
	return error == 0 || error == EIO || error == EINVAL ? DAMAGED
							     : UNKNOWN;
}

static enum condition
condition_after(struct tdb_context *t)
{
	enum TDB_ERROR error = tdb_error(t);

	/* TDB does not always say that it is about memory. */
	return errno == ENOMEM || error == TDB_ERR_OOM || error == TDB_ERR_LOCK
	    ? UNKNOWN
	    : DAMAGED;
}

static int
pass_over(struct tdb_context *t, TDB_DATA key, TDB_DATA value, void *arg)
{
	(void)t;
	(void)key;
	(void)value;
	(void)arg;
	return 0;
}

/* tdb_check() takes minutes to find out that a large file was filled with
 * zeros: so it comes second. */
static enum condition
condition_inside(struct tdb_context *t)
{
	if (!tdbmend_comes_free(tdb_fd(t), 0, 0))
		return UNKNOWN;
	errno = 0;
	for (unsigned i = 0; i < (unsigned)tdb_hash_size(t); i++)
		if (tdb_traverse_chain(t, i, pass_over, NULL) < 0)
			return condition_after(t);
	return tdb_check(t, NULL, NULL) == 0 ? SOUND : condition_after(t);
}

/* Opens the file and looks at all of it.  It stays open when it is SOUND; when
 * it is UNKNOWN errno says why. */
static enum condition
examine(struct tdbfile *f)
{
	enum condition c;

	if (!open_file(f))
		return condition_by(errno);
	c = condition_inside(f->tdb);
	if (c != SOUND)
		tdbfile_close(f);
	errno = EAGAIN;
	return c;
}

/* --- making; all of it as the owner, under lock 0 --------------------- */

bool
tdbmend_sync(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags);
	bool ok;

	if (fd < 0)
		return false;
	ok = fsync(fd) == 0;
	(void)close(fd);
	return ok;
}

struct tdb_context *
tdbmend_create(const struct tdbfile *f, const char *path, uint64_t size)
{
	struct tdb_context *t;

	(void)unlink(path);
	/* Nobody else has it: mmap is fast and safe. */
	t = open_tdb(f, path, size > LARGE ? HASH_SIZE_LARGE : HASH_SIZE,
	    O_CREAT | O_EXCL, TDB_DEFAULT);
	if (t != NULL && fchmod(tdb_fd(t), MODE) != 0) { /* whatever umask is */
		(void)tdb_close(t);
		t = NULL;
	}
	return t;
}

static bool
make_empty(const struct tdbfile *f, const char *path)
{
	struct tdb_context *t = tdbmend_create(f, path, 0);

	return t != NULL && tdb_close(t) == 0;
}

static bool
write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
copy_bytes(int from, int to)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof buf)) > 0)
		if (!write_all(to, buf, (size_t)n))
			return false;
	return n == 0;
}

static bool
copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int out;
	bool ok;
	int keep;

	if (in < 0)
		return false;
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    MODE);
	ok = out >= 0 && fchmod(out, MODE) == 0 && copy_bytes(in, out);
	keep = errno;
	(void)close(in);
	if (out >= 0)
		(void)close(out);
	errno = keep;
	return ok;
}

/* The last good copy under the name path.  Where there is one that cannot be
 * copied (a full disk, say) we must not begin without it. */
static enum condition
make_from_copy(const struct tdbfile *f, const char *path)
{
	char copy[PATH_ROOM];
	struct tdb_context *t;
	enum condition c;

	if (!tdbmend_path(f, ".1", copy))
		return UNKNOWN;
	if (!copy_file(copy, path))
		return condition_by(errno);
	t = open_tdb(f, path, 0, 0, TDB_NOMMAP);
	if (t == NULL)
		return condition_by(errno);
	c = condition_inside(t);
	errno = EAGAIN;
	return tdb_close(t) == 0 ? c : UNKNOWN;
}

/* A new file under the name fresh. */
static bool
make_fresh(const struct tdbfile *f, const char *fresh, bool want_copy,
    struct mending *m)
{
	enum condition copy = MISSING;

	(void)unlink(fresh);
	if (want_copy && f->durable)
		copy = make_from_copy(f, fresh);
	m->restored = copy == SOUND;
	m->copy_damaged = copy == DAMAGED;
	m->had_something = m->had_something || copy != MISSING;
	if (copy == UNKNOWN)
		return false;
	m->begun = copy != SOUND;
	return (copy == SOUND || make_empty(f, fresh)) &&
	    (!f->durable || tdbmend_sync(fresh, 0));
}

/* Puts a new file in the place of whatever is there. */
static bool
make_file(const struct tdbfile *f, bool want_copy, struct mending *m)
{
	char path[PATH_ROOM], fresh[PATH_ROOM];

	if (!tdbmend_path(f, "", path) || !tdbmend_path(f, ".new", fresh)) {
		m->error = errno;
		return false;
	}
	if (!make_fresh(f, fresh, want_copy, m) || rename(fresh, path) != 0) {
		m->error = errno;
		m->restored = m->begun = false;
		(void)unlink(fresh); /* the disk may be full */
		return false;
	}
	if (f->durable && !tdbmend_sync(f->dir, O_DIRECTORY)) {
		m->error = errno;
		return false;
	}
	return true;
}

static bool
set_aside(const struct tdbfile *f)
{
	char path[PATH_ROOM], aside[PATH_ROOM];

	if (!tdbmend_path(f, "", path) || !tdbmend_path(f, ".damaged", aside))
		return false;
	return (f->durable ? rename(path, aside) : unlink(path)) == 0;
}

/* --- mending ---------------------------------------------------------- */

static void
mend_locked(struct tdbfile *f, struct mending *m)
{
	enum condition c = examine(f);

	if (c == SOUND) /* somebody else was faster */
		return;
	m->error = errno;
	if (c == UNKNOWN)
		return;
	m->set_aside = c == DAMAGED;
	m->had_something = c == DAMAGED;
	if (m->set_aside && !set_aside(f))
		m->error = errno;
	else if (make_file(f, true, m) && !open_file(f))
		m->error = errno;
}

static void
tell_mended(const struct tdbfile *f, const struct mending *m)
{
	const char *aside = "";

	if (m->set_aside && f->durable)
		aside = "; the damaged file is kept as .damaged";
	if (m->copy_damaged)
		tell(f, "has a last good copy (.1) that is damaged, too", "");
	if (m->restored)
		tell(f, "was restored from its last good copy", aside);
	else if (m->begun && (m->set_aside || m->copy_damaged))
		tell(f, "was begun anew, empty", aside);
}

/* Where there never was a policy none can be hidden: a disk without room for a
 * first file is like no directory. */
static enum sts_status
cannot_make(const struct tdbfile *f, const struct mending *m,
    struct sts_error *err)
{
	enum sts_status status = cannot_open(f, m->error, err);

	if (!m->had_something && (m->error == ENOSPC || m->error == EDQUOT))
		status = STS_ABSENT;
	if (err != NULL)
		err->status = status;
	return status;
}

/* The file is missing or damaged: one process mends that, the others wait and
 * find it mended.  The log is written to as whoever we were before. */
static enum sts_status
mend(struct tdbfile *f, struct sts_error *err)
{
	struct mending m = { 0 };
	struct flight lock;
	struct owner o;
	enum sts_status status = enter(f, &o, err);

	if (status != STS_OK)
		return status;
	status = flight_take(f->dir, "", clock_ms() + LOCK_WAIT_MS, &lock, err);
	if (status == STS_OK) {
		mend_locked(f, &m);
		flight_drop(&lock);
	}
	owner_leave(&o);
	if (status == STS_WAIT)
		return cannot_open(f, EBUSY, err);
	if (status != STS_OK)
		return status;
	tell_mended(f, &m);
	return f->tdb != NULL ? STS_OK : cannot_make(f, &m, err);
}

enum sts_status
tdbmend_open(struct tdbfile *f, struct sts_error *err)
{
	struct owner o;
	enum sts_status status = enter(f, &o, err);
	int error = 0;

	if (status != STS_OK)
		return status;
	if (!open_file(f))
		error = errno;
	owner_leave(&o);
	if (f->tdb != NULL)
		return STS_OK;
	if (condition_by(error) == UNKNOWN)
		return cannot_open(f, error, err);
	/* Before the file is touched, so that no kill can keep it a secret. */
	if (condition_by(error) == DAMAGED)
		tell(f, "is damaged", "");
	return mend(f, err);
}

bool
tdbmend_replace(struct tdbfile *f)
{
	if (condition_inside(f->tdb) != DAMAGED)
		return false;
	tell(f, "is damaged", "");
	tdbfile_close(f);
	return mend(f, NULL) == STS_OK;
}

static bool
forget_copy(const struct tdbfile *f)
{
	char copy[PATH_ROOM];

	return !f->durable ||
	    (tdbmend_path(f, ".1", copy) && (unlink(copy) == 0 || errno == ENOENT));
}

enum sts_status
tdbmend_renew(struct tdbfile *f, struct sts_error *err)
{
	struct mending m = { 0 };
	struct flight lock;
	struct owner o;
	enum sts_status status = enter(f, &o, err);

	if (status != STS_OK)
		return status;
	tdbfile_close(f);
	status = flight_take(f->dir, "", clock_ms() + LOCK_WAIT_MS, &lock, err);
	if (status == STS_WAIT)
		status = cannot_open(f, EBUSY, err);
	else if (status == STS_OK && !forget_copy(f))
		status = cannot_open(f, errno, err);
	else if (status == STS_OK && !make_file(f, false, &m))
		status = cannot_open(f, m.error, err);
	flight_drop(&lock);
	owner_leave(&o);
	return status;
}
