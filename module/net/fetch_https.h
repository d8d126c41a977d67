/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_https.h - GET a policy (RFC 8461 3.3) or POST a report (RFC 8460
 * 5.4), and nothing else. */
#ifndef FETCH_HTTPS_H
#define FETCH_HTTPS_H

#include <stdint.h>
#include "../protocol/policy.h"
#include "../protocol/scan.h"
#include "fetch_host.h"

struct fetch_request {
	const char *host; /* mta-sts.DOMAIN */
	const char *url; /* https://host/... */
	const char *post_type; /* of the report's media; NULL: a GET */
	struct bytes post;
	const struct fetch_addresses *addresses;
	const char *ca_file; /* PEM, or NULL */
	const char *ca_path; /* hashed directory, or NULL */
	bool allow_private;
	int64_t deadline; /* clock.h */
};

struct fetch_body {
	size_t len;
	char p[STS_BODY_MAX];
};

/* STS_OK: *body is the whole of it; of a POST it is empty, and the host has
 * taken the report.  STS_FETCH, STS_CERT: fetch.h has the words.  STS_SYSTEM,
 * STS_NOMEM: ours. */
enum sts_status fetch_https(const struct fetch_request *r,
    struct fetch_body *body, struct sts_error *err) STS_CHECKED;

/* Does beforehand, for the processes that this one is going to fork, what each
 * had to do before its request.  Asks nobody. */
void fetch_https_warm(void);

#endif
