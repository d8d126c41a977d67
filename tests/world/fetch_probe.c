/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_probe HELPER LIMIT_MS DOMAIN - one fetch_policy() as it comes out: a
 * line "status word elapsed_ms text", then the body. */
#include <stdio.h>
#include <stdlib.h>
#include "../../module/net/fetch.h"
#include "../../module/protocol/policy.h"
#include "../../module/store/clock.h"

#define NOBODY 65534

int
main(int argc, char **argv)
{
	struct fetch_options o = { .uid = NOBODY, .gid = NOBODY };
	struct sts_error err = { .word = "-", .text = "" };
	static char body[STS_BODY_MAX];
	enum sts_status status;
	int64_t begun = clock_ms();
	size_t len;

	if (argc != 4) {
		(void)fputs("usage: fetch_probe HELPER LIMIT_MS DOMAIN\n",
		    stderr);
		return 2;
	}
	o.helper = argv[1];
	status = fetch_policy(&o, argv[3],
	    begun + strtol(argv[2], NULL, 10), body, sizeof body, &len, &err);
	(void)printf("%s %s %lld %s\n", status_name(status), err.word,
	    (long long)(clock_ms() - begun), err.text);
	return fwrite(body, 1, len, stdout) == len ? 0 : 3;
}
