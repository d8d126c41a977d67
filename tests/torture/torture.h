/* SPDX-License-Identifier: GPL-2.0-or-later */
/* torture.h - let one allocation of ours fail.
 *
 * Counted are those that the module's own objects make, and for them libtdb
 * and libidn2: by where the caller stands in memory.  The objects are linked
 * between torture_begin.c and torture_end.c. */
#ifndef TORTURE_H
#define TORTURE_H

/* The n-th allocation from now on fails, by whichever process of a family it
 * is made; 0: none does. */
void torture_fail(unsigned n);
/* How many were made since. */
unsigned torture_count(void);

void torture_begin(void);
void torture_end(void);

#endif
