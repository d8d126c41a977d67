/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbfile.c - one TDB file of ours: read, written, walked. */
#include "tdbfile.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h> /* for tdb.h */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <tdb.h>
#include "clock.h"
#include "owner.h"
#include "tdbmend.h"
#include "tdbopen.h"

/* Whoever changes a value in its place, or ends a transaction, has a chain
 * locked for less, unless he was stopped. */
#define BUSY_WAIT_MS 500
/* Nobody replaces a file more often while one change is made. */
#define TRIES_MAX 100u
#define GROWTH_ROOM (16u << 20) /* bytes */

static TDB_DATA
key_of(const char *key)
{
	TDB_DATA d;

	memcpy(&d.dptr, &key, sizeof d.dptr); /* TDB only reads it */
	d.dsize = strlen(key);
	return d;
}

void
tdbfile_close(struct tdbfile *f)
{
	free(f->got);
	f->got = NULL;
	if (f->tdb != NULL)
		(void)tdb_close(f->tdb);
	f->tdb = NULL;
	/* To close it ends every lock that this process holds on the file. */
	tdbquick_close(&f->quick);
}

enum sts_status
tdbfile_open(struct tdbfile *f, struct sts_error *err)
{
	f->error = TDB_SUCCESS;
	f->os_error = 0;
	if (tdbopen_is_current(f))
		return STS_OK;
	tdbfile_close(f);
	return tdbmend_open(f, err);
}

/* --- trouble ---------------------------------------------------------- */

static bool
failed_by(struct tdbfile *f, enum TDB_ERROR error)
{
	f->error = (int)error;
	return false;
}

/* Keeps TDB's reason: what is done next to tidy up may overwrite it.  Of some
 * failures to get memory it gives none, or an old one. */
static bool
failed(struct tdbfile *f)
{
	f->os_error = errno;
	return failed_by(f,
	    errno == ENOMEM ? TDB_ERR_OOM : tdb_error(f->tdb));
}

static const char *
reason(const struct tdbfile *f)
{
	if (f->error == TDB_ERR_LOCK)
		return "locked by somebody else";
	if (f->error == TDB_ERR_OOM)
		return strerror(ENOMEM);
	if (f->os_error != 0)
		return strerror(f->os_error);
	return f->error == TDB_ERR_IO ? "cannot read or write" : "damaged";
}

static enum sts_status
trouble(const struct tdbfile *f, const char *word, struct sts_error *err)
{
	return error_set(err, STS_SYSTEM,
	    f->error == TDB_ERR_LOCK ? "cache-busy" : word, "%s/%s: %s",
	    f->dir, f->name, reason(f));
}

/* Whether what just failed is worth a second try: the file was to blame and
 * is a sound one now. */
static bool
is_mended(struct tdbfile *f, enum sts_status status)
{
	return status == STS_SYSTEM && f->tdb != NULL &&
	    f->os_error != ENOSPC && f->os_error != EDQUOT &&
	    (f->error == TDB_ERR_CORRUPT || f->error == TDB_ERR_IO) &&
	    tdbmend_replace(f);
}

/* --- reading ---------------------------------------------------------- */

static bool
wait_for_lock(struct tdbfile *f, TDB_DATA key,
    int (*lock)(struct tdb_context *, TDB_DATA))
{
	int64_t deadline;

	errno = 0;
	if (lock(f->tdb, key) == 0)
		return true;
	deadline = tdbopen_deadline(f);
	while (tdb_error(f->tdb) == TDB_ERR_LOCK && clock_left(deadline) > 0) {
		(void)poll(NULL, 0, 1);
		if (lock(f->tdb, key) == 0)
			return true;
	}
	return failed(f);
}

struct search {
	TDB_DATA key;
	unsigned chains;
	bool found;
	bool strange; /* a key that does not belong into this chain */
};

static int
compare_key(struct tdb_context *t, TDB_DATA key, TDB_DATA value, void *arg)
{
	struct search *s = arg;

	(void)t;
	(void)value;
	if (key.dsize == s->key.dsize &&
	    memcmp(key.dptr, s->key.dptr, key.dsize) == 0)
		s->found = true;
	/* TDB_INCOMPATIBLE_HASH is this one. */
	if (tdb_jenkins_hash(&key) % s->chains !=
	    tdb_jenkins_hash(&s->key) % s->chains)
		s->strange = true;
	return 0;
}

/* TDB takes a key that is damaged, or that it cannot read, for another one,
 * and a file that was filled with zeros under its hands for an empty one.  A
 * false miss is what an attacker wants (RFC 8461 10.2), so look again. */
static bool
is_surely_missing(struct tdbfile *f, TDB_DATA key)
{
	struct search s = { key, (unsigned)tdb_hash_size(f->tdb), false,
		false };

	if (!tdbopen_begins_well(f))
		return failed_by(f, TDB_ERR_CORRUPT);
	if (tdb_traverse_key_chain(f->tdb, key, compare_key, &s) < 0)
		return failed(f);
	if (s.strange)
		return failed_by(f, TDB_ERR_CORRUPT);
	return !s.found || failed_by(f, TDB_ERR_IO);
}

static enum sts_status
missing(struct sts_error *err)
{
	return error_set(err, STS_MISS, "cache-miss", "not cached");
}

/* The value under a key whose chain is locked, malloc'ed.  STS_MISS, or
 * STS_SYSTEM with f->error. */
static enum sts_status
fetch(struct tdbfile *f, TDB_DATA key, TDB_DATA *value, struct sts_error *err)
{
	errno = 0;
	*value = tdb_fetch(f->tdb, key);
	if (value->dptr != NULL)
		return STS_OK;
	(void)failed(f);
	if (f->error == TDB_ERR_NOEXIST &&
	    (!f->durable || is_surely_missing(f, key)))
		return missing(err);
	return trouble(f, "cache-read", err);
}

static enum sts_status
get_once(struct tdbfile *f, const char *key, struct bytes *value,
    struct sts_error *err)
{
	TDB_DATA k = key_of(key);
	TDB_DATA d;
	enum sts_status status;

	if (!wait_for_lock(f, k, tdb_chainlock_read_nonblock))
		return trouble(f, "cache-read", err);
	status = fetch(f, k, &d, err);
	(void)tdb_chainunlock_read(f->tdb, k);
	free(f->got);
	f->got = d.dptr;
	value->p = (const char *)d.dptr;
	value->len = d.dsize;
	return status;
}

static enum sts_status
get_by_tdb(struct tdbfile *f, const char *key, struct bytes *value,
    struct sts_error *err)
{
	enum sts_status status = tdbfile_open(f, err);

	if (status != STS_OK)
		return status;
	status = get_once(f, key, value, err);
	if (is_mended(f, status))
		status = get_once(f, key, value, err);
	return status;
}

/* Waits a moment for whoever has the chain locked.  To open the file by libtdb
 * may take longer, and fails while somebody stands still in opening it. */
static bool
is_worth_waiting(const struct tdbfile *f, enum tdbquick_result r,
    int64_t *until)
{
	if (r != TDBQUICK_BUSY)
		return false;
	if (*until == 0) {
		int64_t deadline = tdbopen_deadline(f);

		*until = clock_ms() + BUSY_WAIT_MS;
		*until = *until < deadline ? *until : deadline;
	}
	if (clock_left(*until) == 0)
		return false;
	(void)poll(NULL, 0, 1);
	return true;
}

static enum tdbquick_result
get_quickly(struct tdbfile *f, const char *key, struct bytes *value)
{
	char path[TDBOPEN_PATH];
	enum tdbquick_result r;
	int64_t until = 0;

	if (!tdbopen_path(f, "", path))
		return TDBQUICK_UNKNOWN;
	do
		r = tdbquick_get(&f->quick, f->dir, path, key, value);
	while (is_worth_waiting(f, r, &until));
	return r;
}

enum sts_status
tdbfile_get(struct tdbfile *f, const char *key, struct bytes *value,
    struct sts_error *err)
{
	switch (get_quickly(f, key, value)) {
	case TDBQUICK_FOUND:
		return STS_OK;
	case TDBQUICK_MISSING:
		return missing(err);
	case TDBQUICK_UNKNOWN:
	case TDBQUICK_BUSY:
		break;
	}
	return get_by_tdb(f, key, value, err);
}

static uint64_t
size_now(const struct tdbfile *f)
{
	struct stat st;

	return fstat(tdb_fd(f->tdb), &st) == 0 ? (uint64_t)st.st_size : 0;
}

uint64_t
tdbfile_size(struct tdbfile *f)
{
	return tdbfile_open(f, NULL) == STS_OK ? size_now(f) : 0;
}

/* --- walking ---------------------------------------------------------- */

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

static enum sts_status
read_chain(struct tdbfile *f, unsigned i, struct chain *c,
    struct sts_error *err)
{
	enum sts_status status = tdbfile_open(f, err);
	int n;

	if (status != STS_OK)
		return status;
	if (i >= (unsigned)tdb_hash_size(f->tdb))
		return STS_MISS;
	errno = 0;
	n = tdb_traverse_chain(f->tdb, i, keep_pair, c);
	if (c->failed)
		return error_set(err, STS_NOMEM, "memory", "out of memory");
	return n >= 0 || failed(f) ? STS_OK : trouble(f, "cache-read", err);
}

enum sts_status
tdbfile_walk(struct tdbfile *f,
    bool (*each)(void *arg, const char *key, struct bytes value), void *arg,
    struct sts_error *err)
{
	/* Chain by chain, and no lock while each() runs: somebody who reads
	 * a list page by page must not hold up the mail. */
	for (unsigned i = 0;; i++) {
		struct chain c = { NULL, 0, false };
		enum sts_status status = read_chain(f, i, &c, err);

		if (is_mended(f, status)) /* the next walk will see that */
			c.failed = true;
		if (!hand_out(&c, each, arg) || status != STS_OK)
			return status == STS_MISS ? STS_OK : status;
	}
}

/* --- writing ---------------------------------------------------------- */

static bool
is_full(struct tdbfile *f, TDB_DATA key, uint64_t size_max)
{
	struct stat st;

	return fstat(tdb_fd(f->tdb), &st) == 0 &&
	    (uint64_t)st.st_size > size_max && !tdb_exists(f->tdb, key);
}

/* TDB does not say that the disk is full.  It grows by a quarter, and by a
 * hundred times what it is about to write. */
static bool
is_disk_full(const struct tdbfile *f)
{
	struct statvfs v;
	struct stat st;

	return fstatvfs(tdb_fd(f->tdb), &v) == 0 &&
	    fstat(tdb_fd(f->tdb), &st) == 0 &&
	    (uint64_t)v.f_bavail * v.f_frsize <
	    (uint64_t)st.st_size / 4 + GROWTH_ROOM;
}

static bool
is_same(TDB_DATA a, TDB_DATA b)
{
	if (a.dptr == NULL || b.dptr == NULL)
		return a.dptr == b.dptr;
	return a.dsize == b.dsize && memcmp(a.dptr, b.dptr, a.dsize) == 0;
}

/* TDB hides it when it could not end a transaction; that is then undone by
 * whoever comes next.  Any other value is another process's, and later. */
static bool
is_undone(struct tdbfile *f, TDB_DATA key, TDB_DATA before, TDB_DATA wanted)
{
	TDB_DATA now = tdb_fetch(f->tdb, key);
	bool undone = !is_same(now, wanted) && is_same(now, before);

	free(now.dptr);
	return undone;
}

/* Stores or, without a value, deletes. */
static bool
change(struct tdbfile *f, TDB_DATA key, TDB_DATA value)
{
	TDB_DATA before = tdb_fetch(f->tdb, key);
	bool ok;

	ok = (value.dptr == NULL
		     ? tdb_delete(f->tdb, key)
		     : tdb_store(f->tdb, key, value, TDB_REPLACE)) == 0 &&
	    tdb_transaction_commit(f->tdb) == 0;
	if (!ok)
		(void)failed(f);
	else if (is_undone(f, key, before, value))
		ok = failed_by(f, TDB_ERR_IO);
	free(before.dptr);
	return ok;
}

/* The same in a transaction, as the owner. */
static bool
store(struct tdbfile *f, TDB_DATA key, TDB_DATA value)
{
	if (!tdbopen_comes_free(tdb_fd(f->tdb), F_RDLCK, 0, 0,
		tdbopen_deadline(f)))
		return failed_by(f, TDB_ERR_LOCK);
	if (!tdbopen_begins_well(f))
		return failed_by(f, TDB_ERR_CORRUPT);
	errno = 0;
	if (tdb_transaction_start(f->tdb) != 0)
		return failed(f);
	if (change(f, key, value))
		return true;
	/* Also after a commit: one whose fsync failed keeps its locks. */
	(void)tdb_transaction_cancel(f->tdb);
	if (f->os_error == 0 && is_disk_full(f))
		f->os_error = ENOSPC;
	return false;
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
	else if (!store(f, k, d))
		status = trouble(f, "cache-write", err);
	owner_leave(&o);
	return status;
}

/* Whether a change has to be made once more: it went into a file that was set
 * aside, or copied without its waste, meanwhile, and so is lost; or the file
 * was to blame and is mended now, but not twice. */
static bool
once_more(struct tdbfile *f, enum sts_status status, unsigned *tries)
{
	(*tries)++;
	if (status == STS_OK)
		return *tries < TRIES_MAX && !tdbopen_is_current(f);
	return *tries == 1 && is_mended(f, status);
}

enum sts_status
tdbfile_put(struct tdbfile *f, const char *key, struct bytes value,
    uint64_t size_max, struct sts_error *err)
{
	enum sts_status status;
	unsigned tries = 0;

	do {
		status = tdbfile_open(f, err);
		if (status == STS_OK)
			status = put_once(f, key, value, size_max, err);
	} while (once_more(f, status, &tries));
	return status;
}

static enum sts_status
delete_once(struct tdbfile *f, const char *key, struct sts_error *err)
{
	TDB_DATA nothing = { NULL, 0 };
	struct bytes v;
	struct owner o;
	enum sts_status status = get_once(f, key, &v, err);

	if (status != STS_OK)
		return status;
	status = owner_enter(f->dir, &o, err);
	if (status != STS_OK)
		return status;
	if (!store(f, key_of(key), nothing))
		status = trouble(f, "cache-write", err);
	owner_leave(&o);
	return status;
}

enum sts_status
tdbfile_delete(struct tdbfile *f, const char *key, struct sts_error *err)
{
	enum sts_status status;
	bool deleted = false;
	unsigned tries = 0;

	do {
		status = tdbfile_open(f, err);
		if (status == STS_OK)
			status = delete_once(f, key, err);
		deleted = deleted || status == STS_OK;
	} while (once_more(f, status, &tries));
	return status == STS_MISS && deleted ? STS_OK : status;
}

/* Without libtdb; false: it is still to be done. */
static bool
patch_quickly(struct tdbfile *f, const char *key,
    bool (*make)(void *arg, char *buf, size_t len, uint64_t size), void *arg)
{
	char path[TDBOPEN_PATH];
	enum tdbquick_result r;
	int64_t until = 0;

	if (!tdbopen_path(f, "", path))
		return false;
	do
		r = tdbquick_patch(&f->quick, f->dir, path, key, make, arg);
	while (is_worth_waiting(f, r, &until));
	return r == TDBQUICK_FOUND;
}

struct patch {
	bool (*change)(void *arg, char *buf, size_t len);
	void *arg;
};

static bool
patch_any(void *arg, char *buf, size_t len, uint64_t size)
{
	const struct patch *p = arg;

	(void)size;
	return p->change(p->arg, buf, len);
}

static enum sts_status
patch_once(struct tdbfile *f, const char *key,
    bool (*change_it)(void *arg, char *buf, size_t len), void *arg,
    struct sts_error *err)
{
	TDB_DATA k = key_of(key);
	TDB_DATA d;
	enum sts_status status;

	if (!wait_for_lock(f, k, tdb_chainlock_nonblock))
		return trouble(f, "cache-write", err);
	status = fetch(f, k, &d, err);
	/* Same size, so in place: no kill can tear the file. */
	if (status == STS_OK && change_it(arg, (char *)d.dptr, d.dsize) &&
	    tdb_store(f->tdb, k, d, TDB_MODIFY) != 0) {
		(void)failed(f);
		status = trouble(f, "cache-write", err);
	}
	free(d.dptr);
	(void)tdb_chainunlock(f->tdb, k);
	return status;
}

enum sts_status
tdbfile_patch(struct tdbfile *f, const char *key,
    bool (*change_it)(void *arg, char *buf, size_t len), void *arg,
    struct sts_error *err)
{
	struct patch p = { change_it, arg };
	enum sts_status status;
	unsigned tries = 0;

	if (patch_quickly(f, key, patch_any, &p))
		return STS_OK;
	do {
		status = tdbfile_open(f, err);
		if (status == STS_OK)
			status = patch_once(f, key, change_it, arg, err);
	} while (once_more(f, status, &tries));
	return status;
}

/* --- altering ------------------------------------------------------------- */

/* Nobody shares a moment with us: then TDB asks for no lock of its own, and
 * so for none that somebody may hold for ever. */
static bool
lock_all(struct tdbfile *f)
{
	int64_t deadline = tdbopen_deadline(f);

	errno = 0;
	while (tdb_lockall_nonblock(f->tdb) != 0) {
		if (tdb_error(f->tdb) != TDB_ERR_LOCK ||
		    clock_left(deadline) == 0)
			return failed(f);
		(void)poll(NULL, 0, 1);
	}
	return true;
}

static enum sts_status
alter_locked(struct tdbfile *f, TDB_DATA key, TDB_DATA old,
    const struct tdbfile_change *c, struct sts_error *err)
{
	struct bytes was = { (const char *)old.dptr, old.dsize };
	struct bytes now = { NULL, 0 };
	bool grow = size_now(f) <= c->size_max;
	TDB_DATA d;

	if (!c->make(c->arg, was, grow, &now) ||
	    (!grow && now.len > was.len))
		return error_set(err, STS_SYSTEM, "cache-full",
		    "%s/%s has reached its limit", f->dir, f->name);
	memcpy(&d.dptr, &now.p, sizeof d.dptr);
	d.dsize = now.len;
	errno = 0;
	if (tdb_store(f->tdb, key, d, TDB_REPLACE) == 0)
		return STS_OK;
	(void)failed(f);
	return trouble(f, "cache-write", err);
}

static enum sts_status
alter_once(struct tdbfile *f, const char *key,
    const struct tdbfile_change *c, struct sts_error *err)
{
	TDB_DATA k = key_of(key);
	TDB_DATA old = { NULL, 0 };
	enum sts_status status;

	if (!lock_all(f))
		return trouble(f, "cache-write", err);
	if (!tdbopen_begins_well(f)) {
		(void)failed_by(f, TDB_ERR_CORRUPT);
		status = trouble(f, "cache-read", err);
	} else
		status = fetch(f, k, &old, err);
	if (status == STS_OK || status == STS_MISS)
		status = alter_locked(f, k, old, c, err);
	free(old.dptr);
	(void)tdb_unlockall(f->tdb);
	return status;
}

struct alteration {
	const struct tdbfile_change *change;
	bool done; /* with what is no longer and no shorter than before */
};

static bool
alter_in_place(void *arg, char *buf, size_t len, uint64_t size)
{
	struct alteration *a = arg;
	const struct tdbfile_change *c = a->change;
	struct bytes was = { buf, len };
	struct bytes now = { NULL, 0 };

	a->done = c->make(c->arg, was, size <= c->size_max, &now) &&
	    now.len == len;
	if (a->done)
		memcpy(buf, now.p, len);
	return a->done;
}

enum sts_status
tdbfile_alter(struct tdbfile *f, const char *key,
    const struct tdbfile_change *change_it, struct sts_error *err)
{
	struct alteration a = { change_it, false };
	enum sts_status status;
	unsigned tries = 0;

	if (patch_quickly(f, key, alter_in_place, &a) && a.done)
		return STS_OK;
	do {
		status = tdbfile_open(f, err);
		if (status == STS_OK)
			status = alter_once(f, key, change_it, err);
	} while (once_more(f, status, &tries));
	return status;
}

enum sts_status
tdbfile_reset(struct tdbfile *f, struct sts_error *err)
{
	return tdbmend_renew(f, err);
}
