/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal.h - a file of records that many processes add to at once, none of
 * which waits for another; somebody else reads them later.
 *
 * A record is a line end, '>', the domain, a blank, the length of its text in
 * decimal, a line end, and the text, which has a checksum of its own.  What is
 * damaged, or was cut when the disk was full, is passed over. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdint.h>
#include "../protocol/scan.h"
#include "../protocol/status.h"

#define JOURNAL_TEXT_MAX 49152u /* bytes of a text */
#define JOURNAL_BYTES_MAX (64u << 20) /* on the disk; then nothing is added */

/* Adds a record, at once and whole, as the user who calls; the file is made.
 * STS_ABSENT: its folder is not there.  STS_SYSTEM: "cache-full",
 * "cache-open" or "cache-write". */
enum sts_status journal_add(const char *folder, const char *name,
    const char *domain, struct bytes text, struct sts_error *err) STS_CHECKED;

struct journal_record {
	const char *domain;
	const char *text;
	size_t len;
	uint64_t end; /* where it ends in the file, in bytes */
};

/* Opens a journal for the only one who takes records from it, and waits for
 * another until deadline (clock.h).  A descriptor, or -1: *err has STS_ABSENT
 * (there is none), or STS_SYSTEM ("cache-busy", "cache-open"). */
int journal_open(const char *folder, const char *name, int64_t deadline,
    struct sts_error *err) STS_CHECKED;
/* Gives each record from *from on, whole ones only; each() says in *valid
 * whether it was one, or ends it by a false result, and gets that one again the
 * next time.  *from: where to go on then.  STS_SYSTEM "cache-read". */
enum sts_status journal_each(int fd, uint64_t *from,
    bool (*each)(void *arg, const struct journal_record *r, bool *valid),
    void *arg, struct sts_error *err) STS_CHECKED;
/* Gives the disk back what is before `to`, where the file system can. */
void journal_drop(int fd, uint64_t to);

#endif
