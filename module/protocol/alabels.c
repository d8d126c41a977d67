/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alabels.c - names beyond ASCII, by libidn2. */
#include "alabels.h"
#include <idn2.h>
#include "library.h"

static struct {
	__typeof__(idn2_lookup_u8) *lookup;
	__typeof__(idn2_free) *free;
} idn2;

static bool
load(void)
{
	static const struct library_call calls[] = {
		{ "idn2_lookup_u8", &idn2.lookup },
		{ "idn2_free", &idn2.free },
	};
	static struct library library = { .soname = "libidn2.so.0" };

	return library_load(&library, calls, sizeof calls / sizeof *calls);
}

enum sts_status
alabels_of(const char *name, char **ascii)
{
	uint8_t *found = NULL;
	int rc;

	*ascii = NULL;
	if (!load())
		return STS_SYSTEM;
	rc = idn2.lookup((const uint8_t *)name, &found,
	    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc != IDN2_OK)
		return rc == IDN2_MALLOC ? STS_NOMEM : STS_DOMAIN;
	*ascii = (char *)found;
	return STS_OK;
}

void
alabels_free(char *ascii)
{
	if (ascii != NULL)
		idn2.free(ascii);
}
