/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_resolve.c - a DNS answer's bytes into a set of TXT records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <arpa/nameser.h>
#include "../../module/net/resolve.h"
#include "../../module/protocol/text.h"
#include "../../module/store/clock.h"
#include "guard.h"
#include "packet.h"

#define NAME "_mta-sts.a.test"
#define RECORD "v=STSv1; id=1;"
#define AT_FLAGS 2
#define AT_QDCOUNT 4
#define AT_ANCOUNT 6

struct row {
	const char *says;
	void (*make)(struct packet *p);
	enum sts_status status;
	uint32_t ttl;
	const char *got; /* records, a '|' behind each; or the error's word */
};

/* --- sound answers ------------------------------------------------------- */
static void
one_record(struct packet *p)
{
	packet_txt(p, "@", 300, RECORD);
}

static void
owner_in_full(struct packet *p)
{
	packet_txt(p, NAME, 300, RECORD);
}

static void
owner_in_capitals(struct packet *p)
{
	packet_txt(p, "_MTA-sts.A.TEST", 300, RECORD);
}

static void
many_strings(struct packet *p)
{
	packet_txt(p, "@", 300, "v=STSv1|; id|=1;");
}

static void
empty_strings(struct packet *p)
{
	packet_txt(p, "@", 300, "|v=STSv1;||id=1|");
}

static void
empty_record(struct packet *p)
{
	packet_txt(p, "@", 300, "");
}

static void
many_records(struct packet *p)
{
	packet_txt(p, "@", 300, "one");
	packet_txt(p, "@", 20, "two|!");
	packet_txt(p, "@", 300, "three");
}

static void
cname_before(struct packet *p)
{
	packet_cname(p, "@", 50, "b.test");
	packet_txt(p, "b.test", 300, RECORD);
}

static void
cname_after(struct packet *p)
{
	packet_txt(p, "b.test", 300, RECORD);
	packet_cname(p, "@", 50, "b.test");
}

static void
cname_between(struct packet *p)
{
	packet_txt(p, "b.test", 300, "one");
	packet_cname(p, "@", 400, "B.TEST");
	packet_txt(p, "b.test", 300, "two");
}

static void
chain_backwards(struct packet *p)
{
	packet_txt(p, "d.test", 300, RECORD);
	packet_cname(p, "c.test", 10, "d.test");
	packet_cname(p, "b.test", 300, "c.test");
	packet_cname(p, "@", 300, "b.test");
}

/* n CNAMEs, told backwards, and a record at the end. */
static void
chain_of(struct packet *p, int n)
{
	char from[16], to[16];
	int i;

	for (i = n; i > 0; i--) {
		(void)snprintf(from, sizeof from, "n%d.test", i - 1);
		(void)snprintf(to, sizeof to, "n%d.test", i);
		packet_cname(p, i == 1 ? "@" : from, 300, to);
	}
	(void)snprintf(to, sizeof to, "n%d.test", n);
	packet_txt(p, to, 300, RECORD);
}

static void
chain_of_16(struct packet *p)
{
	chain_of(p, 16);
}

static void
cname_to_root(struct packet *p)
{
	packet_cname(p, "@", 300, "");
	packet_txt(p, "", 300, RECORD);
}

static void
others_beside(struct packet *p)
{
	packet_txt(p, "mta-sts.a.test", 1, "other name");
	packet_txt(p, "a.test", 1, "shorter name");
	packet_txt(p, "x._mta-sts.a.test", 1, "longer name");
	packet_record(p, "@", ns_t_a, 1, 4);
	packet_bytes(p, "\1\2\3\4", 4);
	packet_txt(p, "@", 300, RECORD);
}

static void
other_class(struct packet *p)
{
	packet_txt(p, "@", 1, "chaos");
	/* Class, TTL, RDLENGTH, length and five letters from the end. */
	packet_set16(p, p->len - 14, ns_c_chaos);
	packet_txt(p, "@", 300, RECORD);
}

static void
large_ttl(struct packet *p)
{
	packet_txt(p, "@", 0x80000000u, RECORD);
}

static void
with_opt(struct packet *p)
{
	packet_txt(p, "@", 300, RECORD);
	packet_bytes(p, "\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
	packet_set16(p, 10, 1);
}

/* --- nothing there ------------------------------------------------------- */
static void
no_record(struct packet *p)
{
	(void)p;
}

static void
nxdomain(struct packet *p)
{
	packet_set16(p, AT_FLAGS, 0x8183);
}

static void
nxdomain_behind_cname(struct packet *p)
{
	packet_cname(p, "@", 300, "b.test");
	packet_set16(p, AT_FLAGS, 0x8183);
}

static void
cname_to_nothing(struct packet *p)
{
	packet_cname(p, "@", 300, "b.test");
}

static void
only_authority(struct packet *p)
{
	packet_txt(p, "@", 300, RECORD);
	packet_set16(p, AT_ANCOUNT, 0);
	packet_set16(p, 8, 1);
}

static void
only_other_class(struct packet *p)
{
	packet_txt(p, "@", 300, "chaos");
	packet_set16(p, p->len - 14, ns_c_chaos);
}

/* --- lies ---------------------------------------------------------------- */
static void
servfail(struct packet *p)
{
	packet_txt(p, "@", 300, RECORD);
	packet_set16(p, AT_FLAGS, 0x8182);
}

static void
truncated_flag(struct packet *p)
{
	packet_txt(p, "@", 300, RECORD);
	packet_set16(p, AT_FLAGS, 0x8380);
}

static void
cname_loop(struct packet *p)
{
	packet_cname(p, "@", 300, "b.test");
	packet_cname(p, "b.test", 300, NAME);
}

static void
cname_to_itself(struct packet *p)
{
	packet_cname(p, "@", 300, "@");
}

static void
chain_of_17(struct packet *p)
{
	chain_of(p, 17);
}

static void
owner_points_to_itself(struct packet *p)
{
	size_t at = p->len;

	packet_txt(p, "@", 300, RECORD);
	packet_set16(p, at, 0xc000 | (unsigned)at);
}

static void
owners_point_at_each_other(struct packet *p)
{
	size_t at = p->len;

	packet_txt(p, "@", 300, RECORD);
	packet_set16(p, at, 0xc000 | (unsigned)p->len);
	packet_txt(p, "@", 300, RECORD);
	packet_set16(p, p->len - 12 - 1 - strlen(RECORD),
	    0xc000 | (unsigned)at);
}

static void
owner_points_outside(struct packet *p)
{
	size_t at = p->len;

	packet_txt(p, "@", 300, RECORD);
	packet_set16(p, at, 0xffff);
}

static void
owner_of_unknown_kind(struct packet *p)
{
	size_t at = p->len;

	packet_txt(p, "@", 300, RECORD);
	packet_set16(p, at, 0x800c);
}

static void
cname_points_to_itself(struct packet *p)
{
	packet_cname(p, "@", 300, "@");
	packet_set16(p, p->len - 2, 0xc000 | (unsigned)(p->len - 2));
}

static void
cname_with_a_tail(struct packet *p)
{
	packet_cname(p, "@", 300, "b.test");
	packet_bytes(p, "", 1);
	packet_set16(p, p->len - 11, 9); /* eight bytes of name, one more */
	packet_txt(p, "b.test", 300, RECORD);
}

static void
cname_past_its_record(struct packet *p)
{
	packet_record(p, "@", ns_t_cname, 300, 3);
	packet_bytes(p, "\1b\4", 3);
	packet_bytes(p, "test", 5);
}

static void
cname_empty(struct packet *p)
{
	packet_record(p, "@", ns_t_cname, 300, 0);
}

static void
txt_without_string(struct packet *p)
{
	packet_record(p, "@", ns_t_txt, 300, 0);
}

static void
string_past_its_record(struct packet *p)
{
	packet_record(p, "@", ns_t_txt, 300, 3);
	packet_bytes(p, "\3ab", 3);
	packet_txt(p, "@", 300, RECORD);
}

static void
string_past_the_end(struct packet *p)
{
	packet_record(p, "@", ns_t_txt, 300, 3);
	packet_bytes(p, "\xff"
			"ab",
	    3);
}

static void
second_string_past_its_record(struct packet *p)
{
	packet_record(p, "@", ns_t_txt, 300, 4);
	packet_bytes(p, "\1a\2b", 4);
}

static void
rdlength_too_long(struct packet *p)
{
	packet_record(p, "@", ns_t_txt, 300, 0xffff);
	packet_bytes(p, "\3abc", 4);
}

static void
rdlength_too_short(struct packet *p)
{
	packet_record(p, "@", ns_t_txt, 300, 2);
	packet_bytes(p, "\3abc", 4);
}

static void
one_answer_too_many(struct packet *p)
{
	packet_txt(p, "@", 300, RECORD);
	packet_set16(p, AT_ANCOUNT, 2);
}

static void
all_counts_huge(struct packet *p)
{
	size_t at;

	packet_txt(p, "@", 300, RECORD);
	for (at = AT_QDCOUNT; at < NS_HFIXEDSZ; at += 2)
		packet_set16(p, at, 0xffff);
}

static void
broken_authority(struct packet *p)
{
	packet_txt(p, "@", 300, RECORD);
	packet_set16(p, 8, 1);
}

#define ABSENT(word) STS_ABSENT, 0, word
#define GARBAGE STS_DNS, 0, "dns-garbage"

static const struct row rows[] = {
	{ "one record", one_record, STS_OK, 300, RECORD "|" },
	{ "owner in full", owner_in_full, STS_OK, 300, RECORD "|" },
	{ "case does not count", owner_in_capitals, STS_OK, 300, RECORD "|" },
	{ "strings are joined", many_strings, STS_OK, 300, RECORD "|" },
	{ "empty strings", empty_strings, STS_OK, 300, "v=STSv1;id=1|" },
	{ "an empty record is one", empty_record, STS_OK, 300, "|" },
	{ "all records in order", many_records, STS_OK, 20, "one|two!|three|" },
	{ "CNAME first", cname_before, STS_OK, 50, RECORD "|" },
	{ "CNAME last", cname_after, STS_OK, 50, RECORD "|" },
	{ "CNAME amid", cname_between, STS_OK, 300, "one|two|" },
	{ "a chain told backwards", chain_backwards, STS_OK, 10, RECORD "|" },
	{ "the longest chain", chain_of_16, STS_OK, 300, RECORD "|" },
	{ "CNAME to the root", cname_to_root, STS_OK, 300, RECORD "|" },
	{ "other names and types", others_beside, STS_OK, 300, RECORD "|" },
	{ "class IN only", other_class, STS_OK, 300, RECORD "|" },
	{ "RFC 2181 8: such a TTL is 0", large_ttl, STS_OK, 0, RECORD "|" },
	{ "an OPT record", with_opt, STS_OK, 300, RECORD "|" },

	{ "no record", no_record, ABSENT("nodata") },
	{ "NXDOMAIN", nxdomain, ABSENT("nxdomain") },
	{ "NXDOMAIN of an alias", nxdomain_behind_cname, ABSENT("nxdomain") },
	{ "an alias of nothing", cname_to_nothing, ABSENT("nodata") },
	{ "the answer section only", only_authority, ABSENT("nodata") },
	{ "only class CHAOS", only_other_class, ABSENT("nodata") },

	{ "SERVFAIL with records", servfail, GARBAGE },
	{ "truncated, it says", truncated_flag, GARBAGE },
	{ "a circle of CNAMEs", cname_loop, GARBAGE },
	{ "CNAME to its owner", cname_to_itself, GARBAGE },
	{ "too long a chain", chain_of_17, GARBAGE },
	{ "a name pointing to itself", owner_points_to_itself, GARBAGE },
	{ "names in a circle", owners_point_at_each_other, GARBAGE },
	{ "a name pointing outside", owner_points_outside, GARBAGE },
	{ "a label of no known kind", owner_of_unknown_kind, GARBAGE },
	{ "a target pointing to itself", cname_points_to_itself, GARBAGE },
	{ "a target with a tail", cname_with_a_tail, GARBAGE },
	{ "a target past its record", cname_past_its_record, GARBAGE },
	{ "CNAME without a target", cname_empty, GARBAGE },
	{ "TXT without a string", txt_without_string, GARBAGE },
	{ "a string past its record", string_past_its_record, GARBAGE },
	{ "a string past the end", string_past_the_end, GARBAGE },
	{ "a second such string", second_string_past_its_record, GARBAGE },
	{ "RDLENGTH past the end", rdlength_too_long, GARBAGE },
	{ "RDLENGTH too short", rdlength_too_short, GARBAGE },
	{ "a record that is not there", one_answer_too_many, GARBAGE },
	{ "all counts huge", all_counts_huge, GARBAGE },
	{ "a broken authority section", broken_authority, GARBAGE },
};

/* --- tests ---------------------------------------------------------------- */
static struct packet packet; /* too large for a stack */

/* The first len bytes of the packet, with nothing readable behind them. */
static enum sts_status
read_guarded(size_t len, struct txt_set *set, struct sts_error *err)
{
	enum sts_status status;

	status = resolve_read((unsigned char *)guard_bytes(packet.b, len), len,
	    NAME, set, err);
	guard_free();
	return status;
}

static void
join(struct text *t, const struct txt_set *set)
{
	size_t i;

	for (i = 0; i < set->n; i++) {
		text_add_bytes(t, set->rec[i].p, set->rec[i].len);
		text_add(t, "|");
	}
}

static void
reads_as_the_table_says(void **state)
{
	char room[256];
	struct sts_error err;
	struct txt_set set;
	struct text got;
	const struct row *r;

	(void)state;
	for (r = rows; r < rows + sizeof rows / sizeof *rows; r++) {
		enum sts_status status;

		packet_begin(&packet, NAME);
		r->make(&packet);
		memset(&err, 0, sizeof err);
		status = read_guarded(packet.len, &set, &err);
		text_init(&got, room, sizeof room);
		join(&got, &set);
		if (status != STS_OK)
			text_add(&got, err.word);
		if (status != r->status || strcmp(got.buf, r->got) != 0 ||
		    set.ttl != r->ttl)
			fail_msg("%s: got %d \"%s\" %u", r->says, (int)status,
			    got.buf, (unsigned)set.ttl);
		txt_set_free(&set);
	}
}

/* An answer with all that the reader can meet. */
static void
make_rich(void)
{
	packet_begin(&packet, NAME);
	packet_txt(&packet, "c.test", 300, "one|1");
	packet_cname(&packet, "b.test", 60, "c.test");
	packet_cname(&packet, "@", 300, "b.test");
	packet_txt(&packet, "c.test", 300, "two");
}

static void
no_part_of_an_answer_is_an_answer(void **state)
{
	struct txt_set set;
	size_t len;

	(void)state;
	make_rich();
	for (len = 0; len < packet.len; len++) {
		enum sts_status status = read_guarded(len, &set, NULL);

		if (status != STS_DNS || set.rec != NULL || set.n != 0)
			fail_msg("%zu of %zu bytes: got %d", len, packet.len,
			    (int)status);
	}
}

/* What must hold whatever the bytes are. */
static void
check_sane(const char *what, size_t at)
{
	enum sts_status status;
	struct txt_set set;
	size_t i, sum = 0;

	status = read_guarded(packet.len, &set, NULL);
	for (i = 0; i < set.n; i++)
		sum += set.rec[i].len;
	if ((status == STS_OK) != (set.n > 0) || sum > packet.len ||
	    (status != STS_OK && set.rec != NULL))
		fail_msg("%s at %zu: got %d, %zu records", what, at,
		    (int)status, set.n);
	txt_set_free(&set);
}

static void
any_changed_byte_is_survived(void **state)
{
	static const unsigned char values[] = { 0, 0x3f, 0x40, 0x80, 0xc0,
		0xff };
	size_t at, i;

	(void)state;
	make_rich();
	for (at = 0; at < packet.len; at++) {
		unsigned char was = packet.b[at];

		for (i = 0; i < 8; i++) {
			packet.b[at] = (unsigned char)(was ^ 1u << i);
			check_sane("a changed bit", at);
		}
		for (i = 0; i < sizeof values; i++) {
			packet.b[at] = values[i];
			check_sane("a changed byte", at);
		}
		packet.b[at] = was;
	}
}

static void
a_message_full_of_records_is_read(void **state)
{
	struct txt_set set;
	size_t n = 0;

	(void)state;
	packet_begin(&packet, NAME);
	for (; sizeof packet.b - packet.len >= 14; n++)
		packet_txt(&packet, "@", 300, "x");
	assert_int_equal(read_guarded(packet.len, &set, NULL), STS_OK);
	assert_int_equal(set.n, n);
	assert_memory_equal(set.rec[n - 1].p, "x", 1);
	txt_set_free(&set);
}

/* The worst case: a message full of CNAMEs told backwards. */
static void
a_long_way_round_ends_soon(void **state)
{
	struct txt_set set;
	int64_t begun;

	(void)state;
	packet_begin(&packet, NAME);
	chain_of(&packet, 1800);
	begun = clock_ms();
	assert_int_equal(read_guarded(packet.len, &set, NULL), STS_DNS);
	assert_true(clock_ms() - begun < 2000);
}

static void
bytes_of_any_value_are_kept(void **state)
{
	struct txt_set set;

	(void)state;
	packet_begin(&packet, NAME);
	packet_record(&packet, "@", ns_t_txt, 300, 5);
	packet_bytes(&packet, "\4a\0\xff\n", 5);
	assert_int_equal(read_guarded(packet.len, &set, NULL), STS_OK);
	assert_int_equal(set.n, 1);
	assert_int_equal(set.rec[0].len, 4);
	assert_memory_equal(set.rec[0].p, "a\0\xff\n", 4);
	txt_set_free(&set);
	assert_null(set.rec);
	txt_set_free(&set);
}

static void
a_name_too_long_to_exist_is_not_asked_for(void **state)
{
	char name[255];
	struct sts_error err;
	struct txt_set set;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof name - 1; i++)
		name[i] = i % 50 == 49 ? '.' : 'x';
	name[i] = '\0';
	assert_int_equal(resolve_txt(name, clock_ms() + 5000, &set, &err),
	    STS_ABSENT);
	assert_string_equal(err.word, "nxdomain");
}

static void
nobody_is_asked_when_time_is_over(void **state)
{
	struct sts_error err;
	struct txt_set set;

	(void)state;
	assert_int_equal(resolve_txt(NAME, clock_ms(), &set, &err), STS_DNS);
	assert_string_equal(err.word, "dns-timeout");
	assert_null(set.rec);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_as_the_table_says),
		cmocka_unit_test(no_part_of_an_answer_is_an_answer),
		cmocka_unit_test(any_changed_byte_is_survived),
		cmocka_unit_test(a_message_full_of_records_is_read),
		cmocka_unit_test(a_long_way_round_ends_soon),
		cmocka_unit_test(bytes_of_any_value_are_kept),
		cmocka_unit_test(a_name_too_long_to_exist_is_not_asked_for),
		cmocka_unit_test(nobody_is_asked_when_time_is_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
