/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domain.h - the one spelling of a policy domain that the rest works with. */
#ifndef DOMAIN_H
#define DOMAIN_H

#include "status.h"

#define STS_DOMAIN_MAX 253u /* bytes; RFC 1035 2.3.4 without the final dot */

/* Writes the canonical form of a mail domain to out: lower case, one final
 * dot dropped, U-labels as A-labels (RFC 5890), checked against RFC 5321
 * 4.1.2 (LDH labels of 1 to 63 bytes).  Address literals and dotted quads have
 * no policy (RFC 8461 3.4).  Also refused: names for which "_mta-sts.NAME",
 * the longer of the two names that we look up, would pass 253 bytes.
 * STS_OK, or with out empty STS_DOMAIN, or STS_NOMEM, or STS_SYSTEM without
 * libidn2 for a name beyond ASCII: then nobody knows. */
enum sts_status domain_canon(const char *in, char out[STS_DOMAIN_MAX + 1],
    struct sts_error *err) STS_CHECKED;

/* RFC 5321 4.1.2 Domain over (bytes, length): LDH labels of 1 to 63 bytes,
 * no empty label, no final dot, at most 253 bytes.  Any case; one label and
 * all-digit labels do, as the grammar says. */
bool domain_is_ldh(const char *p, size_t len);

#endif
