/* SPDX-License-Identifier: GPL-2.0-or-later */
/* counted.c - what was counted for the reports of one day, an object of JSON
 * for each row:
 *	counted CACHE-DIRECTORY DAY
 * Exits 1 when nothing was. */
#include <inttypes.h>
#include <stdio.h>
#include "../../module/report/day.h"

static void
print_string(const char *name, const char *s)
{
	printf("\"%s\": \"", name);
	for (; *s != '\0'; s++) {
		if (*s == '\n') {
			(void)fputs("\\n", stdout);
			continue;
		}
		if (*s == '"' || *s == '\\')
			(void)putchar('\\');
		(void)putchar(*s);
	}
	(void)putchar('"');
}

static void
print_detail(const struct day_detail *d)
{
	const struct report_failure *f = &d->failure;

	print_string("result", report_result_name(f->result));
	(void)fputs(", ", stdout);
	print_string("sending_ip", f->sending_ip);
	(void)fputs(", ", stdout);
	print_string("mx", f->mx_hostname);
	(void)fputs(", ", stdout);
	print_string("helo", f->mx_helo);
	(void)fputs(", ", stdout);
	print_string("receiving_ip", f->receiving_ip);
	(void)fputs(", ", stdout);
	print_string("reason", f->reason);
	printf(", \"count\": %" PRIu64, d->count);
}

static bool
print_row(void *arg, const struct day_row *row)
{
	(void)arg;
	(void)putchar('{');
	print_string("domain", row->domain);
	(void)fputs(", ", stdout);
	print_string("type", report_type_name(row->policy.type));
	(void)fputs(", ", stdout);
	print_string("policy_domain", row->policy.domain);
	(void)fputs(", ", stdout);
	print_string("strings", row->policy.strings);
	(void)fputs(", ", stdout);
	print_string("mx", row->policy.mx);
	printf(", \"success\": %" PRIu64 ", \"failure\": %" PRIu64
	       ", \"details\": [",
	    row->success, row->failure);
	for (size_t i = 0; i < row->n; i++) {
		(void)fputs(i > 0 ? ", {" : "{", stdout);
		print_detail(&row->details[i]);
		(void)putchar('}');
	}
	(void)fputs("]}\n", stdout);
	return true;
}

int
main(int argc, char *argv[])
{
	struct sts_error err;

	if (argc != 3)
		return 2;
	if (day_each(argv[1], argv[2], print_row, NULL, &err) == STS_OK)
		return 0;
	(void)fprintf(stderr, "counted: %s\n", err.text);
	return 1;
}
