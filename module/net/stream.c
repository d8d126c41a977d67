/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream.c - one DNS message to a server and one back, over TCP. */
#include "stream.h"
#include <arpa/nameser.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include "../store/clock.h"

enum verdict
verdict_of_errno(int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return VERDICT_LOCAL;
	default:
		/* EAFNOSUPPORT too: a host without IPv6 cannot get there. */
		return VERDICT_UNREACHABLE;
	}
}

/* False when it is time to stop. */
static bool
wait_for(int fd, short events, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	do {
		int left = clock_left(until);

		if (left == 0)
			return false;
		n = poll(&p, 1, left);
	} while (n == 0 || (n < 0 && errno == EINTR));
	return n > 0;
}

static enum verdict
connect_within(int fd, const struct nameserver *to, int64_t until)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (connect(fd, &to->addr.any, to->len) == 0)
		return VERDICT_ANSWER;
	if (errno != EINPROGRESS && errno != EINTR)
		return verdict_of_errno(errno);
	if (!wait_for(fd, POLLOUT, until))
		return VERDICT_TIMEOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		return VERDICT_LOCAL;
	return error == 0 ? VERDICT_ANSWER : verdict_of_errno(error);
}

static enum verdict
send_all(int fd, const unsigned char *p, size_t len, int64_t until)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return verdict_of_errno(errno);
		if (!wait_for(fd, POLLOUT, until))
			return VERDICT_TIMEOUT;
	}
	return VERDICT_ANSWER;
}

static enum verdict
receive_all(int fd, unsigned char *p, size_t len, int64_t until)
{
	while (len > 0) {
		ssize_t n = recv(fd, p, len, 0);

		if (n == 0)
			return VERDICT_GARBAGE; /* hung up in mid-message */
		if (n > 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return verdict_of_errno(errno);
		if (!wait_for(fd, POLLIN, until))
			return VERDICT_TIMEOUT;
	}
	return VERDICT_ANSWER;
}

static enum verdict
receive_message(int fd, int64_t until, unsigned char **answer, size_t *len)
{
	unsigned char prefix[2];
	enum verdict v;

	v = receive_all(fd, prefix, sizeof prefix, until);
	if (v != VERDICT_ANSWER)
		return v;
	*len = ns_get16(prefix);
	if (*len < NS_HFIXEDSZ)
		return VERDICT_GARBAGE;
	*answer = malloc(*len);
	if (*answer == NULL)
		return VERDICT_NOMEM;
	v = receive_all(fd, *answer, *len, until);
	if (v != VERDICT_ANSWER) {
		free(*answer);
		*answer = NULL;
	}
	return v;
}

enum verdict
stream_ask(const struct nameserver *to, const unsigned char *query, size_t len,
    int64_t until, unsigned char **answer, size_t *answer_len)
{
	enum verdict v;
	int fd;

	*answer = NULL;
	*answer_len = 0;
	fd = socket(to->addr.any.sa_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return verdict_of_errno(errno);
	v = connect_within(fd, to, until);
	if (v == VERDICT_ANSWER)
		v = send_all(fd, query, len, until);
	if (v == VERDICT_ANSWER)
		v = receive_message(fd, until, answer, answer_len);
	(void)close(fd);
	return v;
}
