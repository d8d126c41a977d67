/* SPDX-License-Identifier: GPL-2.0-or-later */
/* print.h - output that commands share: times, aligned lines for people, JSON
 * for programs. */
#ifndef PRINT_H
#define PRINT_H

#include <jansson.h>
#include <stdint.h>
#include "../protocol/scan.h"
#include "../protocol/status.h"

/* --- for people ---------------------------------------------------------- */

#define PRINT_ISO_MAX 32u
#define PRINT_SPAN_MAX 32u
#define PRINT_RELATIVE_MAX (PRINT_SPAN_MAX + 8u)

/* "2026-01-01T00:00:00Z" */
void print_iso(int64_t t, char out[PRINT_ISO_MAX]);
/* "40 s", "12 min", "5 h", "6 d"; rounded down. */
void print_span(int64_t seconds, char out[PRINT_SPAN_MAX]);
/* "in 6 d", "3 min ago", "now". */
void print_relative(int64_t t, int64_t now, char out[PRINT_RELATIVE_MAX]);

/* One "    name      value" line; the name is left out when it is "". */
void print_field(const char *name, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void print_field_time(const char *name, int64_t t, int64_t now);
void print_field_max_age(uint32_t seconds);
/* Patterns joined by ':', one a line. */
void print_field_mx(struct bytes mx);
/* Nothing without findings. */
void print_field_findings(uint32_t findings);

/* --- for programs -------------------------------------------------------- */

/* A JSON object in the making.  A member that cannot be made (no memory) is
 * noted, and object_print() tells. */
struct object {
	json_t *json;
	bool failed;
};

struct object object_new(void);
/* Takes value over; NULL is a failure. */
void object_add(struct object *o, const char *key, json_t *value);
void object_text(struct object *o, const char *key, const char *value);
void object_number(struct object *o, const char *key, int64_t value);
void object_bool(struct object *o, const char *key, bool value);
/* ISO 8601; left out when t is 0. */
void object_time(struct object *o, const char *key, int64_t t);
/* Patterns joined by ':' as "mx": [...] */
void object_mx(struct object *o, struct bytes mx);
/* "findings": [...] */
void object_findings(struct object *o, uint32_t findings);
/* Prints it as one line and frees it.  EXIT_DONE or EXIT_TROUBLE. */
int object_print(struct object *o) STS_CHECKED;

/* Text of any bytes: as it is when it is UTF-8, else made printable. */
json_t *json_text(const char *p, size_t len);

#endif
