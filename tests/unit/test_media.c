/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_media.c - which Content-Type a policy may have (RFC 8461 3.2). */
#include "rows.h"
#include "../../module/protocol/media.h"
#include "guard.h"

static const struct media_row {
	const char *name;
	const char *value;
	bool want;
} media_rows[] = {
	{ "the type alone", "text/plain", true },
	{ "any case", "Text/PLAIN", true },
	{ "a parameter", "text/plain; charset=utf-8", true },
	{ "a blank before the semicolon", "text/plain \t;charset=x", true },
	{ "any charset", "text/plain;charset=\"utf-16\";a=b", true },
	{ "an empty parameter list", "text/plain;", true },
	{ "blanks around", " \ttext/plain\t ", true },
	{ "no header", NULL, false },
	{ "an empty header", "", false },
	{ "blanks only", "  ", false },
	{ "half a type", "text", false },
	{ "cut short", "text/plai", false },
	{ "a longer type", "text/plainx", false },
	{ "a suffix", "text/plain+xml", false },
	{ "another type", "text/html", false },
	{ "another type of the same length", "text/xhtml", false },
	{ "another first letter", "next/plain", false },
	{ "the type in another one's name", "application/text/plain", false },
	{ "two values", "text/plain, text/html", false },
	{ "a blank is no semicolon", "text/plain charset=utf-8", false },
	{ "a no-break space is no blank", "text/plain\xc2\xa0", false },
	{ "a semicolon first", ";text/plain", false },
	{ "quoted", "\"text/plain\"", false },
};

static void
check_media(void **state)
{
	const struct media_row *r = *state;
	const char *value = r->value ? guard_string(r->value) : NULL;

	assert_int_equal(media_is_text_plain(value), r->want);
}

int
main(void)
{
	return RUN_ROWS(media_rows, check_media);
}
