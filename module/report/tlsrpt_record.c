/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tlsrpt_record.c - the TXT record at _smtp._tls.DOMAIN (RFC 8460 3). */
#include "tlsrpt_record.h"
#include "../protocol/domain.h"

#define SHOWN_MAX 80 /* bytes of a record that an error shows */
#define LOCAL_MAX 64u /* bytes; RFC 5321 4.5.3.1.1 */
#define VERSION "v=TLSRPTv1"

/* --- addresses ------------------------------------------------------------ */

/* Moves over lit, in any case: RFC 3986 3.1. */
static bool
take_scheme(struct scan *s, const char *lit)
{
	size_t n = strlen(lit);

	if (n > scan_left(s))
		return false;
	for (size_t i = 0; i < n; i++)
		if (ascii_lower(s->p[i]) != lit[i])
			return false;
	s->p += n;
	return true;
}

static int
hex_value(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Moves over one character, %XX decoded (RFC 3986 2.1).  False: it is none
 * that can be printed. */
static bool
take_char(struct scan *s, char *c)
{
	*c = *s->p++;
	if (*c == '%') {
		int high = scan_left(s) >= 2 ? hex_value(s->p[0]) : -1;
		int low = high >= 0 ? hex_value(s->p[1]) : -1;

		if (low < 0)
			return false;
		s->p += 2;
		*c = (char)(high << 4 | low);
	}
	return ascii_is_print(*c) && *c != ' ';
}

/* What of RFC 5321's atext no shell, header or list of addresses minds. */
static bool
is_local_char(char c)
{
	return ascii_is_alnum(c) || c == '_' || c == '-' || c == '+' ||
	    c == '=' || c == '~';
}

/* Dot-string of RFC 5321 4.1.2; what begins with '-' may look like an option.
 */
static bool
is_local_part(const char *p, size_t len)
{
	if (len == 0 || len > LOCAL_MAX || p[0] == '-')
		return false;
	for (size_t i = 0; i < len; i++) {
		if (is_local_char(p[i]))
			continue;
		if (p[i] != '.' || i == 0 || i == len - 1 || p[i - 1] == '.')
			return false;
	}
	return true;
}

/* A name, neither an address nor one of this machine's own short names. */
static bool
add_host(struct text *t, const char *host)
{
	char name[STS_DOMAIN_MAX + 1];

	if (strchr(host, '.') == NULL ||
	    domain_canon(host, name, NULL) != STS_OK ||
	    strchr(name, '.') == NULL)
		return false;
	text_add(t, name);
	return true;
}

/* RFC 6068 2: one address; header fields ("?subject=") are left out. */
static bool
read_mailto(struct scan s, struct text *t)
{
	char address[LOCAL_MAX + STS_DOMAIN_MAX + 3] = "";
	size_t n = 0;
	char *at;

	while (!scan_done(&s) && *s.p != '?') {
		if (n == sizeof address - 1 || !take_char(&s, &address[n]))
			return false;
		n++;
	}
	address[n] = '\0';
	at = strrchr(address, '@');
	if (at == NULL || !is_local_part(address, (size_t)(at - address)))
		return false;
	text_add_bytes(t, address, (size_t)(at - address) + 1);
	return add_host(t, at + 1);
}

/* RFC 3986 3.3, 3.4, less what programs on the way take for their own. */
static bool
is_path_char(char c)
{
	return ascii_is_alnum(c) || strchr("-._~$&()*+=:@/?", c) != NULL;
}

static bool
read_path(struct scan s, struct text *t)
{
	const char *from = s.p;
	char c;

	while (!scan_done(&s)) {
		bool coded = *s.p == '%';

		if (*s.p == '\0' || !take_char(&s, &c) ||
		    (!coded && !is_path_char(c)))
			return false;
	}
	text_add_bytes(t, from, (size_t)(s.p - from));
	return true;
}

static bool
is_host_char(char c)
{
	return ascii_is_alnum(c) || c == '-' || c == '.';
}

/* No user, no literal address, no other port than HTTPS's own. */
static bool
read_https(struct scan s, struct text *t)
{
	char host[STS_DOMAIN_MAX + 2];
	const char *from = s.p;
	size_t n = scan_while(&s, is_host_char, sizeof host - 1);

	memcpy(host, from, n);
	host[n] = '\0';
	(void)scan_literal(&s, ":443");
	if (!scan_done(&s) && *s.p != '/' && *s.p != '?')
		return false;
	text_add(t, "https://");
	if (!add_host(t, host))
		return false;
	if (scan_done(&s) || *s.p != '/')
		text_add(t, "/");
	return read_path(s, t);
}

static bool
read_uri(struct bytes uri, struct tlsrpt_rua *rua)
{
	struct scan s = scan_over(uri.p, uri.len);
	struct text t;

	text_init(&t, rua->text, sizeof rua->text);
	if (take_scheme(&s, "mailto:")) {
		rua->kind = TLSRPT_MAILTO;
		return read_mailto(s, &t) && !t.full;
	}
	if (take_scheme(&s, "https://")) {
		rua->kind = TLSRPT_HTTPS;
		return read_https(s, &t) && !t.full;
	}
	return false;
}

static bool
has(const struct tlsrpt_record *r, const struct tlsrpt_rua *rua)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->rua[i].kind == rua->kind &&
		    strcmp(r->rua[i].text, rua->text) == 0)
			return true;
	return false;
}

static void
add_uri(struct tlsrpt_record *r, struct bytes uri)
{
	struct tlsrpt_rua rua;

	if (r->n == TLSRPT_RUA_MAX || !read_uri(uri, &rua))
		r->refused++;
	else if (!has(r, &rua))
		r->rua[r->n++] = rua;
}

/* --- the record ----------------------------------------------------------- */

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

static bool
is_uri_char(char c)
{
	return ascii_is_print(c) && c != ' ' && c != ';' && c != ',';
}

/* tlsrpt-uri *(*WSP "," *WSP tlsrpt-uri) */
static bool
take_uris(struct scan *s, struct tlsrpt_record *out)
{
	for (;;) {
		struct bytes uri = { s->p, 0 };
		struct scan t;

		uri.len = scan_while(s, is_uri_char, scan_left(s));
		if (uri.len == 0)
			return false;
		add_uri(out, uri);
		t = *s;
		scan_wsp(&t);
		if (!scan_literal(&t, ","))
			return true;
		scan_wsp(&t);
		*s = t;
	}
}

/* %x21-3A / %x3C / %x3E-7E: printable but for SP, ";" and "=" */
static bool
is_value_char(char c)
{
	return ascii_is_print(c) && c != ' ' && c != ';' && c != '=';
}

/* tlsrpt-field: tlsrpt-rua, or an extension, which is ignored. */
static bool
take_field(struct scan *s, struct tlsrpt_record *out)
{
	if (scan_literal(s, "rua="))
		return take_uris(s, out);
	return scan_name(s) > 0 && scan_literal(s, "=") &&
	    scan_while(s, is_value_char, scan_left(s)) > 0;
}

static enum sts_status
refuse(struct bytes txt, const char *word, const char *why,
    struct sts_error *err)
{
	return error_set(err, STS_RECORD, word, "%s: \"%.*s\"", why,
	    (int)(txt.len < SHOWN_MAX ? txt.len : SHOWN_MAX), txt.p);
}

/* Moves over tlsrpt-version; "v=TLSRPTv10" is another version. */
static bool
take_version(struct scan *s)
{
	return scan_literal(s, VERSION) &&
	    (scan_done(s) || scan_is_wsp(*s->p) || *s->p == ';');
}

static enum sts_status
read_record(const char *txt, size_t len, struct tlsrpt_record *out,
    struct sts_error *err)
{
	struct bytes whole = { txt, len };
	struct scan s = scan_over(txt, len);

	if (!take_version(&s))
		return error_set(err, STS_ABSENT, "no-record",
		    "no TXT record that begins with " VERSION);
	while (take_delim(&s) && !scan_done(&s))
		if (!take_field(&s, out))
			return refuse(whole, "record-syntax",
			    "not a field of a TXT record", err);
	if (!scan_done(&s))
		return refuse(whole, "record-syntax",
		    "a field ends, and no \";\" follows", err);
	if (out->n > 0)
		return STS_OK;
	if (out->refused > 0)
		return refuse(whole, "record-rua",
		    "no address that a report may be sent to", err);
	return refuse(whole, "record-no-rua", "no rua", err);
}

enum sts_status
tlsrpt_record_parse(const char *txt, size_t len, struct tlsrpt_record *out,
    struct sts_error *err)
{
	enum sts_status status;

	memset(out, 0, sizeof *out);
	status = read_record(txt, len, out, err);
	if (status != STS_OK)
		out->n = 0;
	return status;
}

enum sts_status
tlsrpt_record_select(const struct bytes *set, size_t n,
    struct tlsrpt_record *out, struct sts_error *err)
{
	const struct bytes *found = NULL;

	memset(out, 0, sizeof *out);
	/* RFC 8460 3: what does not begin with exactly "v=TLSRPTv1;" is
	 * discarded where there are several; with a blank before the ";" it is
	 * good grammar, and stands when it is alone. */
	if (n == 1)
		return tlsrpt_record_parse(set[0].p, set[0].len, out, err);
	for (size_t i = 0; i < n; i++) {
		struct scan s = scan_over(set[i].p, set[i].len);

		if (!scan_literal(&s, VERSION ";"))
			continue;
		if (found != NULL)
			return error_set(err, STS_RECORD, "record-several",
			    "more than one TXT record begins with " VERSION
			    ";");
		found = &set[i];
	}
	if (found == NULL)
		return error_set(err, STS_ABSENT, "no-record",
		    "none of %zu TXT records begins with " VERSION ";", n);
	return tlsrpt_record_parse(found->p, found->len, out, err);
}

void
tlsrpt_record_text(const struct tlsrpt_record *r, struct text *t)
{
	text_add(t, VERSION ";rua=");
	for (unsigned i = 0; i < r->n; i++) {
		if (i > 0)
			text_add(t, ",");
		if (r->rua[i].kind == TLSRPT_MAILTO)
			text_add(t, "mailto:");
		text_add(t, r->rua[i].text);
	}
}
