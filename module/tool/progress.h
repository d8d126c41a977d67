/* SPDX-License-Identifier: GPL-2.0-or-later */
/* progress.h - a bar on the terminal, if stderr is one. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool shown;
	int64_t next; /* when it is drawn again (clock.h) */
};

void progress_begin(struct progress *p);
/* done of all; what is a few words. */
void progress_show(struct progress *p, uint64_t done, uint64_t all,
    const char *what);
void progress_end(struct progress *p); /* leaves no trace of it */

#endif
