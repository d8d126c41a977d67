/* SPDX-License-Identifier: GPL-2.0-or-later */
/* include.h - put marked .include lines into the text of an Exim
 * configuration, and take them out again to the byte. */
#ifndef INCLUDE_H
#define INCLUDE_H

#include "../protocol/status.h"

enum include_style {
	INCLUDE_PLAIN, /* a configuration as Exim reads it */
	INCLUDE_DEBIAN /* exim4.conf.template */
};

#define INCLUDE_MAX 5u

struct include_places {
	unsigned n;
	struct include_place {
		const char *at; /* in the text; begins a line */
		const char *file; /* below MTA_STS_ETC */
	} place[INCLUDE_MAX];
};

/* The text without what include_put() added, to be freed.  NULL: somebody
 * has cut into that, or no memory. */
char *include_strip(const char *text, struct sts_error *err) STS_CHECKED;
/* Where the lines belong in a text without them.  False: a place cannot be
 * found, or somebody has put such lines in by hand. */
bool include_find(const char *text, enum include_style style,
    struct include_places *places, struct sts_error *err) STS_CHECKED;
/* The text with the lines, to be freed; NULL: no memory. */
char *include_put(const char *text, const struct include_places *places)
    STS_CHECKED;
/* The number of the line that at begins. */
unsigned include_line(const char *text, const char *at);

#endif
