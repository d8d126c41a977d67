/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alert.h - policies that are not renewed and will run out (RFC 8461 3.3,
 * 10.2), and those that nobody needs any more. */
#ifndef ALERT_H
#define ALERT_H

#include "../store/entry.h"

#define ALERT_TEXT_MAX 160u

/* RFC 8461 10.2: well before a policy (other than "none") ends without having
 * been renewed, and until it is forgotten. */
bool alert_is_due(const struct entry *e, int64_t now);
/* "enforce policy not renewed since ... (http-404), ends 2026-...": of a policy
 * for which that is so. */
void alert_text(const struct entry *e, int64_t now, char out[ALERT_TEXT_MAX]);

/* No mail went there for 180 days: not renewed any more. */
bool alert_is_unused(const struct entry *e, int64_t now);

#endif
