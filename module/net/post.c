/* SPDX-License-Identifier: GPL-2.0-or-later */
/* post.c - hand a report to whom it is for, over HTTPS. */
#include "post.h"

enum sts_status
post_report(const struct fetch_options *o, const char *url, const char *type,
    int fd, int64_t deadline, struct sts_error *err)
{
	struct fetch_options with = *o;
	char nothing[1];
	size_t len;

	with.smtp = false;
	with.post = type;
	with.in = fd;
	return fetch_policy(&with, url, deadline, nothing, sizeof nothing, &len,
	    err);
}
