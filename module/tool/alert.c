/* SPDX-License-Identifier: GPL-2.0-or-later */
/* alert.c - policies that are not renewed and will run out. */
#include "alert.h"
#include "../protocol/text.h"
#include "print.h"

#define DAY INT64_C(86400) /* seconds */
#define FAILING_LONG (2 * DAY)
#define NEGLECTED (2 * DAY) /* since the last fetch, and nobody tried */
#define UNUSED (180 * DAY)

/* Less than a quarter of its time, or three days that are less than half of
 * it. */
static bool
ends_soon(const struct entry *e, int64_t now)
{
	int64_t left = entry_expires(e) - now;
	int64_t half = (int64_t)e->max_age / 2;

	return left < (int64_t)e->max_age / 4 ||
	    left < (half < 3 * DAY ? half : 3 * DAY);
}

bool
alert_is_unused(const struct entry *e, int64_t now)
{
	return e->used_at > 0 && now - e->used_at > UNUSED;
}

bool
alert_is_due(const struct entry *e, int64_t now)
{
	/* 8.3: "none" is how a domain takes its policy away. */
	if (e->kind != ENTRY_POLICY || e->mode == STS_NONE ||
	    alert_is_unused(e, now))
		return false;
	if (e->trial.failing_since == 0)
		return now - e->fetched_at > NEGLECTED && ends_soon(e, now);
	return now - e->trial.failing_since > FAILING_LONG || ends_soon(e, now);
}

void
alert_text(const struct entry *e, int64_t now, char out[ALERT_TEXT_MAX])
{
	bool failing = e->trial.failing_since > 0;
	int64_t since = failing ? e->trial.failing_since : e->fetched_at;
	char from[PRINT_ISO_MAX], end[PRINT_ISO_MAX];
	struct text t;

	print_iso(since, from);
	print_iso(entry_expires(e), end);
	text_init(&t, out, ALERT_TEXT_MAX);
	text_addf(&t, "%s policy %s %s", mode_name(e->mode),
	    failing ? "cannot be renewed since" : "was not renewed since",
	    from);
	if (failing)
		text_addf(&t, " (%s)", e->trial.failed_word);
	text_addf(&t, "; it %s %s", entry_expires(e) > now ? "ends" : "ended",
	    end);
}
