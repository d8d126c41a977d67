/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal.c - records that nobody waits for. */
#include "journal.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "../protocol/domain.h"
#include "../store/clock.h"

#define LEN_DIGITS 6u
#define HEAD_MAX (STS_DOMAIN_MAX + LEN_DIGITS + 5u) /* with a NUL */
#define WINDOW 196608u /* bytes; four records at their longest */
#define POLL_MS 5

static enum sts_status
trouble(const char *word, const char *name, struct sts_error *err)
{
	return error_set(err, STS_SYSTEM, word, "%s: %s", name,
	    strerror(errno));
}

/* What somebody has planted in the place of file or folder is not followed, nor
 * a reader waited for. */
static int
open_in(const char *folder, const char *name, int flags)
{
	int dir = open(folder, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int fd, was;

	if (dir < 0)
		return -1;
	fd = openat(dir, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
	    0640);
	was = errno;
	(void)close(dir);
	errno = was;
	return fd;
}

/* --- adding --------------------------------------------------------------- */

static int
open_to_add(const char *folder, const char *name, struct stat *st)
{
	int fd = open_in(folder, name, O_WRONLY | O_APPEND | O_CREAT);

	if (fd < 0)
		return -1;
	errno = EINVAL;
	if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	    /* whatever the umask is */
	    ((st->st_mode & 0777) == 0640 || fchmod(fd, 0640) == 0))
		return fd;
	(void)close(fd);
	return -1;
}

/* With O_APPEND others write before or after all of it. */
static enum sts_status
write_all(int fd, const char *name, struct iovec part[2],
    struct sts_error *err)
{
	ssize_t n = writev(fd, part, 2);

	if (n == (ssize_t)(part[0].iov_len + part[1].iov_len))
		return STS_OK;
	if (n >= 0)
		errno = ENOSPC;
	return trouble("cache-write", name, err);
}

enum sts_status
journal_add(const char *folder, const char *name, const char *domain,
    struct bytes text, struct sts_error *err)
{
	char head[HEAD_MAX];
	struct iovec part[2] = { { head, 0 }, { NULL, text.len } };
	enum sts_status status;
	struct stat st;
	struct text t;
	int fd = open_to_add(folder, name, &st);

	if (fd < 0 && errno == ENOENT)
		return error_set(err, STS_ABSENT, "cache-missing",
		    "%s: no such directory", folder);
	if (fd < 0)
		return trouble("cache-open", name, err);
	text_init(&t, head, sizeof head);
	text_add(&t, "\n>");
	text_add(&t, domain);
	text_add(&t, " ");
	text_add_number(&t, text.len);
	text_add(&t, "\n");
	part[0].iov_len = t.len;
	memcpy(&part[1].iov_base, &text.p, sizeof text.p);
	if (t.full || (uint64_t)st.st_blocks * 512 >= JOURNAL_BYTES_MAX)
		status = error_set(err, STS_SYSTEM, "cache-full",
		    "%s/%s is full: does mta-sts report run?", folder,
		    name);
	else
		status = write_all(fd, name, part, err);
	(void)close(fd);
	return status;
}

/* --- taking --------------------------------------------------------------- */

static bool
lock(int fd, int64_t deadline)
{
	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK || clock_left(deadline) == 0)
			return false;
		(void)poll(NULL, 0, POLL_MS);
	}
	return true;
}

int
journal_open(const char *folder, const char *name, int64_t deadline,
    struct sts_error *err)
{
	int fd = open_in(folder, name, O_RDWR);
	struct stat st;
	bool regular;

	if (fd < 0 && errno == ENOENT)
		(void)error_set(err, STS_ABSENT, "no-day", "%s is not there",
		    name);
	else if (fd < 0)
		(void)trouble("cache-open", name, err);
	if (fd < 0)
		return -1;
	errno = EINVAL;
	regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (regular && lock(fd, deadline))
		return fd;
	(void)trouble(regular ? "cache-busy" : "cache-open", name, err);
	(void)close(fd);
	return -1;
}

/* A part of the file. */
struct window {
	int fd;
	uint64_t at; /* of buf[0] in the file */
	size_t len;
	bool last; /* the file ends here */
	char buf[WINDOW];
};

static bool
fill(struct window *w, uint64_t at)
{
	w->at = at;
	w->len = 0;
	w->last = false;
	while (w->len < WINDOW && !w->last) {
		ssize_t n = pread(w->fd, w->buf + w->len, WINDOW - w->len,
		    (off_t)(at + w->len));

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			w->len += (size_t)n;
		w->last = n == 0;
	}
	return true;
}

/* After "\n>": DOMAIN SP LENGTH LF. */
static bool
read_head(struct scan *s, char domain[STS_DOMAIN_MAX + 1], size_t *len)
{
	size_t n = 0;

	while (!scan_done(s) && *s->p != ' ' && ascii_is_print(*s->p) &&
	    n < STS_DOMAIN_MAX)
		domain[n++] = *s->p++;
	domain[n] = '\0';
	if (n == 0 || !scan_literal(s, " "))
		return false;
	*len = 0;
	for (n = 0; n < LEN_DIGITS && !scan_done(s) && ascii_is_digit(*s->p);
	     n++)
		*len = *len * 10 + (size_t)(*s->p++ - '0');
	return n > 0 && *len <= JOURNAL_TEXT_MAX && scan_literal(s, "\n");
}

enum found {
	FOUND, /* a whole one */
	FOUND_NONE, /* no more here */
	FOUND_PART /* its end is not here */
};

/* The next record of the window from *at on, which moves to its begin.  A head
 * that is none is passed over. */
static enum found
find(struct window *w, size_t *at, char domain[STS_DOMAIN_MAX + 1],
    struct journal_record *r)
{
	for (; *at + 1 < w->len; ++*at) {
		char *p = memmem(w->buf + *at, w->len - *at, "\n>", 2);
		struct scan s;

		if (p == NULL)
			break;
		*at = (size_t)(p - w->buf);
		s = scan_over(p + 2, w->len - *at - 2);
		if (!read_head(&s, domain, &r->len)) {
			if (scan_done(&s) && !w->last)
				return FOUND_PART;
			continue;
		}
		if (r->len > scan_left(&s))
			return FOUND_PART;
		r->domain = domain;
		r->text = w->buf + (s.p - w->buf);
		r->end = w->at + (uint64_t)(s.p - w->buf) + r->len;
		return FOUND;
	}
	/* A line end may be the beginning of one. */
	*at = w->len > 0 ? w->len - 1 : 0;
	return FOUND_NONE;
}

struct taking {
	struct window *w;
	bool (*each)(void *arg, const struct journal_record *r, bool *valid);
	void *arg;
	uint64_t from; /* where to go on */
	/* What has no end yet: it was cut if others come behind it, else
	 * somebody may be at it. */
	uint64_t cut;
};

#define NOTHING_CUT UINT64_MAX

/* A whole record that begins at *at; false: no more are wanted. */
static bool
take(struct taking *t, const struct journal_record *r, size_t *at)
{
	bool valid;

	t->from = t->w->at + *at;
	if (!t->each(t->arg, r, &valid))
		return false;
	/* Another one may begin inside of what is none; and the line end at its
	 * end may be the next one's, if it was cut. */
	*at = valid ? (size_t)(r->end - t->w->at) - 1 : *at + 1;
	if (valid)
		t->cut = NOTHING_CUT;
	return true;
}

static bool
take_all(struct taking *t)
{
	char domain[STS_DOMAIN_MAX + 1];
	struct journal_record r;
	size_t at = 0;

	for (;;) {
		enum found found = find(t->w, &at, domain, &r);

		if (found == FOUND) {
			if (!take(t, &r, &at))
				return true;
			continue;
		}
		t->from = t->w->at + at;
		if (!t->w->last) {
			if (!fill(t->w, t->from))
				return false;
			at = 0;
		} else if (found == FOUND_PART) {
			if (t->cut == NOTHING_CUT)
				t->cut = t->from;
			at++;
		} else
			return true;
	}
}

enum sts_status
journal_each(int fd, uint64_t *from,
    bool (*each)(void *arg, const struct journal_record *r, bool *valid),
    void *arg, struct sts_error *err)
{
	struct taking t = { malloc(sizeof *t.w), each, arg, *from,
		NOTHING_CUT };
	/* What was dropped is a hole. */
	off_t data = lseek(fd, (off_t)*from, SEEK_DATA);
	bool ok;

	if (t.w == NULL)
		return error_set(err, STS_NOMEM, "memory", "out of memory");
	if (data > (off_t)t.from)
		t.from = (uint64_t)data;
	t.w->fd = fd;
	ok = fill(t.w, t.from) && take_all(&t);
	free(t.w);
	*from = t.cut < t.from ? t.cut : t.from;
	return ok ? STS_OK : trouble("cache-read", "journal", err);
}

void
journal_drop(int fd, uint64_t to)
{
	(void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
	    (off_t)to);
}
