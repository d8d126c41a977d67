/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exceptions.h - the administrator's word on single domains:
 * /etc/exim4/mta-sts.exceptions, one line a domain or .suffix:
 *
 *     example.com   testing  until=2027-01-31  why="ticket 4711"
 *     .example.net  ignore
 *     example.org   mx=mx1.example.org:*.example.net
 *     example.edu   enforce mx=mx.example.edu  until=2027-02-01T12:00:00Z
 *
 * An exact name goes before the longest suffix, the first line before its
 * equals; a line past its `until` counts for nothing. */
#ifndef EXCEPTIONS_H
#define EXCEPTIONS_H

#include <time.h>
#include "config.h"
#include "../protocol/domain.h"

#define EXCEPTION_WHY_MAX 160u /* bytes, printable */

enum exception_kind {
	EXCEPTION_IGNORE, /* as a domain without MTA-STS; nobody is asked */
	EXCEPTION_TESTING, /* enforce becomes testing; nothing is raised */
	EXCEPTION_MX, /* the policy's mx patterns are these */
	EXCEPTION_ENFORCE /* enforce with these mx patterns; nobody is asked */
};

struct exception {
	enum exception_kind kind;
	unsigned line;
	char name[STS_DOMAIN_MAX + 2]; /* ".suffix" or a domain; canonical */
	time_t until; /* 0: for good; else the first second after */
	char why[EXCEPTION_WHY_MAX + 1];
	const char *mx; /* joined by ':'; "" without */
	bool unread; /* out of memory: nobody knows what the line says */
};

struct exceptions;

/* Reads path.  A missing file, or "", is an empty list.  Every broken line is
 * told to problem (may be NULL) and counts for nothing; no other line is
 * touched by it.  *problems (may be NULL) is their number.  NULL when out of
 * memory or of descriptors.  Free with exceptions_free(). */
struct exceptions *exceptions_load(const char *path, config_problem *problem,
    void *arg, unsigned *problems);
void exceptions_free(struct exceptions *x); /* or NULL */

/* The line that counts for domain (canonical) at the time now, or NULL.
 * Borrowed from x. */
const struct exception *exceptions_find(const struct exceptions *x,
    const char *domain, time_t now);
/* Line by line, in the file's order: NULL after the last. */
const struct exception *exceptions_at(const struct exceptions *x, size_t i);

/* "ignore", "testing", "mx", "enforce". */
const char *exception_name(enum exception_kind kind);
/* One line of a file, without its end, into e; mx must have room for
 * strlen(line) + 1 bytes and is what e->mx points to.  False and a reason in
 * why[128] when it is broken. */
bool exception_parse(const char *line, struct exception *e, char *mx,
    char why[128]) STS_CHECKED;
/* The name in its canonical form.  False: neither a domain nor a .suffix. */
bool exception_target(const char *word, char name[STS_DOMAIN_MAX + 2])
    STS_CHECKED;
/* line[len], as it stands in the file, without its end and leading blanks;
 * NULL when it is empty or a comment. */
const char *exception_content(char *line, size_t len);
/* "2027-01-31" (to the end of that day, UTC) or "2027-01-31T12:00:00Z" as the
 * first second after.  False when it is neither. */
bool exception_date(const char *s, time_t *until) STS_CHECKED;

#endif
