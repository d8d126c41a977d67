/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guard.c - foreign bytes that end at a page nobody may read. */
#include "guard.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAPS_MAX 64u

static struct map {
	char *p;
	size_t size;
} maps[MAPS_MAX];
static size_t maps_used;

static void
die(const char *what)
{
	perror(what);
	exit(3);
}

char *
guard_bytes(const void *p, size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (len + page - 1) / page * page + page;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *end;

	if (map == MAP_FAILED)
		die("guard: mmap");
	if (maps_used == MAPS_MAX)
		die("guard: too many copies");
	end = map + size - page;
	if (mprotect(end, page, PROT_NONE) != 0)
		die("guard: mprotect");
	maps[maps_used++] = (struct map){ map, size };
	if (len > 0)
		memcpy(end - len, p, len);
	return end - len;
}

char *
guard_string(const char *s)
{
	return guard_bytes(s, strlen(s) + 1);
}

void
guard_free(void)
{
	while (maps_used > 0) {
		maps_used--;
		if (munmap(maps[maps_used].p, maps[maps_used].size) != 0)
			die("guard: munmap");
	}
}
