/* SPDX-License-Identifier: GPL-2.0-or-later */
/* address.h - may a stranger's DNS send us to this address? */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <sys/socket.h>

/* NULL when the address is a public one: global unicast, given to somebody,
 * with no IPv4 address inside that is not.  Else what it is instead, for
 * people: "loopback", "private", "link-local", ...  Pure. */
const char *address_refusal(const struct sockaddr *address);

#endif
