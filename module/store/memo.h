/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memo.h - the last few answers of this process: a fixed array, no I/O. */
#ifndef MEMO_H
#define MEMO_H

#include <stdbool.h>
#include <time.h>

#define MEMO_SLOTS 8u
#define MEMO_SECONDS 60 /* the longest that a process repeats itself */

struct memo_slot {
	char *question; /* as it was asked; NULL: free */
	void *answer; /* owned */
	time_t since;
	time_t until;
};

struct memo {
	struct memo_slot slot[MEMO_SLOTS];
	unsigned next; /* the slot that was filled last */
	void (*forget)(void *answer);
};

/* The answer to this very question given lately, or NULL.  Borrowed until the
 * next memo_put() or memo_clear(). */
void *memo_get(const struct memo *m, const char *question, time_t now);
/* Takes answer over, for at most MEMO_SECONDS and never past until, in place
 * of an older one to the same question.  False when it was not kept (no memory,
 * or no time): it then still belongs to the caller. */
bool memo_put(struct memo *m, const char *question, void *answer, time_t now,
    time_t until);
void memo_clear(struct memo *m);

#endif
