/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_dns.c - the answer to a TXT question. */
#include "fuzz.h"
#include "../../module/net/resolve.h"
#include "../../module/protocol/record.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char id[STS_ID_MAX + 1];
	struct txt_set set;
	struct sts_error err;
	enum sts_status status =
	    resolve_read(data, size, "_mta-sts.example.com", &set, &err);
	size_t bytes = 0;

	if (status == STS_OK) {
		HOLD(set.n >= 1 && set.ttl <= INT32_MAX);
		for (size_t i = 0; i < set.n; i++)
			bytes += set.rec[i].len;
		HOLD(bytes < size);
		if (record_select(set.rec, set.n, id, &err) == STS_OK)
			HOLD(fuzz_holds_only(id, strlen(id), ""));
	} else {
		HOLD(status == STS_ABSENT || status == STS_DNS);
		HOLD(set.rec == NULL && set.n == 0);
		fuzz_error(&err, status);
	}
	txt_set_free(&set);
	return 0;
}
