/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbmend.c - a TDB file of ours: set aside, made anew. */
#include "tdbmend.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h> /* for tdb.h */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <tdb.h>
#include "clock.h"
#include "flight.h"
#include "owner.h"
#include "tdblook.h"
#include "tdbopen.h"

/* What mending came to, for the report when all locks are gone. */
struct mending {
	bool set_aside;
	bool copy_damaged;
	bool restored; /* from the last good copy */
	bool begun; /* anew, empty */
	bool had_something; /* policies may be, or have been, in it */
	int error; /* errno, when there is no file now */
};

static void
tell(const struct tdbfile *f, const char *what, const char *more)
{
	char line[TDBOPEN_PATH + 200];

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

/* How long to look at a file: mail must not wait for a large one.  What is not
 * known by then is asked for again, or found by refresh. */
static int64_t
look_until(const struct tdbfile *f)
{
	return f->deadline != 0 ? f->deadline : INT64_MAX;
}

/* Opens the file and looks at all of it.  It stays open when it is sound;
 * when that is unknown, errno says why. */
static enum tdb_condition
examine(struct tdbfile *f)
{
	enum tdb_condition c;

	if (!tdbopen_file(f))
		return tdblook_by_errno(errno);
	c = tdblook_all(f, look_until(f));
	if (c != TDB_SOUND)
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

static bool
make_empty(const struct tdbfile *f, const char *path)
{
	struct tdb_context *t = tdbopen_create(f, path, 0);

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
	    TDBOPEN_MODE);
	ok = out >= 0 && fchmod(out, TDBOPEN_MODE) == 0 && copy_bytes(in, out);
	keep = errno;
	(void)close(in);
	if (out >= 0)
		(void)close(out);
	errno = keep;
	return ok;
}

/* The last good copy under the name path.  Where there is one that cannot be
 * copied (a full disk, say) we must not begin without it. */
static enum tdb_condition
make_from_copy(const struct tdbfile *f, const char *path)
{
	char copy[TDBOPEN_PATH];
	struct tdb_context *t;
	enum tdb_condition c;

	if (!tdbopen_path(f, ".1", copy))
		return TDB_UNKNOWN;
	if (!copy_file(copy, path))
		return tdblook_by_errno(errno);
	t = tdbopen_at(f, path);
	if (t == NULL)
		return tdblook_by_errno(errno);
	c = tdblook_inside(t, look_until(f));
	errno = EAGAIN;
	return tdb_close(t) == 0 ? c : TDB_UNKNOWN;
}

/* A new file under the name fresh. */
static bool
make_fresh(const struct tdbfile *f, const char *fresh, bool want_copy,
    struct mending *m)
{
	enum tdb_condition copy = TDB_MISSING;

	(void)unlink(fresh);
	if (want_copy && f->durable)
		copy = make_from_copy(f, fresh);
	m->restored = copy == TDB_SOUND;
	m->copy_damaged = copy == TDB_DAMAGED;
	m->had_something = m->had_something || copy != TDB_MISSING;
	if (copy == TDB_UNKNOWN)
		return false;
	m->begun = copy != TDB_SOUND;
	return (copy == TDB_SOUND || make_empty(f, fresh)) &&
	    (!f->durable || tdbmend_sync(fresh, 0));
}

/* Puts a new file in the place of whatever is there. */
static bool
make_file(const struct tdbfile *f, bool want_copy, struct mending *m)
{
	char path[TDBOPEN_PATH], fresh[TDBOPEN_PATH];

	if (!tdbopen_path(f, "", path) || !tdbopen_path(f, ".new", fresh)) {
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
	char path[TDBOPEN_PATH], aside[TDBOPEN_PATH];

	if (!tdbopen_path(f, "", path) || !tdbopen_path(f, ".damaged", aside))
		return false;
	return (f->durable ? rename(path, aside) : unlink(path)) == 0;
}

/* --- mending ---------------------------------------------------------- */

static bool
exists(const struct tdbfile *f, const char *suffix)
{
	char path[TDBOPEN_PATH];
	struct stat st;

	return !tdbopen_path(f, suffix, path) || lstat(path, &st) == 0 ||
	    errno != ENOENT;
}

static void
mend_locked(struct tdbfile *f, struct mending *m)
{
	enum tdb_condition c = examine(f);

	if (c == TDB_SOUND) /* somebody else was faster */
		return;
	m->error = errno;
	if (c == TDB_UNKNOWN)
		return;
	m->set_aside = c == TDB_DAMAGED;
	/* Somebody may have set it aside, and then found the disk full. */
	m->had_something = c == TDB_DAMAGED || exists(f, ".damaged");
	if ((m->set_aside && !set_aside(f)) ||
	    (make_file(f, true, m) && !tdbopen_file(f)))
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
	status = flight_take(f->dir, "", tdbopen_deadline(f), &lock, err);
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
	if (!tdbopen_file(f))
		error = errno;
	owner_leave(&o);
	if (f->tdb != NULL)
		return STS_OK;
	if (tdblook_by_errno(error) == TDB_UNKNOWN)
		return cannot_open(f, error, err);
	/* Before the file is touched, so that no kill can keep it a secret. */
	if (tdblook_by_errno(error) == TDB_DAMAGED)
		tell(f, "is damaged", "");
	return mend(f, err);
}

bool
tdbmend_replace(struct tdbfile *f)
{
	if (tdblook_all(f, look_until(f)) != TDB_DAMAGED)
		return false;
	tell(f, "is damaged", "");
	tdbfile_close(f);
	return mend(f, NULL) == STS_OK;
}

static bool
forget_copy(const struct tdbfile *f)
{
	char copy[TDBOPEN_PATH];

	if (!f->durable)
		return true;
	return tdbopen_path(f, ".1", copy) &&
	    (unlink(copy) == 0 || errno == ENOENT);
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
	status = flight_take(f->dir, "", tdbopen_deadline(f), &lock, err);
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
