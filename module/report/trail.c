/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trail.c - what the events of one process of Exim's have told so far. */
#include "trail.h"

#define HASH_LEN 8u /* hexadecimal digits */

void
trail_connect(struct trail *t)
{
	t->greeted = false;
	t->offered = false;
	t->host[0] = '\0';
	t->address[0] = '\0';
	t->helo[0] = '\0';
	t->dane[0] = '\0';
}

static unsigned
kept(const struct trail *t)
{
	return t->routed_n < TRAIL_ROUTED ? t->routed_n : TRAIL_ROUTED;
}

bool
trail_is_new(struct trail *t, uint32_t hash)
{
	for (unsigned i = 0; i < kept(t); i++)
		if (t->routed[i] == hash)
			return false;
	t->routed[t->routed_n++ % TRAIL_ROUTED] = hash;
	return true;
}

/* --- as text -------------------------------------------------------------- */

static void
add_field(struct text *out, const char *s)
{
	text_add(out, s);
	text_add(out, "\t");
}

void
trail_write(const struct trail *t, struct text *out)
{
	text_add(out, t->greeted ? "g" : "-");
	add_field(out, t->offered ? "o" : "-");
	add_field(out, t->host);
	add_field(out, t->address);
	add_field(out, t->helo);
	add_field(out, t->dane);
	add_field(out, t->failed);
	for (unsigned i = 0; i < kept(t); i++)
		text_addf(out, "%08x", (unsigned)t->routed[i]);
}

/* The next field, as a string of at most max bytes. */
static bool
read_field(struct scan *s, char *out, size_t max)
{
	size_t n = scan_while(s, ascii_is_print, max);

	memcpy(out, s->p - n, n);
	out[n] = '\0';
	return scan_literal(s, "\t");
}

static bool
read_hash(struct scan *s, uint32_t *hash)
{
	static const char digits[] = "0123456789abcdef";

	*hash = 0;
	for (unsigned i = 0; i < HASH_LEN; i++, s->p++) {
		const char *at = scan_done(s) || *s->p == '\0'
		    ? NULL
		    : strchr(digits, *s->p);

		if (at == NULL)
			return false;
		*hash = *hash << 4 | (uint32_t)(at - digits);
	}
	return true;
}

static bool
read_all(struct scan *s, struct trail *t)
{
	char flags[3];

	if (!read_field(s, flags, sizeof flags - 1) ||
	    !read_field(s, t->host, sizeof t->host - 1) ||
	    !read_field(s, t->address, sizeof t->address - 1) ||
	    !read_field(s, t->helo, sizeof t->helo - 1) ||
	    !read_field(s, t->dane, sizeof t->dane - 1) ||
	    !read_field(s, t->failed, sizeof t->failed - 1))
		return false;
	t->greeted = flags[0] == 'g';
	t->offered = flags[0] != '\0' && flags[1] == 'o';
	while (!scan_done(s) && t->routed_n < TRAIL_ROUTED)
		if (!read_hash(s, &t->routed[t->routed_n++]))
			return false;
	return scan_done(s);
}

bool
trail_read(struct bytes text, struct trail *t)
{
	struct scan s = scan_over(text.p, text.len);

	memset(t, 0, sizeof *t);
	if (read_all(&s, t))
		return true;
	memset(t, 0, sizeof *t);
	return false;
}
