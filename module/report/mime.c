/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mime.c - a report as a mail (RFC 8460 5.3).
 *
 * By hand: two parts of a fixed form are less than any library for it.  No
 * header field here has a value from outside but host names and addresses that
 * were checked, and the administrator's own words. */
#include "mime.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "../protocol/text.h"
#include "day.h"
#include "report.h"

#define HEAD_MAX 8192u /* bytes of all that is not the report */
#define LINE_BYTES 57u /* of base64: 76 characters (RFC 2045 6.8) */
#define DAY_LAST 86399 /* seconds */

/* "0123456789abcdef" of "2026-03-01.0123456789abcdef@example.com". */
static const char *
unique_of(const char *id, size_t *len)
{
	const char *at = id + strcspn(id, "@");
	const char *p = at;

	while (p > id && p[-1] != '.')
		p--;
	*len = (size_t)(at - p);
	return p;
}

void
mime_filename(const struct mime_mail *m, char out[MIME_FILENAME_MAX])
{
	int64_t begin = day_begin(m->day);
	size_t len;
	const char *unique = unique_of(m->id, &len);
	struct text t;

	text_init(&t, out, MIME_FILENAME_MAX);
	text_addf(&t, "%s!%s!%" PRId64 "!%" PRId64,
	    report_submitter(m->contact), m->domain, begin, begin + DAY_LAST);
	if (len > 0) {
		text_add(&t, "!");
		text_add_bytes(&t, unique, len);
	}
	text_add(&t, ".json.gz");
}

/* --- the head ------------------------------------------------------------- */

/* RFC 5322 3.3.  Not by strftime(): names of days have a language. */
static void
add_date(struct text *t, time_t when)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu",
		"Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr",
		"May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL)
		return;
	text_addf(t, "Date: %s, %d %s %d %02d:%02d:%02d +0000\n",
	    days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon],
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* RFC 5322 3.2.4, 3.4 */
static void
add_from(struct text *t, const struct mime_mail *m)
{
	text_add(t, "From: ");
	if (m->org[0] != '\0') {
		text_add(t, "\"");
		for (const char *p = m->org; *p != '\0'; p++) {
			if (*p == '"' || *p == '\\')
				text_add(t, "\\");
			text_add_bytes(t, p, 1);
		}
		text_add(t, "\" ");
	}
	text_addf(t, "<%s>\n", m->contact);
}

static void
add_head(struct text *t, const struct mime_mail *m)
{
	const char *submitter = report_submitter(m->contact);

	add_from(t, m);
	text_addf(t, "To: <%s>\n", m->to);
	add_date(t, m->date);
	/* The same for each attempt: what comes twice can be seen to. */
	text_addf(t, "Message-ID: <%s>\n", m->id);
	text_addf(t, "Subject: Report Domain: %s\n Submitter: %s\n"
		     " Report-ID: <%s>\n",
	    m->domain, submitter, m->id);
	text_addf(t, "TLS-Report-Domain: %s\nTLS-Report-Submitter: %s\n",
	    m->domain, submitter);
	/* RFC 8460 5.3 and RFC 8689 5: whatever TLS is worth there. */
	text_add(t, "TLS-Required: No\n");
	text_add(t, "Auto-Submitted: auto-generated\n"); /* RFC 3834 5 */
	text_addf(t, "MIME-Version: 1.0\n"
		     "Content-Type: multipart/report; report-type=\"tlsrpt\";\n"
		     " boundary=\"=_%.27s\"\n\n",
	    m->id);
}

static void
add_parts(struct text *t, const struct mime_mail *m)
{
	char name[MIME_FILENAME_MAX];

	mime_filename(m, name);
	text_addf(t, "--=_%.27s\nContent-Type: text/plain; charset=us-ascii\n\n"
		     "This is an aggregate TLS report (RFC 8460) from %s\n"
		     "about SMTP sessions for mail to %s on %s (UTC).\n\n",
	    m->id, report_submitter(m->contact), m->domain, m->day);
	text_addf(t, "--=_%.27s\nContent-Type: application/tlsrpt+gzip\n"
		     "Content-Transfer-Encoding: base64\n"
		     "Content-Disposition: attachment;\n filename=\"%s\"\n\n",
	    m->id, name);
}

/* --- the report ----------------------------------------------------------- */

static void
add_base64(struct text *t, const unsigned char *p, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	char four[4];

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		unsigned bits = (unsigned)p[i] << 16 |
		    (left > 1 ? (unsigned)p[i + 1] << 8 : 0) |
		    (left > 2 ? (unsigned)p[i + 2] : 0);

		for (unsigned k = 0; k < 4; k++) {
			four[k] = '=';
			if (k <= left)
				four[k] = digits[bits >> (18 - 6 * k) & 63];
		}
		text_add_bytes(t, four, sizeof four);
	}
}

static void
add_report(struct text *t, const struct mime_mail *m)
{
	union {
		const char *ours;
		const unsigned char *bytes;
	} p = { m->report };

	for (size_t i = 0; i < m->len; i += LINE_BYTES) {
		add_base64(t, p.bytes + i,
		    m->len - i < LINE_BYTES ? m->len - i : LINE_BYTES);
		text_add(t, "\n");
	}
	text_addf(t, "--=_%.27s--\n", m->id);
}

enum sts_status
mime_write(const struct mime_mail *m, char **out, size_t *len,
    struct sts_error *err)
{
	size_t room = HEAD_MAX + m->len / LINE_BYTES * 77 + 128;
	struct text t;

	*out = malloc(room);
	if (*out == NULL)
		return error_set(err, STS_NOMEM, "memory", "out of memory");
	text_init(&t, *out, room);
	add_head(&t, m);
	add_parts(&t, m);
	add_report(&t, m);
	*len = t.len;
	if (!t.full)
		return STS_OK;
	free(*out);
	*out = NULL;
	return error_set(err, STS_SYSTEM, "mail-too-long",
	    "the mail to %.120s is too long", m->to);
}
