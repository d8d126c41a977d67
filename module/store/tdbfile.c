/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbfile.c - one TDB file of ours. */
#include "tdbfile.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <tdb.h>
#include "clock.h"
#include "flight.h"
#include "owner.h"

#define HASH_SIZE 10007
#define MODE 0640
/* A commit of somebody else's holds readers up for some milliseconds; who
 * waits longer waits for a stopped process. */
#define LOCK_WAIT_MS 2000
#define PATH_ROOM 512

static TDB_DATA
key_of(const char *key)
{
	TDB_DATA d;

	memcpy(&d.dptr, &key, sizeof d.dptr); /* TDB only reads it */
	d.dsize = strlen(key);
	return d;
}

/* "DIR/NAMEsuffix"; false when that is too long. */
static bool
path_of(const struct tdbfile *f, const char *suffix, char path[PATH_ROOM])
{
	int n = snprintf(path, PATH_ROOM, "%s/%s%s", f->dir, f->name, suffix);

	return n > 0 && n < PATH_ROOM;
}

static void
tell(const struct tdbfile *f, const char *what)
{
	char line[PATH_ROOM + 200];

	if (f->alert == NULL)
		return;
	(void)snprintf(line, sizeof line, "MTA-STS: ALERT: cache %s/%s %s", f->dir, f->name,
	    what);
	f->alert(f->arg, line);
}

static struct tdb_context *
open_tdb(const struct tdbfile *f, const char *path, int flags)
{
	return tdb_open(path, HASH_SIZE,
	    TDB_NOMMAP | (f->durable ? 0 : TDB_NOSYNC),
	    O_RDWR | O_NOFOLLOW | O_CLOEXEC | flags, MODE);
}

void
tdbfile_close(struct tdbfile *f)
{
	free(f->got);
	f->got = NULL;
	if (f->tdb != NULL)
		(void)tdb_close(f->tdb);
	f->tdb = NULL;
}

/* --- making and mending a file; all of it as the owner, under lock 0 ------ */

static bool
sync_path(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | flags);
	bool ok;

	if (fd < 0)
		return false;
	ok = fsync(fd) == 0;
	(void)close(fd);
	return ok;
}

/* An empty file under the name path. */
static bool
make_empty(const struct tdbfile *f, const char *path)
{
	struct tdb_context *t;
	bool ok;

	t = open_tdb(f, path, O_CREAT | O_EXCL);
	if (t == NULL)
		return false;
	ok = fchmod(tdb_fd(t), MODE) == 0; /* whatever the umask is */
	return tdb_close(t) == 0 && ok;
}

static bool
copy_bytes(int from, int to)
{
	char buf[65536];
	ssize_t n;

	while ((n = read(from, buf, sizeof buf)) > 0)
		if (write(to, buf, (size_t)n) != n)
			return false;
	return n == 0;
}

static bool
copy_file(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int out = -1;
	bool ok = false;

	if (in < 0)
		return false;
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    MODE);
	if (out >= 0)
		ok = fchmod(out, MODE) == 0 && copy_bytes(in, out);
	if (out >= 0 && close(out) != 0)
		ok = false;
	(void)close(in);
	return ok;
}

static bool
is_sound(const struct tdbfile *f, const char *path)
{
	struct tdb_context *t = open_tdb(f, path, 0);
	bool ok;

	if (t == NULL)
		return false;
	ok = tdb_check(t, NULL, NULL) == 0;
	(void)tdb_close(t);
	return ok;
}

/* The last good copy under the name path, if there is one. */
static bool
make_from_copy(const struct tdbfile *f, const char *path)
{
	char copy[PATH_ROOM];

	if (!f->durable || !path_of(f, ".1", copy) || access(copy, R_OK) != 0)
		return false;
	if (copy_file(copy, path) && is_sound(f, path)) {
		tell(f, "was restored from its last good copy");
		return true;
	}
	(void)unlink(path);
	tell(f, "has a last good copy that is damaged, too");
	return false;
}

/* Puts a new file in the place of whatever is there. */
static bool
make_file(const struct tdbfile *f, bool want_copy)
{
	char path[PATH_ROOM], fresh[PATH_ROOM];

	if (!path_of(f, "", path) || !path_of(f, ".new", fresh))
		return false;
	(void)unlink(fresh);
	if (!(want_copy && make_from_copy(f, fresh)) && !make_empty(f, fresh))
		return false;
	if (f->durable && !sync_path(fresh, 0))
		return false;
	if (rename(fresh, path) != 0)
		return false;
	return !f->durable || sync_path(f->dir, O_DIRECTORY);
}

static bool
set_aside(const struct tdbfile *f)
{
	char path[PATH_ROOM], aside[PATH_ROOM];

	if (!path_of(f, "", path) || !path_of(f, ".damaged", aside))
		return false;
	tell(f, f->durable ? "is damaged; kept as NAME.damaged"
	                   : "is damaged; begun anew");
	return (f->durable ? rename(path, aside) : unlink(path)) == 0;
}

/* Errors of open() that say nothing about what is in the file. */
static bool
is_access_error(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
	case EROFS:
	case ELOOP:
	case EISDIR:
	case ENOTDIR:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case EBUSY:
	case EAGAIN:
	case EINTR:
	case ENOSPC:
	case EDQUOT:
		return true;
	default:
		return false;
	}
}

static struct tdb_context *
open_existing(const struct tdbfile *f, int *error)
{
	char path[PATH_ROOM];
	struct tdb_context *t;

	*error = ENAMETOOLONG;
	if (!path_of(f, "", path))
		return NULL;
	errno = 0;
	t = open_tdb(f, path, 0);
	*error = errno;
	return t;
}

static enum sts_status
cannot_open(const struct tdbfile *f, int error, struct sts_error *err)
{
	return error_set(err, STS_SYSTEM, "cache-open", "%s/%s: %s", f->dir,
	    f->name, strerror(error));
}

/* The file is missing, or is not a TDB file: one process mends that, the
 * others wait and find it mended. */
static enum sts_status
open_mended(struct tdbfile *f, struct sts_error *err)
{
	struct flight lock;
	enum sts_status status;
	int error;

	status = flight_take(f->dir, "", clock_ms() + LOCK_WAIT_MS, &lock, err);
	if (status != STS_OK)
		return status == STS_WAIT ? cannot_open(f, EBUSY, err) : status;
	f->tdb = open_existing(f, &error);
	if (f->tdb == NULL && !is_access_error(error) &&
	    (error == ENOENT || set_aside(f))) {
		if (make_file(f, true))
			f->tdb = open_existing(f, &error);
		else
			error = errno;
	}
	flight_drop(&lock);
	return f->tdb != NULL ? STS_OK : cannot_open(f, error, err);
}

static enum sts_status
open_as_owner(struct tdbfile *f, struct sts_error *err)
{
	struct sts_error why = { 0 };
	struct owner o;
	enum sts_status status;
	int error;

	status = owner_enter(f->dir, &o, &why);
	if (status != STS_OK) {
		if (strcmp(why.word, "cache-missing") == 0)
			status = STS_ABSENT;
		return error_set(err, status, why.word, "%s", why.text);
	}
	f->tdb = open_existing(f, &error);
	if (f->tdb == NULL && is_access_error(error))
		status = cannot_open(f, error, err);
	else if (f->tdb == NULL)
		status = open_mended(f, err);
	owner_leave(&o);
	f->pid = getpid();
	return status;
}

/* A handle that a fork inherited must not be used, nor one whose file
 * somebody has replaced. */
static bool
is_current(const struct tdbfile *f)
{
	struct stat st;

	return f->tdb != NULL && f->pid == getpid() &&
	    fstat(tdb_fd(f->tdb), &st) == 0 && st.st_nlink > 0;
}

static enum sts_status
ready(struct tdbfile *f, struct sts_error *err)
{
	if (is_current(f))
		return STS_OK;
	tdbfile_close(f);
	return open_as_owner(f, err);
}

/* After an error of TDB's: is the file to blame, and is it mended now? */
static bool
mended(struct tdbfile *f)
{
	struct flight lock;
	struct owner o;
	bool made = false;

	if (f->tdb == NULL ||
	    (f->error != TDB_ERR_CORRUPT && f->error != TDB_ERR_IO))
		return false;
	if (tdb_check(f->tdb, NULL, NULL) == 0)
		return false;
	tdbfile_close(f);
	if (owner_enter(f->dir, &o, NULL) != STS_OK)
		return false;
	if (flight_take(f->dir, "", clock_ms() + LOCK_WAIT_MS, &lock, NULL) ==
	    STS_OK) {
		char path[PATH_ROOM];

		/* Somebody else may have been faster. */
		made = path_of(f, "", path) &&
		    (is_sound(f, path) || (set_aside(f) && make_file(f, true)));
		flight_drop(&lock);
	}
	owner_leave(&o);
	return made;
}

/* --- reading ----------------------------------------------------------------- */

/* Keeps TDB's reason: what is done next to tidy up may overwrite it. */
static bool
failed(struct tdbfile *f)
{
	f->error = tdb_error(f->tdb);
	return false;
}

static enum sts_status
trouble(const struct tdbfile *f, const char *word, struct sts_error *err)
{
	const char *what = f->error == TDB_ERR_LOCK ? "locked by somebody else"
	    : f->error == TDB_ERR_IO                ? "cannot read or write"
	    : f->error == TDB_ERR_OOM               ? "out of memory"
	                                            : "damaged";

	return error_set(err, STS_SYSTEM, word, "%s/%s: %s", f->dir, f->name,
	    what);
}

static bool
wait_for_lock(struct tdbfile *f, TDB_DATA key,
    int (*lock)(struct tdb_context *, TDB_DATA))
{
	int64_t deadline;

	if (lock(f->tdb, key) == 0)
		return true;
	deadline = clock_ms() + LOCK_WAIT_MS;
	while (tdb_error(f->tdb) == TDB_ERR_LOCK && clock_left(deadline) > 0) {
		(void)poll(NULL, 0, 1);
		if (lock(f->tdb, key) == 0)
			return true;
	}
	return failed(f);
}

static enum sts_status
get_once(struct tdbfile *f, const char *key, struct bytes *value,
    struct sts_error *err)
{
	TDB_DATA k = key_of(key);
	TDB_DATA d;

	if (!wait_for_lock(f, k, tdb_chainlock_read_nonblock))
		return trouble(f,
		    f->error == TDB_ERR_LOCK ? "cache-busy" : "cache-read",
		    err);
	d = tdb_fetch(f->tdb, k);
	if (d.dptr == NULL)
		(void)failed(f);
	(void)tdb_chainunlock_read(f->tdb, k);
	free(f->got);
	f->got = d.dptr;
	value->p = (const char *)d.dptr;
	value->len = d.dsize;
	if (d.dptr != NULL)
		return STS_OK;
	if (f->error == TDB_ERR_NOEXIST)
		return error_set(err, STS_MISS, "cache-miss", "not cached");
	return trouble(f, "cache-read", err);
}

enum sts_status
tdbfile_get(struct tdbfile *f, const char *key, struct bytes *value,
    struct sts_error *err)
{
	enum sts_status status = ready(f, err);

	if (status != STS_OK)
		return status;
	status = get_once(f, key, value, err);
	if (status != STS_SYSTEM || !mended(f))
		return status;
	status = ready(f, err);
	return status == STS_OK ? get_once(f, key, value, err) : status;
}

struct chain {
	TDB_DATA *pair; /* key, value, key, value ... */
	size_t n;
	bool failed;
};

static int
keep_pair(struct tdb_context *t, TDB_DATA key, TDB_DATA value, void *arg)
{
	struct chain *c = arg;
	TDB_DATA *more = realloc(c->pair, (c->n + 2) * sizeof *more);
	unsigned char *bytes = malloc(key.dsize + 1 + value.dsize);

	(void)t;
	if (more != NULL)
		c->pair = more;
	if (more == NULL || bytes == NULL) {
		free(bytes);
		c->failed = true;
		return -1;
	}
	memcpy(bytes, key.dptr, key.dsize);
	bytes[key.dsize] = '\0';
	memcpy(bytes + key.dsize + 1, value.dptr, value.dsize);
	c->pair[c->n].dptr = bytes;
	c->pair[c->n++].dsize = key.dsize;
	c->pair[c->n].dptr = bytes + key.dsize + 1;
	c->pair[c->n++].dsize = value.dsize;
	return 0;
}

static bool
hand_out(struct chain *c,
    bool (*each)(void *arg, const char *key, struct bytes value), void *arg)
{
	bool go_on = !c->failed;

	for (size_t i = 0; i < c->n; i += 2) {
		struct bytes v = { (const char *)c->pair[i + 1].dptr,
			c->pair[i + 1].dsize };

		if (go_on)
			go_on = each(arg, (const char *)c->pair[i].dptr, v);
		free(c->pair[i].dptr);
	}
	free(c->pair);
	return go_on;
}

enum sts_status
tdbfile_walk(struct tdbfile *f,
    bool (*each)(void *arg, const char *key, struct bytes value), void *arg,
    struct sts_error *err)
{
	enum sts_status status = ready(f, err);
	int chains;

	if (status != STS_OK)
		return status;
	/* Chain by chain, and no lock while each() runs: somebody who reads
	 * a list page by page must not hold up the mail. */
	chains = tdb_hash_size(f->tdb);
	for (int i = 0; i < chains; i++) {
		struct chain c = { NULL, 0, false };
		int n = tdb_traverse_chain(f->tdb, (unsigned)i, keep_pair, &c);

		if (n < 0 && !c.failed && !failed(f))
			status = trouble(f, "cache-read", err);
		if (c.failed)
			status = error_set(err, STS_NOMEM, "memory",
			    "out of memory");
		if (!hand_out(&c, each, arg) || status != STS_OK)
			return status;
	}
	return STS_OK;
}

uint64_t
tdbfile_size(struct tdbfile *f)
{
	struct stat st;

	if (ready(f, NULL) != STS_OK || fstat(tdb_fd(f->tdb), &st) != 0)
		return 0;
	return (uint64_t)st.st_size;
}

/* --- writing ------------------------------------------------------------------- */

static bool
is_full(struct tdbfile *f, TDB_DATA key, uint64_t size_max)
{
	struct stat st;

	return fstat(tdb_fd(f->tdb), &st) == 0 &&
	    (uint64_t)st.st_size > size_max && !tdb_exists(f->tdb, key);
}

static bool
store(struct tdbfile *f, TDB_DATA key, TDB_DATA value, bool remove)
{
	bool ok;

	if (tdb_transaction_start(f->tdb) != 0)
		return failed(f);
	if (remove)
		ok = tdb_delete(f->tdb, key) == 0;
	else
		ok = tdb_store(f->tdb, key, value, TDB_REPLACE) == 0;
	if (!ok) {
		(void)failed(f);
		(void)tdb_transaction_cancel(f->tdb);
		return false;
	}
	return tdb_transaction_commit(f->tdb) == 0 || failed(f);
}

static enum sts_status
put_once(struct tdbfile *f, const char *key, struct bytes value,
    uint64_t size_max, struct sts_error *err)
{
	TDB_DATA k = key_of(key);
	TDB_DATA d;
	struct owner o;
	enum sts_status status = owner_enter(f->dir, &o, err);

	if (status != STS_OK)
		return status;
	memcpy(&d.dptr, &value.p, sizeof d.dptr);
	d.dsize = value.len;
	if (is_full(f, k, size_max))
		status = error_set(err, STS_SYSTEM, "cache-full",
		    "%s/%s has reached its limit", f->dir, f->name);
	else if (!store(f, k, d, false))
		status = trouble(f, "cache-write", err);
	owner_leave(&o);
	return status;
}

enum sts_status
tdbfile_put(struct tdbfile *f, const char *key, struct bytes value,
    uint64_t size_max, struct sts_error *err)
{
	enum sts_status status = ready(f, err);

	if (status != STS_OK)
		return status;
	status = put_once(f, key, value, size_max, err);
	if (status != STS_SYSTEM || !mended(f))
		return status;
	status = ready(f, err);
	return status == STS_OK ? put_once(f, key, value, size_max, err)
	                        : status;
}

enum sts_status
tdbfile_delete(struct tdbfile *f, const char *key, struct sts_error *err)
{
	enum sts_status status = ready(f, err);
	TDB_DATA k = key_of(key);
	TDB_DATA none = { NULL, 0 };
	struct owner o;

	if (status != STS_OK)
		return status;
	if (!tdb_exists(f->tdb, k))
		return error_set(err, STS_MISS, "cache-miss", "not cached");
	status = owner_enter(f->dir, &o, err);
	if (status != STS_OK)
		return status;
	if (!store(f, k, none, true))
		status = trouble(f, "cache-write", err);
	owner_leave(&o);
	return status;
}

enum sts_status
tdbfile_patch(struct tdbfile *f, const char *key,
    bool (*change)(void *arg, char *buf, size_t len), void *arg,
    struct sts_error *err)
{
	enum sts_status status = ready(f, err);
	TDB_DATA k = key_of(key);
	TDB_DATA d;
	struct owner o;

	if (status != STS_OK)
		return status;
	status = owner_enter(f->dir, &o, err);
	if (status != STS_OK)
		return status;
	if (!wait_for_lock(f, k, tdb_chainlock_nonblock)) {
		status = trouble(f, "cache-busy", err);
		owner_leave(&o);
		return status;
	}
	d = tdb_fetch(f->tdb, k);
	if (d.dptr == NULL)
		status = error_set(err, STS_MISS, "cache-miss", "not cached");
	/* Same size, so in place: no kill can tear the file. */
	else if (change(arg, (char *)d.dptr, d.dsize) &&
	    tdb_store(f->tdb, k, d, TDB_MODIFY) != 0 && !failed(f))
		status = trouble(f, "cache-write", err);
	free(d.dptr);
	(void)tdb_chainunlock(f->tdb, k);
	owner_leave(&o);
	return status;
}

enum sts_status
tdbfile_reset(struct tdbfile *f, struct sts_error *err)
{
	struct flight lock;
	struct owner o;
	enum sts_status status = owner_enter(f->dir, &o, err);

	if (status != STS_OK)
		return status;
	tdbfile_close(f);
	status = flight_take(f->dir, "", clock_ms() + LOCK_WAIT_MS, &lock, err);
	if (status == STS_OK && !make_file(f, false))
		status = cannot_open(f, errno, err);
	flight_drop(&lock);
	owner_leave(&o);
	return status;
}
