/* SPDX-License-Identifier: GPL-2.0-or-later */
/* count.c - a session is counted: into the day's journal. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "../store/owner.h"
#include "dayfile.h"
#include "dayvalue.h"
#include "journal.h"

static enum sts_status
make_folder(const char *folder, struct sts_error *err)
{
	if (mkdir(folder, 0750) == 0)
		(void)chmod(folder, 0750); /* whatever the umask is */
	else if (errno != EEXIST)
		return error_set(err, STS_SYSTEM, "cache-open", "%s: %s",
		    folder, strerror(errno));
	return STS_OK;
}

/* As the directory's owner. */
static enum sts_status
add(const struct dayfile *f, const struct verdict *v, struct bytes text,
    struct sts_error *err)
{
	enum sts_status status = journal_add(f->folder, f->journal, v->domain,
	    text, err);

	if (status != STS_ABSENT)
		return status;
	status = make_folder(f->folder, err);
	if (status != STS_OK)
		return status;
	return journal_add(f->folder, f->journal, v->domain, text, err);
}

static enum sts_status
add_text(const char *dir, const char *day, const struct verdict *v,
    struct bytes text, struct sts_error *err)
{
	enum sts_status status;
	struct dayfile f;
	struct owner o;

	status = dayfile_at(dir, day, &f, err);
	if (status == STS_OK)
		status = owner_enter(dir, &o, err);
	if (status != STS_OK) {
		/* As tdbfile.h says it. */
		if (strcmp(err->word, "cache-missing") == 0)
			err->status = STS_ABSENT;
		return err->status;
	}
	status = add(&f, v, text, err);
	owner_leave(&o);
	return status;
}

/* Most sessions are short; new memory costs more than all else here. */
#define SHORT 1536u

enum sts_status
day_count(const char *dir, time_t now, const struct verdict *v,
    struct sts_error *err)
{
	struct sts_error own;
	char room[SHORT], *more = NULL, *p = room;
	enum sts_status status;
	char day[DAY_NAME];
	size_t len;

	if (err == NULL)
		err = &own;
	day_name(now, day);
	if (!dayvalue_of(v, room, sizeof room, &len)) {
		p = more = malloc(JOURNAL_TEXT_MAX + 1);
		if (more == NULL ||
		    !dayvalue_of(v, more, JOURNAL_TEXT_MAX + 1, &len)) {
			free(more);
			return error_set(err, STS_NOMEM, "memory",
			    "out of memory");
		}
	}
	status = add_text(dir, day, v, (struct bytes){ p, len }, err);
	free(more);
	return status;
}
