/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz.c - what the targets share. */
#include "fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void
fuzz_broken(const char *file, int line, const char *what)
{
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

bool
fuzz_holds_only(const char *s, size_t len, const char *also)
{
	for (size_t i = 0; i < len; i++)
		if (!ascii_is_alnum(s[i]) &&
		    (s[i] == '\0' || strchr(also, s[i]) == NULL))
			return false;
	return true;
}

void
fuzz_error(const struct sts_error *err, enum sts_status status)
{
	size_t len = strnlen(err->text, sizeof err->text);

	HOLD(err->status == status);
	HOLD(memchr(err->word, '\0', sizeof err->word) != NULL);
	HOLD(err->word[0] != '\0');
	HOLD(fuzz_holds_only(err->word, strlen(err->word), "-"));
	HOLD(len <= STS_TEXT_MAX);
	for (size_t i = 0; i < len; i++)
		HOLD(ascii_is_print(err->text[i]));
}

struct bytes
fuzz_line(struct scan *s)
{
	struct bytes line = { s->p, 0 };

	while (!scan_done(s) && *s->p != '\n') {
		s->p++;
		line.len++;
	}
	(void)scan_literal(s, "\n");
	return line;
}

void
fuzz_word(struct scan *s, char *out, size_t cap)
{
	struct bytes line = fuzz_line(s);
	size_t len = line.len < cap ? line.len : cap - 1;

	if (len > 0)
		memcpy(out, line.p, len);
	out[len] = '\0';
}

char *
fuzz_string(const uint8_t *data, size_t size)
{
	char *s = malloc(size + 1);

	HOLD(s != NULL);
	if (size > 0)
		memcpy(s, data, size);
	s[size] = '\0';
	return s;
}

const char *
fuzz_file(const void *data, size_t size)
{
	static char path[32];
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	HOLD(fd >= 0 && ftruncate(fd, 0) == 0);
	HOLD(pwrite(fd, data, size, 0) == (ssize_t)size);
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return path;
}
