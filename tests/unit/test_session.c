/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_session.c - from Exim's events to one verdict a session (RFC 8460 4). */
#include "../../module/report/session.h"
#include "fakes.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../../module/protocol/text.h"
#include "../../module/store/clock.h"

#define HOST "mx.example.com"
#define IP "192.0.2.25"
#define EHLO_CLEAR "250-mx.example.com Hello\n250-SIZE 1\n250 STARTTLS"
#define EHLO_BARE "250-mx.example.com Hello\n250-XSTARTTLS\n250 SIZE 1"
#define EHLO_TLS "250-mx.example.com Hello\n250 SIZE 1"
#define GOOD "1600000000,1800000000,,mx.example.com"
/* sip|cv|dane|cipher|sni|verify_mode|message|hosts|tlsa|cert */
#define TRIED "|192.0.2.1|0|no||mx.example.com||id||"
#define GREY "|192.0.2.1|0|no||||id||"
#define SECURE \
	"|192.0.2.1|1|no|TLS1.3:X:256|mx.example.com||id||0|" GOOD
#define UNSURE \
	"|192.0.2.1|0|no|TLS1.3:X:256|mx.example.com||id||0|" GOOD
#define DANE \
	"|192.0.2.1|0|yes|TLS1.3:X:256|mx.example.com||id||0|" GOOD
#define HERE "192.0.2.1 mx.example.com mx.example.com 192.0.2.25"

static struct session session;
static char told[4000];
static struct text told_text;

static void
tell(void *arg, const struct verdict *v)
{
	(void)arg;
	text_addf(&told_text, "%s %s %s %s", v->domain,
	    report_type_name(v->policy.type), v->policy.domain,
	    v->success ? "success" : "failure");
	for (size_t i = 0; i < v->n; i++) {
		const struct report_failure *f = &v->failures[i];

		text_addf(&told_text, " [%u|%s %s %s %s|%s]",
		    (unsigned)f->result, f->sending_ip, f->mx_hostname,
		    f->mx_helo, f->receiving_ip, f->reason);
	}
	text_add(&told_text, "\n");
}

static time_t
now(void *arg)
{
	(void)arg;
	return FAKES_START;
}

/* A new process, with reports on. */
static void
begin(struct fakes *f)
{
	(void)snprintf(f->config.tlsrpt.contact,
	    sizeof f->config.tlsrpt.contact, "tls@sender.test");
	memset(&session, 0, sizeof session);
	session.config = &f->config;
	session.lookup = fakes_restart(f);
	session.now = now;
	session.tell = tell;
}

static void
forget_told(void)
{
	text_init(&told_text, told, sizeof told);
}

struct line {
	const char *name;
	const char *data;
	const char *error;
	const char *packed; /* behind the mode */
};

static void
raise_for(const char *domain, const char *host, const char *mode,
    const struct line *l)
{
	char packed[600];
	const char *const argv[EVENT_ARGS] = { l->name, l->data, l->error,
		domain, host, IP, packed };
	struct event e;

	(void)snprintf(packed, sizeof packed, "%s%s", mode, l->packed);
	if (!event_read(EVENT_ARGS, argv, &e))
		return;
	event_handle(session.lookup, &e);
	session_event(&session, &e);
}

/* --- stories -------------------------------------------------------------- */

#define CONNECT                              \
	{                                    \
		"tcp:connect", "", "0", GREY \
	}
#define GREET                                      \
	{                                          \
		"smtp:ehlo", EHLO_CLEAR, "0", GREY \
	}
#define CLOSE                                \
	{                                    \
		"tcp:close", "", "0", SECURE \
	}
#define STARTED CONNECT, { "smtp:connect", "220 hi", "0", GREY }, GREET
#define CERTS                              \
	{ "tls:cert", "1", "0", GREY },    \
	{                                  \
		"tls:cert", "0", "0", GREY \
	}
#define REFUSED                                                  \
	STS "failure [205| mx.evil.test  |mx-not-in-sts-policy]" \
	    " [205| mx.bad.test  |mx-not-in-sts-policy]\n"
#define STS "example.com sts example.com "

static const struct story_row {
	const char *name;
	const char *mode;
	struct line line[12];
	const char *want;
} story_rows[] = {
	{ "enforce: a delivery", "enforce",
	    { STARTED, CERTS, { "smtp:ehlo", EHLO_TLS, "0", SECURE }, CLOSE },
	    STS "success\n" },
	{ "enforce: no STARTTLS", "enforce",
	    { CONNECT, { "smtp:ehlo", EHLO_BARE, "0", GREY },
		{ "tcp:close", "", "0", GREY },
		{ "msg:host:defer", "did not offer", "-38", GREY },
		{ "msg:defer", "did not offer", "-38", GREY } },
	    STS "failure [201|" HERE "|]\n" },
	{ "enforce: a host that cannot be reached", "enforce",
	    { CONNECT, { "msg:host:defer", "refused", "111", GREY } }, "" },
	{ "enforce: a message refused after TLS is no failure", "enforce",
	    { STARTED, { "smtp:ehlo", EHLO_TLS, "0", SECURE },
		{ "msg:rcpt:host:defer", "450", "0", SECURE }, CLOSE },
	    STS "success\n" },
	{ "enforce: errors of the host before do not count", "enforce",
	    { STARTED, { "smtp:ehlo", EHLO_TLS, "-38", SECURE },
		{ "tcp:close", "", "-37", SECURE } },
	    STS "success\n" },
	{ "testing: a delivery", "testing",
	    { STARTED, CERTS, { "smtp:ehlo", EHLO_TLS, "0", SECURE }, CLOSE },
	    STS "success\n" },
	{ "testing: a certificate that is not valid", "testing",
	    { STARTED, CERTS, { "smtp:ehlo", EHLO_TLS, "0", UNSURE },
		{ "tcp:close", "", "0", UNSURE } },
	    STS "failure [203|" HERE "|untrusted-issuer]\n" },
	{ "testing: no STARTTLS", "testing",
	    { CONNECT, { "smtp:ehlo", EHLO_BARE, "0", GREY },
		{ "tcp:close", "", "0", GREY } },
	    STS "failure [201|" HERE "|]\n" },
	{ "testing: STARTTLS refused", "testing",
	    { STARTED, { "tcp:close", "", "0", GREY } },
	    STS "failure [201|" HERE "|starttls-rejected]\n" },
	{ "testing: a broken handshake and a second try are one", "testing",
	    { STARTED, { "tcp:close", "", "0", TRIED },
		{ "msg:host:defer", "TLS session: (x): y", "-37", TRIED },
		CONNECT, GREET, { "tcp:close", "", "-37", TRIED } },
	    STS "failure [205|" HERE "|(x): y]\n" },
	{ "testing: sent away before the greeting", "testing",
	    { CONNECT, { "smtp:connect", "421 no", "0", GREY },
		{ "tcp:close", "", "0", GREY },
		{ "msg:host:defer", "421 no", "0", GREY } },
	    "" },
	{ "plain: a delivery under a policy unknown to it", "plain",
	    { STARTED, CERTS, { "smtp:ehlo", EHLO_TLS, "0", UNSURE }, CLOSE },
	    STS "success\n" },
	{ "DANE: a delivery", "enforce",
	    { STARTED, CERTS, { "smtp:ehlo", EHLO_TLS, "0", DANE }, CLOSE },
	    "example.com tlsa mx.example.com success\n" },
	{ "DANE: another certificate", "enforce",
	    { STARTED, { "dane:fail", "validation-failure", "0", TRIED },
		{ "tcp:close", "", "0", TRIED },
		{ "msg:host:defer",
		    "TLS session: (certificate verification failed): "
		    "Verification failed. The certificate differs.",
		    "-37", TRIED } },
	    "example.com tlsa mx.example.com failure [205|" HERE
	    "|dane-no-match]\n" },
	{ "DANE: a handshake that breaks off", "enforce",
	    { STARTED, { "dane:fail", "validation-failure", "0", TRIED },
		{ "tcp:close", "", "0", TRIED },
		{ "msg:host:defer",
		    "TLS session: (gnutls_handshake): broken off", "-37",
		    TRIED } },
	    "example.com tlsa mx.example.com failure [205|" HERE
	    "|(gnutls_handshake): broken off]\n" },
	{ "DANE: no STARTTLS", "testing",
	    { CONNECT, { "smtp:ehlo", EHLO_BARE, "0", GREY },
		{ "dane:fail", "starttls-not-supported", "0", GREY },
		{ "tcp:close", "", "0", GREY },
		{ "msg:host:defer", "did not offer", "-38", GREY } },
	    "example.com tlsa mx.example.com failure [201|" HERE "|]\n" },
	{ "DANE: STARTTLS refused", "testing",
	    { STARTED, { "dane:fail", "validation-failure", "0", GREY },
		{ "tcp:close", "", "0", GREY },
		{ "msg:host:defer", "an attempt to start TLS failed", "-38",
		    GREY } },
	    "example.com tlsa mx.example.com failure [201|" HERE
	    "|starttls-rejected]\n" },
	{ "DANE: STARTTLS refused for now", "enforce",
	    { STARTED, { "tcp:close", "", "0", GREY },
		{ "msg:host:defer",
		    "SMTP error from remote mail server after STARTTLS: 454",
		    "0", "|192.0.2.1|0|no||||id||3|" } },
	    "example.com tlsa mx.example.com failure [201|" HERE
	    "|starttls-rejected]\n" },
	{ "DANE: only of the host before", "testing",
	    { STARTED, { "dane:fail", "validation-failure", "0", GREY },
		{ "tcp:close", "", "0", GREY }, CONNECT,
		{ "smtp:ehlo", EHLO_BARE, "0", GREY },
		{ "tcp:close", "", "0", GREY } },
	    STS "failure [201|" HERE "|]\n" },
	{ "DANE: no record to be had", "enforce",
	    { { "dane:fail", "dnssec-invalid", "0", GREY },
		{ "msg:host:defer", "DANE error", "-36", GREY } },
	    "example.com tlsa mx.example.com failure [305|192.0.2.1 "
	    "mx.example.com  192.0.2.25|]\n" },
	{ "no message: somebody tries out addresses", "enforce",
	    { { "smtp:ehlo", EHLO_TLS, "0",
		  "|192.0.2.1|1|no|TLS1.3:X:256|mx.example.com" },
		{ "mta-sts:refused", "", "0", "||||||" },
		{ "mta-sts:refused", "", "0", "" } },
	    "" },
	{ "a callout", "enforce",
	    { { "smtp:ehlo", EHLO_TLS, "0",
		  "|192.0.2.1|1|no|TLS1.3:X:256|mx.example.com|R|id|" },
		{ "msg:host:defer", "x", "-37",
		    "|192.0.2.1|0|no|||S|id|" } },
	    "" },
	{ "no MX host is left, but the policy kept none out", "enforce",
	    { { "mta-sts:refused", "", "0",
		  "|||||||id|mx.example.com" },
		{ "mta-sts:refused", "", "0", "|||||||id2" } },
	    "" },
	{ "no MX host is left, for two recipients", "enforce",
	    { { "mta-sts:refused", "", "0",
		  "|||||||id|mx.evil.test:mx.bad.test" },
		{ "mta-sts:refused", "", "0",
		    "|||||||id|mx.evil.test:mx.bad.test" } },
	    REFUSED },
};

/* A new process, which finds the trail of the one before, as by ${run}. */
static void
go_on(struct fakes *f)
{
	static char room[TRAIL_TEXT_MAX + 1];
	struct bytes value = { room, 0 };
	struct text t;

	text_init(&t, room, sizeof room);
	trail_write(&session.trail, &t);
	assert_false(t.full);
	value.len = t.len;
	begin(f);
	assert_true(trail_read(value, &session.trail));
}

static const char *
tell_story(const struct story_row *r, bool by_run, struct fakes *f)
{
	forget_told();
	begin(f);
	for (const struct line *l = r->line; l->name != NULL; l++) {
		if (by_run)
			go_on(f);
		raise_for("Example.COM", HOST, r->mode, l);
	}
	return told;
}

static void
one_verdict_a_session(void **state)
{
	struct fakes *f = *state;
	const struct story_row *r = f->row;

	fakes_cache_policy(f, "1",
	    strcmp(r->mode, "enforce") == 0 ? ENFORCE_TEXT : TESTING_TEXT);
	assert_string_equal(tell_story(r, false, f), r->want);
	assert_string_equal(tell_story(r, true, f), r->want);
	assert_asked(f, 0, 0);
}

/* --- hosts kept out ------------------------------------------------------- */

static const struct line delivered = { "smtp:ehlo", EHLO_TLS, "0",
	"|192.0.2.1|1|no|TLS1.3:X:256|mx.example.com||id|"
	"mx.example.com:mx.evil.test:MX.EXAMPLE.COM.:" };

/* RFC 8461 4.1: they are told with the first session of the message, ... */
static void
hosts_kept_out_are_told_once(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	begin(f);
	forget_told();
	raise_for("example.com", HOST, "enforce", &delivered);
	raise_for("example.com", HOST, "enforce", &delivered);
	assert_string_equal(told,
	    STS "success [205| mx.evil.test  |mx-not-in-sts-policy]\n" STS
		"success\n");
	/* ... but testing keeps nobody out. */
	begin(f);
	forget_told();
	raise_for("example.com", HOST, "testing", &delivered);
	assert_string_equal(told, STS "success\n");
}

/* However many there are, and whatever they are called. */
static void
hosts_kept_out_are_bounded(void **state)
{
	struct fakes *f = *state;
	char packed[2000];
	const char *const argv[EVENT_ARGS] = { "mta-sts:refused", "", "0",
		"example.com", "", "", packed };
	struct event e;
	struct text t;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	begin(f);
	forget_told();
	text_init(&t, packed, sizeof packed);
	text_add(&t, "enforce|||||||id|");
	for (int i = 0; i < 100; i++)
		text_addf(&t, "\x01%d.\xff\xff:", i);
	assert_true(event_read(EVENT_ARGS, argv, &e));
	session_event(&session, &e);
	assert_non_null(strstr(told, "[205| ?0.??  |mx-not-in-sts-policy]"));
	assert_non_null(strstr(told, "[205| ?15.??  |"));
	assert_null(strstr(told, "?16.??"));
}

/* Exim routes the recipients of a message in any order. */
static void
domains_may_take_turns(void **state)
{
	static const struct line refused = { "mta-sts:refused", "", "0",
		"|||||||id|mx.evil.test" };
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	begin(f);
	forget_told();
	for (unsigned i = 0; i < 4; i++) {
		raise_for("example.com", "", "enforce", &refused);
		raise_for("example.net", "", "enforce", &refused);
	}
	assert_string_equal(told,
	    STS "failure [205| mx.evil.test  |mx-not-in-sts-policy]\n");
}

/* More patterns than a report shows count all the same. */
static void
a_long_policy_is_applied_whole(void **state)
{
	struct fakes *f = *state;
	static char text[20000];
	struct text t;

	text_init(&t, text, sizeof text);
	text_add(&t, "version: STSv1\nmode: testing\nmax_age: 604800\n");
	for (int i = 0; i < 200; i++)
		text_addf(&t, "mx: mail-exchange-number-%d.example.org\n", i);
	text_add(&t, "mx: " HOST "\n");
	fakes_cache_policy(f, "1", text);
	begin(f);
	forget_told();
	raise_for("example.com", HOST, "testing", &delivered);
	assert_null(strstr(told, "mx-not-in-sts-policy"));
	assert_non_null(strstr(told, " success"));
	forget_told();
	raise_for("example.com", "mx.evil.test", "testing", &delivered);
	assert_non_null(strstr(told, "mx-not-in-sts-policy"));
	forget_told();
	raise_for("example.com", HOST, "enforce", &delivered);
	assert_non_null(strstr(told, "|mx-not-in-sts-policy]"));
	assert_non_null(strstr(told, "mx.evil.test"));
}

/* --- policies ------------------------------------------------------------- */

static struct applied_seen {
	enum report_type type;
	char strings[300];
	char mx[100];
} seen;

static void
note_policy(void *arg, const struct verdict *v)
{
	(void)arg;
	seen.type = v->policy.type;
	(void)snprintf(seen.strings, sizeof seen.strings, "%s",
	    v->policy.strings);
	(void)snprintf(seen.mx, sizeof seen.mx, "%s", v->policy.mx);
	tell(NULL, v);
}

/* RFC 8460 4.4: line by line as it was published, faults and all. */
static void
a_policy_is_told_as_it_was_published(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1",
	    "version: STSv1\nmode:  enforce \r\nmx: *.example.com\r\n\n"
	    "x-note: a\xc3\xa4\r\nmx: mx.example.com\nmax_age: 86400");
	begin(f);
	forget_told();
	session.tell = note_policy;
	raise_for("example.com", HOST, "enforce", &delivered);
	assert_int_equal(seen.type, REPORT_STS);
	assert_string_equal(seen.strings,
	    "version: STSv1\nmode:  enforce \nmx: *.example.com\n"
	    "x-note: a??\nmx: mx.example.com\nmax_age: 86400");
	assert_string_equal(seen.mx, "*.example.com:mx.example.com");
}

/* A host without TLSA records to be had is not reached; the one before was. */
static void
a_greeting_is_its_own_hosts(void **state)
{
	static const struct line story[] = { CONNECT, GREET,
		{ "dane:fail", "dnssec-invalid", "0", GREY } };
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	begin(f);
	forget_told();
	raise_for("example.com", HOST, "enforce", &story[0]);
	raise_for("example.com", HOST, "enforce", &story[1]);
	raise_for("example.com", "mx2.example.com", "enforce", &story[2]);
	assert_string_equal(told,
	    "example.com tlsa mx2.example.com failure [305|192.0.2.1 "
	    "mx2.example.com  192.0.2.25|]\n");
}

static void
ask(struct fakes *f)
{
	(void)fakes_ask(f, "example.com");
}

/* What the router was told when it chose the hosts, though it is for this
 * delivery only (max_age 0), or another came meanwhile; also after a fork. */
static void
a_policy_is_the_one_that_was_looked_up(void **state)
{
	static const char once[] = "version: STSv1\nmode: enforce\n"
				   "mx: mx.example.com\nmax_age: 0";
	static const struct line failed[] = { CONNECT, GREET,
		{ "tcp:close", "", "0", TRIED },
		{ "msg:host:defer", "TLS session: (x): y", "-37", TRIED } };
	struct fakes *f = *state;
	const struct answer *a;

	fakes_publish(f, "1", once);
	begin(f);
	forget_told();
	session.tell = note_policy;
	a = lookup_domain(session.lookup, "example.com", LOOKUP_PLAIN);
	assert_answer(a, "enforce", "fresh");
	raise_for("example.com", HOST, "enforce", &delivered);
	assert_string_equal(seen.strings, once);
	assert_string_equal(seen.mx, "mx.example.com");
	/* Also when it fails, of which the end is seen first. */
	seen.strings[0] = '\0';
	for (size_t i = 0; i < sizeof failed / sizeof *failed; i++)
		raise_for("example.com", HOST, "enforce", &failed[i]);
	assert_string_equal(seen.strings, once);
	(void)lookup_domain(session.lookup, "example.com", LOOKUP_PLAIN);
	fakes_publish(f, "2", TESTING_TEXT);
	assert_true(fakes_wait(fakes_fork(f, ask)));
	raise_for("example.com", HOST, "enforce", &delivered);
	assert_string_equal(seen.strings, once);
	/* Another process knows what the cache knows. */
	begin(f);
	session.tell = note_policy;
	raise_for("example.com", HOST, "enforce", &delivered);
	assert_non_null(strstr(seen.strings, "mode: testing"));
}

static const struct trouble_row {
	const char *name;
	enum sts_status https;
	const char *word;
	const char *want; /* of a session under TLS */
} trouble_rows[] = {
	{ "it cannot be fetched", STS_FETCH, "http-404",
	    STS "failure [301|   |http-404]\n" },
	{ "it is invalid", STS_POLICY, "policy-mode",
	    STS "failure [302|   |policy-mode]\n" },
	{ "its host's certificate is bad", STS_CERT, "cert-expired",
	    STS "failure [303|   |cert-expired]\n" },
	{ "our own trouble is none of the domain's", STS_SYSTEM, "x",
	    "example.com no-policy-found example.com success\n" },
};

/* A process that made the look-up tells the same as one that did not. */
static void
trouble_is_told_from_memory_too(void **state)
{
	struct fakes *f = *state;
	const struct trouble_row *r = f->row;

	fakes_publish(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, r->https, r->word);
	begin(f);
	forget_told();
	(void)lookup_domain(session.lookup, "example.com", LOOKUP_PLAIN);
	raise_for("example.com", HOST, "plain", &delivered);
	assert_string_equal(told, r->want);
}

/* RFC 8460 4.3.2.2 */
static void
a_policy_that_cannot_be_had_is_a_failure(void **state)
{
	struct fakes *f = *state;
	const struct trouble_row *r = f->row;

	fakes_publish(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, r->https, r->word);
	(void)fakes_ask(f, "example.com");
	fakes_calm(f);
	begin(f);
	forget_told();
	raise_for("example.com", HOST, "plain", &delivered);
	assert_string_equal(told, r->want);
	assert_asked(f, 0, 0);
}

static void
an_older_policy_in_force_stays_a_success(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_publish(f, "2", ENFORCE_TEXT);
	fakes_https_fails(f, STS_FETCH, "http-500");
	f->now += 2 * HOUR;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	begin(f);
	forget_told();
	raise_for("example.com", HOST, "testing", &delivered);
	assert_string_equal(told, STS "success [301|   |http-500]\n");
}

static void
hold_the_file(struct fakes *f)
{
	struct flock lock = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = 168 };
	int fd = open(fakes_path(f, "policies.tdb"), O_RDWR | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_SETLK, &lock) != 0)
		_exit(1);
	f->right = 1;
	(void)poll(NULL, 0, 20000);
}

/* Somebody was stopped while he held the cache: an event of a process that
 * knows nothing yet, and one that must write, are given up. */
static void
a_held_cache_is_not_waited_for(void **state)
{
	struct fakes *f = *state;
	static const char packed[] = "enforce" TRIED;
	const char *const argv[EVENT_ARGS] = { "msg:host:defer", "x",
		EVENT_TLS_FAILURE, "example.com", HOST, IP, packed };
	struct event e;
	int64_t began;
	pid_t holder;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	holder = fakes_fork(f, hold_the_file);
	fakes_until(&f->right);
	forget_told();
	begin(f);
	began = clock_ms();
	assert_true(event_read(EVENT_ARGS, argv, &e));
	lookup_hurry(session.lookup, began + EVENT_WAIT_MS);
	session_event(&session, &e);
	event_handle(session.lookup, &e);
	lookup_hurry(session.lookup, 0);
	assert_in_range(clock_ms() - began, EVENT_WAIT_MS - 1, 2000);
	assert_int_equal(kill(holder, SIGKILL), 0);
	assert_false(fakes_wait(holder));
}

/* --- switches ------------------------------------------------------------- */

static void
switches(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", TESTING_TEXT);
	begin(f);
	f->config.tlsrpt.sending_ip = false;
	f->config.tlsrpt.reason = false;
	forget_told();
	raise_for("example.com", "mx.other.test", "testing", &delivered);
	assert_string_equal(told,
	    STS "failure [205| mx.other.test mx.example.com 192.0.2.25|]\n");
	(void)snprintf(f->config.tlsrpt.exclude,
	    sizeof f->config.tlsrpt.exclude, "example.com");
	forget_told();
	raise_for("example.com", HOST, "testing", &delivered);
	assert_string_equal(told, "");
	f->config.tlsrpt.exclude[0] = '\0';
	f->config.tlsrpt.contact[0] = '\0';
	raise_for("example.com", HOST, "testing", &delivered);
	assert_string_equal(told, "");
}

/* What the administrator made of a policy is nobody else's business. */
static void
an_exception_is_not_reported(void **state)
{
	struct fakes *f = *state;
	FILE *out;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	(void)snprintf(f->config.exceptions, sizeof f->config.exceptions,
	    "%s", fakes_path(f, "exceptions"));
	out = fopen(f->config.exceptions, "we");
	assert_non_null(out);
	(void)fputs("example.com testing\n", out);
	assert_int_equal(fclose(out), 0);
	begin(f);
	forget_told();
	raise_for("example.com", HOST, "testing", &delivered);
	assert_string_equal(told, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(hosts_kept_out_are_told_once),
		flow_test(hosts_kept_out_are_bounded),
		flow_test(domains_may_take_turns),
		flow_test(a_long_policy_is_applied_whole),
		flow_test(a_policy_is_told_as_it_was_published),
		flow_test(a_policy_is_the_one_that_was_looked_up),
		flow_test(an_older_policy_in_force_stays_a_success),
		flow_test(a_held_cache_is_not_waited_for),
		flow_test(a_greeting_is_its_own_hosts),
		flow_test(switches),
		flow_test(an_exception_is_not_reported),
	};

	return FLOW_ROWS(story_rows, one_verdict_a_session) +
	    FLOW_ROWS(trouble_rows, a_policy_that_cannot_be_had_is_a_failure) +
	    FLOW_ROWS(trouble_rows, trouble_is_told_from_memory_too) +
	    cmocka_run_group_tests(tests, NULL, NULL);
}
