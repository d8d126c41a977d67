/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drain.c - what a child writes to two pipes. */
#include "drain.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include "../store/clock.h"

#define NOISE_MAX 65536u /* bytes to `why` that nobody wants to read */

bool
drain_pipe(int fd[2])
{
	int low[2];
	bool ok;

	fd[0] = fd[1] = -1;
	if (pipe2(low, O_CLOEXEC) != 0)
		return false;
	for (int i = 0; i < 2; i++)
		fd[i] = low[i] > 2 ? low[i] : fcntl(low[i], F_DUPFD_CLOEXEC, 3);
	ok = fd[0] >= 0 && fd[1] >= 0;
	for (int i = 0; i < 2; i++)
		if (low[i] <= 2)
			(void)close(low[i]);
	return ok;
}

void
drain_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void
drain_some(struct drain *d)
{
	char spill[4096];
	bool full = d->len == d->cap;
	ssize_t n;

	if (full)
		n = read(d->fd, spill, sizeof spill);
	else
		n = read(d->fd, d->buf + d->len, d->cap - d->len);
	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0)
		drain_close(&d->fd);
	else if (full)
		d->spilled += (size_t)n;
	else
		d->len += (size_t)n;
}

bool
drain_is_flooded(const struct drain *out, const struct drain *why)
{
	return out->spilled > 0 || why->spilled > NOISE_MAX;
}

bool
drain_both(struct drain *out, struct drain *why, int64_t deadline)
{
	while (out->fd >= 0 || why->fd >= 0) {
		struct pollfd p[2] = {
			{ .fd = out->fd, .events = POLLIN },
			{ .fd = why->fd, .events = POLLIN },
		};
		int left = clock_left(deadline);

		if (left == 0)
			return false;
		if (poll(p, 2, left) < 0) {
			if (errno != EINTR)
				return false;
			continue;
		}
		if (p[0].revents != 0)
			drain_some(out);
		if (p[1].revents != 0)
			drain_some(why);
		if (drain_is_flooded(out, why))
			return false;
	}
	return true;
}
