/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fakes.h - a world for the look-up that the test holds in its hands: clock,
 * DNS, HTTPS, background and log.  The cache is a real one, in a directory of
 * its own; the rest is shared by all processes that a test forks. */
#ifndef FAKES_H
#define FAKES_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdint.h>
#include <cmocka.h>
#include "../../module/lookup/lookup.h"
#include "../../module/store/cache.h"

#define FAKES_START 1700000000 /* the time at which every test begins */
#define FAKES_RECORDS 4
#define FAKES_MX 6
#define FAKES_OWNER 65534 /* of the cache, when root runs the test */

#define MINUTE 60
#define HOUR 3600
#define DAY 86400
#define WEEK (7 * DAY)

/* A policy text of one mx. */
#define POLICY_TEXT(mode, max_age, mx)                                        \
	"version: STSv1\r\nmode: " mode "\r\nmax_age: " max_age "\r\nmx: " mx \
	"\r\n"
#define ENFORCE_TEXT POLICY_TEXT("enforce", "604800", "mx.example.com")
#define TESTING_TEXT POLICY_TEXT("testing", "604800", "mx.example.com")

struct fakes {
	const void *row; /* of FLOW_ROWS() */
	char dir[64]; /* the cache */
	struct config config;
	time_t now;
	/* DNS: an error, or these records. */
	enum sts_status dns;
	const char *dns_word;
	const char *record[FAKES_RECORDS];
	size_t records;
	/* Its MX records, which are there. */
	const char *mx[FAKES_MX];
	size_t mxs;
	/* HTTPS: an error, or this text. */
	enum sts_status https;
	const char *https_word;
	const char *text;
	size_t text_len;
	int https_ms; /* it takes so long */
	/* Runs while DNS is asked; may be NULL. */
	void (*meanwhile)(struct fakes *f);
	/* What was asked for: how often, and the last name. */
	atomic_uint asked;
	atomic_uint fetched;
	atomic_uint started;
	char asked_name[300];
	char fetched_name[300];
	char started_name[300];
	char said[400]; /* by fakes_say() */
	atomic_uint right; /* of a crowd: how many got what they should */
};

/* Set-up and tear-down of a test: *state is a struct fakes with an empty cache
 * and a DNS that knows no record. */
int fakes_begin(void **state);
int fakes_end(void **state);

/* The lines logged in this process since the last call of fakes_calm(). */
const char *fakes_log(void);
/* Forgets what was asked, fetched, started and logged. */
void fakes_calm(struct fakes *f);

/* The record has this id, the policy this text. */
void fakes_publish(struct fakes *f, const char *id, const char *text);
void fakes_records(struct fakes *f, size_t n, const char *const record[]);
void fakes_dns_fails(struct fakes *f, enum sts_status why, const char *word);
void fakes_https_fails(struct fakes *f, enum sts_status why, const char *word);

/* The look-up of this process. */
struct lookup *fakes_lookup(void);
/* Gives it up, as a process that ends does, and makes another. */
struct lookup *fakes_restart(struct fakes *f);
/* The answer that a new process gets ... */
const struct answer *fakes_ask(struct fakes *f, const char *domain);
const struct answer *fakes_ask_for(struct fakes *f, const char *domain,
    unsigned flags);
/* ... and the answer that the same process gets. */
const struct answer *fakes_ask_again(struct fakes *f, const char *domain);

/* Forks a process that runs run(), and that nothing but run() can fail. */
pid_t fakes_fork(struct fakes *f, void (*run)(struct fakes *f));
/* Waits for it, ten seconds at most: true when it ended in order. */
bool fakes_wait(pid_t pid);
/* Waits until another process has counted: five seconds at most. */
void fakes_until(const atomic_uint *counter);
/* For run(): asks as a new process does and leaves the line in f->said. */
void fakes_say(struct fakes *f);

/* Publishes, asks and calms down: example.com's policy is in the cache. */
void fakes_cache_policy(struct fakes *f, const char *id, const char *text);
/* What the cache holds for domain; the strings are borrowed until the next
 * call. */
enum sts_status fakes_stored(struct fakes *f, const char *domain,
    struct entry *e);
/* Puts e there; its strings may be what fakes_stored() gave. */
void fakes_store(struct fakes *f, const char *domain, const struct entry *e);
/* "DIR/name"; static. */
const char *fakes_path(const struct fakes *f, const char *name);
/* Alters a byte of the policy of domain as the file holds it: what[] is
 * searched for in the file, and its first byte becomes another. */
void fakes_damage(struct fakes *f, const char *what, size_t len);

/* Asserts mode and status of the answer. */
#define assert_answer(a, mode, status) \
	fakes_assert_answer((a), (mode), (status), __FILE__, __LINE__)
void fakes_assert_answer(const struct answer *a, const char *mode,
    const char *status, const char *file, int line);
/* Asserts how often DNS and the policy host were asked since all was calm. */
#define assert_asked(f, dns, https)                      \
	do {                                             \
		assert_int_equal((f)->asked, (dns));     \
		assert_int_equal((f)->fetched, (https)); \
	} while (0)

/* One cmocka test with such a world. */
#define flow_test(function) \
	cmocka_unit_test_setup_teardown(function, fakes_begin, fakes_end)
/* As RUN_ROWS() of rows.h, each row with such a world: check() finds it in
 * its field row. */
#define FLOW_ROWS(table, check)                           \
	fakes_run_rows(#table, table, sizeof((table)[0]), \
	    sizeof(table) / sizeof((table)[0]), check)
int fakes_run_rows(const char *group, const void *rows, size_t size, size_t n,
    CMUnitTestFunction check);

#endif
