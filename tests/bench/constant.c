/* SPDX-License-Identifier: GPL-2.0-or-later */
/* constant.c - the least that a ${dlfunc} can be: what ours is measured
 * against.  It returns as much as mta_sts_lookup, for Exim copies that. */
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int constant(unsigned char **yield, int argc, unsigned char *argv[]);

int
constant(unsigned char **yield, int argc, unsigned char *argv[])
{
	static const char *const answer =
	    "domain=d1271.test mode=enforce status=cached id=20240101T000000 "
	    "max_age=604800 expires=1796084696 "
	    "mx=mx1.example.net:*.example.net "
	    "ignore=!^mx1[.]example[.]net$:!^[^.]+[.]example[.]net$:*";

	(void)argc;
	(void)argv;
	memcpy(yield, &answer, sizeof *yield);
	return 0;
}
