/* SPDX-License-Identifier: GPL-2.0-or-later */
/* question.c - a DNS question made by libresolv, and put to its servers. */
#include "question.h"
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/random.h>

#define NAME_TEXT_MAX 253u /* bytes; RFC 1035 2.3.4 without the final dot */

/* The servers of resolv.conf, as libresolv keeps them: one of IPv6 has no
 * family in the list for IPv4. */
static void
take_servers(const struct __res_state *state, struct exchange *x)
{
	int i;

	x->n = 0;
	for (i = 0; i < state->nscount && i < MAXNS; i++) {
		const struct sockaddr_in6 *in6 = state->_u._ext.nsaddrs[i];
		struct nameserver *s = &x->server[x->n];

		if (state->nsaddr_list[i].sin_family == AF_INET) {
			s->addr.in = state->nsaddr_list[i];
			s->len = sizeof s->addr.in;
		} else if (in6 != NULL) {
			s->addr.in6 = *in6;
			s->len = sizeof s->addr.in6;
		} else {
			continue;
		}
		x->n++;
	}
}

/* The question, RD set, with an id that nobody can guess (RFC 5452 9.2). */
static enum sts_status
make_query(struct __res_state *state, const char *name, int type,
    unsigned char *query, size_t cap, size_t *len, struct sts_error *err)
{
	int n;

	*len = 0;
	/* Also the answer of every server, had it been possible to ask. */
	if (strlen(name) > NAME_TEXT_MAX)
		return error_set(err, STS_ABSENT, "nxdomain",
		    "the name is too long to exist in DNS");
	state->options |= RES_RECURSE;
	n = res_nmkquery(state, ns_o_query, name, ns_c_in, type, NULL, 0, NULL,
	    query, (int)cap);
	if (n < NS_HFIXEDSZ)
		return error_set(err, STS_SYSTEM, "dns-query",
		    "cannot make a DNS question");
	if (getrandom(query, 2, GRND_NONBLOCK) != 2)
		return error_set(err, STS_SYSTEM, "dns-random", "getrandom: %s",
		    strerror(errno));
	*len = (size_t)n;
	return STS_OK;
}

static enum sts_status
ask(struct __res_state *state, const char *name, int type, int64_t deadline,
    struct exchange_answer *out, struct sts_error *err)
{
	unsigned char query[NS_HFIXEDSZ + NS_MAXCDNAME + NS_QFIXEDSZ];
	enum sts_status status;
	struct exchange x;
	size_t len;

	status = make_query(state, name, type, query, sizeof query, &len, err);
	if (status != STS_OK)
		return status;
	take_servers(state, &x);
	x.stream_only = (state->options & RES_USEVC) != 0;
	x.deadline = deadline;
	return exchange_ask(&x, query, len, out, err);
}

enum sts_status
question_ask(const char *name, int type, int64_t deadline,
    struct exchange_answer *out, struct sts_error *err)
{
	struct __res_state state;
	enum sts_status status;

	out->p = NULL;
	out->len = 0;
	out->stream = NULL;
	memset(&state, 0, sizeof state);
	if (res_ninit(&state) != 0)
		return error_set(err, STS_SYSTEM, "dns-config",
		    "resolv.conf: %s", strerror(errno));
	status = ask(&state, name, type, deadline, out, err);
	res_nclose(&state);
	return status;
}
