/* SPDX-License-Identifier: GPL-2.0-or-later */
/* told.c - the datagrams that tlsrpt-collectd would get, a line each, for
 * verdicts read from stdin, whose fields end at a tab:
 *	DOMAIN RECORD TYPE POLICY-DOMAIN STRINGS MX SUCCESS N
 * (a vertical tab between strings), and N lines
 *	RESULT SENDING-IP MX HELO RECEIVING-IP REASON */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../module/report/datagram.h"

#define FIELDS 8
#define LINE 20000

struct line {
	char text[LINE];
	const char *field[FIELDS];
};

static bool
read_line(struct line *l, int n)
{
	char *p = l->text;

	if (fgets(l->text, sizeof l->text, stdin) == NULL)
		return false;
	for (int i = 0; i < n; i++) {
		char *end = p + strcspn(p, "\t\n");

		l->field[i] = p;
		p = end + (*end != '\0');
		*end = '\0';
	}
	return true;
}

static void
break_lines(char *s)
{
	for (; *s != '\0'; s++)
		if (*s == '\v')
			*s = '\n';
}

static int
print_one(struct line *l)
{
	static struct line lines[REPORT_FAILURES_MAX];
	static char policies[DATAGRAM_MAX], whole[DATAGRAM_MAX];
	struct report_failure failure[REPORT_FAILURES_MAX];
	char strings[LINE];
	struct verdict v = { .domain = l->field[0], .failures = failure };
	struct text t;

	(void)snprintf(strings, sizeof strings, "%s", l->field[4]);
	break_lines(strings);
	v.policy.type = (enum report_type)strtoul(l->field[2], NULL, 10);
	v.policy.domain = l->field[3];
	v.policy.strings = strings;
	v.policy.mx = l->field[5];
	v.success = l->field[6][0] == '1';
	v.n = strtoul(l->field[7], NULL, 10);
	if (v.n > REPORT_FAILURES_MAX)
		return 2;
	for (size_t i = 0; i < v.n; i++) {
		const char **f = lines[i].field;

		if (!read_line(&lines[i], 6))
			return 2;
		failure[i] = (struct report_failure){
			(enum report_result)strtoul(f[0], NULL, 10), f[1], f[2],
			f[3], f[4], f[5]
		};
	}
	text_init(&t, policies, sizeof policies);
	datagram_policies(&t, &v);
	text_init(&t, whole, sizeof whole);
	datagram_write(&t, v.domain, l->field[1], policies);
	return puts(whole) < 0 ? 1 : 0;
}

int
main(void)
{
	static struct line l;
	int failed = 0;

	while (failed == 0 && read_line(&l, FIELDS))
		failed = print_one(&l);
	return failed;
}
