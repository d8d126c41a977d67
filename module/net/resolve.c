/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolve.c - one TXT question (RFC 8461 3.1). */
#include "resolve.h"
#include <arpa/nameser.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include "../protocol/text.h"
#include "question.h"

/* CNAMEs followed; no resolver follows more (11 in Unbound, 16 in BIND). */
#define CHAIN_MAX 16u

/* The records of one answer on their way into a set. */
struct gather {
	ns_msg msg;
	char owner[NS_MAXDNAME]; /* whose records count, as far as is known */
	unsigned hops; /* CNAMEs followed so far */
	struct bytes *rec;
	size_t n;
	char *room; /* behind rec, for the strings */
	uint32_t ttl;
};

static enum sts_status
garbage(struct sts_error *err, const char *what)
{
	(void)error_set(err, STS_DNS, "dns-garbage", "DNS answer: %s", what);
	return STS_DNS;
}

/* Both as ns_name_uncompress() writes them. */
static bool
same_name(const char *a, const char *b)
{
	while (*a != '\0' &&
	    (*a == *b || ascii_lower(*a) == ascii_lower(*b))) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Follows the CNAME rr, if it is sound and the chain has an end. */
static enum sts_status
take_cname(struct gather *g, const ns_rr *rr, struct sts_error *err)
{
	int n;

	if (++g->hops > CHAIN_MAX)
		return garbage(err, "the CNAMEs have no end");
	n = ns_name_uncompress(ns_msg_base(g->msg), ns_msg_end(g->msg),
	    ns_rr_rdata(*rr), g->owner, sizeof g->owner);
	if (n < 0 || n != ns_rr_rdlen(*rr))
		return garbage(err, "malformed CNAME");
	return STS_OK;
}

/* RFC 1035 3.3.14, RFC 8461 3.1: one or more strings, joined as they are. */
static enum sts_status
take_txt(struct gather *g, const ns_rr *rr, struct sts_error *err)
{
	const unsigned char *p = ns_rr_rdata(*rr);
	size_t left = ns_rr_rdlen(*rr);
	struct bytes *b = &g->rec[g->n];

	if (left == 0)
		return garbage(err, "TXT record without a string");
	*b = (struct bytes){ g->room, 0 };
	while (left > 0) {
		size_t len = *p++;

		left--;
		if (len > left)
			return garbage(err, "malformed TXT record");
		memcpy(g->room, p, len);
		g->room += len;
		b->len += len;
		p += len;
		left -= len;
	}
	g->n++;
	return STS_OK;
}

static void
take_ttl(struct gather *g, const ns_rr *rr)
{
	uint32_t ttl = ns_rr_ttl(*rr);

	if (ttl > INT32_MAX) /* RFC 2181 8 */
		ttl = 0;
	if (ttl < g->ttl)
		g->ttl = ttl;
}

/* One pass over the answer section: follows CNAMEs as it meets them, and takes
 * the TXT records of the name it has come to. */
static enum sts_status
gather_pass(struct gather *g, struct sts_error *err)
{
	enum sts_status status = STS_OK;
	int i, count = ns_msg_count(g->msg, ns_s_an);
	ns_type type;
	ns_rr rr;

	g->n = 0;
	g->room = (char *)(g->rec + count);
	for (i = 0; i < count && status == STS_OK; i++) {
		if (ns_parserr(&g->msg, ns_s_an, i, &rr) != 0)
			return garbage(err, "malformed record");
		type = ns_rr_type(rr);
		if ((type != ns_t_txt && type != ns_t_cname) ||
		    ns_rr_class(rr) != ns_c_in ||
		    !same_name(ns_rr_name(rr), g->owner))
			continue;
		take_ttl(g, &rr);
		if (type == ns_t_txt)
			status = take_txt(g, &rr, err);
		else if (g->n == 0)
			status = take_cname(g, &rr, err);
	}
	return status;
}

/* Passes until one finds no further CNAME: only that one has surely seen every
 * TXT record of its name, for records come in any order. */
static enum sts_status
gather_all(struct gather *g, struct sts_error *err)
{
	enum sts_status status;
	unsigned before;

	do {
		before = g->hops;
		status = gather_pass(g, err);
	} while (status == STS_OK && g->hops != before);
	return status;
}

static enum sts_status
open_message(const unsigned char *answer, size_t len, ns_msg *msg,
    struct sts_error *err)
{
	if (len > NS_MAXMSG || ns_initparse(answer, (int)len, msg) != 0)
		return garbage(err, "malformed message");
	if (ns_msg_getflag(*msg, ns_f_tc))
		return garbage(err, "truncated message");
	switch (ns_msg_getflag(*msg, ns_f_rcode)) {
	case ns_r_noerror:
		return STS_OK;
	case ns_r_nxdomain:
		return error_set(err, STS_ABSENT, "nxdomain", "no such name");
	default:
		return garbage(err, "unexpected response code");
	}
}

enum sts_status
resolve_read(const unsigned char *answer, size_t len, const char *name,
    struct txt_set *out, struct sts_error *err)
{
	enum sts_status status;
	struct gather g;

	*out = (struct txt_set){ NULL, 0, 0 };
	status = open_message(answer, len, &g.msg, err);
	if (status != STS_OK)
		return status;
	if (strlen(name) >= sizeof g.owner)
		return error_set(err, STS_ABSENT, "nxdomain", "name too long");
	memcpy(g.owner, name, strlen(name) + 1);
	g.hops = 0;
	g.ttl = INT32_MAX;
	/* One block, the strings behind their table: records do not overlap,
	 * so all strings together are shorter than the message. */
	g.rec = malloc(ns_msg_count(g.msg, ns_s_an) * sizeof *g.rec + len);
	if (g.rec == NULL)
		return error_set(err, STS_NOMEM, "memory", "no memory");
	status = gather_all(&g, err);
	if (status == STS_OK && g.n == 0)
		status = error_set(err, STS_ABSENT, "nodata", "no TXT record");
	if (status == STS_OK)
		*out = (struct txt_set){ g.rec, g.n, g.ttl };
	else
		free(g.rec);
	return status;
}

void
txt_set_free(struct txt_set *set)
{
	free(set->rec);
	*set = (struct txt_set){ NULL, 0, 0 };
}

enum sts_status
resolve_txt(const char *name, int64_t deadline, struct txt_set *out,
    struct sts_error *err)
{
	struct exchange_answer answer;
	enum sts_status status;

	*out = (struct txt_set){ NULL, 0, 0 };
	status = question_ask(name, ns_t_txt, deadline, &answer, err);
	if (status == STS_OK)
		status = resolve_read(answer.p, answer.len, name, out, err);
	exchange_answer_free(&answer);
	return status;
}
