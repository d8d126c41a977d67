/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_version.c - a cache that another version has written: one that is newer
 * (the package was downgraded) or older.  Its values are well-formed, only not
 * ours: nothing in them is believed, and nothing gets worse by them. */
#include "fakes.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tdb.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define KEY "example.com"
#define TEMPFAIL \
	"domain=example.com mode=tempfail status=error reason=cache-damaged"

/* Where entry.c puts things. */
enum {
	AT_SUM = 0,
	AT_MAGIC = 8,
	AT_VERSION = 10,
	AT_TRIAL_SUM = 16,
	AT_FETCHED = 140
};

#define OURS 2
#define OURS_TEXT "2"

/* --- a value of another version ------------------------------------------ */

static struct tdb_context *
open_file(const struct fakes *f, const char *name)
{
	struct tdb_context *db =
	    tdb_open(fakes_path(f, name), 0, TDB_NOMMAP, O_RDWR, 0);

	assert_non_null(db);
	return db;
}

static TDB_DATA
key_of(char room[sizeof KEY])
{
	TDB_DATA key = { (unsigned char *)room, strlen(KEY) };

	memcpy(room, KEY, sizeof KEY);
	return key;
}

/* The value that is there, with that number and a right checksum, and with
 * more behind it that only its version would understand. */
static void
make_version(struct fakes *f, const char *name, unsigned version, size_t more)
{
	struct tdb_context *db;
	char room[sizeof KEY];
	TDB_DATA key = key_of(room);
	TDB_DATA v;
	uint64_t sum;

	(void)fakes_restart(f);
	db = open_file(f, name);
	v = tdb_fetch(db, key);
	assert_non_null(v.dptr);
	v.dptr = realloc(v.dptr, v.dsize + more);
	assert_non_null(v.dptr);
	memset(v.dptr + v.dsize, 'n', more);
	v.dsize += more;
	v.dptr[AT_VERSION] = (unsigned char)version;
	sum = XXH64(KEY, strlen(KEY), 0);
	sum = XXH64(v.dptr + AT_MAGIC, AT_TRIAL_SUM - AT_MAGIC, sum);
	sum = XXH64(v.dptr + AT_FETCHED, v.dsize - AT_FETCHED, sum);
	for (unsigned i = 0; i < 8; i++)
		v.dptr[AT_SUM + i] = (unsigned char)(sum >> (8 * i));
	assert_int_equal(tdb_store(db, key, v, TDB_REPLACE), 0);
	free(v.dptr);
	assert_int_equal(tdb_close(db), 0);
}

static unsigned
version_there(struct fakes *f)
{
	struct tdb_context *db;
	char room[sizeof KEY];
	TDB_DATA v;
	unsigned version;

	(void)fakes_restart(f);
	db = open_file(f, "policies.tdb");
	v = tdb_fetch(db, key_of(room));
	assert_non_null(v.dptr);
	version = v.dptr[AT_VERSION];
	free(v.dptr);
	assert_int_equal(tdb_close(db), 0);
	return version;
}

/* The test itself must know how a value is made: the same number and no more
 * is the same value. */
static void
our_own_version_is_read(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	make_version(f, "policies.tdb", version_there(f), 0);
	f->now += 1;
	assert_answer(fakes_ask(f, KEY), "enforce", "cached");
	assert_asked(f, 0, 0);
}

/* --- what becomes of it --------------------------------------------------- */

static const struct version_row {
	const char *name;
	unsigned version;
	size_t more;
} version_rows[] = {
	{ "the next version", OURS + 1, 0 },
	{ "the next version, with longer values", OURS + 1, 24 },
	{ "a much later one", 255, 4000 },
	{ "the one before", OURS - 1, 0 },
	{ "one before the first", 0, 0 },
};

static void
make_row(struct fakes *f)
{
	const struct version_row *r = f->row;

	make_version(f, "policies.tdb", r->version, r->more);
}

static void
is_told(const struct fakes *f)
{
	const struct version_row *r = f->row;
	char line[160];

	(void)snprintf(line, sizeof line,
	    "MTA-STS: example.com: cached value is of version %u, and this is "
	    "version " OURS_TEXT "; asking anew, and deferring until it is "
	    "replaced\n",
	    r->version);
	assert_ptr_equal(strstr(fakes_log(), line), fakes_log());
}

static void
is_asked_anew_and_replaced(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	make_row(f);
	f->now += 1;
	assert_answer(fakes_ask(f, KEY), "enforce", "fresh");
	assert_asked(f, 1, 1);
	is_told(f);
	assert_int_equal(version_there(f), OURS);
	assert_answer(fakes_ask(f, KEY), "enforce", "cached");
}

static void
is_never_taken_for_no_policy(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	make_row(f);
	fakes_dns_fails(f, STS_ABSENT, "no-record");
	f->now += 1;
	assert_string_equal(fakes_ask(f, KEY)->line, TEMPFAIL);
	is_told(f);
	/* Told once, and still so for who comes next. */
	fakes_calm(f);
	assert_string_equal(fakes_ask(f, KEY)->line, TEMPFAIL);
	assert_null(strstr(fakes_log(), "version"));
}

/* Whatever it says: a later version may mean something else by it. */
static void
is_not_believed_when_it_says_less(void **state)
{
	struct fakes *f = *state;

	fakes_cache_policy(f, "1",
	    "version: STSv1\r\nmode: none\r\nmax_age: 604800\r\n");
	make_row(f);
	fakes_publish(f, "2", ENFORCE_TEXT);
	f->now += 1;
	assert_answer(fakes_ask(f, KEY), "enforce", "fresh");
}

static void
nothing_of_it_is_read_out(void **state)
{
	struct fakes *f = *state;
	struct entry e;

	fakes_cache_policy(f, "1", ENFORCE_TEXT);
	make_row(f);
	assert_int_equal(fakes_stored(f, KEY, &e), STS_DAMAGED);
	assert_int_equal(e.kind, ENTRY_DAMAGED);
	assert_int_equal(e.damaged_until, 0);
	assert_int_equal(e.mx.len, 0);
	assert_int_equal(e.body.len, 0);
}

/* Nothing is lost by an absence: the domain is asked. */
static void
as_an_absence_it_does_not_count(void **state)
{
	struct fakes *f = *state;
	const struct version_row *r = f->row;

	fakes_dns_fails(f, STS_ABSENT, "no-record");
	assert_answer(fakes_ask(f, KEY), "none", "absent");
	make_version(f, "absent.tdb", r->version, r->more);
	fakes_calm(f);
	fakes_publish(f, "1", ENFORCE_TEXT);
	f->now += 1;
	assert_answer(fakes_ask(f, KEY), "enforce", "fresh");
	assert_asked(f, 1, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		flow_test(our_own_version_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) +
	    FLOW_ROWS(version_rows, is_asked_anew_and_replaced) +
	    FLOW_ROWS(version_rows, is_never_taken_for_no_policy) +
	    FLOW_ROWS(version_rows, is_not_believed_when_it_says_less) +
	    FLOW_ROWS(version_rows, nothing_of_it_is_read_out) +
	    FLOW_ROWS(version_rows, as_an_absence_it_does_not_count);
}
