/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dayfile.c - where the files of a day are. */
#include "dayfile.h"
#include <errno.h>

#define FOLDER "/reports"

enum sts_status
dayfile_folder(const char *dir, char folder[DAYFILE_ROOM],
    struct sts_error *err)
{
	struct text t;

	text_init(&t, folder, sizeof((struct dayfile *)NULL)->folder);
	text_add(&t, dir);
	text_add(&t, FOLDER);
	return t.full ? error_set(err, STS_SYSTEM, "cache-open", "%s: %s", dir,
			    strerror(ENAMETOOLONG))
		      : STS_OK;
}

enum sts_status
dayfile_at(const char *dir, const char *day, struct dayfile *f,
    struct sts_error *err)
{
	char folder[DAYFILE_ROOM];
	enum sts_status status = dayfile_folder(dir, folder, err);
	struct text t;

	if (status != STS_OK)
		return status;
	memset(&f->tdb, 0, sizeof f->tdb);
	memcpy(f->folder, folder, sizeof f->folder);
	text_init(&t, f->name, sizeof f->name);
	text_add(&t, day);
	text_add(&t, DAYFILE_TDB);
	text_init(&t, f->journal, sizeof f->journal);
	text_add(&t, day);
	text_add(&t, DAYFILE_JOURNAL);
	f->tdb.dir = f->folder;
	f->tdb.name = f->name;
	return STS_OK;
}

void
dayfile_path(const struct dayfile *f, const char *name,
    char path[DAYFILE_ROOM])
{
	struct text t;

	text_init(&t, path, DAYFILE_ROOM);
	text_add(&t, f->folder);
	text_add(&t, "/");
	text_add(&t, name);
}
