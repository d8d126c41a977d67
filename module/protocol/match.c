/* SPDX-License-Identifier: GPL-2.0-or-later */
/* match.c - is this MX host permitted? (RFC 8461 4.1) */
#include "match.h"
#include <string.h>
#include "domain.h"
#include "scan.h"

/* ["*."] Domain, taken apart. */
struct pattern {
	bool wild;
	struct bytes name; /* without the "*." */
};

/* Takes the next item of a list joined by ':'; *list is NULL after the last. */
static bool
next_item(const char **list, struct bytes *item)
{
	const char *colon;

	if (*list == NULL)
		return false;
	colon = strchr(*list, ':');
	item->p = *list;
	item->len = colon != NULL ? (size_t)(colon - *list) : strlen(*list);
	*list = colon != NULL ? colon + 1 : NULL;
	return true;
}

static const char *
list_begin(const char *mx_list)
{
	return mx_list[0] != '\0' ? mx_list : NULL;
}

/* False for what the grammar does not let be a pattern: it matches nothing. */
static bool
read_pattern(struct bytes text, struct pattern *p)
{
	struct scan s = scan_over(text.p, text.len);

	p->wild = scan_literal(&s, "*.");
	p->name.p = s.p;
	p->name.len = scan_left(&s);
	return domain_is_ldh(p->name.p, p->name.len);
}

/* The host's name without one final dot.  DNS libraries write a dot inside a
 * label as "\.", any other odd byte as "\DDD": the labels of such a name are
 * not what they look like.  It, and all but visible ASCII, matches nothing. */
static bool
read_host(const char *host, struct bytes *name)
{
	name->p = host;
	name->len = strlen(host);
	for (size_t i = 0; i < name->len; i++)
		if (!ascii_is_print(host[i]) || host[i] == ' ' ||
		    host[i] == '\\')
			return false;
	if (name->len > 0 && host[name->len - 1] == '.')
		name->len--;
	return true;
}

static bool
is_same(struct bytes a, struct bytes b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

static bool
matches(const struct pattern *p, struct bytes host)
{
	const char *dot;

	if (!p->wild)
		return is_same(p->name, host);
	/* RFC 8461 4.1: "*" is the whole left-most label, and one only. */
	dot = memchr(host.p, '.', host.len);
	if (dot == NULL || dot == host.p)
		return false;
	host.len -= (size_t)(dot + 1 - host.p);
	host.p = dot + 1;
	return is_same(p->name, host);
}

bool
match_pattern(const char *pattern, const char *host)
{
	struct bytes text = { pattern, strlen(pattern) };
	struct bytes name;
	struct pattern p;

	return read_host(host, &name) && read_pattern(text, &p) &&
	    matches(&p, name);
}

bool
match_host(const char *mx_list, const char *host)
{
	const char *rest = list_begin(mx_list);
	struct bytes name;
	struct bytes item;
	struct pattern p;

	if (!read_host(host, &name))
		return false;
	while (next_item(&rest, &item))
		if (read_pattern(item, &p) && matches(&p, name))
			return true;
	return false;
}

/* Appends name with every byte standing for itself in a regular expression,
 * without a backslash, which Exim's lists and expansions would eat. */
static bool
add_literally(struct text *t, struct bytes name)
{
	const char *dot;

	for (size_t i = 0; i < name.len; i++)
		if (ascii_lower(name.p[i]) != name.p[i])
			return false;
	while ((dot = memchr(name.p, '.', name.len)) != NULL) {
		text_add_bytes(t, name.p, (size_t)(dot - name.p));
		text_add(t, "[.]");
		name.len -= (size_t)(dot + 1 - name.p);
		name.p = dot + 1;
	}
	text_add_bytes(t, name.p, name.len);
	return true;
}

static bool
add_items(struct text *t, const char *mx_list)
{
	const char *rest = list_begin(mx_list);
	struct bytes item;
	struct pattern p;

	while (next_item(&rest, &item)) {
		if (!read_pattern(item, &p))
			return false;
		text_add(t, p.wild ? "!^[^.]+[.]" : "!^");
		if (!add_literally(t, p.name))
			return false;
		text_add(t, "$:");
	}
	text_add(t, "*");
	return !t->full;
}

void
match_ignore_list(struct text *t, const char *mx_list)
{
	size_t before = t->len;

	/* A list cut short would lack its "*" and let every host pass. */
	if (add_items(t, mx_list))
		return;
	t->full = true;
	t->len = before;
	t->buf[before] = '\0';
}
