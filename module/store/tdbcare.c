/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbcare.c - what a TDB file of ours needs once a day. */
#include "tdbcare.h"
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
#include "tdbmend.h"
#include "tdbopen.h"

#define CHECK_MS 10000
#define WRITERS_WAIT_MS 1000 /* for us */
#define KEY_ROOM 1024 /* bytes; more than any domain */

static enum sts_status
cannot(const struct tdbfile *f, const char *what, int error,
    struct sts_error *err)
{
	return error_set(err, STS_SYSTEM, "cache-write",
	    "%s/%s cannot be %s: %s", f->dir, f->name, what,
	    error != 0 ? strerror(error) : "cannot read or write");
}

static enum sts_status
another_time(const struct tdbfile *f, const char *why, struct sts_error *err)
{
	return error_set(err, STS_WAIT, "cache-busy", "%s/%s %s", f->dir,
	    f->name, why);
}

/* --- a look at all of it -------------------------------------------------- */

enum sts_status
tdbcare_check(struct tdbfile *f, struct sts_error *err)
{
	enum sts_status status = tdbfile_open(f, err);
	enum tdb_condition c;

	if (status != STS_OK)
		return status;
	c = tdblook_all(f, clock_ms() + CHECK_MS);
	if (c == TDB_SOUND)
		return STS_OK;
	if (c == TDB_DAMAGED)
		return error_set(err, STS_DAMAGED, "cache-damaged",
		    "%s/%s: damaged", f->dir, f->name);
	return another_time(f, "cannot be checked now", err);
}

enum sts_status
tdbcare_mend(struct tdbfile *f, struct sts_error *err)
{
	enum sts_status status = tdbcare_check(f, err);

	if (status != STS_DAMAGED)
		return status;
	return tdbmend_replace(f) ? STS_OK : status;
}

/* --- a copy --------------------------------------------------------------- */

struct copy {
	struct tdbfile *from;
	ino_t ino; /* of the file that we began to copy ... */
	uint64_t size; /* ... and its size in bytes */
	struct tdb_context *to;
	char path[TDBOPEN_PATH]; /* of `to` */
	bool (*keep)(void *arg, const char *key, struct bytes value);
	void *arg;
	uint64_t copied; /* entries in the copy */
	uint64_t seen; /* entries in the file, under lock */
	int64_t deadline; /* of the pass under lock */
	bool failed;
	int error; /* errno */
};

static bool
fail(struct copy *c)
{
	c->error = errno;
	c->failed = true;
	return false;
}

/* Nobody may have replaced, or emptied, the file while it was copied. */
static bool
is_same_file(const struct copy *c)
{
	return tdbopen_is_current(c->from) && c->from->ino == c->ino;
}

static enum sts_status
under_lock_0(struct copy *c,
    enum sts_status (*act)(struct copy *c, struct sts_error *err),
    struct sts_error *err)
{
	struct flight lock;
	struct owner o;
	enum sts_status status = owner_enter(c->from->dir, &o, err);

	if (status != STS_OK)
		return status;
	status = flight_take(c->from->dir, "", tdbopen_deadline(c->from), &lock,
	    err);
	if (status == STS_OK && !is_same_file(c))
		status = another_time(c->from, "was replaced by somebody else",
		    err);
	if (status == STS_OK)
		status = act(c, err);
	flight_drop(&lock);
	owner_leave(&o);
	return status;
}

/* Under lock 0: whoever is about to rename a copy of his under that name then
 * sees that this one is not his. */
static enum sts_status
create_copy(struct copy *c, struct sts_error *err)
{
	c->to = tdbopen_create(c->from, c->path, c->size);
	return c->to != NULL ? STS_OK : cannot(c->from, "copied", errno, err);
}

static enum sts_status
begin_copy(struct copy *c, const char *suffix, struct sts_error *err)
{
	struct tdbfile *f = c->from;
	enum sts_status status = tdbfile_open(f, err);

	if (status != STS_OK)
		return status;
	c->ino = f->ino;
	c->size = tdbfile_size(f);
	if (!tdbopen_path(f, suffix, c->path))
		return cannot(f, "copied", errno, err);
	return under_lock_0(c, create_copy, err);
}

/* Another process may have begun a copy under the same name. */
static bool
is_our_copy(const struct copy *c)
{
	struct stat ours, there;

	return fstat(tdb_fd(c->to), &ours) == 0 &&
	    lstat(c->path, &there) == 0 && ours.st_ino == there.st_ino &&
	    ours.st_dev == there.st_dev;
}

/* What was not renamed is of no use to anybody. */
static void
end_copy(struct copy *c)
{
	struct owner o;

	if (c->to == NULL)
		return;
	if (owner_enter(c->from->dir, &o, NULL) == STS_OK) {
		if (is_our_copy(c))
			(void)unlink(c->path);
		owner_leave(&o);
	}
	(void)tdb_close(c->to);
	c->to = NULL;
}

static bool
store(struct copy *c, TDB_DATA key, TDB_DATA value)
{
	errno = 0;
	return tdb_store(c->to, key, value, TDB_REPLACE) == 0 || fail(c);
}

static bool
is_kept(const struct copy *c, const char *key, TDB_DATA value)
{
	struct bytes v = { (const char *)value.dptr, value.dsize };

	return c->keep == NULL || c->keep(c->arg, key, v);
}

static bool
copy_entry(void *arg, const char *key, struct bytes value)
{
	struct copy *c = arg;
	TDB_DATA k, v;

	memcpy(&k.dptr, &key, sizeof k.dptr); /* TDB only reads them */
	k.dsize = strlen(key);
	memcpy(&v.dptr, &value.p, sizeof v.dptr);
	v.dsize = value.len;
	if (!is_kept(c, key, v))
		return true;
	c->copied++;
	return store(c, k, v);
}

/* Chain by chain: nobody waits, and what others write behind us is missing. */
static enum sts_status
copy_all(struct copy *c, struct sts_error *err)
{
	enum sts_status status = tdbfile_walk(c->from, copy_entry, c, err);

	if (status != STS_OK)
		return status;
	if (c->failed || fsync(tdb_fd(c->to)) != 0)
		return cannot(c->from, "copied", c->failed ? c->error : errno,
		    err);
	return STS_OK;
}

/* Renames the copy; as the owner, under lock 0. */
static enum sts_status
put_in_place(struct copy *c, const char *suffix, struct sts_error *err)
{
	char path[TDBOPEN_PATH];

	if (!is_our_copy(c))
		return another_time(c->from, "is copied by somebody else, too",
		    err);
	if (!tdbopen_path(c->from, suffix, path) ||
	    rename(c->path, path) != 0 ||
	    (c->from->durable && !tdbmend_sync(c->from->dir, O_DIRECTORY)))
		return cannot(c->from, "copied", errno, err);
	(void)tdb_close(c->to);
	c->to = NULL;
	return STS_OK;
}

/* --- the last good copy --------------------------------------------------- */

static enum sts_status
become_good_copy(struct copy *c, struct sts_error *err)
{
	return put_in_place(c, ".1", err);
}

static enum sts_status
save(struct copy *c, uint64_t *size, struct sts_error *err)
{
	enum sts_status status = copy_all(c, err);
	struct stat st;

	if (status != STS_OK)
		return status;
	if (tdb_check(c->to, NULL, NULL) != 0 ||
	    fstat(tdb_fd(c->to), &st) != 0)
		return cannot(c->from, "copied", 0, err);
	*size = (uint64_t)st.st_size;
	return under_lock_0(c, become_good_copy, err);
}

enum sts_status
tdbcare_save(struct tdbfile *f, uint64_t *size, struct sts_error *err)
{
	struct copy c = { .from = f };
	enum sts_status status = begin_copy(&c, ".1.new", err);

	if (status == STS_OK)
		status = save(&c, size, err);
	end_copy(&c);
	return status;
}

/* --- without waste -------------------------------------------------------- */

struct compare {
	TDB_DATA with;
	bool there;
	bool same;
};

static int
compare(TDB_DATA key, TDB_DATA value, void *arg)
{
	struct compare *c = arg;

	(void)key;
	c->there = true;
	c->same = value.dsize == c->with.dsize &&
	    memcmp(value.dptr, c->with.dptr, value.dsize) == 0;
	return 0;
}

/* One entry of the file, as it stands for good, to the copy. */
static int
bring_up_to_date(struct tdb_context *t, TDB_DATA key, TDB_DATA value, void *arg)
{
	struct compare found = { value, false, false };
	struct copy *c = arg;
	char name[KEY_ROOM];

	(void)t;
	if (clock_left(c->deadline) == 0 || key.dsize >= sizeof name)
		return -1;
	memcpy(name, key.dptr, key.dsize);
	name[key.dsize] = '\0';
	if (!is_kept(c, name, value))
		return 0;
	c->seen++;
	(void)tdb_parse_record(c->to, key, compare, &found);
	if (!found.there)
		c->copied++;
	return found.same || store(c, key, value) ? 0 : -1;
}

/* With writers locked out.  False: not all of it could be done in time, or
 * something was deleted behind us. */
static bool
catch_up(struct copy *c)
{
	struct tdb_context *from = c->from->tdb;

	c->deadline = clock_ms() + WRITERS_WAIT_MS;
	for (unsigned i = 0; i < (unsigned)tdb_hash_size(from); i++)
		if (tdb_traverse_chain(from, i, bring_up_to_date, c) < 0 ||
		    clock_left(c->deadline) == 0 || c->failed)
			return false;
	return (!c->from->durable || c->seen == c->copied) &&
	    fsync(tdb_fd(c->to)) == 0;
}

static enum sts_status
become_the_file(struct copy *c, struct sts_error *err)
{
	enum sts_status status;

	if (!tdbopen_lock_writers(c->from->tdb, tdbopen_deadline(c->from)))
		return another_time(c->from, "is locked by somebody else", err);
	if (catch_up(c))
		status = put_in_place(c, "", err);
	else
		status = another_time(c->from, "changes too fast, or is too "
					       "large, to be compacted",
		    err);
	/* Who waits to write finds another file in the place of this one, and
	 * writes there again (tdbfile.c). */
	(void)tdb_unlockall_read(c->from->tdb);
	return status;
}

enum sts_status
tdbcare_compact(struct tdbfile *f,
    bool (*keep)(void *arg, const char *key, struct bytes value), void *arg,
    struct sts_error *err)
{
	struct copy c = { .from = f, .keep = keep, .arg = arg };
	enum sts_status status = begin_copy(&c, ".compact", err);

	if (status == STS_OK)
		status = copy_all(&c, err);
	if (status == STS_OK)
		status = under_lock_0(&c, become_the_file, err);
	end_copy(&c);
	return status;
}
