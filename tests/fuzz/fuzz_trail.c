/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_trail.c - a trail from the file where they wait: what was understood is
 * fit for a report, and understood again as the same. */
#include "fuzz.h"
#include <stdlib.h>
#include "../../module/report/trail.h"

static void
check_string(const char *s, size_t max)
{
	HOLD(strlen(s) <= max);
	for (; *s != '\0'; s++)
		HOLD(ascii_is_print(*s));
}

static size_t
write_out(const struct trail *t, char room[TRAIL_TEXT_MAX + 1])
{
	struct text out;

	text_init(&out, room, TRAIL_TEXT_MAX + 1);
	trail_write(t, &out);
	HOLD(!out.full);
	return out.len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char one[TRAIL_TEXT_MAX + 1], two[TRAIL_TEXT_MAX + 1];
	static struct trail t, again;
	size_t len;

	if (!trail_read((struct bytes){ (const char *)data, size }, &t)) {
		HOLD(t.host[0] == '\0' && t.routed_n == 0);
		return 0;
	}
	check_string(t.host, REPORT_NAME_MAX);
	check_string(t.address, REPORT_ADDRESS_MAX);
	check_string(t.helo, REPORT_WORDS_MAX);
	check_string(t.dane, TRAIL_WORD_MAX);
	check_string(t.failed, sizeof t.failed - 1);
	HOLD(t.routed_n <= TRAIL_ROUTED);
	len = write_out(&t, one);
	HOLD(trail_read((struct bytes){ one, len }, &again));
	HOLD(write_out(&again, two) == len && memcmp(one, two, len) == 0);
	return 0;
}
