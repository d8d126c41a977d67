/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight.c - one fetch at a time for a domain. */
#include "flight.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "clock.h"
#include "owner.h"

/* How often a waiter looks whether it is its turn. */
#define TRY_EVERY_MS 10

static enum sts_status
open_lock(const char *dir, int *fd, struct sts_error *err)
{
	enum sts_status status;
	struct owner o;
	char path[512];
	int n;

	n = snprintf(path, sizeof path, "%s/lock", dir);
	if (n < 0 || (size_t)n >= sizeof path)
		return error_set(err, STS_SYSTEM, "cache-open", "%s",
		    strerror(ENAMETOOLONG));
	status = owner_enter(dir, &o, err);
	if (status != STS_OK)
		return status;
	*fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    0640);
	if (*fd >= 0)
		(void)fchmod(*fd, 0640); /* whatever the umask is */
	else if (errno == EEXIST)
		*fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		status = error_set(err, STS_SYSTEM, "cache-open", "%s: %s",
		    path, strerror(errno));
	owner_leave(&o);
	return status;
}

/* Byte 0 is nobody's domain: it guards the making of files. */
static off_t
byte_of(const char *domain)
{
	if (domain[0] == '\0')
		return 0;
	return (off_t)((XXH64(domain, strlen(domain), 0) >> 2) | 1);
}

enum sts_status
flight_take(const char *dir, const char *domain, int64_t deadline,
    struct flight *f, struct sts_error *err)
{
	struct flock lock = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = byte_of(domain),
		.l_len = 1 };
	enum sts_status status;

	f->fd = -1;
	status = open_lock(dir, &f->fd, err);
	if (status != STS_OK)
		return status;
	while (fcntl(f->fd, F_OFD_SETLK, &lock) != 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			status = error_set(err, STS_SYSTEM, "cache-lock",
			    "lock: %s", strerror(errno));
		else if (clock_left(deadline) == 0)
			status = error_set(err, STS_WAIT, "busy",
			    "another process is fetching this policy");
		if (status != STS_OK) {
			flight_drop(f);
			return status;
		}
		(void)poll(NULL, 0, TRY_EVERY_MS);
	}
	return STS_OK;
}

void
flight_drop(struct flight *f)
{
	if (f->fd >= 0)
		(void)close(f->fd);
	f->fd = -1;
}
