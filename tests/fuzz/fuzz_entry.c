/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_entry.c - a value of the cache: its bytes as they are, as if their
 * checksum were right, and with a byte changed. */
#include "fuzz.h"
#include <stdlib.h>
#include "../../module/store/entry.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

#define KEY "example.com"
#define SUM 8u /* bytes of a checksum: the policy's in front, ... */
#define TRIAL 16u /* ... the trial's here, and the trial behind it */
#define POLICY 140u

/* What every damaged value leaves behind. */
static void
check_damaged(const char *buf, size_t len)
{
	struct sts_error err;
	struct entry e;

	HOLD(entry_decode(buf, len, KEY, &e, &err) == STS_DAMAGED);
	fuzz_error(&err, STS_DAMAGED);
	HOLD(e.kind == ENTRY_DAMAGED && e.mx.len == 0 && e.body.len == 0);
	HOLD(e.damaged_until >= 0 &&
	    e.damaged_until < (INT64_C(1) << 40) + STS_AGE_MAX);
}

static void
put_sum(char *at, XXH64_hash_t sum)
{
	for (size_t i = 0; i < SUM; i++)
		at[i] = (char)(sum >> (8 * i) & 0xff);
}

static void
set_checksums(char *buf, size_t len)
{
	XXH64_hash_t seed = XXH64(KEY, strlen(KEY), 0);

	put_sum(buf + TRIAL,
	    XXH64(buf + TRIAL + SUM, POLICY - TRIAL - SUM, seed));
	seed = XXH64(buf + SUM, TRIAL - SUM, seed);
	put_sum(buf, XXH64(buf + POLICY, len - POLICY, seed));
}

static bool
same_bytes(struct bytes a, struct bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static bool
same_trial(const struct trial *a, const struct trial *b)
{
	return a->asked_at == b->asked_at && a->outcome == b->outcome &&
	    a->failing_since == b->failing_since &&
	    a->failed_at == b->failed_at && a->marked_at == b->marked_at &&
	    a->tried_at == b->tried_at &&
	    strcmp(a->failed_id, b->failed_id) == 0 &&
	    strcmp(a->failed_word, b->failed_word) == 0;
}

static bool
same_entry(const struct entry *a, const struct entry *b)
{
	return a->kind == b->kind && same_trial(&a->trial, &b->trial) &&
	    a->mode == b->mode && a->max_age == b->max_age &&
	    a->findings == b->findings && a->fetched_at == b->fetched_at &&
	    a->used_at == b->used_at && strcmp(a->id, b->id) == 0 &&
	    a->damaged_until == b->damaged_until &&
	    same_bytes(a->mx, b->mx) && same_bytes(a->body, b->body);
}

/* The policy stands, and nothing is known of its trial. */
static void
check_untried(const struct entry *e, const char *buf, size_t len)
{
	struct entry want = *e, got;

	memset(&want.trial, 0, sizeof want.trial);
	want.used_at = e->fetched_at;
	HOLD(entry_decode(buf, len, KEY, &got, NULL) == STS_OK);
	HOLD(same_entry(&want, &got));
}

/* decode(encode(e)) is e; with the byte at `at` changed it is nothing, or
 * nothing of its trial. */
static void
check_again(const struct entry *e, size_t at)
{
	size_t len = entry_size(e);
	char *buf = malloc(len);
	struct entry again;

	HOLD(buf != NULL);
	HOLD(e->mx.p[e->mx.len] == '\0');
	HOLD(fuzz_holds_only(e->mx.p, e->mx.len, ".-*:_"));
	HOLD(fuzz_holds_only(e->id, strlen(e->id), ""));
	entry_encode(e, KEY, buf);
	HOLD(entry_decode(buf, len, KEY, &again, NULL) == STS_OK);
	HOLD(same_entry(e, &again));
	HOLD(entry_decode(buf, len, "example.net", &again, NULL) != STS_OK);
	at %= len;
	buf[at] = (char)(buf[at] ^ (int)(1u << at % 8));
	if (at < TRIAL || at >= POLICY || e->kind == ENTRY_ABSENCE)
		check_damaged(buf, len);
	else
		check_untried(e, buf, len);
	free(buf);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *buf = fuzz_string(data, size);
	struct entry e;

	if (entry_decode(buf, size, KEY, &e, NULL) != STS_OK)
		check_damaged(buf, size);
	if (size > POLICY) {
		set_checksums(buf, size);
		if (entry_decode(buf, size, KEY, &e, NULL) == STS_OK)
			check_again(&e, size + (size_t)e.max_age);
		else
			check_damaged(buf, size);
	}
	free(buf);
	return 0;
}
