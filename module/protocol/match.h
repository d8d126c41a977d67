/* SPDX-License-Identifier: GPL-2.0-or-later */
/* match.h - is this MX host permitted? (RFC 8461 4.1) */
#ifndef MATCH_H
#define MATCH_H

#include <stdbool.h>
#include "text.h"

/* mx_list is struct policy's: lower case patterns joined by ':'.  host is the
 * name in the MX record; case and one final dot do not count.  A leading "*."
 * stands for exactly one label (RFC 8461 4.1, RFC 6125 6.4.3). */
bool match_host(const char *mx_list, const char *host);
/* The same for one pattern, in any case and of anybody's making: what RFC 8461
 * 3.2 does not let be a pattern matches nothing. */
bool match_pattern(const char *pattern, const char *host);

/* Appends the items for Exim's ignore_target_hosts that let pass exactly the
 * hosts that match_host() accepts: "!^mx1[.]example[.]com$:...:*".  A list
 * with anything but lower case patterns in it is refused, as one that does not
 * fit: t->full is set and nothing appended. */
void match_ignore_list(struct text *t, const char *mx_list);

#endif
