/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memo.c - the last few answers of this process. */
#include "memo.h"
#include <stdlib.h>
#include <string.h>

void *
memo_get(const struct memo *m, const char *question, time_t now)
{
	for (unsigned i = 0; i < MEMO_SLOTS; i++) {
		const struct memo_slot *s = &m->slot[i];

		/* A clock that was set back makes every answer doubtful. */
		if (s->question != NULL && s->since <= now && now < s->until &&
		    strcmp(s->question, question) == 0)
			return s->answer;
	}
	return NULL;
}

static void
empty(struct memo *m, struct memo_slot *s)
{
	if (s->question == NULL)
		return;
	free(s->question);
	s->question = NULL;
	m->forget(s->answer);
}

/* The slot of an older answer to the same question, which a clock set back
 * and forth could bring to life again; else the next in turn. */
static struct memo_slot *
slot_for(struct memo *m, const char *question)
{
	for (unsigned i = 0; i < MEMO_SLOTS; i++)
		if (m->slot[i].question != NULL &&
		    strcmp(m->slot[i].question, question) == 0)
			return &m->slot[i];
	m->next = (m->next + 1) % MEMO_SLOTS;
	return &m->slot[m->next];
}

bool
memo_put(struct memo *m, const char *question, void *answer, time_t now,
    time_t until)
{
	struct memo_slot *s;
	char *copy;

	if (until <= now)
		return false;
	copy = strdup(question);
	if (copy == NULL)
		return false;
	s = slot_for(m, question);
	empty(m, s);
	s->question = copy;
	s->answer = answer;
	s->since = now;
	s->until = until < now + MEMO_SECONDS ? until : now + MEMO_SECONDS;
	return true;
}

void
memo_clear(struct memo *m)
{
	for (unsigned i = 0; i < MEMO_SLOTS; i++)
		empty(m, &m->slot[i]);
}
