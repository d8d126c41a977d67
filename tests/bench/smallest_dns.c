/* SPDX-License-Identifier: GPL-2.0-or-later */
/* smallest_dns.c - asks for the TXT records of _mta-sts.d0.test and so on,
 * COUNT of them, with libresolv and nothing else. */
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
main(int argc, char *argv[])
{
	struct __res_state state;
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
	int failed = 0;

	memset(&state, 0, sizeof state);
	if (res_ninit(&state) != 0)
		return 2;
	for (long i = 0; i < count; i++) {
		unsigned char answer[1232];
		char name[64];

		(void)snprintf(name, sizeof name, "_mta-sts.d%ld.test", i);
		if (res_nquery(&state, name, ns_c_in, ns_t_txt, answer,
			sizeof answer) <= 0)
			failed++;
	}
	res_nclose(&state);
	return failed == 0 ? 0 : 1;
}
