/* SPDX-License-Identifier: GPL-2.0-or-later */
/* policy.c - the policy text of RFC 8461 3.2. */
#include "policy.h"
#include <stdlib.h>
#include "domain.h"
#include "scan.h"
#include "text.h"

#define AGE_DIGITS_MAX 10u /* 1*10(DIGIT) */
#define SHOWN_MAX 60 /* bytes of a line that an error shows */

struct line {
	struct bytes text; /* without its end */
	unsigned no; /* from 1; blank ones count */
};

struct reading {
	struct policy *p;
	struct text mx; /* over p->mx */
	struct line line;
	struct line bad_mx; /* the first malformed one; no 0: none */
	unsigned lines; /* that were not blank */
	unsigned seen; /* bits: indices of fields[] */
};

static const char *const mode_names[] = {
	[STS_NONE] = "none",
	[STS_TESTING] = "testing",
	[STS_ENFORCE] = "enforce",
};
#define MODES_ALL (sizeof mode_names / sizeof mode_names[0])

static const char *const finding_names[FINDINGS_ALL] = { "bom", "blank-line",
	"final-dot", "max-age-capped", "mx-dropped", "duplicate" };

const char *
mode_name(enum sts_mode mode)
{
	return mode_names[mode];
}

static bool
is_word(struct bytes b, const char *word)
{
	return b.len == strlen(word) && memcmp(b.p, word, b.len) == 0;
}

bool
mode_from_name(const char *p, size_t len, enum sts_mode *mode)
{
	struct bytes name = { p, len };

	for (unsigned i = 0; i < MODES_ALL; i++) {
		if (is_word(name, mode_names[i])) {
			*mode = (enum sts_mode)i;
			return true;
		}
	}
	return false;
}

const char *
finding_name(unsigned i)
{
	return finding_names[i];
}

void
policy_free(struct policy *policy)
{
	free(policy);
}

/* The values.  Each says whether the value is one of its field. */

/* %s"STSv1" */
static bool
take_version(struct reading *r, struct bytes value)
{
	(void)r;
	return is_word(value, "STSv1");
}

/* %s"testing" / %s"enforce" / %s"none" */
static bool
take_mode(struct reading *r, struct bytes value)
{
	return mode_from_name(value.p, value.len, &r->p->mode);
}

/* 1*10(DIGIT) */
static bool
take_max_age(struct reading *r, struct bytes value)
{
	uint64_t age = 0;

	if (value.len == 0 || value.len > AGE_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < value.len; i++) {
		if (!ascii_is_digit(value.p[i]))
			return false;
		age = age * 10 + (uint64_t)(value.p[i] - '0');
	}
	/* RFC 8461 3.2: the maximum is 31557600, though the grammar lets more
	 * be written.  Refusing the policy would protect nobody. */
	if (age > STS_AGE_MAX) {
		age = STS_AGE_MAX;
		r->p->findings |= FINDING_MAX_AGE;
	}
	r->p->max_age = (uint32_t)age;
	return true;
}

/* ["*."] Domain */
static bool
is_pattern(struct bytes value)
{
	struct scan s = scan_over(value.p, value.len);

	(void)scan_literal(&s, "*.");
	return domain_is_ldh(s.p, scan_left(&s));
}

/* A malformed one is remembered and left out: whether that does depends on
 * what else the policy holds. */
static bool
take_mx(struct reading *r, struct bytes value)
{
	/* The grammar knows no final dot, but it can mean one thing only. */
	bool dot = value.len > 0 && value.p[value.len - 1] == '.';

	if (dot)
		value.len--;
	if (!is_pattern(value)) {
		if (r->bad_mx.no == 0)
			r->bad_mx = r->line;
		return true;
	}
	if (dot)
		r->p->findings |= FINDING_FINAL_DOT;
	if (r->p->mx_count++ > 0)
		text_add(&r->mx, ":");
	for (size_t i = 0; i < value.len; i++) {
		char c = ascii_lower(value.p[i]);

		text_add_bytes(&r->mx, &c, 1);
	}
	return true;
}

static const struct field {
	const char *name;
	bool (*take)(struct reading *r, struct bytes value);
	const char *missing; /* err->word; NULL: may be missing, or repeated */
	const char *bad; /* err->word for a foreign value ... */
	const char *why; /* ... and what is wrong with it */
} fields[] = {
	{ "version", take_version, "policy-no-version", "policy-version",
	    "not STSv1" },
	{ "mode", take_mode, "policy-no-mode", "policy-mode",
	    "none of enforce, testing, none" },
	{ "max_age", take_max_age, "policy-no-max-age", "policy-max-age",
	    "not 1 to 10 digits" },
	{ "mx", take_mx, NULL, "policy-mx", "no host name, nor *.DOMAIN" },
};
#define FIELDS_ALL (sizeof fields / sizeof fields[0])
#define FIELD_MX (FIELDS_ALL - 1)

static enum sts_status
refuse_line(const struct line *line, const char *word, const char *why,
    struct sts_error *err)
{
	size_t n = line->text.len < SHOWN_MAX ? line->text.len : SHOWN_MAX;

	return error_set(err, STS_POLICY, word, "line %u: %s: \"%.*s\"",
	    line->no, why, (int)n, line->text.p);
}

/* sts-policy-vchar = %x21-7E / UTF8-2 / UTF8-3 / UTF8-4, the latter as RFC
 * 3629 4 has them: no overlong forms, no surrogates, nothing past U+10FFFF. */
static const struct vchar {
	unsigned char first, last; /* range of its first byte ... */
	unsigned char low, high; /* ... of its second ... */
	size_t len; /* ... the others are 80 to BF */
} vchars[] = {
	{ 0x21, 0x7e, 0, 0, 1 },
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

static bool
is_vchar(const unsigned char *c, size_t left, const struct vchar *v)
{
	if (c[0] < v->first || c[0] > v->last || v->len > left)
		return false;
	if (v->len > 1 && (c[1] < v->low || c[1] > v->high))
		return false;
	for (size_t i = 2; i < v->len; i++)
		if (c[i] < 0x80 || c[i] > 0xbf)
			return false;
	return true;
}

/* Bytes of the vchar at the cursor; 0: there is none. */
static size_t
vchar_length(const struct scan *s)
{
	const unsigned char *c = (const unsigned char *)s->p;

	for (size_t i = 0; i < sizeof vchars / sizeof vchars[0]; i++)
		if (is_vchar(c, scan_left(s), &vchars[i]))
			return vchars[i].len;
	return 0;
}

/* vchar [*(SP / vchar) vchar]; blanks at either end are gone already. */
static bool
is_ext_value(struct bytes value)
{
	struct scan s = scan_over(value.p, value.len);
	size_t n;

	while (!scan_done(&s)) {
		n = *s.p == ' ' ? 1 : vchar_length(&s);
		if (n == 0)
			return false;
		s.p += n;
	}
	return value.len > 0;
}

/* name ":" *WSP value *WSP; nothing is said about the value yet.  RFC 8461
 * 3.2 has no blank before the name, nor between it and the colon. */
static bool
split_line(struct bytes line, struct bytes *name, struct bytes *value)
{
	struct scan s = scan_over(line.p, line.len);

	name->p = s.p;
	name->len = scan_name(&s);
	if (name->len == 0 || !scan_literal(&s, ":"))
		return false;
	scan_wsp(&s);
	while (!scan_done(&s) && scan_is_wsp(s.end[-1]))
		s.end--;
	value->p = s.p;
	value->len = scan_left(&s);
	return true;
}

/* RFC 8461 3.2: of fields other than mx all but the first are ignored, be
 * their values good or bad.  The grammar would let "mode: x" pass for an
 * extension; we take a known name with a foreign value for a mistake. */
static enum sts_status
read_known(struct reading *r, unsigned i, struct bytes value,
    struct sts_error *err)
{
	if (fields[i].missing != NULL && (r->seen & 1u << i) != 0) {
		r->p->findings |= FINDING_DUPLICATE;
		return STS_OK;
	}
	r->seen |= 1u << i;
	if (fields[i].take(r, value))
		return STS_OK;
	return refuse_line(&r->line, fields[i].bad, fields[i].why, err);
}

static enum sts_status
read_line(struct reading *r, struct sts_error *err)
{
	struct bytes name;
	struct bytes value;

	if (!split_line(r->line.text, &name, &value))
		return refuse_line(&r->line, "policy-line", "not a field", err);
	for (unsigned i = 0; i < FIELDS_ALL; i++)
		if (is_word(name, fields[i].name))
			return read_known(r, i, value, err);
	/* RFC 8461 3.2: unknown fields are ignored if they are well-formed. */
	if (is_ext_value(value))
		return STS_OK;
	return refuse_line(&r->line, "policy-extension",
	    "no value, or characters that none may have", err);
}

/* LF / CRLF; a CR elsewhere stays in the line, where nothing permits it. */
static struct bytes
take_line(struct scan *s)
{
	struct bytes line = { s->p, scan_left(s) };
	const char *lf = memchr(s->p, '\n', line.len);

	if (lf == NULL) {
		s->p = s->end;
		return line;
	}
	line.len = (size_t)(lf - s->p);
	s->p = lf + 1;
	if (line.len > 0 && line.p[line.len - 1] == '\r')
		line.len--;
	return line;
}

static bool
is_blank(struct bytes line)
{
	struct scan s = scan_over(line.p, line.len);

	scan_wsp(&s);
	return scan_done(&s);
}

static enum sts_status
read_lines(struct reading *r, struct scan s, struct sts_error *err)
{
	enum sts_status status;

	if (scan_literal(&s, "\xef\xbb\xbf"))
		r->p->findings |= FINDING_BOM;
	while (!scan_done(&s)) {
		r->line.text = take_line(&s);
		r->line.no++;
		if (is_blank(r->line.text)) {
			r->p->findings |= FINDING_BLANK_LINE;
			continue;
		}
		r->lines++;
		status = read_line(r, err);
		if (status != STS_OK)
			return status;
	}
	return STS_OK;
}

/* What only the end of the text can tell. */
static enum sts_status
check_whole(struct reading *r, struct sts_error *err)
{
	if (r->lines == 0)
		return error_set(err, STS_POLICY, "policy-empty",
		    "the text is empty");
	for (unsigned i = 0; i < FIELDS_ALL; i++)
		if (fields[i].missing != NULL && (r->seen & 1u << i) == 0)
			return error_set(err, STS_POLICY, fields[i].missing,
			    "no %s", fields[i].name);
	if (r->bad_mx.no != 0)
		r->p->findings |= FINDING_MX_DROPPED;
	/* Refusing mode none would keep an older enforce policy alive. */
	if (r->p->mode == STS_NONE || r->p->mx_count > 0)
		return STS_OK;
	if (r->bad_mx.no != 0)
		return refuse_line(&r->bad_mx, fields[FIELD_MX].bad,
		    fields[FIELD_MX].why, err);
	return error_set(err, STS_POLICY, "policy-no-mx", "no mx");
}

enum sts_status
policy_parse(const char *body, size_t len, struct policy **out,
    struct sts_error *err)
{
	struct reading r = { 0 };
	enum sts_status status;

	*out = NULL;
	if (len > STS_BODY_MAX)
		return error_set(err, STS_POLICY, "policy-too-long",
		    "over %u bytes", STS_BODY_MAX);
	/* The patterns joined are shorter than the lines they stand in. */
	r.p = calloc(1, sizeof *r.p + len + 1);
	if (r.p == NULL)
		return error_set(err, STS_NOMEM, "memory", "out of memory");
	text_init(&r.mx, r.p->mx, len + 1);
	status = read_lines(&r, scan_over(body, len), err);
	if (status == STS_OK)
		status = check_whole(&r, err);
	if (status == STS_OK) {
		*out = r.p;
		r.p = NULL;
	}
	policy_free(r.p);
	return status;
}
