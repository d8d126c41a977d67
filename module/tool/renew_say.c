/* SPDX-License-Identifier: GPL-2.0-or-later */
/* renew_say.c - a renewal as the log, people and programs hear of it. */
#include <stdio.h>
#include <syslog.h>
#include "print.h"
#include "renew.h"

void
renew_log(const char *domain, const struct renewal *w)
{
	/* Told by us only: a look-up does not see the text of before. */
	if (w->end == RENEW_CHANGED_SAME_ID)
		syslog(LOG_NOTICE,
		    "MTA-STS: %s: policy changed under the same id (id=%s)",
		    domain, w->id);
	if (w->alert)
		syslog(LOG_WARNING, "MTA-STS: ALERT: %s: %s", domain,
		    w->alert_text);
}

static const char *
name_of(enum renew_end end)
{
	switch (end) {
	case RENEW_SAME:
		return "renewed";
	case RENEW_CHANGED:
		return "changed";
	case RENEW_CHANGED_SAME_ID:
		return "changed-same-id";
	case RENEW_FAILED:
		return "failed";
	case RENEW_BUSY:
		return "busy";
	case RENEW_EXEMPT:
		return "exempt";
	case RENEW_GONE:
		return "gone";
	case RENEW_TROUBLE:
		return "trouble";
	}
	return "trouble";
}

int
renew_json(const char *domain, const struct renewal *w)
{
	struct object o = object_new();

	object_text(&o, "domain", domain);
	object_text(&o, "result", name_of(w->end));
	if (w->id[0] != '\0') {
		object_text(&o, "mode", mode_name(w->mode));
		object_text(&o, "id", w->id);
	}
	object_time(&o, "expires", w->expires);
	if (w->word[0] != '\0') {
		object_text(&o, "reason", w->word);
		object_text(&o, "error", w->text);
	}
	if (w->alert)
		object_text(&o, "alert", w->alert_text);
	return object_print(&o);
}

void
renew_print(const char *domain, const struct renewal *w)
{
	char end[PRINT_RELATIVE_MAX];

	(void)printf("%s: %s", domain,
	    w->end == RENEW_CHANGED_SAME_ID ? "changed under the same id"
					    : name_of(w->end));
	if (w->word[0] != '\0')
		(void)printf(": %s (%s)", w->text, w->word);
	if (w->id[0] != '\0') {
		print_relative(w->expires, time(NULL), end);
		(void)printf("; %s, %s %s", mode_name(w->mode),
		    w->expires > time(NULL) ? "ends" : "ended", end);
	}
	(void)putchar('\n');
}
