/* SPDX-License-Identifier: GPL-2.0-or-later */
/* renew.c - fetch the policy of one domain again, and see what came of it. */
#include "renew.h"
#include <string.h>
#include "../store/cache.h"

/* What was cached before: the cache takes its strings back. */
struct before {
	bool policy;
	int64_t fetched_at;
	char id[STS_ID_MAX + 1];
	size_t len;
	char body[STS_BODY_MAX];
};

static void
remember(struct tool *t, const char *domain, struct before *b)
{
	struct entry e;

	b->policy = cache_get(tool_cache(t), domain, &e, NULL) == STS_OK &&
	    e.kind == ENTRY_POLICY;
	if (!b->policy)
		return;
	b->fetched_at = e.fetched_at;
	memcpy(b->id, e.id, sizeof b->id);
	b->len = e.body.len < sizeof b->body ? e.body.len : sizeof b->body;
	if (b->len > 0)
		memcpy(b->body, e.body.p, b->len);
}

/* RFC 8461 3.1: a new policy ought to have a new id.  Not all owners know. */
static enum renew_end
compare(const struct before *b, const struct entry *e)
{
	bool same_id = strcmp(b->id, e->id) == 0;

	if (!b->policy)
		return RENEW_CHANGED;
	if (b->len == e->body.len &&
	    (b->len == 0 || memcmp(b->body, e->body.p, b->len) == 0))
		return RENEW_SAME;
	return same_id ? RENEW_CHANGED_SAME_ID : RENEW_CHANGED;
}

static enum renew_end
not_fetched(const struct answer *a)
{
	if (a->tempfail || a->why.status == STS_SYSTEM ||
	    a->why.status == STS_NOMEM)
		return RENEW_TROUBLE;
	if (strcmp(a->why.word, "busy") == 0)
		return RENEW_BUSY;
	if (a->why.status == STS_OK && a->status == ANSWER_EXEMPT)
		return RENEW_EXEMPT;
	return RENEW_FAILED;
}

static void
describe(const struct entry *e, struct renewal *r)
{
	int64_t now = time(NULL);

	r->mode = e->mode;
	r->expires = entry_expires(e);
	memcpy(r->id, e->id, sizeof r->id);
	r->alert = alert_is_due(e, now);
	if (r->alert)
		alert_text(e, now, r->alert_text);
}

void
renew_domain(struct tool *t, const char *domain, struct renewal *r)
{
	static struct before b; /* too large for a stack */
	const struct answer *a;
	struct entry e;
	bool policy;

	remember(t, domain, &b);
	a = lookup_domain(t->lookup, domain, LOOKUP_REFETCH);
	policy = cache_get(tool_cache(t), domain, &e, NULL) == STS_OK &&
	    e.kind == ENTRY_POLICY;
	if (policy)
		describe(&e, r);
	/* Whoever fetched it: it is new. */
	if (policy &&
	    (a->status == ANSWER_FRESH || !b.policy ||
		e.fetched_at != b.fetched_at)) {
		r->end = compare(&b, &e);
		return;
	}
	memcpy(r->word, a->why.word, sizeof r->word);
	memcpy(r->text, a->why.text, sizeof r->text);
	if (!policy && !a->tempfail && a->why.status != STS_SYSTEM)
		r->end = RENEW_GONE;
	else
		r->end = not_fetched(a);
}
