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
raise_event(struct fakes *f, const char *name, const char *error,
    const char *domain, const char *host, const char *packed)
{
	const char *const argv[EVENT_ARGS] = { name, "data", error, domain,
		host, "192.0.2.25", packed };

	event_handle(fakes_lookup(), EVENT_ARGS, argv);
}

/* --- enforce --------------------------------------------------------------- */

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
	raise_event(f, r->event, r->error, "Example.COM", "mx.example.net",
	    r->packed);
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.trial.marked_at, r->want ? f->now : 0);
	assert_answer(fakes_ask(f, "example.com"), "enforce",
	    r->want ? "checked" : "cached");
	assert_string_equal(fakes_log(), "");
}

static void
a_wrong_number_of_arguments_does_nothing(void **state)
{
	const char *const argv[] = { "mta-sts:refused", "", "0", "example.com",
		"", "", "enforce", "" };
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	for (int argc = 0; argc <= 8; argc++)
		if (argc != EVENT_ARGS)
			event_handle(fakes_lookup(), argc, argv);
	event_handle(fakes_lookup(), -1, argv);
	event_handle(fakes_lookup(), 0, NULL);
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.trial.marked_at, 0);
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
		raise_event(f, "mta-sts:refused", "0", domains[i], "",
		    "enforce");
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.trial.marked_at, 0);
	assert_asked(f, 0, 0);
	assert_string_equal(fakes_log(), "");
}

/* What this process was told before an event is asked anew after it. */
static void
no_answer_is_repeated_after_an_event(void **state)
{
	static const char *const events[] = { "mta-sts:refused", "tcp:close",
		"msg:host:defer", "msg:delivery" };
	struct fakes *f = *state;

	f->config.recheck = 0;
	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	(void)fakes_ask(f, "example.com");
	for (unsigned i = 0; i < 4; i++) {
		raise_event(f, events[i], "0", "example.com", "", "enforce");
		(void)fakes_ask_again(f, "example.com");
		(void)fakes_ask_again(f, "example.com");
		assert_int_equal(f->asked, i + 2);
	}
}

static void
the_next_process_asks_dns_and_takes_the_new_policy(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	raise_event(f, "mta-sts:refused", "0", "example.com", "",
	    "enforce||||||");
	fakes_publish(f, "2", POLICY_TEXT("enforce", "604800", "b.example"));
	assert_string_equal(fakes_ask(f, "example.com")->mx, "b.example");
	fakes_calm(f);
	(void)fakes_ask(f, "example.com");
	assert_asked(f, 0, 0);
}

/* --- testing --------------------------------------------------------------- */

#define WOULD(why)                                                       \
	"MTA-STS: example.com: testing: enforcement would have deferred at " \
	why "\n"

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
	    WOULD("mx.example.net: the policy does not permit this host") },
	{ "such a host without TLS", "tcp:close", "mx.example.net",
	    "testing" PLAIN,
	    WOULD("mx.example.net: the policy does not permit this host") },
	{ "no TLS", "tcp:close", "mx.example.com", "testing" PLAIN,
	    WOULD("mx.example.com: no TLS") },
	{ "the first EHLO, before TLS", "smtp:ehlo", "mx.example.com",
	    "testing" PLAIN, "" },
	{ "a certificate that is not valid", "smtp:ehlo", "mx.example.com",
	    "testing|192.0.2.1|0|no|X||",
	    WOULD("mx.example.com: its certificate is not valid for it") },
	{ "a certificate that is not valid but for DANE", "smtp:ehlo",
	    "mx.example.com", "testing|192.0.2.1|0|yes|X||", "" },
	{ "an Exim without DANE", "smtp:ehlo", "mx.example.com",
	    "testing|192.0.2.1|1||X||", "" },
	{ "a certificate with no name in its SAN", "mta-sts:no-san",
	    "mx.example.com", "testing|192.0.2.1|1|no|||",
	    WOULD("mx.example.com: its certificate has no name in its SAN") },
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
	raise_event(f, r->event, "0", "example.com", r->host, r->packed);
	assert_string_equal(fakes_log(), r->want);
	fakes_calm(f);
	f->config.log = LOG_NOTHING;
	(void)fakes_restart(f);
	raise_event(f, r->event, "0", "example.com", r->host, r->packed);
	assert_string_equal(fakes_log(), "");
	assert_asked(f, 0, 0);
}

/* RFC 8461 5, 6: only a policy in force, and of that mode, is told about. */
static void
nothing_is_told_without_a_testing_policy(void **state)
{
	static const char *const texts[] = { ENFORCE_TEXT,
		POLICY_TEXT("none", "604800", "mx.example.com") };
	struct fakes *f = *state;

	raise_event(f, "tcp:close", "0", "example.com", "a", "testing" PLAIN);
	for (size_t i = 0; i < 2; i++) {
		fakes_cache_policy(f, i == 0 ? "1" : "2", texts[i]);
		raise_event(f, "tcp:close", "0", "example.com", "a",
		    "testing" PLAIN);
		assert_string_equal(fakes_log(), "");
		f->now += DAY;
	}
	fakes_cache_policy(f, "3", TESTING_TEXT);
	f->now += WEEK;
	raise_event(f, "tcp:close", "0", "example.com", "a", "testing" PLAIN);
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
	raise_event(f, "tcp:close", "0", "example.com", host, "testing" PLAIN);
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
		flow_test(a_wrong_number_of_arguments_does_nothing),
		flow_test(an_event_of_another_domain_marks_nothing),
		flow_test(no_answer_is_repeated_after_an_event),
		flow_test(the_next_process_asks_dns_and_takes_the_new_policy),
		flow_test(nothing_is_told_without_a_testing_policy),
		flow_test(a_hostile_host_name_forges_no_line_of_the_log),
	};

	return FLOW_ROWS(enforce_rows, marks_the_domain) +
	    FLOW_ROWS(testing_rows, tells_what_enforce_would_have_done) +
	    cmocka_run_group_tests(tests, NULL, NULL);
}
