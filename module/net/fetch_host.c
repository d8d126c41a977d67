/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_host.c - the addresses of a policy host that we may connect to.
 *
 * Asked for here and not by libcurl: that would start a thread, which our
 * limits forbid, and connect to whatever it is told. */
#include "fetch_host.h"
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include "../protocol/domain.h"
#include "../protocol/text.h"
#include "address.h"

static enum sts_status
not_found(int error, const char *host, struct sts_error *err)
{
	switch (error) {
	case EAI_NONAME:
#ifdef EAI_NODATA
	case EAI_NODATA:
#endif
#ifdef EAI_ADDRFAMILY
	case EAI_ADDRFAMILY:
#endif
		return error_set(err, STS_FETCH, "host-not-found",
		    "%.120s has no address", host);
	case EAI_MEMORY:
		return error_set(err, STS_NOMEM, "no-memory", "out of memory");
	case EAI_SYSTEM:
		return error_set(err, STS_FETCH, "dns", "%.120s: %s", host,
		    strerror(errno));
	default:
		return error_set(err, STS_FETCH, "dns", "%.120s: %s", host,
		    gai_strerror(error));
	}
}

static void
add_address(struct text *t, const struct sockaddr *address)
{
	bool is6 = address->sa_family == AF_INET6;
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	const void *raw;

	if (is6) {
		memcpy(&in6, address, sizeof in6);
		raw = &in6.sin6_addr;
	} else {
		memcpy(&in, address, sizeof in);
		raw = &in.sin_addr;
	}
	if (inet_ntop(address->sa_family, raw, text, sizeof text) == NULL)
		return;
	text_addf(t, is6 ? "%s[%s]" : "%s%s", t->len == 0 ? "" : ",", text);
}

static enum sts_status
choose(const struct addrinfo *list, const char *host, bool allow_private,
    struct fetch_addresses *out, struct sts_error *err)
{
	const char *why = "of no kind known here";
	const char *refusal;
	struct text t;
	unsigned n = 0;

	text_init(&t, out->list, sizeof out->list);
	for (; list != NULL && n < FETCH_ADDRESSES_MAX; list = list->ai_next) {
		if (list->ai_family != AF_INET && list->ai_family != AF_INET6)
			continue;
		refusal = address_refusal(list->ai_addr);
		if (refusal != NULL && !allow_private) {
			why = refusal;
			continue;
		}
		add_address(&t, list->ai_addr);
		n++;
	}
	if (t.len == 0)
		return error_set(err, STS_FETCH, "address-refused",
		    "no address of %.120s is public; the last one is %s", host,
		    why);
	return STS_OK;
}

enum sts_status
fetch_host_find(const char *host, bool allow_private,
    struct fetch_addresses *out, struct sts_error *err)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
	};
	char absolute[STS_DOMAIN_MAX + 2];
	struct addrinfo *list = NULL;
	enum sts_status status;
	struct text t;
	int error;

	/* With its final dot: this host's search list is none of the policy
	 * domain's business. */
	text_init(&t, absolute, sizeof absolute);
	text_addf(&t, "%s.", host);
	error = getaddrinfo(absolute, NULL, &hints, &list);
	if (error != 0)
		return not_found(error, host, err);
	status = choose(list, host, allow_private, out, err);
	freeaddrinfo(list);
	return status;
}
