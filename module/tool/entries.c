/* SPDX-License-Identifier: GPL-2.0-or-later */
/* entries.c - what the cache holds, as list, show and purge see it. */
#include "entries.h"

static bool
is_damaged(enum sts_status st, const struct entry *e)
{
	return st != STS_OK || e->kind == ENTRY_DAMAGED;
}

const char *
entries_state(enum sts_status st, const struct entry *e, int64_t now)
{
	if (is_damaged(st, e))
		return "damaged";
	if (e->kind == ENTRY_ABSENCE)
		return e->trial.outcome == STS_ABSENT ? "absent" : "unusable";
	if (now >= entry_expires(e))
		return "expired";
	return e->trial.outcome == STS_OK ? "cached" : "stale";
}

bool
entries_is_expired(enum sts_status st, const struct entry *e, int64_t now)
{
	/* Bytes that nobody can read may be a policy in force. */
	if (st != STS_OK)
		return false;
	return now >=
	    (e->kind == ENTRY_DAMAGED ? e->damaged_until : entry_expires(e));
}

static void
add_policy(struct object *o, const struct entry *e)
{
	object_text(o, "mode", mode_name(e->mode));
	object_text(o, "id", e->id);
	object_number(o, "max_age", e->max_age);
	object_time(o, "fetched_at", e->fetched_at);
	object_time(o, "expires", entry_expires(e));
	object_time(o, "used_at", e->used_at);
	object_mx(o, e->mx);
	object_findings(o, e->findings);
}

static void
add_trial(struct object *o, const struct trial *t)
{
	object_time(o, "asked_at", t->asked_at);
	if (t->asked_at != 0)
		object_text(o, "outcome", status_name(t->outcome));
	object_time(o, "failed_at", t->failed_at);
	if (t->failed_at != 0) {
		object_text(o, "failed_id", t->failed_id);
		object_text(o, "reason", t->failed_word);
	}
	object_time(o, "failing_since", t->failing_since);
	object_time(o, "marked_at", t->marked_at);
	object_time(o, "tried_at", t->tried_at);
}

struct object
entries_json(const char *domain, enum sts_status st, const struct entry *e,
    int64_t now)
{
	struct object o = object_new();

	object_text(&o, "domain", domain);
	object_text(&o, "status", entries_state(st, e, now));
	if (is_damaged(st, e)) {
		object_time(&o, "damaged_until", e->damaged_until);
		return o;
	}
	if (e->kind == ENTRY_POLICY)
		add_policy(&o, e);
	add_trial(&o, &e->trial);
	return o;
}
