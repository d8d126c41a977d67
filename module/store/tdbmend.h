/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbmend.h - a TDB file of ours: opened, and made anew when it is missing or
 * damaged.  For the other tdb*.c.
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
/* After an error of TDB's on f->tdb.  True: the file was to blame, and f->tdb
 * is a sound one now. */
bool tdbmend_replace(struct tdbfile *f) STS_CHECKED;
/* An empty file in the place of whatever is there; nothing is open then. */
enum sts_status tdbmend_renew(struct tdbfile *f, struct sts_error *err)
    STS_CHECKED;
/* fsync of a directory, or of any file. */
bool tdbmend_sync(const char *path, int flags) STS_CHECKED;

#endif
