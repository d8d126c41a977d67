/* SPDX-License-Identifier: GPL-2.0-or-later */
/* progress.c - a bar on the terminal. */
#include "progress.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../store/clock.h"

#define WIDTH 30
#define EVERY_MS 200
#define CLEAR "\r\033[K"

void
progress_begin(struct progress *p)
{
	p->shown = isatty(STDERR_FILENO) == 1;
	p->next = clock_ms();
}

void
progress_show(struct progress *p, uint64_t done, uint64_t all,
    const char *what)
{
	char bar[WIDTH + 1];
	size_t full = WIDTH;

	if (!p->shown || clock_left(p->next) > 0)
		return;
	p->next = clock_ms() + EVERY_MS;
	if (all > 0 && done < all)
		full = (size_t)(done * WIDTH / all);
	memset(bar, '-', WIDTH);
	memset(bar, '#', full);
	bar[WIDTH] = '\0';
	(void)fprintf(stderr, CLEAR "[%s] %" PRIu64 "/%" PRIu64 " %.40s", bar,
	    done, all, what);
	(void)fflush(stderr);
}

void
progress_end(struct progress *p)
{
	if (p->shown)
		(void)fputs(CLEAR, stderr);
	p->shown = false;
}
