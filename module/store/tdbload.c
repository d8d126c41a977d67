/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbload.c - libtdb for what Exim loads or starts, which is not linked with it
 * but loads it on first use: most deliveries have none (tdbquick.h). */
#include <errno.h>
#include <signal.h> /* for tdb.h */
#include <sys/types.h> /* for tdb.h */
#include <tdb.h>
#include "../protocol/library.h"

/* What is called: type, name, parameters, arguments. */
#define CALLS(X)                                                              \
	X(int, tdb_chainlock_nonblock, (struct tdb_context * t, TDB_DATA k),  \
	    (t, k))                                                           \
	X(int, tdb_chainlock_read_nonblock,                                   \
	    (struct tdb_context * t, TDB_DATA k), (t, k))                     \
	X(int, tdb_chainunlock, (struct tdb_context * t, TDB_DATA k), (t, k)) \
	X(int, tdb_chainunlock_read, (struct tdb_context * t, TDB_DATA k),    \
	    (t, k))                                                           \
	X(int, tdb_check,                                                     \
	    (struct tdb_context * t,                                          \
		int (*f)(TDB_DATA k, TDB_DATA d, void *arg), void *arg),      \
	    (t, f, arg))                                                      \
	X(int, tdb_close, (struct tdb_context * t), (t))                      \
	X(int, tdb_delete, (struct tdb_context * t, TDB_DATA k), (t, k))      \
	X(enum TDB_ERROR, tdb_error, (struct tdb_context * t), (t))           \
	X(int, tdb_exists, (struct tdb_context * t, TDB_DATA k), (t, k))      \
	X(int, tdb_fd, (struct tdb_context * t), (t))                         \
	X(TDB_DATA, tdb_fetch, (struct tdb_context * t, TDB_DATA k), (t, k))  \
	X(int, tdb_hash_size, (struct tdb_context * t), (t))                  \
	X(unsigned int, tdb_jenkins_hash, (TDB_DATA * k), (k))                \
	X(int, tdb_lockall_nonblock, (struct tdb_context * t), (t))           \
	X(int, tdb_lockall_read_nonblock, (struct tdb_context * t), (t))      \
	X(int, tdb_parse_record,                                              \
	    (struct tdb_context * t, TDB_DATA k,                              \
		int (*f)(TDB_DATA k, TDB_DATA d, void *arg), void *arg),      \
	    (t, k, f, arg))                                                   \
	X(int, tdb_store,                                                     \
	    (struct tdb_context * t, TDB_DATA k, TDB_DATA d, int flag),       \
	    (t, k, d, flag))                                                  \
	X(int, tdb_transaction_cancel, (struct tdb_context * t), (t))         \
	X(int, tdb_transaction_commit, (struct tdb_context * t), (t))         \
	X(int, tdb_transaction_start, (struct tdb_context * t), (t))          \
	X(int, tdb_traverse_chain,                                            \
	    (struct tdb_context * t, unsigned chain, tdb_traverse_func f,     \
		void *arg),                                                   \
	    (t, chain, f, arg))                                               \
	X(int, tdb_traverse_key_chain,                                        \
	    (struct tdb_context * t, TDB_DATA k, tdb_traverse_func f,         \
		void *arg),                                                   \
	    (t, k, f, arg))                                                   \
	X(int, tdb_unlockall, (struct tdb_context * t), (t))                  \
	X(int, tdb_unlockall_read, (struct tdb_context * t), (t))

#define POINTER(type, name, parameters, arguments) __typeof__(name) *(name);

static struct {
	__typeof__(tdb_open) *tdb_open;
	__typeof__(tdb_remove_flags) *tdb_remove_flags;
	CALLS(POINTER)
} calls;

#define NAME(type, name, parameters, arguments) { #name, &calls.name },

static bool
load(void)
{
	static const struct library_call names[] = {
		{ "tdb_open", &calls.tdb_open },
		{ "tdb_remove_flags", &calls.tdb_remove_flags },
		CALLS(NAME)
	};
	static struct library library = { .soname = "libtdb.so.1" };

	return library_load(&library, names, sizeof names / sizeof *names);
}

/* Whatever comes first.  Without the library a cache that is there cannot be
 * read, which is not the same as one that is not there. */
struct tdb_context *
tdb_open(const char *path, int hash_size, int tdb_flags, int open_flags,
    mode_t mode)
{
	if (load())
		return calls.tdb_open(path, hash_size, tdb_flags, open_flags,
		    mode);
	errno = ELIBACC;
	return NULL;
}

void
tdb_remove_flags(struct tdb_context *t, unsigned flag)
{
	calls.tdb_remove_flags(t, flag);
}

#define FORWARD(type, name, parameters, arguments) \
	type name parameters                       \
	{                                          \
		return calls.name arguments;       \
	}

CALLS(FORWARD)
