/* SPDX-License-Identifier: GPL-2.0-or-later */
/* datagram.h - a verdict as tlsrpt-collectd wants to hear it: datagram protocol
 * version 1, one JSON object to its UNIX socket, as libtlsrpt writes it.
 *
 * The collector ends at what is not UTF-8 or not JSON, so that everything is
 * printable ASCII; and it groups by the text, so that nothing is spelt in two
 * ways. */
#ifndef DATAGRAM_H
#define DATAGRAM_H

#include "../protocol/text.h"
#include "verdict.h"

#define DATAGRAM_MAX 49152u /* bytes of the largest */

/* The value of "policies" for v. */
void datagram_policies(struct text *t, const struct verdict *v);
/* The whole; record is the canonical text of the domain's TLSRPT record
 * (tlsrpt_record.h), policies what datagram_policies() wrote. */
void datagram_write(struct text *t, const char *domain, const char *record,
    const char *policies);

/* Sends it without waiting, but for a few milliseconds when the collector's
 * queue is full.  STS_SYSTEM "socket" when it did not go. */
enum sts_status datagram_send(const char *path, const char *p, size_t len,
    struct sts_error *err) STS_CHECKED;

#endif
