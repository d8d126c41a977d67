/* SPDX-License-Identifier: GPL-2.0-or-later */
/* session.c - from Exim's events to one verdict for each SMTP session. */
#include "session.h"
#include "../protocol/match.h"
#include "../store/tdbhash.h"
#include "applied.h"
#include "blame.h"
#include "words.h"

/* A verdict in the making, with room for its strings. */
struct making {
	struct session *s;
	const struct event *e;
	time_t now;
	char domain[REPORT_NAME_MAX + 1];
	struct verdict v;
	struct report_failure failure[REPORT_FAILURES_MAX];
	struct applied applied;
	char sending_ip[REPORT_ADDRESS_MAX + 1];
	char host[REPORT_NAME_MAX + 1];
	char address[REPORT_ADDRESS_MAX + 1];
	char helo[REPORT_WORDS_MAX + 1];
	char kept_out[REPORT_FAILURES_MAX][REPORT_NAME_MAX + 1];
};

static bool
is_mode(const struct event *e, const char *mode)
{
	return event_has(e, EVENT_MODE, mode);
}

/* --- what is not counted -------------------------------------------------- */

/* The configuration gives no message for what must not be counted: reports
 * (RFC 8460 3), bounces, and somebody who tries out addresses. */
static bool
counts(struct making *m)
{
	const struct config *c = m->s->config;

	return config_reports(c) && m->e->field[EVENT_MESSAGE].len > 0 &&
	    domain_canon(m->e->domain, m->domain, NULL) == STS_OK &&
	    !config_excludes(c, m->domain);
}

/* --- making a verdict ----------------------------------------------------- */

static void
add(struct making *m, enum report_result result, const char *reason)
{
	struct report_failure *f;

	if (m->v.n == REPORT_FAILURES_MAX)
		return;
	f = &m->failure[m->v.n++];
	*f = (struct report_failure){ result, "", "", "", "", "" };
	if (m->s->config->tlsrpt.reason)
		f->reason = reason;
}

/* The same, with all that is known of the session. */
static void
add_here(struct making *m, enum report_result result, const char *reason)
{
	struct report_failure *f;

	add(m, result, reason);
	f = &m->failure[m->v.n - 1];
	f->sending_ip = m->sending_ip;
	f->mx_hostname = m->host;
	f->mx_helo = m->helo;
	f->receiving_ip = m->address;
	m->v.success = false;
}

/* The first word of the answer to EHLO, behind "250-". */
static void
read_helo(const char *reply, char helo[REPORT_WORDS_MAX + 1])
{
	const char *p = strlen(reply) > 4 ? reply + 4 : "";

	(void)words_copy(helo, REPORT_WORDS_MAX, p, strcspn(p, " \t\r\n"));
}

/* Exim 4.100 names the wrong host at the end of a session. */
static void
fill_session(struct making *m, bool ended)
{
	const struct trail *t = &m->s->trail;
	struct bytes sip = m->e->field[EVENT_SIP];
	const char *host = ended ? t->host : m->e->host;
	const char *address = ended ? t->address : m->e->address;

	(void)words_copy(m->host, REPORT_NAME_MAX, host, strlen(host));
	(void)words_copy(m->address, REPORT_ADDRESS_MAX, address,
	    strlen(address));
	/* Of a host that was not reached the one before was greeted. */
	if (t->greeted && strcmp(m->host, t->host) == 0)
		memcpy(m->helo, t->helo, sizeof m->helo);
	else if (event_is(m->e, "smtp:ehlo"))
		read_helo(m->e->data, m->helo);
	if (m->s->config->tlsrpt.sending_ip)
		(void)words_copy(m->sending_ip, REPORT_ADDRESS_MAX, sip.p,
		    sip.len);
}

/* The policy of the domain, and why it is not a newer one.  False: nothing is
 * to be told. */
static bool
apply_sts(struct making *m)
{
	struct applied *a = &m->applied;

	if (!applied_sts(m->s->lookup, m->domain, m->now, a))
		return false;
	/* One for this delivery only (max_age 0) is not in the cache. */
	if (!is_mode(m->e, "plain"))
		a->policy.type = REPORT_STS;
	m->v.policy = a->policy;
	if (a->trouble == 0)
		return true;
	add(m, a->trouble, a->why);
	/* Without any policy the session is held to none: a failure. */
	if (a->strings[0] == '\0')
		m->v.success = false;
	return true;
}

/* RFC 8461 2: where DANE is used MTA-STS is not.  RFC 8460 4.4 wants the policy
 * that applied, and Exim does not tell what the record said: to look it up now
 * would keep the delivery waiting, and later it may be another one.  So no
 * policy-string, which may be missing. */
static void
apply_dane(struct making *m)
{
	m->v.policy =
	    (struct report_policy){ REPORT_TLSA, m->host, "", "" };
}

static void
tell(struct making *m)
{
	m->v.domain = m->domain;
	m->v.failures = m->failure;
	m->s->tell(m->s->arg, &m->v);
}

/* --- MX hosts that the policy keeps out ----------------------------------- */

/* Once for each message and domain on this trail: Exim routes its recipients
 * one by one, and their domains in any order. */
static bool
is_routed_anew(struct making *m)
{
	struct bytes id = m->e->field[EVENT_MESSAGE];
	char key[REPORT_NAME_MAX + 80];
	struct text t;

	text_init(&t, key, sizeof key);
	text_add(&t, m->domain);
	text_add(&t, " ");
	text_add_bytes(&t, id.p, id.len < 64 ? id.len : 64);
	return trail_is_new(&m->s->trail, tdbhash(key, t.len));
}

/* Exim never talks to them, so they are told with what it does come to. */
static void
add_kept_out(struct making *m)
{
	struct bytes all = m->e->field[EVENT_HOSTS];
	struct scan s = scan_over(all.p, all.len);
	unsigned n = 0;

	if (m->applied.all == NULL)
		return;
	while (!scan_done(&s) && m->v.n < REPORT_FAILURES_MAX) {
		struct bytes host = scan_item(&s);

		if (host.len == 0)
			continue;
		(void)words_copy(m->kept_out[n], REPORT_NAME_MAX, host.p,
		    host.len);
		if (match_host(m->applied.all, m->kept_out[n]))
			continue;
		add(m, RESULT_VALIDATION_FAILURE, "mx-not-in-sts-policy");
		m->failure[m->v.n - 1].mx_hostname = m->kept_out[n++];
	}
}

static void
add_kept_out_once(struct making *m)
{
	if (is_mode(m->e, "enforce") && m->e->field[EVENT_HOSTS].len > 0 &&
	    is_routed_anew(m))
		add_kept_out(m);
}

/* No MX host is left.  Where the policy kept out none of them the domain has
 * none, or none with an address that mail may go to, and its owner hears
 * nothing of his policy. */
static void
end_refused(struct making *m)
{
	size_t before;

	if (!is_routed_anew(m) || !apply_sts(m))
		return;
	before = m->v.n;
	add_kept_out(m);
	if (m->v.n == before)
		return;
	m->v.success = false;
	tell(m);
}

/* --- sessions ------------------------------------------------------------- */

/* A session that failed has a second try, in clear, in testing mode. */
static bool
failed_before(struct making *m)
{
	char key[sizeof m->s->trail.failed];
	struct text t;

	text_init(&t, key, sizeof key);
	text_add(&t, m->domain);
	text_add(&t, " ");
	text_add(&t, m->host);
	text_add(&t, " ");
	text_add(&t, m->address);
	if (strcmp(key, m->s->trail.failed) == 0)
		return true;
	memcpy(m->s->trail.failed, key, sizeof key);
	return false;
}

static void
end_failed(struct making *m, const struct blame *b, bool ended)
{
	fill_session(m, ended);
	if (failed_before(m))
		return;
	if (b->dane)
		apply_dane(m);
	else if (!apply_sts(m))
		return;
	add_here(m, b->result, b->reason);
	if (!b->dane)
		add_kept_out_once(m);
	tell(m);
}

/* RFC 8461 5: what enforcement would have minded is a failure in testing mode,
 * too. */
static void
add_faults(struct making *m, struct blame *b)
{
	if (blame_session(m->e, m->now, b))
		add_here(m, b->result, b->reason);
	if (m->applied.all != NULL && m->applied.all[0] != '\0' &&
	    !match_host(m->applied.all, m->host))
		add_here(m, RESULT_VALIDATION_FAILURE,
		    "mx-not-in-sts-policy");
}

/* The second EHLO. */
static void
end_secure(struct making *m)
{
	struct blame b;

	fill_session(m, false);
	if (event_has(m->e, EVENT_DANE, "yes"))
		apply_dane(m);
	else if (!apply_sts(m))
		return;
	else if (is_mode(m->e, "testing"))
		add_faults(m, &b);
	else
		add_kept_out_once(m);
	tell(m);
}

/* Whether a handshake was begun, and failed, for msg:host:defer tells more of
 * that: the transports ask each host for its own name, then and not before. */
static bool
has_begun_tls(const struct making *m)
{
	const struct trail *t = &m->s->trail;

	return t->offered && event_has(m->e, EVENT_SNI, t->host);
}

/* The end of a session that never had TLS.  Under enforce, or where there is a
 * TLSA record, its host fails next. */
static void
end_clear(struct making *m)
{
	const struct trail *t = &m->s->trail;
	struct blame b = { RESULT_STARTTLS_NOT_SUPPORTED, false, "" };

	if (is_mode(m->e, "enforce") || blame_has_tlsa(m->e) ||
	    t->dane[0] != '\0' || !t->greeted || has_begun_tls(m))
		return;
	/* Nobody has asked it for TLS, perhaps. */
	if (t->offered && event_has(m->e, EVENT_HOSTS, "avoid"))
		return;
	if (t->offered)
		(void)words_copy(b.reason, REPORT_WORDS_MAX,
		    "starttls-rejected", sizeof "starttls-rejected" - 1);
	end_failed(m, &b, true);
}

/* Of a host with TLSA records Exim says before that its certificate does not
 * match, whatever it was that failed. */
static void
blame_under_dane(const char *said, struct blame *b)
{
	struct blame dane;
	bool about_certificate = b->dane ||
	    b->result == RESULT_CERTIFICATE_EXPIRED ||
	    b->result == RESULT_CERTIFICATE_HOST_MISMATCH ||
	    b->result == RESULT_CERTIFICATE_NOT_TRUSTED;

	if (!blame_dane(said, &dane))
		return;
	if (about_certificate || dane.result != RESULT_VALIDATION_FAILURE)
		*b = dane;
	b->dane = true;
}

static void
end_host(struct making *m)
{
	struct blame b;

	if (!blame_host(m->e, m->now, &b))
		return;
	blame_under_dane(m->s->trail.dane, &b);
	end_failed(m, &b, false);
}

/* Some have no session, and Exim says no more of them; of others the host
 * fails next. */
static void
end_dane(struct making *m)
{
	struct blame b;

	if (blame_dane(m->e->data, &b) &&
	    (b.result == RESULT_DNSSEC_INVALID ||
		b.result == RESULT_DANE_REQUIRED))
		end_failed(m, &b, false);
}

/* --- events --------------------------------------------------------------- */

static bool
has_line(const char *reply, const char *keyword)
{
	size_t n = strlen(keyword);

	for (const char *p = reply; strlen(p) > 4; p++) {
		if (strncmp(p + 4, keyword, n) == 0 &&
		    (p[4 + n] == '\0' || strchr(" \r\n", p[4 + n]) != NULL))
			return true;
		p += strcspn(p, "\n");
		if (*p == '\0')
			break;
	}
	return false;
}

static void
note_greeting(struct trail *t, const struct event *e)
{
	t->greeted = true;
	t->offered = has_line(e->data, "STARTTLS");
	read_helo(e->data, t->helo);
	(void)words_copy(t->host, REPORT_NAME_MAX, e->host, strlen(e->host));
	(void)words_copy(t->address, REPORT_ADDRESS_MAX, e->address,
	    strlen(e->address));
}

/* How far the session has come; cheap, for most events are of this kind. */
static void
follow(struct trail *t, const struct event *e)
{
	if (event_is(e, "tcp:connect"))
		trail_connect(t);
	else if (event_is(e, "dane:fail"))
		(void)words_copy(t->dane, sizeof t->dane - 1, e->data,
		    strlen(e->data));
	else if (event_is(e, "smtp:ehlo") && e->field[EVENT_CIPHER].len == 0)
		note_greeting(t, e);
}

/* What an event comes to; NULL: it is on the way. */
static void (*ending(const struct event *e))(struct making *m)
{
	bool secure = e->field[EVENT_CIPHER].len > 0;

	if (event_is(e, "smtp:ehlo"))
		return secure ? end_secure : NULL;
	if (event_is(e, "tcp:close"))
		return secure ? NULL : end_clear;
	if (event_is(e, "msg:host:defer"))
		return end_host;
	if (event_is(e, "dane:fail"))
		return end_dane;
	return event_is(e, "mta-sts:refused") ? end_refused : NULL;
}

/* Not all of it: to touch 20 KiB of stack costs more than all else here. */
static void
begin(struct making *m, struct session *s, const struct event *e)
{
	m->s = s;
	m->e = e;
	m->v = (struct verdict){ .success = true };
	m->applied.all = NULL;
	m->sending_ip[0] = '\0';
	m->host[0] = '\0';
	m->address[0] = '\0';
	m->helo[0] = '\0';
}

void
session_event(struct session *s, const struct event *e)
{
	void (*end)(struct making * m) = ending(e);
	struct making m;

	follow(&s->trail, e);
	if (end == NULL)
		return;
	begin(&m, s, e);
	if (!counts(&m))
		return;
	m.now = s->now(s->arg);
	end(&m);
}
