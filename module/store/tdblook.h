/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdblook.h - is a TDB file sound?  For the other tdb*.c. */
#ifndef TDBLOOK_H
#define TDBLOOK_H

#include "tdbfile.h"

/* What can be said of a file. */
enum tdb_condition {
	TDB_SOUND,
	TDB_MISSING,
	TDB_DAMAGED,
	TDB_UNKNOWN /* no right, no memory, no descriptor, no lock, no time */
};

/* What it says of the file that it could not be opened. */
enum tdb_condition tdblook_by_errno(int error);
/* A look at all that TDB needs to find and to store a record, until deadline
 * (clock.h).  Readers and writers go on meanwhile. */
enum tdb_condition tdblook_inside(struct tdb_context *t, int64_t deadline);
/* The same, and that it still begins as it did when it was opened. */
enum tdb_condition tdblook_all(const struct tdbfile *f, int64_t deadline);

#endif
