/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_head.h - the head of an HTTP answer: may its body be a policy
 * (RFC 8461 3.2, 3.3), or was a report taken (RFC 8460 5.4)?  Pure. */
#ifndef FETCH_HEAD_H
#define FETCH_HEAD_H

#include "../protocol/status.h"

#define FETCH_HEAD_MAX 65536u /* bytes, with those of interim answers */
#define FETCH_TYPE_MAX 255u /* bytes of a Content-Type */

struct fetch_head {
	bool to_post; /* any 2xx will do, and nothing else counts */
	size_t len; /* bytes so far, of all heads */
	unsigned code; /* of the last status line; 0: none yet */
	unsigned types; /* Content-Type lines */
	bool encoded; /* by something that is not identity */
	bool chunked; /* so its end can be seen */
	bool passed; /* it was found good; what follows are trailers */
	char type[FETCH_TYPE_MAX + 1];
};

/* One line as it came, its end included; an empty one ends the head.  STS_OK:
 * go on.  STS_FETCH: "http-404" and the like, "redirect", "content-type",
 * "encoding", "too-large", "http-protocol". */
enum sts_status fetch_head_line(struct fetch_head *h, const char *p, size_t len,
    struct sts_error *err) STS_CHECKED;

/* Whether the answer so far has a code that will not do: that says more than
 * what else may be wrong with it.  STS_OK when not. */
enum sts_status fetch_head_code(const struct fetch_head *h,
    struct sts_error *err) STS_CHECKED;

#endif
