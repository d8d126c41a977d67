/* SPDX-License-Identifier: GPL-2.0-or-later */
/* library.c - a library loaded on first use. */
#include "library.h"
#include <dlfcn.h>
#include <string.h>

bool
library_load(struct library *l, const struct library_call *calls, size_t n)
{
	if (l->handle != NULL)
		return true;
	l->handle = dlopen(l->soname, RTLD_LAZY | RTLD_LOCAL);
	for (size_t i = 0; l->handle != NULL && i < n; i++) {
		void *found = dlsym(l->handle, calls[i].name);

		/* A pointer to a function is no void *, yet this is one. */
		memcpy(calls[i].at, &found, sizeof found);
		if (found == NULL) {
			(void)dlclose(l->handle);
			l->handle = NULL;
		}
	}
	return l->handle != NULL;
}
