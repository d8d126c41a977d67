/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_smtp.h - would a mail host do under an enforce policy (RFC 8461 4.2)?
 * Connects, says STARTTLS, looks at the certificate, and sends no mail. */
#ifndef FETCH_SMTP_H
#define FETCH_SMTP_H

#include "fetch_https.h"

#define FETCH_SMTP_LINE 200u /* bytes */

/* r->host is the mail host's name; of its addresses the first that answers
 * decides.  STS_OK: line says "ADDRESS VERSION CIPHER", with a line's end.
 * STS_FETCH, STS_CERT: fetch.h has the words.  STS_SYSTEM, STS_NOMEM: ours. */
enum sts_status fetch_smtp_check(const struct fetch_request *r,
    char line[FETCH_SMTP_LINE], struct sts_error *err) STS_CHECKED;

#endif
