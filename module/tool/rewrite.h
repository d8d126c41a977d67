/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rewrite.h - change a text file of the administrator's: whoever reads it
 * meanwhile sees the old one or the new one, whole. */
#ifndef REWRITE_H
#define REWRITE_H

#include <stdio.h>
#include "../protocol/status.h"

struct rewrite {
	char *path; /* of the file itself, behind symbolic links */
	char *temp; /* what becomes it */
	char *lock_path;
	int lock; /* one change at a time */
	FILE *in; /* NULL: there is no such file yet */
	FILE *out;
};

/* Opens path for reading and its successor for writing, with the same owner
 * and mode; waits some seconds for another change to end.  A new file has mode
 * 0644.  STS_SYSTEM: "read", "write", "busy"; STS_NOMEM.  Ends with one of the
 * two below, also when it failed. */
enum sts_status rewrite_begin(const char *path, struct rewrite *r,
    struct sts_error *err) STS_CHECKED;
/* Puts what was written to r->out, durably, in the place of the file. */
enum sts_status rewrite_commit(struct rewrite *r, struct sts_error *err)
    STS_CHECKED;
/* Leaves the file alone; also after rewrite_commit(). */
void rewrite_end(struct rewrite *r);

#endif
