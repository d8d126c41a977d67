/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbfile.h - one TDB file of ours: read, written, walked.
 *
 * The file is opened on first use, O_RDWR with TDB's locks and without mmap,
 * under the effective user of its directory's owner; libtdb's handle is given
 * up after a fork, and any when the file has been replaced.  What is ordinary
 * is read and changed without libtdb (tdbquick.h).  What is missing or
 * damaged is mended on the way (tdbmend.h), and what has grown is cared for
 * once a day (tdbcare.h).  The tdb*.c are the only users of tdb.h. */
#ifndef TDBFILE_H
#define TDBFILE_H

#include <stdint.h>
#include <sys/types.h>
#include "../protocol/scan.h"
#include "../protocol/status.h"
#include "tdbquick.h"

struct tdb_context;

/* How a TDB file begins, and stays: its magic, version, hash size and hash. */
#define TDBFILE_HEAD 60u /* bytes */

struct tdbfile {
	const char *dir; /* borrowed */
	const char *name; /* "policies.tdb"; borrowed */
	/* Durable: stores are fsynced, damage is an alert and the last good
	 * copy NAME.1 is taken.  Else it may begin anew at any time. */
	bool durable;
	/* Called as the user who called us, never as the owner.  Or NULL. */
	void (*alert)(void *arg, const char *line);
	void *arg;
	/* Nobody waits for a lock past this (clock.h), nor longer than
	 * TDBOPEN_WAIT_MS for any; 0: only that. */
	int64_t deadline;
	/* its own */
	struct tdbquick quick; /* enough for most */
	struct tdb_context *tdb;
	pid_t pid; /* who opened it, ... */
	dev_t dev; /* ... and what */
	ino_t ino;
	char head[TDBFILE_HEAD];
	/* of the last failure */
	int error; /* TDB's */
	int os_error; /* errno, or 0 */
	unsigned char *got; /* the last value read */
};

/* Makes sure that f->tdb is the file of that name and open in this process, as
 * all functions below do first.  STS_ABSENT, STS_SYSTEM ("cache-open"). */
enum sts_status tdbfile_open(struct tdbfile *f, struct sts_error *err)
    STS_CHECKED;
void tdbfile_close(struct tdbfile *f);

/* The value under key, borrowed until the next call on f.  STS_OK, STS_MISS,
 * STS_ABSENT (no such directory), STS_SYSTEM ("cache-open", "cache-read",
 * "cache-busy"). */
enum sts_status tdbfile_get(struct tdbfile *f, const char *key,
    struct bytes *value, struct sts_error *err) STS_CHECKED;
/* Stores in a transaction.  STS_SYSTEM "cache-write" or "cache-busy" when it
 * was not kept; "cache-full" when key is new and the file larger than size_max
 * (bytes). */
enum sts_status tdbfile_put(struct tdbfile *f, const char *key,
    struct bytes value, uint64_t size_max, struct sts_error *err) STS_CHECKED;
/* Gives change() the bytes under key while nobody else can write them; it may
 * alter them in place, and says by its result whether it did.  STS_MISS when
 * there is nothing. */
enum sts_status tdbfile_patch(struct tdbfile *f, const char *key,
    bool (*change)(void *arg, char *buf, size_t len), void *arg,
    struct sts_error *err) STS_CHECKED;
/* What tdbfile_alter() is to do with the value under a key. */
struct tdbfile_change {
	/* old is that value, or all zero; *now (borrowed) takes its place.
	 * grow: it may be longer.  False: it stays, for lack of room. */
	bool (*make)(void *arg, struct bytes old, bool grow,
	    struct bytes *now);
	void *arg;
	uint64_t size_max; /* bytes of a file in which nothing grows any more */
};
/* Changes a value while nobody else can read or write the file, without a
 * transaction: for what is often written and may be lost.  STS_SYSTEM
 * "cache-full" for lack of room; else as tdbfile_put(). */
enum sts_status tdbfile_alter(struct tdbfile *f, const char *key,
    const struct tdbfile_change *change, struct sts_error *err) STS_CHECKED;
enum sts_status tdbfile_delete(struct tdbfile *f, const char *key,
    struct sts_error *err) STS_CHECKED;
/* Every key and value; a false result of each() ends the walk.  each() may
 * call f. */
enum sts_status tdbfile_walk(struct tdbfile *f,
    bool (*each)(void *arg, const char *key, struct bytes value), void *arg,
    struct sts_error *err) STS_CHECKED;
/* Begins the file anew, empty, and forgets its last good copy. */
enum sts_status tdbfile_reset(struct tdbfile *f, struct sts_error *err)
    STS_CHECKED;
/* Size of the open file in bytes, 0 when it is not there. */
uint64_t tdbfile_size(struct tdbfile *f);

#endif
