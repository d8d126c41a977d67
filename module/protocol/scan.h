/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scan.h - a cursor over untrusted bytes that never passes their end. */
#ifndef SCAN_H
#define SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include "text.h"

/* A run of foreign bytes; no terminator is promised. */
struct bytes {
	const char *p;
	size_t len;
};

struct scan {
	const char *p;
	const char *end;
};

static inline struct scan
scan_over(const char *p, size_t len)
{
	struct scan s = { p, p };

	if (len > 0) /* else p may be NULL */
		s.end += len;
	return s;
}

static inline size_t
scan_left(const struct scan *s)
{
	return (size_t)(s->end - s->p);
}

static inline bool
scan_done(const struct scan *s)
{
	return s->p == s->end;
}

/* Moves over lit if the next bytes are exactly lit. */
static inline bool
scan_literal(struct scan *s, const char *lit)
{
	size_t n = strlen(lit);

	if (n > scan_left(s) || memcmp(s->p, lit, n) != 0)
		return false;
	s->p += n;
	return true;
}

/* Moves over the longest run of bytes that ok() accepts, at most max of
 * them, and says how many. */
static inline size_t
scan_while(struct scan *s, bool (*ok)(char), size_t max)
{
	size_t n = 0;

	while (n < max && n < scan_left(s) && ok(s->p[n]))
		n++;
	if (n > 0) /* else p may be NULL */
		s->p += n;
	return n;
}

static inline bool
scan_is_wsp(char c)
{
	return c == ' ' || c == '\t';
}

/* *WSP of RFC 5234: space and tab, nothing else. */
static inline void
scan_wsp(struct scan *s)
{
	(void)scan_while(s, scan_is_wsp, scan_left(s));
}

static inline bool
scan_is_name(char c)
{
	return ascii_is_alnum(c) || c == '_' || c == '-' || c == '.';
}

/* Moves over sts-ext-name (RFC 8461 3.1) or sts-policy-ext-name (3.2), which
 * are the same: one to 32 bytes.  Its length; 0: there is none. */
static inline size_t
scan_name(struct scan *s)
{
	if (scan_done(s) || !ascii_is_alnum(*s->p))
		return 0;
	return scan_while(s, scan_is_name, 32);
}

/* Moves over the next item of a list joined by ':', and its ':'. */
static inline struct bytes
scan_item(struct scan *s)
{
	struct bytes item = { s->p, 0 };

	while (!scan_done(s) && *s->p != ':') {
		s->p++;
		item.len++;
	}
	(void)scan_literal(s, ":");
	return item;
}

#endif
