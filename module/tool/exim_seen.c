/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exim_seen.c - the Exim of this host, as it tells of itself. */
#include "exim_seen.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../net/child.h"
#include "../protocol/scan.h"
#include "../store/clock.h"
#include "../store/owner.h"
#include "program.h"

#define LIMIT_MS 5000 /* for one question */
#define ANSWER_MAX 262144u
#define WHY_MAX 1024u
#define RULE_MAX 512u
#define NOBODY 65534

static const char *const routers[] = { "mta_sts_lookup", "mta_sts_enforce",
	"mta_sts_refused", "mta_sts_testing", NULL };
static const char *const transports[] = { "mta_sts_smtp",
	"mta_sts_testing_smtp", NULL };
#define REPORT_WAY "mta_sts_report_smtp"

/* Debian's: there, and not read where the configuration is a single file. */
#define DROP_IN "/etc/exim4/conf.d/router/190_mta-sts"

const char *
exim_word(enum seen seen)
{
	static const char *const words[] = { "no", "yes", "unknown" };

	return words[seen];
}

/* What it prints when it is asked, in room[ANSWER_MAX]; false when that takes
 * too long.  *code is its exit code. */
static bool
ask(const struct tool *t, const char *const *argv, char *room,
    struct bytes *answer, int *code)
{
	struct child_end end;
	char why[WHY_MAX];
	struct child c = { .argv = argv,
		.deadline = clock_ms() + LIMIT_MS,
		.out = room,
		.out_cap = ANSWER_MAX,
		.why = why,
		.why_cap = sizeof why };

	if (owner_of(t->config.cache_dir, &c.uid, &c.gid, NULL) != STS_OK ||
	    c.uid == 0)
		c.uid = c.gid = NOBODY;
	if (child_run(&c, &end, NULL) != STS_OK || end.timed_out)
		return false;
	answer->p = room;
	answer->len = end.out_len;
	*code = end.exit_code;
	return true;
}

/* Whether one of the words of text is word; *at (may be NULL) is behind it. */
static bool
has_word(struct bytes text, const char *word, const char **at)
{
	size_t n = strlen(word);
	const char *p = text.p, *end = text.p + text.len;

	while (p < end) {
		const char *begin;

		while (p < end && (*p == ' ' || *p == '\n'))
			p++;
		begin = p;
		while (p < end && *p != ' ' && *p != '\n')
			p++;
		if ((size_t)(p - begin) == n && memcmp(begin, word, n) == 0) {
			if (at != NULL)
				*at = p;
			return true;
		}
	}
	return false;
}

static bool
is_version_char(char c)
{
	return ascii_is_alnum(c) || c == '.' || c == '_' || c == '-';
}

/* "Exim version 4.96 #2 built ..." */
static void
read_version(struct bytes text, char *out, size_t room)
{
	const char *at;
	struct scan s;
	struct text t;

	if (!has_word(text, "version", &at))
		return;
	s = scan_over(at, (size_t)(text.p + text.len - at));
	scan_wsp(&s);
	at = s.p;
	text_init(&t, out, room);
	text_add_bytes(&t, at, scan_while(&s, is_version_char, room - 1));
}

static void
ask_version(const struct tool *t, struct exim_seen *x, char *room)
{
	const char *argv[] = { x->path, "-bV", NULL };
	struct bytes text;
	int code; /* not 0 where the configuration is bad, say */

	if (!ask(t, argv, room, &text, &code))
		return;
	read_version(text, x->version, sizeof x->version);
	if (x->version[0] != '\0')
		x->dlfunc = has_word(text, "Expand_dlfunc", NULL) ? SEEN_YES
								  : SEEN_NO;
}

static enum seen
ask_list(const struct tool *t, struct exim_seen *x, const char *what,
    const char *const *names, char *room)
{
	const char *argv[] = { x->path, "-bP", what, NULL };
	struct bytes text;
	int code;

	if (!ask(t, argv, room, &text, &code) || code != 0) {
		(void)snprintf(x->why, sizeof x->why,
		    "%s -bP %s does not answer: see what %s -bV says", x->path,
		    what, x->path);
		return SEEN_UNKNOWN;
	}
	for (; *names != NULL; names++) {
		if (has_word(text, *names, NULL))
			continue;
		(void)snprintf(x->why, sizeof x->why,
		    access(DROP_IN, F_OK) == 0
			? "%s is not in Exim's %s, though " DROP_IN
			  " is there: run mta-sts setup"
			: "%s is not in Exim's %s: run mta-sts setup",
		    *names, what);
		return SEEN_NO;
	}
	return SEEN_YES;
}

/* The retry rule for a host of any name; error may be NULL: for the rest. */
static bool
ask_rule(const struct tool *t, const struct exim_seen *x, const char *error,
    char rule[RULE_MAX], char *room)
{
	const char *argv[] = { x->path, "-brt", "mta-sts.invalid", error,
		NULL };
	struct bytes text;
	struct text out;
	int code;

	if (!ask(t, argv, room, &text, &code) || code != 0)
		return false;
	text_init(&out, rule, RULE_MAX);
	text_add_bytes(&out, text.p, text.len);
	return true;
}

/* Exim does not say which error a rule is for. */
static enum seen
ask_retry(const struct tool *t, const struct exim_seen *x, char *room)
{
	char usual[RULE_MAX], ours[RULE_MAX];

	if (!ask_rule(t, x, NULL, usual, room) ||
	    !ask_rule(t, x, "tls_required", ours, room))
		return SEEN_UNKNOWN;
	return strcmp(usual, ours) == 0 ? SEEN_NO : SEEN_YES;
}

/* Whether the line "NAME = VALUE" of text has a value. */
static bool
has_value(struct bytes text, const char *name)
{
	struct scan s = scan_over(text.p, text.len);

	while (!scan_done(&s)) {
		bool found = scan_literal(&s, name) && scan_literal(&s, " =");

		scan_wsp(&s);
		if (found)
			return !scan_done(&s) && *s.p != '\n';
		while (!scan_done(&s) && !scan_literal(&s, "\n"))
			s.p++;
	}
	return false;
}

/* RFC 8460 3: who gets a report believes none that is not signed. */
static void
ask_signing(const struct tool *t, struct exim_seen *x, char *room)
{
	const struct config_tlsrpt *c = &t->config.tlsrpt;
	const char *argv[] = { x->path, "-bP", "transport", REPORT_WAY, NULL };
	struct bytes text;
	int code;

	if (c->contact[0] == '\0' || !c->db || c->signed_elsewhere ||
	    !ask(t, argv, room, &text, &code))
		return;
	if (code == 0) {
		x->report_way = SEEN_YES;
		x->signs = has_value(text, "dkim_private_key") ? SEEN_YES
							       : SEEN_NO;
	} else if (has_word(text, REPORT_WAY, NULL) &&
	    has_word(text, "found", NULL)) {
		x->report_way = SEEN_NO;
		x->signs = SEEN_NO;
	}
}

static void
ask_all(const struct tool *t, struct exim_seen *x, char *room)
{
	ask_version(t, x, room);
	x->active = ask_list(t, x, "router_list", routers, room);
	if (x->active == SEEN_YES)
		x->active =
		    ask_list(t, x, "transport_list", transports, room);
	if (x->active == SEEN_YES)
		x->retry = ask_retry(t, x, room);
	ask_signing(t, x, room);
}

void
exim_look(const struct tool *t, struct exim_seen *x)
{
	char *room;

	memset(x, 0, sizeof *x);
	x->active = SEEN_UNKNOWN;
	x->dlfunc = SEEN_UNKNOWN;
	x->retry = SEEN_UNKNOWN;
	x->report_way = SEEN_UNKNOWN;
	x->signs = SEEN_UNKNOWN;
	x->module = access(MTA_STS_SO, R_OK) == 0 ? SEEN_YES : SEEN_NO;
	x->path = program_exim();
	if (x->path == NULL) {
		(void)snprintf(x->why, sizeof x->why, "no Exim found");
		return;
	}
	room = malloc(ANSWER_MAX);
	if (room != NULL)
		ask_all(t, x, room);
	free(room);
}
