/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_domain.c - the domain that somebody sends mail to. */
#include "fuzz.h"
#include <stdlib.h>
#include "../../module/protocol/domain.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char out[STS_DOMAIN_MAX + 1], again[STS_DOMAIN_MAX + 1];
	char *in = fuzz_string(data, size);
	struct sts_error err;
	enum sts_status status = domain_canon(in, out, &err);

	if (status == STS_OK) {
		HOLD(domain_is_ldh(out, strlen(out)));
		HOLD(strlen("_mta-sts.") + strlen(out) <= STS_DOMAIN_MAX);
		for (const char *p = out; *p != '\0'; p++)
			HOLD(ascii_lower(*p) == *p);
		HOLD(domain_canon(out, again, NULL) == STS_OK);
		HOLD(strcmp(out, again) == 0);
	} else {
		HOLD(status == STS_DOMAIN && out[0] == '\0');
		fuzz_error(&err, status);
	}
	free(in);
	return 0;
}
