/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_lookup_log.c - what the administrator reads. */
#include "fakes.h"
#include <string.h>

/* --- the log ------------------------------------------------------------- */

#define FETCHED                                                    \
	"MTA-STS: example.com: policy fetched: mode=enforce id=1 " \
	"max_age=604800 mx=mx.example.com\n"
#define STAYS                                                         \
	"MTA-STS: example.com: policy not fetched (http-404): HTTPS " \
	"says no; the cached policy stays in force\n"
#define ASKED(what) "MTA-STS: example.com: asked: " what "\n"
#define ABSENT                                                             \
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

static const struct CMUnitTest the_log[] = {
	flow_test(tolerances_are_named_when_a_policy_comes),
	flow_test(a_hostile_record_cannot_forge_a_line_of_the_log),
};

int
main(void)
{
	return FLOW_ROWS(log_rows, the_log_says_as_much_as_is_wanted) +
	    cmocka_run_group_tests(the_log, NULL, NULL);
}
