/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trail_file.c - trails between the processes of ${run}. */
#include "trail_file.h"
#include <fcntl.h>
#include <unistd.h>
#include "../store/clock.h"
#include "../store/tdbfile.h"
#include "../store/tdbhash.h"

#define FILE_NAME "trails.tdb"
#define FILE_MAX (4u << 20) /* bytes; then it begins anew */
#define WAIT_MS 100 /* for others */
#define KEY_ROOM 64u
#define START_FIELD 20u /* blanks between a process's name and starttime */

static struct tdbfile
file_in(const char *dir)
{
	struct tdbfile f = { .dir = dir, .name = FILE_NAME };

	f.deadline = clock_ms() + WAIT_MS;
	return f;
}

/* What proc(5) says of the process up to its starttime, so many fields behind
 * the name, which may hold anything: a hash of it and of the boot, for numbers
 * of processes come again. */
static uint32_t
started(pid_t pid)
{
	char path[64], room[1024];
	const char *p;
	struct text t;
	ssize_t n;
	int fd;

	text_init(&t, path, sizeof path);
	text_addf(&t, "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, room, sizeof room - 1);
	if (fd >= 0)
		(void)close(fd);
	room[n > 0 ? n : 0] = '\0';
	p = strrchr(room, ')');
	for (unsigned i = 0; p != NULL && i < START_FIELD; i++)
		p = strchr(p + 1, ' ');
	return p == NULL ? 0 : tdbhash(p, strcspn(p + 1, " ") + 1);
}

static uint32_t
booted(void)
{
	char id[64];
	int fd = open("/proc/sys/kernel/random/boot_id",
	    O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, id, sizeof id);

	if (fd >= 0)
		(void)close(fd);
	return n > 0 ? tdbhash(id, (size_t)n) : 0;
}

static void
make_key(pid_t exim, struct bytes message, char key[KEY_ROOM])
{
	struct text t;

	text_init(&t, key, KEY_ROOM);
	text_addf(&t, "%08x %ld %08x %08x", (unsigned)booted(), (long)exim,
	    (unsigned)started(exim),
	    (unsigned)tdbhash(message.p, message.len));
}

void
trail_load(const char *dir, pid_t exim, struct bytes message, struct trail *t)
{
	struct tdbfile f = file_in(dir);
	char key[KEY_ROOM];
	struct bytes value;

	make_key(exim, message, key);
	if (tdbfile_get(&f, key, &value, NULL) != STS_OK ||
	    !trail_read(value, t))
		memset(t, 0, sizeof *t);
	tdbfile_close(&f);
}

static bool
put_value(void *arg, struct bytes old, bool grow, struct bytes *now)
{
	const struct bytes *value = arg;

	*now = *value;
	return grow || value->len <= old.len;
}

void
trail_save(const char *dir, pid_t exim, struct bytes message,
    const struct trail *t)
{
	struct tdbfile f = file_in(dir);
	char room[TRAIL_TEXT_MAX + 1];
	struct bytes value = { room, 0 };
	struct tdbfile_change change = { put_value, &value, FILE_MAX };
	char key[KEY_ROOM];
	struct sts_error err;
	struct text out;
	enum sts_status status;

	make_key(exim, message, key);
	text_init(&out, room, sizeof room);
	trail_write(t, &out);
	value.len = out.len;
	status = tdbfile_alter(&f, key, &change, &err);
	if (status != STS_OK && strcmp(err.word, "cache-full") == 0)
		status = tdbfile_reset(&f, &err);
	/* Who cannot remember knows less. */
	(void)status;
	tdbfile_close(&f);
}
