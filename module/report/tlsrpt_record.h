/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tlsrpt_record.h - the TXT record at _smtp._tls.DOMAIN (RFC 8460 3), and
 * which of its addresses a report may be sent to.
 *
 * Anybody writes such a record who gets mail from here.  So an address is one
 * mailbox or one HTTPS resource of a host with a name, in characters that mean
 * nothing to any program on the way; whatever else it is, it is left out. */
#ifndef TLSRPT_RECORD_H
#define TLSRPT_RECORD_H

#include "../protocol/scan.h"
#include "../protocol/status.h"

#define TLSRPT_RUA_MAX 4u /* addresses of a record; the first ones that do */
#define TLSRPT_URI_MAX 512u /* bytes of one */
/* Of the canonical text. */
#define TLSRPT_TEXT_MAX (16u + TLSRPT_RUA_MAX * (TLSRPT_URI_MAX + 8u))

enum tlsrpt_kind {
	TLSRPT_MAILTO, /* text: the address, "tls-reports@example.com" */
	TLSRPT_HTTPS /* text: the URL, "https://example.com/tls" */
};

struct tlsrpt_rua {
	enum tlsrpt_kind kind;
	char text[TLSRPT_URI_MAX + 1]; /* host names in lower case */
};

struct tlsrpt_record {
	struct tlsrpt_rua rua[TLSRPT_RUA_MAX]; /* in the record's order */
	unsigned n;
	unsigned refused; /* that were left out */
};

/* One record, its strings already joined.  STS_OK: out has an address at
 * least.  STS_ABSENT ("no-record"): it does not begin with the version.
 * STS_RECORD ("record-syntax", "record-no-rua", "record-rua"): it is wrong, or
 * all its addresses are refused; then out has none. */
enum sts_status tlsrpt_record_parse(const char *txt, size_t len,
    struct tlsrpt_record *out, struct sts_error *err) STS_CHECKED;
/* The whole TXT record set.  STS_OK; STS_ABSENT (none is ours); STS_RECORD
 * (more than one is, "record-several", or it is wrong). */
enum sts_status tlsrpt_record_select(const struct bytes *set, size_t n,
    struct tlsrpt_record *out, struct sts_error *err) STS_CHECKED;
/* The record that says just this, in the one spelling that every parser
 * takes: "v=TLSRPTv1;rua=mailto:a@example.com,https://example.com/x". */
void tlsrpt_record_text(const struct tlsrpt_record *r, struct text *t);

#endif
