/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.c - a report as JSON (RFC 8460 4.4), by jansson.  What is absent is
 * left out: "" is no address and no reason. */
#include "report.h"
#include <string.h>

#define INTEGER_MAX 9007199254740991u /* RFC 7493 2.2 */

/* Takes value over. */
static void
add(struct report *r, json_t *to, const char *key, json_t *value)
{
	if (json_object_set_new(to, key, value) != 0)
		r->failed = true;
}

static void
add_text(struct report *r, json_t *to, const char *key, const char *value)
{
	if (value[0] != '\0')
		add(r, to, key, json_string(value));
}

static void
add_count(struct report *r, json_t *to, const char *key, uint64_t n)
{
	add(r, to, key,
	    json_integer((json_int_t)(n < INTEGER_MAX ? n : INTEGER_MAX)));
}

/* "a:b" as ["a", "b"]; left out when there is nothing. */
static void
add_list(struct report *r, json_t *to, const char *key, const char *joined,
    char between)
{
	json_t *list = json_array();
	const char *end;

	if (joined[0] == '\0') {
		json_decref(list);
		return;
	}
	for (;; joined = end + 1) {
		end = strchr(joined, between);
		if (json_array_append_new(list,
			json_stringn(joined,
			    end == NULL ? strlen(joined)
					: (size_t)(end - joined))) != 0)
			r->failed = true;
		if (end == NULL)
			break;
	}
	add(r, to, key, list);
}

const char *
report_submitter(const char *contact)
{
	const char *at = strrchr(contact, '@');

	return at == NULL ? contact : at + 1;
}

/* RFC 8460 4.1, appendix B: a whole day of UTC, its last second included. */
static json_t *
date_range(struct report *r, const char *day)
{
	json_t *range = json_object();

	add(r, range, "start-datetime", json_sprintf("%sT00:00:00Z", day));
	add(r, range, "end-datetime", json_sprintf("%sT23:59:59Z", day));
	return range;
}

void
report_begin(struct report *r, const struct report_head *h)
{
	memset(r, 0, sizeof *r);
	r->json = json_object();
	add_text(r, r->json, "organization-name",
	    h->org[0] != '\0' ? h->org : report_submitter(h->contact));
	add(r, r->json, "date-range", date_range(r, h->day));
	add_text(r, r->json, "contact-info", h->contact);
	add_text(r, r->json, "report-id", h->id);
	add(r, r->json, "policies", json_array());
}

static json_t *
policy_of(struct report *r, const struct report_policy *p)
{
	json_t *policy = json_object();

	add_text(r, policy, "policy-type", report_type_name(p->type));
	add_list(r, policy, "policy-string", p->strings, '\n');
	add_text(r, policy, "policy-domain", p->domain);
	add_list(r, policy, "mx-host", p->mx, ':');
	return policy;
}

static json_t *
summary_of(struct report *r, const struct day_row *row)
{
	json_t *summary = json_object();

	add_count(r, summary, "total-successful-session-count", row->success);
	add_count(r, summary, "total-failure-session-count", row->failure);
	return summary;
}

static json_t *
detail_of(struct report *r, const struct day_detail *d)
{
	const struct report_failure *f = &d->failure;
	json_t *detail = json_object();

	add_text(r, detail, "result-type", report_result_name(f->result));
	add_text(r, detail, "sending-mta-ip", f->sending_ip);
	add_text(r, detail, "receiving-mx-hostname", f->mx_hostname);
	add_text(r, detail, "receiving-mx-helo", f->mx_helo);
	add_text(r, detail, "receiving-ip", f->receiving_ip);
	add_count(r, detail, "failed-session-count", d->count);
	add_text(r, detail, "failure-reason-code", f->reason);
	return detail;
}

void
report_add(struct report *r, const struct day_row *row)
{
	json_t *one = json_object();
	json_t *details = json_array();

	add(r, one, "policy", policy_of(r, &row->policy));
	add(r, one, "summary", summary_of(r, row));
	for (size_t i = 0; i < row->n; i++)
		if (json_array_append_new(details,
			detail_of(r, &row->details[i])) != 0)
			r->failed = true;
	if (row->n > 0)
		add(r, one, "failure-details", details);
	else
		json_decref(details);
	if (json_array_append_new(json_object_get(r->json, "policies"), one) !=
	    0)
		r->failed = true;
	r->success += row->success;
	r->failure += row->failure;
	r->details += row->n;
}

char *
report_text(const struct report *r, bool for_people)
{
	if (r->failed)
		return NULL;
	return json_dumps(r->json,
	    JSON_ENSURE_ASCII |
		(for_people ? JSON_INDENT(2) : JSON_COMPACT));
}

void
report_end(struct report *r)
{
	json_decref(r->json);
	r->json = NULL;
}
