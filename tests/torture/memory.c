/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory.c - whatever allocation fails during a look-up, nobody is told that
 * a domain with an enforce policy has none; and the next look-up has it. */
#include "../unit/fakes.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "torture.h"

#define DOMAIN "example.com"
#define EXCEPTIONS "exceptions"

static void
cached(struct fakes *f)
{
	fakes_cache_policy(f, "id1", ENFORCE_TEXT);
}

static void
looked_at_again(struct fakes *f)
{
	cached(f);
	f->now += HOUR;
}

static void
of_a_new_id(struct fakes *f)
{
	looked_at_again(f);
	fakes_publish(f, "id2", ENFORCE_TEXT);
}

static void
new_here(struct fakes *f)
{
	fakes_publish(f, "id1", ENFORCE_TEXT);
}

static void
without_dns(struct fakes *f)
{
	looked_at_again(f);
	fakes_dns_fails(f, STS_DNS, "servfail");
}

static void
without_its_record(struct fakes *f)
{
	looked_at_again(f);
	fakes_dns_fails(f, STS_ABSENT, "nxdomain");
}

static void
without_its_host(struct fakes *f)
{
	of_a_new_id(f);
	fakes_https_fails(f, STS_FETCH, "connect");
}

static void
damaged(struct fakes *f)
{
	cached(f);
	fakes_damage(f, "mx.example.com", 14);
}

static void
marked(struct fakes *f)
{
	cached(f);
	f->now += HOUR;
	lookup_mark(fakes_restart(f), DOMAIN);
}

static void
by_exception(struct fakes *f)
{
	FILE *out = fopen(fakes_path(f, EXCEPTIONS), "we");

	assert_non_null(out);
	assert_true(fputs("example.com enforce mx=mx.example.com\n", out) > 0);
	assert_int_equal(fclose(out), 0);
	(void)snprintf(f->config.exceptions, sizeof f->config.exceptions, "%s",
	    fakes_path(f, EXCEPTIONS));
}

static const struct row {
	const char *name;
	void (*make)(struct fakes *f);
} rows[] = {
	{ "a policy in the cache", cached },
	{ "one that DNS is asked about", looked_at_again },
	{ "one with a new id", of_a_new_id },
	{ "one that nobody knew", new_here },
	{ "one whose DNS fails", without_dns },
	{ "one without its record", without_its_record },
	{ "one that cannot be fetched again", without_its_host },
	{ "one whose bytes are damaged", damaged },
	{ "one under which a delivery failed", marked },
	{ "one that the administrator wrote", by_exception },
};

static bool
is_enforce_or_tempfail(const struct answer *a)
{
	return a != NULL &&
	    (a->tempfail ||
		(a->mode == STS_ENFORCE &&
		    strcmp(a->mx, "mx.example.com") == 0));
}

/* Whether so many allocations were made. */
static bool
check_failing(const struct row *r, unsigned n)
{
	void *state = NULL;
	const struct answer *a;
	struct lookup *l;
	struct fakes *f;
	bool reached;

	assert_int_equal(fakes_begin(&state), 0);
	f = state;
	r->make(f);
	l = fakes_restart(f);
	torture_fail(n);
	a = lookup_domain(l, DOMAIN, 0);
	reached = torture_count() >= n;
	torture_fail(0);
	if (!is_enforce_or_tempfail(a))
		fail_msg("allocation %u: %s", n, a == NULL ? "" : a->line);
	a = fakes_ask(f, DOMAIN);
	if (!is_enforce_or_tempfail(a) || a->tempfail)
		fail_msg("after allocation %u: %s", n, a->line);
	(void)unlink(fakes_path(f, EXCEPTIONS));
	assert_int_equal(fakes_end(&state), 0);
	return reached;
}

static void
check_row(void **state)
{
	unsigned n = 1;

	while (check_failing(*state, n))
		n++;
	assert_in_range(n, 5, 10000);
}

int
main(void)
{
	struct CMUnitTest tests[sizeof rows / sizeof *rows];

	memset(tests, 0, sizeof tests);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		tests[i].name = rows[i].name;
		tests[i].test_func = check_row;
		tests[i].initial_state = (void *)(uintptr_t)&rows[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
