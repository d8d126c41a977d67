/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quiet.c - behave as Exim's ${run} needs it. */
#include "quiet.h"
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where the kernel cannot close a range, as far as we look. */
#define FD_MAX 65536

static void
close_from(int first)
{
	long max;

#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, ~0u, 0) == 0)
		return;
#endif
	max = sysconf(_SC_OPEN_MAX);
	if (max < 0 || max > FD_MAX)
		max = FD_MAX;
	for (int fd = first; fd < max; fd++)
		(void)close(fd);
}

void
quiet_begin(void)
{
	int fd;

	/* A file opened later must not become what 0 to 2 stand for. */
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd >= 0)
		(void)dup2(fd, 2);
	else
		(void)close(2);
	close_from(3);
	/* Nor is it an error that nobody waits for the answer any more. */
	(void)signal(SIGPIPE, SIG_IGN);
}

static const char *last_words = "";

/* Only what a signal handler may do. */
static void
end(int sig)
{
	ssize_t n = write(1, last_words, strlen(last_words));

	(void)sig;
	(void)n;
	_exit(0);
}

void
quiet_limit(unsigned seconds, const char *words)
{
	struct sigaction act;
	sigset_t set;

	last_words = words;
	memset(&act, 0, sizeof act);
	act.sa_handler = end;
	(void)sigemptyset(&act.sa_mask);
	(void)sigaction(SIGALRM, &act, NULL);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGALRM);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)alarm(seconds);
}

void
quiet_answer(const char *line)
{
	/* Nobody may hear two answers. */
	(void)alarm(0);
	(void)puts(line);
	(void)fflush(stdout);
}
