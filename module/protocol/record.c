/* SPDX-License-Identifier: GPL-2.0-or-later */
/* record.c - the TXT record at _mta-sts.DOMAIN (RFC 8461 3.1). */
#include "record.h"
#include "text.h"

#define SHOWN_MAX 80 /* bytes of a record that an error shows */

/* *WSP ";" *WSP; blanks without the ";" are not moved over. */
static bool
take_delim(struct scan *s)
{
	struct scan t = *s;

	scan_wsp(&t);
	if (!scan_literal(&t, ";"))
		return false;
	scan_wsp(&t);
	*s = t;
	return true;
}

/* %x21-3A / %x3C / %x3E-7E: printable but for SP, ";" and "=" */
static bool
is_value_char(char c)
{
	return ascii_is_print(c) && c != ' ' && c != ';' && c != '=';
}

/* sts-ext-name "=" sts-ext-value; every sts-id is one too. */
static bool
take_field(struct scan *s, struct bytes *name, struct bytes *value)
{
	name->p = s->p;
	name->len = scan_name(s);
	if (name->len == 0 || !scan_literal(s, "="))
		return false;
	value->p = s->p;
	value->len = scan_while(s, is_value_char, scan_left(s));
	return value->len > 0;
}

/* 1*32(ALPHA / DIGIT) */
static bool
take_id(struct bytes value, char id[STS_ID_MAX + 1])
{
	struct scan s = scan_over(value.p, value.len);
	size_t n = scan_while(&s, ascii_is_alnum, STS_ID_MAX);

	if (!scan_done(&s))
		return false;
	memcpy(id, value.p, n);
	id[n] = '\0';
	return true;
}

static enum sts_status
refuse(struct bytes txt, const char *word, const char *why,
    struct sts_error *err)
{
	return error_set(err, STS_RECORD, word, "%s: \"%.*s\"", why,
	    (int)(txt.len < SHOWN_MAX ? txt.len : SHOWN_MAX), txt.p);
}

/* 1*(sts-field-delim sts-field) [sts-field-delim] */
static enum sts_status
take_fields(struct scan *s, struct bytes txt, char id[STS_ID_MAX + 1],
    struct sts_error *err)
{
	struct bytes name;
	struct bytes value;

	while (take_delim(s) && !scan_done(s)) {
		if (!take_field(s, &name, &value))
			return refuse(txt, "record-syntax",
			    "not a field of a TXT record", err);
		/* RFC 8461 3.2: all entries but the first are ignored, and so
		 * are unknown fields. */
		if (id[0] != '\0' || name.len != 2 ||
		    memcmp(name.p, "id", 2) != 0)
			continue;
		if (!take_id(value, id))
			return refuse(txt, "record-id",
			    "id is not 1 to 32 letters and digits", err);
	}
	if (!scan_done(s))
		return refuse(txt, "record-syntax",
		    "a field ends, and no \";\" follows", err);
	if (id[0] == '\0')
		return refuse(txt, "record-no-id", "no id", err);
	return STS_OK;
}

/* Moves over sts-version; "v=STSv10" is another version. */
static bool
take_version(struct scan *s)
{
	return scan_literal(s, "v=STSv1") &&
	    (scan_done(s) || scan_is_wsp(*s->p) || *s->p == ';');
}

enum sts_status
record_parse(const char *txt, size_t len, char id[STS_ID_MAX + 1],
    struct sts_error *err)
{
	struct bytes whole = { txt, len };
	struct scan s = scan_over(txt, len);
	enum sts_status status;

	id[0] = '\0';
	if (!take_version(&s))
		return error_set(err, STS_ABSENT, "no-record",
		    "no TXT record that begins with v=STSv1");
	status = take_fields(&s, whole, id, err);
	if (status != STS_OK)
		id[0] = '\0';
	return status;
}

enum sts_status
record_select(const struct bytes *set, size_t n, char id[STS_ID_MAX + 1],
    struct sts_error *err)
{
	const struct bytes *found = NULL;
	struct scan s;

	id[0] = '\0';
	/* RFC 8461 3.1: what does not begin with exactly "v=STSv1;" is
	 * discarded where there are several; "v=STSv1 ;" is good grammar and
	 * stands when it is alone. */
	if (n == 1)
		return record_parse(set[0].p, set[0].len, id, err);
	for (size_t i = 0; i < n; i++) {
		s = scan_over(set[i].p, set[i].len);
		if (!scan_literal(&s, "v=STSv1;"))
			continue;
		if (found != NULL)
			return error_set(err, STS_RECORD, "record-several",
			    "more than one TXT record begins with v=STSv1;");
		found = &set[i];
	}
	if (found == NULL)
		return error_set(err, STS_ABSENT, "no-record",
		    "none of %zu TXT records begins with v=STSv1;", n);
	return record_parse(found->p, found->len, id, err);
}
