/* SPDX-License-Identifier: GPL-2.0-or-later */
/* events.c - what the events of a delivery cost it:
 *	events CACHE-DIR DOMAINS SESSIONS UID GID
 * The cache holds d0.test to dN-1.test.  Each session is a new process of that
 * user, as Exim's transports are, with the events of a session that works, or
 * (every other) of one whose certificate is bad.  Prints, in microseconds: the
 * mean of all events, and the medians of those on the way, of those that count
 * a session that worked, and of those that count one that failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../../module/lookup/world.h"
#include "../../module/report/session.h"
#include "../../module/report/sink.h"

#define EVENTS 7

static struct config config;
static struct lookup *lookup;
static struct session session;
static struct sink sink;

static time_t
wall(void *arg)
{
	(void)arg;
	return time(NULL);
}

static void
take(void *arg, const struct verdict *v)
{
	sink_take(arg, wall(NULL), v);
}

static double
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec * 1e-3;
}

#define GREETING "250-mx.d.test Hello\r\n250-SIZE 1000\r\n250 STARTTLS"
#define CLEAR "enforce|192.0.2.1|0|no||||d41d8cd98f00b204e9800998ecf8427e||0|"
#define SECURE                                                      \
	"enforce|192.0.2.1|1|no|TLS1.3:TLS_AES_256_GCM_SHA384:256|" \
	"mx.d.test||d41d8cd98f00b204e9800998ecf8427e||0|"

struct line {
	const char *name;
	const char *data;
	const char *error;
	const char *packed;
};

static const struct line good[EVENTS] = {
	{ "tcp:connect", "", "0", CLEAR },
	{ "smtp:connect", "220 mx.d.test ESMTP", "0", CLEAR },
	{ "smtp:ehlo", GREETING, "0", CLEAR },
	{ "tls:cert", "1", "0", CLEAR },
	{ "tls:cert", "0", "0", CLEAR },
	{ "smtp:ehlo", GREETING, "0", SECURE },
	{ "tcp:close", "", "0", SECURE },
};
static const struct line bad[EVENTS] = {
	{ "tcp:connect", "", "0", CLEAR },
	{ "smtp:connect", "220 mx.d.test ESMTP", "0", CLEAR },
	{ "smtp:ehlo", GREETING, "0", CLEAR },
	{ "tls:cert", "1", "0", CLEAR },
	{ "tls:cert", "0", "0", CLEAR },
	/* An older error: it counts nothing. */
	{ "tcp:close", "", "0", CLEAR },
	{ "msg:host:defer",
	    "TLS session: (certificate verification failed): certificate "
	    "invalid",
	    "-37", CLEAR "1600000000,1650000000,,mx.d.test" },
};

static bool
counts(const struct line *l)
{
	return l == &good[5] || l == &bad[6];
}

static void
one_session(const char *domain, const struct line *line, double *took)
{
	for (int i = 0; i < EVENTS; i++) {
		const char *const argv[EVENT_ARGS] = { line[i].name,
			line[i].data, line[i].error, domain, "mx.d.test",
			"192.0.2.25", line[i].packed };
		double began = now_us();
		struct event e;

		if (event_read(EVENT_ARGS, argv, &e)) {
			/* As dlfunc.c has it. */
			session_event(&session, &e);
			event_handle(lookup, &e);
		}
		took[i] = now_us() - began;
	}
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
print(const double *took, long sessions)
{
	double *worked = calloc((size_t)sessions, sizeof *worked);
	double *failed = calloc((size_t)sessions, sizeof *failed);
	double *ways = calloc((size_t)sessions * EVENTS, sizeof *ways);
	size_t n = 0, m = 0, w = 0;
	double sum = 0;

	if (worked == NULL || failed == NULL || ways == NULL)
		exit(1);
	for (long s = 0; s < sessions; s++)
		for (int i = 0; i < EVENTS; i++) {
			double t = took[s * EVENTS + i];

			sum += t;
			if (!counts(s % 2 == 0 ? &good[i] : &bad[i]))
				ways[w++] = t;
			else if (s % 2 == 0)
				worked[n++] = t;
			else
				failed[m++] = t;
		}
	qsort(worked, n, sizeof *worked, compare);
	qsort(failed, m, sizeof *failed, compare);
	qsort(ways, w, sizeof *ways, compare);
	printf("%.1f %.1f %.1f %.1f\n", sum / (double)(n + m + w),
	    ways[w / 2], worked[n / 2], m > 0 ? failed[m / 2] : 0);
	free(worked);
	free(failed);
	free(ways);
}

static void
set_up(const char *dir)
{
	struct lookup_ops ops;

	config_defaults(&config);
	(void)snprintf(config.cache_dir, sizeof config.cache_dir, "%s", dir);
	(void)snprintf(config.tlsrpt.contact, sizeof config.tlsrpt.contact,
	    "tls@sender.test");
	config.log = LOG_NOTHING;
	world_ops(&ops, &config, NULL);
	lookup = lookup_new(&config, &ops);
	sink.config = &config;
	session.config = &config;
	session.lookup = lookup;
	session.now = wall;
	session.tell = take;
	session.arg = &sink;
}

int
main(int argc, char *argv[])
{
	long domains, sessions;
	double *took;

	if (argc != 6)
		return 2;
	domains = strtol(argv[2], NULL, 10);
	sessions = strtol(argv[3], NULL, 10);
	if (domains < 1 || sessions < 1 ||
	    setgid((gid_t)strtoul(argv[5], NULL, 10)) != 0 ||
	    setuid((uid_t)strtoul(argv[4], NULL, 10)) != 0)
		return 2;
	set_up(argv[1]);
	took = mmap(NULL, (size_t)sessions * EVENTS * sizeof *took,
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (took == MAP_FAILED || lookup == NULL)
		return 1;
	for (long s = 0; s < sessions; s++) {
		char domain[32];
		pid_t pid;

		(void)snprintf(domain, sizeof domain, "d%ld.test",
		    s * 7919 % domains);
		/* As the router that looked it up. */
		(void)lookup_domain(lookup, domain, LOOKUP_PLAIN);
		pid = fork();
		if (pid == 0) {
			one_session(domain, s % 2 == 0 ? good : bad,
			    took + s * EVENTS);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			return 1;
	}
	print(took, sessions);
	return 0;
}
