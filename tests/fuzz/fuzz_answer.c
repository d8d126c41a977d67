/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_answer.c - the line that Exim reads: whatever is in an answer, it has
 * none but its own characters and keys. */
#include "fuzz.h"
#include <stdlib.h>
#include "../../module/lookup/answer.h"

static const char *const keys[] = { "domain", "mode", "status", "reason", "id",
	"max_age", "expires", "mx", "ignore" };
#define KEYS (sizeof keys / sizeof keys[0])

static bool
is_key(const char *key, const char *p, size_t len)
{
	return strlen(key) == len && memcmp(key, p, len) == 0;
}

/* Each word of line is "key=value", in that order. */
static void
check_keys(const char *line)
{
	size_t at = 0;

	while (*line != '\0') {
		size_t n = strcspn(line, "=");

		while (at < KEYS && !is_key(keys[at], line, n))
			at++;
		HOLD(at < KEYS && line[n] == '=');
		line += strcspn(line, " ");
		line += *line == ' ';
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scan s = scan_over((const char *)data, size);
	struct answer draft = { 0 };
	struct answer *a;
	struct bytes mx;

	if (size < 4)
		return 0;
	draft.status = (enum answer_status)(data[0] % (ANSWER_ERROR + 1));
	draft.tempfail = data[1] % 8 == 0;
	draft.mode = (enum sts_mode)(data[1] % (STS_ENFORCE + 1));
	draft.max_age = data[2] * 65536u;
	draft.expires = (time_t)data[3] << 24;
	s.p += 4;
	fuzz_word(&s, draft.domain, sizeof draft.domain);
	fuzz_word(&s, draft.id, sizeof draft.id);
	(void)error_set(&draft.why, STS_SYSTEM, draft.id, "%s", draft.domain);
	mx.p = s.p;
	mx.len = scan_left(&s);
	a = answer_new(&draft, mx);
	HOLD(a != NULL);
	HOLD(fuzz_holds_only(a->line, strlen(a->line), " _.-*:=!^$[]+"));
	check_keys(a->line);
	/* What it says is what its fields say. */
	HOLD(strstr(a->line, answer_mode_name(a)) != NULL);
	HOLD(strstr(a->line, answer_status_name(a->status)) != NULL);
	HOLD(a->tempfail || a->mode != STS_ENFORCE || a->id[0] == '\0' ||
	    strcmp(a->line + strlen(a->line) - 1, "*") == 0);
	answer_free(a);
	return 0;
}
