/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fill.c - put entries into a cache directory for the tests of the tool:
 *     fill DIR policy DOMAIN MODE MX FETCHED-AGO MAX-AGE [FAILED-WORD]
 *     fill DIR absence DOMAIN ASKED-AGO
 *     fill DIR damaged DOMAIN UNTIL-IN
 *     fill DIR many N
 *     fill DIR policies N MODE MX FETCHED-AGO MAX-AGE [FAILED-WORD] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../../module/store/cache.h"

/* With bytes that must never reach a terminal as they are. */
static const char body[] =
    "version: STSv1\r\nmode: enforce\r\nx: \033[2J\302\233!\r\n";

static int
put(struct cache *c, const char *domain, const struct entry *e)
{
	struct sts_error err;

	if (cache_put(c, domain, e, &err) == STS_OK)
		return 0;
	(void)fprintf(stderr, "fill: %s: %s\n", err.word, err.text);
	return 1;
}

static int64_t
number(const char *s)
{
	return (int64_t)strtoll(s, NULL, 10);
}

static int
put_policy(struct cache *c, int argc, char *argv[])
{
	struct entry e = { .kind = ENTRY_POLICY, .id = "20240101T000000" };

	if (argc < 5 || !mode_from_name(argv[1], strlen(argv[1]), &e.mode))
		return 2;
	e.mx.p = argv[2];
	e.mx.len = strlen(argv[2]);
	e.body.p = body;
	e.body.len = sizeof body - 1;
	e.fetched_at = time(NULL) - number(argv[3]);
	e.max_age = (uint32_t)number(argv[4]);
	e.used_at = e.trial.asked_at = e.fetched_at;
	e.findings = FINDING_FINAL_DOT;
	if (argc > 5) {
		e.trial.outcome = STS_FETCH;
		e.trial.failed_at = time(NULL) - 5;
		(void)snprintf(e.trial.failed_id, sizeof e.trial.failed_id,
		    "newer");
		(void)snprintf(e.trial.failed_word,
		    sizeof e.trial.failed_word, "%s", argv[5]);
	}
	return put(c, argv[0], &e);
}

static int
put_many(struct cache *c, int64_t n)
{
	struct entry e = { .kind = ENTRY_ABSENCE };
	char domain[64];

	e.trial.asked_at = time(NULL);
	e.trial.outcome = STS_ABSENT;
	for (int64_t i = 0; i < n; i++) {
		(void)snprintf(domain, sizeof domain, "d%d.example", (int)i);
		if (put(c, domain, &e) != 0)
			return 1;
	}
	return 0;
}

static int
put_policies(struct cache *c, int argc, char *argv[])
{
	int64_t n = number(argv[0]);
	char domain[64];
	int code = 0;

	for (int64_t i = 0; i < n && code == 0; i++) {
		(void)snprintf(domain, sizeof domain, "p%d.example", (int)i);
		argv[0] = domain;
		code = put_policy(c, argc, argv);
	}
	return code;
}

static int
run(struct cache *c, int argc, char *argv[])
{
	struct entry e = { .kind = ENTRY_ABSENCE };

	if (strcmp(argv[0], "policy") == 0)
		return put_policy(c, argc - 1, argv + 1);
	if (strcmp(argv[0], "many") == 0)
		return put_many(c, number(argv[1]));
	if (strcmp(argv[0], "policies") == 0)
		return put_policies(c, argc - 1, argv + 1);
	if (argc == 3 && strcmp(argv[0], "absence") == 0) {
		e.trial.asked_at = time(NULL) - number(argv[2]);
		e.trial.outcome = STS_ABSENT;
		return put(c, argv[1], &e);
	}
	if (argc == 3 && strcmp(argv[0], "damaged") == 0) {
		e.kind = ENTRY_DAMAGED;
		e.damaged_until = time(NULL) + number(argv[2]);
		return put(c, argv[1], &e);
	}
	return 2;
}

int
main(int argc, char *argv[])
{
	struct cache *c;
	int code;

	if (argc < 4)
		return 2;
	c = cache_new(argv[1], NULL, NULL);
	if (c == NULL)
		return 1;
	code = run(c, argc - 2, argv + 2);
	cache_free(c);
	return code;
}
