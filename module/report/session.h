/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session.h - from Exim's events to one verdict for each SMTP session (RFC 8460
 * 4.3, 4.4).
 *
 * A session has succeeded at its second EHLO, the one under TLS, and nothing
 * that happens later counts; it has failed when Exim gives up its host because
 * of TLS, or when it ends in clear where TLS was wanted. */
#ifndef SESSION_H
#define SESSION_H

#include "../lookup/event.h"
#include "trail.h"
#include "verdict.h"

struct session {
	const struct config *config;
	struct lookup *lookup;
	time_t (*now)(void *arg);
	/* What a session came to; v is borrowed for the call. */
	void (*tell)(void *arg, const struct verdict *v);
	void *arg;
	struct trail trail; /* of the process that raises the events */
};

/* Once the first five fields are set; the trail begins as zero. */
void session_event(struct session *s, const struct event *e);

#endif
