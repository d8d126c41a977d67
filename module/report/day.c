/* SPDX-License-Identifier: GPL-2.0-or-later */
/* day.c - what was counted for the reports of one day. */
#include "day.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../protocol/scan.h"
#include "../store/owner.h"
#include "dayfile.h"
#include "dayvalue.h"

/* --- days ----------------------------------------------------------------- */

#define DAY_SECONDS 86400
#define YEAR_MAX 9999

static bool
is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int
days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };

	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static void
put_digits(char *p, int n, int value)
{
	for (; n > 0; n--, value /= 10)
		p[n - 1] = (char)('0' + value % 10);
}

/* libc would read /etc/localtime first, once in each delivery. */
void
day_name(time_t t, char day[DAY_NAME])
{
	int64_t left = (t > 0 ? (int64_t)t : 0) / DAY_SECONDS;
	int year = 1970;
	int month = 1;

	for (; left >= 365 + is_leap(year) && year < YEAR_MAX; year++)
		left -= 365 + is_leap(year);
	for (; month < 12 && left >= days_of(year, month); month++)
		left -= days_of(year, month);
	memcpy(day, "yyyy-mm-dd", DAY_NAME);
	put_digits(day, 4, year);
	put_digits(day + 5, 2, month);
	put_digits(day + 8, 2, (int)left % 31 + 1);
}

static int
read_digits(const char *p, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++)
		value = value * 10 + (p[i] - '0');
	return value;
}

time_t
day_begin(const char *day)
{
	static const char shape[DAY_NAME] = "dddd-dd-dd";
	int year, month, date;
	int64_t days = 0;

	if (strlen(day) != DAY_NAME - 1)
		return -1;
	for (int i = 0; i < DAY_NAME - 1; i++)
		if (shape[i] == 'd' ? !ascii_is_digit(day[i]) : day[i] != '-')
			return -1;
	year = read_digits(day, 4);
	month = read_digits(day + 5, 2);
	date = read_digits(day + 8, 2);
	if (year < 1970 || month < 1 || month > 12 || date < 1 ||
	    date > days_of(year, month))
		return -1;
	for (int y = 1970; y < year; y++)
		days += 365 + is_leap(y);
	for (int m = 1; m < month; m++)
		days += days_of(year, m);
	return (time_t)((days + date - 1) * DAY_SECONDS);
}

/* --- reading -------------------------------------------------------------- */

struct names {
	char **name; /* owned */
	size_t n;
	size_t room;
	bool failed;
};

static bool
keep_name(struct names *l, const char *name)
{
	char *copy;

	if (l->n == l->room) {
		size_t room = l->room > 0 ? 2 * l->room : 64;
		char **more = realloc(l->name, room * sizeof *more);

		if (more != NULL) {
			l->name = more;
			l->room = room;
		}
	}
	copy = l->n < l->room ? strdup(name) : NULL;
	if (copy == NULL) {
		l->failed = true;
		return false;
	}
	l->name[l->n++] = copy;
	return true;
}

static void
free_names(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->name[i]);
	free(l->name);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
sort_names(struct names *l)
{
	if (l->n > 0)
		qsort(l->name, l->n, sizeof *l->name, compare_names);
}

static bool
note_domain(void *arg, const char *key, struct bytes value)
{
	(void)value;
	return key[0] == '.' || keep_name(arg, key);
}

struct reading {
	bool (*each)(void *arg, const struct day_row *row);
	void *arg;
	struct dayvalue value;
	struct day_detail detail[DAYVALUE_DETAILS]; /* of one row */
	char text[DAYVALUE_MAX];
};

static bool
give_row(struct reading *r, const char *domain, unsigned at)
{
	const struct dayvalue_row *from = &r->value.row[at];
	struct day_row row = { domain, from->policy, from->success,
		from->failure, r->detail, 0 };

	for (unsigned i = 0; i < r->value.details; i++)
		if (r->value.detail[i].row == at)
			r->detail[row.n++] = r->value.detail[i].detail;
	return r->each(r->arg, &row);
}

static bool
give_domain(struct reading *r, const char *domain, struct bytes value)
{
	if (value.len > sizeof r->text)
		return true;
	memcpy(r->text, value.p, value.len);
	if (!dayvalue_read(r->text, value.len, domain, &r->value))
		return true;
	for (unsigned i = 0; i < r->value.rows; i++)
		if (!give_row(r, domain, i))
			return false;
	return true;
}

static enum sts_status
give_all(struct tdbfile *f, const struct names *l, struct reading *r,
    struct sts_error *err)
{
	for (size_t i = 0; i < l->n; i++) {
		struct bytes value;
		enum sts_status status = tdbfile_get(f, l->name[i], &value,
		    err);

		if (status == STS_MISS) /* the file began anew meanwhile */
			continue;
		if (status != STS_OK)
			return status;
		if (!give_domain(r, l->name[i], value))
			break;
	}
	return STS_OK;
}

static enum sts_status
read_file(struct tdbfile *f, struct reading *r, struct sts_error *err)
{
	struct names l = { NULL, 0, 0, false };
	enum sts_status status = tdbfile_walk(f, note_domain, &l, err);

	if (l.failed)
		status = error_set(err, STS_NOMEM, "memory", "out of memory");
	sort_names(&l);
	if (status == STS_OK)
		status = give_all(f, &l, r, err);
	free_names(&l);
	return status;
}

/* To read it must not make it. */
static bool
is_there(const struct dayfile *f)
{
	char path[DAYFILE_ROOM];
	struct stat st;

	dayfile_path(f, f->name, path);
	return lstat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

static enum sts_status
read_all(struct dayfile *f,
    bool (*each)(void *arg, const struct day_row *row), void *arg,
    struct sts_error *err)
{
	struct reading *r = malloc(sizeof *r);
	enum sts_status status;

	if (r == NULL)
		return error_set(err, STS_NOMEM, "memory", "out of memory");
	r->each = each;
	r->arg = arg;
	status = read_file(&f->tdb, r, err);
	tdbfile_close(&f->tdb);
	free(r);
	return status;
}

enum sts_status
day_each(const char *dir, const char *day,
    bool (*each)(void *arg, const struct day_row *row), void *arg,
    struct sts_error *err)
{
	struct sts_error own;
	struct dayfile f;
	enum sts_status status;

	if (err == NULL)
		err = &own;
	if (day_begin(day) < 0)
		return error_set(err, STS_ABSENT, "no-day",
		    "%s is no day", day);
	status = day_fold(dir, day, err);
	/* What had no room is lost, and nothing else. */
	if (status != STS_OK && strcmp(err->word, "cache-full") != 0)
		return status;
	status = dayfile_at(dir, day, &f, err);
	if (status != STS_OK)
		return status;
	if (!is_there(&f))
		return error_set(err, STS_ABSENT, "no-day",
		    "nothing was counted on %s", day);
	return read_all(&f, each, arg, err);
}

/* --- files ---------------------------------------------------------------- */

/* The day of a file's name; false for other files. */
static bool
is_day_file(const char *name, char day[DAY_NAME])
{
	if (strlen(name) < DAY_NAME - 1 ||
	    (strcmp(name + DAY_NAME - 1, DAYFILE_TDB) != 0 &&
		strcmp(name + DAY_NAME - 1, DAYFILE_JOURNAL) != 0))
		return false;
	memcpy(day, name, DAY_NAME - 1);
	day[DAY_NAME - 1] = '\0';
	return day_begin(day) >= 0;
}

static enum sts_status
read_folder(const char *folder, struct names *l, struct sts_error *err)
{
	DIR *d = opendir(folder);
	const struct dirent *e;
	char day[DAY_NAME];

	if (d == NULL && errno == ENOENT)
		return STS_OK;
	if (d == NULL)
		return error_set(err, STS_SYSTEM, "cache-open", "%s: %s",
		    folder, strerror(errno));
	while ((e = readdir(d)) != NULL)
		if (is_day_file(e->d_name, day) && !keep_name(l, day))
			break;
	(void)closedir(d);
	return l->failed
	    ? error_set(err, STS_NOMEM, "memory", "out of memory")
	    : STS_OK;
}

/* A day has two files. */
static void
give_days(const struct names *l, bool (*each)(void *arg, const char *day),
    void *arg)
{
	for (size_t i = 0; i < l->n; i++)
		if ((i == 0 || strcmp(l->name[i - 1], l->name[i]) != 0) &&
		    !each(arg, l->name[i]))
			return;
}

enum sts_status
day_list(const char *dir, bool (*each)(void *arg, const char *day), void *arg,
    struct sts_error *err)
{
	struct names l = { NULL, 0, 0, false };
	char folder[DAYFILE_ROOM];
	enum sts_status status = dayfile_folder(dir, folder, err);
	struct owner o;

	if (status == STS_OK)
		status = owner_enter(dir, &o, err);
	if (status != STS_OK)
		return status;
	status = read_folder(folder, &l, err);
	owner_leave(&o);
	sort_names(&l);
	if (status == STS_OK)
		give_days(&l, each, arg);
	free_names(&l);
	return status;
}

static enum sts_status
remove_file(const struct dayfile *f, const char *name, struct sts_error *err)
{
	char path[DAYFILE_ROOM];

	dayfile_path(f, name, path);
	if (unlink(path) == 0 || errno == ENOENT)
		return STS_OK;
	return error_set(err, STS_SYSTEM, "cache-write", "%s: %s", path,
	    strerror(errno));
}

/* The journal first: without the other file it would be read anew. */
enum sts_status
day_forget(const char *dir, const char *day, struct sts_error *err)
{
	enum sts_status status;
	struct dayfile f;
	struct owner o;

	if (day_begin(day) < 0)
		return STS_OK;
	status = dayfile_at(dir, day, &f, err);
	if (status == STS_OK)
		status = owner_enter(dir, &o, err);
	if (status != STS_OK)
		return status;
	status = remove_file(&f, f.journal, err);
	if (status == STS_OK)
		status = remove_file(&f, f.name, err);
	owner_leave(&o);
	return status;
}
