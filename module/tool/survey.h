/* SPDX-License-Identifier: GPL-2.0-or-later */
/* survey.h - the cache in numbers, and the policies that somebody should look
 * at. */
#ifndef SURVEY_H
#define SURVEY_H

#include "alert.h"
#include "tool.h"

#define SURVEY_MODES 3
#define SURVEY_SHOWN 5 /* of each kind */

struct survey_item {
	char domain[STS_DOMAIN_MAX + 1];
	enum sts_mode mode;
	int64_t expires;
	int64_t failing_since; /* 0: not failing */
	char word[STS_WORD_MAX + 1];
	bool alert;
	char alert_text[ALERT_TEXT_MAX]; /* "" without */
};

/* The first few, those that end first. */
struct survey_list {
	struct survey_item item[SURVEY_SHOWN];
	size_t n;
};

struct survey {
	int64_t now;
	uint64_t in_force[SURVEY_MODES]; /* by enum sts_mode */
	uint64_t ended;
	uint64_t unused; /* in force, and not renewed any more */
	uint64_t damaged;
	uint64_t failing;
	uint64_t alerts;
	uint64_t urgent; /* of these, less than a day from their end */
	uint64_t absences;
	int64_t oldest_fetch; /* of a policy in force; 0: there is none */
	struct survey_list failures;
	struct survey_list next; /* to end, of what is in force and used */
};

/* As cache_walk(). */
enum sts_status survey_take(struct tool *t, struct survey *s,
    struct sts_error *err) STS_CHECKED;

#endif
