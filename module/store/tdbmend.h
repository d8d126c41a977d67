/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbmend.h - a TDB file of ours: opened, and made anew when it is missing or
 * damaged.  For tdbfile.c.
 *
 * A file is made complete under another name and then renamed: nobody ever
 * sees half a file.  One process does so, the others wait for it.  Only what
 * is surely damaged is replaced: a file that we have no right, no memory or no
 * descriptor to read stays as it is. */
#ifndef TDBMEND_H
#define TDBMEND_H

#include "tdbfile.h"

/* STS_OK: f->tdb is open.  STS_ABSENT (no such directory), STS_SYSTEM
 * ("cache-open", "cache-owner"). */
enum sts_status tdbmend_open(struct tdbfile *f, struct sts_error *err)
    STS_CHECKED;
/* Whether f->tdb may be used: opened by this process, and not replaced or set
 * aside by another since. */
bool tdbmend_is_current(const struct tdbfile *f);
/* What of the beginning of a TDB file never changes. */
bool tdbmend_head(int fd, char head[TDBFILE_HEAD]) STS_CHECKED;
/* After an error of TDB's on f->tdb.  True: the file was to blame, and f->tdb
 * is a sound one now. */
bool tdbmend_replace(struct tdbfile *f) STS_CHECKED;
/* An empty file in the place of whatever is there; nothing is open then. */
enum sts_status tdbmend_renew(struct tdbfile *f, struct sts_error *err)
    STS_CHECKED;

/* --- for tdbcare.c; as the owner ----------------------------------------- */

#define TDBMEND_PATH 512

/* "DIR/NAMEsuffix"; false when that is too long. */
bool tdbmend_path(const struct tdbfile *f, const char *suffix,
    char path[TDBMEND_PATH]) STS_CHECKED;
/* A new file, empty and open, in the place of whatever has that name; NULL
 * and errno.  It is made for `size` bytes of entries. */
struct tdb_context *tdbmend_create(const struct tdbfile *f, const char *path,
    uint64_t size);
/* fsync of a directory, or of any file. */
bool tdbmend_sync(const char *path, int flags) STS_CHECKED;

/* TDB waits without end for whoever holds its locks.  Those are held for
 * milliseconds, unless somebody was stopped or his disk hangs: so look first.
 * True when nobody is about to write in the len bytes (0: all) from `from` of
 * the file, or soon is no more; else false and errno is EAGAIN. */
bool tdbmend_comes_free(int fd, off_t from, off_t len);

#endif
