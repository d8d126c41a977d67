/* SPDX-License-Identifier: GPL-2.0-or-later */
/* media.h - the media type of a policy (RFC 8461 3.2). */
#ifndef MEDIA_H
#define MEDIA_H

#include <stdbool.h>

/* True when a Content-Type value says text/plain, whatever its parameters;
 * case does not count.  NULL (no header) is false. */
bool media_is_text_plain(const char *value);

#endif
