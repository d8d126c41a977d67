/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_fetch.c - what the helper may say, and what it is believed.  The
 * helpers here are scripts, good and evil. */
#include "rows.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../module/net/fetch.h"
#include "../../module/protocol/policy.h"
#include "../../module/store/clock.h"

#define NOBODY 65534
#define LONG_MS 10000
#define SHORT_MS 300
#define LATE_MS 400 /* what a loaded machine may add */
#define WORD_31 "abcdefghijklmnopqrstuvwxyz01234"
#define TEXT_100                                                              \
	"1234567890123456789012345678901234567890123456789012345678901234567" \
	"890123456789012345678901234567890"
#define TEXT_199 TEXT_100 "123456789012345678901234567890123456789012345678" \
			  "901234567890123456789012345678901234567890123456" \
			  "789"

static char directory[] = "/tmp/mta-sts-test-fetch.XXXXXX";
static char helper[64];

static const struct fetch_row {
	const char *name;
	const char *script;
	enum sts_status status;
	const char *got; /* the body, or the word */
	const char *text; /* part of err.text, or NULL */
} fetch_rows[] = {
	{ "a body and exit 0", "printf 'version: STSv1'", STS_OK,
	    "version: STSv1", NULL },
	{ "an empty body is one", "exit 0", STS_OK, "", NULL },
	{ "a body in pieces", "printf a; sleep=1; printf b", STS_OK, "ab",
	    NULL },

	{ "a failed fetch", "echo 'http-404: not there' >&2; exit 10",
	    STS_FETCH, "http-404", "not there" },
	{ "a bad certificate", "echo 'cert-name: of another' >&2; exit 11",
	    STS_CERT, "cert-name", "of another" },
	{ "the helper's own trouble", "echo 'ca-path: gone' >&2; exit 3",
	    STS_SYSTEM, "ca-path", "gone" },
	{ "a helper that takes no such option",
	    "echo 'usage: mta-sts-fetch DOMAIN' >&2; exit 2", STS_SYSTEM,
	    "usage", "DOMAIN" },
	{ "the longest word and text",
	    "echo '" WORD_31 ": " TEXT_199 "' >&2; exit 10", STS_FETCH, WORD_31,
	    TEXT_199 },

	{ "a word too long", "echo 'x" WORD_31 ": text' >&2; exit 10",
	    STS_SYSTEM, "helper-garbage", NULL },
	{ "a text too long", "echo 'word: x" TEXT_199 "' >&2; exit 10",
	    STS_SYSTEM, "helper-garbage", NULL },
	{ "no word", "echo ': text' >&2; exit 10", STS_SYSTEM,
	    "helper-garbage", NULL },
	{ "no text", "echo 'word: ' >&2; exit 10", STS_SYSTEM,
	    "helper-garbage", NULL },
	{ "no blank between", "echo 'word:text' >&2; exit 10", STS_SYSTEM,
	    "helper-garbage", NULL },
	{ "a word in upper case", "echo 'Word: text' >&2; exit 10",
	    STS_SYSTEM, "helper-garbage", NULL },
	{ "a blank in the word", "echo 'a word: text' >&2; exit 10",
	    STS_SYSTEM, "helper-garbage", NULL },
	{ "a control character in the text",
	    "printf 'word: te\\033xt\\n' >&2; exit 10", STS_SYSTEM,
	    "helper-garbage", NULL },
	{ "a byte above ASCII in the text",
	    "printf 'word: te\\303\\274xt\\n' >&2; exit 10", STS_SYSTEM,
	    "helper-garbage", NULL },
	{ "a NUL in the text", "printf 'word: te\\000xt\\n' >&2; exit 10",
	    STS_SYSTEM, "helper-garbage", NULL },
	{ "two lines", "echo 'word: text' >&2; echo more >&2; exit 10",
	    STS_SYSTEM, "helper-garbage", NULL },
	{ "a line without an end", "printf 'word: text' >&2; exit 10",
	    STS_SYSTEM, "helper-garbage", NULL },
	{ "no line", "exit 10", STS_SYSTEM, "helper-garbage", NULL },
	{ "no line about a certificate", "exit 11", STS_SYSTEM,
	    "helper-garbage", NULL },
	{ "a body and a failure",
	    "echo body; echo 'word: text' >&2; exit 10", STS_SYSTEM,
	    "helper-garbage", NULL },
	{ "a body and a warning", "echo body; echo 'word: text' >&2",
	    STS_SYSTEM, "helper-garbage", NULL },
	{ "an exit code not agreed on",
	    "echo body; echo 'word: text' >&2; exit 1", STS_SYSTEM,
	    "helper-garbage", NULL },
	{ "a body and another exit code", "echo body; exit 12", STS_SYSTEM,
	    "helper-garbage", NULL },

	{ "killed by a signal", "echo body; kill -SEGV $$", STS_SYSTEM,
	    "helper-died", "signal 11" },
	{ "an endless body", "exec cat /dev/zero", STS_SYSTEM,
	    "helper-garbage", NULL },
	{ "an endless reason", "exec cat /dev/zero >&2", STS_SYSTEM,
	    "helper-garbage", NULL },
	{ "it could not be stripped of its rights", "exit 126", STS_SYSTEM,
	    "helper-rights", NULL },
};

/* What the parent of the helper would give. */
static enum sts_status
fetch(const struct fetch_options *o, int64_t ms, char body[STS_BODY_MAX],
    size_t *len, struct sts_error *err)
{
	return fetch_policy(o, "example.com", clock_ms() + ms, body,
	    STS_BODY_MAX, len, err);
}

static const struct fetch_options plain = {
	.helper = helper,
	.uid = NOBODY,
	.gid = NOBODY,
};

static void
write_helper(const char *script)
{
	FILE *f = fopen(helper, "we");

	assert_non_null(f);
	assert_true(fprintf(f, "#!/bin/sh\n%s\n", script) > 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(helper, 0755), 0);
}

static void
check_fetch(void **state)
{
	static char body[STS_BODY_MAX];
	const struct fetch_row *r = *state;
	struct sts_error err = { 0 };
	size_t len = 1;

	write_helper(r->script);
	assert_int_equal(fetch(&plain, LONG_MS, body, &len, &err), r->status);
	if (r->status == STS_OK) {
		assert_int_equal(len, strlen(r->got));
		assert_memory_equal(body, r->got, len);
		return;
	}
	assert_int_equal(len, 0);
	assert_int_equal(err.status, r->status);
	assert_string_equal(err.word, r->got);
	assert_true(strlen(err.text) > 0);
	if (r->text != NULL)
		assert_non_null(strstr(err.text, r->text));
}

static void
body_of_limit_is_taken_and_a_byte_more_is_not(void **state)
{
	static char body[STS_BODY_MAX];
	struct sts_error err;
	size_t len;

	(void)state;
	write_helper("exec head -c 65536 /dev/zero");
	assert_int_equal(fetch(&plain, LONG_MS, body, &len, &err), STS_OK);
	assert_int_equal(len, STS_BODY_MAX);
	write_helper("exec head -c 65537 /dev/zero");
	assert_int_equal(fetch(&plain, LONG_MS, body, &len, &err), STS_SYSTEM);
	assert_string_equal(err.word, "helper-garbage");
	assert_int_equal(len, 0);
}

static void
hang_is_a_time_out(void **state)
{
	static char body[STS_BODY_MAX];
	int64_t began = clock_ms();
	struct sts_error err;
	size_t len;

	(void)state;
	write_helper("echo body; exec sleep 60");
	assert_int_equal(fetch(&plain, SHORT_MS, body, &len, &err), STS_FETCH);
	assert_string_equal(err.word, "timeout");
	assert_int_equal(len, 0);
	assert_in_range(clock_ms() - began, SHORT_MS, SHORT_MS + LATE_MS);
}

static void
missing_helper_is_told(void **state)
{
	static char body[STS_BODY_MAX];
	struct fetch_options o = plain;
	struct sts_error err;
	size_t len;

	(void)state;
	o.helper = "/nonexistent/mta-sts-fetch";
	assert_int_equal(fetch(&o, LONG_MS, body, &len, &err), STS_SYSTEM);
	assert_string_equal(err.word, "helper-missing");
	assert_non_null(strstr(err.text, o.helper));
}

/* The first argument after --timeout's, and its value checked. */
static const char *
after_timeout(const char *body)
{
	static const char first[] = "--timeout\n";
	double seconds;
	char *end;

	assert_memory_equal(body, first, sizeof first - 1);
	seconds = strtod(body + sizeof first - 1, &end);
	assert_true(seconds > LONG_MS / 1000.0 - 0.6);
	assert_true(seconds < LONG_MS / 1000.0);
	assert_int_equal(*end, '\n');
	return end + 1;
}

static void
arguments_are_as_the_options_say(void **state)
{
	static char body[STS_BODY_MAX];
	struct fetch_options o = plain;
	size_t len;

	(void)state;
	write_helper("printf '%s\\n' \"$@\" .; printf '\\0'");
	assert_int_equal(fetch(&o, LONG_MS, body, &len, NULL), STS_OK);
	assert_string_equal(after_timeout(body), "--\nexample.com\n.\n");
	o.ca_file = "/a file";
	o.ca_path = "/a directory";
	o.allow_private_addresses = true;
	assert_int_equal(fetch(&o, LONG_MS, body, &len, NULL), STS_OK);
	assert_string_equal(after_timeout(body),
	    "--ca-file\n/a file\n--ca-path\n/a directory\n--allow-private\n"
	    "--\nexample.com\n.\n");
}

static int
make_directory(void)
{
	if (mkdtemp(directory) == NULL || chmod(directory, 0755) != 0)
		return -1;
	(void)snprintf(helper, sizeof helper, "%s/helper", directory);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(body_of_limit_is_taken_and_a_byte_more_is_not),
		cmocka_unit_test(hang_is_a_time_out),
		cmocka_unit_test(missing_helper_is_told),
		cmocka_unit_test(arguments_are_as_the_options_say),
	};
	int failed;

	if (make_directory() != 0) {
		perror(directory);
		return 3;
	}
	failed = RUN_ROWS(fetch_rows, check_fetch) +
	    cmocka_run_group_tests(others, NULL, NULL);
	(void)unlink(helper);
	(void)rmdir(directory);
	return failed;
}
