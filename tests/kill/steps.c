/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steps.c - loaded into a program by LD_PRELOAD: kills it, as by kill -9, just
 * before the STEPS_KILL-th of the calls below, counted over all its processes
 * in the first bytes of STEPS_FILE.  What is killed is the process group, or
 * with STEPS_ALONE the one that makes the call.  Without STEPS_KILL it only
 * counts. */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHOWN __attribute__((visibility("default")))

static _Atomic(uint32_t) *count;
static uint32_t last;
static int alone;

static void __attribute__((constructor))
begin(void)
{
	const char *file = getenv("STEPS_FILE");
	const char *which = getenv("STEPS_KILL");
	void *seen;
	int fd;

	if (file == NULL)
		return;
	fd = open(file, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		_exit(99);
	seen = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	(void)close(fd);
	if (seen == MAP_FAILED)
		_exit(99);
	last = which == NULL ? 0 : (uint32_t)strtoul(which, NULL, 10);
	alone = getenv("STEPS_ALONE") != NULL;
	count = seen;
}

static void
step(void)
{
	if (count == NULL || atomic_fetch_add(count, 1) + 1 != last)
		return;
	(void)kill(alone ? getpid() : 0, SIGKILL);
	(void)pause();
}

/* The same function of the library after this one. */
static void *
next(const char *name)
{
	void *f = dlsym(RTLD_NEXT, name);

	if (f == NULL)
		_exit(99);
	return f;
}

/* ISO C has no way from an object's pointer to a function's. */
#define NEXT(type, name, f)                      \
	do {                                     \
		void *p_ = next(name);           \
		memcpy(&(f), &p_, sizeof(type)); \
	} while (0)

typedef int one_path(const char *);
typedef int two_paths(const char *, const char *);
typedef int path_and_mode(const char *, mode_t);
typedef int one_fd(int);

SHOWN int
mkdir(const char *path, mode_t mode)
{
	path_and_mode *f;

	step();
	NEXT(path_and_mode *, "mkdir", f);
	return f(path, mode);
}

SHOWN int
unlink(const char *path)
{
	one_path *f;

	step();
	NEXT(one_path *, "unlink", f);
	return f(path);
}

SHOWN int
rename(const char *from, const char *to)
{
	two_paths *f;

	step();
	NEXT(two_paths *, "rename", f);
	return f(from, to);
}

SHOWN int
fsync(int fd)
{
	one_fd *f;

	step();
	NEXT(one_fd *, "fsync", f);
	return f(fd);
}

SHOWN int
memfd_create(const char *name, unsigned flags)
{
	int (*f)(const char *, unsigned);

	step();
	NEXT(int (*)(const char *, unsigned), "memfd_create", f);
	return f(name, flags);
}

SHOWN pid_t
fork(void)
{
	pid_t (*f)(void);

	step();
	NEXT(pid_t(*)(void), "fork", f);
	return f();
}

SHOWN ssize_t
send(int fd, const void *p, size_t n, int flags)
{
	ssize_t (*f)(int, const void *, size_t, int);

	step();
	NEXT(ssize_t(*)(int, const void *, size_t, int), "send", f);
	return f(fd, p, n, flags);
}

SHOWN int
posix_spawn(pid_t *pid, const char *path,
    const posix_spawn_file_actions_t *files, const posix_spawnattr_t *how,
    char *const argv[], char *const envp[])
{
	int (*f)(pid_t *, const char *, const posix_spawn_file_actions_t *,
	    const posix_spawnattr_t *, char *const[], char *const[]);
	int error;

	step();
	NEXT(void *, "posix_spawn", f);
	error = f(pid, path, files, how, argv, envp);
	/* It runs, and we do not know of it yet. */
	step();
	return error;
}

/* What has ended is reaped: a step only then, since this is asked often. */
SHOWN pid_t
waitpid(pid_t pid, int *status, int flags)
{
	pid_t (*f)(pid_t, int *, int);
	pid_t got;

	NEXT(void *, "waitpid", f);
	got = f(pid, status, flags);
	if (got > 0)
		step();
	return got;
}
