/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch.c - run the helper for a policy, and believe what it says only as far
 * as it keeps to its form: it has been reading a stranger's bytes. */
#include "fetch.h"
#include <string.h>
#include "../protocol/scan.h"
#include "../protocol/text.h"
#include "../store/clock.h"
#include "child.h"

#define ARGS_MAX 14u
#define WHY_CAP 512u /* more than a word and a text */

/* The helper ends by itself a little before it is killed: only it can tell
 * what it was waiting for. */
#define MARGIN_MS 250

#define SECONDS_MAX 16u /* bytes; "3600.000" */

static void
write_seconds_left(char out[SECONDS_MAX], int64_t deadline)
{
	int left = clock_left(deadline) - MARGIN_MS;
	struct text t;

	if (left < MARGIN_MS)
		left = MARGIN_MS;
	text_init(&t, out, SECONDS_MAX);
	text_addf(&t, "%d.%03d", left / 1000, left % 1000);
}

static void
fill_args(const char *argv[ARGS_MAX], const struct fetch_options *o,
    const char *timeout, const char *domain)
{
	size_t n = 0;

	argv[n++] = o->helper;
	argv[n++] = "--timeout";
	argv[n++] = timeout;
	if (o->ca_file != NULL) {
		argv[n++] = "--ca-file";
		argv[n++] = o->ca_file;
	}
	if (o->ca_path != NULL) {
		argv[n++] = "--ca-path";
		argv[n++] = o->ca_path;
	}
	if (o->allow_private_addresses)
		argv[n++] = "--allow-private";
	if (o->smtp)
		argv[n++] = "--smtp";
	if (o->post != NULL) {
		argv[n++] = "--post";
		argv[n++] = o->post;
	}
	argv[n++] = "--";
	argv[n++] = domain;
	argv[n] = NULL;
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || ascii_is_digit(c) || c == '-';
}

/* "word: text\n" and nothing else, within the limits of struct sts_error. */
static bool
read_why(const char *p, size_t len, struct bytes *word, struct bytes *text)
{
	struct scan s = scan_over(p, len);

	word->p = s.p;
	word->len = scan_while(&s, is_word, STS_WORD_MAX);
	if (word->len == 0 || !scan_literal(&s, ": "))
		return false;
	text->p = s.p;
	text->len = scan_while(&s, ascii_is_print, STS_TEXT_MAX);
	return text->len > 0 && scan_literal(&s, "\n") && scan_done(&s);
}

static enum sts_status
garbage(struct sts_error *err, const struct fetch_options *o, const char *what)
{
	return error_set(err, STS_SYSTEM, "helper-garbage", "%s %s", o->helper,
	    what);
}

/* The helper failed and says why. */
static enum sts_status
told(const struct fetch_options *o, enum sts_status status,
    const struct child_end *end, const char *said, struct sts_error *err)
{
	char copy[STS_WORD_MAX + 1];
	struct bytes word, text;
	struct text t;

	if (end->out_len != 0)
		return garbage(err, o, "failed, yet gave a policy");
	if (!read_why(said, end->why_len, &word, &text))
		return garbage(err, o, "failed without saying why in its form");
	text_init(&t, copy, sizeof copy);
	text_add_bytes(&t, word.p, word.len);
	return error_set(err, status, copy, "%.*s", (int)text.len, text.p);
}

static enum sts_status
exited(const struct fetch_options *o, const struct child_end *end,
    const char *said, size_t *len, struct sts_error *err)
{
	switch (end->exit_code) {
	case FETCH_EXIT_OK:
		if (end->why_len != 0)
			return garbage(err, o, "gave a policy, and an error");
		*len = end->out_len;
		return STS_OK;
	case FETCH_EXIT_FETCH:
		return told(o, STS_FETCH, end, said, err);
	case FETCH_EXIT_CERT:
		return told(o, STS_CERT, end, said, err);
	case FETCH_EXIT_USAGE:
	case FETCH_EXIT_SYSTEM:
		return told(o, STS_SYSTEM, end, said, err);
	case CHILD_EXIT_EXEC:
		return error_set(err, STS_SYSTEM, "helper-missing",
		    "%s cannot be executed", o->helper);
	case CHILD_EXIT_RIGHTS:
		return error_set(err, STS_SYSTEM, "helper-rights",
		    "%s could not be given user %lu, group %lu and limits",
		    o->helper, (unsigned long)o->uid, (unsigned long)o->gid);
	default:
		return garbage(err, o, "ended with an unknown exit code");
	}
}

enum sts_status
fetch_read(const struct fetch_options *o, const struct child_end *end,
    const char *said, size_t *len, struct sts_error *err)
{
	*len = 0;
	if (end->timed_out)
		return error_set(err, STS_FETCH, "timeout",
		    "no end within the time limit");
	if (end->flooded)
		return garbage(err, o, "says more than a policy can be");
	if (end->exit_code < 0)
		return error_set(err, STS_SYSTEM, "helper-died",
		    "%s was ended by signal %d", o->helper, end->signal);
	return exited(o, end, said, len, err);
}

enum sts_status
fetch_policy(const struct fetch_options *o, const char *domain,
    int64_t deadline, char *body, size_t cap, size_t *len,
    struct sts_error *err)
{
	const char *argv[ARGS_MAX];
	char why[WHY_CAP], seconds[SECONDS_MAX];
	struct child c = {
		.argv = argv,
		.uid = o->uid,
		.gid = o->gid,
		.deadline = deadline,
		.in = o->post != NULL ? o->in : 0,
		.out = body,
		.out_cap = cap,
		.why = why,
		.why_cap = sizeof why,
	};
	struct child_end end;
	enum sts_status status;

	*len = 0;
	write_seconds_left(seconds, deadline);
	fill_args(argv, o, seconds, domain);
	if (o->run != NULL)
		status = o->run(o->run_arg, &c, &end, err);
	else
		status = child_run(&c, &end, err);
	if (status != STS_OK)
		return status;
	return fetch_read(o, &end, why, len, err);
}
