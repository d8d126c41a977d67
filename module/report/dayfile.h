/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dayfile.h - where the files of a day are (day.h). */
#ifndef DAYFILE_H
#define DAYFILE_H

#include "../store/tdbfile.h"
#include "day.h"

#define DAYFILE_TDB ".tdb"
#define DAYFILE_JOURNAL ".log"
#define DAYFILE_ROOM 544u /* bytes of a path */

struct dayfile {
	char folder[DAYFILE_ROOM - 32u];
	char name[DAY_NAME + sizeof DAYFILE_TDB];
	char journal[DAY_NAME + sizeof DAYFILE_JOURNAL];
	struct tdbfile tdb; /* not open yet; borrows the names */
};

/* STS_SYSTEM: dir is too long a name. */
enum sts_status dayfile_folder(const char *dir, char folder[DAYFILE_ROOM],
    struct sts_error *err) STS_CHECKED;
enum sts_status dayfile_at(const char *dir, const char *day, struct dayfile *f,
    struct sts_error *err) STS_CHECKED;
/* name: f->name or f->journal. */
void dayfile_path(const struct dayfile *f, const char *name,
    char path[DAYFILE_ROOM]);

#endif
