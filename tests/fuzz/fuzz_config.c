/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_config.c - mta-sts.conf: what was understood prints, and is understood
 * again without a complaint. */
#include "fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include "../../module/lookup/config.h"

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
print_key(void *arg, const char *key, const char *value, bool set)
{
	(void)set;
	(void)fprintf(arg, "%s = %s\n", key, value);
}

static char *
print(const struct config *c, size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	HOLD(out != NULL);
	config_show(c, print_key, out);
	HOLD(fclose(out) == 0);
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned told = 0;
	struct config c;
	size_t len, again_len;
	char *text, *again;

	HOLD(config_load(fuzz_file(data, size), &c, take_problem, &told) ==
	    told);
	HOLD(c.cache_dir[0] == '/' && c.fetch_timeout >= 1);
	text = print(&c, &len);
	HOLD(config_load(fuzz_file(text, len), &c, NULL, NULL) == 0);
	again = print(&c, &again_len);
	HOLD(len == again_len && memcmp(text, again, len) == 0);
	free(text);
	free(again);
	return 0;
}
