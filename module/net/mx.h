/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mx.h - the mail hosts of a domain (RFC 5321 5.1), for people who ask what
 * would happen: Exim looks them up by itself. */
#ifndef MX_H
#define MX_H

#include <stdint.h>
#include "../protocol/domain.h"

#define MX_HOSTS_MAX 32u

struct mx_host {
	unsigned preference;
	/* As in the record, without its final dot, for people: what is not
	 * printable is '?'.  "" stands for "." (RFC 7505). */
	char name[STS_DOMAIN_MAX + 4];
};

struct mx_set {
	struct mx_host host[MX_HOSTS_MAX]; /* the most preferred first */
	size_t n;
	size_t left_out; /* there were more */
};

/* Asks for name IN MX, CNAMEs followed, until deadline (clock.h).  STS_OK: at
 * least one; STS_ABSENT: "nxdomain", "nodata"; else as resolve_txt(). */
enum sts_status mx_find(const char *name, int64_t deadline, struct mx_set *out,
    struct sts_error *err) STS_CHECKED;
/* The answer's bytes read into a set.  Pure; mx_find() ends with it. */
enum sts_status mx_read(const unsigned char *answer, size_t len,
    const char *name, struct mx_set *out, struct sts_error *err) STS_CHECKED;

#endif
