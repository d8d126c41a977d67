/* SPDX-License-Identifier: GPL-2.0-or-later */
/* standing.h - how it all stands: what `mta-sts status` tells, in four ways. */
#ifndef STANDING_H
#define STANDING_H

#include "exim_seen.h"
#include "print.h"
#include "report_seen.h"
#include "survey.h"

#define EXCEPTIONS_SHOWN 5

struct ending {
	char name[STS_DOMAIN_MAX + 2];
	int64_t until;
};

struct standing {
	const struct tool *tool;
	struct survey survey;
	/* Why there is none; STS_OK when there is. */
	struct sts_error trouble;
	bool lacks_permission;
	uint64_t bytes; /* of policies.tdb */
	uint64_t absent_bytes; /* of absent.tdb */
	int64_t saved_at; /* the last good copy; 0: none */
	enum sts_status check; /* of --check-file: STS_OK, STS_DAMAGED, else
				  nobody knows */
	bool set_aside; /* a damaged file is there */
	/* The last refresh. */
	json_t *refresh; /* NULL: never */
	int64_t refreshed_at;
	struct exim_seen exim;
	struct report_seen reports;
	unsigned config_errors;
	unsigned exceptions;
	unsigned exception_errors;
	unsigned ending; /* exceptions, within days */
	struct ending ends[EXCEPTIONS_SHOWN];
};

#define REFRESH_LATE 172800 /* seconds: two days */

static inline bool
standing_refresh_is_late(const struct standing *s)
{
	return s->survey.now - s->refreshed_at > REFRESH_LATE;
}

/* A number of the last refresh; 0 when it is not there. */
int64_t standing_number(const struct standing *s, const char *key);

/* standing_say.c: one screen; exit code. */
int standing_print(const struct standing *s) STS_CHECKED;
int standing_json(const struct standing *s) STS_CHECKED;
/* standing_watch.c: for monitoring. */
int standing_check(const struct standing *s) STS_CHECKED;
int standing_prometheus(const struct standing *s) STS_CHECKED;

#endif
