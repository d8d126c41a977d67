/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session.h - from Exim's events to one verdict for each SMTP session (RFC 8460
 * 4.3, 4.4).
 *
 * A session has succeeded at its second EHLO, the one under TLS, and nothing
 * that happens later counts; it has failed when Exim gives up its host because
 * of TLS, or when it ends in clear where TLS was wanted.  Where each event has
 * a process of its own (${run}) only what the event itself says is known. */
#ifndef SESSION_H
#define SESSION_H

#include "../lookup/event.h"
#include "blame.h"
#include "verdict.h"

#define SESSION_ROUTED 256u

struct session {
	const struct config *config;
	struct lookup *lookup;
	time_t (*now)(void *arg);
	/* What a session came to; v is borrowed for the call. */
	void (*tell)(void *arg, const struct verdict *v);
	void *arg;
	/* its own: what the events of this process have told */
	struct connection {
		bool seen; /* from its beginning */
		bool greeted; /* EHLO was answered in clear ... */
		bool offered; /* ... and STARTTLS was among the answers */
		char host[REPORT_NAME_MAX + 1];
		char address[REPORT_ADDRESS_MAX + 1];
		char helo[REPORT_WORDS_MAX + 1];
		bool dane_failed; /* as `dane` says */
		struct blame dane;
	} now_open;
	/* Domain, host and address of the last failure: what comes after it is
	 * the same attempt, in clear. */
	char failed[2 * REPORT_NAME_MAX + REPORT_ADDRESS_MAX + 3];
	/* Of messages and domains that the router was told of already, and
	 * their hosts kept out: hashes; what was there first goes first. */
	uint32_t routed[SESSION_ROUTED];
	unsigned routed_n;
};

/* Once the first five fields are set; the others begin as zero. */
void session_event(struct session *s, const struct event *e);

#endif
