/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guard.h - foreign bytes that end at a page nobody may read: one byte read
 * too many, and the test dies of SIGSEGV. */
#ifndef GUARD_H
#define GUARD_H

#include <stddef.h>

/* A copy of p[len] with the unreadable page right behind it. */
char *guard_bytes(const void *p, size_t len);
/* The same for a string and its terminator. */
char *guard_string(const char *s);
/* Gives back all copies made so far. */
void guard_free(void);

#endif
