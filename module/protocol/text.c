/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text.c - an append-only buffer with a limit. */
#include "text.h"
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void
text_init(struct text *t, char *buf, size_t cap)
{
	t->buf = buf;
	t->cap = cap;
	t->len = 0;
	t->full = false;
	buf[0] = '\0';
}

/* Whether len more bytes fit.  Once something did not, nothing does: a text
 * has an end, never a hole. */
static bool
has_room(struct text *t, size_t len)
{
	if (len >= t->cap - t->len)
		t->full = true;
	return !t->full;
}

/* In decimal.  Much cheaper than text_addf(). */
void
text_add_number(struct text *t, uint64_t n)
{
	char digits[20]; /* of UINT64_MAX */
	char *p = digits + sizeof digits;

	do
		*--p = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	text_add_bytes(t, p, (size_t)(digits + sizeof digits - p));
}

void
text_addf(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	if (t->full)
		return;
	va_start(ap, format);
	n = vsnprintf(t->buf + t->len, t->cap - t->len, format, ap);
	va_end(ap);
	if (n >= 0 && has_room(t, (size_t)n)) {
		t->len += (size_t)n;
		return;
	}
	t->full = true;
	t->buf[t->len] = '\0';
}

void
text_add_foreign(struct text *t, const char *p, size_t len, size_t max)
{
	size_t n = len < max ? len : max;
	const char *end = n < len ? "..." : "";

	if (!has_room(t, n + strlen(end)))
		return;
	for (size_t i = 0; i < n; i++)
		t->buf[t->len++] = (char)(ascii_is_print(p[i]) ? p[i] : '?');
	t->buf[t->len] = '\0';
	text_add(t, end);
}

enum {
	N = ASCII_LINE,
	S = ASCII_LINE | ASCII_MX, /* star */
	P = S | ASCII_DOMAIN, /* point */
	H = P | ASCII_WORD, /* hyphen */
	L = H | ASCII_ALNUM,
	U = ASCII_LINE | ASCII_DOMAIN | ASCII_ALNUM
};

/* The sets that a character is in, by its code.  What comes before the blank
 * and after 'z' is in none. */
/* clang-format off */
static const unsigned char sets_of[256] = {
	[0x20] = N, N, 0, 0, N, 0, 0, 0, 0, 0, S, N, 0, H, P, 0,
	[0x30] = L, L, L, L, L, L, L, L, L, L, S, 0, 0, N, 0, 0,
	[0x40] = 0, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U,
	[0x50] = U, U, U, U, U, U, U, U, U, U, U, N, 0, N, N, N,
	[0x60] = 0, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,
	[0x70] = L, L, L, L, L, L, L, L, L, L, L,
};
/* clang-format on */

bool
ascii_all_of(const char *p, size_t len, enum ascii_set set)
{
	unsigned char common = UCHAR_MAX;

#pragma GCC unroll 8
	for (size_t i = 0; i < len; i++)
		common &= sets_of[(unsigned char)p[i]];
	return (common & set) != 0;
}
