/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event.h - what Exim tells us of deliveries under a policy. */
#ifndef EVENT_H
#define EVENT_H

#include "lookup.h"

#define EVENT_ARGS 7

/* argv: event name, data, errno, domain, host, host address, and
 * "mode|sip|cv|dane|cipher|sni|verify_mode".  Marks the domain when a delivery
 * failed by its enforce policy (RFC 8461 5), and logs what failed at which
 * host; in testing mode logs what enforcement would have done (5).  Everything else, callouts, and a wrong
 * number of arguments do nothing. */
void event_handle(struct lookup *l, int argc, const char *const argv[]);

#endif
