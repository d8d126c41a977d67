/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_event.c - the events of deliveries, seven lines each; in the fields a
 * vertical tab stands for a line end.  Whatever they say, what comes of them
 * is fit for a report, for the day's file, and for the collector. */
#include "fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../module/report/datagram.h"
#include "../../module/report/dayvalue.h"
#include "../../module/report/session.h"

#define EVENTS_MAX 16u
#define WORD 2048u

static void
check_string(const char *s, size_t max, const char *also)
{
	HOLD(strlen(s) <= max);
	for (; *s != '\0'; s++)
		HOLD(ascii_is_print(*s) || strchr(also, *s) != NULL);
}

static void
check_failure(const struct report_failure *f)
{
	HOLD(report_result_name(f->result) != NULL);
	check_string(f->sending_ip, REPORT_ADDRESS_MAX, "");
	check_string(f->mx_hostname, REPORT_NAME_MAX, "");
	check_string(f->mx_helo, REPORT_WORDS_MAX, "");
	check_string(f->receiving_ip, REPORT_ADDRESS_MAX, "");
	check_string(f->reason, REPORT_WORDS_MAX, "");
}

/* RFC 7493, as far as our own writer goes: ASCII, and brackets in pairs. */
static void
check_datagram(const struct verdict *v)
{
	static char text[DATAGRAM_MAX];
	struct text t;
	bool inside = false;
	int depth = 0;

	text_init(&t, text, sizeof text);
	datagram_policies(&t, v);
	HOLD(!t.full);
	for (const char *p = text; *p != '\0'; p++) {
		HOLD(ascii_is_print(*p));
		if (inside && *p == '\\')
			p++;
		else if (*p == '"')
			inside = !inside;
		else if (!inside && (*p == '{' || *p == '['))
			depth++;
		else if (!inside && (*p == '}' || *p == ']'))
			HOLD(--depth >= 0);
	}
	HOLD(!inside && depth == 0);
}

static void
check_day(const struct verdict *v)
{
	static struct dayvalue day;
	static char text[DAYVALUE_MAX + 1];
	size_t len;

	day.rows = day.details = 0;
	HOLD(dayvalue_add(&day, v, true) && dayvalue_add(&day, v, true));
	HOLD(dayvalue_write(&day, v->domain, text, sizeof text, &len));
	HOLD(dayvalue_read(text, len, v->domain, &day));
	/* Nothing was altered on the way: it is found again. */
	HOLD(day.rows == 1 && dayvalue_add(&day, v, false) && day.rows == 1);
	HOLD(day.row[0].success + day.row[0].failure == 3);
}

static void
check_verdict(void *arg, const struct verdict *v)
{
	unsigned *told = arg;

	++*told;
	check_string(v->domain, REPORT_NAME_MAX, "");
	HOLD(v->domain[0] != '\0');
	HOLD(report_type_name(v->policy.type) != NULL);
	check_string(v->policy.domain, REPORT_NAME_MAX, "");
	check_string(v->policy.strings, REPORT_STRINGS_MAX, "\n");
	check_string(v->policy.mx, REPORT_MX_MAX, "");
	HOLD(v->n <= REPORT_FAILURES_MAX && (v->success || v->n > 0));
	for (size_t i = 0; i < v->n; i++)
		check_failure(&v->failures[i]);
	check_datagram(v);
	check_day(v);
}

static time_t
now(void *arg)
{
	(void)arg;
	return 1700000000;
}

static struct lookup *
make_lookup(struct config *c)
{
	static const struct lookup_ops ops = { .now = now };
	struct lookup *l;

	config_defaults(c);
	(void)snprintf(c->cache_dir, sizeof c->cache_dir, "/nonexistent");
	c->exceptions[0] = '\0';
	(void)snprintf(c->tlsrpt.contact, sizeof c->tlsrpt.contact,
	    "tls@sender.test");
	l = lookup_new(c, &ops);
	HOLD(l != NULL);
	return l;
}

/* Seven lines as arguments. */
static void
take_event(struct session *s, struct scan *in)
{
	static char word[EVENT_ARGS][WORD];
	const char *argv[EVENT_ARGS];
	struct event e;

	for (unsigned i = 0; i < EVENT_ARGS; i++) {
		fuzz_word(in, word[i], sizeof word[i]);
		for (char *p = word[i]; *p != '\0'; p++)
			if (*p == '\v')
				*p = '\n';
		argv[i] = word[i];
	}
	if (!event_read(EVENT_ARGS, argv, &e))
		return;
	event_handle(s->lookup, &e);
	session_event(s, &e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scan in = scan_over((const char *)data, size);
	struct session s;
	struct config c;
	unsigned told = 0;
	unsigned events = 0;

	memset(&s, 0, sizeof s);
	s.config = &c;
	s.lookup = make_lookup(&c);
	s.now = now;
	s.tell = check_verdict;
	s.arg = &told;
	for (; events < EVENTS_MAX && !scan_done(&in); events++)
		take_event(&s, &in);
	HOLD(told <= events);
	lookup_free(s.lookup);
	return 0;
}
