/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ran.c - real programs as children, for the tests of child.h. */
#include "ran.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../module/store/clock.h"

void
ran_argv(struct ran *r, int64_t ms, uid_t uid, const char *const *argv)
{
	int64_t began = clock_ms();
	struct child c = {
		.argv = argv,
		.uid = uid,
		.gid = uid,
		.deadline = began + ms,
		.out = r->out,
		.out_cap = RAN_OUT,
		.why = r->why,
		.why_cap = RAN_WHY,
	};

	memset(r, 0, sizeof *r);
	r->status = child_run(&c, &r->end, &r->err);
	r->took = clock_ms() - began;
	r->out[r->end.out_len] = '\0';
	r->why[r->end.why_len] = '\0';
}

const char *
ran_field(const struct ran *r, const char *name)
{
	static char value[256];
	size_t n = strlen(name);
	const char *line = r->out;

	while (line != NULL && *line != '\0') {
		if (strncmp(line, name, n) == 0 && line[n] == ':') {
			line += n + 1;
			line += strspn(line, "\t ");
			n = strcspn(line, "\n");
			(void)snprintf(value, sizeof value, "%.*s", (int)n,
			    line);
			return value;
		}
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
	return "(none)";
}

long
ran_number(const struct ran *r, const char *name)
{
	return strtol(ran_field(r, name), NULL, 10);
}

int
ran_unmet(const char *file, int line, const char *condition)
{
	print_error("%s:%d: %s\n", file, line, condition);
	return 1;
}

int
ran_apart(int (*f)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(f());
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int
descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (dir == NULL)
		return -1;
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

static int before;

int
ran_before(void **state)
{
	(void)state;
	before = descriptors();
	return before > 0 ? 0 : -1;
}

int
ran_after(void **state)
{
	(void)state;
	if (descriptors() != before) {
		print_error("a descriptor is left open\n");
		return -1;
	}
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD) {
		print_error("a child is left\n");
		return -1;
	}
	return 0;
}
