/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_policy.c - a policy: what parses prints and parses to the same. */
#include "fuzz.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "../../module/protocol/policy.h"

static char *
print(const struct policy *p, size_t *len)
{
	struct scan mx = scan_over(p->mx, strlen(p->mx));
	struct bytes item;
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	HOLD(out != NULL);
	(void)fprintf(out, "version: STSv1\nmode: %s\nmax_age: %" PRIu32 "\n",
	    mode_name(p->mode), p->max_age);
	while (!scan_done(&mx)) {
		item = scan_item(&mx);
		(void)fprintf(out, "mx: %.*s\n", (int)item.len, item.p);
	}
	HOLD(fclose(out) == 0);
	return text;
}

static void
check_again(const struct policy *p)
{
	struct policy *again;
	size_t len;
	char *text = print(p, &len);

	/* A text of the greatest length may not fit with "mx: " written out. */
	if (len <= STS_BODY_MAX) {
		HOLD(policy_parse(text, len, &again, NULL) == STS_OK);
		HOLD(again->mode == p->mode && again->max_age == p->max_age);
		HOLD(again->mx_count == p->mx_count && again->findings == 0);
		HOLD(strcmp(again->mx, p->mx) == 0);
		policy_free(again);
	}
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *p;
	struct sts_error err;
	enum sts_status status =
	    policy_parse((const char *)data, size, &p, &err);

	if (status != STS_OK) {
		HOLD(status == STS_POLICY && p == NULL);
		fuzz_error(&err, status);
		return 0;
	}
	HOLD(p->max_age <= STS_AGE_MAX && p->findings < 1u << FINDINGS_ALL);
	HOLD(p->mode == STS_NONE || p->mx_count > 0);
	HOLD(fuzz_holds_only(p->mx, strlen(p->mx), ".-*:"));
	check_again(p);
	policy_free(p);
	return 0;
}
