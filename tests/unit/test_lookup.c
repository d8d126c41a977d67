/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_lookup.c - which policy is in force: the flow of RFC 8461 3.3, 5.1. */
#include "fakes.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NONE_TEXT "version: STSv1\nmode: none\nmax_age: 86400\n"

/* --- no policy ----------------------------------------------------------- */

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

/* --- which domain -------------------------------------------------------- */

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

/* --- a policy comes and lives -------------------------------------------- */

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
	{ "SERVFAIL", STS_DNS, "servfail", { NULL }, 0, NULL, NULL,
	    "unusable" },
	{ "a time-out of DNS", STS_DNS, "dns-timeout", { NULL }, 0, NULL, NULL,
	    "unusable" },
	{ "NXDOMAIN", STS_ABSENT, "nxdomain", { NULL }, 0, NULL, NULL,
	    "absent" },
	{ "no TXT record", STS_ABSENT, "nodata", { NULL }, 0, NULL, NULL,
	    "absent" },
	{ "a record without v=STSv1", 0, NULL, { "id=2;" }, 0, NULL, NULL,
	    "absent" },
	{ "a record that is invalid", 0, NULL, { "v=STSv1; id=-" }, 0, NULL,
	    NULL, "unusable" },
	{ "two records", 0, NULL, { "v=STSv1; id=1;", "v=STSv1; id=2;" }, 0,
	    NULL, NULL, "unusable" },
	{ "a new id without policy host", 0, NULL, { "v=STSv1; id=2" },
	    STS_FETCH, "host-not-found", NULL, "unusable" },
	{ "a new id and HTTP 404", 0, NULL, { "v=STSv1; id=2" }, STS_FETCH,
	    "http-404", NULL, "unusable" },
	{ "a new id and a redirect", 0, NULL, { "v=STSv1; id=2" }, STS_FETCH,
	    "redirect", NULL, "unusable" },
	{ "a new id and a bad certificate", 0, NULL, { "v=STSv1; id=2" },
	    STS_CERT, "cert-name", NULL, "unusable" },
	{ "a new id and an empty text", 0, NULL, { "v=STSv1; id=2" }, 0, NULL,
	    "", "unusable" },
	{ "a new id and a text that is none", 0, NULL, { "v=STSv1; id=2" }, 0,
	    NULL, "<html>", "unusable" },
	{ "a new id and a policy without mx", 0, NULL, { "v=STSv1; id=2" }, 0,
	    NULL, "version: STSv1\nmode: enforce\nmax_age: 86400\n",
	    "unusable" },
	{ "a new id and a policy without mode", 0, NULL, { "v=STSv1; id=2" },
	    0, NULL, "version: STSv1\nmx: a.example\nmax_age: 86400\n",
	    "unusable" },
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

/* --- a policy changes ---------------------------------------------------- */

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
		fakes_publish(f, ids[i],
		    i % 2 == 0 ? TESTING_TEXT : ENFORCE_TEXT);
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
no_second_fetch_for_the_same_id_within_five_minutes(void **state)
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

static const struct CMUnitTest no_policy[] = {
	flow_test(a_domain_without_record_has_no_policy),
	flow_test(an_absence_is_remembered_for_negative_ttl),
	flow_test(other_records_beside_a_good_one_do_no_harm),
	flow_test(a_dns_failure_is_remembered_for_a_minute),
	flow_test(dns_failure_defer_defers_what_dns_cannot_tell),
	flow_test(dns_failure_defer_leaves_a_live_policy_in_force),
};

static const struct CMUnitTest which_domain[] = {
	flow_test(a_subdomain_does_not_get_its_parents_policy),
	flow_test(a_wildcard_record_counts_only_if_it_is_one_of_mta_sts),
	flow_test(a_smart_host_is_a_policy_domain_like_others),
	flow_test(one_domain_has_one_entry_however_it_is_spelt),
	flow_test(a_name_too_long_for_its_record_is_not_asked_for),
};

static const struct CMUnitTest lives[] = {
	flow_test(a_new_domain_is_asked_and_fetched),
	flow_test(a_live_policy_is_used_without_a_question_until_recheck),
	flow_test(the_same_id_never_extends_the_lifetime),
	flow_test(a_policy_is_in_force_to_the_last_second),
	flow_test(an_expired_policy_is_fetched_again_for_the_same_id),
};

static const struct CMUnitTest changes[] = {
	flow_test(a_new_id_brings_the_new_policy_at_once),
	flow_test(a_new_policy_has_its_own_lifetime_from_now),
	flow_test(a_new_policy_of_mode_none_ends_enforcement),
	flow_test(no_second_fetch_for_the_same_id_within_five_minutes),
	flow_test(nor_while_a_policy_is_cached),
	flow_test(a_new_id_is_fetched_at_once_though_another_failed),
	flow_test(an_id_taken_back_is_the_cached_policys_again),
	flow_test(a_dns_failure_in_between_does_not_end_the_back_off),
	flow_test(max_age_0_is_used_once_and_not_kept),
	flow_test(nor_is_it_kept_in_memory),
	flow_test(max_age_0_ends_an_older_enforce_policy),
};

int
main(void)
{
	return FLOW_ROWS(record_rows, no_good_record_no_policy) +
	    FLOW_ROWS(domain_rows,
		what_is_no_domain_never_reaches_the_resolver) +
	    FLOW_ROWS(fault_rows, a_live_policy_survives) +
	    FLOW_ROWS(fault_rows, an_expired_policy_does_not_survive) +
	    cmocka_run_group_tests(no_policy, NULL, NULL) +
	    cmocka_run_group_tests(which_domain, NULL, NULL) +
	    cmocka_run_group_tests(lives, NULL, NULL) +
	    cmocka_run_group_tests(changes, NULL, NULL);
}
