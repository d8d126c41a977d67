/* SPDX-License-Identifier: GPL-2.0-or-later */
/* resolve_probe NAME LIMIT_MS - one resolve_txt() as it comes out: a line
 * "status word ttl elapsed_ms", then each record in hexadecimal.  Exit code 3
 * when it left a descriptor open. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../../module/net/resolve.h"
#include "../../module/store/clock.h"

static int
lowest_free_fd(void)
{
	int fd = dup(STDOUT_FILENO);

	(void)close(fd);
	return fd;
}

static void
print_record(const struct bytes *b)
{
	size_t i;

	for (i = 0; i < b->len; i++)
		(void)printf("%02x", (unsigned)(unsigned char)b->p[i]);
	(void)putchar('\n');
}

int
main(int argc, char **argv)
{
	struct sts_error err = { .word = "-", .text = "" };
	enum sts_status status;
	struct txt_set set;
	int64_t begun;
	size_t i;
	int fd = lowest_free_fd();

	if (argc != 3) {
		(void)fprintf(stderr, "usage: resolve_probe NAME LIMIT_MS\n");
		return 2;
	}
	begun = clock_ms();
	status = resolve_txt(argv[1], begun + strtol(argv[2], NULL, 10), &set,
	    &err);
	(void)printf("%s %s %u %lld\n", status_name(status), err.word,
	    (unsigned)set.ttl, (long long)(clock_ms() - begun));
	for (i = 0; i < set.n; i++)
		print_record(&set.rec[i]);
	if (err.text[0] != '\0')
		(void)fprintf(stderr, "%s\n", err.text);
	txt_set_free(&set);
	return lowest_free_fd() == fd ? 0 : 3;
}
