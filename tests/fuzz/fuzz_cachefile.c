/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_cachefile.c - policies.tdb damaged in any way: it is read, walked and
 * written without harm, and what was then stored is there afterwards.
 *
 * A sound file is a megabyte, most of it zeroes, so that the input says what to
 * change in one: its first byte how (below), then two bytes which of the words
 * in use, and four that word's new value, any number of times.  A capital
 * stands for a walk over all of it too, which is slow. */
#include "fuzz.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../module/store/cache.h"

#define OWNER 65534 /* for root, who keeps no cache of his own */
#define DOMAIN "example.com"

/* In memory where there is such a place: files are synced. */
static void
make_dir(char dir[64])
{
	bool memory = access("/dev/shm", W_OK) == 0;

	(void)snprintf(dir, 64, "%s/mta-sts-fuzz.XXXXXX",
	    memory ? "/dev/shm" : "/tmp");
	HOLD(mkdtemp(dir) != NULL);
	HOLD(geteuid() != 0 || chown(dir, OWNER, OWNER) == 0);
}

static void
remove_dir(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;

	HOLD(d != NULL);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			HOLD(unlinkat(dirfd(d), e->d_name, 0) == 0);
	(void)closedir(d);
	HOLD(rmdir(dir) == 0);
}

static void
write_file(const char *dir, const char *data, size_t size)
{
	char path[96];
	int fd;

	(void)snprintf(path, sizeof path, "%s/policies.tdb", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	HOLD(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	HOLD(geteuid() != 0 || fchown(fd, OWNER, OWNER) == 0);
	(void)close(fd);
}

static bool
count(void *arg, const char *domain, enum sts_status st, const struct entry *e)
{
	unsigned *n = arg;

	HOLD(domain != NULL && e != NULL);
	HOLD(st == STS_OK || st == STS_DAMAGED);
	return ++*n < 1000; /* a chain without an end is none of ours */
}

static void
read_some(struct cache *c, bool all)
{
	unsigned n = 0;
	struct sts_error err = { STS_OK, "", "" };
	struct entry e;
	enum sts_status status = cache_get(c, DOMAIN, &e, &err);

	HOLD(status == STS_OK || status == STS_MISS ||
	    status == STS_DAMAGED || status == STS_SYSTEM);
	if (status == STS_OK)
		HOLD(e.kind != ENTRY_ABSENCE && e.mode <= STS_ENFORCE);
	if (!all)
		return;
	status = cache_walk(c, false, count, &n, &err);
	if (status == STS_SYSTEM)
		fuzz_error(&err, status);
}

static struct entry
some_policy(void)
{
	struct entry e = {
		.kind = ENTRY_POLICY,
		.mode = STS_ENFORCE,
		.max_age = 86400,
		.fetched_at = 1700000000,
		.id = "stored",
	};

	e.mx.p = "mx.example.com";
	e.mx.len = strlen(e.mx.p);
	e.body = e.mx;
	return e;
}

#define FILE_MAX (4u << 20)
#define WORDS_MAX 4096u
#define CHANGE 6u /* bytes of input for one */

/* A sound file with some entries in it, and where it is not zero. */
static struct {
	char bytes[FILE_MAX];
	size_t size;
	size_t word[WORDS_MAX];
	size_t words;
} sound;

static void
make_sound(void)
{
	static const char *const names[] = { DOMAIN, "example.net",
		"mail.example.org", "example.edu" };
	struct entry e = some_policy();
	char dir[64], path[96];
	struct cache *c;
	FILE *in;

	make_dir(dir);
	c = cache_new(dir, NULL, NULL);
	HOLD(c != NULL);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		HOLD(cache_put(c, names[i], &e, NULL) == STS_OK);
	HOLD(cache_delete(c, "example.edu", NULL) == STS_OK);
	cache_free(c);
	(void)snprintf(path, sizeof path, "%s/policies.tdb", dir);
	in = fopen(path, "re");
	HOLD(in != NULL);
	sound.size = fread(sound.bytes, 1, FILE_MAX, in);
	(void)fclose(in);
	remove_dir(dir);
	for (size_t at = 0; at + 4 <= sound.size; at += 4)
		if (memcmp(sound.bytes + at, "\0\0\0", 4) != 0 &&
		    sound.words < WORDS_MAX)
			sound.word[sound.words++] = at;
	HOLD(sound.words > 100);
}

/* The file that the input describes, into file[FILE_MAX]; its size. */
static size_t
make_file(const uint8_t *data, size_t size, char *file)
{
	size_t which, at = 0;
	char how = 'r';

	if (size > 0)
		how = ascii_lower((char)data[0]);
	if (how == 'r') {
		/* The input itself. */
		size -= size > 0;
		if (size > 0)
			memcpy(file, data + 1, size);
		return size;
	}
	memcpy(file, sound.bytes, sound.size);
	for (size_t i = 1; i + CHANGE <= size; i += CHANGE) {
		which = data[i] | (size_t)data[i + 1] << 8;
		at = sound.word[which % sound.words];
		memcpy(file + at, data + i + 2, 4);
	}
	/* 't': and cut short at the last change. */
	return how == 't' ? at : sound.size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char file[FILE_MAX];
	struct entry stored = some_policy(), e;
	char dir[64];
	struct cache *c;

	if (sound.words == 0)
		make_sound();
	(void)umask(0);
	make_dir(dir);
	write_file(dir, file, make_file(data, size, file));
	c = cache_new(dir, NULL, NULL);
	HOLD(c != NULL);
	read_some(c, size > 0 && ascii_lower((char)data[0]) != (char)data[0]);
	if (cache_put(c, DOMAIN, &stored, NULL) == STS_OK) {
		cache_free(c);
		c = cache_new(dir, NULL, NULL);
		HOLD(c != NULL);
		HOLD(cache_get(c, DOMAIN, &e, NULL) == STS_OK);
		HOLD(strcmp(e.id, stored.id) == 0);
	}
	cache_free(c);
	remove_dir(dir);
	return 0;
}
