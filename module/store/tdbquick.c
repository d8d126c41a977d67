/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tdbquick.c - a chain of a TDB file: locked, read, and a value in it. */
#include "tdbquick.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "owner.h"
#include "tdbhash.h"

#define CHAIN_MAX 256u /* records that are looked at */
#define WINDOW 640u /* bytes; most records are shorter */
#define VALUE_MAX (1u << 18) /* bytes; ours are */

/* --- the file ------------------------------------------------------------- */

/* The head is locked for nobody, but as a whole is written only once. */
static bool
read_head(const struct tdbquick *q, struct tdbformat_head *h)
{
	return pread(q->fd, h, sizeof *h, 0) == sizeof *h;
}

static bool
is_ours(const struct tdbformat_head *h)
{
	static const char magic[sizeof h->magic] = TDBFORMAT_MAGIC;

	return memcmp(h->magic, magic, sizeof magic) == 0 &&
	    h->version == TDBFORMAT_VERSION && h->hash == TDBFORMAT_JENKINS &&
	    (h->chains == TDBFORMAT_CHAINS ||
		h->chains == TDBFORMAT_CHAINS_LARGE);
}

void
tdbquick_close(struct tdbquick *q)
{
	if (q->is_open)
		(void)close(q->fd);
	free(q->record);
	memset(q, 0, sizeof *q);
}

/* O_NONBLOCK: nobody shall make us wait by planting a FIFO. */
static bool
open_file(struct tdbquick *q, const char *dir, const char *path)
{
	struct owner o;
	struct stat st;

	tdbquick_close(q);
	if (owner_enter(dir, &o, NULL) != STS_OK)
		return false;
	q->fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	owner_leave(&o);
	if (q->fd < 0)
		return false;
	q->is_open = true;
	if (fstat(q->fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    read_head(q, &q->head) && is_ours(&q->head)) {
		q->dev = st.st_dev;
		q->ino = st.st_ino;
		return true;
	}
	tdbquick_close(q);
	return false;
}

/* Somebody may have put another in its place. */
static bool
is_current(const struct tdbquick *q, const char *path)
{
	struct stat st;

	return q->is_open && lstat(path, &st) == 0 && st.st_ino == q->ino &&
	    st.st_dev == q->dev;
}

/* --- one of its chains ---------------------------------------------------- */

struct wanted {
	const char *key;
	size_t len;
	uint32_t hash;
	uint32_t chain;
};

/* FOUND, or why not. */
static enum tdbquick_result
lock_chain(const struct tdbquick *q, uint32_t chain, short type)
{
	struct flock l = { .l_type = type,
		.l_whence = SEEK_SET,
		.l_start = TDBFORMAT_LOCK(chain),
		.l_len = 1 };

	if (fcntl(q->fd, F_SETLK, &l) == 0)
		return TDBQUICK_FOUND;
	return errno == EAGAIN || errno == EACCES ? TDBQUICK_BUSY
						  : TDBQUICK_UNKNOWN;
}

static void
leave(const struct tdbquick *q, const struct wanted *w)
{
	(void)lock_chain(q, w->chain, F_UNLCK);
}

/* Whether it begins as it did, and no transaction was broken off, which TDB
 * must undo first.  With a chain locked, for no other can be going on then. */
static bool
is_whole(const struct tdbquick *q)
{
	struct tdbformat_head h;
	struct tdbformat_record r;

	if (!read_head(q, &h))
		return false;
	if (h.recovery != 0 &&
	    (pread(q->fd, &r, sizeof r, h.recovery) != sizeof r ||
		r.magic == TDBFORMAT_UNDO))
		return false;
	h.recovery = q->head.recovery;
	h.sequence = q->head.sequence;
	return memcmp(&h, &q->head, sizeof h) == 0;
}

/* That it was, is not looked for again in the same second while the file says
 * that nothing was written to it, and that it has the name that it had.  But
 * what was changed just now may be changed again without a trace: the times of
 * files go in steps of milliseconds. */
static bool
look(struct tdbquick *q, time_t now)
{
	struct stat st;

	if (fstat(q->fd, &st) != 0 || !is_whole(q))
		return false;
	q->look.at = st.st_ctim.tv_sec + 1 < now ? now : 0;
	q->look.changed = st.st_ctim;
	q->look.size = st.st_size;
	return true;
}

static bool
is_as_it_was(const struct tdbquick *q, time_t now)
{
	const struct tdbquick_look *l = &q->look;
	struct stat st;

	return l->at == now && fstat(q->fd, &st) == 0 &&
	    st.st_size == l->size && st.st_ctim.tv_sec == l->changed.tv_sec &&
	    st.st_ctim.tv_nsec == l->changed.tv_nsec;
}

/* Locks the chain of w in the file that has that path now, and is whole.
 * FOUND, or why not. */
static enum tdbquick_result
enter(struct tdbquick *q, const char *dir, const char *path, struct wanted *w,
    short type)
{
	time_t now = time(NULL);
	enum tdbquick_result r;

	for (;;) {
		bool is_new = !q->is_open;

		if (is_new && !open_file(q, dir, path))
			return TDBQUICK_UNKNOWN;
		w->chain = w->hash % q->head.chains;
		r = lock_chain(q, w->chain, type);
		if (r == TDBQUICK_FOUND && is_as_it_was(q, now))
			return r;
		if (is_new || is_current(q, path))
			break;
		tdbquick_close(q); /* which unlocks it */
	}
	if (r != TDBQUICK_FOUND || look(q, now))
		return r;
	leave(q, w);
	return TDBQUICK_UNKNOWN;
}

/* --- its records ---------------------------------------------------------- */

static bool
make_room(struct tdbquick *q, size_t room)
{
	char *more;

	if (room <= q->room)
		return true;
	more = realloc(q->record, room);
	if (more == NULL)
		return false;
	q->record = more;
	q->room = room;
	return true;
}

/* A record, and where it is. */
struct place {
	uint32_t at;
	struct tdbformat_record head;
	size_t got; /* bytes of it in q->record */
};

static const char *
key_at(const struct tdbquick *q)
{
	return q->record + sizeof(struct tdbformat_record);
}

/* Its beginning, with all of its key. */
static bool
read_record(struct tdbquick *q, struct place *p)
{
	struct tdbformat_record *r = &p->head;
	ssize_t n = pread(q->fd, q->record, WINDOW, p->at);

	if (n < (ssize_t)sizeof *r)
		return false;
	p->got = (size_t)n;
	memcpy(r, q->record, sizeof *r);
	return r->magic == TDBFORMAT_USED &&
	    r->key_len <= p->got - sizeof *r && r->value_len <= VALUE_MAX &&
	    r->key_len + r->value_len <= r->len;
}

static bool
has_key(const struct tdbquick *q, const struct place *p,
    const struct wanted *w)
{
	return p->head.key_len == w->len && p->head.hash == w->hash &&
	    memcmp(key_at(q), w->key, w->len) == 0;
}

/* Or that key, or the way here, is damaged. */
static bool
belongs_here(const struct tdbquick *q, const struct place *p,
    const struct wanted *w)
{
	uint32_t hash = tdbhash(key_at(q), p->head.key_len);

	return hash == p->head.hash && hash % q->head.chains == w->chain;
}

/* All of it, if that is longer than what was read of each. */
static bool
read_rest(struct tdbquick *q, struct place *p)
{
	size_t whole = sizeof p->head + p->head.key_len + p->head.value_len;
	size_t left = whole > p->got ? whole - p->got : 0;

	return left == 0 ||
	    (p->got == WINDOW && make_room(q, whole) &&
		pread(q->fd, q->record + WINDOW, left,
		    (off_t)p->at + WINDOW) == (ssize_t)left);
}

static enum tdbquick_result
find(struct tdbquick *q, const struct wanted *w, struct place *p)
{
	if (pread(q->fd, &p->at, sizeof p->at, TDBFORMAT_CHAIN(w->chain)) !=
	    sizeof p->at)
		return TDBQUICK_UNKNOWN;
	for (unsigned i = 0; p->at != 0; i++, p->at = p->head.next) {
		if (i == CHAIN_MAX || !read_record(q, p))
			return TDBQUICK_UNKNOWN;
		if (has_key(q, p, w))
			return read_rest(q, p) ? TDBQUICK_FOUND
					       : TDBQUICK_UNKNOWN;
		if (!belongs_here(q, p, w))
			return TDBQUICK_UNKNOWN;
	}
	return TDBQUICK_MISSING;
}

/* --- for tdbfile.c -------------------------------------------------------- */

struct change {
	bool (*make)(void *arg, char *buf, size_t len, uint64_t size);
	void *arg;
};

static char *
value_of(const struct tdbquick *q, const struct place *p)
{
	return q->record + sizeof p->head + p->head.key_len;
}

static bool
write_value(const struct tdbquick *q, const struct place *p,
    const struct change *c)
{
	off_t at = (off_t)p->at + (value_of(q, p) - q->record);
	size_t len = p->head.value_len;
	struct stat st;

	if (fstat(q->fd, &st) != 0)
		return false;
	return !c->make(c->arg, value_of(q, p), len, (uint64_t)st.st_size) ||
	    pwrite(q->fd, value_of(q, p), len, at) == (ssize_t)len;
}

/* c: NULL to read only. */
static enum tdbquick_result
with_chain(struct tdbquick *q, const char *dir, const char *path,
    const char *key, const struct change *c, struct place *p)
{
	struct wanted w = { .key = key, .len = strlen(key) };
	enum tdbquick_result r;

	w.hash = tdbhash(key, w.len);
	r = enter(q, dir, path, &w, c == NULL ? F_RDLCK : F_WRLCK);
	if (r != TDBQUICK_FOUND)
		return r;
	r = make_room(q, WINDOW) ? find(q, &w, p) : TDBQUICK_UNKNOWN;
	if (r == TDBQUICK_FOUND && c != NULL && !write_value(q, p, c))
		r = TDBQUICK_UNKNOWN;
	leave(q, &w);
	return r;
}

enum tdbquick_result
tdbquick_get(struct tdbquick *q, const char *dir, const char *path,
    const char *key, struct bytes *value)
{
	struct place p;
	enum tdbquick_result r = with_chain(q, dir, path, key, NULL, &p);

	if (r == TDBQUICK_FOUND) {
		value->p = value_of(q, &p);
		value->len = p.head.value_len;
	}
	return r;
}

enum tdbquick_result
tdbquick_patch(struct tdbquick *q, const char *dir, const char *path,
    const char *key,
    bool (*change)(void *arg, char *buf, size_t len, uint64_t size), void *arg)
{
	const struct change c = { change, arg };
	struct place p;
	enum tdbquick_result r = with_chain(q, dir, path, key, &c, &p);

	/* What went into a file that was replaced meanwhile is lost. */
	return r == TDBQUICK_FOUND && !is_current(q, path) ? TDBQUICK_UNKNOWN
							   : r;
}
