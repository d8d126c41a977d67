/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_lookup_trouble.c - when the trouble is our own: a damaged or unreadable
 * cache, no cache, no helper, no memory, no room.  A policy that may be in
 * force is never taken for none. */
#include "fakes.h"
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sanitized.h"
#if !SANITIZED
#include "shaky_idn.h"
#endif

#define TEMPFAIL(word) \
	"domain=example.com mode=tempfail status=error reason=" word
#define DAMAGED_LINE                                                 \
	"MTA-STS: example.com: cached value is damaged (checksum); " \
	"asking anew, and deferring until it is replaced\n"

/* 60 kilobytes: no hole in the cache's file takes it, and malloc() treats it
 * as something big. */
static const char *
long_text(void)
{
	static char text[60000];
	size_t n;

	(void)snprintf(text, sizeof text, "%s", ENFORCE_TEXT);
	n = strlen(text);
	(void)snprintf(text + n, sizeof text - n, "x: ");
	n += 3;
	memset(text + n, 'y', sizeof text - 1 - n);
	return text;
}

/* --- a damaged value ----------------------------------------------------- */

/* A byte of the text: the times before it are as they were. */
static void
damage_the_text(struct fakes *f)
{
	fakes_damage(f, "mode: enforce", 13);
}

/* What says that it is a value of ours: nothing in it counts. */
static void
damage_the_beginning(struct fakes *f)
{
	fakes_damage(f, "MS\2\1", 4);
}

static void
a_damaged_value_is_asked_for_and_fetched_again_at_once(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	damage_the_text(f);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
	assert_asked(f, 1, 1);
	assert_ptr_equal(strstr(fakes_log(), DAMAGED_LINE), fakes_log());
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
}

/* The remote side cannot bring it back, in whatever way. */
static const struct fault_row {
	const char *name;
	enum sts_status dns;
	enum sts_status https;
	const char *text;
} fault_rows[] = {
	{ "the record is gone", STS_ABSENT, STS_OK, ENFORCE_TEXT },
	{ "DNS fails", STS_DNS, STS_OK, ENFORCE_TEXT },
	{ "DNS cannot be asked", STS_SYSTEM, STS_OK, ENFORCE_TEXT },
	{ "the policy host is down", STS_OK, STS_FETCH, "" },
	{ "its certificate is bad", STS_OK, STS_CERT, "" },
	{ "the helper is missing", STS_OK, STS_SYSTEM, "" },
	{ "the text is none", STS_OK, STS_OK, "mode: none" },
};

static void
set_fault(struct fakes *f)
{
	const struct fault_row *r = f->row;

	fakes_publish(f, "1", r->text);
	if (r->dns != STS_OK)
		fakes_dns_fails(f, r->dns, "word");
	if (r->https != STS_OK)
		fakes_https_fails(f, r->https, "word");
}

static void
tempfail_until(struct fakes *f, time_t end)
{
	for (; f->now < end; f->now += (end - f->now) / 2 + 1)
		assert_string_equal(fakes_ask(f, "example.com")->line,
		    TEMPFAIL("cache-damaged"));
	f->now = end;
	assert_string_not_equal(fakes_ask(f, "example.com")->line,
	    TEMPFAIL("cache-damaged"));
	fakes_publish(f, "1", ENFORCE_TEXT);
	f->now += DAY;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
}

static void
a_damaged_value_is_tempfail_to_the_end_of_its_policy(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	damage_the_text(f);
	set_fault(f);
	f->now += HOUR;
	tempfail_until(f, FAKES_START + WEEK);
}

static void
for_an_hour_where_its_end_cannot_be_read(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	damage_the_beginning(f);
	set_fault(f);
	f->now += DAY;
	tempfail_until(f, f->now + HOUR);
}

/* The end may be what is damaged. */
static void
and_for_an_hour_where_its_end_reads_as_past(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	damage_the_text(f);
	set_fault(f);
	f->now += WEEK + 1;
	tempfail_until(f, f->now + HOUR);
}

static void
tempfail_ends_with_a_fetched_policy(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	damage_the_text(f);
	set_fault(f);
	f->now += 1;
	assert_answer(fakes_ask(f, "example.com"), "tempfail", "error");
	fakes_publish(f, "1", TESTING_TEXT);
	f->now += 5 * MINUTE;
	assert_answer(fakes_ask(f, "example.com"), "testing", "fresh");
	assert_answer(fakes_ask(f, "example.com"), "testing", "cached");
}

static void
a_damaged_value_is_told_of_once_and_asked_for_as_usual(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	damage_the_text(f);
	fakes_https_fails(f, STS_FETCH, "http-404");
	(void)fakes_ask(f, "example.com");
	assert_asked(f, 1, 1);
	fakes_calm(f);
	f->now += 5 * MINUTE - 1;
	(void)fakes_ask(f, "example.com"); /* backing off */
	assert_asked(f, 1, 0);
	assert_null(strstr(fakes_log(), "damaged;"));
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	(void)fakes_ask(f, "example.com");
	f->now += 5 * MINUTE - 1;
	(void)fakes_ask(f, "example.com"); /* remembered */
	assert_asked(f, 2, 0);
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_CACHE_ONLY),
	    "tempfail", "error");
}

static void
max_age_0_ends_the_doubt(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	damage_the_text(f);
	fakes_publish(f, "2", POLICY_TEXT("none", "0", "mx.example.com"));
	assert_answer(fakes_ask(f, "example.com"), "none", "fresh");
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	assert_answer(fakes_ask(f, "example.com"), "none", "absent");
}

/* --- a damaged file ------------------------------------------------------- */

static void
write_file(struct fakes *f, const char *bytes, size_t len)
{
	int fd = open(fakes_path(f, "policies.tdb"),
	    O_WRONLY | O_TRUNC | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(close(fd), 0);
}

static void
file_becomes_empty(struct fakes *f)
{
	write_file(f, "", 0);
}

static void
file_becomes_text(struct fakes *f)
{
	write_file(f, "this is no database\n", 20);
}

static void
file_becomes_zeros(struct fakes *f)
{
	static const char zeros[100000];

	write_file(f, zeros, sizeof zeros);
}

static void
file_ends_within_the_policy(struct fakes *f)
{
	static char room[1000000];
	int fd = open(fakes_path(f, "policies.tdb"), O_RDWR | O_CLOEXEC);
	ssize_t n = read(fd, room, sizeof room);
	const char *text = NULL;

	assert_true(n > 0);
	text = memmem(room, (size_t)n, "mode: enforce", 13);
	assert_non_null(text);
	assert_int_equal(ftruncate(fd, text - room), 0);
	assert_int_equal(close(fd), 0);
}

static const struct ruined_row {
	const char *name;
	void (*make)(struct fakes *f);
} ruined_rows[] = {
	{ "no bytes", file_becomes_empty },
	{ "another kind of file", file_becomes_text },
	{ "zeros", file_becomes_zeros },
	{ "an end within the policy", file_ends_within_the_policy },
};

/* In a new process, and in one that has it open. */
static void
a_ruined_file_is_told_of_and_the_policy_fetched_again(void **state)
{
	struct fakes *f = *state;
	const struct ruined_row *r = f->row;

	for (int open = 0; open < 2; open++) {
		fakes_cache_policy(f, open ? "2" : "1", ENFORCE_TEXT);
		if (open)
			(void)fakes_ask(f, "example.com");
		r->make(f);
		assert_answer(fakes_ask_again(f, "EXAMPLE.com"), "enforce",
		    "fresh");
		assert_non_null(strstr(fakes_log(), "MTA-STS: ALERT: cache "));
		assert_answer(fakes_ask(f, "example.com"), "enforce",
		    "cached");
		f->now += HOUR;
	}
}

/* --- a cache that cannot be read ----------------------------------------- */

static void
file_becomes_a_directory(struct fakes *f)
{
	(void)unlink(fakes_path(f, "policies.tdb"));
	assert_int_equal(mkdir(fakes_path(f, "policies.tdb"), 0700), 0);
}

static void
file_becomes_a_link(struct fakes *f)
{
	char other[100];

	(void)snprintf(other, sizeof other, "%s/other", f->dir);
	assert_int_equal(rename(fakes_path(f, "policies.tdb"), other), 0);
	assert_int_equal(symlink("other", fakes_path(f, "policies.tdb")), 0);
}

static void
file_loses_its_rights(struct fakes *f)
{
	assert_int_equal(chmod(fakes_path(f, "policies.tdb"), 0), 0);
}

static void
file_becomes_read_only(struct fakes *f)
{
	assert_int_equal(chmod(fakes_path(f, "policies.tdb"), 0440), 0);
}

static void
file_becomes_somebody_elses(struct fakes *f)
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(fakes_path(f, "policies.tdb"), 1, 1), 0);
}

static void
directory_becomes_roots(struct fakes *f)
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(f->dir, 0, 0), 0);
}

static void
directory_loses_its_rights(struct fakes *f)
{
	assert_int_equal(chmod(f->dir, 0), 0);
}

static const struct unreadable_row {
	const char *name;
	void (*make)(struct fakes *f);
	const char *word;
} unreadable_rows[] = {
	{ "a directory in the file's place", file_becomes_a_directory,
	    "cache-open" },
	{ "a symbolic link in the file's place", file_becomes_a_link,
	    "cache-open" },
	{ "a file without rights", file_loses_its_rights, "cache-open" },
	{ "a file that cannot be written", file_becomes_read_only,
	    "cache-open" },
	{ "a file of another user's", file_becomes_somebody_elses,
	    "cache-open" },
	{ "a directory of root's", directory_becomes_roots, "cache-owner" },
	{ "a directory without rights", directory_loses_its_rights,
	    "cache-open" },
};

static void
is_tempfail_without_asking_anybody(void **state)
{
	struct fakes *f = *state;
	const struct unreadable_row *r = f->row;
	char want[100];

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	r->make(f);
	(void)snprintf(want, sizeof want, TEMPFAIL("%s"), r->word);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(fakes_ask(f, "example.com")->line, want);
		f->now += DAY;
	}
	assert_string_equal(
	    fakes_ask_for(f, "example.com", LOOKUP_CACHE_ONLY)->line, want);
	assert_false(lookup_wants_prefetch(fakes_lookup(), "example.com"));
	assert_asked(f, 0, 0);
	assert_non_null(strstr(fakes_log(), "cannot tell which policy"));
	(void)chmod(f->dir, 0700);
	(void)rmdir(fakes_path(f, "policies.tdb"));
}

static void
tempfail_is_not_repeated_from_memory(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	file_loses_its_rights(f);
	assert_answer(fakes_ask(f, "example.com"), "tempfail", "error");
	assert_int_equal(chmod(fakes_path(f, "policies.tdb"), 0640), 0);
	assert_answer(fakes_ask_again(f, "example.com"), "enforce", "cached");
}

/* --- strangers ----------------------------------------------------------- */

/* "exim -be" by anybody: asks live, in a process of its own. */
static void
stranger(struct fakes *f)
{
	if (setresgid(12345, 12345, 12345) != 0 ||
	    setresuid(12345, 12345, 12345) != 0)
		_exit(1);
	fakes_say(f);
}

static const char *
what_a_stranger_is_told(struct fakes *f)
{
	f->said[0] = '\0';
	assert_true(fakes_wait(fakes_fork(f, stranger)));
	return f->said;
}

static void
a_stranger_gets_a_live_answer_or_tempfail_but_never_none(void **state)
{
	struct fakes *f = *state;
	struct entry e;

	if (geteuid() != 0)
		skip();
	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_publish(f, "2", TESTING_TEXT);
	assert_ptr_equal(strstr(what_a_stranger_is_told(f),
			     "domain=example.com mode=testing status=fresh "
			     "id=2 "),
	    f->said);
	assert_asked(f, 1, 1);
	fakes_https_fails(f, STS_FETCH, "connect");
	assert_string_equal(what_a_stranger_is_told(f),
	    TEMPFAIL("cache-open"));
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	assert_string_equal(what_a_stranger_is_told(f),
	    TEMPFAIL("cache-open"));
	assert_int_equal(fakes_stored(f, "example.com", &e), STS_OK);
	assert_string_equal(e.id, "1");
	assert_int_equal(e.trial.asked_at, FAKES_START);
}

/* He may not even see it. */
static void
nor_one_whose_way_to_the_cache_is_barred(void **state)
{
	struct fakes *f = *state;
	char inner[100];

	if (geteuid() != 0)
		skip();
	(void)snprintf(inner, sizeof inner, "%s/inner", f->dir);
	assert_int_equal(mkdir(inner, 0750), 0);
	assert_int_equal(chown(inner, FAKES_OWNER, FAKES_OWNER), 0);
	assert_int_equal(chmod(f->dir, 0700), 0);
	memcpy(f->config.cache_dir, inner, sizeof inner);
	assert_string_equal(what_a_stranger_is_told(f),
	    TEMPFAIL("cache-open"));
	assert_asked(f, 1, 0);
}

/* --- no cache ------------------------------------------------------------ */

static void
without_a_cache_directory_answers_are_live(void **state)
{
	struct fakes *f = *state;

	assert_int_equal(rmdir(f->dir), 0);
	fakes_publish(f, "1", ENFORCE_TEXT);
	f->config.log = LOG_NOTHING;
	for (unsigned i = 1; i < 3; i++) {
		assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
		assert_asked(f, i, i);
	}
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
	assert_answer(fakes_ask(f, "example.com"), "none", "absent");
	assert_int_equal(access(f->dir, F_OK), -1);
}

static void
and_that_is_told_once_a_process(void **state)
{
	struct fakes *f = *state;
	const char *line;

	assert_int_equal(rmdir(f->dir), 0);
	fakes_calm(f);
	(void)fakes_ask(f, "example.com");
	(void)fakes_ask_again(f, "example.net");
	lookup_mark(fakes_lookup(), "example.com");
	line = fakes_log();
	assert_ptr_equal(strstr(line, "MTA-STS: answers are not cached "
				      "(cache-missing): "),
	    line);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void
nothing_is_prefetched_for_a_cache_that_is_not_there(void **state)
{
	struct fakes *f = *state;

	assert_int_equal(rmdir(f->dir), 0);
	assert_false(lookup_wants_prefetch(fakes_lookup(), "example.com"));
}

/* --- a cache that goes away meanwhile ------------------------------------ */

static void
file_goes_away(struct fakes *f)
{
	f->meanwhile = NULL;
	assert_int_equal(unlink(fakes_path(f, "policies.tdb")), 0);
}

static void
directory_goes_away(struct fakes *f)
{
	char away[100];

	f->meanwhile = NULL;
	(void)snprintf(away, sizeof away, "%s-away", f->dir);
	assert_int_equal(rename(f->dir, away), 0);
}

static void
a_policy_outlives_the_file_it_was_read_from(void **state)
{
	struct fakes *f = *state;

	/* What is freed, if big, shall not look as before. */
	(void)mallopt(M_PERTURB, 0xa5);
	for (int i = 0; i < 2; i++) {
		fakes_cache_policy(f, "1", long_text());
		f->now += HOUR;
		f->meanwhile = file_goes_away;
		if (i == 1)
			fakes_dns_fails(f, STS_ABSENT, "nxdomain");
		assert_string_equal(fakes_ask(f, "example.com")->mx,
		    "mx.example.com");
	}
	(void)mallopt(M_PERTURB, 0);
}

static void
and_the_directory_it_stood_in(void **state)
{
	struct fakes *f = *state;
	const struct answer *a;
	char away[100];

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->now += HOUR;
	fakes_publish(f, "2", TESTING_TEXT);
	fakes_https_fails(f, STS_FETCH, "connect");
	f->meanwhile = directory_goes_away;
	a = fakes_ask(f, "example.com");
	(void)snprintf(away, sizeof away, "%s-away", f->dir);
	assert_int_equal(rename(away, f->dir), 0);
	assert_answer(a, "enforce", "stale");
}

/* --- nobody to ask with -------------------------------------------------- */

static void
a_missing_helper_is_tempfail_and_tried_again(void **state)
{
	struct fakes *f = *state;

	fakes_publish(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, STS_SYSTEM, "helper-missing");
	for (unsigned i = 1; i < 4; i++) {
		assert_string_equal(fakes_ask(f, "example.com")->line,
		    TEMPFAIL("helper-missing"));
		assert_asked(f, i, i);
	}
	assert_ptr_equal(strstr(fakes_log(),
			     "MTA-STS: example.com: policy not fetched "
			     "(helper-missing): HTTPS says no; deferring\n"
			     "MTA-STS: example.com: cannot tell which policy "
			     "is in force (helper-missing): HTTPS says no\n"),
	    fakes_log());
	/* Also by the same process. */
	fakes_publish(f, "1", ENFORCE_TEXT);
	assert_answer(fakes_ask_again(f, "example.com"), "enforce", "fresh");
}

static void
no_memory_for_a_fetch_is_tempfail_and_tried_again(void **state)
{
	struct fakes *f = *state;

	fakes_publish(f, "1", ENFORCE_TEXT);
	fakes_https_fails(f, STS_NOMEM, "memory");
	assert_string_equal(fakes_ask(f, "example.com")->line,
	    TEMPFAIL("memory"));
	fakes_publish(f, "1", ENFORCE_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
}

static void
a_missing_helper_leaves_a_live_policy_in_force(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	fakes_publish(f, "2", TESTING_TEXT);
	fakes_https_fails(f, STS_SYSTEM, "helper-missing");
	f->now += HOUR;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	fakes_publish(f, "2", TESTING_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "testing", "fresh");
}

static void
a_resolver_that_cannot_ask_is_tempfail_and_not_remembered(void **state)
{
	struct fakes *f = *state;

	fakes_dns_fails(f, STS_SYSTEM, "resolver");
	assert_string_equal(fakes_ask(f, "example.com")->line,
	    TEMPFAIL("resolver"));
	assert_answer(fakes_ask_for(f, "example.com", LOOKUP_CACHE_ONLY),
	    "none", "absent");
	fakes_dns_fails(f, STS_NOMEM, "memory");
	assert_string_equal(fakes_ask(f, "example.com")->line,
	    TEMPFAIL("memory"));
	fakes_publish(f, "1", ENFORCE_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "fresh");
	fakes_dns_fails(f, STS_SYSTEM, "resolver");
	f->now += HOUR;
	assert_answer(fakes_ask(f, "example.com"), "enforce", "stale");
	fakes_publish(f, "1", ENFORCE_TEXT);
	assert_answer(fakes_ask(f, "example.com"), "enforce", "checked");
}

#if !SANITIZED
static void
a_name_that_cannot_be_read_is_tempfail(void **state)
{
	static const char name[] = "b\xc3\xbc"
				   "cher.example";
	struct fakes *f = *state;

	fakes_publish(f, "1", ENFORCE_TEXT);
	idn.missing = true;
	assert_string_equal(fakes_ask(f, name)->line,
	    "mode=tempfail status=error reason=libidn2");
	assert_non_null(strstr(fakes_log(), "libidn2"));
	idn.missing = false;
	assert_answer(fakes_ask_again(f, name), "enforce", "fresh");
	idn.out_of_memory = true;
	assert_string_equal(fakes_ask(f, name)->line,
	    "mode=tempfail status=error reason=memory");
	idn.out_of_memory = false;
	assert_answer(fakes_ask_again(f, name), "enforce", "cached");
}
#endif

/* --- no room ------------------------------------------------------------- */

/* As on a full disk: no file gets longer than max bytes. */
static void
limit_files(rlim_t max)
{
	struct rlimit limit;

	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
on_a_full_disk_answers_come_uncached_with_one_line(void **state)
{
	struct fakes *f = *state;
	struct stat st;
	unsigned lines = 0;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	assert_int_equal(stat(fakes_path(f, "policies.tdb"), &st), 0);
	fakes_publish(f, "2", long_text());
	f->config.log = LOG_NOTHING;
	(void)fakes_restart(f);
	limit_files((rlim_t)st.st_size);
	for (int i = 0; i < 3; i++) {
		f->now += HOUR;
		assert_answer(fakes_ask_again(f, "example.com"), "enforce",
		    "fresh");
		assert_answer(fakes_ask_again(f, "example.net"), "enforce",
		    "fresh");
	}
	limit_files(RLIM_INFINITY);
	for (const char *c = fakes_log(); *c != '\0'; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 1);
	assert_ptr_equal(strstr(fakes_log(), "MTA-STS: answers are not cached "
					     "(cache-write): "),
	    fakes_log());
	/* What is there stays. */
	fakes_dns_fails(f, STS_DNS, "servfail");
	assert_string_equal(fakes_ask(f, "example.com")->id, "1");
}

/* --- a cache that is locked ---------------------------------------------- */

/* Lets all read and nobody write. */
static void
lock_for_reading(struct fakes *f)
{
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
	int fd = open(fakes_path(f, "policies.tdb"), O_RDWR | O_CLOEXEC);

	if (fd < 0 || fcntl(fd, F_SETLK, &lock) != 0)
		_exit(1);
	f->right = 1;
	(void)poll(NULL, 0, 9000);
}

/* Else every look-up would start one. */
/* RFC 8460 4.3.2.1: told by the events, which must not ask DNS. */
static void
hosts_kept_out_are_in_the_line_where_sessions_are_counted(void **state)
{
	static const char *const hosts[FAKES_MX] = { "mx.evil.example",
		"a b", "MX.Example.com", "x:y", "", "{evil}" };
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	memcpy(f->mx, hosts, sizeof hosts);
	f->mxs = 6;
	assert_null(strstr(fakes_ask(f, "example.com")->line, "kept_out"));
	(void)snprintf(f->config.tlsrpt.contact, CONFIG_CONTACT_MAX,
	    "tls@example.net");
	assert_non_null(strstr(fakes_ask(f, "example.com")->line,
	    " report=yes kept_out=mx.evil.example id=1 "));
	assert_null(strstr(
	    fakes_ask_for(f, "example.com", LOOKUP_CACHE_ONLY)->line,
	    "kept_out"));
	f->mxs = 0;
	assert_null(strstr(fakes_ask(f, "example.com")->line, "kept_out"));
	assert_asked(f, 0, 0);
}

/* Where the promises are nobody knows then. */
static void
an_unreadable_configuration_is_tempfail(void **state)
{
	struct fakes *f = *state;

	fakes_publish(f, "1", ENFORCE_TEXT);
	f->config.unreadable = true;
	assert_string_equal(fakes_ask(f, "example.com")->line,
	    "domain=example.com mode=tempfail status=error reason=config");
	assert_asked(f, 0, 0);
}

static void
no_refresh_is_started_that_cannot_be_noted(void **state)
{
	struct fakes *f = *state;
	pid_t holder;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	f->config.recheck = WEEK;
	(void)fakes_ask(f, "example.com");
	f->now += DAY + 1;
	holder = fakes_fork(f, lock_for_reading);
	fakes_until(&f->right);
	assert_answer(fakes_ask_again(f, "example.com"), "enforce", "cached");
	assert_int_equal(f->started, 0);
	assert_int_equal(kill(holder, SIGKILL), 0);
	assert_false(fakes_wait(holder));
	assert_answer(fakes_ask(f, "example.com"), "enforce", "cached");
	assert_int_equal(f->started, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(
		    a_damaged_value_is_asked_for_and_fetched_again_at_once),
		flow_test(
		    a_damaged_value_is_told_of_once_and_asked_for_as_usual),
		flow_test(max_age_0_ends_the_doubt),
		flow_test(tempfail_is_not_repeated_from_memory),
		flow_test(
		    a_stranger_gets_a_live_answer_or_tempfail_but_never_none),
		flow_test(nor_one_whose_way_to_the_cache_is_barred),
		flow_test(without_a_cache_directory_answers_are_live),
		flow_test(and_that_is_told_once_a_process),
		flow_test(nothing_is_prefetched_for_a_cache_that_is_not_there),
		flow_test(a_policy_outlives_the_file_it_was_read_from),
		flow_test(and_the_directory_it_stood_in),
		flow_test(a_missing_helper_is_tempfail_and_tried_again),
		flow_test(no_memory_for_a_fetch_is_tempfail_and_tried_again),
		flow_test(a_missing_helper_leaves_a_live_policy_in_force),
		flow_test(
		    a_resolver_that_cannot_ask_is_tempfail_and_not_remembered),
#if !SANITIZED
		flow_test(a_name_that_cannot_be_read_is_tempfail),
#endif
		flow_test(on_a_full_disk_answers_come_uncached_with_one_line),
		flow_test(an_unreadable_configuration_is_tempfail),
		flow_test(
		    hosts_kept_out_are_in_the_line_where_sessions_are_counted),
		flow_test(no_refresh_is_started_that_cannot_be_noted),
	};

	return FLOW_ROWS(fault_rows,
		   a_damaged_value_is_tempfail_to_the_end_of_its_policy) +
	    FLOW_ROWS(fault_rows, for_an_hour_where_its_end_cannot_be_read) +
	    FLOW_ROWS(fault_rows,
		and_for_an_hour_where_its_end_reads_as_past) +
	    FLOW_ROWS(fault_rows, tempfail_ends_with_a_fetched_policy) +
	    FLOW_ROWS(ruined_rows,
		a_ruined_file_is_told_of_and_the_policy_fetched_again) +
	    FLOW_ROWS(unreadable_rows, is_tempfail_without_asking_anybody) +
	    cmocka_run_group_tests(tests, NULL, NULL);
}
