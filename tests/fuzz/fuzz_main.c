/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_main.c - runs a target over the files of directories, without a
 * fuzzer: a process for each, so that one that dies fails alone. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../unit/guard.h"
#include "fuzz.h"

#define INPUT_MAX (1u << 20)
#define SECONDS_MAX 30 /* of one input */

static unsigned passed;
static unsigned failed;

static size_t
read_input(const char *path, char *buf)
{
	FILE *in = fopen(path, "re");
	size_t n = 0;

	if (in != NULL) {
		n = fread(buf, 1, INPUT_MAX, in);
		(void)fclose(in);
	}
	return n;
}

/* In a child: the bytes end where reading on would be fatal. */
static void
run_input(const char *path)
{
	char *buf = malloc(INPUT_MAX);
	size_t n = buf == NULL ? 0 : read_input(path, buf);

	(void)alarm(SECONDS_MAX);
	(void)LLVMFuzzerTestOneInput((uint8_t *)guard_bytes(buf, n), n);
	free(buf);
	_exit(0);
}

static void
replay(const char *dir, const char *name)
{
	char path[4096];
	int status = -1;
	pid_t pid;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_input(path);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0) {
		passed++;
		return;
	}
	failed++;
	(void)printf("not ok - %s (status %d)\n", path, status);
}

static void
replay_all(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *d;

	if (dir == NULL) {
		failed++;
		(void)printf("not ok - %s cannot be read\n", path);
		return;
	}
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			replay(path, d->d_name);
	(void)closedir(dir);
}

int
main(int argc, char *argv[])
{
	const char *name = strrchr(argv[0], '/');

	for (int i = 1; i < argc; i++)
		replay_all(argv[i]);
	(void)printf("%s: %u passed, %u failed\n",
	    name != NULL ? name + 1 : argv[0], passed, failed);
	return failed > 0 || passed == 0;
}
