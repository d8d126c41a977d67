/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trail_file.c - trails between the processes of ${run}. */
#include "trail_file.h"
#include "../store/clock.h"
#include "../store/tdbfile.h"
#include "../store/tdbhash.h"

#define FILE_NAME "trails.tdb"
#define FILE_MAX (4u << 20) /* bytes; then it begins anew */
#define WAIT_MS 100 /* for others */
#define KEY_ROOM 40u

static struct tdbfile
file_in(const char *dir)
{
	struct tdbfile f = { .dir = dir, .name = FILE_NAME };

	f.deadline = clock_ms() + WAIT_MS;
	return f;
}

/* The number of a process comes again, with another message. */
static void
make_key(pid_t exim, struct bytes message, char key[KEY_ROOM])
{
	struct text t;

	text_init(&t, key, KEY_ROOM);
	text_addf(&t, "%ld %08x", (long)exim,
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
