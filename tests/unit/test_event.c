/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_event.c - what is made of Exim's events (RFC 8461 5). */
#include "../../module/lookup/event.h"
#include "fakes.h"
#include <string.h>

#define TESTING_TEXT POLICY_TEXT("testing", "604800", "mx.example.com")
/* mode|sip|cv|dane|cipher|sni|verify_mode */
#define PLAIN "|192.0.2.1|0|no|||"
#define SECURE "|192.0.2.1|1|no|TLS1.3:X:256|mx.example.com|"

static void
raise_event_with(const char *data, const char *name, const char *error,
    const char *domain, const char *host, const char *packed)
{
	const char *const argv[EVENT_ARGS] = { name, data, error, domain,
		host, "192.0.2.25", packed };

	struct event e;

	if (event_read(EVENT_ARGS, argv, &e))
		event_handle(fakes_lookup(), &e);
}

static void
raise_event(const char *name, const char *error, const char *domain,
    const char *host, const char *packed)
{
	raise_event_with("data", name, error, domain, host, packed);
}

/* --- enforce -------------------------------------------------------------- */

static const struct enforce_row {
	const char *name;
	const char *event;
	const char *error;
	const char *packed;
	bool want;
} enforce_rows[] = {
	{ "no permitted MX host", "mta-sts:refused", "0", "enforce||||||",
	    true },
	{ "TLS failed, a bad certificate say", "msg:host:defer", "-37",
	    "enforce" PLAIN, true },
	{ "no STARTTLS", "msg:host:defer", "-38", "enforce" PLAIN, true },
	{ "fields left out", "mta-sts:refused", "0", "enforce", true },
	{ "fields too many", "mta-sts:refused", "0", "enforce|||||||x|y",
	    true },
	{ "a host that cannot be reached", "msg:host:defer", "101",
	    "enforce" PLAIN, false },
	{ "a failure of DANE, which is not ours", "msg:host:defer", "-36",
	    "enforce" PLAIN, false },
	{ "an error number that only begins alike", "msg:host:defer", "-370",
	    "enforce" PLAIN, false },
	{ "no error number", "msg:host:defer", "", "enforce" PLAIN, false },
	{ "a stale error number of another event", "tcp:close", "-37",
	    "enforce" SECURE, false },
	{ "a deferral by the last host, told already", "msg:defer", "-37",
	    "enforce" PLAIN, false },
	{ "a delivery", "msg:delivery", "0", "enforce" SECURE, false },
	{ "a session under TLS", "smtp:ehlo", "0", "enforce" SECURE, false },
	{ "an event of tomorrow", "mta-sts:other", "-37", "enforce" PLAIN,
	    false },
	{ "a callout for a recipient", "msg:host:defer", "-37",
	    "enforce|192.0.2.1|0|no|||R", false },
	{ "a callout for a sender", "mta-sts:refused", "0", "enforce||||||S",
	    false },
	{ "another transport", "msg:host:defer", "-37", "testing" PLAIN,
	    false },
	{ "a transport that says nothing", "msg:host:defer", "-37", PLAIN,
	    false },
	{ "a mode that only begins alike", "msg:host:defer", "-37",
	    "enforced" PLAIN, false },
	{ "nothing packed", "mta-sts:refused", "0", "", false },
};

/* RFC 8461 5: before a message may bounce a new policy is looked for. */
static void
marks_the_domain(void **state)
{
	struct fakes *f = *state;
	const struct enforce_row *r = f->row;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += 1;
	raise_event(r->event, r->error, "Example.COM", "mx.example.net",
	    r->packed);
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.trial.marked_at, r->want ? f->now : 0);
	assert_answer(fakes_ask(f, "example.com"), "enforce",
	    r->want ? "checked" : "cached");
}

#define NOT_DELIVERED(why, age)                                          \
	"MTA-STS: example.com: not delivered to mx.example.net "         \
	"[192.0.2.25]: " why "; the policy (id 1, fetched " age " ago) " \
	"demands TLS with a valid certificate; run \"mta-sts explain "   \
	"example.com\"\n"
#define AFTER_STARTTLS "SMTP error from remote mail server after STARTTLS: "

/* What Exim says of a host that failed, and what the administrator reads. */
static const struct told_row {
	const char *name;
	const char *error;
	const char *data;
	time_t age;
	const char *want;
} told_rows[] = {
	{ "no STARTTLS", "-38", "a TLS session is required", 0,
	    NOT_DELIVERED("a TLS session is required", "0s") },
	{ "a bad certificate", "-37", "TLS session: (invalid)", 2 * MINUTE,
	    NOT_DELIVERED("TLS session: (invalid)", "2m") },
	{ "STARTTLS answered by 454", "0", AFTER_STARTTLS "454 no", 3 * HOUR,
	    NOT_DELIVERED(AFTER_STARTTLS "454 no", "3h") },
	{ "a connection closed after STARTTLS", "-18",
	    "Remote host closed connection in response to STARTTLS", 2 * DAY,
	    NOT_DELIVERED("Remote host closed connection in response to "
			  "STARTTLS",
		"2d") },
	{ "an answer to STARTTLS that is none of SMTP's", "-19",
	    "Malformed SMTP reply in response to STARTTLS: 220x", 0,
	    NOT_DELIVERED("Malformed SMTP reply in response to STARTTLS: 220x",
		"0s") },
	{ "one to STARTTLS that was sent ahead", "-18",
	    "Remote host closed connection in response to pipelined STARTTLS",
	    0,
	    NOT_DELIVERED("Remote host closed connection in response to "
			  "pipelined STARTTLS",
		"0s") },
	{ "an answer to another command", "-19",
	    "Malformed SMTP reply in response to EHLO STARTTLS: 2", 0, "" },
	{ "no answer to STARTTLS", "110", "SMTP timeout after STARTTLS", 1,
	    NOT_DELIVERED("SMTP timeout after STARTTLS", "1s") },
	{ "STARTTLS in the words of the other side", "0",
	    "SMTP error from remote mail server after MAIL FROM:<a@b>: 451 "
	    "SMTP error from remote mail server after STARTTLS",
	    0, "" },
	{ "another failure", "111", "Connection refused", 0, "" },
};

static void
tells_what_failed(void **state)
{
	struct fakes *f = *state;
	const struct told_row *r = f->row;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += r->age;
	raise_event_with(r->data, "msg:host:defer", r->error, "Example.COM",
	    "mx.example.net", "enforce" PLAIN);
	assert_string_equal(fakes_log(), r->want);
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.trial.marked_at, r->want[0] != '\0' ? f->now : 0);
	fakes_calm(f);
	f->config.log = LOG_NOTHING;
	(void)fakes_restart(f);
	raise_event_with(r->data, "msg:host:defer", r->error, "example.com",
	    "mx.example.net", "enforce" PLAIN);
	assert_string_equal(fakes_log(), "");
	assert_asked(f, 0, 0);
}

#define NO_HOST(hosts)                                                 \
	"MTA-STS: example.com: no MX host is left: DNS has " hosts     \
	"; the policy (id 1, fetched 1h ago) permits mx.example.com; " \
	"run \"mta-sts explain example.com\"\n"

static const struct hosts_row {
	const char *name;
	const char *mx[FAKES_MX];
	size_t n;
	const char *want;
} hosts_rows[] = {
	{ "a forged one", { "mx.example.net" }, 1, NO_HOST("mx.example.net") },
	{ "two", { "a.example", "b.example" }, 2,
	    NO_HOST("a.example, b.example") },
	{ "many", { "a", "b", "c", "d", "e", "f" }, 6,
	    NO_HOST("a, b, c, d and 2 more") },
	{ "a permitted one", { "mx.example.com" }, 1,
	    NO_HOST("mx.example.com (permitted, but with no address that mail "
		    "may go to, or leading back here)") },
	{ "a null MX", { "" }, 1, NO_HOST(".") },
	{ "none", { NULL }, 0, NO_HOST("no MX record (nodata)") },
};

/* Once a process, however many recipients there are. */
static void
tells_which_hosts_were_refused(void **state)
{
	struct fakes *f = *state;
	const struct hosts_row *r = f->row;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	memcpy(f->mx, r->mx, sizeof f->mx);
	f->mxs = r->n;
	f->now += HOUR;
	for (int i = 0; i < 3; i++)
		raise_event_with("", "mta-sts:refused", "0", "Example.COM", "",
		    "enforce||||||");
	assert_string_equal(fakes_log(), r->want);
}

/* Nothing that the other side says has an effect on a reader's terminal, nor
 * any length. */
static void
text_of_the_other_side_is_cleaned_and_bounded(void **state)
{
	struct fakes *f = *state;
	char data[4000];
	const char *line;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	memset(data, 'a', sizeof data);
	memcpy(data, AFTER_STARTTLS "454 \x1b[2J\r\nMTA-STS: %s%n\xff\x80",
	    sizeof AFTER_STARTTLS + 22);
	data[sizeof data - 1] = '\0';
	raise_event_with(data, "msg:host:defer", "0", "example.com", data,
	    "enforce" PLAIN);
	line = fakes_log();
	assert_in_range(strlen(line), 400, 1000);
	assert_non_null(strstr(line, "run \"mta-sts explain example.com\"\n"));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	for (; *line != '\n'; line++)
		assert_in_range(*line, ' ', '~');
}

/* Nothing is demanded any more: it is too late to tell what was. */
static void
no_failure_is_told_of_a_policy_of_another_mode(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", TESTING_TEXT);
	raise_event("msg:host:defer", "-37", "example.com", "a",
	    "enforce" PLAIN);
	raise_event("msg:host:defer", "-37", "[192.0.2.1]", "a",
	    "enforce" PLAIN);
	assert_string_equal(fakes_log(), "");
	assert_asked(f, 0, 0);
}

#define UNKNOWN "the policy, which is not in the cache,"
#define RUN "; run \"mta-sts explain example.com\"\n"
#define DEMANDS UNKNOWN " demands TLS with a valid certificate" RUN
#define PERMITS "(nodata); " UNKNOWN " permits none of them" RUN
#define NOT_TO "MTA-STS: example.com: not delivered to a [192.0.2.25]: data; "
#define NONE_LEFT "MTA-STS: example.com: no MX host is left: DNS has no MX "

/* The transport knows of a policy that has run out since, or that cannot be
 * cached. */
static void
a_failure_under_a_policy_out_of_the_cache_is_told(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "2", ENFORCE_TEXT);
	f->now += WEEK;
	raise_event("msg:host:defer", "-37", "example.com", "a",
	    "enforce" PLAIN);
	raise_event("mta-sts:refused", "0", "example.com", "",
	    "enforce||||||");
	assert_string_equal(fakes_log(),
	    NOT_TO DEMANDS NONE_LEFT "record " PERMITS);
	assert_asked(f, 0, 0);
}

/* RFC 8461 3.2: max_age 0, for this delivery only. */
static void
of_a_policy_for_once_all_is_told(void **state)
{
	struct fakes *f = *state;

	fakes_publish(f, "1", POLICY_TEXT("enforce", "0", "mx.example.com"));
	assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
	fakes_calm(f);
	raise_event("msg:host:defer", "-37", "example.com", "mx.example.net",
	    "enforce" PLAIN);
	assert_non_null(strstr(fakes_log(), "; the policy (id 1, fetched 0s "
					    "ago) demands TLS"));
	assert_asked(f, 0, 0);
}

static void
a_wrong_number_of_arguments_is_no_event(void **state)
{
	const char *const argv[] = { "mta-sts:refused", "", "0", "example.com",
		"", "", "enforce", "" };
	struct event e;

	(void)state;
	for (int argc = 0; argc <= 8; argc++)
		assert_int_equal(event_read(argc, argv, &e),
		    argc == EVENT_ARGS);
	assert_false(event_read(-1, argv, &e));
	assert_false(event_read(0, NULL, &e));
}

static void
an_event_of_another_domain_marks_nothing(void **state)
{
	static const char *const domains[] = { "", "example.net", "[192.0.2.1]",
		"../example.com", "com", "a.example.com", "example.com\n",
		"example.com " };
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	for (size_t i = 0; i < 8; i++)
		raise_event("mta-sts:refused", "0", domains[i], "",
		    "enforce");
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.trial.marked_at, 0);
	assert_asked(f, 0, 0);
	assert_null(strstr(fakes_log(), "MTA-STS: example.com:"));
}

/* What this process was told before a failure is asked anew after it, and not
 * because of what is none. */
static void
no_answer_is_repeated_after_a_failure(void **state)
{
	static const struct {
		const char *event, *error;
		unsigned asked;
	} events[] = {
		{ "mta-sts:refused", "0", 2 },
		{ "tcp:close", "0", 2 },
		{ "msg:host:defer", "-37", 3 },
		{ "msg:delivery", "0", 3 },
	};
	struct fakes *f = *state;

	f->config.recheck = 0;
	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	(void)fakes_ask(f, "example.com");
	for (unsigned i = 0; i < 4; i++) {
		raise_event(events[i].event, events[i].error, "example.com",
		    "", "enforce");
		(void)fakes_ask_again(f, "example.com");
		(void)fakes_ask_again(f, "example.com");
		assert_int_equal(f->asked, events[i].asked);
	}
}

static void
the_next_process_asks_dns_and_takes_the_new_policy(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	raise_event("mta-sts:refused", "0", "example.com", "",
	    "enforce||||||");
	f->now += 1;
	fakes_publish(f, "2", POLICY_TEXT("enforce", "604800", "b.example"));
	assert_string_equal(fakes_ask(f, "example.com")->mx, "b.example");
	fakes_calm(f);
	(void)fakes_ask(f, "example.com");
	assert_asked(f, 0, 0);
}

/* RFC 8461 5: it is over with the first session that works. */
static void
a_session_under_tls_takes_the_mark_off(void **state)
{
	static const struct {
		const char *event, *packed;
		bool marked;
	} then[] = {
		{ "smtp:ehlo", "enforce" PLAIN, true },
		{ "tcp:close", "enforce" SECURE, true },
		{ "smtp:ehlo", "testing" SECURE, true },
		{ "smtp:ehlo", "enforce" SECURE, false },
	};
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	raise_event("msg:host:defer", "-37", "example.com", "mx.example.net",
	    "enforce" PLAIN);
	for (size_t i = 0; i < sizeof then / sizeof then[0]; i++) {
		(void)fakes_restart(f);
		raise_event(then[i].event, "0", "Example.COM", "mx.example.net",
		    then[i].packed);
		assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
		assert_int_equal(e.trial.marked_at != 0, then[i].marked);
	}
}

/* The event that says why has more to do; that of the end comes before it. */
static void
the_end_of_a_session_without_tls_is_marked(void **state)
{
	static const struct {
		const char *event, *packed;
		bool marked;
	} then[] = {
		{ "tcp:close", "enforce" PLAIN, false }, /* no EHLO */
		{ "tcp:connect", "enforce" PLAIN, false },
		{ "smtp:ehlo", "enforce" PLAIN, false },
		{ "smtp:ehlo", "enforce" SECURE, false },
		{ "tcp:close", "enforce" PLAIN, false },
		{ "tcp:connect", "enforce" PLAIN, false },
		{ "smtp:ehlo", "enforce" PLAIN, false },
		{ "tcp:close", "enforce" PLAIN, true },
	};
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	(void)fakes_restart(f);
	for (size_t i = 0; i < sizeof then / sizeof then[0]; i++) {
		raise_event(then[i].event, "0", "example.com", "mx.example.com",
		    then[i].packed);
		/* In the process where all of them are. */
		assert_int_equal(cache_get(lookup_cache(fakes_lookup()),
				     "example.com", &e, NULL),
		    STS_OK);
		assert_int_equal(e.trial.marked_at != 0, then[i].marked);
	}
}

/* --- testing -------------------------------------------------------------- */

#define TOLD \
	"MTA-STS: example.com: testing: enforcement would have deferred at "
#define WOULD_AT(host, why) \
	TOLD host " [192.0.2.25]: " why "\n"
#define WOULD(why) WOULD_AT("mx.example.com", why)

/* RFC 8461 5: delivered all the same, and told. */
static const struct testing_row {
	const char *name;
	const char *event;
	const char *host;
	const char *packed;
	const char *want;
} testing_rows[] = {
	{ "a session in order", "smtp:ehlo", "mx.example.com",
	    "testing" SECURE, "" },
	{ "its end", "tcp:close", "mx.example.com", "testing" SECURE, "" },
	{ "a host that the policy does not name", "smtp:ehlo",
	    "mx.example.net", "testing" SECURE,
	    WOULD_AT("mx.example.net",
		"the policy does not permit this host") },
	{ "such a host without TLS", "tcp:close", "mx.example.net",
	    "testing" PLAIN,
	    WOULD_AT("mx.example.net",
		"the policy does not permit this host") },
	{ "no TLS", "tcp:close", "mx.example.com", "testing" PLAIN,
	    WOULD("no TLS") },
	{ "the first EHLO, before TLS", "smtp:ehlo", "mx.example.com",
	    "testing" PLAIN, "" },
	{ "a certificate that is not valid", "smtp:ehlo", "mx.example.com",
	    "testing|192.0.2.1|0|no|X||",
	    WOULD("its certificate is not valid for it") },
	{ "a certificate that is not valid but for DANE", "smtp:ehlo",
	    "mx.example.com", "testing|192.0.2.1|0|yes|X||", "" },
	{ "an Exim without DANE", "smtp:ehlo", "mx.example.com",
	    "testing|192.0.2.1|1||X||", "" },
	{ "a certificate with no name in its SAN", "mta-sts:no-san",
	    "mx.example.com", "testing|192.0.2.1|1|no|||",
	    WOULD("its certificate has no name in its SAN") },
	{ "TLS 1.1", "smtp:ehlo", "mx.example.com",
	    "testing|192.0.2.1|1|no|TLS1.1:X:256||",
	    WOULD("a TLS version before 1.2") },
	{ "TLS 1.0, as Exim calls it", "smtp:ehlo", "mx.example.com",
	    "testing|192.0.2.1|1|no|TLS1:X:256||",
	    WOULD("a TLS version before 1.2") },
	{ "TLS 1.0, as others do", "smtp:ehlo", "mx.example.com",
	    "testing|192.0.2.1|1|no|TLS1.0:X:256||",
	    WOULD("a TLS version before 1.2") },
	{ "TLS 1.2", "smtp:ehlo", "mx.example.com",
	    "testing|192.0.2.1|1|no|TLS1.2:X:256||", "" },
	{ "another event", "smtp:connect", "mx.example.net", "testing" PLAIN,
	    "" },
	{ "a callout", "tcp:close", "mx.example.com",
	    "testing|192.0.2.1|0|no|||R", "" },
	{ "another transport", "tcp:close", "mx.example.com", "enforce" PLAIN,
	    "" },
	{ "a host in upper case with a final dot", "smtp:ehlo",
	    "MX.EXAMPLE.COM.", "testing" SECURE, "" },
};

static void
tells_what_enforce_would_have_done(void **state)
{
	struct fakes *f = *state;
	const struct testing_row *r = f->row;

	fakes_cache_policy(f, "1", TESTING_TEXT);
	raise_event(r->event, "0", "example.com", r->host, r->packed);
	assert_string_equal(fakes_log(), r->want);
	fakes_calm(f);
	f->config.log = LOG_NOTHING;
	(void)fakes_restart(f);
	raise_event(r->event, "0", "example.com", r->host, r->packed);
	assert_string_equal(fakes_log(), "");
	assert_asked(f, 0, 0);
}

/* The events of one delivery in their order, in one process or each in its
 * own, and for how many hosts something is told. */
static const struct story_row {
	const char *name;
	bool apart; /* each event has a process of its own */
	size_t want;
	struct {
		const char *event;
		const char *error;
		const char *host;
		const char *packed;
	} events[9];
} story_rows[] = {
	{ "TLS breaks off, then a session in clear", false, 1,
	    { { "tcp:connect", "0", "mx.example.com", "testing" PLAIN },
		{ "smtp:ehlo", "0", "mx.example.com", "testing" PLAIN },
		{ "tcp:close", "0", "mx.example.com", "testing" PLAIN },
		{ "msg:host:defer", "-37", "mx.example.com",
		    "testing" PLAIN },
		{ "tcp:connect", "-37", "mx.example.com", "testing" PLAIN },
		{ "smtp:ehlo", "-37", "mx.example.com", "testing" PLAIN },
		{ "tcp:close", "-37", "mx.example.com",
		    "testing" PLAIN } } },
	{ "the same, each event apart", true, 1,
	    { { "tcp:close", "0", "mx.example.com", "testing" PLAIN },
		{ "msg:host:defer", "-37", "mx.example.com",
		    "testing" PLAIN },
		{ "tcp:close", "-37", "mx.example.com",
		    "testing" PLAIN } } },
	{ "a banner that sends us away", false, 0,
	    { { "tcp:connect", "0", "mx.example.com", "testing" PLAIN },
		{ "tcp:close", "0", "mx.example.com", "testing" PLAIN },
		{ "msg:host:defer", "0", "mx.example.com",
		    "testing" PLAIN } } },
	{ "such a banner, and the next host has no TLS", false, 1,
	    { { "tcp:connect", "0", "mx.example.net", "testing" PLAIN },
		{ "tcp:close", "0", "mx.example.net", "testing" PLAIN },
		{ "tcp:connect", "0", "mx.example.com", "testing" PLAIN },
		{ "smtp:ehlo", "0", "mx.example.com", "testing" PLAIN },
		{ "tcp:close", "0", "mx.example.com",
		    "testing" PLAIN } } },
	{ "two hosts, each with a fault", false, 2,
	    { { "smtp:ehlo", "0", "mx.example.net", "testing" SECURE },
		{ "tcp:close", "0", "mx.example.net", "testing" SECURE },
		{ "tcp:connect", "0", "mx.example.com", "testing" PLAIN },
		{ "smtp:ehlo", "0", "mx.example.com", "testing" PLAIN },
		{ "tcp:close", "0", "mx.example.com",
		    "testing" PLAIN } } },
	{ "a certificate with two faults", false, 1,
	    { { "mta-sts:no-san", "0", "mx.example.com", "testing" PLAIN },
		{ "smtp:ehlo", "0", "mx.example.com",
		    "testing|192.0.2.1|0|no|TLS1.3:X:256||" } } },
};

/* RFC 8461 5: one line a host, not one an event. */
static void
tells_once(void **state)
{
	struct fakes *f = *state;
	const struct story_row *r = f->row;
	const char *line;
	size_t lines = 0;

	fakes_cache_policy(f, "1", TESTING_TEXT);
	for (size_t i = 0; i < 9 && r->events[i].event != NULL; i++) {
		if (r->apart)
			(void)fakes_restart(f);
		raise_event(r->events[i].event, r->events[i].error,
		    "example.com", r->events[i].host, r->events[i].packed);
	}
	for (line = fakes_log(); *line != '\0'; line++)
		lines += *line == '\n';
	assert_int_equal(lines, r->want);
}

/* RFC 8461 5, 6: only a policy in force, and of that mode, is told about. */
static void
nothing_is_told_without_a_testing_policy(void **state)
{
	static const char *const texts[] = { ENFORCE_TEXT,
		POLICY_TEXT("none", "604800", "mx.example.com") };
	struct fakes *f = *state;

	raise_event("tcp:close", "0", "example.com", "a", "testing" PLAIN);
	for (size_t i = 0; i < 2; i++) {
		fakes_cache_policy(f, i == 0 ? "1" : "2", texts[i]);
		raise_event("tcp:close", "0", "example.com", "a",
		    "testing" PLAIN);
		assert_string_equal(fakes_log(), "");
		f->now += DAY;
	}
	fakes_cache_policy(f, "3", TESTING_TEXT);
	f->now += WEEK;
	raise_event("tcp:close", "0", "example.com", "a", "testing" PLAIN);
	assert_string_equal(fakes_log(), "");
	assert_asked(f, 0, 0);
}

static void
a_hostile_host_name_forges_no_line_of_the_log(void **state)
{
	struct fakes *f = *state;
	const char *line;
	char host[2000];

	fakes_cache_policy(f, "1", TESTING_TEXT);
	memset(host, 'a', sizeof host);
	memcpy(host, "x\nMTA-STS: \x1b[2J\x7f\xff\r%s%n", 23);
	host[sizeof host - 1] = '\0';
	raise_event("tcp:close", "0", "example.com", host, "testing" PLAIN);
	line = fakes_log();
	assert_non_null(strstr(line, ": the policy does not permit this host"));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	for (; *line != '\n'; line++)
		assert_in_range(*line, ' ', '~');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(a_wrong_number_of_arguments_is_no_event),
		flow_test(an_event_of_another_domain_marks_nothing),
		flow_test(text_of_the_other_side_is_cleaned_and_bounded),
		flow_test(no_failure_is_told_of_a_policy_of_another_mode),
		flow_test(a_failure_under_a_policy_out_of_the_cache_is_told),
		flow_test(of_a_policy_for_once_all_is_told),
		flow_test(no_answer_is_repeated_after_a_failure),
		flow_test(the_next_process_asks_dns_and_takes_the_new_policy),
		flow_test(the_end_of_a_session_without_tls_is_marked),
		flow_test(a_session_under_tls_takes_the_mark_off),
		flow_test(nothing_is_told_without_a_testing_policy),
		flow_test(a_hostile_host_name_forges_no_line_of_the_log),
	};

	return FLOW_ROWS(enforce_rows, marks_the_domain) +
	    FLOW_ROWS(told_rows, tells_what_failed) +
	    FLOW_ROWS(hosts_rows, tells_which_hosts_were_refused) +
	    FLOW_ROWS(story_rows, tells_once) +
	    FLOW_ROWS(testing_rows, tells_what_enforce_would_have_done) +
	    cmocka_run_group_tests(tests, NULL, NULL);
}
