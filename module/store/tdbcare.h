/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbcare.h - what a TDB file of ours needs once a day: a look at all of it, a
 * last good copy, and its waste thrown out.
 *
 * Readers never wait for this.  Writers do, for a second at most: what takes
 * longer is given up (STS_WAIT), and the file stays as it is. */
#ifndef TDBCARE_H
#define TDBCARE_H

#include "tdbfile.h"

/* Looks at every entry and all free space.  STS_OK: sound; STS_DAMAGED: not
 * (nothing is done about it); STS_WAIT: locked, or too large to tell within ten
 * seconds; STS_ABSENT, STS_SYSTEM: as tdbfile_open(). */
enum sts_status tdbcare_check(struct tdbfile *f, struct sts_error *err)
    STS_CHECKED;
/* Has a damaged file replaced by its last good copy.  STS_OK: f is sound now,
 * or was. */
enum sts_status tdbcare_mend(struct tdbfile *f, struct sts_error *err)
    STS_CHECKED;

/* Writes the last good copy NAME.1: complete, checked and on the disk before
 * it takes the place of the one before.  *size is its size in bytes. */
enum sts_status tdbcare_save(struct tdbfile *f, uint64_t *size,
    struct sts_error *err) STS_CHECKED;
/* Puts a copy without waste, and without what keep() (may be NULL) does not
 * want, in the place of the file.  Nothing that others write meanwhile is
 * lost, but for what they delete in a file that is not durable. */
enum sts_status tdbcare_compact(struct tdbfile *f,
    bool (*keep)(void *arg, const char *key, struct bytes value), void *arg,
    struct sts_error *err) STS_CHECKED;

#endif
