/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_host.h - the addresses of a policy host that we may connect to. */
#ifndef FETCH_HOST_H
#define FETCH_HOST_H

#include <arpa/inet.h>
#include "../protocol/status.h"

#define FETCH_TRIES_MAX 8u

/* "192.0.2.1,[2001:db8::1]": at most one address a family, raced against one
 * another; one such try after the other.  (Of several addresses of one family
 * libcurl 7.88 reaches the second only if the first one refuses.) */
struct fetch_try {
	char list[INET6_ADDRSTRLEN + INET_ADDRSTRLEN + sizeof "[],"];
};

struct fetch_addresses {
	struct fetch_try at[FETCH_TRIES_MAX];
	size_t n;
};

/* Asks the resolver of this host, which has no time limit: that is the
 * caller's affair.  STS_FETCH: "host-not-found", "dns", "address-refused". */
enum sts_status fetch_host_find(const char *host, bool allow_private,
    struct fetch_addresses *out, struct sts_error *err) STS_CHECKED;

#endif
