/* SPDX-License-Identifier: GPL-2.0-or-later */
/* survey.c - the cache in numbers. */
#include "survey.h"
#include <string.h>
#include "../store/cache.h"

#define DAY 86400

/* Whether a stands before b: alerts first, then what ends first. */
static bool
is_before(const struct survey_item *a, const struct survey_item *b)
{
	if (a->alert != b->alert)
		return a->alert;
	return a->expires < b->expires;
}

static void
insert(struct survey_list *l, const struct survey_item *item)
{
	size_t i = l->n;

	while (i > 0 && is_before(item, &l->item[i - 1]))
		i--;
	if (i == SURVEY_SHOWN)
		return;
	if (l->n < SURVEY_SHOWN)
		l->n++;
	memmove(&l->item[i + 1], &l->item[i],
	    (l->n - i - 1) * sizeof l->item[0]);
	l->item[i] = *item;
}

static void
describe(const struct survey *s, const char *domain, const struct entry *e,
    struct survey_item *item)
{
	struct text t;

	memset(item, 0, sizeof *item);
	text_init(&t, item->domain, sizeof item->domain);
	text_add(&t, domain);
	item->mode = e->mode;
	item->expires = entry_expires(e);
	item->failing_since = e->trial.failing_since;
	memcpy(item->word, e->trial.failed_word, sizeof item->word);
	item->alert = alert_is_due(e, s->now);
	if (item->alert)
		alert_text(e, s->now, item->alert_text);
}

static void
count_policy(struct survey *s, const char *domain, const struct entry *e)
{
	struct survey_item item;
	bool over = entry_expires(e) <= s->now;
	bool unused = alert_is_unused(e, s->now);

	describe(s, domain, e, &item);
	s->ended += over;
	s->unused += unused && !over;
	if (!over) {
		s->in_force[e->mode]++;
		if (s->oldest_fetch == 0 || e->fetched_at < s->oldest_fetch)
			s->oldest_fetch = e->fetched_at;
	}
	s->alerts += item.alert;
	s->urgent += item.alert && item.expires - s->now < DAY;
	if (item.failing_since > 0 && !unused && e->mode != STS_NONE)
		s->failing++;
	if (item.alert || (item.failing_since > 0 && !unused))
		insert(&s->failures, &item);
	if (!over && !unused) {
		item.alert = false; /* the order is that of time */
		insert(&s->next, &item);
	}
}

static bool
count(void *arg, const char *domain, enum sts_status st,
    const struct entry *e)
{
	struct survey *s = arg;

	if (st != STS_OK || e->kind == ENTRY_DAMAGED)
		s->damaged += st != STS_OK || e->damaged_until > s->now;
	else if (e->kind == ENTRY_POLICY)
		count_policy(s, domain, e);
	return true;
}

static bool
count_absence(void *arg, const char *domain, enum sts_status st,
    const struct entry *e)
{
	struct survey *s = arg;

	(void)domain;
	(void)e;
	s->absences += st == STS_OK;
	return true;
}

static enum sts_status
walk(struct tool *t, struct survey *s, struct sts_error *err)
{
	enum sts_status st;

	memset(s, 0, sizeof *s);
	s->now = time(NULL);
	st = cache_walk(tool_cache(t), false, count, s, err);
	if (st != STS_OK)
		return st;
	return cache_walk(tool_cache(t), true, count_absence, s, err);
}

enum sts_status
survey_take(struct tool *t, struct survey *s, struct sts_error *err)
{
	enum sts_status st = walk(t, s, err);

	/* A walk that met damage has it mended, and ends. */
	return st == STS_SYSTEM ? walk(t, s, err) : st;
}
