/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_dayvalue.c - a day's value of a domain, with a checksum that is right:
 * what was understood is written, and understood again as the same. */
#include "fuzz.h"
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "../../module/report/dayvalue.h"

#define KEY "a.test"
#define SUM 17u /* bytes of the checksum and its line end */

static void
put_sum(char *text, size_t len)
{
	uint64_t sum = XXH64(text + SUM, len - SUM,
	    XXH64(KEY, strlen(KEY), 0));

	for (unsigned i = 0; i < SUM - 1; i++)
		text[i] = "0123456789abcdef"[sum >> (60 - 4 * i) & 15];
	text[SUM - 1] = '\n';
}

static void
check_strings(const struct dayvalue *v)
{
	for (unsigned i = 0; i < v->rows; i++) {
		HOLD(report_type_name(v->row[i].policy.type) != NULL);
		for (const char *p = v->row[i].policy.strings; *p != '\0'; p++)
			HOLD(*p == '\n' || ascii_is_print(*p));
	}
	for (unsigned i = 0; i < v->details; i++) {
		HOLD(v->detail[i].row < v->rows);
		HOLD(report_result_name(
			 v->detail[i].detail.failure.result) != NULL);
		for (const char *p = v->detail[i].detail.failure.reason;
		     *p != '\0'; p++)
			HOLD(*p == '\n' || ascii_is_print(*p));
	}
}

static void
check_again(const struct dayvalue *v, size_t size)
{
	static struct dayvalue again;
	size_t cap = 2 * size + 100 * SUM + 100000;
	char *one = malloc(cap), *two = malloc(cap);
	size_t len, len_again;

	HOLD(one != NULL && two != NULL);
	HOLD(dayvalue_write(v, KEY, one, cap, &len));
	memcpy(two, one, len);
	HOLD(dayvalue_read(two, len, KEY, &again));
	HOLD(again.rows == v->rows && again.details == v->details);
	free(two);
	two = malloc(cap);
	HOLD(two != NULL);
	/* Its strings were in the buffer that is gone. */
	memcpy(two, one, len);
	HOLD(dayvalue_read(two, len, KEY, &again));
	{
		char *three = malloc(cap);

		HOLD(three != NULL);
		HOLD(dayvalue_write(&again, KEY, three, cap, &len_again));
		HOLD(len == len_again && memcmp(one, three, len) == 0);
		free(three);
	}
	free(one);
	free(two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dayvalue v;
	char *text = malloc(size + SUM);

	HOLD(text != NULL);
	if (size > 0)
		memcpy(text + SUM, data, size);
	put_sum(text, size + SUM);
	if (dayvalue_read(text, size + SUM, KEY, &v)) {
		check_strings(&v);
		check_again(&v, size);
	} else
		HOLD(v.rows == 0 && v.details == 0);
	free(text);
	return 0;
}
