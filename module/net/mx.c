/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mx.c - the mail hosts of a domain. */
#include "mx.h"
#include <arpa/nameser.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include "../protocol/text.h"
#include "question.h"

#define CHAIN_MAX 16 /* CNAMEs followed */

static enum sts_status
garbage(struct sts_error *err, const char *what)
{
	return error_set(err, STS_DNS, "dns-garbage", "DNS answer: %s", what);
}

static bool
same_name(const char *a, const char *b)
{
	while (*a != '\0' && ascii_lower(*a) == ascii_lower(*b)) {
		a++;
		b++;
	}
	return *a == *b;
}

/* The record number i when it is of this type and owner's. */
static bool
is_of(ns_msg *msg, int i, ns_type type, const char *owner, ns_rr *rr)
{
	return ns_parserr(msg, ns_s_an, i, rr) == 0 &&
	    ns_rr_type(*rr) == type && ns_rr_class(*rr) == ns_c_in &&
	    same_name(ns_rr_name(*rr), owner);
}

/* Makes owner the name that its CNAME stands for; false: it has none. */
static bool
follow(ns_msg *msg, char owner[NS_MAXDNAME])
{
	ns_rr rr;

	for (int i = 0; i < ns_msg_count(*msg, ns_s_an); i++)
		if (is_of(msg, i, ns_t_cname, owner, &rr))
			return ns_name_uncompress(ns_msg_base(*msg),
				   ns_msg_end(*msg), ns_rr_rdata(rr), owner,
				   NS_MAXDNAME) >= 0;
	return false;
}

/* Puts h among the others; equals keep their order. */
static void
insert(struct mx_set *set, const struct mx_host *h)
{
	size_t at = set->n;

	if (set->n == MX_HOSTS_MAX) {
		set->left_out++;
		return;
	}
	for (; at > 0 && set->host[at - 1].preference > h->preference; at--)
		set->host[at] = set->host[at - 1];
	set->host[at] = *h;
	set->n++;
}

/* RFC 1035 3.3.9: 16 bits of preference and a name. */
static bool
take(ns_msg *msg, const ns_rr *rr, struct mx_set *out)
{
	char name[NS_MAXDNAME];
	struct mx_host h;
	struct text t;
	int n;

	if (ns_rr_rdlen(*rr) < 3)
		return false;
	n = ns_name_uncompress(ns_msg_base(*msg), ns_msg_end(*msg),
	    ns_rr_rdata(*rr) + 2, name, sizeof name);
	if (n < 0 || n != ns_rr_rdlen(*rr) - 2)
		return false;
	h.preference = ns_get16(ns_rr_rdata(*rr));
	text_init(&t, h.name, sizeof h.name);
	if (strcmp(name, ".") != 0)
		text_add_foreign(&t, name, strlen(name), STS_DOMAIN_MAX);
	insert(out, &h);
	return true;
}

static enum sts_status
take_all(ns_msg *msg, const char *owner, struct mx_set *out,
    struct sts_error *err)
{
	ns_rr rr;

	for (int i = 0; i < ns_msg_count(*msg, ns_s_an); i++)
		if (is_of(msg, i, ns_t_mx, owner, &rr) && !take(msg, &rr, out))
			return garbage(err, "malformed MX record");
	if (out->n == 0)
		return error_set(err, STS_ABSENT, "nodata", "no MX record");
	return STS_OK;
}

enum sts_status
mx_read(const unsigned char *answer, size_t len, const char *name,
    struct mx_set *out, struct sts_error *err)
{
	char owner[NS_MAXDNAME];
	int hops = 0;
	ns_msg msg;

	memset(out, 0, sizeof *out);
	if (len > NS_MAXMSG || strlen(name) >= sizeof owner ||
	    ns_initparse(answer, (int)len, &msg) != 0)
		return garbage(err, "malformed message");
	if (ns_msg_getflag(msg, ns_f_rcode) == ns_r_nxdomain)
		return error_set(err, STS_ABSENT, "nxdomain", "no such name");
	memcpy(owner, name, strlen(name) + 1);
	while (follow(&msg, owner))
		if (++hops > CHAIN_MAX)
			return garbage(err, "the CNAMEs have no end");
	return take_all(&msg, owner, out, err);
}

enum sts_status
mx_find(const char *name, int64_t deadline, struct mx_set *out,
    struct sts_error *err)
{
	struct exchange_answer answer;
	enum sts_status status;

	memset(out, 0, sizeof *out);
	status = question_ask(name, ns_t_mx, deadline, &answer, err);
	if (status == STS_OK)
		status = mx_read(answer.p, answer.len, name, out, err);
	exchange_answer_free(&answer);
	return status;
}
