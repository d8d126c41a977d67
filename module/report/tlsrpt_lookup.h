/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tlsrpt_lookup.h - the TLSRPT record of a domain (RFC 8460 3), remembered in
 * tlsrpt.tdb: that may be lost at any time, and begins anew when it is full. */
#ifndef TLSRPT_LOOKUP_H
#define TLSRPT_LOOKUP_H

#include <time.h>
#include "../net/resolve.h"
#include "tlsrpt_record.h"

/* How long an answer is good, in seconds; as its TTL says between these.  An
 * absence or a record that is wrong is known for the longer time. */
#define TLSRPT_SECONDS_MIN 60
#define TLSRPT_SECONDS_MAX 3600

/* What is remembered; nobody is asked.  dir is the cache directory, domain is
 * canonical.  STS_OK; STS_ABSENT: it wants no reports; STS_MISS: nobody knows,
 * or not any more. */
enum sts_status tlsrpt_known(const char *dir, const char *domain, time_t now,
    struct tlsrpt_record *out) STS_CHECKED;
/* The same, and asks DNS when nobody knows, until deadline (clock.h).  STS_OK,
 * STS_ABSENT, STS_RECORD ("record-..."), STS_DNS and what else resolve.h has;
 * trouble with the file is none. */
enum sts_status tlsrpt_lookup(const char *dir, const char *domain, time_t now,
    int64_t deadline, struct tlsrpt_record *out, struct sts_error *err)
    STS_CHECKED;

#endif
