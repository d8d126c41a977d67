/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer.h - what a look-up comes to, and the line that Exim reads. */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdint.h>
#include <time.h>
#include "../protocol/domain.h"
#include "../protocol/policy.h"
#include "../protocol/record.h"
#include "../protocol/scan.h"

/* What an answer rests on; answer_status_name() has the words. */
enum answer_status {
	ANSWER_FRESH, /* fetched now */
	ANSWER_CHECKED, /* TXT record looked at now, same id */
	ANSWER_CACHED,
	ANSWER_STALE, /* in force though DNS or HTTPS failed just now */
	ANSWER_ABSENT, /* no TXT record */
	ANSWER_UNUSABLE, /* no policy to be had for now (RFC 8461 3.3) */
	ANSWER_EXEMPT, /* the administrator's exception */
	ANSWER_NOTADOMAIN,
	ANSWER_ERROR /* our own trouble: tempfail is set */
};

struct answer {
	enum answer_status status;
	bool tempfail; /* then mode counts for nothing */
	enum sts_mode mode; /* STS_NONE without a policy in force */
	char domain[STS_DOMAIN_MAX + 1]; /* canonical; "" for notadomain */
	/* Of the policy in force; "", 0 without one. */
	char id[STS_ID_MAX + 1];
	uint32_t max_age; /* seconds */
	uint32_t findings; /* enum sts_finding */
	time_t fetched_at;
	time_t expires;
	const char *mx; /* joined by ':'; part of the answer */
	bool failing; /* a delivery failed under it, and none worked since */
	bool counted; /* sessions with this domain are, for its reports ... */
	struct bytes body; /* ... with the policy, as fetched; part of it ... */
	/* ... and with the MX hosts it keeps out, joined by ':', which go to
	 * the line, and are of the draft alone ... */
	struct bytes kept_out;
	/* ... and with what became of the last question: see struct trial. */
	enum sts_status outcome;
	char failed_word[STS_WORD_MAX + 1];
	/* What kept us from better; status STS_OK: nothing did. */
	struct sts_error why;
	/* As mta_sts_lookup returns it; part of the answer. */
	const char *line;
};

/* A new answer with the fields of draft, a copy of its body if that is
 * counted, and a copy of mx; its line made.  A
 * policy whose strings do not pass the character check becomes an error
 * (tempfail).  NULL when out of memory.  Free with answer_free(). */
struct answer *answer_new(const struct answer *draft, struct bytes mx);
void answer_free(void *answer); /* or NULL */

const char *answer_status_name(enum answer_status status);
/* "none", "testing", "enforce" or "tempfail". */
const char *answer_mode_name(const struct answer *a);
/* RFC 8461 4.1: "match", "mismatch", "nopolicy" (none in force, or mode none)
 * or "tempfail". */
const char *answer_match(const struct answer *a, const char *host);

/* For those who have no memory for another: "mode=tempfail status=error
 * reason=memory". */
extern const struct answer answer_no_memory;

#endif
