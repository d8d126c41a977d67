/* SPDX-License-Identifier: GPL-2.0-or-later */
/* smallest_daemon.c - answers every line on a local socket with "OK": the
 * floor for whatever Exim asks by ${readsocket}. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int
main(int argc, char *argv[])
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char line[512];
	int s, c;

	if (argc != 2 || strlen(argv[1]) >= sizeof a.sun_path)
		return 2;
	memcpy(a.sun_path, argv[1], strlen(argv[1]) + 1);
	s = socket(AF_UNIX, SOCK_STREAM, 0);
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof a) != 0 ||
	    listen(s, 128) != 0)
		return 1;
	while ((c = accept(s, NULL, NULL)) >= 0) {
		if (read(c, line, sizeof line) > 0 && write(c, "OK\n", 3) != 3)
			perror("write");
		(void)close(c);
	}
	return 1;
}
