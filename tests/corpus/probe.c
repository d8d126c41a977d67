/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probe.c - our parsers' verdicts on the cases that run.py hands in.
 *
 * A case is a line: a kind and its arguments, each "x" and its bytes in
 * hexadecimal, or "-" for none.  Each gets one line of answer:
 *   policy BODY        ok MODE MAX_AGE [MX] [FINDINGS] | status WORD
 *   txt RECORD...      ok ID | status WORD
 *   mx HOST PATTERN... true | false
 *   media VALUE        true | false
 *   domain NAME        ok DOMAIN | status WORD */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include "../../module/protocol/domain.h"
#include "../../module/protocol/match.h"
#include "../../module/protocol/media.h"
#include "../../module/protocol/policy.h"
#include "../../module/protocol/record.h"
#include "../../module/protocol/scan.h"

#define ARGS_MAX 4096u

static void
die(const char *why)
{
	(void)fprintf(stderr, "probe: %s\n", why);
	exit(3);
}

static unsigned char
hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	if (at == NULL)
		die("not hexadecimal");
	return (unsigned char)(at - digits);
}

/* Decodes in place, and ends the bytes with a NUL. */
static struct bytes
decode(char *arg)
{
	struct bytes b = { NULL, 0 };
	size_t n = 0;

	if (strcmp(arg, "-") == 0)
		return b;
	if (arg[0] != 'x' || strlen(arg) % 2 != 1)
		die("not an argument");
	for (const char *c = arg + 1; *c != '\0'; c += 2)
		arg[n++] = (char)(hex_digit(c[0]) << 4 | hex_digit(c[1]));
	arg[n] = '\0';
	b.p = arg;
	b.len = n;
	return b;
}

/* What a NUL would cut short is no argument of a C program. */
static const char *
as_string(struct bytes b)
{
	if (b.p != NULL && strlen(b.p) != b.len)
		die("a NUL in a string");
	return b.p;
}

static void
say_failure(const struct sts_error *err)
{
	printf("%s %s\n", status_name(err->status), err->word);
}

static void
say_findings(uint32_t findings)
{
	const char *before = "";

	putchar('[');
	for (unsigned i = 0; i < FINDINGS_ALL; i++) {
		if ((findings & 1u << i) == 0)
			continue;
		printf("%s%s", before, finding_name(i));
		before = ",";
	}
	puts("]");
}

static void
judge_policy(const struct bytes *arg, size_t n)
{
	struct policy *p;
	struct sts_error err;
	char *exact = malloc(arg[0].len);

	/* A block of its own, so that a sanitizer sees its end. */
	if (n != 1 || (exact == NULL && arg[0].len > 0))
		die("policy");
	if (arg[0].len > 0)
		memcpy(exact, arg[0].p, arg[0].len);
	if (policy_parse(exact, arg[0].len, &p, &err) == STS_OK) {
		printf("ok %s %" PRIu32 " [%s] ", mode_name(p->mode),
		    p->max_age, p->mx);
		say_findings(p->findings);
	} else {
		say_failure(&err);
	}
	policy_free(p);
	free(exact);
}

static void
judge_txt(const struct bytes *arg, size_t n)
{
	char id[STS_ID_MAX + 1];
	struct sts_error err;

	if (record_select(arg, n, id, &err) == STS_OK)
		printf("ok %s\n", id);
	else
		say_failure(&err);
}

static void
judge_mx(const struct bytes *arg, size_t n)
{
	bool match = false;

	for (size_t i = 1; i < n; i++)
		if (match_pattern(as_string(arg[i]), as_string(arg[0])))
			match = true;
	puts(match ? "true" : "false");
}

static void
judge_media(const struct bytes *arg, size_t n)
{
	if (n != 1)
		die("media");
	puts(media_is_text_plain(as_string(arg[0])) ? "true" : "false");
}

static void
judge_domain(const struct bytes *arg, size_t n)
{
	char domain[STS_DOMAIN_MAX + 1];
	struct sts_error err;

	if (n != 1)
		die("domain");
	if (domain_canon(as_string(arg[0]), domain, &err) == STS_OK)
		printf("ok %s\n", domain);
	else
		say_failure(&err);
}

static const struct judge {
	const char *kind;
	void (*judge)(const struct bytes *arg, size_t n);
} judges[] = {
	{ "policy", judge_policy },
	{ "txt", judge_txt },
	{ "mx", judge_mx },
	{ "media", judge_media },
	{ "domain", judge_domain },
};

static void
answer(char *line)
{
	static struct bytes args[ARGS_MAX];
	const char *kind = strsep(&line, " ");
	size_t n = 0;
	char *arg;

	while ((arg = strsep(&line, " ")) != NULL) {
		if (n == ARGS_MAX)
			die("too many arguments");
		args[n++] = decode(arg);
	}
	for (size_t i = 0; i < sizeof judges / sizeof judges[0]; i++) {
		if (strcmp(kind, judges[i].kind) == 0) {
			judges[i].judge(args, n);
			return;
		}
	}
	die("unknown kind");
}

int
main(void)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	while ((len = getline(&line, &room, stdin)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		answer(line);
	}
	free(line);
	return ferror(stdin) || fflush(stdout) != 0 ? 3 : 0;
}
