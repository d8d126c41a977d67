/* SPDX-License-Identifier: GPL-2.0-or-later */
/* entry.c - cache values as bytes: every byte is checked before it counts. */
#include "entry.h"
#include <endian.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define VERSION 2

/* Places in the fixed part.  From AT_ASKED to AT_FETCHED is what a touch
 * changes. */
enum {
	AT_SUM = 0,
	AT_MAGIC = 8,
	AT_LENGTH = 12,
	AT_TRIAL_SUM = 16,
	AT_ASKED = 24,
	AT_FAILED = 32,
	AT_FAILING = 40,
	AT_MARKED = 48,
	AT_TRIED = 56,
	AT_USED = 64,
	AT_OUTCOME = 72,
	AT_FAILED_ID = 76,
	AT_FAILED_WORD = 108,
	AT_FETCHED = 140,
	AT_DAMAGED = 148,
	AT_MODE = 156,
	AT_MAX_AGE = 160,
	AT_FINDINGS = 164,
	AT_MX_LEN = 168,
	AT_BODY_LEN = 172,
	AT_ID = 176,
	AT_MX = 208
};

static inline void
put(char *buf, size_t at, uint64_t value, size_t width)
{
	value = htole64(value);
	memcpy(buf + at, &value, width);
}

static inline uint64_t
get(const char *buf, size_t at, size_t width)
{
	uint64_t value = 0;

	memcpy(&value, buf + at, width);
	return le64toh(value);
}

static void
put_time(char *buf, size_t at, int64_t t)
{
	put(buf, at, t > 0 ? (uint64_t)t : 0, 8);
}

/* A time that cannot have been meant reads as "never". */
static int64_t
get_time(const char *buf, size_t at)
{
	uint64_t t = get(buf, at, 8);

	return t < (uint64_t)1 << 40 ? (int64_t)t : 0;
}

static uint64_t
seed_of(const char *key)
{
	return XXH64(key, strlen(key), 0);
}

/* Over what stays, ... */
static uint64_t
checksum(const char *buf, size_t len, uint64_t seed)
{
	seed = XXH64(buf + AT_MAGIC, AT_TRIAL_SUM - AT_MAGIC, seed);
	return XXH64(buf + AT_FETCHED, len - AT_FETCHED, seed);
}

/* ... and over the rest. */
static uint64_t
trial_checksum(const char *buf, uint64_t seed)
{
	return XXH64(buf + AT_ASKED, AT_FETCHED - AT_ASKED, seed);
}

size_t
entry_size(const struct entry *e)
{
	return AT_MX + e->mx.len + 1 + e->body.len;
}

static void
put_string(char *buf, size_t at, const char *s, size_t room)
{
	size_t n = strnlen(s, room);

	memcpy(buf + at, s, n);
	memset(buf + at + n, 0, room - n);
}

void
entry_encode(const struct entry *e, const char *key, char *buf)
{
	const struct trial *t = &e->trial;
	uint64_t seed = seed_of(key);
	size_t len = entry_size(e);

	memcpy(buf + AT_MAGIC, "MS", 2);
	buf[AT_MAGIC + 2] = VERSION;
	buf[AT_MAGIC + 3] = (char)e->kind;
	put(buf, AT_LENGTH, len, 4);
	put_time(buf, AT_ASKED, t->asked_at);
	put_time(buf, AT_FAILED, t->failed_at);
	put_time(buf, AT_FAILING, t->failing_since);
	put_time(buf, AT_MARKED, t->marked_at);
	put_time(buf, AT_TRIED, t->tried_at);
	put_time(buf, AT_FETCHED, e->fetched_at);
	put_time(buf, AT_USED, e->used_at);
	put_time(buf, AT_DAMAGED, e->damaged_until);
	put(buf, AT_OUTCOME, t->outcome, 4);
	put(buf, AT_MODE, e->mode, 4);
	put(buf, AT_MAX_AGE, e->max_age, 4);
	put(buf, AT_FINDINGS, e->findings, 4);
	put(buf, AT_MX_LEN, e->mx.len, 4);
	put(buf, AT_BODY_LEN, e->body.len, 4);
	put_string(buf, AT_ID, e->id, 32);
	put_string(buf, AT_FAILED_ID, t->failed_id, 32);
	put_string(buf, AT_FAILED_WORD, t->failed_word, 32);
	/* They may be in buf already: memmove. */
	if (e->mx.len > 0)
		memmove(buf + AT_MX, e->mx.p, e->mx.len);
	buf[AT_MX + e->mx.len] = '\0';
	if (e->body.len > 0)
		memmove(buf + AT_MX + e->mx.len + 1, e->body.p, e->body.len);
	put(buf, AT_SUM, checksum(buf, len, seed), 8);
	put(buf, AT_TRIAL_SUM, trial_checksum(buf, seed), 8);
}

/* A string of at most max characters of that set, in 32 bytes. */
static bool
get_string(const char *buf, size_t at, size_t max, char *out,
    enum ascii_set set)
{
	size_t n = strnlen(buf + at, 32);

	if (n > max)
		return false;
	memcpy(out, buf + at, n);
	out[n] = '\0';
	return ascii_all_of(out, n, set);
}

static bool
is_ours(const char *buf, size_t len)
{
	return len > AT_MX && memcmp(buf + AT_MAGIC, "MS", 2) == 0 &&
	    buf[AT_MAGIC + 2] == VERSION;
}

static void
read_trial(const char *buf, struct trial *t)
{
	t->asked_at = get_time(buf, AT_ASKED);
	t->failed_at = get_time(buf, AT_FAILED);
	t->failing_since = get_time(buf, AT_FAILING);
	t->marked_at = get_time(buf, AT_MARKED);
	t->tried_at = get_time(buf, AT_TRIED);
	t->outcome = (enum sts_status)get(buf, AT_OUTCOME, 4);
}

static void
read_policy(const char *buf, struct entry *e)
{
	e->mode = (enum sts_mode)get(buf, AT_MODE, 4);
	e->max_age = (uint32_t)get(buf, AT_MAX_AGE, 4);
	e->findings = (uint32_t)get(buf, AT_FINDINGS, 4);
	e->fetched_at = get_time(buf, AT_FETCHED);
	e->damaged_until = get_time(buf, AT_DAMAGED);
	e->mx.p = buf + AT_MX;
	e->mx.len = (size_t)get(buf, AT_MX_LEN, 4);
	e->body.len = (size_t)get(buf, AT_BODY_LEN, 4);
	e->body.p = buf + AT_MX + e->mx.len + 1;
}

static bool
lengths_add_up(const char *buf, size_t len)
{
	uint64_t mx = get(buf, AT_MX_LEN, 4);
	uint64_t body = get(buf, AT_BODY_LEN, 4);

	return get(buf, AT_LENGTH, 4) == len && AT_MX + mx + 1 + body == len &&
	    buf[AT_MX + mx] == '\0';
}

static bool
fields_are_sane(const struct entry *e)
{
	return (e->kind == ENTRY_POLICY || e->kind == ENTRY_ABSENCE ||
		   e->kind == ENTRY_DAMAGED) &&
	    e->mode <= STS_ENFORCE && e->max_age <= STS_AGE_MAX &&
	    ascii_all_of(e->mx.p, e->mx.len, ASCII_MX);
}

/* A touch that was killed half-way leaves some of the old times with some of
 * the new ones: then none counts, and DNS is asked at once. */
static bool
read_touched(const char *buf, uint64_t seed, struct entry *e)
{
	if (get(buf, AT_TRIAL_SUM, 8) != trial_checksum(buf, seed)) {
		e->used_at = e->fetched_at;
		return e->kind != ENTRY_ABSENCE; /* it is nothing else */
	}
	read_trial(buf, &e->trial);
	e->used_at = get_time(buf, AT_USED);
	return e->trial.outcome <= STS_SYSTEM &&
	    get_string(buf, AT_FAILED_ID, STS_ID_MAX, e->trial.failed_id,
		ASCII_ALNUM) &&
	    get_string(buf, AT_FAILED_WORD, STS_WORD_MAX,
		e->trial.failed_word, ASCII_WORD);
}

static bool
read_fields(const char *buf, uint64_t seed, struct entry *e)
{
	e->kind = (enum entry_kind)buf[AT_MAGIC + 3];
	read_policy(buf, e);
	return fields_are_sane(e) &&
	    get_string(buf, AT_ID, STS_ID_MAX, e->id, ASCII_ALNUM) &&
	    read_touched(buf, seed, e);
}

static enum sts_status
damaged(struct entry *e, const char *buf, size_t len, const char *what,
    struct sts_error *err)
{
	int64_t fetched;
	uint64_t max_age;

	memset(e, 0, sizeof *e);
	e->kind = ENTRY_DAMAGED;
	if (is_ours(buf, len) && buf[AT_MAGIC + 3] == ENTRY_POLICY) {
		fetched = get_time(buf, AT_FETCHED);
		max_age = get(buf, AT_MAX_AGE, 4);
		if (fetched > 0 && max_age <= STS_AGE_MAX)
			e->damaged_until = fetched + (int64_t)max_age;
	}
	return error_set(err, STS_DAMAGED, "cache-damaged",
	    "cached value is damaged (%s)", what);
}

/* Another version's, before or after this one: what it means by the rest is
 * not known, so that it counts as much as something damaged. */
static enum sts_status
not_ours(struct entry *e, const char *buf, size_t len, struct sts_error *err)
{
	enum sts_status status = damaged(e, buf, len, "no value of ours", err);

	if (len <= AT_MX || memcmp(buf + AT_MAGIC, "MS", 2) != 0)
		return status;
	return error_set(err, status, "cache-damaged",
	    "cached value is of version %u, and this is version %u",
	    (unsigned)(unsigned char)buf[AT_MAGIC + 2], (unsigned)VERSION);
}

enum sts_status
entry_decode(const char *buf, size_t len, const char *key, struct entry *e,
    struct sts_error *err)
{
	uint64_t seed = seed_of(key);

	memset(e, 0, sizeof *e);
	if (!is_ours(buf, len))
		return not_ours(e, buf, len, err);
	if (!lengths_add_up(buf, len))
		return damaged(e, buf, len, "length", err);
	if (get(buf, AT_SUM, 8) != checksum(buf, len, seed))
		return damaged(e, buf, len, "checksum", err);
	if (!read_fields(buf, seed, e))
		return damaged(e, buf, len, "fields", err);
	return STS_OK;
}

int64_t
entry_expires(const struct entry *e)
{
	return e->fetched_at + (int64_t)e->max_age;
}
