/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_record.c - `mta-sts check-record TXT...`: the arguments are the
 * records of one TXT record set; is there one MTA-STS record among them? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../protocol/record.h"
#include "commands.h"
#include "print.h"

static int
print_json(enum sts_status status, const char *id, const char *error)
{
	struct object o = object_new();

	object_bool(&o, "valid", status == STS_OK);
	if (status == STS_OK)
		object_text(&o, "id", id);
	else
		object_text(&o, "error", error);
	return object_print(&o);
}

int
cmd_check_record(struct tool *t, int argc, char *const argv[])
{
	struct bytes *set = calloc((size_t)argc, sizeof *set);
	char text[STS_WORD_MAX + STS_TEXT_MAX + 3] = "";
	char id[STS_ID_MAX + 1] = "";
	struct sts_error err = { STS_OK, "", "" };
	enum sts_status status;
	int code = EXIT_DONE;

	if (set == NULL) {
		tool_say("out of memory");
		return EXIT_TROUBLE;
	}
	for (int i = 0; i < argc; i++) {
		set[i].p = argv[i];
		set[i].len = strlen(argv[i]);
	}
	status = record_select(set, (size_t)argc, id, &err);
	free(set);
	(void)snprintf(text, sizeof text, "%s: %s", err.word, err.text);
	if (tool_has(t, OPT_JSON))
		code = print_json(status, id, text);
	else if (status == STS_OK)
		(void)printf("valid, id %s\n", id);
	else
		(void)printf("invalid: %s\n", text);
	return status == STS_OK ? code : tool_worse(code, EXIT_NEGATIVE);
}
