/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blame.h - which result of RFC 8460 4.3 an event of Exim's stands for.
 *
 * GnuTLS has one text for an expired certificate and one of an unknown CA, and
 * OpenSSL one for all, so that the certificate itself is looked at; no text of
 * a library decides but between a certificate and a handshake. */
#ifndef BLAME_H
#define BLAME_H

#include <time.h>
#include "../lookup/event.h"
#include "verdict.h"

struct blame {
	enum report_result result;
	bool dane; /* the policy that failed was the TLSA record's */
	char reason[REPORT_WORDS_MAX + 1]; /* "": the result says it all */
};

/* Whether the host has a TLSA record, so that nothing goes to it in clear (RFC
 * 7672 2.2).  Exim says nothing of it where TLS was not begun: then the
 * configuration has asked DNS. */
bool blame_has_tlsa(const struct event *e) STS_CHECKED;
/* What made a host fail (msg:host:defer).  False: it was not TLS. */
bool blame_host(const struct event *e, time_t now, struct blame *b)
    STS_CHECKED;
/* What dane:fail says.  False: nothing known. */
bool blame_dane(const char *said, struct blame *b) STS_CHECKED;
/* What is wrong with a session under TLS that testing mode looks at: the
 * certificate, or the version (RFC 8461 4.2, 7.2).  False: nothing. */
bool blame_session(const struct event *e, time_t now, struct blame *b)
    STS_CHECKED;

#endif
