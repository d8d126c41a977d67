/* SPDX-License-Identifier: GPL-2.0-or-later */
/* words.h - foreign bytes as strings that a report, and what collects for it,
 * can bear (I-JSON, RFC 7493): printable ASCII, bounded. */
#ifndef WORDS_H
#define WORDS_H

#include "../protocol/scan.h"
#include "verdict.h"

/* A copy of the first max bytes in out[max + 1]; what is not printable ASCII
 * becomes '?'.  Gives out. */
static inline const char *
words_copy(char *out, size_t max, const char *p, size_t len)
{
	size_t n = len < max ? len : max;

	for (size_t i = 0; i < n; i++)
		out[i] = (char)(ascii_is_print(p[i]) ? p[i] : '?');
	out[n] = '\0';
	return out;
}

#endif
