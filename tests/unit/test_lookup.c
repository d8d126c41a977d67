/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_lookup.c - which policy is in force: the flow of RFC 8461 3.3, 5.1. */
#include "fakes.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TESTING_TEXT POLICY_TEXT("testing", "604800", "mx.example.com")
#define NONE_TEXT "version: STSv1\nmode: none\nmax_age: 86400\n"

/* --- no policy ------------------------------------------------------------- */

static void
a_domain_without_record_has_no_policy(void **state)
{
	struct fakes *f = *state;

	assert_answer(fakes_ask(f, "example.com"), "none", "absent");
	assert_asked(f, 1, 0);
	assert_string_equal(f->asked_name, "_mta-sts.example.com");
}

static void
an_absence_is_remembered_for_negative_ttl(void **state)
{
	struct fakes *f = *state;

	(void)fakes_ask(f, "example.com");
	f->now += 10 * MINUTE - 1;
	assert_answer(fakes_ask(f, "example.com"), "none", "absent");
	assert_asked(f, 1, 0);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "none", "absent");
	assert_asked(f, 2, 0);
}

/* RFC 8461 3.1: the domain has no available policy. */
static const struct record_row {
	const char *name;
	const char *record[FAKES_RECORDS];
	const char *status;
} record_rows[] = {
	{ "another record", { "v=spf1 -all" }, "absent" },
	{ "another version", { "v=STSv2; id=1;" }, "absent" },
	{ "an id that is none", { "v=STSv1; id=a-b;" }, "unusable" },
	{ "no id", { "v=STSv1;" }, "unusable" },
	{ "two records that are good", { "v=STSv1; id=1;", "v=STSv1; id=2;" },
	    "unusable" },
	{ "two other records", { "a", "b" }, "absent" },
};

static void
no_good_record_no_policy(void **state)
{
	struct fakes *f = *state;
	const struct record_row *r = f->row;

	fakes_publish(f, "1", ENFORCE_TEXT);
	fakes_records(f, r->record[1] == NULL ? 1 : 2, r->record);
	assert_answer(fakes_ask(f, "example.com"), "none", r->status);
	assert_asked(f, 1, 0);
	f->now += 10 * MINUTE - 1;
	assert_answer(fakes_ask(f, "example.com"), "none", r->status);
	assert_asked(f, 1, 0);
}

static void
other_records_beside_a_good_one_do_no_harm(void **state)
{
	static const char *const records[] = { "v=spf1 -all", "v=STSv1; id=1;",
		"x" };
	struct fakes *f = *state;

	fakes_publish(f, "1", ENFORCE_TEXT);
	fakes_records(f, 3, records);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
}

/* The RFC says nothing of it; most deliver. */
static void
a_dns_failure_is_remembered_for_a_minute(void **state)
{
	struct fakes *f = *state;

	fakes_dns_fails(f, STS_DNS, "dns-timeout");
	assert_answer(fakes_ask(f, "example.com"), "none", "unusable");
	f->now += 59;
	assert_answer(fakes_ask(f, "example.com"), "none", "unusable");
	assert_asked(f, 1, 0);
	fakes_publish(f, "1", ENFORCE_TEXT);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
}

static void
dns_failure_defer_defers_what_dns_cannot_tell(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	f->config.defer_on_dns_failure = true;
	fakes_dns_fails(f, STS_DNS, "servfail");
	for (int i = 0; i < 2; i++) {
		a = fakes_ask(f, "example.com");
		assert_string_equal(a->line, "domain=example.com mode=tempfail "
					     "status=error reason=dns");
		f->now += 59;
	}
	assert_asked(f, 1, 0);
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "none", "absent");
}

static void
dns_failure_defer_leaves_a_live_policy_in_force(void **state)
{
	struct fakes *f = *state;

	f->config.defer_on_dns_failure = true;
	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_dns_fails(f, STS_DNS, "servfail");
	f->now += HOUR;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
}

/* --- which domain ---------------------------------------------------------- */

/* RFC 8461 3.4: senders must not go to the parent zone. */
static void
a_subdomain_does_not_get_its_parents_policy(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	assert_answer(fakes_ask(f, "sub.example.com"), "none", "absent");
	assert_asked(f, 1, 0);
	assert_string_equal(f->asked_name, "_mta-sts.sub.example.com");
}

/* RFC 8461 3.1: a TXT wildcard of the zone answers for every name. */
static void
a_wildcard_record_counts_only_if_it_is_one_of_mta_sts(void **state)
{
	static const char *const spf[] = { "v=spf1 include:example.com -all" };
	struct fakes *f = *state;

	fakes_records(f, 1, spf);
	assert_answer(fakes_ask(f, "sub.example.com"), "none", "absent");
	assert_asked(f, 1, 0);
	fakes_publish(f, "1", ENFORCE_TEXT);
	f->now += HOUR;
	assert_answer(fakes_ask(f, "sub.example.com"), "enforce", "fresh");
	assert_string_equal(f->fetched_name, "sub.example.com");
}

/* RFC 8461 3.4: the caller names the smart host; nothing else is asked. */
static void
a_smart_host_is_a_policy_domain_like_others(void **state)
{
	struct fakes *f = *state;

	fakes_publish(f, "1", ENFORCE_TEXT);
	assert_answer(fakes_ask(f, "relay.example.net"), "enforce", "fresh");
	assert_string_equal(f->asked_name, "_mta-sts.relay.example.net");
	assert_string_equal(f->fetched_name, "relay.example.net");
}

static void
one_domain_has_one_entry_however_it_is_spelt(void **state)
{
	static const char *const spellings[] = { "EXAMPLE.com", "example.com.",
		"Example.COM." };
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	for (size_t i = 0; i < 3; i++) {
		const struct answer *a = fakes_ask(f, spellings[i]);

		assert_answer(a, "enforce", "cached");
		assert_string_equal(a->domain, "example.com");
	}
	assert_asked(f, 0, 0);
	fakes_publish(f, "1", ENFORCE_TEXT);
	assert_string_equal(fakes_ask(f, "b\xc3\xbc"
					 "cher.example")
				->domain,
	    "xn--bcher-kva.example");
}

/* RFC 8461 3.4: address literals have no policy; and nothing that is no
 * domain may get into a name, a path or a log. */
static const struct domain_row {
	const char *name;
	const char *domain;
} domain_rows[] = {
	{ "an address literal", "[192.0.2.1]" },
	{ "an IPv6 literal", "[IPv6:2001:db8::1]" },
	{ "a dotted quad", "192.0.2.1" },
	{ "nothing", "" },
	{ "a dot", "." },
	{ "a root of dots", ".." },
	{ "an empty label", "a..example" },
	{ "a leading dot", ".example" },
	{ "a blank", "a b.example" },
	{ "a line end", "a.example\nMTA-STS: forged" },
	{ "a colon", "a:b.example" },
	{ "a slash", "../../etc/passwd" },
	{ "an underscore", "_mta-sts.example" },
	{ "a wildcard", "*.example" },
	{ "an expansion", "${run{/bin/id}}" },
	{ "a format", "%s%n.example" },
	{ "an address", "user@example" },
	{ "a quote", "a\".example" },
	{ "a byte that is no UTF-8", "a\xff.example" },
	{ "a control character", "a\x01.example" },
	{ "a long label",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    ".example" },
};

static void
what_is_no_domain_never_reaches_the_resolver(void **state)
{
	struct fakes *f = *state;
	const struct domain_row *r = f->row;
	const struct answer *a = fakes_ask(f, r->domain);

	assert_string_equal(a->line, "mode=none status=notadomain");
	assert_answer(fakes_ask_for(f, r->domain, LOOKUP_REFETCH), "none",
	    "notadomain");
	assert_false(lookup_wants_prefetch(fakes_lookup(), r->domain));
	lookup_mark(fakes_lookup(), r->domain);
	assert_asked(f, 0, 0);
	assert_int_equal(access(fakes_path(f, "policies.tdb"), F_OK), -1);
}

static void
a_name_too_long_for_its_record_is_not_asked_for(void **state)
{
	struct fakes *f = *state;
	char name[256];

	fakes_publish(f, "1", ENFORCE_TEXT);
	for (size_t len = 240; len < 256; len++) {
		for (size_t i = 0; i < len; i++)
			name[i] = i % 50 == 49 ? '.' : 'a';
		name[len] = '\0';
		fakes_calm(f);
		/* "_mta-sts." and the name: 253 bytes at most. */
		if (name[len - 1] == '.' ? len <= 245 : len <= 244)
			assert_answer(fakes_ask(f, name), "enforce", "fresh");
		else
			assert_answer(fakes_ask(f, name), "none", "notadomain");
		assert_true(strlen(f->asked_name) <= 253);
	}
}

/* --- a policy comes and lives ---------------------------------------------- */

static void
a_new_domain_is_asked_and_fetched(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	fakes_publish(f, "20240101T000000", ENFORCE_TEXT);
	a = fakes_ask(f, "example.com");
	assert_answer(a, "enforce", "fresh");
	assert_string_equal(a->id, "20240101T000000");
	assert_int_equal(a->max_age, WEEK);
	assert_int_equal(a->fetched_at, FAKES_START);
	assert_int_equal(a->expires, FAKES_START + WEEK);
	assert_string_equal(a->mx, "mx.example.com");
	assert_string_equal(f->fetched_name, "example.com");
	assert_asked(f, 1, 1);
}

static void
a_live_policy_is_used_without_a_question_until_recheck(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += 5 * MINUTE - 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	assert_asked(f, 0, 0);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
	assert_asked(f, 1, 0);
	f->now += 5 * MINUTE - 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	assert_asked(f, 1, 0);
}

/* RFC 8461 3.2: max_age counts from the last fetch. */
static void
the_same_id_never_extends_the_lifetime(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	for (f->now += HOUR; f->now < FAKES_START + WEEK; f->now += DAY) {
		a = fakes_ask(f, "example.com");
		assert_answer(a, "enforce", "checked");
		assert_int_equal(a->expires, FAKES_START + WEEK);
	}
	assert_int_equal(f->fetched, 0);
	fakes_https_fails(f, STS_FETCH, "http-404");
	f->now = FAKES_START + WEEK;
	assert_answer(fakes_ask(f, "example.com"), "none", "unusable");
	assert_int_equal(f->fetched, 1);
}

static void
a_policy_is_in_force_to_the_last_second(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	f->now = FAKES_START + WEEK - 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "none", "absent");
}

/* RFC 8461 5.1 */
static void
an_expired_policy_is_fetched_again_for_the_same_id(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += WEEK;
	a = fakes_ask(f, "example.com");
	assert_answer(a, "enforce", "fresh");
	assert_int_equal(a->expires, f->now + WEEK);
	assert_asked(f, 1, 1);
}

/* RFC 8461 3.3, 3.1, 10.2: whatever an attacker or an accident can do to DNS
 * and HTTPS ... */
static const struct fault_row {
	const char *name;
	enum sts_status dns;
	const char *dns_word;
	const char *record[2];
	enum sts_status https;
	const char *https_word;
	const char *text;
	const char *expired; /* the status once the policy is past its end */
} fault_rows[] = {
	{ .name = "SERVFAIL", .dns = STS_DNS, .dns_word = "servfail",
	    .expired = "unusable" },
	{ .name = "a time-out of DNS", .dns = STS_DNS,
	    .dns_word = "dns-timeout", .expired = "unusable" },
	{ .name = "NXDOMAIN", .dns = STS_ABSENT, .dns_word = "nxdomain",
	    .expired = "absent" },
	{ .name = "no TXT record", .dns = STS_ABSENT, .dns_word = "nodata",
	    .expired = "absent" },
	{ .name = "a record without v=STSv1", .record = { "id=2;" },
	    .expired = "absent" },
	{ .name = "a record that is invalid", .record = { "v=STSv1; id=-" },
	    .expired = "unusable" },
	{ .name = "two records",
	    .record = { "v=STSv1; id=1;", "v=STSv1; id=2;" },
	    .expired = "unusable" },
	{ .name = "a new id without policy host", .record = { "v=STSv1; id=2" },
	    .https = STS_FETCH, .https_word = "host-not-found",
	    .expired = "unusable" },
	{ .name = "a new id and HTTP 404", .record = { "v=STSv1; id=2" },
	    .https = STS_FETCH, .https_word = "http-404",
	    .expired = "unusable" },
	{ .name = "a new id and a redirect", .record = { "v=STSv1; id=2" },
	    .https = STS_FETCH, .https_word = "redirect",
	    .expired = "unusable" },
	{ .name = "a new id and a bad certificate",
	    .record = { "v=STSv1; id=2" }, .https = STS_CERT,
	    .https_word = "cert-name", .expired = "unusable" },
	{ .name = "a new id and an empty text", .record = { "v=STSv1; id=2" },
	    .text = "", .expired = "unusable" },
	{ .name = "a new id and a text that is none",
	    .record = { "v=STSv1; id=2" }, .text = "<html>",
	    .expired = "unusable" },
	{ .name = "a new id and a policy without mx",
	    .record = { "v=STSv1; id=2" },
	    .text = "version: STSv1\nmode: enforce\nmax_age: 86400\n",
	    .expired = "unusable" },
	{ .name = "a new id and a policy without mode",
	    .record = { "v=STSv1; id=2" },
	    .text = "version: STSv1\nmx: a.example\nmax_age: 86400\n",
	    .expired = "unusable" },
};

static void
set_fault(struct fakes *f, const struct fault_row *r)
{
	fakes_publish(f, "1", r->text != NULL ? r->text : ENFORCE_TEXT);
	if (r->dns != STS_OK)
		fakes_dns_fails(f, r->dns, r->dns_word);
	else
		fakes_records(f, r->record[1] == NULL ? 1 : 2, r->record);
	if (r->https != STS_OK)
		fakes_https_fails(f, r->https, r->https_word);
}

/* ... a live policy survives it, ... */
static void
a_live_policy_survives(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	set_fault(f, f->row);
	for (f->now += HOUR; f->now < FAKES_START + WEEK; f->now += DAY) {
		a = fakes_ask(f, "example.com");
		assert_answer(a, "enforce", "stale");
		assert_string_equal(a->id, "1");
		assert_string_equal(a->mx, "mx.example.com");
		assert_int_equal(a->expires, FAKES_START + WEEK);
		/* In the same process and in the next. */
		assert_answer(fakes_ask_again(f, "example.com"), "enforce",
		    "stale");
		f->now += 1;
		assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	}
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_string_equal(e.id, "1");
	assert_int_equal(e.mode, STS_ENFORCE);
	assert_int_equal(e.fetched_at, FAKES_START);
}

/* ... and an expired one does not. */
static void
an_expired_policy_does_not_survive(void **state)
{
	struct fakes *f = *state;
	const struct fault_row *r = f->row;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	set_fault(f, r);
	f->now += WEEK;
	assert_answer(fakes_ask(f, "example.com"), "none", r->expired);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "none", r->expired);
}

/* --- a policy changes ------------------------------------------------------ */

/* RFC 8461 3.1: there is no order among ids. */
static void
a_new_id_brings_the_new_policy_at_once(void **state)
{
	static const char *const ids[] = { "2", "1", "a", "A", "01" };
	struct fakes *f = *state;
	const struct answer *a;

	f->config.recheck = 0;
	fakes_cache_policy(f, "3", ENFORCE_TEXT);
	for (unsigned i = 0; i < 5; i++) {
		fakes_publish(f, ids[i], i % 2 == 0 ? TESTING_TEXT
						    : ENFORCE_TEXT);
		a = fakes_ask(f, "example.com");
		assert_answer(a, i % 2 == 0 ? "testing" : "enforce", "fresh");
		assert_string_equal(a->id, ids[i]);
		assert_asked(f, i + 1, i + 1);
	}
}

/* RFC 8461 3.2 */
static void
a_new_policy_has_its_own_lifetime_from_now(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += HOUR;
	fakes_publish(f, "2", POLICY_TEXT("enforce", "7200", "b.example"));
	a = fakes_ask(f, "example.com");
	assert_answer(a, "enforce", "fresh");
	assert_int_equal(a->expires, f->now + 2 * HOUR);
	assert_string_equal(a->mx, "b.example");
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	f->now += 2 * HOUR;
	assert_answer(fakes_ask(f, "example.com"), "none", "absent");
}

/* RFC 8461 8.3 */
static void
a_new_policy_of_mode_none_ends_enforcement(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_publish(f, "2", NONE_TEXT);
	f->now += HOUR;
	a = fakes_ask(f, "example.com");
	assert_answer(a, "none", "fresh");
	assert_string_equal(a->id, "2");
	a = fakes_ask(f, "example.com");
	assert_answer(a, "none", "cached");
	assert_string_equal(answer_match(a, "mx.example.com"), "nopolicy");
	/* It is in force itself, whatever becomes of the record. */
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	f->now += HOUR;
	assert_answer(fakes_ask(f, "example.com"), "none", "stale");
}

/* RFC 8461 3.3: five minutes or longer per version id. */
static void
no_fetch_within_five_minutes_of_a_failed_one_for_the_same_id(void **state)
{
	struct fakes *f = *state;

	fakes_publish(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, STS_FETCH, "http-404");
	assert_answer(fakes_ask(f, "example.com"), "none", "unusable");
	fakes_publish(f, "1", ENFORCE_TEXT);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "none", "unusable");
	f->now += 5 * MINUTE - 2;
	assert_answer(fakes_ask(f, "example.com"), "none", "unusable");
	assert_int_equal(f->fetched, 1);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
	assert_int_equal(f->fetched, 2);
}

static void
nor_while_a_policy_is_cached(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += HOUR;
	fakes_publish(f, "2", TESTING_TEXT);
	fakes_https_fails(f, STS_CERT, "cert-expired");
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	fakes_publish(f, "2", TESTING_TEXT);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	f->now += 5 * MINUTE - 2;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	assert_int_equal(f->fetched, 1);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "testing", "fresh");
}

static void
a_new_id_is_fetched_at_once_though_another_failed(void **state)
{
	struct fakes *f = *state;

	fakes_publish(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, STS_FETCH, "http-404");
	(void)fakes_ask(f, "example.com");
	fakes_publish(f, "2", ENFORCE_TEXT);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
	assert_asked(f, 2, 2);
}

static void
an_id_taken_back_is_the_cached_policys_again(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += HOUR;
	fakes_publish(f, "2", ENFORCE_TEXT);
	fakes_https_fails(f, STS_FETCH, "http-404");
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	fakes_publish(f, "1", ENFORCE_TEXT);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
	assert_int_equal(f->fetched, 1);
}

/* Back-off is known to be that, though DNS failed in between. */
static void
a_dns_failure_in_between_does_not_end_the_back_off(void **state)
{
	struct fakes *f = *state;

	f->config.defer_on_dns_failure = true;
	fakes_publish(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, STS_FETCH, "http-404");
	(void)fakes_ask(f, "example.com");
	fakes_dns_fails(f, STS_DNS, "servfail");
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "tempfail", "error");
	fakes_publish(f, "1", ENFORCE_TEXT);
	f->now += 60;
	assert_answer(fakes_ask(f, "example.com"), "none", "unusable");
	assert_int_equal(f->fetched, 1);
}

/* RFC 8461 3.2 */
static void
max_age_0_is_used_once_and_not_kept(void **state)
{
	struct fakes *f = *state;
	struct entry e;

	fakes_publish(f, "1", POLICY_TEXT("enforce", "0", "mx.example.com"));
	assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_MISS);
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	assert_answer(fakes_ask(f, "example.com"), "none", "absent");
}

static void
nor_is_it_kept_in_memory(void **state)
{
	struct fakes *f = *state;

	fakes_publish(f, "1", POLICY_TEXT("enforce", "0", "mx.example.com"));
	assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
	assert_answer(fakes_ask_again(f, "example.com"), "enforce", "fresh");
	assert_asked(f, 2, 2);
}

static void
max_age_0_ends_an_older_enforce_policy(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_publish(f, "2", POLICY_TEXT("none", "0", "mx.example.com"));
	f->now += HOUR;
	assert_answer(fakes_ask(f, "example.com"), "none", "fresh");
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	assert_answer(fakes_ask(f, "example.com"), "none", "absent");
}

/* --- clocks ---------------------------------------------------------------- */

static void
a_clock_set_back_by_a_day_leaves_the_policy_in_force(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_dns_fails(f, STS_DNS, "servfail");
	fakes_https_fails(f, STS_FETCH, "connect");
	f->now -= DAY;
	a = fakes_ask(f, "example.com");
	assert_answer(a, "enforce", "stale");
	assert_int_equal(a->expires, FAKES_START + WEEK);
	/* It ends when it would have ended: a day later for this clock. */
	f->now = FAKES_START + WEEK - 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "none", "unusable");
}

static void
a_policy_from_the_future_keeps_applying_and_is_fetched_again(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now -= WEEK;
	fakes_https_fails(f, STS_FETCH, "connect");
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	assert_asked(f, 1, 1);
	/* Not at every look-up. */
	f->now += 5 * MINUTE - 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
	assert_int_equal(f->fetched, 1);
	fakes_publish(f, "1", ENFORCE_TEXT);
	f->now += 1;
	a = fakes_ask(f, "example.com");
	assert_answer(a, "enforce", "fresh");
	assert_int_equal(a->expires, f->now + WEEK);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
}

static void
clocks_may_differ_by_minutes(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now -= 5 * MINUTE;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
	assert_asked(f, 1, 0);
}

static void
an_absence_from_the_future_is_not_believed(void **state)
{
	struct fakes *f = *state;

	(void)fakes_ask(f, "example.com");
	f->now -= DAY;
	fakes_publish(f, "1", ENFORCE_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
}

static void
an_answer_in_memory_from_the_future_is_not_believed(void **state)
{
	struct fakes *f = *state;

	(void)fakes_ask(f, "example.com");
	f->now -= 1;
	(void)fakes_ask_again(f, "example.com");
	assert_asked(f, 2, 0);
}

/* --- this process's memory ------------------------------------------------- */

static void
a_second_look_up_in_the_same_process_does_not_open_the_cache(void **state)
{
	struct fakes *f = *state;
	char away[100];

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	(void)snprintf(away, sizeof away, "%s-away", f->dir);
	assert_int_equal(rename(f->dir, away), 0);
	f->now += 59;
	assert_answer(fakes_ask_again(f, "example.com"), "enforce", "cached");
	assert_int_equal(rename(away, f->dir), 0);
	assert_asked(f, 0, 0);
	assert_string_equal(fakes_log(), "");
}

static void
a_process_repeats_itself_for_a_minute_at_most(void **state)
{
	struct fakes *f = *state;

	f->config.recheck = 0;
	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	(void)fakes_ask(f, "example.com");
	f->now += 59;
	(void)fakes_ask_again(f, "example.com");
	assert_asked(f, 1, 0);
	f->now += 1;
	(void)fakes_ask_again(f, "example.com");
	assert_asked(f, 2, 0);
}

static void
a_process_does_not_repeat_itself_past_the_policys_end(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1",
	    POLICY_TEXT("enforce", "90", "mx.example.com"));
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	f->now += 89;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	assert_answer(fakes_ask_again(f, "example.com"), "enforce", "cached");
	f->now += 1;
	assert_answer(fakes_ask_again(f, "example.com"), "none", "absent");
}

static void
answers_for_many_domains_do_not_get_mixed_up(void **state)
{
	struct fakes *f = *state;
	char domain[32];

	f->config.recheck = 0;
	fakes_publish(f, "1", ENFORCE_TEXT);
	(void)fakes_restart(f);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(domain, sizeof domain, "d%d.example", i * 7 % 20);
		assert_string_equal(fakes_ask_again(f, domain)->domain, domain);
	}
}

/* --- refresh --------------------------------------------------------------- */

/* RFC 8461 3.2, 10.2: not the id but the policy host knows what is in force. */
static void
a_refresh_takes_another_text_under_the_same_id(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_publish(f, "1", POLICY_TEXT("testing", "86400", "b.example"));
	f->now += HOUR;
	a = fakes_ask_for(f, "example.com", LOOKUP_REFETCH);
	assert_answer(a, "testing", "fresh");
	a = fakes_ask(f, "example.com");
	assert_answer(a, "testing", "cached");
	assert_string_equal(a->mx, "b.example");
	assert_int_equal(a->expires, f->now + DAY);
}

/* RFC 8461 10.2: regardless of the state of the TXT record. */
static void
a_refresh_fetches_although_the_record_is_gone(void **state)
{
	static const struct {
		enum sts_status why;
		const char *word;
	} faults[] = { { STS_ABSENT, "nxdomain" }, { STS_DNS, "dns-timeout" },
		{ STS_SYSTEM, "resolver" } };
	struct fakes *f = *state;
	const struct answer *a;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	for (size_t i = 0; i < 3; i++) {
		f->now += DAY;
		fakes_dns_fails(f, faults[i].why, faults[i].word);
		a = fakes_ask_for(f, "example.com", LOOKUP_REFETCH);
		assert_answer(a, "enforce", "fresh");
		assert_int_equal(a->expires, f->now + WEEK);
		assert_string_equal(a->id, "1");
	}
}

/* RFC 8461 3.3: and tells the administrator, ... */
static void
a_refresh_that_fails_leaves_the_policy_and_its_end(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, STS_CERT, "cert-expired");
	for (int day = 1; day < 4; day++) {
		f->now += DAY;
		fakes_calm(f);
		a = fakes_ask_for(f, "example.com", LOOKUP_REFETCH);
		assert_answer(a, "enforce", "stale");
		assert_int_equal(a->expires, FAKES_START + WEEK);
		assert_string_equal(fakes_log(),
		    "MTA-STS: example.com: policy not fetched (cert-expired): "
		    "HTTPS says no; the cached policy stays in force\n");
	}
}

/* ... but not about a policy of mode none (10.2, 8.3). */
static void
no_alert_while_a_policy_of_mode_none_runs_out(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", NONE_TEXT);
	fakes_https_fails(f, STS_FETCH, "host-not-found");
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	f->now += HOUR;
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_REFETCH), "none",
	    "stale");
	f->now += HOUR;
	assert_answer(fakes_ask(f, "example.com"), "none", "stale");
	assert_string_equal(fakes_log(), "");
}

static void
a_refresh_is_no_use_of_the_policy(void **state)
{
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	for (int day = 1; day < 4; day++) {
		f->now += DAY + 1;
		assert_answer(fakes_ask_for(f, "example.com", LOOKUP_REFETCH),
		    "enforce", "fresh");
	}
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.used_at, FAKES_START);
	(void)fakes_ask(f, "example.com");
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.used_at, f->now);
}

/* RFC 8461 3.3, 10.2: where no timer runs. */
static void
a_policy_over_a_day_old_is_refreshed_in_the_background_once(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += DAY;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(f->started, 0);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	assert_int_equal(f->started, 1);
	assert_string_equal(f->started_name, "example.com");
	/* Started once, whatever came of it, ... */
	f->now += 5 * MINUTE - 1;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(f->started, 1);
	/* ... for five minutes. */
	f->now += 1;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(f->started, 2);
	assert_int_equal(f->fetched, 0);
}

static void
so_is_one_over_half_its_max_age_old(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1",
	    POLICY_TEXT("enforce", "7200", "mx.example.com"));
	f->now += HOUR;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(f->started, 0);
	f->now += 1;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(f->started, 1);
	/* The memory of this process starts nothing. */
	(void)fakes_ask_again(f, "example.com");
	assert_int_equal(f->started, 1);
}

static void
a_refreshed_policy_is_not_refreshed_again(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += DAY + 1;
	(void)fakes_ask_for(f, "example.com", LOOKUP_REFETCH);
	(void)fakes_ask(f, "example.com");
	assert_int_equal(f->started, 0);
}

static void
a_refresh_that_fails_starts_no_other(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, STS_FETCH, "connect");
	f->now += DAY + 1;
	(void)fakes_ask_for(f, "example.com", LOOKUP_REFETCH);
	fakes_https_fails(f, STS_SYSTEM, "helper-missing");
	f->now += HOUR;
	(void)fakes_ask_for(f, "example.com", LOOKUP_REFETCH);
	assert_int_equal(f->started, 0);
	f->now -= HOUR;
	(void)fakes_ask(f, "example.com");
	assert_int_equal(f->started, 0);
}

/* --- other ways to ask ----------------------------------------------------- */

static void
recheck_asks_dns_whatever_the_cache_says(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_RECHECK),
	    "enforce", "checked");
	assert_asked(f, 1, 0);
	fakes_publish(f, "2", TESTING_TEXT);
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_RECHECK),
	    "testing", "fresh");
}

static void
no_cache_neither_reads_nor_writes_one(void **state)
{
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_NO_CACHE), "none",
	    "absent");
	fakes_publish(f, "2", TESTING_TEXT);
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_NO_CACHE),
	    "testing", "fresh");
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_string_equal(e.id, "1");
	assert_answer(fakes_ask_for(f, "example.net", LOOKUP_NO_CACHE),
	    "testing", "fresh");
	assert_int_equal(fakes_stored(f, "example.net", &e), STS_MISS);
	assert_string_equal(answer_status_name(
				fakes_ask(f, "example.com")->status),
	    "cached");
}

static void
cache_only_asks_nobody_and_starts_nothing(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += DAY + 1;
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_CACHE_ONLY),
	    "enforce", "cached");
	assert_answer(fakes_ask_for(f, "example.net", LOOKUP_CACHE_ONLY),
	    "none", "absent");
	f->now += WEEK;
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_CACHE_ONLY),
	    "none", "absent");
	assert_asked(f, 0, 0);
	assert_int_equal(f->started, 0);
}

static void
a_policy_nobody_asked_dns_about_is_cached_all_the_same(void **state)
{
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	e.trial.asked_at = 0; /* an import, say */
	fakes_store(f, "example.com", &e);
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_CACHE_ONLY),
	    "enforce", "cached");
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
}

static void
a_prefetch_is_wanted_when_a_look_up_would_ask(void **state)
{
	struct fakes *f = *state;

	assert_true(lookup_wants_prefetch(fakes_lookup(), "example.com"));
	(void)fakes_ask(f, "example.com");
	assert_false(lookup_wants_prefetch(fakes_lookup(), "example.com"));
	f->now += 10 * MINUTE;
	assert_true(lookup_wants_prefetch(fakes_lookup(), "example.com"));
	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	assert_false(lookup_wants_prefetch(fakes_lookup(), "example.com"));
	f->now += 5 * MINUTE;
	assert_true(lookup_wants_prefetch(fakes_lookup(), "example.com"));
	assert_asked(f, 0, 0);
}

/* --- after a delivery that failed ------------------------------------------- */

/* RFC 8461 5: DNS is asked before a message may bounce. */
static void
after_a_failed_delivery_dns_is_asked_at_once(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += 1;
	lookup_mark(fakes_lookup(), "example.com");
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
	assert_asked(f, 1, 0);
	fakes_publish(f, "2", TESTING_TEXT);
	f->now += 1;
	lookup_mark(fakes_lookup(), "EXAMPLE.com.");
	assert_answer(fakes_ask(f, "example.com"), "testing", "fresh");
	assert_asked(f, 2, 1);
}

static void
once_for_each_failure(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	lookup_mark(fakes_lookup(), "example.com");
	f->now += 1;
	(void)fakes_ask(f, "example.com");
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	assert_asked(f, 1, 0);
	f->now += 1;
	lookup_mark(fakes_lookup(), "example.com");
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
	assert_asked(f, 2, 0);
}

static void
after_a_failed_delivery_dns_that_fails_is_not_asked_each_time(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	lookup_mark(fakes_lookup(), "example.com");
	fakes_dns_fails(f, STS_DNS, "dns-timeout");
	for (int i = 0; i < 5; i++) {
		f->now += 1;
		assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	}
	assert_asked(f, 1, 0);
}

static void
the_process_that_saw_the_failure_does_not_repeat_itself(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	lookup_mark(fakes_lookup(), "example.com");
	assert_answer(fakes_ask_again(f, "example.com"), "enforce", "checked");
}

static void
a_policy_over_five_minutes_old_is_then_fetched_whatever_the_id(void **state)
{
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += 5 * MINUTE;
	lookup_mark(fakes_lookup(), "example.com");
	fakes_publish(f, "1", TESTING_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "testing", "fresh");
	assert_asked(f, 1, 1);
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_int_equal(e.trial.marked_at, 0);
}

static void
a_younger_one_as_soon_as_it_is_that_old(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += 5 * MINUTE - 2;
	lookup_mark(fakes_lookup(), "example.com");
	fakes_publish(f, "1", TESTING_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
	f->now += 1;
	assert_int_equal(f->fetched, 0);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "testing", "fresh");
}

static void
at_most_every_five_minutes(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += HOUR;
	fakes_https_fails(f, STS_FETCH, "connect");
	for (int i = 0; i < 30; i++) {
		lookup_mark(fakes_lookup(), "example.com");
		assert_string_equal(answer_mode_name(
					fakes_ask(f, "example.com")),
		    "enforce");
		f->now += 30;
	}
	assert_int_equal(f->fetched, 3);
}

static void
also_when_dns_does_not_answer(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += HOUR;
	lookup_mark(fakes_lookup(), "example.com");
	fakes_publish(f, "1", TESTING_TEXT);
	fakes_dns_fails(f, STS_DNS, "dns-timeout");
	assert_answer(fakes_ask(f, "example.com"), "testing", "fresh");
}

static void
a_mark_without_a_policy_does_nothing(void **state)
{
	struct fakes *f = *state;

	(void)fakes_ask(f, "example.com");
	lookup_mark(fakes_lookup(), "example.com");
	assert_answer(fakes_ask(f, "example.com"), "none", "absent");
	assert_asked(f, 1, 0);
}

/* --- the log ---------------------------------------------------------------- */

#define FETCHED                                                       \
	"MTA-STS: example.com: policy fetched: mode=enforce id=1 "    \
	"max_age=604800 mx=mx.example.com\n"
#define STAYS                                                          \
	"MTA-STS: example.com: policy not fetched (http-404): HTTPS " \
	"says no; the cached policy stays in force\n"
#define ASKED(what) "MTA-STS: example.com: asked: " what "\n"
#define ABSENT                                                            \
	"MTA-STS: example.net: no usable record (nxdomain): DNS says no\n" \
	"MTA-STS: example.net: asked: mode=none status=absent nxdomain\n"

static const struct log_row {
	const char *name;
	enum config_log log;
	const char *want;
} log_rows[] = {
	{ "log = none", LOG_NOTHING, "" },
	{ "log = policy", LOG_POLICY, FETCHED STAYS },
	{ "log = all", LOG_ALL,
	    FETCHED ASKED("mode=enforce status=fresh")
		ASKED("mode=enforce status=checked")
		    STAYS ASKED("mode=enforce status=stale http-404")
			ASKED("mode=enforce status=stale http-404") ABSENT },
};

static void
the_log_says_as_much_as_is_wanted(void **state)
{
	struct fakes *f = *state;
	const struct log_row *r = f->row;

	f->config.log = r->log;
	fakes_publish(f, "1", ENFORCE_TEXT);
	(void)fakes_ask(f, "example.com");
	(void)fakes_ask(f, "example.com"); /* from the cache: never a line */
	f->now += HOUR;
	(void)fakes_ask(f, "example.com");
	fakes_publish(f, "2", ENFORCE_TEXT);
	fakes_https_fails(f, STS_FETCH, "http-404");
	f->now += HOUR;
	(void)fakes_ask(f, "example.com");
	(void)fakes_ask(f, "example.com"); /* backing off */
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	(void)fakes_ask(f, "example.net");
	assert_string_equal(fakes_log(), r->want);
}

static void
tolerances_are_named_when_a_policy_comes(void **state)
{
	struct fakes *f = *state;

	fakes_publish(f, "1",
	    "\xef\xbb\xbfversion: STSv1\n\nmode: enforce\nmode: none\n"
	    "max_age: 9999999999\nmx: a.example.\nmx: -\n");
	(void)fakes_ask(f, "example.com");
	assert_string_equal(fakes_log(),
	    "MTA-STS: example.com: policy fetched: mode=enforce id=1 "
	    "max_age=31557600 mx=a.example findings=bom,blank-line,final-dot,"
	    "max-age-capped,mx-dropped,duplicate\n");
}

static void
a_hostile_record_cannot_forge_a_line_of_the_log(void **state)
{
	static const char *const record[] = {
		"v=STSv1; id=1;\nMTA-STS: forged\r\x1b[2J\x7f\xff %s%n"
	};
	struct fakes *f = *state;
	const char *line;

	fakes_records(f, 1, record);
	(void)fakes_ask(f, "example.com");
	line = fakes_log();
	assert_non_null(strstr(line, "no usable record (record-syntax)"));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	for (; *line != '\n'; line++)
		assert_in_range(*line, ' ', '~');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(a_domain_without_record_has_no_policy),
		flow_test(an_absence_is_remembered_for_negative_ttl),
		flow_test(other_records_beside_a_good_one_do_no_harm),
		flow_test(a_dns_failure_is_remembered_for_a_minute),
		flow_test(dns_failure_defer_defers_what_dns_cannot_tell),
		flow_test(dns_failure_defer_leaves_a_live_policy_in_force),
		flow_test(a_subdomain_does_not_get_its_parents_policy),
		flow_test(a_wildcard_record_counts_only_if_it_is_one_of_mta_sts),
		flow_test(a_smart_host_is_a_policy_domain_like_others),
		flow_test(one_domain_has_one_entry_however_it_is_spelt),
		flow_test(a_name_too_long_for_its_record_is_not_asked_for),
		flow_test(a_new_domain_is_asked_and_fetched),
		flow_test(
		    a_live_policy_is_used_without_a_question_until_recheck),
		flow_test(the_same_id_never_extends_the_lifetime),
		flow_test(a_policy_is_in_force_to_the_last_second),
		flow_test(an_expired_policy_is_fetched_again_for_the_same_id),
		flow_test(a_new_id_brings_the_new_policy_at_once),
		flow_test(a_new_policy_has_its_own_lifetime_from_now),
		flow_test(a_new_policy_of_mode_none_ends_enforcement),
		flow_test(
		    no_fetch_within_five_minutes_of_a_failed_one_for_the_same_id),
		flow_test(nor_while_a_policy_is_cached),
		flow_test(a_new_id_is_fetched_at_once_though_another_failed),
		flow_test(an_id_taken_back_is_the_cached_policys_again),
		flow_test(a_dns_failure_in_between_does_not_end_the_back_off),
		flow_test(max_age_0_is_used_once_and_not_kept),
		flow_test(nor_is_it_kept_in_memory),
		flow_test(max_age_0_ends_an_older_enforce_policy),
		flow_test(a_clock_set_back_by_a_day_leaves_the_policy_in_force),
		flow_test(
		    a_policy_from_the_future_keeps_applying_and_is_fetched_again),
		flow_test(clocks_may_differ_by_minutes),
		flow_test(an_absence_from_the_future_is_not_believed),
		flow_test(an_answer_in_memory_from_the_future_is_not_believed),
		flow_test(
		    a_second_look_up_in_the_same_process_does_not_open_the_cache),
		flow_test(a_process_repeats_itself_for_a_minute_at_most),
		flow_test(a_process_does_not_repeat_itself_past_the_policys_end),
		flow_test(answers_for_many_domains_do_not_get_mixed_up),
		flow_test(a_refresh_takes_another_text_under_the_same_id),
		flow_test(a_refresh_fetches_although_the_record_is_gone),
		flow_test(a_refresh_that_fails_leaves_the_policy_and_its_end),
		flow_test(no_alert_while_a_policy_of_mode_none_runs_out),
		flow_test(a_refresh_is_no_use_of_the_policy),
		flow_test(
		    a_policy_over_a_day_old_is_refreshed_in_the_background_once),
		flow_test(so_is_one_over_half_its_max_age_old),
		flow_test(a_refreshed_policy_is_not_refreshed_again),
		flow_test(a_refresh_that_fails_starts_no_other),
		flow_test(recheck_asks_dns_whatever_the_cache_says),
		flow_test(no_cache_neither_reads_nor_writes_one),
		flow_test(cache_only_asks_nobody_and_starts_nothing),
		flow_test(
		    a_policy_nobody_asked_dns_about_is_cached_all_the_same),
		flow_test(a_prefetch_is_wanted_when_a_look_up_would_ask),
		flow_test(after_a_failed_delivery_dns_is_asked_at_once),
		flow_test(once_for_each_failure),
		flow_test(
		    after_a_failed_delivery_dns_that_fails_is_not_asked_each_time),
		flow_test(
		    the_process_that_saw_the_failure_does_not_repeat_itself),
		flow_test(
		    a_policy_over_five_minutes_old_is_then_fetched_whatever_the_id),
		flow_test(a_younger_one_as_soon_as_it_is_that_old),
		flow_test(at_most_every_five_minutes),
		flow_test(also_when_dns_does_not_answer),
		flow_test(a_mark_without_a_policy_does_nothing),
		flow_test(tolerances_are_named_when_a_policy_comes),
		flow_test(a_hostile_record_cannot_forge_a_line_of_the_log),
	};

	return FLOW_ROWS(record_rows, no_good_record_no_policy) +
	    FLOW_ROWS(domain_rows,
		what_is_no_domain_never_reaches_the_resolver) +
	    FLOW_ROWS(fault_rows, a_live_policy_survives) +
	    FLOW_ROWS(fault_rows, an_expired_policy_does_not_survive) +
	    FLOW_ROWS(log_rows, the_log_says_as_much_as_is_wanted) +
	    cmocka_run_group_tests(tests, NULL, NULL);
}
