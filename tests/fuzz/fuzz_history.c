/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_history.c - a value of the history: what was understood prints, and is
 * understood again as the same. */
#include "fuzz.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "../../module/store/history.h"

static void
print_item(void *arg, const struct history_item *item)
{
	HOLD(item->mode <= STS_ENFORCE && item->max_age <= STS_AGE_MAX);
	HOLD(item->fetched_at >= 0 && item->id[0] != '\0');
	for (size_t i = 0; i < item->mx.len; i++)
		HOLD(item->mx.p[i] != ' ' && ascii_is_print(item->mx.p[i]));
	(void)fprintf(arg, "%" PRId64 " %s %" PRIu32 " %s %.*s\n",
	    item->fetched_at, mode_name(item->mode), item->max_age, item->id,
	    (int)item->mx.len, item->mx.p);
}

/* Malloc'ed; "" of nothing. */
static struct bytes
print(struct bytes value)
{
	struct bytes text;
	char *p = NULL;
	FILE *out = open_memstream(&p, &text.len);
	enum sts_status status;

	HOLD(out != NULL);
	status = history_read(value, print_item, out);
	HOLD(fclose(out) == 0);
	HOLD(status == (text.len > 0 ? STS_OK : STS_MISS));
	text.p = p;
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes value = { (const char *)data, size };
	struct bytes text = print(value);
	struct bytes again = print(text);

	HOLD(text.len == again.len && memcmp(text.p, again.p, text.len) == 0);
	free((void *)(uintptr_t)text.p);
	free((void *)(uintptr_t)again.p);
	return 0;
}
