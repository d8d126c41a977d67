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

/* How far the session has come.  Where each event has a process of its own
 * (${run}) nothing is known of that. */
static void
follow_session(struct lookup *l, const struct event *e)
{
	if (event_is(e, "tcp:connect")) {
		l->session.state = SESSION_CONNECTED;
		l->session.marked = false;
	} else if (event_is(e, "smtp:ehlo"))
		l->session.state = SESSION_GREETED;
}

/* --- enforce -------------------------------------------------------------- */

/* s without prefix; NULL: it does not begin so. */
static const char *
after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

/* Exim's own words before what the other side said: an answer to STARTTLS that
 * is 4xx, none, the end or no answer of SMTP's. */
bool
event_failed_at_starttls(const struct event *e)
{
	static const char *const ways[] = {
		"SMTP error from remote mail server after ",
		"Remote host closed connection in response to ",
		"Malformed SMTP reply in response to ",
		"Malformed SMTP reply (an empty line) in response to ",
		"SMTP timeout after ",
	};
	const char *command = NULL;
	const char *pipelined;

	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
		if (command == NULL)
			command = after(e->data, ways[i]);
	if (command == NULL)
		return false;
	pipelined = after(command, "pipelined ");
	return after(pipelined != NULL ? pipelined : command, "STARTTLS") !=
	    NULL;
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

static bool
is_wanted(const struct lookup *l)
{
	return l->ops.log != NULL && l->config.log >= LOG_POLICY;
}

/* What is known of the policy that the delivery went by, borrowed from l: what
 * this process was told of, else what is in the cache. */
static const struct answer *
policy_of(struct lookup *l, const struct event *e)
{
	const struct answer *a = lookup_remembered(l, e->domain);

	return a != NULL ? a : lookup_domain(l, e->domain, LOOKUP_CACHE_ONLY);
}

/* Whether the administrator is told that a delivery failed by an enforce
 * policy.  *a: that, or NULL where it is out of the cache already. */
static bool
is_to_tell(struct lookup *l, const struct event *e, const struct answer **a)
{
	if (!is_wanted(l))
		return false;
	*a = policy_of(l, e);
	if ((*a)->status == ANSWER_NOTADOMAIN)
		return false;
	if (!(*a)->tempfail && (*a)->id[0] != '\0')
		return (*a)->mode == STS_ENFORCE;
	*a = NULL;
	return true;
}

static void
add_domain(struct text *t, const struct event *e)
{
	text_add_foreign(t, e->domain, strlen(e->domain), STS_DOMAIN_MAX);
}

static void
begin_line(struct text *t, const struct event *e, const struct answer *a)
{
	text_add(t, "MTA-STS: ");
	if (a != NULL)
		text_add(t, a->domain);
	else
		add_domain(t, e);
}

/* "the policy (id 20240101T000000, fetched 3d ago)" */
static void
add_policy(struct text *t, struct lookup *l, const struct answer *a)
{
	if (a == NULL) {
		text_add(t, "the policy, which is not in the cache,");
		return;
	}
	text_addf(t, "the policy (id %s, fetched ", a->id);
	add_age(t, l->ops.now(l->ops.arg) - a->fetched_at);
	text_add(t, " ago)");
}

static void
end_line(struct text *t, const struct event *e, const struct answer *a)
{
	text_add(t, "; run \"mta-sts explain ");
	if (a != NULL)
		text_add(t, a->domain);
	else
		add_domain(t, e);
	text_add(t, "\"");
}

/* Exim logs the last host's failure, and nothing at all of a certificate that
 * a host before it showed. */
static void
tell_failure(struct lookup *l, const struct event *e)
{
	const struct answer *a;
	char line[1600];
	struct text t;

	if (!is_to_tell(l, e, &a))
		return;
	text_init(&t, line, sizeof line);
	begin_line(&t, e, a);
	text_add(&t, ": not delivered to ");
	add_host(&t, e);
	text_add(&t, ": ");
	text_add_foreign(&t, e->data, strlen(e->data), REASON_MAX);
	text_add(&t, "; ");
	add_policy(&t, l, a);
	text_add(&t, " demands TLS with a valid certificate");
	end_line(&t, e, a);
	l->ops.log(l->ops.arg, line);
}

static void
add_mail_host(struct text *t, const char *name, const struct answer *a)
{
	text_add(t, name[0] != '\0' ? name : ".");
	if (a != NULL && match_host(a->mx, name))
		text_add(t, " (permitted, but with no address that mail may "
			    "go to, or leading back here)");
}

/* The hosts that Exim was to hide, all of them. */
static void
add_mail_hosts(struct text *t, struct lookup *l, const char *domain,
    const struct answer *a)
{
	int64_t by = clock_ms() + (int64_t)l->config.dns_timeout * 1000;
	struct sts_error err;
	struct mx_set set;

	if (l->ops.mx(l->ops.arg, domain, by, &set, &err) != STS_OK) {
		text_addf(t, "no MX record (%s)", err.word);
		return;
	}
	for (size_t i = 0; i < set.n && i < HOSTS_TOLD; i++) {
		text_add(t, i > 0 ? ", " : "");
		add_mail_host(t, set.host[i].name, a);
	}
	if (set.n > HOSTS_TOLD)
		text_addf(t, " and %zu more",
		    set.n - HOSTS_TOLD + set.left_out);
}

/* Exim does not say which hosts the router has hidden: names that somebody
 * forged, or an owner's new ones. */
static void
tell_refusal(struct lookup *l, const struct event *e)
{
	const struct answer *a;
	char line[2700];
	struct text t;

	if (l->ops.mx == NULL || !is_to_tell(l, e, &a) || !is_news(l, e))
		return;
	text_init(&t, line, sizeof line);
	begin_line(&t, e, a);
	text_add(&t, ": no MX host is left: DNS has ");
	add_mail_hosts(&t, l, a != NULL ? a->domain : e->domain, a);
	text_add(&t, "; ");
	add_policy(&t, l, a);
	text_add(&t, " permits ");
	if (a != NULL)
		text_add_foreign(&t, a->mx, strlen(a->mx), REASON_MAX);
	else
		text_add(&t, "none of them");
	end_line(&t, e, a);
	l->ops.log(l->ops.arg, line);
}

/* A session that works has a second EHLO, under TLS. */
static bool
is_secure(const struct event *e)
{
	return event_is(e, "smtp:ehlo") && e->field[EVENT_CIPHER].len > 0;
}

/* A session that ends before TLS does so because of that, but for the odd host
 * that goes away; the event that says why has enough to do. */
static bool
ends_before_tls(const struct lookup *l, const struct event *e)
{
	return event_is(e, "tcp:close") && e->field[EVENT_CIPHER].len == 0 &&
	    l->session.state == SESSION_GREETED;
}

static void
mark(struct lookup *l, const struct event *e)
{
	if (l->session.marked)
		lookup_forget(l);
	else
		lookup_mark(l, e->domain);
}

/* RFC 8461 5: a failure under the policy, so that a new one is looked for
 * until a session works. */
static void
watch_enforce(struct lookup *l, const struct event *e)
{
	bool tls = failed_by_tls(e);

	follow_session(l, e);
	if (is_secure(e)) {
		lookup_unmark(l, e->domain);
		l->session.state = SESSION_UNSEEN;
	} else if (ends_before_tls(l, e)) {
		lookup_mark_ahead(l, e->domain);
		l->session.marked = true;
	}
	if (!tls && !event_is(e, "mta-sts:refused"))
		return;
	mark(l, e);
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

	if (!is_wanted(l) || !is_news(l, e))
		return;
	text_init(&t, line, sizeof line);
	begin_line(&t, e, NULL);
	text_add(&t, ": testing: enforcement would have deferred at ");
	add_host(&t, e);
	text_addf(&t, ": %s", why);
	l->ops.log(l->ops.arg, line);
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
 * Of a certificate without any name in its SAN, which GnuTLS takes, the
 * configuration tells us. */
static void
watch_testing(struct lookup *l, const struct event *e)
{
	const struct answer *a;
	const char *why;

	follow_session(l, e);
	if (!is_secure(e) && !ends_in_clear(l, e) &&
	    !event_is(e, "mta-sts:no-san"))
		return;
	a = policy_of(l, e);
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
