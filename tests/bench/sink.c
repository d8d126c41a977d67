/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sink.c - takes all mail that comes to ADDRESS, port 25, in clear, one
 * connection after another, and forgets it. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static bool
say(int c, const char *line)
{
	return write(c, line, strlen(line)) == (ssize_t)strlen(line);
}

/* The answer to a command; what it is of no command is of the text. */
static const char *
answer_to(const char *line, bool *text)
{
	if (*text && strcmp(line, ".\r\n") != 0)
		return "";
	if (*text) {
		*text = false;
		return "250 taken\r\n";
	}
	*text = strncasecmp(line, "DATA", 4) == 0;
	if (strncasecmp(line, "QUIT", 4) == 0)
		return "221 bye\r\n";
	return *text ? "354 go on\r\n" : "250 OK\r\n";
}

static void
serve(int c)
{
	FILE *in = fdopen(c, "r");
	bool text = false;
	char line[2048];

	if (in == NULL)
		return;
	(void)say(c, "220 sink ESMTP\r\n");
	while (fgets(line, sizeof line, in) != NULL)
		if (!say(c, answer_to(line, &text)))
			break;
	(void)fclose(in);
}

int
main(int argc, char *argv[])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(25) };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1;
	int c;

	if (argc != 2 || inet_pton(AF_INET, argv[1], &a.sin_addr) != 1)
		return 2;
	(void)setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(s, (struct sockaddr *)&a, sizeof a) != 0 ||
	    listen(s, 128) != 0)
		return 1;
	while ((c = accept(s, NULL, NULL)) >= 0)
		serve(c);
	return 1;
}
