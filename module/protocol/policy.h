/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy.h - the policy text of RFC 8461 3.2. */
#ifndef POLICY_H
#define POLICY_H

#include <stdint.h>
#include "status.h"

#define STS_BODY_MAX 65536u /* bytes; RFC 8461 3.3 suggests 64 kilobytes */
#define STS_AGE_MAX 31557600u /* seconds; RFC 8461 3.2 */

enum sts_mode {
	STS_NONE = 0, /* deliver as if the domain had no MTA-STS */
	STS_TESTING = 1,
	STS_ENFORCE = 2
};

/* Where a text was accepted although the RFC's grammar refuses it. */
enum sts_finding {
	FINDING_BOM = 1u << 0, /* one leading UTF-8 byte order mark */
	FINDING_BLANK_LINE = 1u << 1, /* blank lines */
	FINDING_FINAL_DOT = 1u << 2, /* one final dot of an mx, dropped */
	FINDING_MAX_AGE = 1u << 3, /* max_age over STS_AGE_MAX, capped */
	FINDING_MX_DROPPED = 1u << 4, /* a malformed mx line beside good ones */
	FINDING_DUPLICATE = 1u << 5 /* a later duplicate, ignored (3.2) */
};
#define FINDINGS_ALL 6u

/* One allocation; immutable once parsed. */
struct policy {
	enum sts_mode mode;
	uint32_t max_age; /* seconds, at most STS_AGE_MAX */
	uint32_t findings; /* bits of enum sts_finding */
	size_t mx_count;
	char mx[]; /* patterns, lower case, in order, joined by ':' */
};

/* Pure; no clock, no I/O.  On STS_OK the caller owns *out; else *out is NULL.
 * STS_POLICY when the text is invalid: err->word then names the rule
 * ("policy-version", "policy-mode", "policy-max-age", "policy-mx": no such
 * value; "policy-no-version" and so on: no such field; "policy-line": not a
 * field; "policy-extension": an unknown field with a value that none may have;
 * "policy-empty", "policy-too-long"), err->text the line. */
enum sts_status policy_parse(const char *body, size_t len, struct policy **out,
    struct sts_error *err) STS_CHECKED;
void policy_free(struct policy *policy); /* or NULL */

const char *mode_name(enum sts_mode mode); /* "none", "testing", "enforce" */
/* The mode of exactly this name.  False, with *mode untouched, if none. */
bool mode_from_name(const char *p, size_t len, enum sts_mode *mode)
    STS_CHECKED;
/* The finding of bit number i < FINDINGS_ALL as a word ("final-dot", ...). */
const char *finding_name(unsigned i);

#endif
