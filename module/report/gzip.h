/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gzip.h - RFC 1952, as RFC 8460 5.2 wants reports. */
#ifndef GZIP_H
#define GZIP_H

#include "../protocol/status.h"

/* The len bytes at p, in *out of *out_len bytes, which is to be freed.  The
 * same for the same bytes: no time and no name is in it. */
enum sts_status gzip_bytes(const char *p, size_t len, char **out,
    size_t *out_len, struct sts_error *err) STS_CHECKED;

#endif
