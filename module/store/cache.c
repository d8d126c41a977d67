/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cache.c - the policies of this machine: entries in two TDB files. */
#include "cache.h"
#include <stdlib.h>
#include <string.h>
#include "tdbcare.h"

/* An attacker who makes us ask for a million names of his must not fill the
 * disk.  Absences may be forgotten at any time; policies may not, so that the
 * limit is far off and only new domains are refused. */
#define ABSENT_SIZE_MAX (16u << 20) /* bytes */
#define POLICIES_SIZE_MAX (2048ull << 20)

struct cache {
	struct tdbfile policies;
	struct tdbfile absent;
	char dir[];
};

struct cache *
cache_new(const char *dir, void (*log)(void *arg, const char *line), void *arg)
{
	size_t n = strlen(dir) + 1;
	struct cache *c = calloc(1, sizeof *c + n);

	if (c == NULL)
		return NULL;
	memcpy(c->dir, dir, n);
	c->policies.dir = c->dir;
	c->policies.name = "policies.tdb";
	c->policies.durable = true;
	c->policies.alert = log;
	c->policies.arg = arg;
	c->absent.dir = c->dir;
	c->absent.name = "absent.tdb";
	c->absent.alert = log;
	c->absent.arg = arg;
	return c;
}

void
cache_free(struct cache *c)
{
	if (c == NULL)
		return;
	tdbfile_close(&c->policies);
	tdbfile_close(&c->absent);
	free(c);
}

void
cache_limit(struct cache *c, int64_t deadline)
{
	c->policies.deadline = deadline;
	c->absent.deadline = deadline;
}

enum sts_status
cache_get(struct cache *c, const char *domain, struct entry *policy,
    struct sts_error *err)
{
	struct bytes v;
	enum sts_status status = tdbfile_get(&c->policies, domain, &v, err);

	memset(policy, 0, sizeof *policy);
	if (status != STS_OK)
		return status;
	status = entry_decode(v.p, v.len, domain, policy, err);
	if (status == STS_OK && policy->kind == ENTRY_ABSENCE) {
		memset(policy, 0, sizeof *policy);
		policy->kind = ENTRY_DAMAGED;
		return error_set(err, STS_DAMAGED, "cache-damaged",
		    "an absence among the policies");
	}
	return status;
}

enum sts_status
cache_get_absence(struct cache *c, const char *domain, struct entry *absence)
{
	struct bytes v;

	memset(absence, 0, sizeof *absence);
	if (tdbfile_get(&c->absent, domain, &v, NULL) == STS_OK &&
	    entry_decode(v.p, v.len, domain, absence, NULL) == STS_OK &&
	    absence->kind == ENTRY_ABSENCE)
		return STS_OK;
	return STS_MISS;
}

static enum sts_status
put_in(struct tdbfile *f, const char *domain, const struct entry *e,
    uint64_t size_max, struct sts_error *err)
{
	enum sts_status status;
	struct bytes v;
	char *buf;

	v.len = entry_size(e);
	v.p = buf = malloc(v.len);
	if (buf == NULL)
		return error_set(err, STS_NOMEM, "memory", "out of memory");
	entry_encode(e, domain, buf);
	status = tdbfile_put(f, domain, v, size_max, err);
	free(buf);
	return status;
}

static enum sts_status
put_absence(struct cache *c, const char *domain, const struct entry *e,
    struct sts_error *err)
{
	enum sts_status status;

	if (tdbfile_size(&c->absent) > ABSENT_SIZE_MAX) {
		status = tdbfile_reset(&c->absent, err);
		if (status != STS_OK)
			return status;
	}
	return put_in(&c->absent, domain, e, UINT64_MAX, err);
}

static bool
has_policy(struct cache *c, const char *domain)
{
	struct entry e;

	return cache_get(c, domain, &e, NULL) == STS_OK &&
	    e.kind == ENTRY_POLICY;
}

enum sts_status
cache_put(struct cache *c, const char *domain, const struct entry *e,
    struct sts_error *err)
{
	enum sts_status status;

	if (e->kind == ENTRY_ABSENCE)
		return put_absence(c, domain, e, err);
	/* Somebody else may have fetched in place of what was damaged. */
	if (e->kind == ENTRY_DAMAGED && has_policy(c, domain))
		return STS_OK;
	status = put_in(&c->policies, domain, e, POLICIES_SIZE_MAX, err);
	if (status == STS_OK && e->kind == ENTRY_POLICY) {
		/* Not there is as good as gone. */
		enum sts_status gone = tdbfile_delete(&c->absent, domain, NULL);

		(void)gone;
	}
	return status;
}

struct touch {
	const char *domain;
	const struct entry *with;
};

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Both processes' news: ours, but for what the other noted later. */
static struct trial
merged(const struct trial *theirs, const struct trial *ours)
{
	struct trial t = *ours;
	int64_t now = later(later(ours->asked_at, ours->failed_at),
	    later(ours->marked_at, ours->tried_at));

	t.marked_at = later(ours->marked_at, theirs->marked_at);
	t.tried_at = later(ours->tried_at, theirs->tried_at);
	if (ours->failing_since == 0 ||
	    (theirs->failing_since > 0 &&
		theirs->failing_since < ours->failing_since))
		t.failing_since = theirs->failing_since;
	/* What lies after all of ours a clock wrote that was set back since:
	 * kept, it would end the back-off. */
	if (theirs->failed_at > ours->failed_at && theirs->failed_at <= now) {
		t.failed_at = theirs->failed_at;
		memcpy(t.failed_id, theirs->failed_id, sizeof t.failed_id);
		memcpy(t.failed_word, theirs->failed_word,
		    sizeof t.failed_word);
	}
	return t;
}

/* Reads the stored entry.  False: it is another one than t is about. */
static bool
read_same(const struct touch *t, const char *buf, size_t len, struct entry *e)
{
	return entry_decode(buf, len, t->domain, e, NULL) == STS_OK &&
	    e->kind == t->with->kind &&
	    e->fetched_at == t->with->fetched_at &&
	    strcmp(e->id, t->with->id) == 0;
}

/* Lays the new times over the stored entry. */
static bool
lay_over(void *arg, char *buf, size_t len)
{
	const struct touch *t = arg;
	struct entry e;

	if (!read_same(t, buf, len, &e))
		return false;
	e.trial = merged(&e.trial, &t->with->trial);
	e.used_at = later(e.used_at, t->with->used_at);
	entry_encode(&e, t->domain, buf);
	return true;
}

enum sts_status
cache_touch(struct cache *c, const char *domain, const struct entry *e,
    struct sts_error *err)
{
	struct touch t = { domain, e };

	return tdbfile_patch(&c->policies, domain, lay_over, &t, err);
}

struct mark {
	const char *domain;
	int64_t now;
};

/* A mark later than the last question says that already. */
static bool
put_on(void *arg, char *buf, size_t len)
{
	const struct mark *m = arg;
	struct entry e;

	if (entry_decode(buf, len, m->domain, &e, NULL) != STS_OK ||
	    e.kind != ENTRY_POLICY || m->now >= entry_expires(&e) ||
	    (e.trial.marked_at > 0 && e.trial.marked_at >= e.trial.asked_at))
		return false;
	e.trial.marked_at = m->now;
	entry_encode(&e, m->domain, buf);
	return true;
}

enum sts_status
cache_mark(struct cache *c, const char *domain, int64_t now,
    struct sts_error *err)
{
	struct mark m = { domain, now };

	return tdbfile_patch(&c->policies, domain, put_on, &m, err);
}

/* Takes the mark off the stored entry, unless it is a later one. */
static bool
take_off(void *arg, char *buf, size_t len)
{
	const struct touch *t = arg;
	struct entry e;

	if (!read_same(t, buf, len, &e) ||
	    e.trial.marked_at > t->with->trial.marked_at)
		return false;
	e.trial.marked_at = 0;
	entry_encode(&e, t->domain, buf);
	return true;
}

enum sts_status
cache_unmark(struct cache *c, const char *domain, const struct entry *e,
    struct sts_error *err)
{
	struct touch t = { domain, e };

	return tdbfile_patch(&c->policies, domain, take_off, &t, err);
}

enum sts_status
cache_delete(struct cache *c, const char *domain, struct sts_error *err)
{
	enum sts_status absence = tdbfile_delete(&c->absent, domain, NULL);
	enum sts_status status = tdbfile_delete(&c->policies, domain, err);

	return status == STS_MISS && absence == STS_OK ? STS_OK : status;
}

enum sts_status
cache_clear(struct cache *c, struct sts_error *err)
{
	enum sts_status status = tdbfile_reset(&c->absent, err);

	return status == STS_OK ? tdbfile_reset(&c->policies, err) : status;
}

struct walk {
	bool (*each)(void *arg, const char *domain, enum sts_status st,
	    const struct entry *e);
	void *arg;
};

static bool
decode_each(void *arg, const char *key, struct bytes v)
{
	const struct walk *w = arg;
	struct entry e;
	enum sts_status st = entry_decode(v.p, v.len, key, &e, NULL);

	return w->each(w->arg, key, st, &e);
}

enum sts_status
cache_walk(struct cache *c, bool absences,
    bool (*each)(void *arg, const char *domain, enum sts_status st,
	const struct entry *e),
    void *arg, struct sts_error *err)
{
	struct walk w = { each, arg };

	return tdbfile_walk(absences ? &c->absent : &c->policies, decode_each,
	    &w, err);
}

/* --- once a day ----------------------------------------------------------- */

uint64_t
cache_size(struct cache *c, bool absences)
{
	return tdbfile_size(absences ? &c->absent : &c->policies);
}

enum sts_status
cache_check(struct cache *c, struct sts_error *err)
{
	return tdbcare_check(&c->policies, err);
}

enum sts_status
cache_mend(struct cache *c, struct sts_error *err)
{
	return tdbcare_mend(&c->policies, err);
}

enum sts_status
cache_save(struct cache *c, uint64_t *size, struct sts_error *err)
{
	return tdbcare_save(&c->policies, size, err);
}

enum sts_status
cache_compact(struct cache *c, struct sts_error *err)
{
	return tdbcare_compact(&c->policies, NULL, NULL, err);
}

struct sieve {
	bool (*keep)(void *arg, const struct entry *absence);
	void *arg;
};

static bool
is_wanted(void *arg, const char *key, struct bytes value)
{
	const struct sieve *s = arg;
	struct entry e;

	return entry_decode(value.p, value.len, key, &e, NULL) == STS_OK &&
	    e.kind == ENTRY_ABSENCE && s->keep(s->arg, &e);
}

enum sts_status
cache_sift_absences(struct cache *c,
    bool (*keep)(void *arg, const struct entry *absence), void *arg,
    struct sts_error *err)
{
	struct sieve s = { keep, arg };

	return tdbcare_compact(&c->absent, is_wanted, &s, err);
}
