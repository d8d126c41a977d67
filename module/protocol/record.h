/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record.h - the TXT record at _mta-sts.DOMAIN (RFC 8461 3.1). */
#ifndef RECORD_H
#define RECORD_H

#include "scan.h"
#include "status.h"

#define STS_ID_MAX 32u /* bytes; RFC 8461 3.1: 1*32(ALPHA / DIGIT) */

/* One record, its strings already joined, against the grammar.  STS_OK with
 * the id in id[]; STS_ABSENT ("no-record") when it does not begin with the
 * version field; STS_RECORD ("record-syntax", "record-id", "record-no-id") when
 * it does and is wrong.  On failure id[] is empty. */
enum sts_status record_parse(const char *txt, size_t len,
    char id[STS_ID_MAX + 1], struct sts_error *err) STS_CHECKED;

/* The whole TXT record set.  With several records those that do not begin
 * "v=STSv1;" are dropped first and exactly one must remain.  STS_OK, STS_ABSENT
 * (none left), STS_RECORD (more than one left, "record-several", or it is
 * invalid). */
enum sts_status record_select(const struct bytes *set, size_t n,
    char id[STS_ID_MAX + 1], struct sts_error *err) STS_CHECKED;

#endif
