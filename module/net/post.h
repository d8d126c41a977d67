/* SPDX-License-Identifier: GPL-2.0-or-later */
/* post.h - hand a report to whom it is for, over HTTPS (RFC 8460 5.4). */
#ifndef POST_H
#define POST_H

#include "fetch.h"

/* Posts what stands in the open file fd (above 2, at its beginning; at most
 * FETCH_POST_MAX bytes) to url, an "https://HOST/PATH" without port or user,
 * as that media type.  o says by which helper, as whom and what is trusted; a
 * host with an address that is not public is refused as a policy host is.
 * STS_OK: the host has taken it.  STS_FETCH ("http-500", "redirect",
 * "timeout", "address-refused", ...), STS_CERT, STS_SYSTEM ("url" and what
 * fetch.h has): it has not, or nobody can tell. */
enum sts_status post_report(const struct fetch_options *o, const char *url,
    const char *type, int fd, int64_t deadline, struct sts_error *err)
    STS_CHECKED;

#endif
