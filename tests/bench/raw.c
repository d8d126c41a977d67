/* SPDX-License-Identifier: GPL-2.0-or-later */
/* raw.c - reads N domains of a cache COUNT times in all, with TDB alone and
 * the flags and locks that we use; prints the nanoseconds of one:
 *     raw FILE N COUNT */
#include <fcntl.h>
#include <signal.h> /* for tdb.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tdb.h>

static int
look(TDB_DATA key, TDB_DATA value, void *arg)
{
	unsigned long *sum = arg;

	(void)key;
	*sum += value.dptr[value.dsize - 1];
	return 0;
}

static double
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* A step that is prime to all N that are used, for no order in the file. */
#define STEP 7919

static double
run(struct tdb_context *t, long n, long count, unsigned long *sum)
{
	double begun = now();

	for (long i = 0; i < count; i++) {
		unsigned char domain[32];
		TDB_DATA key = { domain, 0 };

		key.dsize = (size_t)snprintf((char *)domain, sizeof domain,
		    "d%ld.test", i * STEP % n);
		if (t == NULL)
			*sum += key.dsize;
		else if (tdb_parse_record(t, key, look, sum) != 0)
			return -1;
	}
	return now() - begun;
}

int
main(int argc, char *argv[])
{
	struct tdb_context *t;
	unsigned long sum = 0;
	double keys, all;
	long n, count;

	if (argc != 4)
		return 2;
	t = tdb_open(argv[1], 0, TDB_NOMMAP, O_RDWR, 0);
	n = strtol(argv[2], NULL, 10);
	count = strtol(argv[3], NULL, 10);
	if (t == NULL || n <= 0 || count <= 0)
		return 1;
	keys = run(NULL, n, count, &sum);
	all = run(t, n, count, &sum);
	if (all < 0 || sum == 0)
		return 1;
	(void)printf("%.1f\n", (all - keys) / (double)count);
	return tdb_close(t) == 0 ? 0 : 1;
}
