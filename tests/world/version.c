/* SPDX-License-Identifier: GPL-2.0-or-later */
/* version.c - make a cache one that another version of the program wrote:
 *	version FILE DIFFERENCE
 * Adds the difference (1, -1) to the version of every value of the TDB file,
 * gives it 24 bytes more that only that version would understand, and a
 * checksum that is right. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tdb.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* Where entry.c puts things. */
enum {
	AT_MAGIC = 8,
	AT_VERSION = 10
};

#define MORE 24u

static int
change(struct tdb_context *db, TDB_DATA key, TDB_DATA value, void *difference)
{
	size_t size = value.dsize + MORE;
	TDB_DATA v = { NULL, size };
	uint64_t sum;
	int failed;

	if (key.dptr == NULL)
		return -1;
	v.dptr = calloc(1, size);
	if (v.dptr == NULL)
		return -1;
	memcpy(v.dptr, value.dptr, value.dsize);
	v.dptr[AT_VERSION] =
	    (unsigned char)(v.dptr[AT_VERSION] + *(int *)difference);
	sum = XXH64(v.dptr + AT_MAGIC, size - AT_MAGIC,
	    XXH64(key.dptr, key.dsize, 0));
	for (unsigned i = 0; i < 8; i++)
		v.dptr[i] = (unsigned char)(sum >> (8 * i));
	failed = tdb_store(db, key, v, TDB_REPLACE);
	free(v.dptr);
	return failed;
}

int
main(int argc, char *argv[])
{
	struct tdb_context *db;
	int difference, n;

	if (argc != 3)
		return 2;
	difference = (int)strtol(argv[2], NULL, 10);
	db = tdb_open(argv[1], 0, 0, O_RDWR, 0);
	if (db == NULL) {
		perror(argv[1]);
		return 1;
	}
	n = tdb_traverse(db, change, &difference);
	return tdb_close(db) == 0 && n > 0 ? 0 : 1;
}
