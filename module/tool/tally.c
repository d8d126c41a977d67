/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tally.c - what a refresh came to. */
#include "tally.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../protocol/text.h"
#include "../store/owner.h"

#define NAME "refresh.json"
#define FILE_MAX 65536 /* bytes */

void
tally_trouble(struct tally *y, const char *text)
{
	if (y->trouble++ == 0)
		(void)snprintf(y->error, sizeof y->error, "%s", text);
}

int
tally_exit(const struct tally *y)
{
	if (y->trouble > 0)
		return EXIT_TROUBLE;
	return y->failed > 0 || y->interrupted ? EXIT_NEGATIVE : EXIT_DONE;
}

/* --- numbers by their names ----------------------------------------------- */

#define AT(field) offsetof(struct tally, field)

static const struct {
	const char *name;
	size_t at;
} numbers[] = {
	{ "policies", AT(policies) },
	{ "due", AT(due) },
	{ "renewed", AT(renewed) },
	{ "changed", AT(changed) },
	{ "changed_same_id", AT(changed_same_id) },
	{ "failed", AT(failed) },
	{ "busy", AT(busy) },
	{ "exempt", AT(exempt) },
	{ "unused", AT(unused) },
	{ "forgotten", AT(forgotten) },
	{ "absences_forgotten", AT(absences_forgotten) },
	{ "alerts", AT(alerts) },
	{ "trouble", AT(trouble) },
	{ "bytes", AT(bytes) },
};

struct object
tally_json(const struct tally *y)
{
	struct object o = object_new();

	object_time(&o, "began", y->began);
	object_number(&o, "seconds", y->ended - y->began);
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		uint64_t n;

		memcpy(&n, (const char *)y + numbers[i].at, sizeof n);
		object_number(&o, numbers[i].name, (int64_t)n);
	}
	if (y->check != NULL)
		object_text(&o, "check", y->check);
	object_bool(&o, "compacted", y->compacted);
	object_bool(&o, "saved", y->saved);
	object_bool(&o, "interrupted", y->interrupted);
	if (y->error[0] != '\0')
		object_text(&o, "error", y->error);
	object_number(&o, "exit", tally_exit(y));
	return o;
}

/* --- for people ----------------------------------------------------------- */

static void
add_count(struct text *t, uint64_t n, const char *what)
{
	if (n > 0)
		text_addf(t, ", %" PRIu64 " %s", n, what);
}

void
tally_print(const struct tally *y)
{
	char line[512];
	struct text t;

	text_init(&t, line, sizeof line);
	text_addf(&t,
	    "%s: %" PRIu64 " of %" PRIu64 " policies due, %" PRIu64 " renewed",
	    y->interrupted ? "interrupted" : "refreshed", y->due, y->policies,
	    y->renewed);
	add_count(&t, y->changed, "changed");
	add_count(&t, y->changed_same_id, "of them under the same id");
	add_count(&t, y->failed, "failed");
	add_count(&t, y->busy, "being fetched by others");
	add_count(&t, y->exempt, "exempt");
	add_count(&t, y->trouble, "in trouble");
	add_count(&t, y->unused, "unused");
	add_count(&t, y->forgotten, "forgotten");
	add_count(&t, y->absences_forgotten, "absences forgotten");
	add_count(&t, y->alerts,
	    y->alerts == 1 ? "ALERT (see mta-sts status)"
			   : "ALERTS (see mta-sts status)");
	if (y->check != NULL)
		text_addf(&t, "; cache %s%s", y->check,
		    y->compacted ? ", compacted" : "");
	(void)puts(line);
	if (y->error[0] != '\0')
		tool_say("%s", y->error);
}

/* --- kept ----------------------------------------------------------------- */

static bool
write_file(const char *path, const json_t *json)
{
	int fd = open(path,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	bool ok;

	if (fd < 0)
		return false;
	ok = fchmod(fd, 0640) == 0 && /* whatever the umask is */
	    json_dumpfd(json, fd, JSON_COMPACT | JSON_ENSURE_ASCII) == 0 &&
	    fsync(fd) == 0;
	return close(fd) == 0 && ok;
}

bool
tally_save(const struct tally *y, const char *dir)
{
	struct object o = tally_json(y);
	char path[CONFIG_PATH_MAX + 32], fresh[CONFIG_PATH_MAX + 32];
	bool ok;

	(void)snprintf(path, sizeof path, "%s/" NAME, dir);
	(void)snprintf(fresh, sizeof fresh, "%s/" NAME ".new", dir);
	(void)unlink(fresh);
	ok = !o.failed && write_file(fresh, o.json) && rename(fresh, path) == 0;
	if (!ok)
		(void)unlink(fresh);
	json_decref(o.json);
	return ok;
}

/* What the owner of the directory may have planted there is no file of
 * another's, no FIFO, and not endless. */
json_t *
tally_load(const char *dir, int64_t *when)
{
	char path[CONFIG_PATH_MAX + 32];
	json_t *json = NULL;
	struct owner o;
	struct stat st;
	int fd;

	(void)snprintf(path, sizeof path, "%s/" NAME, dir);
	if (owner_enter(dir, &o, NULL) != STS_OK)
		return NULL;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	owner_leave(&o);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size <= FILE_MAX) {
		json = json_loadfd(fd, 0, NULL);
		*when = st.st_mtime;
	}
	(void)close(fd);
	return json;
}
