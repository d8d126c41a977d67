/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbformat.h - what we rely on of the bytes of a TDB file (version 6, in this
 * machine's byte order).  For the other tdb*.c. */
#ifndef TDBFORMAT_H
#define TDBFORMAT_H

#include <stdint.h>

/* How a file begins. */
struct tdbformat_head {
	char magic[32]; /* TDBFORMAT_MAGIC and zeros */
	uint32_t version; /* TDBFORMAT_VERSION */
	uint32_t chains;
	uint32_t hash; /* TDBFORMAT_JENKINS: by tdb_jenkins_hash() */
	uint32_t recovery; /* where the record is that undoes a transaction */
	uint32_t sequence; /* changes, as `recovery` does; nothing else */
	uint32_t hash_of[2]; /* what the hash makes of the magic */
};
#define TDBFORMAT_MAGIC "TDB file\n"
#define TDBFORMAT_VERSION 0x2601196du
#define TDBFORMAT_JENKINS 0x0bad1a51u

/* A file of ours begins with that many chains; what is copied into a new one
 * because it has outgrown them gets as many as the second says.  TDB copies the
 * whole table for every transaction: larger is not better. */
#define TDBFORMAT_CHAINS 10007u
#define TDBFORMAT_CHAINS_LARGE 100003u

#define TDBFORMAT_RECOVERY 44 /* the place of `recovery` */
#define TDBFORMAT_FREE_LIST 168 /* where the place of its first record is */
/* Who reads or writes chain i holds a lock on the byte there ... */
#define TDBFORMAT_LOCK(i) (TDBFORMAT_FREE_LIST + 4 * (int64_t)(i))
/* ... and the place of its first record is here. */
#define TDBFORMAT_CHAIN(i) (TDBFORMAT_LOCK(i) + 4)

/* How every record begins; its key and its value follow. */
struct tdbformat_record {
	uint32_t next; /* the place of the next one in its list; 0: none */
	uint32_t len; /* bytes that follow */
	uint32_t key_len, value_len, hash;
	uint32_t magic;
};
#define TDBFORMAT_USED 0x26011999u /* its magic */
#define TDBFORMAT_UNDO 0xf53bc0e7u /* of what `recovery` points to */

#endif
