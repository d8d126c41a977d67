/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_head.c - the head of an HTTP answer: may its body be a policy? */
#include "fetch_head.h"
#include "../protocol/media.h"
#include "../protocol/scan.h"
#include "../protocol/text.h"

static bool
is_eol(char c)
{
	return c == '\r' || c == '\n';
}

static bool
is_not_space(char c)
{
	return c != ' ' && !is_eol(c);
}

/* "HTTP/1.1 200 ..." */
static bool
take_status_line(struct fetch_head *h, struct scan s)
{
	unsigned code = 0;

	if (!scan_literal(&s, "HTTP/"))
		return false;
	(void)scan_while(&s, is_not_space, scan_left(&s));
	scan_wsp(&s);
	for (int i = 0; i < 3 && !scan_done(&s); i++)
		if (ascii_is_digit(*s.p))
			code = code * 10 + (unsigned)(*s.p++ - '0');
	/* A head of its own begins: 103, then 200. */
	h->code = code;
	h->types = 0;
	h->encoded = false;
	h->chunked = false;
	return true;
}

/* Moves over name and the colon, in any case. */
static bool
take_name(struct scan *s, const char *name)
{
	size_t n = strlen(name);

	if (scan_left(s) <= n || s->p[n] != ':')
		return false;
	for (size_t i = 0; i < n; i++)
		if (ascii_lower(s->p[i]) != name[i])
			return false;
	s->p += n + 1;
	return true;
}

/* The rest without blanks around it. */
static struct bytes
take_value(struct scan *s)
{
	struct bytes value;

	scan_wsp(s);
	value.p = s->p;
	value.len = scan_left(s);
	while (value.len > 0 && scan_is_wsp(value.p[value.len - 1]))
		value.len--;
	return value;
}

/* One that is too long, or has a NUL inside, is no type. */
static void
note_type(struct fetch_head *h, struct bytes value)
{
	h->types++;
	h->type[0] = '\0';
	if (value.len == 0 || value.len > FETCH_TYPE_MAX ||
	    memchr(value.p, '\0', value.len) != NULL)
		return;
	memcpy(h->type, value.p, value.len);
	h->type[value.len] = '\0';
}

/* Whether value is just word, in any case. */
static bool
is_just(struct bytes value, const char *word)
{
	size_t n = strlen(word);

	if (value.len != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (ascii_lower(value.p[i]) != word[i])
			return false;
	return true;
}

static void
note_encoding(struct fetch_head *h, struct bytes value)
{
	if (value.len > 0 && !is_just(value, "identity"))
		h->encoded = true;
}

static bool
is_good_code(const struct fetch_head *h)
{
	return h->code == 200 ||
	    (h->to_post && h->code > 200 && h->code <= 299);
}

static const char *
who(const struct fetch_head *h)
{
	return h->to_post ? "the report's host" : "the policy host";
}

enum sts_status
fetch_head_code(const struct fetch_head *h, struct sts_error *err)
{
	char word[STS_WORD_MAX + 1];
	struct text t;

	/* RFC 8461 3.3: 3xx is not followed; only 200 has a policy. */
	if (h->code >= 300 && h->code <= 399)
		return error_set(err, STS_FETCH, "redirect",
		    "%s redirects (HTTP status %u)", who(h), h->code);
	if (h->code < 200 || is_good_code(h))
		return STS_OK;
	text_init(&t, word, sizeof word);
	text_addf(&t, "http-%u", h->code);
	return error_set(err, STS_FETCH, word,
	    "%s answers with HTTP status %u", who(h), h->code);
}

static enum sts_status
judge(struct fetch_head *h, struct sts_error *err)
{
	enum sts_status status = fetch_head_code(h, err);

	if (status != STS_OK || (h->code >= 100 && h->code <= 199))
		return status;
	if (!is_good_code(h))
		return error_set(err, STS_FETCH, "http-protocol",
		    "the answer of %s has no HTTP status", who(h));
	h->passed = h->to_post;
	if (h->passed)
		return STS_OK;
	/* RFC 8461 3.2: the media type is text/plain. */
	if (h->types == 0)
		return error_set(err, STS_FETCH, "content-type",
		    "the policy has no Content-Type");
	if (h->types > 1)
		return error_set(err, STS_FETCH, "content-type",
		    "the policy has %u Content-Types", h->types);
	if (!media_is_text_plain(h->type))
		return error_set(err, STS_FETCH, "content-type",
		    "the policy is of type \"%.100s\", not text/plain",
		    h->type);
	if (h->encoded)
		return error_set(err, STS_FETCH, "encoding",
		    "the policy comes in a Content-Encoding not asked for");
	h->passed = true;
	return STS_OK;
}

enum sts_status
fetch_head_line(struct fetch_head *h, const char *p, size_t len,
    struct sts_error *err)
{
	struct scan s;

	if (len > FETCH_HEAD_MAX - h->len)
		return error_set(err, STS_FETCH, "too-large",
		    "the head of the answer exceeds %u bytes", FETCH_HEAD_MAX);
	h->len += len;
	if (h->passed)
		return STS_OK;
	while (len > 0 && is_eol(p[len - 1]))
		len--;
	if (len == 0)
		return judge(h, err);
	s = scan_over(p, len);
	if (take_status_line(h, s))
		return STS_OK;
	if (take_name(&s, "content-type"))
		note_type(h, take_value(&s));
	else if (take_name(&s, "content-encoding"))
		note_encoding(h, take_value(&s));
	else if (take_name(&s, "transfer-encoding"))
		h->chunked = is_just(take_value(&s), "chunked");
	return STS_OK;
}
