/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_mx.c - the answer to an MX question. */
#include "fuzz.h"
#include "../../module/net/mx.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mx_set set;
	struct sts_error err;
	enum sts_status status =
	    mx_read(data, size, "example.com", &set, &err);

	if (status != STS_OK) {
		HOLD(status == STS_ABSENT || status == STS_DNS);
		fuzz_error(&err, status);
		return 0;
	}
	HOLD(set.n >= 1 && set.n <= MX_HOSTS_MAX);
	for (size_t i = 0; i < set.n; i++) {
		const struct mx_host *h = &set.host[i];

		HOLD(i == 0 || h[-1].preference <= h->preference);
		HOLD(memchr(h->name, '\0', sizeof h->name) != NULL);
		for (const char *p = h->name; *p != '\0'; p++)
			HOLD(ascii_is_print(*p));
	}
	return 0;
}
