/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdblook.c - is a TDB file sound?
 *
 * tdb_check() is not asked: it also complains of space that a killed process
 * has left without an owner, and takes minutes to see that a large file was
 * filled with zeros. */
#include "tdblook.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h> /* for tdb.h */
#include <sys/stat.h>
#include <unistd.h>
#include <tdb.h>
#include "clock.h"
#include "tdbformat.h"
#include "tdbopen.h"

/* Of content that it does not understand
 * TDB says EIO or EINVAL, or nothing at all. */
enum tdb_condition
tdblook_by_errno(int error)
{
	if (error == ENOENT)
		return TDB_MISSING;
	return error == 0 || error == EIO || error == EINVAL ? TDB_DAMAGED
							     : TDB_UNKNOWN;
}

static enum tdb_condition
condition_after(struct tdb_context *t)
{
	enum TDB_ERROR error = tdb_error(t);

	/* TDB does not always say that it is about memory. */
	return errno == ENOMEM || error == TDB_ERR_OOM || error == TDB_ERR_LOCK
	    ? TDB_UNKNOWN
	    : TDB_DAMAGED;
}

struct look {
	unsigned chain;
	unsigned chains;
	bool strange; /* a key that does not belong into this chain */
};

static int
look_at(struct tdb_context *t, TDB_DATA key, TDB_DATA value, void *arg)
{
	struct look *l = arg;

	(void)t;
	(void)value;
	if (tdb_jenkins_hash(&key) % l->chains != l->chain)
		l->strange = true;
	return 0;
}

static enum tdb_condition
chains_inside(struct tdb_context *t, int64_t deadline)
{
	struct look l = { 0, (unsigned)tdb_hash_size(t), false };

	errno = 0;
	for (; l.chain < l.chains; l.chain++) {
		if (tdb_traverse_chain(t, l.chain, look_at, &l) < 0)
			return condition_after(t);
		if (l.strange)
			return TDB_DAMAGED;
		if (clock_left(deadline) == 0)
			return TDB_UNKNOWN;
	}
	return TDB_SOUND;
}

/* Reads the record at `at`; false if not all of it is in the file. */
static bool
read_record(int fd, off_t size, uint32_t at, struct tdbformat_record *r)
{
	return pread(fd, r, sizeof *r, (off_t)at) == sizeof *r &&
	    (off_t)at + (off_t)sizeof *r + (off_t)r->len <= size;
}

/* TDB repairs the mark of one that was being deleted when its process died,
 * and writes nothing more where it meets any other. */
static bool
is_free(const struct tdbformat_record *r)
{
	return r->magic == TDBFORMAT_USED || r->magic == ~TDBFORMAT_USED;
}

/* The space that TDB will write to: the free list, and what it keeps to undo a
 * transaction.  With writers locked out. */
static bool
space_is_whole(int fd)
{
	struct tdbformat_record r;
	struct stat st;
	uint32_t at;
	off_t n = 0;

	if (fstat(fd, &st) != 0 ||
	    pread(fd, &at, sizeof at, TDBFORMAT_RECOVERY) != sizeof at ||
	    (at != 0 && !read_record(fd, st.st_size, at, &r)) ||
	    pread(fd, &at, sizeof at, TDBFORMAT_FREE_LIST) != sizeof at)
		return false;
	for (; at != 0; at = r.next)
		if (!read_record(fd, st.st_size, at, &r) || !is_free(&r) ||
		    n++ > st.st_size / (off_t)sizeof r)
			return false;
	return true;
}

static int64_t
sooner(int64_t deadline)
{
	int64_t most = clock_ms() + TDBOPEN_WAIT_MS;

	return deadline < most ? deadline : most;
}

enum tdb_condition
tdblook_inside(struct tdb_context *t, int64_t deadline)
{
	enum tdb_condition c;

	if (!tdbopen_comes_free(tdb_fd(t), F_RDLCK, 0, 0, sooner(deadline)))
		return TDB_UNKNOWN;
	c = chains_inside(t, deadline);
	if (c != TDB_SOUND)
		return c;
	if (!tdbopen_lock_writers(t, sooner(deadline)))
		return condition_after(t);
	if (!space_is_whole(tdb_fd(t)))
		c = TDB_DAMAGED;
	(void)tdb_unlockall_read(t);
	return c;
}

enum tdb_condition
tdblook_all(const struct tdbfile *f, int64_t deadline)
{
	if (!tdbopen_begins_well(f))
		return TDB_DAMAGED;
	return tdblook_inside(f->tdb, deadline);
}
