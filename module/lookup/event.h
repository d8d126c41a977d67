/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event.h - what Exim tells us of deliveries under a policy. */
#ifndef EVENT_H
#define EVENT_H

#include "../protocol/scan.h"
#include "lookup.h"

#define EVENT_ARGS 7
/* For whoever holds the cache; then the event counts for nothing. */
#define EVENT_WAIT_MS 100

/* Exim gives a function no more arguments than that, so the last one is packed:
 * fields with '|' between them.  Whatever is missing at its end is empty. */
enum event_field {
	EVENT_MODE, /* "enforce", "testing" or "plain": the transport's */
	EVENT_SIP, /* our address */
	EVENT_CV, /* "1": the certificate was verified */
	EVENT_DANE, /* "yes": by DANE */
	EVENT_CIPHER, /* "TLS1.3:..."; empty without TLS */
	EVENT_SNI,
	EVENT_VERIFY_MODE, /* not empty: this is a callout */
	/* For reports (RFC 8460) only. */
	EVENT_MESSAGE, /* a hash of its id; empty: not to be counted */
	EVENT_HOSTS, /* MX hosts kept out, ':' between; when not enforcing
			"avoid" if this site avoids TLS with some hosts */
	EVENT_TLSA, /* usage of the host's TLSA records; "0" or empty: none */
	EVENT_CERT, /* "NOT-BEFORE,NOT-AFTER,self or empty,SAN;SAN..." */
	EVENT_FIELDS
};

/* All borrowed from the arguments. */
struct event {
	const char *name;
	const char *data;
	const char *error; /* Exim's errno as digits, negative for its own */
	const char *domain;
	const char *host;
	const char *address;
	struct bytes field[EVENT_FIELDS];
};

/* argv: event name, data, errno, domain, host, host address, and the packed
 * fields.  False for a wrong number of arguments, a callout, and an event that
 * is about no domain. */
bool event_read(int argc, const char *const argv[], struct event *e)
    STS_CHECKED;
bool event_is(const struct event *e, const char *name);
bool event_has(const struct event *e, enum event_field f, const char *value);

/* Exim's numbers of a TLS failure and of "TLS required" (its errno.h). */
#define EVENT_TLS_FAILURE "-37"
#define EVENT_TLS_REQUIRED "-38"

/* What msg:host:defer says of a host that answered STARTTLS with an error, or
 * not at all: it has no error number of TLS. */
bool event_failed_at_starttls(const struct event *e);
/* Whether TLS is of a version before 1.2 (RFC 8461 7.2). */
bool event_is_too_old(const struct event *e);

/* Marks the domain when a delivery failed by its enforce policy (RFC 8461 5),
 * and logs what failed at which host; in testing mode logs what enforcement
 * would have done (5).  Everything else does nothing. */
void event_handle(struct lookup *l, const struct event *e);

#endif
