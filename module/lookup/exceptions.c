/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exceptions.c - the administrator's word on single domains. */
#include "exceptions.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../protocol/policy.h"
#include "../protocol/scan.h"
#include "../protocol/text.h"

#define LINE_MAX_BYTES 4096

struct exceptions {
	struct exception **e;
	size_t n;
};

const char *
exception_name(enum exception_kind kind)
{
	switch (kind) {
	case EXCEPTION_IGNORE:
		return "ignore";
	case EXCEPTION_TESTING:
		return "testing";
	case EXCEPTION_MX:
		return "mx";
	case EXCEPTION_ENFORCE:
		break;
	}
	return "enforce";
}

/* --- one line ------------------------------------------------------------ */

static bool
broken(char why[128], const char *what, const char *which)
{
	struct text t;

	text_init(&t, why, 128);
	text_add(&t, what);
	if (which != NULL && which[0] != '\0') {
		text_add(&t, ": ");
		text_add_foreign(&t, which, strlen(which), 60);
	}
	return false;
}

/* Exactly n digits as a number; -1 when they are not. */
static int
digits(const char *s, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++) {
		if (!ascii_is_digit(s[i]))
			return -1;
		value = value * 10 + (s[i] - '0');
	}
	return value;
}

static bool
read_clock(const char *s, struct tm *tm)
{
	if (strlen(s) != 10 || s[0] != 'T' || s[3] != ':' || s[6] != ':' ||
	    s[9] != 'Z')
		return false;
	tm->tm_hour = digits(s + 1, 2);
	tm->tm_min = digits(s + 4, 2);
	tm->tm_sec = digits(s + 7, 2);
	return tm->tm_hour >= 0 && tm->tm_hour < 24 && tm->tm_min >= 0 &&
	    tm->tm_min < 60 && tm->tm_sec >= 0 && tm->tm_sec < 60;
}

bool
exception_date(const char *s, time_t *until)
{
	struct tm tm = { 0 };
	struct tm back;
	time_t t;

	/* Not 1970: its first second would be 0, which means "for good". */
	if (strlen(s) < 10 || s[4] != '-' || s[7] != '-' ||
	    digits(s, 4) <= 1970 || digits(s + 5, 2) < 1 ||
	    digits(s + 8, 2) < 1)
		return false;
	tm.tm_year = digits(s, 4) - 1900;
	tm.tm_mon = digits(s + 5, 2) - 1;
	tm.tm_mday = digits(s + 8, 2);
	if (s[10] != '\0' && !read_clock(s + 10, &tm))
		return false;
	t = timegm(&tm);
	/* timegm() would make March of February the 31st. */
	if (gmtime_r(&t, &back) == NULL || back.tm_mday != digits(s + 8, 2) ||
	    back.tm_mon != digits(s + 5, 2) - 1)
		return false;
	*until = s[10] == '\0' ? t + 86400 : t;
	return true;
}

static enum sts_status
read_target(const char *word, char name[STS_DOMAIN_MAX + 2])
{
	size_t dot = word[0] == '.' ? 1 : 0;

	name[0] = '.';
	return domain_canon(word + dot, name + dot, NULL);
}

bool
exception_target(const char *word, char name[STS_DOMAIN_MAX + 2])
{
	return read_target(word, name) == STS_OK;
}

/* Patterns as a policy has them, so that the policy's parser is the judge. */
static bool
read_mx(const char *value, struct exception *e, char *mx, char why[128])
{
	char body[LINE_MAX_BYTES * 6];
	struct policy *p = NULL;
	enum sts_status status;
	struct text t;
	bool good;

	text_init(&t, body, sizeof body);
	text_add(&t, "version: STSv1\nmode: enforce\nmax_age: 1\nmx: ");
	for (const char *c = value; *c != '\0'; c++) {
		if (*c == ':')
			text_add(&t, "\nmx: ");
		else
			text_add_bytes(&t, c, 1);
	}
	status = policy_parse(body, t.len, &p, NULL);
	e->unread = status == STS_NOMEM;
	good = !t.full && status == STS_OK &&
	    (p->findings & FINDING_MX_DROPPED) == 0 &&
	    strlen(p->mx) <= strlen(value);
	if (good) {
		memcpy(mx, p->mx, strlen(p->mx) + 1);
		e->mx = mx;
	}
	policy_free(p);
	return good || broken(why, "not mx patterns joined by ':'", value);
}

static bool
read_why(char *value, struct exception *e, char why[128])
{
	struct text t;

	if (strlen(value) > EXCEPTION_WHY_MAX)
		return broken(why, "why is too long", NULL);
	text_init(&t, e->why, sizeof e->why);
	text_add_foreign(&t, value, strlen(value), EXCEPTION_WHY_MAX);
	return true;
}

/* Cuts the next word off *rest; a value in double quotes may hold blanks.
 * NULL at the end; an empty word when a quote stays open. */
static char *
next_word(char **rest)
{
	char *out, *word, *p = *rest;
	bool quoted = false;

	while (scan_is_wsp(*p))
		p++;
	if (*p == '\0')
		return NULL;
	word = out = p;
	for (; *p != '\0' && (quoted || !scan_is_wsp(*p)); p++) {
		if (*p == '"')
			quoted = !quoted;
		else
			*out++ = *p;
	}
	*rest = *p == '\0' ? p : p + 1;
	if (quoted)
		out = word;
	*out = '\0';
	return word;
}

struct seen {
	bool kind, mx, until, why;
};

static bool
take_word(char *word, struct exception *e, char *mx, struct seen *seen,
    char why[128])
{
	bool kind = true;

	if (strcmp(word, "ignore") == 0)
		e->kind = EXCEPTION_IGNORE;
	else if (strcmp(word, "testing") == 0)
		e->kind = EXCEPTION_TESTING;
	else if (strcmp(word, "enforce") == 0)
		e->kind = EXCEPTION_ENFORCE;
	else
		kind = false;
	if (kind && seen->kind)
		return broken(why, "a second action", word);
	seen->kind = seen->kind || kind;
	if (kind)
		return true;
	if (strncmp(word, "mx=", 3) == 0 && !seen->mx) {
		seen->mx = true;
		return read_mx(word + 3, e, mx, why);
	}
	if (strncmp(word, "until=", 6) == 0 && !seen->until) {
		seen->until = true;
		return exception_date(word + 6, &e->until) ||
		    broken(why, "not a date such as 2027-01-31", word + 6);
	}
	if (strncmp(word, "why=", 4) == 0 && !seen->why) {
		seen->why = true;
		return read_why(word + 4, e, why);
	}
	return broken(why, "not understood", word);
}

static bool
is_whole(struct exception *e, const struct seen *seen, char why[128])
{
	if (!seen->kind && !seen->mx)
		return broken(why, "no action", NULL);
	if (!seen->kind)
		e->kind = EXCEPTION_MX;
	if (e->kind == EXCEPTION_ENFORCE && !seen->mx)
		return broken(why, "enforce needs mx=", NULL);
	if (e->kind != EXCEPTION_ENFORCE && e->kind != EXCEPTION_MX && seen->mx)
		return broken(why, "mx= goes alone or with enforce", NULL);
	return true;
}

/* A line's end in the middle of it, say: nobody means that. */
static bool
has_control(const char *line)
{
	for (; *line != '\0'; line++)
		if (*line != '\t' &&
		    ((unsigned char)*line < ' ' || *line == 0x7f))
			return true;
	return false;
}

bool
exception_parse(const char *line, struct exception *e, char *mx,
    char why[128])
{
	char copy[LINE_MAX_BYTES];
	char *rest = copy;
	char *word;
	struct seen seen = { 0 };
	enum sts_status status;

	memset(e, 0, sizeof *e);
	e->mx = "";
	if (strlen(line) >= sizeof copy)
		return broken(why, "line too long", NULL);
	if (has_control(line))
		return broken(why, "a control character", line);
	memcpy(copy, line, strlen(line) + 1);
	word = next_word(&rest);
	if (word == NULL)
		return broken(why, "empty", NULL);
	status = read_target(word, e->name);
	e->unread = status == STS_NOMEM;
	if (status != STS_OK)
		return broken(why, "not a domain or .suffix", word);
	while ((word = next_word(&rest)) != NULL)
		if (!take_word(word, e, mx, &seen, why))
			return false;
	return is_whole(e, &seen, why);
}

/* --- the file ------------------------------------------------------------ */

/* Keeps a copy of e, its mx behind it.  False when out of memory. */
static bool
append(struct exceptions *x, const struct exception *e)
{
	size_t mx_len = strlen(e->mx) + 1;
	struct exception **more =
	    realloc(x->e, (x->n + 1) * sizeof(struct exception *));
	struct exception *copy;

	if (more == NULL)
		return false;
	x->e = more;
	copy = malloc(sizeof *copy + mx_len);
	if (copy == NULL)
		return false;
	*copy = *e;
	memcpy(copy + 1, e->mx, mx_len);
	copy->mx = (const char *)(copy + 1);
	x->e[x->n++] = copy;
	return true;
}

struct source {
	config_problem *tell;
	void *arg;
	unsigned line; /* 0: the file as a whole */
	unsigned problems;
};

static void
complain(struct source *s, const char *what)
{
	s->problems++;
	if (s->tell != NULL)
		s->tell(s->arg, s->line, what);
}

const char *
exception_content(char *line, size_t len)
{
	if (len > 0 && line[len - 1] == '\n')
		line[--len] = '\0';
	if (len > 0 && line[len - 1] == '\r')
		line[--len] = '\0';
	while (scan_is_wsp(*line))
		line++;
	return *line == '\0' || *line == '#' ? NULL : line;
}

/* False: out of memory. */
static bool
read_line(char *line, size_t len, struct exceptions *x, struct source *s)
{
	char mx[LINE_MAX_BYTES];
	char why[128];
	struct exception e;
	const char *text;

	/* What comes after it nobody would see. */
	if (memchr(line, '\0', len) != NULL) {
		complain(s, "a NUL byte");
		return true;
	}
	text = exception_content(line, len);
	if (text == NULL)
		return true;
	if (!exception_parse(text, &e, mx, why)) {
		complain(s, e.unread ? "out of memory" : why);
		return !e.unread;
	}
	e.line = s->line;
	return append(x, &e);
}

static bool
read_lines(FILE *in, struct exceptions *x, struct source *s)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	bool good = true;

	while (good && (len = getline(&line, &cap, in)) >= 0) {
		s->line++;
		good = read_line(line, (size_t)len, x, s);
	}
	free(line);
	s->line = 0;
	if (good && ferror(in))
		complain(s, "cannot be read");
	/* No memory for a line is no end of the file either. */
	return good && (feof(in) || ferror(in));
}

/* Ours, for now, and not the file's. */
static bool
is_shortage(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE;
}

struct exceptions *
exceptions_load(const char *path, config_problem *problem, void *arg,
    unsigned *problems)
{
	struct exceptions *x = calloc(1, sizeof *x);
	struct source s = { problem, arg, 0, 0 };
	int error = 0;
	FILE *in;

	if (x == NULL)
		return NULL;
	in = path[0] == '\0' ? NULL : fopen(path, "re");
	if (in == NULL && path[0] != '\0')
		error = errno;
	if (error != 0 && error != ENOENT)
		complain(&s, strerror(error));
	/* Nobody knows then what the administrator enforces. */
	if (is_shortage(error) || (in != NULL && !read_lines(in, x, &s))) {
		exceptions_free(x);
		x = NULL;
	}
	if (in != NULL)
		(void)fclose(in);
	if (problems != NULL)
		*problems = s.problems;
	return x;
}

void
exceptions_free(struct exceptions *x)
{
	if (x == NULL)
		return;
	for (size_t i = 0; i < x->n; i++)
		free(x->e[i]);
	free(x->e);
	free(x);
}

const struct exception *
exceptions_at(const struct exceptions *x, size_t i)
{
	return i < x->n ? x->e[i] : NULL;
}

/* How well a name fits: 0 not at all, a suffix by its length, the domain
 * itself better than any suffix. */
static size_t
fit(const char *name, const char *domain)
{
	size_t n = strlen(name);
	size_t d = strlen(domain);

	if (name[0] != '.')
		return strcmp(name, domain) == 0 ? STS_DOMAIN_MAX + 2 : 0;
	return d > n && strcmp(domain + d - n, name) == 0 ? n : 0;
}

const struct exception *
exceptions_find(const struct exceptions *x, const char *domain, time_t now)
{
	const struct exception *best = NULL;
	size_t best_fit = 0;

	for (size_t i = 0; i < x->n; i++) {
		const struct exception *e = x->e[i];
		size_t f = fit(e->name, domain);

		if (f > best_fit && (e->until == 0 || now < e->until)) {
			best = e;
			best_fit = f;
		}
	}
	return best;
}
