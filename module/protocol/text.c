/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text.c - an append-only buffer with a limit. */
#include "text.h"
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

void
text_add(struct text *t, const char *s)
{
	text_add_bytes(t, s, strlen(s));
}

void
text_add_bytes(struct text *t, const char *p, size_t len)
{
	if (len == 0 || !has_room(t, len))
		return;
	memcpy(t->buf + t->len, p, len);
	t->len += len;
	t->buf[t->len] = '\0';
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
