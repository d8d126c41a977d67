/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mime.h - a report as a mail (RFC 8460 5.3), and what it and its parts are
 * called. */
#ifndef MIME_H
#define MIME_H

#include <time.h>
#include "../protocol/domain.h"

#define MIME_FILENAME_MAX 600u /* bytes, its NUL included */

/* Strings are printable ASCII. */
struct mime_mail {
	const char *org; /* ""; or who sends it */
	const char *contact; /* the address of its sender ... */
	const char *to; /* ... and of its recipient */
	const char *domain; /* that the report is about */
	const char *day; /* day.h */
	const char *id; /* of the report: LEFT@RIGHT of RFC 5322 3.6.4 */
	time_t date;
	const char *report; /* compressed */
	size_t len;
};

/* RFC 8460 5.1: "SUBMITTER!DOMAIN!BEGIN!END!UNIQUE.json.gz"; unique is what of
 * the id is only its own. */
void mime_filename(const struct mime_mail *m,
    char out[MIME_FILENAME_MAX]);
/* The whole message, with LF at the ends of lines, as sendmail takes it;
 * *out is to be freed. */
enum sts_status mime_write(const struct mime_mail *m, char **out, size_t *len,
    struct sts_error *err) STS_CHECKED;

#endif
