/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_policy.c - `mta-sts check-policy FILE...`: is a policy text valid? */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "print.h"

/* A byte too many is enough for the parser to see that a text is too long. */
#define READ_MAX (STS_BODY_MAX + 1)

static enum sts_status
read_stream(FILE *in, char *buf, size_t *len, struct sts_error *err)
{
	*len = fread(buf, 1, READ_MAX, in);
	if (ferror(in))
		return error_set(err, STS_SYSTEM, "read", "%s",
		    strerror(errno));
	return STS_OK;
}

/* "-" stands for stdin. */
static enum sts_status
read_file(const char *file, char *buf, size_t *len, struct sts_error *err)
{
	enum sts_status status;
	FILE *in;

	if (strcmp(file, "-") == 0)
		return read_stream(stdin, buf, len, err);
	in = fopen(file, "re");
	if (in == NULL)
		return error_set(err, STS_SYSTEM, "read", "%s",
		    strerror(errno));
	status = read_stream(in, buf, len, err);
	(void)fclose(in);
	return status;
}

static int
print_valid(const struct tool *t, const char *file, const struct policy *p)
{
	struct bytes mx = { p->mx, strlen(p->mx) };
	struct object o;

	if (!tool_has(t, OPT_JSON)) {
		(void)printf("%s: valid (%s)\n", file, mode_name(p->mode));
		print_field_mx(mx);
		print_field_max_age(p->max_age);
		print_field_findings(p->findings);
		return EXIT_DONE;
	}
	o = object_new();
	object_text(&o, "file", file);
	object_bool(&o, "valid", true);
	object_text(&o, "mode", mode_name(p->mode));
	object_number(&o, "max_age", p->max_age);
	object_mx(&o, mx);
	object_findings(&o, p->findings);
	return object_print(&o);
}

static int
print_invalid(const struct tool *t, const char *file,
    const struct sts_error *err)
{
	int code = err->status == STS_SYSTEM || err->status == STS_NOMEM
	    ? EXIT_TROUBLE
	    : EXIT_NEGATIVE;
	char text[STS_WORD_MAX + STS_TEXT_MAX + 3];
	struct object o;

	(void)snprintf(text, sizeof text, "%s: %s", err->word, err->text);
	if (!tool_has(t, OPT_JSON)) {
		(void)printf("%s: invalid: %s\n", file, text);
		return code;
	}
	o = object_new();
	object_text(&o, "file", file);
	object_bool(&o, "valid", false);
	object_text(&o, "error", text);
	return tool_worse(code, object_print(&o));
}

static int
check(const struct tool *t, const char *file, char *buf)
{
	struct policy *p = NULL;
	struct sts_error err;
	size_t len = 0;
	int code;

	if (read_file(file, buf, &len, &err) != STS_OK ||
	    policy_parse(buf, len, &p, &err) != STS_OK)
		return print_invalid(t, file, &err);
	code = print_valid(t, file, p);
	policy_free(p);
	return code;
}

int
cmd_check_policy(struct tool *t, int argc, char *const argv[])
{
	char *buf = malloc(READ_MAX);
	int code = EXIT_DONE;

	if (buf == NULL) {
		tool_say("out of memory");
		return EXIT_TROUBLE;
	}
	for (int i = 0; i < argc; i++)
		code = tool_worse(code, check(t, argv[i], buf));
	free(buf);
	return code;
}
