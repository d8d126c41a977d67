/* SPDX-License-Identifier: GPL-2.0-or-later */
/* explain.c - `mta-sts explain DOMAIN`: what would happen to mail now. */
#include "explain.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../net/fetch_host.h"
#include "../net/resolve.h"
#include "../protocol/match.h"
#include "../store/cache.h"
#include "../store/clock.h"
#include "commands.h"

#define PROBES_MAX 8u /* hosts: each may take fetch_timeout */

/* --- asking -------------------------------------------------------------- */

static bool
find_exception(struct explanation *x)
{
	x->exceptions = exceptions_load(x->tool->config.exceptions, NULL, NULL,
	    &x->broken);
	if (x->exceptions == NULL)
		return false;
	x->exception =
	    exceptions_find(x->exceptions, x->domain, (time_t)x->now);
	x->decided = x->exception != NULL &&
	    (x->exception->kind == EXCEPTION_IGNORE ||
		x->exception->kind == EXCEPTION_ENFORCE);
	return true;
}

static int64_t
dns_deadline(const struct explanation *x)
{
	return clock_ms() + x->tool->config.dns_timeout * INT64_C(1000);
}

/* RFC 8461 3.1: as it is now, whatever the cache remembers. */
static void
look_at_record(struct explanation *x)
{
	enum sts_status status;

	(void)snprintf(x->record_name, sizeof x->record_name, "_mta-sts.%s",
	    x->domain);
	status = resolve_txt(x->record_name, dns_deadline(x), &x->records,
	    &x->record);
	if (status == STS_OK)
		status = record_select(x->records.rec, x->records.n, x->id,
		    &x->record);
	if (status == STS_OK)
		x->record.status = STS_OK;
}

static void
look_at_cache(struct explanation *x)
{
	x->cached_status = cache_get(tool_cache(x->tool), x->domain,
	    &x->cached, &x->cached_error);
}

static void
look_at_hosts(struct explanation *x)
{
	enum sts_status status =
	    mx_find(x->domain, dns_deadline(x), &x->set, &x->mx);

	if (status == STS_ABSENT && strcmp(x->mx.word, "nodata") == 0) {
		x->implicit = true;
		x->set.n = 1;
		status = STS_OK;
	}
	if (status == STS_OK)
		x->mx.status = STS_OK;
	x->takes_none =
	    !x->implicit && x->set.n == 1 && x->set.host[0].name[0] == '\0';
	if (x->takes_none)
		return;
	for (size_t i = 0; i < x->set.n; i++) {
		struct explain_host *h = &x->host[x->hosts++];

		h->mx = &x->set.host[i];
		h->name = x->implicit ? x->domain : h->mx->name;
	}
}

/* --- judging hosts ------------------------------------------------------- */

static bool
has_policy(const struct explanation *x)
{
	return !x->answer->tempfail && x->answer->mode != STS_NONE;
}

static void
match(const struct explanation *x, struct explain_host *h)
{
	struct scan s = scan_over(x->answer->mx, strlen(x->answer->mx));
	struct bytes one;
	struct text t;

	while (!h->permitted && !scan_done(&s)) {
		one = scan_item(&s);
		text_init(&t, h->pattern, sizeof h->pattern);
		text_add_bytes(&t, one.p, one.len);
		h->permitted = match_pattern(h->pattern, h->name);
	}
}

static void
connect_to(const struct explanation *x, struct explain_host *h)
{
	const struct config *c = &x->tool->config;
	enum sts_status status = world_probe(c, h->name,
	    clock_ms() + c->fetch_timeout * INT64_C(1000), h->tls, &h->probe);

	h->tried = true;
	if (status == STS_OK)
		h->probe.status = STS_OK;
}

/* Mail goes to no address of MTA_STS_NEVER_HOSTS; nobody is connected to. */
static void
look_at_addresses(const struct explanation *x, struct explain_host *h)
{
	struct fetch_addresses found;

	if (fetch_host_find(h->name, x->tool->config.allow_private_addresses,
		&found, &h->address) == STS_OK)
		h->address.status = STS_OK;
}

/* What the policy forbids is not even connected to. */
static void
judge_hosts(struct explanation *x)
{
	unsigned tried = 0;

	if (!has_policy(x))
		return;
	for (size_t i = 0; i < x->hosts; i++) {
		struct explain_host *h = &x->host[i];

		match(x, h);
		if (!h->permitted || tried++ >= PROBES_MAX)
			continue;
		if (tool_has(x->tool, OPT_CONNECT))
			connect_to(x, h);
		else
			look_at_addresses(x, h);
	}
}

/* --- the verdict --------------------------------------------------------- */

static void __attribute__((format(printf, 3, 4)))
conclude(struct explanation *x, enum outcome outcome, const char *format, ...)
{
	va_list ap;

	x->outcome = outcome;
	va_start(ap, format);
	(void)vsnprintf(x->sentence, sizeof x->sentence, format, ap);
	va_end(ap);
}

static bool
may_take(const struct explain_host *h)
{
	return h->permitted && h->address.status == STS_OK &&
	    (!h->tried || h->probe.status == STS_OK);
}

/* The names of those who may take mail, joined by blanks; how many. */
static unsigned
name_takers(const struct explanation *x, char out[400], bool *untried)
{
	unsigned n = 0;
	struct text t;

	text_init(&t, out, 400);
	for (size_t i = 0; i < x->hosts; i++) {
		const struct explain_host *h = &x->host[i];

		if (!may_take(h))
			continue;
		*untried |= !h->tried;
		text_addf(&t, "%s%s", n++ > 0 ? ", " : "", h->name);
	}
	if (t.full)
		(void)snprintf(out, 400, "%u permitted hosts", n);
	return n;
}

static bool
permits_any(const struct explanation *x)
{
	for (size_t i = 0; i < x->hosts; i++)
		if (x->host[i].permitted)
			return true;
	return false;
}

static void
conclude_enforce(struct explanation *x)
{
	char names[400];
	bool untried = false;

	if (x->mx.status != STS_OK)
		conclude(x, OUTCOME_DEFERRED,
		    "Mail would be deferred or returned: the mail hosts cannot "
		    "be found (%s).",
		    x->mx.text);
	else if (x->takes_none)
		conclude(x, OUTCOME_DEFERRED,
		    "No mail would go: the domain says that it takes none.");
	else if (name_takers(x, names, &untried) > 0)
		conclude(x, OUTCOME_GOES,
		    "Mail would go over verified TLS to %s, and to no other "
		    "host%s.",
		    names, untried ? "; --connect tries that TLS" : "");
	else if (permits_any(x))
		conclude(x, OUTCOME_DEFERRED,
		    "Mail would be deferred: no host that the policy permits "
		    "%s.",
		    tool_has(x->tool, OPT_CONNECT)
			? "offers TLS as it must be"
			: "has an address that mail may go to");
	else
		conclude(x, OUTCOME_DEFERRED,
		    "Mail would be deferred: the policy permits none of the "
		    "domain's mail hosts.");
}

static void
conclude_testing(struct explanation *x)
{
	char names[400];
	bool untried = false, any;

	any = name_takers(x, names, &untried) > 0;
	conclude(x, OUTCOME_GOES,
	    "Mail would go to any mail host, %s%s%s%s.",
	    x->tool->config.observe
		? "since observe mode makes testing of enforce"
		: x->answer->status == ANSWER_EXEMPT &&
		    x->exception->kind == EXCEPTION_TESTING
		? "since an exception makes testing of enforce"
		: "since the policy is a testing one",
	    any ? "; enforcement would leave " : "; enforcement would defer it",
	    any ? names : "", any && untried ? " (--connect tries them)" : "");
}

static void
conclude_none(struct explanation *x)
{
	const struct answer *a = x->answer;
	const char *why = "the domain has no policy";
	bool tell = false;

	if (a->status == ANSWER_EXEMPT)
		why = "an exception says so";
	else if (a->status == ANSWER_NOTADOMAIN)
		why = "this is no mail domain";
	else if (a->id[0] != '\0')
		why = "its policy has mode none";
	else if (a->status == ANSWER_UNUSABLE) {
		why = "no policy is to be had";
		tell = a->why.text[0] != '\0';
	}
	conclude(x, OUTCOME_GOES, "Mail would go as without MTA-STS: %s%s%s%s.",
	    why, tell ? " (" : "", tell ? a->why.text : "", tell ? ")" : "");
}

static void
judge(struct explanation *x)
{
	const struct answer *a = x->answer;

	if (a->tempfail)
		/* dns_failure = defer: the trouble is not ours. */
		conclude(x,
		    strcmp(a->why.word, "dns") == 0 ? OUTCOME_DEFERRED
						    : OUTCOME_TROUBLE,
		    "Mail would be deferred: nobody can tell which policy is "
		    "in force (%s: %s).",
		    a->why.word, a->why.text);
	else if (a->mode == STS_ENFORCE)
		conclude_enforce(x);
	else if (a->mode == STS_TESTING)
		conclude_testing(x);
	else
		conclude_none(x);
}

/* --- the command --------------------------------------------------------- */

/* In the order that Exim would go through, but for the record, which is looked
 * at even where the cache would do.  False: out of memory. */
static bool
find_out(struct explanation *x)
{
	if (!find_exception(x))
		return false;
	look_at_cache(x);
	if (!x->decided)
		look_at_record(x);
	x->answer = lookup_domain(x->tool->lookup, x->domain, LOOKUP_PLAIN);
	look_at_hosts(x);
	judge_hosts(x);
	judge(x);
	return true;
}

static int
exit_code(const struct explanation *x)
{
	switch (x->outcome) {
	case OUTCOME_GOES:
		return EXIT_DONE;
	case OUTCOME_DEFERRED:
		return EXIT_NEGATIVE;
	case OUTCOME_TROUBLE:
		break;
	}
	return EXIT_TROUBLE;
}

/* Who cannot see the cache sees less than Exim does. */
static bool
sees_cache(const struct explanation *x)
{
	return x->cached_status == STS_OK || x->cached_status == STS_MISS ||
	    x->cached_status == STS_DAMAGED || x->cached_status == STS_ABSENT;
}

static int
explain(struct explanation *x)
{
	int code = EXIT_DONE;

	if (!find_out(x)) {
		tool_say("out of memory");
		return EXIT_TROUBLE;
	}
	if (tool_has(x->tool, OPT_JSON))
		code = explain_print_json(x);
	else
		explain_print_plain(x);
	if (!sees_cache(x) && !x->decided)
		return tool_trouble(x->tool, &x->cached_error);
	return tool_worse(code, exit_code(x));
}

int
cmd_explain(struct tool *t, int argc, char *const argv[])
{
	struct explanation *x;
	struct text asked;
	int code;

	(void)argc;
	if (!tool_open_cache(t))
		return EXIT_TROUBLE;
	x = calloc(1, sizeof *x);
	if (x == NULL) {
		tool_say("out of memory");
		return EXIT_TROUBLE;
	}
	x->tool = t;
	x->now = time(NULL);
	text_init(&asked, x->asked, sizeof x->asked);
	text_add_foreign(&asked, argv[0], strlen(argv[0]), STS_DOMAIN_MAX);
	code = tool_domain(argv[0], x->domain) ? explain(x) : EXIT_NEGATIVE;
	txt_set_free(&x->records);
	exceptions_free(x->exceptions);
	free(x);
	return code;
}
