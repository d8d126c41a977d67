/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_mx.c - a DNS answer's bytes into a list of mail hosts. */
#include "../../module/net/mx.h"
#include <arpa/nameser.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "guard.h"
#include "packet.h"
#include "rows.h"

#define NAME "a.test"
#define AT_FLAGS 2
#define AT_ANCOUNT 6

/* Room of a name as packet_name() writes it. */
static size_t
room(const char *name)
{
	if (strcmp(name, "@") == 0)
		return 2;
	return name[0] == '\0' ? 1 : strlen(name) + 2;
}

static void
add(struct packet *p, const char *owner, unsigned preference,
    const char *host)
{
	packet_record(p, owner, ns_t_mx, 300, 2 + room(host));
	packet_16(p, preference);
	packet_name(p, host);
}

static void
nothing(struct packet *p)
{
	(void)p;
}

static void
one(struct packet *p)
{
	add(p, "@", 10, "mx.a.test");
}

static void
by_preference(struct packet *p)
{
	add(p, "@", 20, "b.test");
	add(p, "@", 10, "c.test");
	add(p, "@", 20, "d.test");
	add(p, "@", 65535, "e.test");
	add(p, "@", 0, "f.test");
}

static void
none_wanted(struct packet *p)
{
	add(p, "@", 0, "");
}

static void
the_domain_itself(struct packet *p)
{
	add(p, "@", 5, "@");
}

static void
capitals(struct packet *p)
{
	add(p, "A.TEST", 5, "MX.a.test");
}

static void
another_owner(struct packet *p)
{
	add(p, "b.test", 5, "mx.b.test");
}

static void
another_type(struct packet *p)
{
	packet_txt(p, "@", 300, "x");
	add(p, "@", 5, "mx.a.test");
}

static void
alias(struct packet *p)
{
	add(p, "c.test", 5, "mx.c.test");
	packet_cname(p, "b.test", 300, "c.test");
	packet_cname(p, "@", 300, "b.test");
}

static void
alias_to_nowhere(struct packet *p)
{
	packet_cname(p, "@", 300, "b.test");
}

static void
circle(struct packet *p)
{
	packet_cname(p, "@", 300, "b.test");
	packet_cname(p, "b.test", 300, NAME);
}

static void
no_name(struct packet *p)
{
	packet_record(p, "@", ns_t_mx, 300, 2);
	packet_16(p, 10);
}

static void
a_name_cut_off(struct packet *p)
{
	packet_record(p, "@", ns_t_mx, 300, 4);
	packet_16(p, 10);
	packet_bytes(p, "\5a", 2);
}

static void
a_name_and_more(struct packet *p)
{
	packet_record(p, "@", ns_t_mx, 300, 6);
	packet_16(p, 10);
	packet_bytes(p, "\1x\0y", 4);
}

static void
an_escape(struct packet *p)
{
	packet_record(p, "@", ns_t_mx, 300, 2 + 6);
	packet_16(p, 10);
	packet_bytes(p, "\4\x1b[2J", 6);
}

static void
nxdomain(struct packet *p)
{
	packet_set16(p, AT_FLAGS, 0x8183);
}

static void
too_few(struct packet *p)
{
	add(p, "@", 10, "mx.a.test");
	packet_set16(p, AT_ANCOUNT, 2);
}

static const struct row {
	const char *name;
	void (*make)(struct packet *p);
	enum sts_status status;
	const char *want; /* "PREFERENCE NAME, ...", or the word */
} rows[] = {
	{ "one host", one, STS_OK, "10 mx.a.test" },
	{ "the most preferred first, equals as they come", by_preference,
	    STS_OK,
	    "0 f.test, 10 c.test, 20 b.test, 20 d.test, 65535 e.test" },
	{ "RFC 7505: none", none_wanted, STS_OK, "0 " },
	{ "a name that is a pointer", the_domain_itself, STS_OK, "5 a.test" },
	{ "in capitals", capitals, STS_OK, "5 MX.a.test" },
	{ "another's record", another_owner, STS_ABSENT, "nodata" },
	{ "a record of another type before it", another_type, STS_OK,
	    "5 mx.a.test" },
	{ "aliases in any order", alias, STS_OK, "5 mx.c.test" },
	{ "an alias without a host", alias_to_nowhere, STS_ABSENT, "nodata" },
	{ "aliases in a circle", circle, STS_DNS, "dns-garbage" },
	{ "no record", nothing, STS_ABSENT, "nodata" },
	{ "no such name", nxdomain, STS_ABSENT, "nxdomain" },
	{ "a record without a name", no_name, STS_DNS, "dns-garbage" },
	{ "a name that ends early", a_name_cut_off, STS_DNS, "dns-garbage" },
	{ "bytes behind the name", a_name_and_more, STS_DNS, "dns-garbage" },
	{ "a name that no terminal should see", an_escape, STS_OK,
	    "10 \\027[2J" },
	{ "fewer records than counted", too_few, STS_DNS, "dns-garbage" },
};

static void
print_set(const struct mx_set *set, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < set->n; i++)
		n += (size_t)snprintf(out + n, cap - n, "%s%u %s",
		    i > 0 ? ", " : "", set->host[i].preference,
		    set->host[i].name);
}

static void
check(void **state)
{
	static struct packet p;
	const struct row *r = *state;
	enum sts_status status;
	struct sts_error err;
	struct mx_set set;
	char got[400];

	packet_begin(&p, NAME);
	r->make(&p);
	status = mx_read(p.b, p.len, NAME, &set, &err);
	if (status == STS_OK)
		print_set(&set, got, sizeof got);
	else
		(void)snprintf(got, sizeof got, "%s", err.word);
	assert_string_equal(got, r->want);
	assert_int_equal(status, r->status);
}

static void
more_than_anybody_needs(void **state)
{
	static struct packet p;
	struct mx_set set;
	char host[32];

	(void)state;
	packet_begin(&p, NAME);
	for (unsigned i = 0; i < MX_HOSTS_MAX + 5; i++) {
		(void)snprintf(host, sizeof host, "mx%u.test", i);
		add(&p, "@", 10, host);
	}
	assert_int_equal(mx_read(p.b, p.len, NAME, &set, NULL), STS_OK);
	assert_int_equal(set.n, MX_HOSTS_MAX);
	assert_int_equal(set.left_out, 5);
}

static enum sts_status
read_guarded(const struct packet *p, size_t len, struct mx_set *set)
{
	const void *bytes = guard_bytes(p->b, len);
	enum sts_status status = mx_read(bytes, len, NAME, set, NULL);

	guard_free();
	return status;
}

/* Cut anywhere, any bit wrong: an end, and nothing read behind the bytes. */
static void
damaged_answers_do_no_harm(void **state)
{
	static struct packet p;
	struct mx_set set;
	unsigned good = 0;

	(void)state;
	packet_begin(&p, NAME);
	by_preference(&p);
	alias(&p);
	for (size_t len = 0; len < p.len; len++)
		assert_int_not_equal(read_guarded(&p, len, &set), STS_OK);
	for (size_t bit = 0; bit < p.len * 8; bit++) {
		p.b[bit / 8] ^= (unsigned char)(1u << bit % 8);
		good += read_guarded(&p, p.len, &set) == STS_OK;
		p.b[bit / 8] ^= (unsigned char)(1u << bit % 8);
		assert_true(set.n <= MX_HOSTS_MAX);
	}
	assert_true(good > 0 && good < p.len * 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_than_anybody_needs),
		cmocka_unit_test(damaged_answers_do_no_harm),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed + RUN_ROWS(rows, check);
}
