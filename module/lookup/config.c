/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.c - mta-sts.conf.
 *
 * Read here and not by inih: that tells one wrong line only and no line
 * number to its handler, and would be one library more in every delivery. */
#include "config.h"
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "../protocol/domain.h"
#include "../protocol/scan.h"
#include "../protocol/text.h"

#define LINE_MAX_BYTES 1024

enum kind {
	KIND_PATH,
	KIND_SECONDS,
	KIND_BOOL,
	KIND_LOG,
	KIND_DNS_FAILURE,
	KIND_MODE,
	KIND_SINK,
	KIND_CONTACT,
	KIND_TEXT,
	KIND_DOMAINS,
	KIND_COUNT
};

struct key {
	const char *name;
	enum kind kind;
	size_t at; /* offset in struct config */
	unsigned min; /* seconds, or a count */
	unsigned max; /* or bytes of a text */
	bool may_be_empty; /* paths */
};

#define AT(field) offsetof(struct config, field)

static const struct key keys[] = {
	{ "cache_dir", KIND_PATH, AT(cache_dir), 0, 0, false },
	{ "recheck", KIND_SECONDS, AT(recheck), 0, 86400, false },
	{ "negative_ttl", KIND_SECONDS, AT(negative_ttl), 0, 86400, false },
	{ "fetch_timeout", KIND_SECONDS, AT(fetch_timeout), 1, 120, false },
	{ "dns_timeout", KIND_SECONDS, AT(dns_timeout), 1, 60, false },
	{ "ca_file", KIND_PATH, AT(ca_file), 0, 0, true },
	{ "ca_path", KIND_PATH, AT(ca_path), 0, 0, true },
	{ "allow_private_addresses", KIND_BOOL, AT(allow_private_addresses), 0,
	    0, false },
	{ "dns_failure", KIND_DNS_FAILURE, AT(defer_on_dns_failure), 0, 0,
	    false },
	{ "exceptions", KIND_PATH, AT(exceptions), 0, 0, true },
	{ "mode", KIND_MODE, AT(observe), 0, 0, false },
	{ "log", KIND_LOG, AT(log), 0, 0, false },
	{ "tlsrpt", KIND_SINK, AT(tlsrpt), 0, 0, false },
	{ "tlsrpt_contact", KIND_CONTACT, AT(tlsrpt.contact), 0,
	    CONFIG_CONTACT_MAX, true },
	{ "tlsrpt_org", KIND_TEXT, AT(tlsrpt.org), 0, CONFIG_ORG_MAX, true },
	{ "tlsrpt_success", KIND_BOOL, AT(tlsrpt.success), 0, 0, false },
	{ "tlsrpt_exclude", KIND_DOMAINS, AT(tlsrpt.exclude), 0,
	    CONFIG_LIST_MAX, true },
	{ "tlsrpt_include_sending_ip", KIND_BOOL, AT(tlsrpt.sending_ip), 0, 0,
	    false },
	{ "tlsrpt_include_reason", KIND_BOOL, AT(tlsrpt.reason), 0, 0, false },
	{ "tlsrpt_per_target", KIND_COUNT, AT(tlsrpt.per_target), 1, 1000000,
	    false },
	{ "tlsrpt_sendmail", KIND_PATH, AT(tlsrpt.sendmail), 0, 0, false },
	{ "tlsrpt_signed_elsewhere", KIND_BOOL, AT(tlsrpt.signed_elsewhere), 0,
	    0, false },
};
#define KEYS (sizeof keys / sizeof keys[0])

static void
set_path(char path[CONFIG_PATH_MAX + 1], const char *value)
{
	struct text t;

	text_init(&t, path, CONFIG_PATH_MAX + 1);
	text_add(&t, value);
}

void
config_defaults(struct config *c)
{
	memset(c, 0, sizeof *c);
	set_path(c->cache_dir, MTA_STS_CACHEDIR);
	set_path(c->ca_path, "/etc/ssl/certs");
	set_path(c->exceptions, MTA_STS_EXCEPTIONS);
	c->recheck = 300;
	c->negative_ttl = 600;
	c->fetch_timeout = 15;
	c->dns_timeout = 5;
	c->log = LOG_POLICY;
	c->tlsrpt.db = true;
	c->tlsrpt.success = true;
	c->tlsrpt.sending_ip = true;
	c->tlsrpt.reason = true;
	c->tlsrpt.per_target = 200;
	set_path(c->tlsrpt.sendmail, "/usr/sbin/sendmail");
}

/* Where the problems of one file go. */
struct report {
	config_problem *tell;
	void *arg;
	unsigned line;
	unsigned n;
};

static void __attribute__((format(printf, 2, 3)))
problem(struct report *r, const char *format, ...)
{
	char line[256];
	struct text t;
	va_list ap;
	int n;

	r->n++;
	if (r->tell == NULL)
		return;
	va_start(ap, format);
	n = vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	if (n > 0) {
		char printable[256];

		text_init(&t, printable, sizeof printable);
		text_add_foreign(&t, line, strlen(line), sizeof printable - 4);
		r->tell(r->arg, r->line, printable);
	}
}

bool
config_seconds(const char *value, unsigned *out)
{
	uint64_t n = 0;
	const char *p = value;
	unsigned unit = 1;

	for (; ascii_is_digit(*p) && p - value < 9; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (p == value)
		return false;
	switch (*p) {
	case 'd':
		unit = 86400;
		break;
	case 'h':
		unit = 3600;
		break;
	case 'm':
		unit = 60;
		break;
	default:
		break;
	}
	if (*p == 's' || unit > 1)
		p++;
	if (*p != '\0' || n > UINT32_MAX / unit)
		return false;
	*out = (unsigned)n * unit;
	return true;
}

/* Which of two words value is; false when neither. */
static bool
read_choice(const char *value, const char *no, const char *yes, bool *out)
{
	if (strcmp(value, no) != 0 && strcmp(value, yes) != 0)
		return false;
	*out = strcmp(value, yes) == 0;
	return true;
}

/* By enum config_log. */
static const char *const log_names[] = { "none", "policy", "all" };

static bool
read_log(const char *value, enum config_log *out)
{
	for (unsigned i = 0; i < sizeof log_names / sizeof *log_names; i++)
		if (strcmp(value, log_names[i]) == 0) {
			*out = (enum config_log)i;
			return true;
		}
	return false;
}

static void
set_seconds(const struct key *k, unsigned *field, const char *value,
    struct report *r)
{
	unsigned n;

	if (!config_seconds(value, &n))
		problem(r, "%s: \"%s\" is not a time such as 90s, 5m, 2h, 1d",
		    k->name, value);
	else if (n < k->min || n > k->max)
		problem(r, "%s: %s is not between %us and %us", k->name, value,
		    k->min, k->max);
	else
		*field = n;
}

static void
set_count(const struct key *k, unsigned *field, const char *value,
    struct report *r)
{
	unsigned n = 0;
	const char *p = value;

	for (; ascii_is_digit(*p) && n <= k->max; p++)
		n = n * 10 + (unsigned)(*p - '0');
	if (p == value || *p != '\0' || n < k->min || n > k->max)
		problem(r, "%s: \"%s\" is not a number from %u to %u", k->name,
		    value, k->min, k->max);
	else
		*field = n;
}

static void
set_path_key(const struct key *k, char *field, const char *value,
    struct report *r)
{
	if (strlen(value) > CONFIG_PATH_MAX)
		problem(r, "%s: longer than %u bytes", k->name,
		    CONFIG_PATH_MAX);
	else if (value[0] != '/' && !(k->may_be_empty && value[0] == '\0'))
		problem(r, "%s: \"%s\" is not an absolute path", k->name,
		    value);
	else
		set_path(field, value);
}

/* "off", "db", "socket:PATH" or "both:PATH". */
static bool
read_sink(const char *value, struct config_tlsrpt *out)
{
	const char *path = strchr(value, ':');
	size_t n = path != NULL ? (size_t)(path++ - value) : strlen(value);
	bool both = n == 4 && memcmp(value, "both", n) == 0;
	struct text t;

	if (path == NULL && strcmp(value, "off") != 0 &&
	    strcmp(value, "db") != 0)
		return false;
	if (path != NULL &&
	    ((!both && (n != 6 || memcmp(value, "socket", n) != 0)) ||
		path[0] != '/' || strlen(path) > CONFIG_SOCKET_MAX))
		return false;
	out->db = both || strcmp(value, "db") == 0;
	text_init(&t, out->socket, sizeof out->socket);
	text_add(&t, path != NULL ? path : "");
	return true;
}

/* An address whose domain can be a submitter (RFC 8460 5.3), in characters
 * that no header field and no shell minds. */
static bool
is_contact(const char *value)
{
	const char *at = strchr(value, '@');
	const char *local = value;

	if (at == NULL || at == value || value[0] == '-' || at - value > 64 ||
	    strchr(at, '.') == NULL || !domain_is_ldh(at + 1, strlen(at + 1)))
		return false;
	for (; local < at; local++)
		if (!ascii_is_alnum(*local) && strchr(".-_+=~", *local) == NULL)
			return false;
	return true;
}

/* The next item of a list, without blanks and one final dot. */
static struct bytes
next_domain(struct scan *s)
{
	struct bytes item = scan_item(s);

	while (item.len > 0 && scan_is_wsp(item.p[0])) {
		item.p++;
		item.len--;
	}
	while (item.len > 0 && scan_is_wsp(item.p[item.len - 1]))
		item.len--;
	if (item.len > 1 && item.p[item.len - 1] == '.')
		item.len--;
	return item;
}

/* What is none is told and left out, and the others count. */
static void
add_domain(struct text *t, const struct key *k, struct bytes item,
    struct report *r)
{
	struct scan name = scan_over(item.p, item.len);

	(void)scan_literal(&name, "*.");
	if (!domain_is_ldh(name.p, scan_left(&name))) {
		problem(r, "%s: \"%.*s\" is not a domain such as "
			   "example.com or *.example.com",
		    k->name, (int)item.len, item.p);
		return;
	}
	text_add(t, t->len > 0 ? " : " : "");
	text_add_bytes(t, item.p, item.len);
}

static void
set_domains(const struct key *k, char *field, const char *value,
    struct report *r)
{
	struct scan s = scan_over(value, strlen(value));
	char room[3 * (CONFIG_LIST_MAX + 1)];
	struct text t;

	text_init(&t, room, sizeof room);
	while (!scan_done(&s)) {
		struct bytes item = next_domain(&s);

		if (item.len > 0)
			add_domain(&t, k, item, r);
	}
	if (t.len > k->max) {
		problem(r, "%s: longer than %u bytes", k->name, k->max);
		return;
	}
	memcpy(field, room, t.len + 1);
}

static void
set_text(const struct key *k, char *field, const char *value,
    struct report *r)
{
	struct text t;

	if (strlen(value) > k->max) {
		problem(r, "%s: longer than %u bytes", k->name, k->max);
		return;
	}
	if (k->kind == KIND_CONTACT && value[0] != '\0' &&
	    !is_contact(value)) {
		problem(r, "%s: \"%s\" is not an address such as "
			   "tls-reports@example.com",
		    k->name, value);
		return;
	}
	if (k->kind == KIND_DOMAINS) {
		set_domains(k, field, value, r);
		return;
	}
	text_init(&t, field, k->max + 1);
	text_add_foreign(&t, value, strlen(value), k->max);
}

static void
set(struct config *c, const struct key *k, const char *value,
    struct report *r)
{
	void *field = (char *)c + k->at;

	switch (k->kind) {
	case KIND_PATH:
		set_path_key(k, field, value, r);
		break;
	case KIND_SECONDS:
		set_seconds(k, field, value, r);
		break;
	case KIND_BOOL:
		if (!read_choice(value, "no", "yes", field))
			problem(r, "%s: \"%s\" is neither yes nor no", k->name,
			    value);
		break;
	case KIND_DNS_FAILURE:
		if (!read_choice(value, "deliver", "defer", field))
			problem(r, "%s: \"%s\" is neither deliver nor defer",
			    k->name, value);
		break;
	case KIND_MODE:
		if (!read_choice(value, "enforce", "observe", field))
			problem(r, "%s: \"%s\" is neither enforce nor observe",
			    k->name, value);
		break;
	case KIND_LOG:
		if (!read_log(value, field))
			problem(r, "%s: \"%s\" is not none, policy or all",
			    k->name, value);
		break;
	case KIND_SINK:
		if (!read_sink(value, field))
			problem(r, "%s: \"%s\" is not off, db, socket:/PATH or "
				   "both:/PATH",
			    k->name, value);
		break;
	case KIND_CONTACT:
	case KIND_TEXT:
	case KIND_DOMAINS:
		set_text(k, field, value, r);
		break;
	case KIND_COUNT:
		set_count(k, field, value, r);
		break;
	}
}

/* Cuts blanks off both ends, in place. */
static char *
trim(char *s)
{
	size_t n;

	while (scan_is_wsp(*s))
		s++;
	n = strlen(s);
	while (n > 0 && strchr(" \t\r\n", s[n - 1]) != NULL)
		s[--n] = '\0';
	return s;
}

static void
read_line(struct config *c, char *line, struct report *r)
{
	char *name = trim(line);
	char *value = strchr(name, '=');

	if (name[0] == '\0' || name[0] == '#')
		return;
	if (value == NULL) {
		problem(r, "\"%s\" is not \"key = value\"", name);
		return;
	}
	*value++ = '\0';
	name = trim(name);
	value = trim(value);
	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(keys[i].name, name) == 0) {
			set(c, &keys[i], value, r);
			return;
		}
	problem(r, "unknown key \"%s\"", name);
}

static void
read_lines(FILE *in, struct config *c, struct report *r)
{
	char line[LINE_MAX_BYTES];

	while (fgets(line, sizeof line, in) != NULL) {
		size_t n = strlen(line);

		r->line++;
		if (n + 1 == sizeof line && line[n - 1] != '\n') {
			int ch;

			problem(r, "line longer than %d bytes",
			    LINE_MAX_BYTES - 2);
			while ((ch = getc(in)) != EOF && ch != '\n')
				;
			continue;
		}
		read_line(c, line, r);
	}
}

unsigned
config_load(const char *path, struct config *c, config_problem *tell,
    void *arg)
{
	struct report r = { tell, arg, 0, 0 };
	FILE *in;

	config_defaults(c);
	in = fopen(path, "re");
	if (in == NULL) {
		c->unreadable = errno != ENOENT;
		if (c->unreadable)
			problem(&r, "%s: %s", path, strerror(errno));
		return r.n;
	}
	read_lines(in, c, &r);
	if (ferror(in)) {
		r.line = 0;
		c->unreadable = true;
		problem(&r, "%s: cannot be read", path);
	}
	(void)fclose(in);
	return r.n;
}

static void
show_sink(const struct config_tlsrpt *r, struct text *t)
{
	if (r->socket[0] == '\0')
		text_add(t, r->db ? "db" : "off");
	else {
		text_add(t, r->db ? "both:" : "socket:");
		text_add(t, r->socket);
	}
}

static void
show_value(const struct config *c, const struct key *k, struct text *t)
{
	const void *field = (const char *)c + k->at;

	switch (k->kind) {
	case KIND_PATH:
		text_add(t, field);
		break;
	case KIND_SECONDS:
		text_addf(t, "%us", *(const unsigned *)field);
		break;
	case KIND_BOOL:
		text_add(t, *(const bool *)field ? "yes" : "no");
		break;
	case KIND_DNS_FAILURE:
		text_add(t, *(const bool *)field ? "defer" : "deliver");
		break;
	case KIND_MODE:
		text_add(t, *(const bool *)field ? "observe" : "enforce");
		break;
	case KIND_LOG:
		text_add(t, log_names[c->log]);
		break;
	case KIND_SINK:
		show_sink(&c->tlsrpt, t);
		break;
	case KIND_CONTACT:
	case KIND_TEXT:
	case KIND_DOMAINS:
		text_add(t, field);
		break;
	case KIND_COUNT:
		text_addf(t, "%u", *(const unsigned *)field);
		break;
	}
}

void
config_show(const struct config *c,
    void (*each)(void *arg, const char *key, const char *value, bool set),
    void *arg)
{
	struct config defaults;

	config_defaults(&defaults);
	for (size_t i = 0; i < KEYS; i++) {
		char value[CONFIG_LIST_MAX + 1];
		char otherwise[CONFIG_LIST_MAX + 1];
		struct text t;

		text_init(&t, value, sizeof value);
		show_value(c, &keys[i], &t);
		text_init(&t, otherwise, sizeof otherwise);
		show_value(&defaults, &keys[i], &t);
		each(arg, keys[i].name, value, strcmp(value, otherwise) != 0);
	}
}

/* --- reports -------------------------------------------------------------- */

bool
config_reports(const struct config *c)
{
	return c->tlsrpt.contact[0] != '\0' &&
	    (c->tlsrpt.db || c->tlsrpt.socket[0] != '\0');
}

static bool
covers(struct bytes item, const char *domain)
{
	size_t n = strlen(domain);
	const char *p = domain;

	if (item.len > 1 && item.p[0] == '*') { /* "*.example.com" */
		item.p++;
		item.len--;
		if (n <= item.len)
			return false;
		p += n - item.len;
		n = item.len;
	}
	if (item.len != n || n == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (ascii_lower(item.p[i]) != p[i])
			return false;
	return true;
}

bool
config_excludes(const struct config *c, const char *domain)
{
	struct scan s = scan_over(c->tlsrpt.exclude,
	    strlen(c->tlsrpt.exclude));

	while (!scan_done(&s))
		if (covers(next_domain(&s), domain))
			return true;
	return false;
}
