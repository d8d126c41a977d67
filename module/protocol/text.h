/* SPDX-License-Identifier: GPL-2.0-or-later */
/* text.h - an append-only buffer of the caller's with a limit, and ASCII
 * questions that no locale can change. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Always terminated.  What does not fit is not cut in: it is left out whole,
 * and so is all that follows; `full` stays set, so a run of appends is checked
 * once at its end. */
struct text {
	char *buf; /* borrowed from the caller for the life of the text */
	size_t cap; /* bytes, the terminator included; at least 1 */
	size_t len; /* bytes in use, without the terminator */
	bool full; /* something did not fit */
};

void text_init(struct text *t, char *buf, size_t cap);
void text_add_number(struct text *t, uint64_t n);
void text_addf(struct text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Appends foreign bytes for people to read: what is not printable ASCII
 * becomes '?'; at most max bytes of it, then "...". */
void text_add_foreign(struct text *t, const char *p, size_t len, size_t max);

/* Inline, so that the length of a literal is known when it is compiled. */
static inline void
text_add_bytes(struct text *t, const char *p, size_t len)
{
	if (len >= t->cap - t->len)
		t->full = true;
	/* Once something did not fit, nothing does: no hole in a text. */
	if (t->full || len == 0)
		return;
	memcpy(t->buf + t->len, p, len);
	t->len += len;
	t->buf[t->len] = '\0';
}

static inline void
text_add(struct text *t, const char *s)
{
	text_add_bytes(t, s, strlen(s));
}

/* Sets of characters. */
enum ascii_set {
	ASCII_ALNUM = 1,
	ASCII_WORD = 2, /* a-z 0-9 - */
	ASCII_DOMAIN = 4, /* A-Z a-z 0-9 - . */
	ASCII_MX = 8, /* of a list of mx patterns: a-z 0-9 - . * : */
	ASCII_LINE = 16 /* all of those and blank = _ ! ^ $ [ ] + */
};

bool ascii_all_of(const char *p, size_t len, enum ascii_set set);

static inline bool
ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
ascii_is_alnum(char c)
{
	/* Bit 5 makes upper case of ASCII lower case. */
	return ascii_is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static inline char
ascii_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static inline bool
ascii_is_print(char c)
{
	return c >= 0x20 && c <= 0x7e;
}

#endif
