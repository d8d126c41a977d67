/* SPDX-License-Identifier: GPL-2.0-or-later */
/* answer.c - what a look-up comes to, and the line that Exim reads. */
#include "answer.h"
#include <stdlib.h>
#include <string.h>
#include "../protocol/match.h"
#include "../protocol/text.h"

const struct answer answer_no_memory = {
	.status = ANSWER_ERROR,
	.tempfail = true,
	.mx = "",
	.why = { STS_NOMEM, "memory", "out of memory" },
	.line = "mode=tempfail status=error reason=memory",
};

const char *
answer_status_name(enum answer_status status)
{
	switch (status) {
	case ANSWER_FRESH:
		return "fresh";
	case ANSWER_CHECKED:
		return "checked";
	case ANSWER_CACHED:
		return "cached";
	case ANSWER_STALE:
		return "stale";
	case ANSWER_ABSENT:
		return "absent";
	case ANSWER_UNUSABLE:
		return "unusable";
	case ANSWER_EXEMPT:
		return "exempt";
	case ANSWER_NOTADOMAIN:
		return "notadomain";
	case ANSWER_ERROR:
		break;
	}
	return "error";
}

const char *
answer_mode_name(const struct answer *a)
{
	return a->tempfail ? "tempfail" : mode_name(a->mode);
}

const char *
answer_match(const struct answer *a, const char *host)
{
	if (a->tempfail)
		return "tempfail";
	if (a->mode == STS_NONE)
		return "nopolicy";
	return match_host(a->mx, host) ? "match" : "mismatch";
}

static void
add_pair(struct text *t, const char *key, const char *value)
{
	text_add(t, key);
	text_add(t, value);
}

static void
add_policy(struct text *t, const struct answer *a)
{
	add_pair(t, " id=", a->id);
	text_add(t, " max_age=");
	text_add_number(t, a->max_age);
	text_add(t, " expires=");
	text_add_number(t, a->expires > 0 ? (uint64_t)a->expires : 0);
	add_pair(t, " mx=", a->mx);
	if (a->mode != STS_ENFORCE)
		return;
	text_add(t, " ignore=");
	match_ignore_list(t, a->mx);
}

static void
write_line(struct text *t, const struct answer *a)
{
	if (a->domain[0] != '\0') {
		add_pair(t, "domain=", a->domain);
		text_add(t, " ");
	}
	add_pair(t, "mode=", answer_mode_name(a));
	add_pair(t, " status=", answer_status_name(a->status));
	if (a->counted)
		text_add(t, " report=yes");
	if (a->kept_out.len > 0) {
		text_add(t, " kept_out=");
		text_add_bytes(t, a->kept_out.p, a->kept_out.len);
	}
	if (a->tempfail)
		add_pair(t, " reason=",
		    a->why.word[0] != '\0' ? a->why.word : "system");
	else if (a->id[0] != '\0')
		add_policy(t, a);
}

/* Whatever the parsers and the cache let through: no foreign value holds a
 * blank, quote, backslash, brace or dollar.  The rest of the line is ours, and
 * the regular expressions' dollar its most doubtful character. */
static bool
is_good_line(const struct text *t, const struct answer *a, size_t mx_len)
{
	return !t->full &&
	    ascii_all_of(a->domain, strlen(a->domain), ASCII_DOMAIN) &&
	    ascii_all_of(a->id, strlen(a->id), ASCII_ALNUM) &&
	    ascii_all_of(a->mx, mx_len, ASCII_MX) &&
	    ascii_all_of(t->buf, t->len, ASCII_LINE);
}

/* Every pattern of mx grows by its regular expression in the ignore list:
 * "*." to "!^[^.]+[.]" is the most for its length. */
static size_t
room_for(size_t mx_len)
{
	return 512 + STS_DOMAIN_MAX + mx_len + 8 * (mx_len + 1);
}

struct answer *
answer_new(const struct answer *draft, struct bytes mx)
{
	size_t room = room_for(mx.len) + draft->kept_out.len + 16;
	size_t body = draft->counted ? draft->body.len : 0;
	struct answer *a = malloc(sizeof *a + mx.len + 1 + room + body);
	struct text line;
	char *p;

	if (a == NULL)
		return NULL;
	*a = *draft;
	p = (char *)(a + 1);
	if (mx.len > 0)
		memcpy(p, mx.p, mx.len);
	p[mx.len] = '\0';
	a->mx = p;
	p += mx.len + 1;
	a->line = p;
	a->body = (struct bytes){ p + room, body };
	if (body > 0)
		memcpy(p + room, draft->body.p, body);
	text_init(&line, p, room);
	write_line(&line, a);
	a->kept_out = (struct bytes){ NULL, 0 };
	if (is_good_line(&line, a, mx.len))
		return a;
	a->tempfail = true;
	a->status = ANSWER_ERROR;
	(void)error_set(&a->why, STS_SYSTEM, "characters",
	    "a value holds a character that Exim must not see");
	text_init(&line, p, room);
	text_add(&line, "mode=tempfail status=error reason=characters");
	return a;
}

void
answer_free(void *answer)
{
	free(answer);
}
