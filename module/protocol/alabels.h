/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alabels.h - names beyond ASCII.  The only user of libidn2, which is loaded
 * when the first such name comes: it and its tables are large. */
#ifndef ALABELS_H
#define ALABELS_H

#include "status.h"

/* The form in A-labels (RFC 5890) of a name in UTF-8, with case, width and
 * dots mapped (UTS 46, not transitional), as *ascii; alabels_free() it.
 * STS_DOMAIN: it has none.  STS_NOMEM, or STS_SYSTEM without libidn2: then
 * nobody knows. */
enum sts_status alabels_of(const char *name, char **ascii) STS_CHECKED;
void alabels_free(char *ascii);

#endif
