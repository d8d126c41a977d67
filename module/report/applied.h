/* SPDX-License-Identifier: GPL-2.0-or-later */
/* applied.h - the policy that a session was held to, as a report shows it. */
#ifndef APPLIED_H
#define APPLIED_H

#include <time.h>
#include "../lookup/lookup.h"
#include "verdict.h"

struct applied {
	struct report_policy policy; /* in the fields below, or borrowed */
	char strings[REPORT_STRINGS_MAX + 1];
	char mx[REPORT_MX_MAX + 1];
	/* All patterns, of which mx may be too short for some: borrowed until
	 * the next call on the look-up or its cache; NULL: no policy. */
	const char *all;
	/* RFC 8460 4.3.2.2: why no newer policy, or none, could be had; 0:
	 * nothing of that kind. */
	enum report_result trouble;
	char why[STS_WORD_MAX + 1];
};

/* From the cache alone; nobody is asked.  domain is canonical and borrowed.
 * False: the administrator's word replaced its policy, and a report on that is
 * nobody else's business. */
bool applied_sts(struct lookup *l, const char *domain, time_t now,
    struct applied *a) STS_CHECKED;

#endif
