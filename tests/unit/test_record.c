/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_record.c - the TXT record at _mta-sts.DOMAIN (RFC 8461 3.1). */
#include "rows.h"
#include <stdio.h>
#include <string.h>
#include "../../module/protocol/record.h"
#include "guard.h"

#define DIGITS_31 "0123456789012345678901234567890"

static const struct record_row {
	const char *name;
	const char *txt;
	enum sts_status want;
	const char *id; /* or the error's word */
} record_rows[] = {
	{ "the RFC's example", "v=STSv1; id=20160831085700Z;", STS_OK,
	    "20160831085700Z" },
	{ "no blank, no final semicolon", "v=STSv1;id=a", STS_OK, "a" },
	{ "tabs and blanks around a semicolon", "v=STSv1 \t; \tid=a", STS_OK,
	    "a" },
	{ "blanks around the final semicolon", "v=STSv1;id=a \t; \t", STS_OK,
	    "a" },
	{ "an id of one digit", "v=STSv1; id=0", STS_OK, "0" },
	{ "an id of 32 characters", "v=STSv1; id=" DIGITS_31 "Z", STS_OK,
	    DIGITS_31 "Z" },
	{ "an id of 33 characters", "v=STSv1; id=" DIGITS_31 "ZZ", STS_RECORD,
	    "record-id" },
	{ "letters of both cases in an id", "v=STSv1; id=azAZ09", STS_OK,
	    "azAZ09" },
	{ "a dash in an id", "v=STSv1; id=a-b", STS_RECORD, "record-id" },
	{ "an underscore in an id", "v=STSv1; id=a_b", STS_RECORD,
	    "record-id" },
	{ "an empty id", "v=STSv1; id=", STS_RECORD, "record-syntax" },
	{ "no id", "v=STSv1; a=b;", STS_RECORD, "record-no-id" },
	{ "the version only", "v=STSv1", STS_RECORD, "record-no-id" },
	{ "the version and a semicolon", "v=STSv1;", STS_RECORD,
	    "record-no-id" },
	{ "the version and a blank", "v=STSv1 ", STS_RECORD, "record-syntax" },
	{ "id after an extension", "v=STSv1; a=b; id=c", STS_OK, "c" },
	{ "the first id wins", "v=STSv1; id=a; id=b", STS_OK, "a" },
	{ "a later id is ignored even if no id", "v=STSv1; id=a; id=b-c",
	    STS_OK, "a" },
	{ "a later id must be a field", "v=STSv1; id=a; id=", STS_RECORD,
	    "record-syntax" },
	{ "a second version is ignored", "v=STSv1; v=STSv2; id=a", STS_OK,
	    "a" },
	{ "Id is not id", "v=STSv1; Id=a; id=b", STS_OK, "b" },
	{ "ida is not id", "v=STSv1; ida=x; id=b", STS_OK, "b" },
	{ "i is not id", "v=STSv1; i=x; id=b", STS_OK, "b" },
	{ "an extension name of 32 characters",
	    "v=STSv1; id=a; " DIGITS_31 "_=x", STS_OK, "a" },
	{ "an extension name of 33 characters",
	    "v=STSv1; id=a; " DIGITS_31 "_.=x", STS_RECORD, "record-syntax" },
	{ "all kinds of name characters", "v=STSv1; id=a; 0-_.Z=x", STS_OK,
	    "a" },
	{ "a name cannot begin with a dash", "v=STSv1; id=a; -x=1", STS_RECORD,
	    "record-syntax" },
	{ "nor with a dot", "v=STSv1; id=a; .x=1", STS_RECORD,
	    "record-syntax" },
	{ "nor be empty", "v=STSv1; id=a; =1", STS_RECORD, "record-syntax" },
	{ "a name with a dollar", "v=STSv1; id=a; x$=1", STS_RECORD,
	    "record-syntax" },
	{ "the edges of value characters", "v=STSv1; id=a; x=!:<>~", STS_OK,
	    "a" },
	{ "an equals sign in a value", "v=STSv1; id=a; x=b=c", STS_RECORD,
	    "record-syntax" },
	{ "a blank in a value", "v=STSv1; id=a; x=b c", STS_RECORD,
	    "record-syntax" },
	{ "a byte beyond ASCII in a value", "v=STSv1; id=a; x=\xc2\xa3",
	    STS_RECORD, "record-syntax" },
	{ "DEL in a value", "v=STSv1; id=a; x=\x7f", STS_RECORD,
	    "record-syntax" },
	{ "an empty value", "v=STSv1; id=a; x=", STS_RECORD, "record-syntax" },
	{ "no equals sign", "v=STSv1; id=a; x", STS_RECORD, "record-syntax" },
	{ "blanks around the equals sign", "v=STSv1; id = a", STS_RECORD,
	    "record-syntax" },
	{ "two semicolons", "v=STSv1;; id=a", STS_RECORD, "record-syntax" },
	{ "two final semicolons", "v=STSv1; id=a;;", STS_RECORD,
	    "record-syntax" },
	{ "a final blank without semicolon", "v=STSv1; id=a ", STS_RECORD,
	    "record-syntax" },
	{ "no semicolon after the version", "v=STSv1 id=a", STS_RECORD,
	    "record-syntax" },
	{ "a line end is no blank", "v=STSv1;\nid=a", STS_RECORD,
	    "record-syntax" },
	{ "another version", "v=STSv2; id=a", STS_ABSENT, "no-record" },
	{ "a longer version", "v=STSv10; id=a", STS_ABSENT, "no-record" },
	{ "the version in another case", "v=stsv1; id=a", STS_ABSENT,
	    "no-record" },
	{ "a capital v", "V=STSv1; id=a", STS_ABSENT, "no-record" },
	{ "the version is not first", "id=a; v=STSv1", STS_ABSENT,
	    "no-record" },
	{ "a blank first", " v=STSv1; id=a", STS_ABSENT, "no-record" },
	{ "quotes of a zone file", "\"v=STSv1; id=a\"", STS_ABSENT,
	    "no-record" },
	{ "an empty record", "", STS_ABSENT, "no-record" },
};

static void
check_outcome(enum sts_status got, enum sts_status want, const char *want_id,
    const char *id, const struct sts_error *err)
{
	assert_int_equal(got, want);
	if (want == STS_OK) {
		assert_string_equal(id, want_id);
		return;
	}
	assert_string_equal(id, "");
	assert_int_equal(err->status, want);
	assert_string_equal(err->word, want_id);
}

static void
check_record(void **state)
{
	const struct record_row *r = *state;
	size_t len = strlen(r->txt);
	char id[STS_ID_MAX + 1] = "before";
	struct sts_error err;
	enum sts_status got;

	got = record_parse(guard_bytes(r->txt, len), len, id, &err);
	check_outcome(got, r->want, r->id, id, &err);
	assert_int_equal(record_parse(r->txt, len, id, NULL), r->want);
}

#define SET_MAX 4

static const struct set_row {
	const char *name;
	const char *set[SET_MAX]; /* NULL ends it */
	enum sts_status want;
	const char *id; /* or the error's word */
} set_rows[] = {
	{ "no record", { NULL }, STS_ABSENT, "no-record" },
	{ "one", { "v=STSv1; id=a" }, STS_OK, "a" },
	{ "one of another kind", { "v=spf1 -all" }, STS_ABSENT, "no-record" },
	{ "a wrong one", { "v=STSv1; id=-" }, STS_RECORD, "record-id" },
	{ "beside others", { "v=spf1 -all", "v=STSv1; id=a", "" }, STS_OK,
	    "a" },
	{ "others only", { "v=spf1 -all", "v=STSv2; id=a" }, STS_ABSENT,
	    "no-record" },
	{ "two", { "v=STSv1; id=a", "v=STSv1; id=b" }, STS_RECORD,
	    "record-several" },
	{ "the same twice", { "v=STSv1; id=a", "v=STSv1; id=a" }, STS_RECORD,
	    "record-several" },
	{ "a good and a wrong one", { "v=STSv1; id=a", "v=STSv1;" }, STS_RECORD,
	    "record-several" },
	{ "a wrong one beside others", { "x", "v=STSv1; id=-" }, STS_RECORD,
	    "record-id" },
	{ "a blank before the first semicolon, alone", { "v=STSv1 ; id=a" },
	    STS_OK, "a" },
	{ "the same among several", { "v=STSv1 ; id=a", "v=STSv1; id=b" },
	    STS_OK, "b" },
	{ "the same beside another kind", { "v=STSv1 ; id=a", "x" }, STS_ABSENT,
	    "no-record" },
};

static void
check_set(void **state)
{
	const struct set_row *r = *state;
	struct bytes set[SET_MAX];
	const char *end; /* the same at the guard */
	char id[STS_ID_MAX + 1] = "before";
	struct sts_error err;
	enum sts_status got;
	size_t n = 0;

	for (; n < SET_MAX && r->set[n] != NULL; n++) {
		set[n].len = strlen(r->set[n]);
		set[n].p = guard_bytes(r->set[n], set[n].len);
	}
	end = guard_bytes(set, n * sizeof set[0]);
	got = record_select((const void *)end, n, id, &err);
	check_outcome(got, r->want, r->id, id, &err);
	assert_int_equal(record_select(set, n, id, NULL), r->want);
}

static void
nul_is_a_byte_like_others(void **state)
{
	static const char in_id[] = "v=STSv1; id=a\0b";
	static const char after[] = "v=STSv1; id=a;\0";
	static const char before[] = "\0v=STSv1; id=a";
	char id[STS_ID_MAX + 1];

	(void)state;
	assert_int_equal(record_parse(in_id, sizeof in_id - 1, id, NULL),
	    STS_RECORD);
	assert_int_equal(record_parse(after, sizeof after - 1, id, NULL),
	    STS_RECORD);
	assert_int_equal(record_parse(before, sizeof before - 1, id, NULL),
	    STS_ABSENT);
}

static void
errors_show_the_record_cut_and_printable(void **state)
{
	char txt[200];
	char id[STS_ID_MAX + 1];
	char want[200];
	struct sts_error err;

	(void)state;
	assert_int_equal(record_parse("v=STSv1; id=\n;", 14, id, &err),
	    STS_RECORD);
	assert_string_equal(err.text,
	    "not a field of a TXT record: \"v=STSv1; id=?;\"");
	memset(txt, 'x', sizeof txt);
	memcpy(txt, "v=STSv1;", 8);
	assert_int_equal(record_parse(guard_bytes(txt, sizeof txt), sizeof txt,
			     id, &err),
	    STS_RECORD);
	(void)snprintf(want, sizeof want,
	    "not a field of a TXT record: \"%.80s\"", txt);
	assert_string_equal(err.text, want);
	guard_free();
}

static void
every_beginning_of_a_record_is_judged_within_it(void **state)
{
	static const char whole[] = "v=STSv1 ; id=20240101T000000 ; x=y ;";
	char id[STS_ID_MAX + 1];

	(void)state;
	for (size_t len = 0; len < sizeof whole; len++) {
		enum sts_status got = record_parse(guard_bytes(whole, len), len,
		    id, NULL);

		if (got == STS_OK)
			assert_memory_equal(id, whole + 13, strlen(id));
		else
			assert_string_equal(id, "");
		guard_free();
	}
}

int
main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(nul_is_a_byte_like_others),
		cmocka_unit_test(errors_show_the_record_cut_and_printable),
		cmocka_unit_test(
		    every_beginning_of_a_record_is_judged_within_it),
	};

	return RUN_ROWS(record_rows, check_record) +
	    RUN_ROWS(set_rows, check_set) +
	    cmocka_run_group_tests(others, NULL, NULL);
}
