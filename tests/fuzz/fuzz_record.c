/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_record.c - a TXT record, and a set of them, one a line. */
#include "fuzz.h"
#include <stdio.h>
#include "../../module/protocol/record.h"

#define RECORDS_MAX 16u

static void
check_id(const char *id)
{
	char again[STS_ID_MAX + 1], print[STS_ID_MAX + sizeof "v=STSv1; id=;"];
	int n = snprintf(print, sizeof print, "v=STSv1; id=%s;", id);

	HOLD(strlen(id) >= 1 && strlen(id) <= STS_ID_MAX);
	HOLD(fuzz_holds_only(id, strlen(id), ""));
	HOLD(record_parse(print, (size_t)n, again, NULL) == STS_OK);
	HOLD(strcmp(id, again) == 0);
}

static void
check(enum sts_status status, const char *id, const struct sts_error *err)
{
	if (status == STS_OK) {
		check_id(id);
		return;
	}
	HOLD(status == STS_ABSENT || status == STS_RECORD);
	HOLD(id[0] == '\0');
	fuzz_error(err, status);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scan s = scan_over((const char *)data, size);
	struct bytes set[RECORDS_MAX];
	char id[STS_ID_MAX + 1];
	struct sts_error err;
	size_t n = 0;

	check(record_parse(s.p, size, id, &err), id, &err);
	while (n < RECORDS_MAX && !scan_done(&s))
		set[n++] = fuzz_line(&s);
	check(record_select(set, n, id, &err), id, &err);
	return 0;
}
