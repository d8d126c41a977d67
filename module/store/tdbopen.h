/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbopen.h - a TDB file of ours: its names, its handle and its locks.  For the
 * other tdb*.c. */
#ifndef TDBOPEN_H
#define TDBOPEN_H

#include "tdbfile.h"

#define TDBOPEN_MODE 0640
#define TDBOPEN_PATH 512
/* For locks; who waits longer waits in vain.  A transaction ends with four
 * fsync, and on a busy disk others' may come before ours. */
#define TDBOPEN_WAIT_MS 5000

/* "DIR/NAMEsuffix"; false and errno when that is too long. */
bool tdbopen_path(const struct tdbfile *f, const char *suffix,
    char path[TDBOPEN_PATH]) STS_CHECKED;

/* --- as the owner --------------------------------------------------------- */

/* Opens the file as f->tdb.  False: errno. */
bool tdbopen_file(struct tdbfile *f) STS_CHECKED;
/* The file of that path; NULL and errno, 0 or EIO or EINVAL when it is not a
 * TDB file of ours. */
struct tdb_context *tdbopen_at(const struct tdbfile *f, const char *path);
/* A new file, empty and open, in the place of whatever has that name; NULL
 * and errno.  It is made for `size` bytes of entries. */
struct tdb_context *tdbopen_create(const struct tdbfile *f, const char *path,
    uint64_t size);

/* --- as anybody ----------------------------------------------------------- */

/* Whether f->tdb may be used: opened by this process, and not replaced or set
 * aside by another since. */
bool tdbopen_is_current(const struct tdbfile *f);
/* Whether the open file still begins as it did when it was opened.  TDB itself
 * looks at that no more. */
bool tdbopen_begins_well(const struct tdbfile *f);
/* Until when to wait for a lock of f's that is wanted now (clock.h). */
int64_t tdbopen_deadline(const struct tdbfile *f);
/* TDB waits without end for whoever holds its locks.  Those are held for
 * milliseconds, unless somebody was stopped or his disk hangs: so look first.
 * True when a lock of that type (F_RDLCK, F_WRLCK) on the len bytes (0: all)
 * from `from` of the file can be had, or can by the deadline; else false and
 * errno is EAGAIN. */
bool tdbopen_comes_free(int fd, short type, off_t from, off_t len,
    int64_t deadline);
/* Readers go on, writers wait.  True: to be ended by tdb_unlockall_read(). */
bool tdbopen_lock_writers(struct tdb_context *t, int64_t deadline) STS_CHECKED;

#endif
