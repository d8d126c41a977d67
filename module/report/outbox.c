/* SPDX-License-Identifier: GPL-2.0-or-later */
/* outbox.c - the reports that are on their way, as files. */
#include "outbox.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../protocol/text.h"
#include "../store/owner.h"

#define PATH_ROOM 1024 /* bytes */
#define COMPLETE ".complete" /* no domain begins with a dot */
#define FRESH ".new"
#define CLAIM ".claim-"
#define SHARE ".to-"
#define SHARE_NAME 240u /* bytes; of a longer one the end */
#define MAIL_MAX 64u /* bytes of a mail's name */

static enum sts_status
trouble(const char *path, struct sts_error *err)
{
	return error_set(err, STS_SYSTEM, "outbox", "%s: %s", path,
	    strerror(errno));
}

/* DIR/reports/outbox[/DAY[/NAME]] */
static bool
path_to(const char *dir, const char *day, const char *name,
    char path[PATH_ROOM])
{
	struct text t;

	text_init(&t, path, PATH_ROOM);
	text_addf(&t, "%s/reports/outbox", dir);
	if (day != NULL)
		text_addf(&t, "/%s", day);
	if (name != NULL)
		text_addf(&t, "/%s", name);
	errno = ENAMETOOLONG;
	return !t.full;
}

static bool
sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = fsync(fd) == 0;
	return close(fd) == 0 && ok;
}

/* path, whose last name is added to the directory above it for good. */
static bool
make_directory(const char *path)
{
	char above[PATH_ROOM];
	struct text t;

	if (mkdir(path, 0750) != 0)
		return errno == EEXIST;
	text_init(&t, above, sizeof above);
	text_add_bytes(&t, path, (size_t)(strrchr(path, '/') - path));
	return chmod(path, 0750) == 0 && /* whatever the umask is */
	    sync_directory(above);
}

/* All below DIR, which is there. */
static bool
make_directories(const char *dir, const char *day)
{
	char path[PATH_ROOM];
	struct text t;

	text_init(&t, path, sizeof path);
	text_addf(&t, "%s/reports", dir);
	return !t.full && make_directory(path) &&
	    path_to(dir, NULL, NULL, path) && make_directory(path) &&
	    path_to(dir, day, NULL, path) && make_directory(path);
}

/* --- one file ------------------------------------------------------------- */

static bool
write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool
write_fresh(const char *path, const char *p, size_t len)
{
	int fd;
	bool ok;

	(void)unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0640);
	if (fd < 0)
		return false;
	ok = fchmod(fd, 0640) == 0 && write_all(fd, p, len) && fsync(fd) == 0;
	return close(fd) == 0 && ok;
}

/* The name has these bytes, or those that it had, and stays so. */
static enum sts_status
put_file(const char *dir, const char *day, const char *name, const char *p,
    size_t len, struct sts_error *err)
{
	char folder[PATH_ROOM], path[PATH_ROOM], fresh[PATH_ROOM];
	enum sts_status status = STS_OK;
	struct text own;
	char temporary[32];

	/* Several processes work on one day. */
	text_init(&own, temporary, sizeof temporary);
	text_addf(&own, FRESH "%ld", (long)getpid());
	if (!path_to(dir, day, NULL, folder) ||
	    !path_to(dir, day, name, path) ||
	    !path_to(dir, day, temporary, fresh))
		return trouble(dir, err);
	if (!make_directories(dir, day) || !write_fresh(fresh, p, len) ||
	    rename(fresh, path) != 0 || !sync_directory(folder)) {
		status = trouble(path, err);
		(void)unlink(fresh);
	}
	return status;
}

/* What the owner of the directory may have planted there is no file of
 * another's, no FIFO, and not endless.  To be freed. */
static char *
get_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	char *p = NULL;
	ssize_t n = -1;

	if (fd < 0)
		return NULL;
	errno = EINVAL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size <= JOB_TEXT_MAX)
		p = malloc((size_t)st.st_size + 1);
	if (p != NULL)
		n = read(fd, p, (size_t)st.st_size);
	(void)close(fd);
	if (n < 0) {
		free(p);
		return NULL;
	}
	p[n] = '\0';
	*len = (size_t)n;
	return p;
}

/* --- jobs ----------------------------------------------------------------- */

enum sts_status
outbox_save(const char *dir, const struct job *j, struct sts_error *err)
{
	enum sts_status status;
	struct owner o;
	size_t len;
	char *text = job_write(j, &len);

	if (text == NULL)
		return error_set(err, STS_NOMEM, "memory", "out of memory");
	status = len > JOB_TEXT_MAX
	    ? error_set(err, STS_SYSTEM, "outbox", "the report is too long")
	    : owner_enter(dir, &o, err);
	if (status == STS_OK) {
		status = put_file(dir, j->day, j->domain, text, len, err);
		owner_leave(&o);
	}
	free(text);
	return status;
}

enum sts_status
outbox_load(const char *dir, const char *day, const char *domain,
    struct job *j, struct sts_error *err)
{
	char path[PATH_ROOM];
	enum sts_status status;
	struct owner o;
	size_t len = 0;
	char *text;
	int error;

	memset(j, 0, sizeof *j);
	if (!path_to(dir, day, domain, path))
		return trouble(dir, err);
	status = owner_enter(dir, &o, err);
	if (status != STS_OK)
		return status;
	text = get_file(path, &len);
	error = errno;
	owner_leave(&o);
	errno = error;
	if (text == NULL)
		return error == ENOENT
		    ? error_set(err, STS_MISS, "no-report", "%s: none", path)
		    : trouble(path, err);
	status = job_read(text, len, day, domain, j);
	free(text);
	if (status != STS_OK)
		(void)error_set(err, status, "damaged", "%s is damaged", path);
	return status;
}

static bool
is_there(const char *dir, const char *day, const char *name)
{
	char path[PATH_ROOM];
	struct owner o;
	struct stat st;
	bool there;

	if (!path_to(dir, day, name, path) ||
	    owner_enter(dir, &o, NULL) != STS_OK)
		return false;
	there = lstat(path, &st) == 0;
	owner_leave(&o);
	return there;
}

bool
outbox_has(const char *dir, const char *day, const char *domain)
{
	return is_there(dir, day, domain);
}

bool
outbox_is_complete(const char *dir, const char *day)
{
	return is_there(dir, day, COMPLETE);
}

enum sts_status
outbox_set_complete(const char *dir, const char *day, struct sts_error *err)
{
	struct owner o;
	enum sts_status status = owner_enter(dir, &o, err);

	if (status != STS_OK)
		return status;
	status = put_file(dir, day, COMPLETE, "", 0, err);
	owner_leave(&o);
	return status;
}

/* --- all of them ---------------------------------------------------------- */

static int
is_day(const struct dirent *e)
{
	return day_begin(e->d_name) >= 0;
}

static int
is_domain(const struct dirent *e)
{
	return e->d_name[0] != '.' &&
	    domain_is_ldh(e->d_name, strlen(e->d_name));
}

static int
is_any(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

/* The names below DIR/reports/outbox[/DAY] to be freed with free_names(); none
 * when there is no such directory. */
static enum sts_status
read_names(const char *dir, const char *day,
    int (*wanted)(const struct dirent *e), struct dirent ***list, int *n,
    struct sts_error *err)
{
	char path[PATH_ROOM];
	enum sts_status status;
	struct owner o;

	*list = NULL;
	*n = 0;
	if (!path_to(dir, day, NULL, path))
		return trouble(dir, err);
	status = owner_enter(dir, &o, err);
	if (status != STS_OK)
		return status;
	*n = scandir(path, list, wanted, alphasort);
	if (*n < 0 && errno != ENOENT)
		status = trouble(path, err);
	owner_leave(&o);
	if (*n < 0)
		*n = 0;
	return status;
}

static void
free_names(struct dirent **list, int n)
{
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

static enum sts_status
give_names(const char *dir, const char *day,
    int (*wanted)(const struct dirent *e),
    bool (*each)(void *arg, const char *name), void *arg,
    struct sts_error *err)
{
	struct dirent **list;
	enum sts_status status;
	int n;

	status = read_names(dir, day, wanted, &list, &n, err);
	for (int i = 0; i < n; i++)
		if (!each(arg, list[i]->d_name))
			break;
	free_names(list, n);
	return status;
}

enum sts_status
outbox_days(const char *dir, bool (*each)(void *arg, const char *day),
    void *arg, struct sts_error *err)
{
	return give_names(dir, NULL, is_day, each, arg, err);
}

enum sts_status
outbox_domains(const char *dir, const char *day,
    bool (*each)(void *arg, const char *domain), void *arg,
    struct sts_error *err)
{
	return give_names(dir, day, is_domain, each, arg, err);
}

enum sts_status
outbox_forget(const char *dir, const char *day, struct sts_error *err)
{
	char path[PATH_ROOM];
	struct dirent **list;
	enum sts_status status;
	struct owner o;
	int n;

	status = read_names(dir, day, is_any, &list, &n, err);
	if (status == STS_OK)
		status = owner_enter(dir, &o, err);
	if (status == STS_OK) {
		for (int i = 0; i < n; i++)
			if (path_to(dir, day, list[i]->d_name, path))
				(void)unlink(path);
		if (!path_to(dir, day, NULL, path) ||
		    (rmdir(path) != 0 && errno != ENOENT))
			status = trouble(path, err);
		owner_leave(&o);
	}
	free_names(list, n);
	return status;
}

/* --- shares --------------------------------------------------------------- */

/* A file for each host, as long as the number of its reports.  It is not on the
 * disk when anybody goes on: what a power cut takes of it is no harm. */
static int
open_share(const char *dir, const char *day, const char *host)
{
	char path[PATH_ROOM], name[sizeof SHARE + SHARE_NAME];
	size_t len = strlen(host);
	struct text t;
	struct stat st;
	int fd;

	text_init(&t, name, sizeof name);
	text_addf(&t, SHARE "%s",
	    len > SHARE_NAME ? host + len - SHARE_NAME : host);
	if (!path_to(dir, day, name, path))
		return -1;
	fd = open(path,
	    O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
	    0640);
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    fchmod(fd, 0640) == 0 && flock(fd, LOCK_EX) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static bool
change_share(const char *dir, const char *day, const char *host, int by,
    off_t max)
{
	int fd = open_share(dir, day, host);
	struct stat st;
	bool ok = false;

	if (fd < 0)
		return false;
	errno = 0;
	if (fstat(fd, &st) == 0 && by > 0)
		ok = st.st_size < max && write(fd, ".", 1) == 1;
	else if (st.st_size > 0)
		ok = ftruncate(fd, st.st_size - 1) == 0;
	by = errno;
	(void)close(fd);
	errno = by;
	return ok;
}

enum sts_status
outbox_share_take(const char *dir, const char *day, const char *host,
    unsigned max, struct sts_error *err)
{
	enum sts_status status;
	struct owner o;
	bool ok;

	status = owner_enter(dir, &o, err);
	if (status != STS_OK)
		return status;
	ok = change_share(dir, day, host, 1, max);
	owner_leave(&o);
	if (ok)
		return STS_OK;
	return errno == 0
	    ? error_set(err, STS_WAIT, "too-many",
		  "too many reports for the hosts of its record")
	    : trouble(host, err);
}

void
outbox_share_return(const char *dir, const char *day, const char *host)
{
	struct owner o;

	if (owner_enter(dir, &o, NULL) != STS_OK)
		return;
	(void)change_share(dir, day, host, -1, 0);
	owner_leave(&o);
}

/* --- claims --------------------------------------------------------------- */

static bool
is_hex(char c)
{
	return ascii_is_digit(c) || (c >= 'a' && c <= 'f');
}

/* "<2026-03-01.0123456789abcdef@...>" */
static bool
read_id(const char *id, char day[DAY_NAME], char unique[JOB_UNIQUE + 1])
{
	if (strlen(id) < DAY_NAME + JOB_UNIQUE + 3 || id[0] != '<' ||
	    id[DAY_NAME] != '.' || id[DAY_NAME + 1 + JOB_UNIQUE] != '@')
		return false;
	memcpy(day, id + 1, DAY_NAME - 1);
	day[DAY_NAME - 1] = '\0';
	memcpy(unique, id + 1 + DAY_NAME, JOB_UNIQUE);
	unique[JOB_UNIQUE] = '\0';
	for (const char *p = unique; *p != '\0'; p++)
		if (!is_hex(*p))
			return false;
	return day_begin(day) >= 0;
}

static bool
is_mail_name(const char *mail)
{
	size_t n = strlen(mail);

	for (size_t i = 0; i < n; i++)
		if (!ascii_is_alnum(mail[i]) && mail[i] != '-')
			return false;
	return n > 0 && n <= MAIL_MAX;
}

/* Whose the claim is; false: nobody's yet, or nobody can tell (errno). */
static bool
read_claim(const char *path, const char *mail, enum outbox_claim *whose)
{
	size_t len;
	char *text = get_file(path, &len);

	if (text == NULL)
		return false;
	*whose = strcmp(text, mail) == 0 ? CLAIM_FIRST : CLAIM_AGAIN;
	free(text);
	return true;
}

/* link() makes it for one of all who try. */
static enum outbox_claim
make_claim(const char *folder, const char *path, const char *mail,
    struct sts_error *err)
{
	enum outbox_claim whose = CLAIM_FIRST;
	char fresh[PATH_ROOM];
	struct text t;

	text_init(&t, fresh, sizeof fresh);
	text_addf(&t, "%s.%s", path, mail);
	if (read_claim(path, mail, &whose))
		return whose;
	if (errno == ENOENT && !t.full &&
	    write_fresh(fresh, mail, strlen(mail)) &&
	    (link(fresh, path) == 0 || errno == EEXIST) &&
	    sync_directory(folder) && read_claim(path, mail, &whose)) {
		(void)unlink(fresh);
		return whose;
	}
	(void)trouble(path, err);
	(void)unlink(fresh);
	return CLAIM_UNKNOWN;
}

enum outbox_claim
outbox_claim(const char *dir, const char *id, const char *mail,
    struct sts_error *err)
{
	char unique[JOB_UNIQUE + 1], name[sizeof CLAIM + JOB_UNIQUE];
	char folder[PATH_ROOM], path[PATH_ROOM];
	char day[DAY_NAME];
	enum outbox_claim whose = CLAIM_FIRST;
	struct owner o;
	struct stat st;
	struct text t;

	if (!read_id(id, day, unique) || !is_mail_name(mail))
		return CLAIM_FIRST;
	text_init(&t, name, sizeof name);
	text_addf(&t, CLAIM "%s", unique);
	if (!path_to(dir, day, NULL, folder) ||
	    !path_to(dir, day, name, path) ||
	    owner_enter(dir, &o, err) != STS_OK)
		return CLAIM_UNKNOWN;
	/* Of a day that is forgotten nothing can come again. */
	if (lstat(folder, &st) == 0)
		whose = make_claim(folder, path, mail, err);
	else if (errno != ENOENT)
		whose = CLAIM_UNKNOWN;
	owner_leave(&o);
	return whose;
}
