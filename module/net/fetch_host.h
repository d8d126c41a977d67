/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_host.h - the addresses of a policy host that we may connect to. */
#ifndef FETCH_HOST_H
#define FETCH_HOST_H

#include <arpa/inet.h>
#include "../protocol/status.h"

#define FETCH_ADDRESSES_MAX 16u

/* "192.0.2.1,[2001:db8::1]": in the order in which they are to be tried. */
struct fetch_addresses {
	char list[FETCH_ADDRESSES_MAX * (INET6_ADDRSTRLEN + 3)];
};

/* Asks the resolver of this host, which has no time limit: that is the
 * caller's affair.  STS_FETCH: "host-not-found", "dns", "address-refused". */
enum sts_status fetch_host_find(const char *host, bool allow_private,
    struct fetch_addresses *out, struct sts_error *err) STS_CHECKED;

#endif
