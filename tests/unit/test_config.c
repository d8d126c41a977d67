/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_config.c - mta-sts.conf: every key, every way to get it wrong. */
#include "rows.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../module/lookup/config.h"
#include "../../module/protocol/text.h"

static char dir[] = "/tmp/mta-sts-config-XXXXXX";
static char path[sizeof dir + 8];

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(path, sizeof path, "%s/conf", dir);
	return 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static void
write_file(const char *p, size_t len)
{
	FILE *out = fopen(path, "we");

	assert_non_null(out);
	assert_int_equal(fwrite(p, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

/* Every problem as "LINE: text\n", what differs as "key=value\n". */
static char room[8192];
static struct text told;

static void
tell(void *arg, unsigned line, const char *text)
{
	(void)arg;
	text_addf(&told, "%u: %s\n", line, text);
}

static void
show(void *arg, const char *key, const char *value, bool set)
{
	(void)arg;
	if (set)
		text_addf(&told, "%s=%s\n", key, value);
}

static unsigned
load(struct config *c)
{
	text_init(&told, room, sizeof room);
	return config_load(path, c, tell, NULL);
}

#define C16 "cccccccccccccccc"
#define C128 C16 C16 C16 C16 C16 C16 C16 C16
#define PATH_255 "/" C128 C16 C16 C16 C16 C16 C16 C16 "cccccccccccccc"

static const struct row {
	const char *name;
	const char *file;
	const char *want; /* problems, then what is not as by default */
} good_rows[] = {
	{ "an empty file", "", "" },
	{ "comments, blank lines and blanks",
	    "# recheck = 1\n\n \t \n   # x\n#\n", "" },
	{ "every key",
	    "cache_dir = /a\nrecheck = 1m\nnegative_ttl = 2h\n"
	    "fetch_timeout = 30s\ndns_timeout = 7\nca_file = /b\n"
	    "ca_path = /c\nallow_private_addresses = yes\n"
	    "dns_failure = defer\nexceptions = /d\nlog = all\n",
	    "cache_dir=/a\nrecheck=60s\nnegative_ttl=7200s\n"
	    "fetch_timeout=30s\ndns_timeout=7s\nca_file=/b\nca_path=/c\n"
	    "allow_private_addresses=yes\ndns_failure=defer\nexceptions=/d\n"
	    "log=all\n" },
	{ "the defaults, said aloud",
	    "recheck = 5m\nnegative_ttl = 10m\nfetch_timeout = 15s\n"
	    "dns_timeout = 5s\nallow_private_addresses = no\n"
	    "dns_failure = deliver\nlog = policy\n",
	    "" },
	{ "no blanks around the equals sign", "recheck=1", "recheck=1s\n" },
	{ "blanks and tabs everywhere", " \trecheck\t =  1d \t\n",
	    "recheck=86400s\n" },
	{ "lines that end in CRLF", "recheck = 2m\r\nlog = none\r\n",
	    "recheck=120s\nlog=none\n" },
	{ "the last of two wins", "recheck = 1\nrecheck = 2\n",
	    "recheck=2s\n" },
	{ "zero", "recheck = 0\nnegative_ttl = 0s\n",
	    "recheck=0s\nnegative_ttl=0s\n" },
	{ "no path", "ca_file =\nca_path =\nexceptions =\n",
	    "ca_path=\nexceptions=\n" },
	{ "an equals sign in a value", "ca_file = /a=b\n", "ca_file=/a=b\n" },
	{ "reports, all of it",
	    "tlsrpt = both:/run/t.sock\n"
	    "tlsrpt_contact = tls-reports+x@out.example.org\n"
	    "tlsrpt_org = Example, Inc.\ntlsrpt_success = no\n"
	    "tlsrpt_exclude = *.a.test : b.test\n"
	    "tlsrpt_include_sending_ip = no\ntlsrpt_include_reason = no\n"
	    "tlsrpt_per_target = 1000000\ntlsrpt_sendmail = /bin/true\n"
	    "tlsrpt_signed_elsewhere = yes\n",
	    "tlsrpt=both:/run/t.sock\n"
	    "tlsrpt_contact=tls-reports+x@out.example.org\n"
	    "tlsrpt_org=Example, Inc.\ntlsrpt_success=no\n"
	    "tlsrpt_exclude=*.a.test : b.test\n"
	    "tlsrpt_include_sending_ip=no\ntlsrpt_include_reason=no\n"
	    "tlsrpt_per_target=1000000\ntlsrpt_sendmail=/bin/true\n"
	    "tlsrpt_signed_elsewhere=yes\n" },
	{ "reports to nobody", "tlsrpt = off\n", "tlsrpt=off\n" },
	{ "reports to a socket", "tlsrpt = socket:/a\n",
	    "tlsrpt=socket:/a\n" },
	{ "reports, by default", "tlsrpt = db\ntlsrpt_contact =\n", "" },
	{ "an organisation beyond ASCII", "tlsrpt_org = B\xc3\xbc\n",
	    "tlsrpt_org=B??\n" },
	{ "the longest path", "ca_file = " PATH_255 "\n",
	    "ca_file=" PATH_255 "\n" },
};

static void
is_read(void **state)
{
	const struct row *r = *state;
	struct config c;

	write_file(r->file, strlen(r->file));
	assert_int_equal(load(&c), 0);
	config_show(&c, show, NULL);
	assert_string_equal(room, r->want);
}

#define NOT_A_TIME(key, value) \
	"1: " key ": \"" value "\" is not a time such as 90s, 5m, 2h, 1d\n"

#define NOT_A_COUNT(value)               \
	"1: tlsrpt_per_target: \"" value \
	"\" is not a number from 1 to 1000000\n"
#define NOT_A_SINK(value) \
	"1: tlsrpt: \"" value "\" is not off, db, socket:/PATH or both:/PATH\n"
#define NOT_A_CONTACT(value)          \
	"1: tlsrpt_contact: \"" value \
	"\" is not an address such as tls-reports@example.com\n"
#define C108 C16 C16 C16 C16 C16 C16 "cccccccccccc"

static const struct row bad_rows[] = {
	{ "a list with what is no domain",
	    "tlsrpt_exclude = a.test : * : b.test. : c test : *.d.test",
	    "1: tlsrpt_exclude: \"*\" is not a domain such as example.com or "
	    "*.example.com\n"
	    "1: tlsrpt_exclude: \"c test\" is not a domain such as "
	    "example.com or *.example.com\n"
	    "tlsrpt_exclude=a.test : b.test : *.d.test\n" },
	{ "an unknown key", "rechek = 5m\n", "1: unknown key \"rechek\"\n" },
	{ "a key in upper case", "Recheck = 5m\n",
	    "1: unknown key \"Recheck\"\n" },
	{ "no key", "= 5m\n", "1: unknown key \"\"\n" },
	{ "no equals sign", "recheck 5m\n",
	    "1: \"recheck 5m\" is not \"key = value\"\n" },
	{ "no time", "recheck =\n", NOT_A_TIME("recheck", "") },
	{ "a negative time", "recheck = -1\n", NOT_A_TIME("recheck", "-1") },
	{ "a broken time", "recheck = 1.5m\n", NOT_A_TIME("recheck", "1.5m") },
	{ "two units", "recheck = 1h30m\n", NOT_A_TIME("recheck", "1h30m") },
	{ "a unit only", "recheck = m\n", NOT_A_TIME("recheck", "m") },
	{ "a unit in words", "recheck = 5 minutes\n",
	    NOT_A_TIME("recheck", "5 minutes") },
	{ "weeks", "recheck = 1w\n", NOT_A_TIME("recheck", "1w") },
	{ "a comment behind a value", "recheck = 5m # often\n",
	    NOT_A_TIME("recheck", "5m # often") },
	{ "a time that would overflow", "recheck = 999999999d\n",
	    NOT_A_TIME("recheck", "999999999d") },
	{ "a number that would overflow", "recheck = 4294967596\n",
	    NOT_A_TIME("recheck", "4294967596") },
	{ "no time for a fetch", "fetch_timeout = 0\n",
	    "1: fetch_timeout: 0 is not between 1s and 120s\n" },
	{ "too much time for a fetch", "fetch_timeout = 121\n",
	    "1: fetch_timeout: 121 is not between 1s and 120s\n" },
	{ "too much time for DNS", "dns_timeout = 2m\n",
	    "1: dns_timeout: 2m is not between 1s and 60s\n" },
	{ "a recheck of two days", "recheck = 2d\n",
	    "1: recheck: 2d is not between 0s and 86400s\n" },
	{ "neither yes nor no", "allow_private_addresses = true\n",
	    "1: allow_private_addresses: \"true\" is neither yes nor no\n" },
	{ "neither deliver nor defer", "dns_failure = yes\n",
	    "1: dns_failure: \"yes\" is neither deliver nor defer\n" },
	{ "another log", "log = debug\n",
	    "1: log: \"debug\" is not none, policy or all\n" },
	{ "no report to a host", "tlsrpt_per_target = 0\n",
	    NOT_A_COUNT("0") },
	{ "too many", "tlsrpt_per_target = 1000001\n",
	    NOT_A_COUNT("1000001") },
	{ "far too many", "tlsrpt_per_target = 99999999999999999999\n",
	    NOT_A_COUNT("99999999999999999999") },
	{ "a negative count", "tlsrpt_per_target = -1\n", NOT_A_COUNT("-1") },
	{ "a count with a unit", "tlsrpt_per_target = 1k\n",
	    NOT_A_COUNT("1k") },
	{ "no count", "tlsrpt_per_target =\n", NOT_A_COUNT("") },
	{ "another sink", "tlsrpt = yes\n", NOT_A_SINK("yes") },
	{ "a sink without its socket", "tlsrpt = both\n",
	    NOT_A_SINK("both") },
	{ "a relative socket", "tlsrpt = socket:x\n",
	    NOT_A_SINK("socket:x") },
	{ "a path behind db", "tlsrpt = db:/x\n", NOT_A_SINK("db:/x") },
	{ "a socket too long", "tlsrpt = socket:/" C108 "\n",
	    NOT_A_SINK("socket:/" C108) },
	{ "a contact without a domain", "tlsrpt_contact = postmaster\n",
	    NOT_A_CONTACT("postmaster") },
	{ "a contact of one label", "tlsrpt_contact = a@localhost\n",
	    NOT_A_CONTACT("a@localhost") },
	{ "an option as the contact", "tlsrpt_contact = -a@b.test\n",
	    NOT_A_CONTACT("-a@b.test") },
	{ "two contacts", "tlsrpt_contact = a@b.test,c@b.test\n",
	    NOT_A_CONTACT("a@b.test,c@b.test") },
	{ "a contact with a name", "tlsrpt_contact = A <a@b.test>\n",
	    NOT_A_CONTACT("A <a@b.test>") },
	{ "a contact that a shell would run", "tlsrpt_contact = $x@b.test\n",
	    NOT_A_CONTACT("$x@b.test") },
	{ "an organisation too long", "tlsrpt_org = " C108 "\n",
	    "1: tlsrpt_org: longer than 100 bytes\n" },
	{ "a relative path", "cache_dir = cache\n",
	    "1: cache_dir: \"cache\" is not an absolute path\n" },
	{ "no cache", "cache_dir =\n",
	    "1: cache_dir: \"\" is not an absolute path\n" },
	{ "a path too long", "ca_file = " PATH_255 "c\n",
	    "1: ca_file: longer than 255 bytes\n" },
	{ "the rest of a file with a bad line is read",
	    "\n\nx = y\nrecheck = 1\nlog = x\n",
	    "3: unknown key \"x\"\n"
	    "5: log: \"x\" is not none, policy or all\nrecheck=1s\n" },
	{ "a bad value leaves the default", "recheck = 99d\n",
	    "1: recheck: 99d is not between 0s and 86400s\n" },
	{ "an escape sequence is not passed on", "\x1b[2J\x7f\xff = 1\n",
	    "1: unknown key \"?[2J??\"\n" },
	{ "a format is not obeyed", "%s%n = 1\n",
	    "1: unknown key \"%s%n\"\n" },
};

static const struct exclude_row {
	const char *name;
	const char *list;
	const char *domain;
	bool want;
} exclude_rows[] = {
	{ "no list", "", "a.test", false },
	{ "a domain", "a.test", "a.test", true },
	{ "of several", " b.test : A.test ", "a.test", true },
	{ "not what is below it", "a.test", "x.a.test", false },
	{ "all below a domain", "*.a.test", "x.y.a.test", true },
	{ "not the domain itself", "*.a.test", "a.test", false },
	{ "nor what only ends alike", "*.a.test", "xa.test", false },
	{ "a part of a name", "a.tes", "a.test", false },
	{ "everything below nothing", "*", "a.test", false },
	{ "empty items", " : :", "a.test", false },
	{ "a final dot", "b.test : a.test. ", "a.test", true },
	{ "beside what is none", "* : a b : a.test", "a.test", true },
};

static void
is_excluded(void **state)
{
	const struct exclude_row *r = *state;
	struct config c;

	config_defaults(&c);
	(void)snprintf(c.tlsrpt.exclude, sizeof c.tlsrpt.exclude, "%s",
	    r->list);
	assert_int_equal(config_excludes(&c, r->domain), r->want);
}

/* RFC 8460: nothing is reported in the name of nobody. */
static void
reports_are_off_without_a_contact(void **state)
{
	struct config c;

	(void)state;
	config_defaults(&c);
	assert_false(config_reports(&c));
	(void)snprintf(c.tlsrpt.contact, sizeof c.tlsrpt.contact, "a@b.test");
	assert_true(config_reports(&c));
	c.tlsrpt.db = false;
	assert_false(config_reports(&c));
	(void)snprintf(c.tlsrpt.socket, sizeof c.tlsrpt.socket, "/a");
	assert_true(config_reports(&c));
}

static void
is_told(void **state)
{
	const struct row *r = *state;
	const char *last = strrchr(r->want, ':');
	struct config c;
	unsigned lines = 0;

	write_file(r->file, strlen(r->file));
	assert_non_null(last);
	for (const char *p = r->want; *p != '\0'; p++)
		if (*p == '\n')
			lines++;
	if (strstr(r->want, "\nrecheck=") != NULL ||
	    strstr(r->want, "\ntlsrpt_exclude=") != NULL)
		lines--;
	assert_int_equal(load(&c), lines);
	config_show(&c, show, NULL);
	assert_string_equal(room, r->want);
	/* And counted when nobody listens. */
	assert_int_equal(config_load(path, &c, NULL, NULL), lines);
}

static void
a_long_line_is_one_problem_and_the_next_is_read(void **state)
{
	static char file[5000];
	struct config c;

	(void)state;
	for (size_t len = 1020; len < 4000; len += len < 1030 ? 1 : 1021) {
		struct text t;

		text_init(&t, file, sizeof file);
		text_add(&t, "recheck = ");
		while (t.len < len)
			text_add(&t, " ");
		text_add(&t, "1\nlog = all\n");
		write_file(file, t.len);
		assert_int_equal(load(&c), len + 1 <= 1022 ? 0 : 1);
		assert_int_equal(c.recheck, len + 1 <= 1022 ? 1 : 300);
		assert_int_equal(c.log, LOG_ALL);
	}
	assert_string_equal(room, "1: line longer than 1022 bytes\n");
}

static void
a_nul_byte_hides_nothing_but_its_line(void **state)
{
	static const char file[] = "recheck = 1\0x\nlog = all\n\0\n"
				   "dns_timeout=9";
	struct config c;

	(void)state;
	write_file(file, sizeof file - 1);
	(void)load(&c);
	assert_int_equal(c.log, LOG_ALL);
	assert_int_equal(c.dns_timeout, 9);
}

static void
a_missing_file_means_the_defaults(void **state)
{
	struct config c;

	(void)state;
	(void)unlink(path);
	memset(&c, 0xff, sizeof c);
	assert_int_equal(load(&c), 0);
	config_show(&c, show, NULL);
	assert_string_equal(room, "");
	assert_string_equal(c.cache_dir, MTA_STS_CACHEDIR);
	assert_string_equal(c.exceptions, MTA_STS_EXCEPTIONS);
	assert_string_equal(c.ca_file, "");
	assert_int_equal(c.recheck, 300);
	assert_int_equal(c.negative_ttl, 600);
	assert_int_equal(c.fetch_timeout, 15);
	assert_int_equal(c.dns_timeout, 5);
	assert_false(c.allow_private_addresses);
	assert_false(c.defer_on_dns_failure);
	assert_int_equal(c.log, LOG_POLICY);
	assert_false(c.unreadable);
}

static void
a_file_that_cannot_be_read_is_a_problem(void **state)
{
	struct config c;

	(void)state;
	(void)unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(load(&c), 1);
	assert_true(c.unreadable);
	assert_int_equal(rmdir(path), 0);
	assert_non_null(strstr(room, "0: /tmp/"));
	assert_int_equal(symlink("conf", path), 0); /* to itself */
	assert_int_equal(load(&c), 1);
	assert_true(c.unreadable);
}

int
main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(
		    a_long_line_is_one_problem_and_the_next_is_read),
		cmocka_unit_test(a_nul_byte_hides_nothing_but_its_line),
		cmocka_unit_test(reports_are_off_without_a_contact),
		cmocka_unit_test(a_missing_file_means_the_defaults),
		cmocka_unit_test(a_file_that_cannot_be_read_is_a_problem),
	};
	int failed;

	if (make_dir(NULL) != 0)
		return 3;
	failed = RUN_ROWS(good_rows, is_read) + RUN_ROWS(bad_rows, is_told) +
	    RUN_ROWS(exclude_rows, is_excluded) +
	    cmocka_run_group_tests(others, NULL, NULL);
	return failed + (remove_dir(NULL) != 0);
}
