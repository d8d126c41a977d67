/* SPDX-License-Identifier: GPL-2.0-or-later */
/* print.c - output that commands share. */
#include "print.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../protocol/policy.h"
#include "../protocol/text.h"
#include "tool.h"

#define FIELD_WIDTH 9

/* --- for people ---------------------------------------------------------- */

void
print_iso(int64_t t, char out[PRINT_ISO_MAX])
{
	time_t when = (time_t)t;
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL ||
	    strftime(out, PRINT_ISO_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		(void)snprintf(out, PRINT_ISO_MAX, "?");
}

void
print_span(int64_t seconds, char out[PRINT_SPAN_MAX])
{
	static const struct {
		int64_t from; /* seconds; finer units are said below that */
		int64_t unit;
		const char *name;
	} units[] = {
		{ INT64_C(2) * 86400, 86400, "d" },
		{ INT64_C(2) * 3600, 3600, "h" },
		{ INT64_C(2) * 60, 60, "min" },
		{ INT64_MIN, 1, "s" },
	};
	size_t i = 0;

	while (seconds < units[i].from)
		i++;
	(void)snprintf(out, PRINT_SPAN_MAX, "%" PRId64 " %s",
	    seconds / units[i].unit, units[i].name);
}

void
print_relative(int64_t t, int64_t now, char out[PRINT_RELATIVE_MAX])
{
	char span[PRINT_SPAN_MAX];

	print_span(t > now ? t - now : now - t, span);
	if (t == now)
		(void)snprintf(out, PRINT_RELATIVE_MAX, "now");
	else if (t > now)
		(void)snprintf(out, PRINT_RELATIVE_MAX, "in %s", span);
	else
		(void)snprintf(out, PRINT_RELATIVE_MAX, "%s ago", span);
}

void
print_field(const char *name, const char *format, ...)
{
	va_list ap;

	(void)printf("    %-*s ", FIELD_WIDTH, name);
	va_start(ap, format);
	(void)vprintf(format, ap);
	va_end(ap);
	(void)putchar('\n');
}

void
print_field_time(const char *name, int64_t t, int64_t now)
{
	char iso[PRINT_ISO_MAX];
	char relative[PRINT_RELATIVE_MAX];

	if (t == 0)
		return;
	print_iso(t, iso);
	print_relative(t, now, relative);
	print_field(name, "%s (%s)", iso, relative);
}

void
print_field_max_age(uint32_t seconds)
{
	char span[PRINT_SPAN_MAX];

	print_span(seconds, span);
	print_field("max_age", "%" PRIu32 " s (%s)", seconds, span);
}

/* The next pattern of a list joined by ':'; false at its end. */
static bool
next_pattern(struct bytes *rest, struct bytes *pattern)
{
	const char *colon;

	if (rest->len == 0)
		return false;
	colon = memchr(rest->p, ':', rest->len);
	pattern->p = rest->p;
	pattern->len = colon == NULL ? rest->len : (size_t)(colon - rest->p);
	rest->p += pattern->len + (colon != NULL);
	rest->len -= pattern->len + (colon != NULL);
	return true;
}

void
print_field_mx(struct bytes mx)
{
	const char *name = "mx";
	struct bytes one;

	for (; next_pattern(&mx, &one); name = "")
		print_field(name, "%.*s", (int)one.len, one.p);
}

void
print_field_findings(uint32_t findings)
{
	const char *name = "findings";

	for (unsigned i = 0; i < FINDINGS_ALL; i++) {
		if ((findings >> i & 1) == 0)
			continue;
		print_field(name, "%s", finding_name(i));
		name = "";
	}
}

/* --- for programs -------------------------------------------------------- */

struct object
object_new(void)
{
	struct object o = { json_object(), false };

	o.failed = o.json == NULL;
	return o;
}

void
object_add(struct object *o, const char *key, json_t *value)
{
	if (o->failed) {
		json_decref(value);
		return;
	}
	/* It takes value over even when it fails. */
	if (json_object_set_new(o->json, key, value) != 0)
		o->failed = true;
}

json_t *
json_text(const char *p, size_t len)
{
	json_t *s = json_stringn(p, len);
	size_t room = len + 4;
	struct text t;
	char *buf;

	if (s != NULL)
		return s;
	buf = malloc(room);
	if (buf == NULL)
		return NULL;
	text_init(&t, buf, room);
	text_add_foreign(&t, p, len, len);
	s = json_stringn(t.buf, t.len);
	free(buf);
	return s;
}

void
object_text(struct object *o, const char *key, const char *value)
{
	object_add(o, key, json_text(value, strlen(value)));
}

void
object_number(struct object *o, const char *key, int64_t value)
{
	object_add(o, key, json_integer(value));
}

void
object_bool(struct object *o, const char *key, bool value)
{
	object_add(o, key, json_boolean(value));
}

void
object_time(struct object *o, const char *key, int64_t t)
{
	char iso[PRINT_ISO_MAX];

	if (t == 0)
		return;
	print_iso(t, iso);
	object_text(o, key, iso);
}

void
object_mx(struct object *o, struct bytes mx)
{
	json_t *list = json_array();
	struct bytes one;

	while (list != NULL && next_pattern(&mx, &one))
		if (json_array_append_new(list, json_text(one.p, one.len)) !=
		    0)
			o->failed = true;
	object_add(o, "mx", list);
}

void
object_findings(struct object *o, uint32_t findings)
{
	json_t *list = json_array();

	for (unsigned i = 0; list != NULL && i < FINDINGS_ALL; i++)
		if ((findings >> i & 1) != 0 &&
		    json_array_append_new(list, json_string(finding_name(i))) !=
			0)
			o->failed = true;
	object_add(o, "findings", list);
}

int
object_print(struct object *o)
{
	/* ASCII: nothing in a value can speak to a terminal. */
	char *line = o->failed
	    ? NULL
	    : json_dumps(o->json, JSON_COMPACT | JSON_ENSURE_ASCII);

	json_decref(o->json);
	o->json = NULL;
	if (line == NULL) {
		tool_say("out of memory");
		return EXIT_TROUBLE;
	}
	(void)puts(line);
	free(line);
	return EXIT_DONE;
}
