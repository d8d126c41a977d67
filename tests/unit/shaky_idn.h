/* SPDX-License-Identifier: GPL-2.0-or-later */
/* shaky_idn.h - libidn2 as the module loads it, but it can run out of memory,
 * or be missing until it is loaded.  For the one file of a program that
 * includes it; not with AddressSanitizer, which needs dlsym() itself. */
#ifndef SHAKY_IDN_H
#define SHAKY_IDN_H

#include <dlfcn.h>
#include <idn2.h>
#include <stdbool.h>
#include <string.h>

static struct {
	bool out_of_memory;
	bool missing;
	__typeof__(idn2_lookup_u8) *lookup;
} idn;

static int
idn_lookup(const uint8_t *src, uint8_t **lookupname, int flags)
{
	return idn.out_of_memory ? IDN2_MALLOC
				 : idn.lookup(src, lookupname, flags);
}

/* libc's, but for that one function. */
void *
dlsym(void *restrict handle, const char *restrict name)
{
	static __typeof__(dlsym) *real;
	__typeof__(idn2_lookup_u8) *ours = idn_lookup;
	void *found;

	if (real == NULL)
		*(void **)&real = dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
	found = real(handle, name);
	if (strcmp(name, "idn2_lookup_u8") != 0)
		return found;
	memcpy(&idn.lookup, &found, sizeof found);
	memcpy(&found, &ours, sizeof found);
	return idn.missing ? NULL : found;
}

#endif
