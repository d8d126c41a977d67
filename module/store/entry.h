/* SPDX-License-Identifier: GPL-2.0-or-later */
/* entry.h - what the cache keeps of a domain, and its bytes.
 *
 * Bytes: 8 checksum (XXH64, seeded with the key's), 4 magic, version and kind,
 * 4 length, then fixed fields in little endian, then mx and body.  All times
 * are seconds since 1970 UTC; 0 means never.  All fields but the strings have a
 * fixed place: a change of times never changes the size.  It is made in place,
 * and kill -9 can cut even that short, where a page of the file ends: so the
 * trial and used_at have a checksum of their own, and the policy's is over all
 * else. */
#ifndef ENTRY_H
#define ENTRY_H

#include <stdint.h>
#include "../protocol/policy.h"
#include "../protocol/record.h"
#include "../protocol/scan.h"
#include "../protocol/status.h"

/* What became of our questions, for a domain with or without a policy. */
struct trial {
	int64_t asked_at; /* the TXT record was looked for */
	enum sts_status outcome; /* STS_OK: found, same id as the policy's */
	int64_t failing_since; /* no fetch worked since the first that failed */
	int64_t failed_at; /* the last fetch failed ... */
	char failed_id[STS_ID_MAX + 1]; /* ... for this id ... */
	char failed_word[STS_WORD_MAX + 1]; /* ... because of this */
	/* A delivery failed under the policy (5), and none worked since. */
	int64_t marked_at;
	int64_t tried_at; /* a refresh in the background was started */
};

enum entry_kind {
	ENTRY_POLICY = 1, /* fetched; may be past its max_age */
	ENTRY_ABSENCE = 2, /* no policy: only the trial counts */
	ENTRY_DAMAGED = 3 /* stands where a damaged value was found */
};

struct entry {
	enum entry_kind kind;
	struct trial trial;
	/* ENTRY_POLICY */
	enum sts_mode mode;
	uint32_t max_age; /* seconds */
	uint32_t findings; /* enum sts_finding */
	int64_t fetched_at;
	int64_t used_at; /* to the day */
	char id[STS_ID_MAX + 1];
	struct bytes mx; /* joined by ':'; borrowed; a NUL follows mx.len */
	struct bytes body; /* as fetched; borrowed */
	/* ENTRY_DAMAGED: nobody may be told "no policy" before this */
	int64_t damaged_until;
};

#define ENTRY_BYTES_MAX (2u * STS_BODY_MAX + 1024u)

/* Size of the bytes of e. */
size_t entry_size(const struct entry *e);
/* Writes entry_size(e) bytes to buf. */
void entry_encode(const struct entry *e, const char *key, char *buf);
/* Checks and reads len bytes written under key.  The strings of *e are
 * borrowed from buf.  STS_OK, or STS_DAMAGED for whatever entry_encode() did
 * not write; then only e->damaged_until is set: the end of the policy that the
 * damaged bytes seem to hold, if that reads as a plausible time, else 0.  Where
 * but the trial is torn, it is all zero, and used_at is fetched_at. */
enum sts_status entry_decode(const char *buf, size_t len, const char *key,
    struct entry *e, struct sts_error *err) STS_CHECKED;

/* Seconds since 1970 when the policy ends: fetched_at + max_age (3.2). */
int64_t entry_expires(const struct entry *e);

#endif
