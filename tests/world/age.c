/* SPDX-License-Identifier: GPL-2.0-or-later */
/* age.c - make what the cache knows of a domain older, as time would:
 *	age CACHE-DIRECTORY DOMAIN SECONDS
 * Moves every time of its policy into the past.  Exits 1 without one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../module/store/cache.h"

static void
move(int64_t *when, int64_t seconds)
{
	if (*when > 0)
		*when -= seconds;
}

static enum sts_status
make_older(struct cache *c, const char *domain, int64_t seconds,
    struct sts_error *err)
{
	static char body[STS_BODY_MAX];
	static char mx[STS_BODY_MAX];
	struct entry e;
	enum sts_status status = cache_get(c, domain, &e, err);

	if (status != STS_OK)
		return status;
	/* The strings are the cache's until the next call. */
	memcpy(mx, e.mx.p, e.mx.len);
	memcpy(body, e.body.p, e.body.len);
	mx[e.mx.len] = '\0';
	e.mx.p = mx;
	e.body.p = body;
	move(&e.fetched_at, seconds);
	move(&e.used_at, seconds);
	move(&e.trial.asked_at, seconds);
	move(&e.trial.failed_at, seconds);
	move(&e.trial.failing_since, seconds);
	move(&e.trial.marked_at, seconds);
	move(&e.trial.tried_at, seconds);
	return cache_put(c, domain, &e, err);
}

int
main(int argc, char *argv[])
{
	struct sts_error err = { 0 };
	enum sts_status status;
	struct cache *c;

	if (argc != 4)
		return 2;
	c = cache_new(argv[1], NULL, NULL);
	if (c == NULL)
		return 3;
	status = make_older(c, argv[2], strtol(argv[3], NULL, 10), &err);
	if (status != STS_OK)
		(void)fprintf(stderr, "age: %s: %s\n", err.word, err.text);
	cache_free(c);
	return status == STS_OK ? 0 : 1;
}
