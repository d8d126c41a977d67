/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.h - what was counted of one domain on one day, as the JSON that its
 * owner gets (RFC 8460 4.4; I-JSON, RFC 7493). */
#ifndef REPORT_H
#define REPORT_H

#include <jansson.h>
#include "day.h"

struct report_head {
	const char *org; /* "organization-name"; "": the contact's domain */
	const char *contact; /* "contact-info": an address */
	const char *id; /* "report-id" */
	const char *day; /* day.h */
};

struct report {
	json_t *json;
	bool failed; /* no memory: report_text() tells */
	/* In all its rows. */
	uint64_t success;
	uint64_t failure;
	size_t details;
};

void report_begin(struct report *r, const struct report_head *h);
void report_add(struct report *r, const struct day_row *row);
/* In ASCII, on one line, or for people on many; to be freed; NULL when there
 * was no memory. */
char *report_text(const struct report *r, bool for_people);
void report_end(struct report *r); /* also when it failed */

/* The contact's domain: the submitter (RFC 8460 5.3). */
const char *report_submitter(const char *contact);

#endif
