/* SPDX-License-Identifier: GPL-2.0-or-later */
/* library.h - a library that few need, loaded by those on first use: to have
 * it loaded costs a process more than a look-up. */
#ifndef LIBRARY_H
#define LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include "status.h"

/* .soname given, the rest zero: not loaded. */
struct library {
	const char *soname;
	void *handle;
};

/* A function, and where the pointer to it is to be written. */
struct library_call {
	const char *name;
	void *at;
};

/* Loads it for the rest of this process, unless that was done, and fills in
 * the pointers.  False: it, or one of the n functions, is not to be had; the
 * next call tries anew. */
bool library_load(struct library *l, const struct library_call *calls,
    size_t n) STS_CHECKED;

#endif
