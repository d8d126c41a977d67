/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exchange.c - one DNS question to the servers of this host.
 *
 * The servers are asked in turn, in up to ROUNDS rounds.  A server that is slow
 * loses its turn, but not its chance: its socket stays open, and its answer
 * counts whenever it comes. */
#include "exchange.h"
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../protocol/text.h"
#include "../store/clock.h"

#define ROUNDS 3u
#define FIRST_WAIT_MS 1000 /* for a server in the first round, then doubled */

#define FRAME 2u /* bytes of length before a message over TCP */
#define OPT_LEN 11u
#define QUERY_MAX (NS_HFIXEDSZ + NS_MAXCDNAME + NS_QFIXEDSZ)

/* The second word of a DNS header (RFC 1035 4.1.1). */
enum header_flags {
	FLAG_RESPONSE = 0x8000,
	MASK_OPCODE = 0x7800,
	FLAG_AUTHORITY = 0x0400,
	FLAG_TRUNCATED = 0x0200,
	FLAG_RECURSION = 0x0080,
	MASK_RCODE = 0x000f
};

enum reading {
	READ_STRANGER, /* not about our question */
	READ_ANSWER,
	READ_CUT, /* there is more over TCP */
	READ_NO_EDNS,
	READ_SERVFAIL,
	READ_REFUSED,
	READ_ODD
};

/* What to do with a server now. */
enum step {
	STEP_REST,
	STEP_DATAGRAM, /* ask over UDP */
	STEP_STREAM /* ask over TCP */
};

struct peer {
	const struct nameserver *at;
	int fd; /* UDP, connected; -1: none yet */
	bool plain; /* is asked without EDNS0 */
	bool pending; /* was asked, and may still answer */
	bool done; /* has said all that we want of it */
};

struct talk {
	const struct exchange *x;
	struct exchange_answer *out; /* out->p is set when we have it */
	struct peer peer[MAXNS];
	size_t n;
	enum verdict worst;
	const struct peer *culprit;
	size_t len; /* of the query, without frame and OPT */
	unsigned char frame[FRAME + QUERY_MAX + OPT_LEN];
};

static void
note(struct talk *t, const struct peer *p, enum verdict v)
{
	if (v <= t->worst)
		return;
	t->worst = v;
	t->culprit = p;
}

static void
finish(struct talk *t, struct peer *p, enum verdict v)
{
	p->pending = false;
	p->done = true;
	note(t, p, v);
}

/* RFC 6891 6.1.2: root, OPT, our size, version and flags 0, no data. */
static void
frame_query(struct talk *t, const unsigned char *query, size_t len)
{
	static const unsigned char opt[OPT_LEN] = { 0, 0, ns_t_opt,
		EXCHANGE_UDP_MAX >> 8, EXCHANGE_UDP_MAX & 0xff };

	t->len = len;
	memcpy(t->frame + FRAME, query, len);
	memcpy(t->frame + FRAME + len, opt, sizeof opt);
}

/* Makes the frame what p is to be asked, and says how long the message is. */
static size_t
frame_for(struct talk *t, const struct peer *p)
{
	size_t len = p->plain ? t->len : t->len + OPT_LEN;

	t->frame[0] = (unsigned char)(len >> 8);
	t->frame[1] = (unsigned char)(len & 0xff);
	t->frame[FRAME + 11] = p->plain ? 0 : 1; /* ARCOUNT */
	return len;
}

/* The question as it was asked, in any case of its letters.  The length of a
 * label is no letter, so bytes can be compared as they stand. */
static bool
same_question(const struct talk *t, const unsigned char *answer)
{
	const unsigned char *asked = t->frame + FRAME;
	size_t i = NS_HFIXEDSZ;

	if (memcmp(answer + i, asked + i, t->len - i) == 0)
		return true;
	while (i < t->len &&
	    ascii_lower((char)answer[i]) == ascii_lower((char)asked[i]))
		i++;
	return i == t->len;
}

/* RFC 5452 9.1: to just our question, or it is nobody's answer.  (Where it
 * came from, the connected socket has checked.) */
static bool
is_ours(const struct talk *t, const unsigned char *a, size_t len)
{
	unsigned flags;

	if (len < NS_HFIXEDSZ || memcmp(a, t->frame + FRAME, 2) != 0)
		return false;
	flags = ns_get16(a + 2);
	if ((flags & (FLAG_RESPONSE | MASK_OPCODE)) != FLAG_RESPONSE)
		return false;
	/* Who could not read the question need not repeat it. */
	if (ns_get16(a + 4) == 0)
		return (flags & MASK_RCODE) == ns_r_formerr ||
		    (flags & MASK_RCODE) == ns_r_notimpl;
	return ns_get16(a + 4) == 1 && len >= t->len && same_question(t, a);
}

static enum reading
read_header(const struct talk *t, const unsigned char *a, size_t len)
{
	unsigned flags;

	if (!is_ours(t, a, len))
		return READ_STRANGER;
	flags = ns_get16(a + 2);
	switch (flags & MASK_RCODE) {
	case ns_r_noerror:
	case ns_r_nxdomain:
		if ((flags & FLAG_TRUNCATED) != 0)
			return READ_CUT;
		/* Neither owns the name nor asks others: no use to us. */
		if ((flags & (FLAG_AUTHORITY | FLAG_RECURSION)) == 0 &&
		    ns_get16(a + 6) == 0)
			return READ_REFUSED;
		return READ_ANSWER;
	case ns_r_formerr:
	case ns_r_notimpl:
		return READ_NO_EDNS;
	case ns_r_servfail:
		return READ_SERVFAIL;
	case ns_r_refused:
		return READ_REFUSED;
	default:
		return READ_ODD;
	}
}

static bool
open_datagram(struct talk *t, struct peer *p)
{
	if (p->fd >= 0)
		return true;
	p->fd = socket(p->at->addr.any.sa_family,
	    SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd >= 0 && connect(p->fd, &p->at->addr.any, p->at->len) == 0)
		return true;
	finish(t, p, verdict_of_errno(errno));
	return false;
}

static enum step
ask_datagram(struct talk *t, struct peer *p)
{
	size_t len = frame_for(t, p);

	if (!open_datagram(t, p))
		return STEP_REST;
	p->pending = send(p->fd, t->frame + FRAME, len, MSG_NOSIGNAL) >= 0 ||
	    errno == EAGAIN || errno == EINTR;
	if (!p->pending)
		note(t, p, verdict_of_errno(errno));
	return STEP_REST;
}

/* All the time left, or half of it when another server may know better. */
static int64_t
stream_until(const struct talk *t, const struct peer *p)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		if (&t->peer[i] != p && !t->peer[i].done)
			return clock_ms() + clock_left(t->x->deadline) / 2;
	}
	return t->x->deadline;
}

/* What message a[len] from p says, and what to do next. */
static enum step
heed(struct talk *t, struct peer *p, const unsigned char *a, size_t len,
    bool stream)
{
	switch (read_header(t, a, len)) {
	case READ_ANSWER:
		t->out->p = a;
		t->out->len = len;
		break;
	case READ_CUT:
		if (!stream)
			return STEP_STREAM;
		finish(t, p, VERDICT_GARBAGE);
		break;
	case READ_NO_EDNS:
		if (!p->plain) {
			p->plain = true;
			return stream ? STEP_STREAM : STEP_DATAGRAM;
		}
		/* It may be about a question repeated with EDNS0: the answer
		 * to the plain one can still come. */
		note(t, p, VERDICT_GARBAGE);
		break;
	case READ_STRANGER:
		/* Not a reason to stop waiting, nor to wait longer. */
		if (stream)
			finish(t, p, VERDICT_GARBAGE);
		else
			note(t, p, VERDICT_GARBAGE);
		break;
	case READ_SERVFAIL:
		finish(t, p, VERDICT_SERVFAIL);
		break;
	case READ_REFUSED:
		finish(t, p, VERDICT_REFUSED);
		break;
	case READ_ODD:
		finish(t, p, VERDICT_GARBAGE);
		break;
	}
	return STEP_REST;
}

static enum step
ask_stream(struct talk *t, struct peer *p)
{
	enum verdict v;
	unsigned char *a;
	size_t len = FRAME + frame_for(t, p);

	p->pending = false;
	v = stream_ask(p->at, t->frame, len, stream_until(t, p), &a, &len);
	if (v != VERDICT_ANSWER) {
		finish(t, p, v);
		return STEP_REST;
	}
	free(t->out->stream);
	t->out->stream = a;
	return heed(t, p, a, len, true);
}

/* Does step, and what follows from it. */
static void
proceed(struct talk *t, struct peer *p, enum step step)
{
	while (step != STEP_REST) {
		if (step == STEP_STREAM)
			step = ask_stream(t, p);
		else
			step = ask_datagram(t, p);
	}
}

static void
take_datagram(struct talk *t, struct peer *p)
{
	unsigned char *a = t->out->udp;
	size_t cap = sizeof t->out->udp;
	ssize_t n;

	n = recv(p->fd, a, cap, MSG_TRUNC);
	if (n >= 0 && (size_t)n <= cap) {
		proceed(t, p, heed(t, p, a, (size_t)n, false));
	} else if (n >= 0) {
		/* More than we said we take: as good as truncated. */
		a[2] |= FLAG_TRUNCATED >> 8;
		proceed(t, p, heed(t, p, a, cap, false));
	} else if (errno != EAGAIN && errno != EINTR) {
		p->pending = false; /* the next round tries again */
		note(t, p, VERDICT_UNREACHABLE);
	}
}

/* Waits for the next packet of anybody who was asked, for at most ms. */
static void
hear(struct talk *t, int ms)
{
	struct pollfd fds[MAXNS];
	size_t i;

	for (i = 0; i < t->n; i++) {
		fds[i].fd = t->peer[i].pending ? t->peer[i].fd : -1;
		fds[i].events = POLLIN;
		fds[i].revents = 0;
	}
	if (poll(fds, t->n, ms) <= 0)
		return;
	for (i = 0; i < t->n && t->out->p == NULL; i++) {
		if (fds[i].revents != 0)
			take_datagram(t, &t->peer[i]);
	}
}

static bool
is_pending(const struct talk *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		if (t->peer[i].pending)
			return true;
	}
	return false;
}

/* Until there is an answer, or none to come from p (NULL: from anybody). */
static void
listen_for(struct talk *t, const struct peer *p, int64_t until)
{
	while (t->out->p == NULL && (p != NULL ? p->pending : is_pending(t))) {
		int left = clock_left(until);

		if (left == 0)
			return;
		hear(t, left);
	}
}

/* A fair share of the time left, but in early rounds no more than shows that
 * a server is slow. */
static int64_t
turn_length(const struct talk *t, size_t turn, int64_t left)
{
	int64_t share = left / (int64_t)(ROUNDS * t->n - turn);
	int64_t most = FIRST_WAIT_MS << turn / t->n;

	return share < most ? share : most;
}

static void
ask_around(struct talk *t)
{
	size_t turn;

	for (turn = 0; turn < ROUNDS * t->n; turn++) {
		struct peer *p = &t->peer[turn % t->n];
		int64_t now = clock_ms();

		if (p->done || now >= t->x->deadline)
			continue;
		proceed(t, p,
		    t->x->stream_only ? STEP_STREAM : STEP_DATAGRAM);
		listen_for(t, p,
		    now + turn_length(t, turn, t->x->deadline - now));
		if (t->out->p != NULL)
			return;
	}
	listen_for(t, NULL, t->x->deadline);
}

static void
name_server(const struct nameserver *at, char *name, socklen_t cap)
{
	const void *address = &at->addr.in.sin_addr;

	if (at->addr.any.sa_family == AF_INET6)
		address = &at->addr.in6.sin6_addr;
	(void)inet_ntop(at->addr.any.sa_family, address, name, cap);
}

static enum sts_status
explain(const struct talk *t, struct sts_error *err)
{
	static const struct {
		enum sts_status status;
		const char *word;
		const char *text;
	} table[] = {
		[VERDICT_NONE] = { STS_DNS, "dns-timeout", "was not asked" },
		[VERDICT_UNREACHABLE] = { STS_DNS, "dns-unreachable",
		    "cannot be reached" },
		[VERDICT_TIMEOUT] = { STS_DNS, "dns-timeout", "is silent" },
		[VERDICT_GARBAGE] = { STS_DNS, "dns-garbage",
		    "does not answer what was asked" },
		[VERDICT_REFUSED] = { STS_DNS, "refused", "refuses" },
		[VERDICT_SERVFAIL] = { STS_DNS, "servfail", "says SERVFAIL" },
		[VERDICT_NOMEM] = { STS_NOMEM, "memory", "no memory" },
		[VERDICT_LOCAL] = { STS_SYSTEM, "dns-socket",
		    "no socket to ask" },
	};
	char name[INET6_ADDRSTRLEN] = "any";

	if (t->culprit != NULL)
		name_server(t->culprit->at, name, sizeof name);
	return error_set(err, table[t->worst].status, table[t->worst].word,
	    "name server %s: %s", name, table[t->worst].text);
}

enum sts_status
exchange_ask(const struct exchange *x, const unsigned char *query, size_t len,
    struct exchange_answer *out, struct sts_error *err)
{
	struct talk t;
	size_t i;

	out->p = NULL;
	out->len = 0;
	out->stream = NULL;
	if (len <= NS_HFIXEDSZ || len > QUERY_MAX)
		return error_set(err, STS_SYSTEM, "dns-query",
		    "not a question");
	if (x->n == 0 || x->n > MAXNS)
		return error_set(err, STS_SYSTEM, "dns-config",
		    "no name server to ask");
	t.n = x->n;
	t.x = x;
	t.out = out;
	t.worst = VERDICT_NONE;
	t.culprit = NULL;
	for (i = 0; i < t.n; i++)
		t.peer[i] = (struct peer){ .at = &x->server[i], .fd = -1 };
	frame_query(&t, query, len);
	ask_around(&t);
	for (i = 0; i < t.n; i++) {
		if (t.peer[i].pending)
			note(&t, &t.peer[i], VERDICT_TIMEOUT);
		if (t.peer[i].fd >= 0)
			(void)close(t.peer[i].fd);
	}
	return out->p != NULL ? STS_OK : explain(&t, err);
}

void
exchange_answer_free(struct exchange_answer *a)
{
	free(a->stream);
	a->stream = NULL;
	a->p = NULL;
	a->len = 0;
}
