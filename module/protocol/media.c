/* SPDX-License-Identifier: GPL-2.0-or-later */
/* media.c - the media type of a policy. */
#include "media.h"
#include "scan.h"
#include "text.h"

/* Moves over type, which is in lower case, in any case. */
static bool
take_type(struct scan *s, const char *type)
{
	size_t n = strlen(type);

	if (n > scan_left(s))
		return false;
	for (size_t i = 0; i < n; i++)
		if (ascii_lower(s->p[i]) != type[i])
			return false;
	s->p += n;
	return true;
}

bool
media_is_text_plain(const char *value)
{
	struct scan s;

	if (value == NULL)
		return false;
	s = scan_over(value, strlen(value));
	scan_wsp(&s);
	if (!take_type(&s, "text/plain"))
		return false;
	scan_wsp(&s);
	/* RFC 8461 3.2: parameters are ignored.  Anything else makes it
	 * another type ("text/plainx"), or two ("text/plain, text/html"). */
	return scan_done(&s) || scan_literal(&s, ";");
}
