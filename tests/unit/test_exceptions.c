/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_exceptions.c - the administrator's word on single domains: the lines,
 * the dates, the file, and which line counts. */
#include "../../module/lookup/exceptions.h"
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "rows.h"

#define NOW 1800000000 /* 2027-01-15T08:00:00Z */
#define LONG_NAME_LABEL \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* --- one line ------------------------------------------------------------ */

/* What it comes to, in the words of the file; or why it is broken. */
static const struct line_row {
	const char *name;
	const char *line;
	const char *want;
} line_rows[] = {
	{ "a domain to ignore", "example.com ignore", "example.com ignore" },
	{ "blanks and tabs between words", "example.com \t testing  ",
	    "example.com testing" },
	{ "a suffix", ".example.com testing", ".example.com testing" },
	{ "names become canonical", "EXAMPLE.Com. ignore",
	    "example.com ignore" },
	{ "a U-label", "b\xc3\xbc"
		       "cher.example ignore",
	    "xn--bcher-kva.example ignore" },
	{ "patterns alone", "example.com mx=mx1.example.com:*.Example.NET.",
	    "example.com mx mx1.example.com:*.example.net" },
	{ "a pin", "example.com enforce mx=mx.example.com",
	    "example.com enforce mx.example.com" },
	{ "words in any order",
	    "example.com until=2027-01-31 mx=a.example why=x enforce",
	    "example.com enforce a.example until=1801440000 why=x" },
	{ "a reason with blanks", "example.com ignore why=\"ticket 47 11\"",
	    "example.com ignore why=ticket 47 11" },
	{ "a reason that looks like a word",
	    "example.com ignore why=\"ignore\"",
	    "example.com ignore why=ignore" },
	{ "a reason that no terminal should see",
	    "example.com ignore why=\"caf\xc3\xa9\"",
	    "example.com ignore why=caf??" },
	{ "an empty reason", "example.com ignore why=",
	    "example.com ignore" },
	{ "no action", "example.com", "no action" },
	{ "a date is no action", "example.com until=2027-01-31", "no action" },
	{ "enforce without patterns", "example.com enforce",
	    "enforce needs mx=" },
	{ "patterns with testing", "example.com testing mx=a.example",
	    "mx= goes alone or with enforce" },
	{ "patterns with ignore", "example.com mx=a.example ignore",
	    "mx= goes alone or with enforce" },
	{ "two actions", "example.com testing ignore",
	    "a second action: ignore" },
	{ "the same action twice", "example.com testing testing",
	    "a second action: testing" },
	{ "patterns twice", "example.com mx=a.example mx=b.example",
	    "not understood: mx=b.example" },
	{ "two dates", "example.com ignore until=2027-01-31 until=2028-01-31",
	    "not understood: until=2028-01-31" },
	{ "two reasons", "example.com ignore why=a why=b",
	    "not understood: why=b" },
	{ "a word misspelt", "example.com testng", "not understood: testng" },
	{ "words are in lower case", "example.com Ignore",
	    "not understood: Ignore" },
	{ "a comment behind", "example.com ignore # for now",
	    "not understood: #" },
	{ "blanks around the sign", "example.com ignore until = 2027-01-31",
	    "not understood: until" },
	{ "a quote that stays open", "example.com ignore why=\"ticket",
	    "not understood" },
	{ "no date", "example.com ignore until=",
	    "not a date such as 2027-01-31" },
	{ "a bad date", "example.com ignore until=soon",
	    "not a date such as 2027-01-31: soon" },
	{ "no patterns", "example.com mx=", "not mx patterns joined by ':'" },
	{ "an empty pattern", "example.com mx=a.example::b.example",
	    "not mx patterns joined by ':': a.example::b.example" },
	{ "one bad pattern among good", "example.com mx=a.example:-b.example",
	    "not mx patterns joined by ':': a.example:-b.example" },
	{ "a wildcard in the middle", "example.com mx=a.*.example",
	    "not mx patterns joined by ':': a.*.example" },
	{ "patterns joined by a comma", "example.com mx=a.example,b.example",
	    "not mx patterns joined by ':': a.example,b.example" },
	{ "not a domain", "192.0.2.1 ignore",
	    "not a domain or .suffix: 192.0.2.1" },
	{ "a lonely dot", ". ignore", "not a domain or .suffix: ." },
	{ "two dots", "..example.com ignore",
	    "not a domain or .suffix: ..example.com" },
	{ "a wildcard is no suffix", "*.example.com ignore",
	    "not a domain or .suffix: *.example.com" },
	{ "a label too long", LONG_NAME_LABEL ".example ignore",
	    "not a domain or .suffix: "
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..." },
	{ "a line's end inside", "example.com ignore\nexample.net ignore",
	    "a control character: example.com ignore?example.net ignore" },
	{ "a carriage return inside", "example.com\rignore",
	    "a control character: example.com?ignore" },
	{ "an escape in the reason", "example.com ignore why=\x1b[2J",
	    "a control character: example.com ignore why=?[2J" },
	{ "nothing", "", "empty" },
	{ "only blanks", " \t ", "empty" },
};

static void
print_exception(const struct exception *e, char *out, size_t cap)
{
	char until[40] = "";

	if (e->until != 0)
		(void)snprintf(until, sizeof until, " until=%lld",
		    (long long)e->until);
	(void)snprintf(out, cap, "%s %s%s%s%s%s%s", e->name,
	    exception_name(e->kind), e->mx[0] != '\0' ? " " : "", e->mx, until,
	    e->why[0] != '\0' ? " why=" : "", e->why);
}

static void
lines(void **state)
{
	const struct line_row *r = *state;
	struct exception e;
	char got[2048], why[128], mx[2048];

	if (exception_parse(r->line, &e, mx, why))
		print_exception(&e, got, sizeof got);
	else
		(void)snprintf(got, sizeof got, "%s", why);
	assert_string_equal(got, r->want);
}

static void
a_reason_has_a_limit(void **state)
{
	char line[EXCEPTION_WHY_MAX + 64] = "example.com ignore why=";
	size_t n = strlen(line);
	struct exception e;
	char why[128], mx[sizeof line];

	(void)state;
	memset(line + n, 'x', EXCEPTION_WHY_MAX);
	line[n + EXCEPTION_WHY_MAX] = '\0';
	assert_true(exception_parse(line, &e, mx, why));
	assert_int_equal(strlen(e.why), EXCEPTION_WHY_MAX);
	line[n + EXCEPTION_WHY_MAX] = 'x';
	line[n + EXCEPTION_WHY_MAX + 1] = '\0';
	assert_false(exception_parse(line, &e, mx, why));
	assert_string_equal(why, "why is too long");
}

/* --- dates --------------------------------------------------------------- */

static const struct date_row {
	const char *name;
	const char *date;
	long long want; /* the first second after; 0: not a date */
} date_rows[] = {
	{ "a day ends where the next begins", "2027-01-31", 1801440000 },
	{ "a second", "2027-01-31T12:00:00Z", 1801396800 },
	{ "the last of a year", "2026-12-31", 1798761600 },
	{ "a leap day", "2028-02-29", 1835481600 },
	{ "no leap day", "2027-02-29", 0 },
	{ "the 31st of April", "2027-04-31", 0 },
	{ "month 0", "2027-00-10", 0 },
	{ "month 13", "2027-13-10", 0 },
	{ "day 0", "2027-01-00", 0 },
	{ "hour 24", "2027-01-31T24:00:00Z", 0 },
	{ "minute 60", "2027-01-31T12:60:00Z", 0 },
	{ "second 60", "2027-01-31T12:00:60Z", 0 },
	{ "another time zone", "2027-01-31T12:00:00+01:00", 0 },
	{ "no time zone", "2027-01-31T12:00:00", 0 },
	{ "a blank in between", "2027-01-31 12:00:00Z", 0 },
	{ "too short", "2027-1-31", 0 },
	{ "too long", "2027-01-311", 0 },
	{ "signs for digits", "+027-01-31", 0 },
	{ "the day must have two digits", "2027-01- 1", 0 },
	{ "nothing", "", 0 },
	{ "what would mean: for good", "1970-01-01T00:00:00Z", 0 },
	{ "the earliest", "1971-01-01T00:00:00Z", 31536000 },
};

static void
dates(void **state)
{
	const struct date_row *r = *state;
	time_t until = -1;
	bool good = exception_date(r->date, &until);

	assert_int_equal(good, r->want != 0);
	assert_int_equal(until, good ? r->want : -1);
}

/* --- the file ------------------------------------------------------------ */

static char path[] = "/tmp/mta-sts-exceptions-XXXXXX";
static char told[4096];

static void
tell(void *arg, unsigned line, const char *text)
{
	size_t n = strlen(told);

	(void)arg;
	(void)snprintf(told + n, sizeof told - n, "%u: %s\n", line, text);
}

static struct exceptions *
load(const char *bytes, size_t len, unsigned *problems)
{
	FILE *out = fopen(path, "w");
	struct exceptions *x;

	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
	told[0] = '\0';
	x = exceptions_load(path, tell, NULL, problems);
	assert_non_null(x);
	return x;
}

/* "LINE NAME, ..." of all that was read. */
static const char *
listed(const struct exceptions *x)
{
	static char out[1024];
	const struct exception *e;
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; (e = exceptions_at(x, i)) != NULL; i++)
		n += (size_t)snprintf(out + n, sizeof out - n, "%s%u %s",
		    n > 0 ? ", " : "", e->line, e->name);
	return out;
}

#define BYTES(s) s, sizeof(s) - 1
#define LINE(s) s "\n"

static const struct file_row {
	const char *name;
	const char *bytes;
	size_t len;
	const char *want; /* lines and names */
	const char *told;
} file_rows[] = {
	{ "an empty file", BYTES(""), "", "" },
	{ "comments and blank lines",
	    BYTES(LINE("# a") LINE("") LINE("  # b") LINE(" ")
		    LINE("a.example ignore")),
	    "5 a.example", "" },
	{ "CRLF", BYTES("a.example ignore\r\nb.example ignore\r\n"),
	    "1 a.example, 2 b.example", "" },
	{ "no end of the last line",
	    BYTES(LINE("a.example ignore") "b.example ignore"),
	    "1 a.example, 2 b.example", "" },
	{ "a broken line does no harm to its neighbours",
	    BYTES(LINE("a.example ignore") LINE("a.example testng")
		    LINE("b.example ignore")),
	    "1 a.example, 3 b.example", "2: not understood: testng\n" },
	{ "an open quote ends with its line",
	    BYTES(LINE("a.example ignore why=\"x") LINE("b.example ignore")),
	    "2 b.example", "1: not understood\n" },
	{ "a NUL hides nothing",
	    BYTES(LINE("a.example ignore\0until=2020-01-01")
		    LINE("b.example ignore")),
	    "2 b.example", "1: a NUL byte\n" },
	{ "a carriage return hides nothing",
	    BYTES(LINE("a.example ignore\runtil=2020-01-01")
		    LINE("b.example ignore")),
	    "2 b.example",
	    "1: a control character: a.example ignore?until=2020-01-01\n" },
	{ "a comment that a NUL cuts", BYTES(LINE("# a\0b.example ignore")),
	    "", "1: a NUL byte\n" },
};

static void
files(void **state)
{
	const struct file_row *r = *state;
	unsigned problems, n = 0;
	struct exceptions *x = load(r->bytes, r->len, &problems);

	for (const char *p = told; *p != '\0'; p++)
		n += *p == '\n';
	assert_string_equal(listed(x), r->want);
	assert_string_equal(told, r->told);
	assert_int_equal(problems, n);
	exceptions_free(x);
}

/* However long: its end must not be read as a line of its own. */
static void
a_long_line_is_one_line(void **state)
{
	static const char tail[] = " b.example ignore\nc.example ignore\n";
	size_t n = 5 * 4096;
	char *bytes = malloc(n + sizeof tail);
	unsigned problems;
	struct exceptions *x;

	(void)state;
	assert_non_null(bytes);
	for (size_t at = 4000; at < 4200; at++) {
		memset(bytes, 'x', n);
		memcpy(bytes + at, tail, sizeof tail);
		x = load(bytes, at + sizeof tail - 1, &problems);
		assert_string_equal(listed(x), "2 c.example");
		assert_int_equal(problems, 1);
		exceptions_free(x);
	}
	memset(bytes, '\0', n);
	memcpy(bytes + n, tail, sizeof tail);
	x = load(bytes, n + sizeof tail - 1, &problems);
	assert_string_equal(listed(x), "2 c.example");
	assert_string_equal(told, "1: a NUL byte\n");
	exceptions_free(x);
	free(bytes);
}

static void
no_file_is_no_exception(void **state)
{
	unsigned problems = 9;
	struct exceptions *x =
	    exceptions_load("/nonexistent/file", tell, NULL, &problems);

	(void)state;
	assert_non_null(x);
	assert_null(exceptions_at(x, 0));
	assert_int_equal(problems, 0);
	exceptions_free(x);
	x = exceptions_load("", tell, NULL, &problems);
	assert_non_null(x);
	assert_int_equal(problems, 0);
	exceptions_free(x);
}

static void
what_cannot_be_read_is_told(void **state)
{
	unsigned problems = 0;
	struct exceptions *x;

	(void)state;
	told[0] = '\0';
	x = exceptions_load("/", tell, NULL, &problems);
	assert_non_null(x);
	assert_int_equal(problems, 1);
	assert_string_equal(told, "0: cannot be read\n");
	exceptions_free(x);
}

/* An empty list would be the end of what the administrator enforces. */
static void
a_file_is_not_empty_for_want_of_descriptors(void **state)
{
	unsigned problems = 0;
	struct exceptions *x;
	struct rlimit all, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	none = all;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	x = exceptions_load("/etc/passwd", NULL, NULL, &problems);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	assert_null(x);
	assert_int_equal(problems, 1);
}

/* --- which line counts --------------------------------------------------- */

#define FOUR LINE(".example.com ignore") LINE(".sub.example.com testing") \
    LINE("a.sub.example.com mx=mx.example") LINE("example.net ignore")

static const struct find_row {
	const char *name;
	const char *file;
	const char *domain;
	unsigned want; /* line; 0: none */
} find_rows[] = {
	{ "another domain", FOUR, "example.org", 0 },
	{ "the domain itself", FOUR, "example.net", 4 },
	{ "a domain is no suffix", FOUR, "a.example.net", 0 },
	{ "a suffix", FOUR, "b.example.com", 1 },
	{ "a suffix of several labels", FOUR, "c.b.example.com", 1 },
	{ "a suffix is not its own domain", FOUR, "example.com", 0 },
	{ "a suffix begins at a dot", FOUR, "badexample.com", 0 },
	{ "the longest suffix", FOUR, "b.sub.example.com", 2 },
	{ "a longer suffix does not hold for the domain it names", FOUR,
	    "sub.example.com", 1 },
	{ "the name before the suffix", FOUR, "a.sub.example.com", 3 },
	{ "the name before a later suffix",
	    LINE("a.b ignore") LINE(".b testing"), "a.b", 1 },
	{ "the longest suffix, first or last",
	    LINE(".a.b testing") LINE(".b ignore"), "x.a.b", 1 },
	{ "the first of equals", LINE("a.b ignore") LINE("a.b testing"), "a.b",
	    1 },
	{ "the first of equal suffixes", LINE(".b ignore") LINE(".b testing"),
	    "a.b", 1 },
	{ "until the second before",
	    LINE("a.b ignore until=2027-01-15T08:00:01Z"), "a.b", 1 },
	{ "and then no more", LINE("a.b ignore until=2027-01-15T08:00:00Z"),
	    "a.b", 0 },
	{ "a day counts to its end", LINE("a.b ignore until=2027-01-15"),
	    "a.b", 1 },
	{ "the day before is over", LINE("a.b ignore until=2027-01-14"), "a.b",
	    0 },
	{ "one that is over gives way to its equal",
	    LINE("a.b ignore until=2020-01-01") LINE("a.b testing"), "a.b",
	    2 },
	{ "and to a suffix",
	    LINE("a.b ignore until=2020-01-01") LINE(".b testing"), "a.b", 2 },
	{ "a broken line gives way to its equal",
	    LINE("a.b ignroe") LINE("a.b testing"), "a.b", 2 },
};

static void
finds(void **state)
{
	const struct find_row *r = *state;
	struct exceptions *x = load(r->file, strlen(r->file), NULL);
	const struct exception *e = exceptions_find(x, r->domain, NOW);

	assert_int_equal(e == NULL ? 0 : e->line, r->want);
	exceptions_free(x);
}

/* --- all ----------------------------------------------------------------- */

static int
make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int
remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reason_has_a_limit),
		cmocka_unit_test(a_long_line_is_one_line),
		cmocka_unit_test(no_file_is_no_exception),
		cmocka_unit_test(what_cannot_be_read_is_told),
		cmocka_unit_test(a_file_is_not_empty_for_want_of_descriptors),
	};
	int failed;

	if (make_file(NULL) != 0)
		return 3;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	failed += RUN_ROWS(line_rows, lines);
	failed += RUN_ROWS(date_rows, dates);
	failed += RUN_ROWS(file_rows, files);
	failed += RUN_ROWS(find_rows, finds);
	(void)remove_file(NULL);
	return failed;
}
