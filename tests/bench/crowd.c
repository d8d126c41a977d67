/* SPDX-License-Identifier: GPL-2.0-or-later */
/* crowd.c - many processes read the cache while one writes to it:
 *     crowd DIR N READERS SECONDS PAUSE-US STORES-PER-SECOND
 * The cache holds d0.test to dN-1.test.  Prints reads/s, stores/s, false
 * misses, torn values, errors, and the median and 99th percentile of a read in
 * microseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../../module/store/cache.h"

#define BUCKETS 100000u /* of 0.1 us */

struct tally {
	unsigned long reads, misses, torn, errors, stores;
	unsigned bucket[BUCKETS];
};

struct plan {
	const char *dir;
	long n;
	double seconds;
	long pause; /* microseconds between two reads of one process */
	long stores; /* a second */
};

static double
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void
rest(double seconds)
{
	struct timespec ts;

	if (seconds <= 0)
		return;
	ts.tv_sec = (time_t)seconds;
	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	(void)nanosleep(&ts, NULL);
}

static void
count(struct tally *t, enum sts_status st, double took)
{
	unsigned at = took * 1e7 < BUCKETS ? (unsigned)(took * 1e7)
					   : BUCKETS - 1;

	t->reads++;
	t->misses += st == STS_MISS;
	t->torn += st == STS_DAMAGED;
	t->errors += st != STS_OK && st != STS_MISS && st != STS_DAMAGED;
	t->bucket[at]++;
}

static void
read_on(const struct plan *p, unsigned seed, struct tally *t)
{
	struct cache *c = cache_new(p->dir, NULL, NULL);
	double end = now() + p->seconds;
	char domain[32];
	struct entry e;

	while (c != NULL && now() < end) {
		double begun;
		enum sts_status st;

		seed = seed * 1103515245u + 12345u;
		(void)snprintf(domain, sizeof domain, "d%ld.test",
		    (long)(seed >> 8) % p->n);
		begun = now();
		st = cache_get(c, domain, &e, NULL);
		count(t, st, now() - begun);
		rest((double)p->pause * 1e-6);
	}
	cache_free(c);
}

/* Stores what is there again, of another length each time. */
static void
write_on(const struct plan *p, struct tally *t)
{
	static char body[4096];
	struct cache *c = cache_new(p->dir, NULL, NULL);
	double begun = now();

	memset(body, '#', sizeof body);
	while (c != NULL && now() < begun + p->seconds) {
		struct entry e = { .kind = ENTRY_POLICY, .id = "2" };
		char domain[32];

		(void)snprintf(domain, sizeof domain, "d%ld.test",
		    (long)(t->stores * 31 % (unsigned long)p->n));
		e.mode = STS_ENFORCE;
		e.max_age = 604800;
		e.fetched_at = e.trial.asked_at = time(NULL);
		e.mx = (struct bytes){ "mx.example.net", 14 };
		e.body = (struct bytes){ body, 1 + t->stores * 37 % 600 };
		if (cache_put(c, domain, &e, NULL) != STS_OK)
			t->errors++;
		t->stores++;
		rest(begun + (double)t->stores / (double)p->stores - now());
	}
	cache_free(c);
}

static void
report(const struct plan *p, const struct tally *t, int readers)
{
	/* cppcheck-suppress unassignedVariable; it is, by += */
	static unsigned bucket[BUCKETS];
	struct tally sum = { 0 };
	unsigned long seen = 0;
	double median = 0, p99 = 0;

	for (int i = 0; i <= readers; i++) {
		sum.reads += t[i].reads;
		sum.misses += t[i].misses;
		sum.torn += t[i].torn;
		sum.errors += t[i].errors;
		sum.stores += t[i].stores;
		for (unsigned b = 0; b < BUCKETS; b++)
			bucket[b] += t[i].bucket[b];
	}
	for (unsigned b = 0; b < BUCKETS; b++) {
		seen += bucket[b];
		if (median == 0 && seen * 2 >= sum.reads)
			median = (b + 1) / 10.0;
		if (p99 == 0 && seen * 100 >= sum.reads * 99)
			p99 = (b + 1) / 10.0;
	}
	(void)printf("%.0f %.0f %lu %lu %lu %.1f %.1f\n",
	    (double)sum.reads / p->seconds, (double)sum.stores / p->seconds,
	    sum.misses, sum.torn, sum.errors, median, p99);
}

static void
run(const struct plan *p, struct tally *t, int readers)
{
	for (int i = 0; i <= readers; i++) {
		pid_t pid = fork();

		if (pid != 0)
			continue;
		if (i == readers)
			write_on(p, &t[i]);
		else
			read_on(p, (unsigned)i * 7919u, &t[i]);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
}

int
main(int argc, char *argv[])
{
	struct plan p;
	struct tally *t;
	int readers;

	if (argc != 7)
		return 2;
	p.dir = argv[1];
	p.n = strtol(argv[2], NULL, 10);
	readers = (int)strtol(argv[3], NULL, 10);
	p.seconds = strtod(argv[4], NULL);
	p.pause = strtol(argv[5], NULL, 10);
	p.stores = strtol(argv[6], NULL, 10);
	t = mmap(NULL, sizeof *t * (size_t)(readers + 1),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED)
		return 1;
	run(&p, t, readers);
	report(&p, t, readers);
	return 0;
}
