/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbquick.h - what is ordinary, read from a TDB file and changed there without
 * libtdb.  For tdbfile.c.
 *
 * Nearly all that a delivery wants of the cache is one value, or to know that
 * there is none.  To load libtdb and to open a file by it costs a process ten
 * times as much as that.  So here a chain is locked as TDB does it, read, and
 * unlocked.  Whatever is not as in a sound file (TDBQUICK_UNKNOWN) is left to
 * libtdb, which mends or finds out why: as is all that makes a file longer or
 * shorter, or moves anything in it. */
#ifndef TDBQUICK_H
#define TDBQUICK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include "../protocol/scan.h"
#include "../protocol/status.h"
#include "tdbformat.h"

enum tdbquick_result {
	TDBQUICK_UNKNOWN,
	TDBQUICK_BUSY, /* somebody else has the chain locked */
	TDBQUICK_FOUND,
	TDBQUICK_MISSING
};

/* All zero: nothing is open.  It may be used in a process forked later. */
struct tdbquick {
	bool is_open;
	int fd;
	dev_t dev; /* what is open */
	ino_t ino;
	struct tdbformat_head head; /* as it began when it was opened */
	struct tdbquick_look {
		time_t at; /* when it was last looked at whole; 0: it was not */
		struct timespec changed; /* and last changed before, ... */
		off_t size; /* ... and how long it was */
	} look;
	char *record; /* the last one read; malloc'ed */
	size_t room;
};

/* The value under key in the file of that path, which is opened, as the owner
 * of dir and through no link, unless it is open already.  FOUND: *value is
 * borrowed until the next call on q.  MISSING: the whole chain was read and is
 * sound, so that no damage hides a policy (RFC 8461 10.2).  Waits for
 * nobody. */
enum tdbquick_result tdbquick_get(struct tdbquick *q, const char *dir,
    const char *path, const char *key, struct bytes *value) STS_CHECKED;
/* Gives change() the bytes under key, and the size of the file, while nobody
 * else can read or write them; it may alter them, and says by its result
 * whether they are to be written in their place.  FOUND: they are, or need not
 * be, and the file is still the one of that name. */
enum tdbquick_result tdbquick_patch(struct tdbquick *q, const char *dir,
    const char *path, const char *key,
    bool (*change)(void *arg, char *buf, size_t len, uint64_t size), void *arg)
    STS_CHECKED;
void tdbquick_close(struct tdbquick *q);

#endif
