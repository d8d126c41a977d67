/* SPDX-License-Identifier: GPL-2.0-or-later */
/* history.c - the last policies of a domain, newest first. */
#include "history.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../protocol/text.h"
#include "tdbfile.h"

#define SIZE_MAX_BYTES (256ull << 20)
/* Of one line: the longest mx list and the fields before it. */
#define LINE_ROOM (STS_BODY_MAX + 128u)

struct history {
	struct tdbfile file;
	char dir[];
};

struct history *
history_new(const char *dir, void (*log)(void *arg, const char *line),
    void *arg)
{
	size_t n = strlen(dir) + 1;
	struct history *h = calloc(1, sizeof *h + n);

	if (h == NULL)
		return NULL;
	memcpy(h->dir, dir, n);
	h->file.dir = h->dir;
	h->file.name = "history.tdb";
	h->file.alert = log;
	h->file.arg = arg;
	return h;
}

void
history_free(struct history *h)
{
	if (h == NULL)
		return;
	tdbfile_close(&h->file);
	free(h);
}

void
history_limit(struct history *h, int64_t deadline)
{
	h->file.deadline = deadline;
}

/* --- one line: "FETCHED-AT MODE MAX-AGE ID MX" ------------------------ */

static bool
is_not_blank(char c)
{
	return c > ' ' && c < 0x7f;
}

/* The next word of s, after which a blank is eaten. */
static struct bytes
take_word(struct scan *s)
{
	struct bytes b = { s->p, 0 };

	b.len = scan_while(s, is_not_blank, scan_left(s));
	(void)scan_literal(s, " ");
	return b;
}

static bool
take_number(struct scan *s, uint64_t max, uint64_t *out)
{
	struct bytes b = take_word(s);
	uint64_t n = 0;

	for (size_t i = 0; i < b.len; i++) {
		if (!ascii_is_digit(b.p[i]) || n > max / 10)
			return false;
		n = n * 10 + (uint64_t)(b.p[i] - '0');
	}
	*out = n;
	return b.len > 0 && n <= max;
}

static bool
read_item(struct scan *s, struct history_item *item)
{
	uint64_t when, max_age;
	struct bytes mode, id;

	if (!take_number(s, (uint64_t)1 << 40, &when))
		return false;
	mode = take_word(s);
	if (!mode_from_name(mode.p, mode.len, &item->mode) ||
	    !take_number(s, STS_AGE_MAX, &max_age))
		return false;
	id = take_word(s);
	if (id.len == 0 || id.len > STS_ID_MAX)
		return false;
	memcpy(item->id, id.p, id.len);
	item->id[id.len] = '\0';
	item->mx = take_word(s);
	item->fetched_at = (int64_t)when;
	item->max_age = (uint32_t)max_age;
	return scan_literal(s, "\n");
}

static void
write_item(struct text *t, const struct entry *e)
{
	text_addf(t, "%lld %s %" PRIu32 " %s ", (long long)e->fetched_at,
	    mode_name(e->mode), e->max_age, e->id);
	text_add_bytes(t, e->mx.p, e->mx.len);
	text_add(t, "\n");
}

/* --- the file --------------------------------------------------------- */

static bool
is_same(const struct history_item *item, const struct entry *e)
{
	return item->mode == e->mode && item->max_age == e->max_age &&
	    strcmp(item->id, e->id) == 0 && item->mx.len == e->mx.len &&
	    memcmp(item->mx.p, e->mx.p, e->mx.len) == 0;
}

/* Appends the first HISTORY_ITEMS - 1 good lines of old. */
static void
copy_lines(struct text *t, struct bytes old)
{
	struct scan s = scan_over(old.p, old.len);
	struct history_item item;
	const char *from = s.p;

	for (unsigned i = 1; i < HISTORY_ITEMS && read_item(&s, &item); i++) {
		text_add_bytes(t, from, (size_t)(s.p - from));
		from = s.p;
	}
}

void
history_add(struct history *h, const char *domain, const struct entry *e)
{
	struct bytes old = { "", 0 };
	struct bytes fresh;
	struct history_item first;
	struct scan s;
	struct text t;
	char *buf;
	enum sts_status status = tdbfile_get(&h->file, domain, &old, NULL);

	if (status != STS_OK && status != STS_MISS)
		return;
	if (status == STS_OK) {
		s = scan_over(old.p, old.len);
		if (read_item(&s, &first) && is_same(&first, e))
			return;
	} else
		old.len = 0;
	buf = malloc(LINE_ROOM + old.len);
	if (buf == NULL)
		return;
	text_init(&t, buf, LINE_ROOM + old.len);
	write_item(&t, e);
	copy_lines(&t, old);
	fresh.p = buf;
	fresh.len = t.len;
	if (!t.full)
		status = tdbfile_put(&h->file, domain, fresh, SIZE_MAX_BYTES,
		    NULL);
	/* What cannot be kept is not kept. */
	(void)status;
	free(buf);
}

enum sts_status
history_read(struct bytes value,
    void (*each)(void *arg, const struct history_item *item), void *arg)
{
	struct scan s = scan_over(value.p, value.len);
	enum sts_status status = STS_MISS;
	struct history_item item;

	while (read_item(&s, &item)) {
		each(arg, &item);
		status = STS_OK;
	}
	return status;
}

enum sts_status
history_each(struct history *h, const char *domain,
    void (*each)(void *arg, const struct history_item *item), void *arg,
    struct sts_error *err)
{
	struct bytes value;
	enum sts_status status = tdbfile_get(&h->file, domain, &value, err);

	return status == STS_OK ? history_read(value, each, arg) : status;
}

enum sts_status
history_forget(struct history *h, const char *domain, struct sts_error *err)
{
	return tdbfile_delete(&h->file, domain, err);
}

enum sts_status
history_clear(struct history *h, struct sts_error *err)
{
	return tdbfile_reset(&h->file, err);
}
