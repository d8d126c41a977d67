/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tlsrpt_lookup.c - the TLSRPT record of a domain, remembered. */
#include "tlsrpt_lookup.h"
#include <stdio.h>
#include <string.h>
#include "../protocol/domain.h"
#include "../store/clock.h"
#include "../store/tdbfile.h"

#define FILE_NAME "tlsrpt.tdb"
#define FILE_MAX (16u << 20) /* bytes; then it begins anew */
#define WAIT_MS 100 /* for others */
#define TIME_LEN 12u /* digits */

static struct tdbfile
file_in(const char *dir)
{
	struct tdbfile f = { .dir = dir, .name = FILE_NAME };

	f.deadline = clock_ms() + WAIT_MS;
	return f;
}

/* A value: until when it is good, a blank, and the record in its canonical
 * spelling, or nothing. */
static bool
read_value(struct bytes value, time_t now, struct tlsrpt_record *out,
    enum sts_status *status)
{
	int64_t until = 0;

	if (value.len < TIME_LEN + 1 || value.p[TIME_LEN] != ' ')
		return false;
	for (size_t i = 0; i < TIME_LEN; i++) {
		if (!ascii_is_digit(value.p[i]))
			return false;
		until = until * 10 + (value.p[i] - '0');
	}
	/* Of a clock that was set back nothing is known. */
	if (now >= until || until > now + TLSRPT_SECONDS_MAX)
		return false;
	*status = tlsrpt_record_parse(value.p + TIME_LEN + 1,
	    value.len - TIME_LEN - 1, out, NULL);
	if (*status != STS_OK)
		*status = STS_ABSENT;
	return true;
}

enum sts_status
tlsrpt_known(const char *dir, const char *domain, time_t now,
    struct tlsrpt_record *out)
{
	struct tdbfile f = file_in(dir);
	enum sts_status status = STS_MISS;
	struct bytes value;

	memset(out, 0, sizeof *out);
	if (tdbfile_get(&f, domain, &value, NULL) != STS_OK ||
	    !read_value(value, now, out, &status))
		status = STS_MISS;
	tdbfile_close(&f);
	return status;
}

static bool
put_value(void *arg, struct bytes old, bool grow, struct bytes *now)
{
	(void)old;
	*now = *(const struct bytes *)arg;
	return grow;
}

static void
remember(const char *dir, const char *domain, int64_t until,
    const struct tlsrpt_record *r)
{
	struct tdbfile f = file_in(dir);
	char room[TIME_LEN + 2 + TLSRPT_TEXT_MAX];
	struct tdbfile_change change = { put_value, NULL, FILE_MAX };
	struct sts_error err;
	struct bytes value;
	struct text t;
	enum sts_status status;

	text_init(&t, room, sizeof room);
	text_addf(&t, "%012lld ", (long long)until);
	if (r->n > 0)
		tlsrpt_record_text(r, &t);
	value.p = room;
	value.len = t.len;
	change.arg = &value;
	status = tdbfile_alter(&f, domain, &change, &err);
	if (status != STS_OK && strcmp(err.word, "cache-full") == 0)
		status = tdbfile_reset(&f, &err);
	/* Who cannot remember asks again. */
	(void)status;
	tdbfile_close(&f);
}

static int64_t
good_for(enum sts_status status, uint32_t ttl)
{
	if (status != STS_OK || ttl > TLSRPT_SECONDS_MAX)
		return TLSRPT_SECONDS_MAX;
	return ttl < TLSRPT_SECONDS_MIN ? TLSRPT_SECONDS_MIN : ttl;
}

enum sts_status
tlsrpt_lookup(const char *dir, const char *domain, time_t now,
    int64_t deadline, struct tlsrpt_record *out, struct sts_error *err)
{
	enum sts_status status = tlsrpt_known(dir, domain, now, out);
	char name[STS_DOMAIN_MAX + 16];
	struct txt_set set = { NULL, 0, 0 };

	if (status == STS_ABSENT)
		return error_set(err, status, "no-record",
		    "known to have no record");
	if (status != STS_MISS)
		return status;
	(void)snprintf(name, sizeof name, "_smtp._tls.%s", domain);
	status = resolve_txt(name, deadline, &set, err);
	if (status == STS_OK) {
		status = tlsrpt_record_select(set.rec, set.n, out, err);
		txt_set_free(&set);
	}
	if (status == STS_OK || status == STS_ABSENT || status == STS_RECORD)
		remember(dir, domain, now + good_for(status, set.ttl), out);
	return status;
}
