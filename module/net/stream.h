/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream.h - one DNS message to a server and one back, over TCP. */
#ifndef STREAM_H
#define STREAM_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "../protocol/status.h"

struct nameserver {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6; /* with its scope */
	} addr;
	socklen_t len;
};

/* What came of asking one server.  In order of what tells an administrator
 * most: of several servers' verdicts the highest is reported. */
enum verdict {
	VERDICT_NONE = 0, /* not asked */
	VERDICT_UNREACHABLE, /* refuses, or no way there */
	VERDICT_TIMEOUT,
	VERDICT_GARBAGE, /* speaks, but not DNS, or not about our question */
	VERDICT_REFUSED,
	VERDICT_SERVFAIL,
	VERDICT_NOMEM, /* ours */
	VERDICT_LOCAL, /* ours: no socket */
	VERDICT_ANSWER
};

/* What a failed socket(), connect() or send() with this errno tells. */
enum verdict verdict_of_errno(int error);

/* Sends query[len], its two bytes of length (RFC 1035 4.2.2) in front, and
 * waits for one message until `until` (clock.h) and not a moment longer,
 * whatever the server does.  VERDICT_ANSWER: *answer is malloc'ed; else it is
 * NULL. */
enum verdict stream_ask(const struct nameserver *to,
    const unsigned char *query, size_t len, int64_t until,
    unsigned char **answer, size_t *answer_len) STS_CHECKED;

#endif
