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

/* Adds the address to the first try that has none of its family. */
static void
add_address(struct fetch_addresses *out, size_t *used,
    const struct sockaddr *address)
{
	bool is6 = address->sa_family == AF_INET6;
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in6 in6;
	struct sockaddr_in in;
	struct text t;
	char *list;

	if (*used == FETCH_TRIES_MAX)
		return;
	memcpy(&in, address, sizeof in);
	if (is6)
		memcpy(&in6, address, sizeof in6);
	if (inet_ntop(address->sa_family,
		is6 ? (const void *)&in6.sin6_addr : &in.sin_addr, text,
		sizeof text) == NULL)
		return;
	list = out->at[*used].list;
	text_init(&t, list + strlen(list), sizeof out->at->list - strlen(list));
	text_addf(&t, is6 ? "%s[%s]" : "%s%s", *list == '\0' ? "" : ",", text);
	++*used;
	if (out->n < *used)
		out->n = *used;
}

static enum sts_status
choose(const struct addrinfo *list, const char *host, bool allow_private,
    struct fetch_addresses *out, struct sts_error *err)
{
	const char *why = "of no kind known here";
	size_t used4 = 0, used6 = 0;
	const char *refusal;

	memset(out, 0, sizeof *out);
	for (; list != NULL; list = list->ai_next) {
		if (list->ai_family != AF_INET && list->ai_family != AF_INET6)
			continue;
		refusal = address_refusal(list->ai_addr);
		if (refusal != NULL && !allow_private)
			why = refusal;
		else
			add_address(out,
			    list->ai_family == AF_INET6 ? &used6 : &used4,
			    list->ai_addr);
	}
	if (out->n == 0)
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
