/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fold.c - the journal of a day goes into its file, each session once.
 *
 * Every value says how far the journal is in it, so that who is killed between
 * two of them has counted nothing twice when he comes again.  How far it is in
 * all of them stands under a key of its own, and what is before that is given
 * back to the disk. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../store/clock.h"
#include "../store/owner.h"
#include "dayfile.h"
#include "dayvalue.h"
#include "journal.h"

#define WAIT_MS 10000 /* for another who folds */
#define PLACE ".folded" /* no domain begins with a dot */
#define PLACE_LEN 16u /* digits */

struct folding {
	struct tdbfile *tdb;
	char raw[JOURNAL_TEXT_MAX]; /* what `record` borrows from */
	struct dayvalue record; /* of the journal */
	struct report_failure failure[REPORT_FAILURES_MAX];
	struct verdict v; /* the same */
	uint64_t end; /* where it ends */
	struct dayvalue value; /* of the file */
	char old[DAYVALUE_MAX]; /* what `value` borrows from */
	char text[DAYVALUE_MAX + 1];
	bool full; /* something had no room */
	enum sts_status status; /* what ended it */
	struct sts_error *err;
};

/* --- one session ---------------------------------------------------------- */

/* What is damaged begins anew; nothing but numbers is lost. */
static bool
count(struct folding *f, struct bytes old, bool grow, struct bytes *now)
{
	size_t len = old.len <= sizeof f->old ? old.len : 0;

	if (len > 0)
		memcpy(f->old, old.p, len);
	if (!dayvalue_read(f->old, len, f->v.domain, &f->value))
		dayvalue_clear(&f->value);
	*now = old;
	if (f->value.folded >= f->end)
		return true;
	f->value.folded = f->end;
	now->p = f->text;
	return dayvalue_add(&f->value, &f->v, grow) &&
	    dayvalue_write(&f->value, f->v.domain, f->text, sizeof f->text,
		&now->len);
}

/* What is too much for a value is counted with the rest of its type. */
static bool
make_value(void *arg, struct bytes old, bool grow, struct bytes *now)
{
	return count(arg, old, grow, now) ||
	    (grow && count(arg, old, false, now));
}

/* A record as the verdict that it was. */
static bool
read_verdict(struct folding *f, const struct journal_record *r)
{
	const struct dayvalue *d = &f->record;

	/* What looks like one may be a part of two. */
	memcpy(f->raw, r->text, r->len);
	if (!dayvalue_read(f->raw, r->len, r->domain, &f->record) ||
	    d->rows != 1 || d->row[0].success + d->row[0].failure != 1 ||
	    d->details > REPORT_FAILURES_MAX)
		return false;
	for (unsigned i = 0; i < d->details; i++)
		f->failure[i] = d->detail[i].detail.failure;
	f->v = (struct verdict){ r->domain, d->row[0].policy,
		d->row[0].success == 1, f->failure, d->details };
	f->end = r->end;
	return true;
}

static bool
take_record(void *arg, const struct journal_record *r, bool *valid)
{
	struct folding *f = arg;
	struct tdbfile_change change = { make_value, f, DAY_BYTES_MAX };

	*valid = read_verdict(f, r);
	if (!*valid)
		return true;
	f->status = tdbfile_alter(f->tdb, r->domain, &change, f->err);
	if (f->status != STS_OK && strcmp(f->err->word, "cache-full") == 0) {
		f->full = true;
		f->status = STS_OK;
	}
	return f->status == STS_OK;
}

/* --- all of them ---------------------------------------------------------- */

static uint64_t
read_place(struct tdbfile *t)
{
	uint64_t place = 0;
	struct bytes value;

	if (tdbfile_get(t, PLACE, &value, NULL) != STS_OK ||
	    value.len != PLACE_LEN)
		return 0;
	for (size_t i = 0; i < PLACE_LEN; i++) {
		if (!ascii_is_digit(value.p[i]))
			return 0;
		place = place * 10 + (uint64_t)(value.p[i] - '0');
	}
	return place;
}

static bool
put_place(void *arg, struct bytes old, bool grow, struct bytes *now)
{
	(void)grow;
	(void)old;
	*now = *(const struct bytes *)arg;
	return true;
}

static enum sts_status
write_place(struct tdbfile *t, uint64_t place, struct sts_error *err)
{
	char digits[PLACE_LEN + 1];
	struct bytes value = { digits, PLACE_LEN };
	/* It has room in a full file, too. */
	struct tdbfile_change change = { put_place, &value, UINT64_MAX };

	for (unsigned i = PLACE_LEN; i-- > 0; place /= 10)
		digits[i] = (char)('0' + place % 10);
	return tdbfile_alter(t, PLACE, &change, err);
}

static enum sts_status
fold_all(int fd, struct folding *f, struct sts_error *err)
{
	uint64_t before = read_place(f->tdb), to = before;
	enum sts_status status;

	status = journal_each(fd, &to, take_record, f, err);
	if (status == STS_OK)
		status = f->status;
	/* Also of what was taken before it came to an end. */
	if (to > before && write_place(f->tdb, to, NULL) == STS_OK)
		journal_drop(fd, to);
	if (status == STS_OK && f->full)
		status = error_set(err, STS_SYSTEM, "cache-full",
		    "%s/%s is full: sessions are missing from the reports",
		    f->tdb->dir, f->tdb->name);
	return status;
}

static enum sts_status
fold(int fd, struct dayfile *file, struct sts_error *err)
{
	struct folding *f = malloc(sizeof *f);
	enum sts_status status;

	if (f == NULL)
		return error_set(err, STS_NOMEM, "memory", "out of memory");
	f->tdb = &file->tdb;
	f->full = false;
	f->status = STS_OK;
	f->err = err;
	status = fold_all(fd, f, err);
	tdbfile_close(f->tdb);
	free(f);
	return status;
}

static int
open_journal(const char *dir, const struct dayfile *f, struct sts_error *err)
{
	struct owner o;
	int fd;

	if (owner_enter(dir, &o, err) != STS_OK)
		return -1;
	fd = journal_open(f->folder, f->journal, clock_ms() + WAIT_MS, err);
	owner_leave(&o);
	return fd;
}

enum sts_status
day_fold(const char *dir, const char *day, struct sts_error *err)
{
	struct sts_error own;
	struct dayfile f;
	enum sts_status status;
	int fd;

	if (err == NULL)
		err = &own;
	status = dayfile_at(dir, day, &f, err);
	if (status != STS_OK)
		return status;
	fd = open_journal(dir, &f, err);
	if (fd < 0)
		return strcmp(err->word, "no-day") == 0 ||
			strcmp(err->word, "cache-missing") == 0
		    ? STS_OK
		    : err->status;
	status = fold(fd, &f, err);
	(void)close(fd);
	return status;
}
