/* SPDX-License-Identifier: GPL-2.0-or-later */
/* event.c - what Exim tells us of deliveries under a policy. */
#include "event.h"
#include <inttypes.h>
#include <string.h>
#include "../protocol/match.h"
#include "../protocol/text.h"
#include "../store/clock.h"
#include "quest.h"

#define ADDRESS_MAX 45u /* bytes of an IPv6 address at its longest */
#define REASON_MAX 300u /* bytes of Exim's text, which quotes the other side */
#define HOSTS_TOLD 4u /* of a domain, in one line */

/* What is too much stays in the last field. */
static void
unpack(const char *s, struct bytes field[EVENT_FIELDS])
{
	for (int i = 0; i < EVENT_FIELDS - 1; i++) {
		size_t n = strcspn(s, "|");

		field[i].p = s;
		field[i].len = n;
		s += n;
		if (*s == '|')
			s++;
	}
	field[EVENT_FIELDS - 1].p = s;
	field[EVENT_FIELDS - 1].len = strlen(s);
}

bool
event_read(int argc, const char *const argv[], struct event *e)
{
	if (argc != EVENT_ARGS)
		return false;
	e->name = argv[0];
	e->data = argv[1];
	e->error = argv[2];
	e->domain = argv[3];
	e->host = argv[4];
	e->address = argv[5];
	unpack(argv[6], e->field);
	return e->field[EVENT_VERIFY_MODE].len == 0 && e->domain[0] != '\0';
}

bool
event_has(const struct event *e, enum event_field f, const char *value)
{
	const struct bytes b = e->field[f];

	return b.len == strlen(value) && memcmp(b.p, value, b.len) == 0;
}

bool
event_is(const struct event *e, const char *name)
{
	return strcmp(e->name, name) == 0;
}

/* "3h"; in whole units, the largest that fits. */
static void
add_age(struct text *t, int64_t seconds)
{
	if (seconds >= 86400)
		text_addf(t, "%" PRId64 "d", seconds / 86400);
	else if (seconds >= 3600)
		text_addf(t, "%" PRId64 "h", seconds / 3600);
	else if (seconds >= 60)
		text_addf(t, "%" PRId64 "m", seconds / 60);
	else
		text_addf(t, "%" PRId64 "s", seconds > 0 ? seconds : 0);
}

static void
add_host(struct text *t, const struct event *e)
{
	text_add_foreign(t, e->host, strlen(e->host), STS_DOMAIN_MAX);
	text_add(t, " [");
	text_add_foreign(t, e->address, strlen(e->address), ADDRESS_MAX);
	text_add(t, "]");
}

/* A host that was told of is not told of again by this process: TLS that
 * breaks off has a second session in clear, a certificate many faults, and
 * a message many recipients. */
static bool
is_news(struct lookup *l, const struct event *e)
{
	char key[sizeof l->session.told];
	struct text t;

	text_init(&t, key, sizeof key);
	text_addf(&t, "%.253s %.253s %.45s", e->domain, e->host, e->address);
	if (strcmp(key, l->session.told) == 0)
		return false;
	memcpy(l->session.told, key, sizeof key);
	return true;
}

/* --- enforce -------------------------------------------------------------- */

/* Exim's own words before what the other side said: an answer to STARTTLS that
 * is 4xx, none or the end. */
bool
event_failed_at_starttls(const struct event *e)
{
	static const char *const ways[] = {
		"SMTP error from remote mail server after STARTTLS",
		"SMTP error from remote mail server after pipelined STARTTLS",
		"Remote host closed connection in response to STARTTLS",
		"SMTP timeout after STARTTLS",
	};

	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
		if (strncmp(e->data, ways[i], strlen(ways[i])) == 0)
			return true;
	return false;
}

/* No TLS, or not with a certificate that will do. */
static bool
failed_by_tls(const struct event *e)
{
	return event_is(e, "msg:host:defer") &&
	    (strcmp(e->error, EVENT_TLS_FAILURE) == 0 ||
		strcmp(e->error, EVENT_TLS_REQUIRED) == 0 ||
		event_failed_at_starttls(e));
}

/* The policy that a delivery failed by, borrowed from l; NULL: none, or
 * nobody wants to hear of it. */
static const struct answer *
failed_policy(struct lookup *l, const struct event *e)
{
	const struct answer *a;

	if (l->ops.log == NULL || l->config.log < LOG_POLICY)
		return NULL;
	a = lookup_domain(l, e->domain, LOOKUP_CACHE_ONLY);
	return a->tempfail || a->mode != STS_ENFORCE ? NULL : a;
}

/* "the policy (id 20240101T000000, fetched 3d ago)" */
static void
add_policy(struct text *t, struct lookup *l, const struct answer *a)
{
	text_addf(t, "the policy (id %s, fetched ", a->id);
	add_age(t, l->ops.now(l->ops.arg) - a->fetched_at);
	text_add(t, " ago)");
}

/* Exim logs the last host's failure, and nothing at all of a certificate that
 * a host before it showed. */
static void
tell_failure(struct lookup *l, const struct event *e)
{
	const struct answer *a = failed_policy(l, e);
	char line[1600];
	struct text t;

	if (a == NULL)
		return;
	text_init(&t, line, sizeof line);
	text_addf(&t, "MTA-STS: %s: not delivered to ", a->domain);
	add_host(&t, e);
	text_add(&t, ": ");
	text_add_foreign(&t, e->data, strlen(e->data), REASON_MAX);
	text_add(&t, "; ");
	add_policy(&t, l, a);
	text_addf(&t, " demands TLS with a valid certificate; "
		      "run \"mta-sts explain %s\"",
	    a->domain);
	l->ops.log(l->ops.arg, line);
}

/* The hosts that Exim was to hide, all of them. */
static void
add_mail_hosts(struct text *t, struct lookup *l, const char *domain)
{
	int64_t by = clock_ms() + (int64_t)l->config.dns_timeout * 1000;
	struct sts_error err;
	struct mx_set set;

	if (l->ops.mx(l->ops.arg, domain, by, &set, &err) != STS_OK) {
		text_addf(t, "no MX record (%s)", err.word);
		return;
	}
	for (size_t i = 0; i < set.n && i < HOSTS_TOLD; i++)
		text_addf(t, "%s%s", i > 0 ? ", " : "",
		    set.host[i].name[0] != '\0' ? set.host[i].name : ".");
	if (set.n > HOSTS_TOLD)
		text_addf(t, " and %zu more",
		    set.n - HOSTS_TOLD + set.left_out);
}

/* Exim does not say which hosts the router has hidden: names that somebody
 * forged, or an owner's new ones. */
static void
tell_refusal(struct lookup *l, const struct event *e)
{
	const struct answer *a = failed_policy(l, e);
	char line[2400];
	struct text t;

	if (a == NULL || l->ops.mx == NULL || !is_news(l, e))
		return;
	text_init(&t, line, sizeof line);
	text_addf(&t, "MTA-STS: %s: no MX host is left: DNS has ", a->domain);
	add_mail_hosts(&t, l, a->domain);
	text_add(&t, "; ");
	add_policy(&t, l, a);
	text_add(&t, " permits ");
	text_add_foreign(&t, a->mx, strlen(a->mx), REASON_MAX);
	text_addf(&t, "; run \"mta-sts explain %s\"", a->domain);
	l->ops.log(l->ops.arg, line);
}

/* RFC 8461 5: a failure under the policy, so that a new one is looked for. */
static void
watch_enforce(struct lookup *l, const struct event *e)
{
	bool tls = failed_by_tls(e);

	if (!tls && !event_is(e, "mta-sts:refused"))
		return;
	lookup_mark(l, e->domain);
	if (tls)
		tell_failure(l, e);
	else
		tell_refusal(l, e);
}

/* --- testing -------------------------------------------------------------- */

bool
event_is_too_old(const struct event *e)
{
	struct bytes cipher = e->field[EVENT_CIPHER];
	static const char *const old[] = { "SSL", "TLS1:", "TLS1.0:",
		"TLS1.1:" };

	for (size_t i = 0; i < sizeof old / sizeof old[0]; i++)
		if (cipher.len >= strlen(old[i]) &&
		    memcmp(cipher.p, old[i], strlen(old[i])) == 0)
			return true;
	return false;
}

/* What enforcement would have minded; NULL: nothing. */
static const char *
fault_of(const struct event *e, const struct answer *a)
{
	if (event_is(e, "mta-sts:no-san"))
		return "its certificate has no name in its SAN";
	if (!match_host(a->mx, e->host))
		return "the policy does not permit this host";
	if (e->field[EVENT_CIPHER].len == 0)
		return "no TLS";
	if (event_is_too_old(e))
		return "a TLS version before 1.2";
	if (!event_has(e, EVENT_CV, "1") && !event_has(e, EVENT_DANE, "yes"))
		return "its certificate is not valid for it";
	return NULL;
}

static void
tell_testing(struct lookup *l, const struct event *e, const char *why)
{
	char line[1000];
	struct text t;

	if (l->ops.log == NULL || l->config.log < LOG_POLICY || !is_news(l, e))
		return;
	text_init(&t, line, sizeof line);
	text_add(&t, "MTA-STS: ");
	text_add_foreign(&t, e->domain, strlen(e->domain), STS_DOMAIN_MAX);
	text_add(&t, ": testing: enforcement would have deferred at ");
	add_host(&t, e);
	text_addf(&t, ": %s", why);
	l->ops.log(l->ops.arg, line);
}

/* How far the session has come.  Where each event has a process of its own
 * (${run}) nothing is known of that. */
static void
follow_session(struct lookup *l, const struct event *e)
{
	if (event_is(e, "tcp:connect"))
		l->session.state = SESSION_CONNECTED;
	else if (event_is(e, "smtp:ehlo"))
		l->session.state = SESSION_GREETED;
}

/* Whether a session without TLS has ended that was more than an attempt. */
static bool
ends_in_clear(const struct lookup *l, const struct event *e)
{
	if (!event_is(e, "tcp:close") || e->field[EVENT_CIPHER].len > 0)
		return false;
	/* Exim keeps the error of the session before: then this is the second
	 * try, in clear, and the first was told of. */
	if (l->session.state == SESSION_UNSEEN)
		return strcmp(e->error, EVENT_TLS_FAILURE) != 0;
	return l->session.state == SESSION_GREETED;
}

/* RFC 8461 5: testing mode delivers; this says what enforce would have done.
 * A session that works has a second EHLO, under TLS.  Of a certificate without
 * any name in its SAN, which GnuTLS takes, the configuration tells us. */
static void
watch_testing(struct lookup *l, const struct event *e)
{
	bool secure = event_is(e, "smtp:ehlo") &&
	    e->field[EVENT_CIPHER].len > 0;
	const struct answer *a;
	const char *why;

	follow_session(l, e);
	if (!secure && !ends_in_clear(l, e) && !event_is(e, "mta-sts:no-san"))
		return;
	a = lookup_domain(l, e->domain, LOOKUP_CACHE_ONLY);
	if (a->tempfail || a->mode != STS_TESTING)
		return;
	why = fault_of(e, a);
	if (why != NULL)
		tell_testing(l, e, why);
}

void
event_handle(struct lookup *l, const struct event *e)
{
	if (event_has(e, EVENT_MODE, "enforce"))
		watch_enforce(l, e);
	else if (event_has(e, EVENT_MODE, "testing"))
		watch_testing(l, e);
}
