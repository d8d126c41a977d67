/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event.c - what Exim tells us of deliveries under a policy. */
#include "event.h"
#include <stdlib.h>
#include <string.h>
#include "../protocol/match.h"
#include "../protocol/text.h"
#include "quest.h"

enum packed {
	PACKED_MODE,
	PACKED_SIP,
	PACKED_CV,
	PACKED_DANE,
	PACKED_CIPHER,
	PACKED_SNI,
	PACKED_VERIFY_MODE,
	PACKED_N
};

struct event {
	const char *name;
	const char *data;
	const char *error; /* Exim's errno as digits, negative for its own */
	const char *domain;
	const char *host;
	struct bytes packed[PACKED_N];
};

/* Exim's numbers of a TLS failure and of "TLS required" (its errno.h). */
#define TLS_FAILURE "-37"
#define TLS_REQUIRED "-38"

/* What is too much stays in the last field, unread. */
static void
unpack(const char *s, struct bytes packed[PACKED_N])
{
	for (int i = 0; i < PACKED_N; i++) {
		size_t n = strcspn(s, "|");

		packed[i].p = s;
		packed[i].len = n;
		s += n;
		if (*s == '|')
			s++;
	}
}

static bool
is(const struct bytes b, const char *s)
{
	return b.len == strlen(s) && memcmp(b.p, s, b.len) == 0;
}

static void
read_event(const char *const argv[], struct event *e)
{
	e->name = argv[0];
	e->data = argv[1];
	e->error = argv[2];
	e->domain = argv[3];
	e->host = argv[4];
	unpack(argv[6], e->packed);
}

/* The policy was in the way: no permitted MX, no STARTTLS, no good
 * certificate. */
static bool
failed_by_policy(const struct event *e)
{
	if (strcmp(e->name, "mta-sts:refused") == 0)
		return true;
	return strcmp(e->name, "msg:host:defer") == 0 &&
	    (strcmp(e->error, TLS_FAILURE) == 0 ||
	        strcmp(e->error, TLS_REQUIRED) == 0);
}

static void
tell_testing(struct lookup *l, const struct event *e, const char *why)
{
	char line[700];
	struct text t;

	if (l->ops.log == NULL || l->config.log < LOG_POLICY)
		return;
	text_init(&t, line, sizeof line);
	text_add(&t, "MTA-STS: ");
	text_add_foreign(&t, e->domain, strlen(e->domain), STS_DOMAIN_MAX);
	text_add(&t, ": testing: enforcement would have deferred at ");
	text_add_foreign(&t, e->host, strlen(e->host), STS_DOMAIN_MAX);
	text_addf(&t, ": %s", why);
	l->ops.log(l->ops.arg, line);
}

/* RFC 8461 5: testing mode delivers; this says what enforce would have done.
 * A session that works ends with a second EHLO (under TLS), one without TLS
 * with a close that names no cipher.  Of a certificate without any name in its
 * SAN, which GnuTLS takes, the configuration tells us. */
static void
watch_testing(struct lookup *l, const struct event *e)
{
	bool secure = e->packed[PACKED_CIPHER].len > 0;
	bool nameless = strcmp(e->name, "mta-sts:no-san") == 0;
	const struct answer *a;

	if (!(strcmp(e->name, "smtp:ehlo") == 0 && secure) &&
	    !(strcmp(e->name, "tcp:close") == 0 && !secure) && !nameless)
		return;
	a = lookup_domain(l, e->domain, LOOKUP_CACHE_ONLY);
	if (a->tempfail || a->mode != STS_TESTING)
		return;
	if (nameless)
		tell_testing(l, e, "its certificate has no name in its SAN");
	else if (!match_host(a->mx, e->host))
		tell_testing(l, e, "the policy does not permit this host");
	else if (!secure)
		tell_testing(l, e, "no TLS");
	else if (!is(e->packed[PACKED_CV], "1") &&
	    !is(e->packed[PACKED_DANE], "yes"))
		tell_testing(l, e, "its certificate is not valid for it");
}

void
event_handle(struct lookup *l, int argc, const char *const argv[])
{
	struct event e;

	if (argc != EVENT_ARGS)
		return;
	read_event(argv, &e);
	if (e.packed[PACKED_VERIFY_MODE].len > 0 || e.domain[0] == '\0')
		return;
	memo_clear(&l->memo);
	if (is(e.packed[PACKED_MODE], "enforce") && failed_by_policy(&e))
		lookup_mark(l, e.domain);
	else if (is(e.packed[PACKED_MODE], "testing"))
		watch_testing(l, &e);
}
