/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fill.c - a cache of N policies d0.test, d1.test ..., fast:
 *     fill FILE N HASH-SIZE [AGE]
 * It is written as our files are, but without a transaction for each. */
#include <fcntl.h>
#include <signal.h> /* for tdb.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tdb.h>
#include "../../module/store/entry.h"

#define POLICY_ID "20240101T000000"

static const char body[] = "version: STSv1\r\nmode: enforce\r\n"
			   "mx: mx1.example.net\r\nmx: *.example.net\r\n"
			   "max_age: 604800\r\n";
static const char mx[] = "mx1.example.net:*.example.net";

static bool
put(struct tdb_context *t, const char *domain, int64_t fetched_at)
{
	struct entry e = { .kind = ENTRY_POLICY, .id = POLICY_ID };
	char buf[1024];
	TDB_DATA key, value;

	e.mode = STS_ENFORCE;
	e.max_age = 604800;
	e.fetched_at = e.used_at = e.trial.asked_at = fetched_at;
	e.mx = (struct bytes){ mx, sizeof mx - 1 };
	e.body = (struct bytes){ body, sizeof body - 1 };
	entry_encode(&e, domain, buf);
	memcpy(&key.dptr, &domain, sizeof key.dptr);
	key.dsize = strlen(domain);
	value.dptr = (unsigned char *)buf;
	value.dsize = entry_size(&e);
	return tdb_store(t, key, value, TDB_INSERT) == 0;
}

int
main(int argc, char *argv[])
{
	struct tdb_context *t;
	int64_t fetched_at;
	char domain[32];
	const int flags = TDB_INCOMPATIBLE_HASH | TDB_NOSYNC;
	long n;

	if (argc < 4)
		return 2;
	t = tdb_open(argv[1], (int)strtol(argv[3], NULL, 10), flags,
	    O_RDWR | O_CREAT | O_EXCL, 0640);
	if (t == NULL || tdb_lockall(t) != 0)
		return 1;
	fetched_at = time(NULL) - (argc > 4 ? strtol(argv[4], NULL, 10) : 10);
	n = strtol(argv[2], NULL, 10);
	for (long i = 0; i < n; i++) {
		(void)snprintf(domain, sizeof domain, "d%ld.test", i);
		if (!put(t, domain, fetched_at))
			return 1;
	}
	return tdb_close(t) == 0 ? 0 : 1;
}
