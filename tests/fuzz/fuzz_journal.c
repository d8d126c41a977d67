/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_journal.c - a journal of any bytes, and one whole record behind them:
 * what is given lies inside, and that record is found once. */
#include "fuzz.h"
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../../module/report/dayvalue.h"
#include "../../module/report/journal.h"

#define DOMAIN "last.test"

struct seen {
	uint64_t size;
	uint64_t before; /* where the one before has ended */
	unsigned last; /* how often the last one was given */
};

static bool
look(void *arg, const struct journal_record *r, bool *valid)
{
	static char raw[JOURNAL_TEXT_MAX];
	static struct dayvalue v;
	struct seen *s = arg;

	HOLD(r->end <= s->size && r->end >= r->len);
	HOLD(r->len <= JOURNAL_TEXT_MAX);
	HOLD(strlen(r->domain) > 0);
	memcpy(raw, r->text, r->len);
	*valid = dayvalue_read(raw, r->len, r->domain, &v);
	if (!*valid)
		return true;
	/* Each whole one once, in order. */
	HOLD(r->end > s->before);
	s->before = r->end;
	if (r->end == s->size && strcmp(r->domain, DOMAIN) == 0)
		s->last++;
	return true;
}

static void
put(int fd, const void *p, size_t n)
{
	HOLD(write(fd, p, n) == (ssize_t)n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct verdict v = { .domain = DOMAIN,
		.policy = { REPORT_NO_POLICY, DOMAIN, "", "" },
		.success = true };
	struct seen seen = { 0, 0, 0 };
	char text[400], head[64];
	uint64_t from = 0, again;
	size_t len;
	struct text t;
	int fd = memfd_create("journal", MFD_CLOEXEC);

	HOLD(fd >= 0);
	HOLD(dayvalue_of(&v, text, sizeof text, &len));
	text_init(&t, head, sizeof head);
	text_addf(&t, "\n>" DOMAIN " %zu\n", len);
	put(fd, data, size);
	put(fd, head, t.len);
	put(fd, text, len);
	seen.size = size + t.len + len;
	HOLD(journal_each(fd, &from, look, &seen, NULL) == STS_OK);
	HOLD(seen.last == 1);
	HOLD(from <= seen.size);
	/* From there on there is nothing more. */
	again = from;
	seen.last = 0;
	HOLD(journal_each(fd, &again, look, &seen, NULL) == STS_OK);
	HOLD(seen.last == 0 && again >= from);
	(void)close(fd);
	return 0;
}
