/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scratch.h - a cache directory of a test's own, policies to put into it, and
 * processes that do so.  When root runs the test, the directory belongs to
 * another user, as it must. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <sys/types.h>
#include "../../module/store/cache.h"

#define SCRATCH_OWNER 65534
#define SCRATCH_OTHER 65533
#define SCRATCH_NOW 1700000000
#define SCRATCH_LONG 20000 /* ms; nothing waits for it but a test that fails */

struct scratch {
	const void *row; /* of scratch_rows() */
	char dir[32];
	struct cache *cache;
	unsigned alerts;
	char alert[600]; /* the last one */
	uid_t alert_euid; /* who was told */
};

/* Set-up and tear-down of a test: *state is a struct scratch with an empty
 * directory.  Afterwards no descriptor, no child and no other user may be
 * left. */
int scratch_before(void **state);
int scratch_before_crowd(void **state);
int scratch_after(void **state);
#define SCRATCH_TEST(f) \
	cmocka_unit_test_setup_teardown(f, scratch_before, scratch_after)
/* The same with the cache in memory: a crowd that waits for fsync would show
 * how busy this machine's disk is, and little else. */
#define SCRATCH_CROWD(f)                                         \
	cmocka_unit_test_setup_teardown(f, scratch_before_crowd, \
	    scratch_after)

/* Runs check() for every row of an array of structs; each begins with its
 * name, and check() finds it as s->row. */
#define SCRATCH_ROWS(table, check)                      \
	scratch_rows(#table, table, sizeof((table)[0]), \
	    sizeof(table) / sizeof((table)[0]), check)
int scratch_rows(const char *group, const void *rows, size_t size, size_t n,
    CMUnitTestFunction check);

void scratch_only_root(void); /* skips the test, aloud, for others */
uid_t scratch_owner(void); /* who owns the directory */
/* This process, a child, is now uid's alone, with the group of that number. */
bool scratch_become(uid_t uid);

/* Another process's handle: nothing is inherited from the one before. */
void scratch_reopen(struct scratch *s);

/* "DIR/name"; borrowed until the fourth next call. */
const char *scratch_path(const struct scratch *s, const char *name);
bool scratch_exists(const struct scratch *s, const char *name);
/* Bytes of a file, malloc'ed; and a file of these bytes, the owner's. */
char *scratch_read(const struct scratch *s, const char *name, size_t *len);
void scratch_write(const struct scratch *s, const char *name, const void *p,
    size_t len);
void scratch_copy(const struct scratch *s, const char *from, const char *to);
/* Fails the test unless the file is the owner's and of mode 0640. */
/* Whether TDB's own check has nothing to say of it. */
bool scratch_tdb_is_clean(const struct scratch *s, const char *name);
void scratch_is_owners(const struct scratch *s, const char *name);

/* A policy of body_len bytes of text, fetched at SCRATCH_NOW. */
struct entry scratch_policy(const char *id, size_t body_len);
void scratch_put(struct scratch *s, const char *domain, const struct entry *e);
/* cache_get(), and in *got a summary: "enforce ID BODY-LEN", or "". */
enum sts_status scratch_get(struct scratch *s, const char *domain,
    char got[80]);
/* Fails the test unless that policy is there as it was put. */
void scratch_has(struct scratch *s, const char *domain, const char *id,
    size_t body_len);

/* f(arg) in a process of its own; 0 means all is well. */
pid_t scratch_start(int (*f)(void *arg), void *arg);
/* Its result; -1 when a signal or the time limit ended it. */
int scratch_finish(pid_t pid);
void scratch_kill(pid_t pid); /* which is at work */
/* scratch_start() and scratch_finish(); within f() use NEED() of ran.h. */
int scratch_apart(int (*f)(void *arg), void *arg);
/* For processes that have work together: waits until *flag is at least n. */
bool scratch_wait(const volatile unsigned *flag, unsigned n);
void *scratch_shared(size_t size); /* zeroed, seen by children; kept */
void scratch_sleep(unsigned us);

/* A process that holds a POSIX lock on bytes of a file, as a stopped one
 * would; end it with scratch_release(). */
pid_t scratch_hold(const struct scratch *s, const char *name, short type,
    off_t from, off_t len);
void scratch_release(pid_t pid);

/* Numbers that look like chance and are the same in every run. */
uint32_t scratch_random(void);

#endif
