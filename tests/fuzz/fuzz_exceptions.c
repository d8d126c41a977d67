/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_exceptions.c - the exceptions file: what was understood prints, and is
 * understood again as the same. */
#include "fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include "../../module/lookup/exceptions.h"

#define IN_2027 1800000000
/* The last second that a date with a year of four digits can name. */
#define YEAR_9999 INT64_C(253402300799)

static void
take_problem(void *arg, unsigned line, const char *text)
{
	unsigned *n = arg;

	(void)line;
	for (; *text != '\0'; text++)
		HOLD(ascii_is_print(*text));
	++*n;
}

static void
print_line(FILE *out, const struct exception *e)
{
	char until[32];
	struct tm tm;

	(void)fprintf(out, "%s", e->name);
	if (e->kind != EXCEPTION_MX)
		(void)fprintf(out, " %s", exception_name(e->kind));
	if (e->mx[0] != '\0')
		(void)fprintf(out, " mx=%s", e->mx);
	if (e->until != 0) {
		HOLD(gmtime_r(&e->until, &tm) != NULL);
		HOLD(strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%SZ", &tm));
		(void)fprintf(out, " until=%s", until);
	}
	if (e->why[0] != '\0')
		(void)fprintf(out, " why=\"%s\"", e->why);
}

static void
check_again(const struct exception *e)
{
	char why[128];
	struct exception again;
	char *line = NULL, *mx;
	size_t len;
	FILE *out = open_memstream(&line, &len);

	HOLD(out != NULL);
	print_line(out, e);
	HOLD(fclose(out) == 0);
	mx = malloc(len + 1);
	HOLD(mx != NULL && exception_parse(line, &again, mx, why));
	HOLD(again.kind == e->kind && again.until == e->until);
	HOLD(strcmp(again.name, e->name) == 0);
	HOLD(strcmp(again.why, e->why) == 0 && strcmp(again.mx, e->mx) == 0);
	free(mx);
	free(line);
}

/* An exact name is found for itself, unless it is over. */
static void
check_found(const struct exceptions *x, const struct exception *e)
{
	const struct exception *found =
	    exceptions_find(x, e->name, IN_2027);

	if (e->name[0] != '.' && (e->until == 0 || e->until > IN_2027))
		HOLD(found != NULL && strcmp(found->name, e->name) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned told = 0, problems = 0;
	struct exceptions *x = exceptions_load(fuzz_file(data, size),
	    take_problem, &told, &problems);
	const struct exception *e;

	HOLD(x != NULL && told == problems);
	for (size_t i = 0; (e = exceptions_at(x, i)) != NULL; i++) {
		HOLD(e->line > 0);
		HOLD(fuzz_holds_only(e->mx, strlen(e->mx), ".-*:"));
		if (e->until <= YEAR_9999)
			check_again(e);
		check_found(x, e);
	}
	exceptions_free(x);
	return 0;
}
