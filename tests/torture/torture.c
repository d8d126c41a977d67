/* SPDX-License-Identifier: GPL-2.0-or-later */
/* torture.c - the allocator of a program whose memory runs out, once. */
#include "torture.h"
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RANGES_MAX 8u

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
ssize_t __getdelim(char **line, size_t *cap, int end, FILE *in);

/* Seen by the children of a test too: one allocation fails, not one in each of
 * them. */
struct shared {
	atomic_uint count;
	atomic_uint fail_at;
};

static struct shared *shared;
static struct range {
	uintptr_t begin, end;
} ranges[RANGES_MAX];
static size_t ranges_n;

static void
add_range(uintptr_t begin, uintptr_t end)
{
	if (ranges_n < RANGES_MAX)
		ranges[ranges_n++] = (struct range){ begin, end };
}

static int
add_library(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	if (strstr(info->dlpi_name, "libtdb") == NULL &&
	    strstr(info->dlpi_name, "libidn2") == NULL)
		return 0;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && (p->p_flags & PF_X) != 0)
			add_range(info->dlpi_addr + p->p_vaddr,
			    info->dlpi_addr + p->p_vaddr + p->p_memsz);
	}
	return 0;
}

static void
set_up(void)
{
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		perror("torture: mmap");
		exit(3);
	}
	add_range((uintptr_t)torture_begin, (uintptr_t)torture_end);
	(void)dlopen("libidn2.so.0", RTLD_LAZY); /* else loaded on use */
	(void)dl_iterate_phdr(add_library, NULL);
}

void
torture_fail(unsigned n)
{
	if (shared == NULL)
		set_up();
	atomic_store(&shared->count, 0);
	atomic_store(&shared->fail_at, n);
}

unsigned
torture_count(void)
{
	return shared == NULL ? 0 : atomic_load(&shared->count);
}

/* Whether this is the one. */
static bool
fails(const void *caller)
{
	uintptr_t at = (uintptr_t)caller;
	bool ours = false;

	if (shared == NULL)
		return false;
	for (size_t i = 0; i < ranges_n; i++)
		if (at >= ranges[i].begin && at < ranges[i].end)
			ours = true;
	if (!ours ||
	    atomic_fetch_add(&shared->count, 1) + 1 !=
		atomic_load(&shared->fail_at))
		return false;
	errno = ENOMEM;
	return true;
}

#define FAILS() fails(__builtin_return_address(0))
/* By libraries too. */
#define SEEN __attribute__((visibility("default")))

/* --- in place of libc's --------------------------------------------------- */
SEEN void *
malloc(size_t size)
{
	return FAILS() ? NULL : __libc_malloc(size);
}

SEEN void *
calloc(size_t n, size_t size)
{
	return FAILS() ? NULL : __libc_calloc(n, size);
}

SEEN void *
realloc(void *p, size_t size)
{
	return FAILS() ? NULL : __libc_realloc(p, size);
}

SEEN char *
strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = FAILS() ? NULL : __libc_malloc(n);

	return copy == NULL ? NULL : memcpy(copy, s, n);
}

/* Those that allocate inside of libc. */

static void *
next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

SEEN FILE *
fopen(const char *path, const char *mode)
{
	union {
		void *p;
		FILE *(*f)(const char *, const char *);
	} real = { next("fopen") };

	return FAILS() ? NULL : real.f(path, mode);
}

/* What getline() is made of. */
SEEN ssize_t
__getdelim(char **line, size_t *cap, int end, FILE *in)
{
	union {
		void *p;
		ssize_t (*f)(char **, size_t *, int, FILE *);
	} real = { next("__getdelim") };

	return FAILS() ? -1 : real.f(line, cap, end, in);
}
