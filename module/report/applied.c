/* SPDX-License-Identifier: GPL-2.0-or-later */
/* applied.c - the policy that a session was held to. */
#include "applied.h"
#include "../store/cache.h"
#include "words.h"

/* One line for an element, as published; whole lines as far as they go. */
static void
add_line(struct text *t, struct bytes line)
{
	size_t from = t->len;

	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	if (line.len == 0 ||
	    line.len + (from > 0) >= t->cap - from)
		return;
	if (from > 0)
		text_add(t, "\n");
	from = t->len;
	text_add_bytes(t, line.p, line.len);
	for (size_t i = from; i < t->len; i++)
		if (!ascii_is_print(t->buf[i]))
			t->buf[i] = '?';
}

static void
fill_strings(struct applied *a, struct bytes body)
{
	struct scan s = scan_over(body.p, body.len);
	struct text t;

	text_init(&t, a->strings, sizeof a->strings);
	while (!scan_done(&s)) {
		struct bytes line = { s.p, 0 };

		while (!scan_done(&s) && *s.p != '\n') {
			s.p++;
			line.len++;
		}
		(void)scan_literal(&s, "\n");
		add_line(&t, line);
	}
}

static void
fill_mx(struct applied *a, struct bytes mx)
{
	struct scan s = scan_over(mx.p, mx.len);
	struct text t;

	text_init(&t, a->mx, sizeof a->mx);
	a->all = mx.p; /* a string, too */
	while (!scan_done(&s)) {
		struct bytes item = scan_item(&s);

		if (item.len + 1 >= t.cap - t.len)
			break;
		if (t.len > 0)
			text_add(&t, ":");
		text_add_bytes(&t, item.p, item.len);
	}
}

static void
fill_trouble(struct applied *a, enum sts_status outcome,
    const char word[STS_WORD_MAX + 1])
{
	const char *name = status_tlsrpt(outcome);

	if (name == NULL)
		return;
	a->trouble = (enum report_result)report_result_number(name);
	memcpy(a->why, word, sizeof a->why);
}

static void
fill_policy(struct applied *a, struct bytes body, struct bytes mx)
{
	a->policy.type = REPORT_STS;
	fill_strings(a, body);
	fill_mx(a, mx);
}

/* No policy in force: for want of one, or because it could not be had. */
static void
fill_absence(struct applied *a, enum sts_status outcome,
    const char word[STS_WORD_MAX + 1])
{
	fill_trouble(a, outcome, word);
	if (a->trouble != 0)
		a->policy.type = REPORT_STS;
}

/* What the router was told when it chose the hosts. */
static void
apply_answer(const struct answer *from, struct applied *a)
{
	struct bytes mx = { from->mx, strlen(from->mx) };

	if (from->id[0] == '\0') {
		fill_absence(a, from->outcome, from->failed_word);
		return;
	}
	fill_policy(a, from->body, mx);
	fill_trouble(a, from->outcome, from->failed_word);
}

static void
apply_cache(struct cache *c, const char *domain, time_t now, struct applied *a)
{
	struct entry e;

	if (cache_get(c, domain, &e, NULL) == STS_OK &&
	    e.kind == ENTRY_POLICY && now < entry_expires(&e)) {
		fill_policy(a, e.body, e.mx);
		fill_trouble(a, e.trial.outcome, e.trial.failed_word);
	} else if (cache_get_absence(c, domain, &e) == STS_OK)
		fill_absence(a, e.trial.outcome, e.trial.failed_word);
}

bool
applied_sts(struct lookup *l, const char *domain, time_t now,
    struct applied *a)
{
	const struct answer *told = lookup_remembered(l, domain);

	/* Not all of it: most of its room is never used. */
	a->strings[0] = '\0';
	a->mx[0] = '\0';
	a->all = NULL;
	a->trouble = 0;
	a->why[0] = '\0';
	a->policy = (struct report_policy){ REPORT_NO_POLICY, domain,
		a->strings, a->mx };
	if (lookup_has_exception(l, domain))
		return false;
	if (told != NULL && told->counted && !told->tempfail)
		apply_answer(told, a);
	else
		apply_cache(lookup_cache(l), domain, now, a);
	return true;
}
