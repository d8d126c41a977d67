/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_match.c - a list of patterns, and a host behind it on a line: the list
 * for Exim lets pass exactly the hosts that match_host() accepts, as Exim
 * reads lists and PCRE2 its regular expressions. */
#include "fuzz.h"
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include "../../module/protocol/match.h"

#define LIST_MAX 4096u

/* Exim takes every regular expression of a host list without regard to case. */
static bool
regex_matches(const char *regex, const char *host)
{
	PCRE2_SIZE at;
	int error, n;
	pcre2_match_data *match;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)regex,
	    PCRE2_ZERO_TERMINATED, PCRE2_CASELESS, &error, &at, NULL);

	HOLD(code != NULL);
	match = pcre2_match_data_create_from_pattern(code, NULL);
	HOLD(match != NULL);
	n = pcre2_match(code, (PCRE2_SPTR)host, strlen(host), 0, 0, match,
	    NULL);
	HOLD(n > 0 || n == PCRE2_ERROR_NOMATCH);
	pcre2_match_data_free(match);
	pcre2_code_free(code);
	return n > 0;
}

/* The next item of an Exim list: a doubled ':' stands for itself, blanks
 * around an item do not count. */
static bool
next_item(const char **list, char item[LIST_MAX])
{
	const char *p = *list;
	size_t n = 0;

	while (scan_is_wsp(*p))
		p++;
	if (*p == '\0')
		return false;
	for (; *p != '\0'; p++) {
		if (*p == ':' && *++p != ':')
			break;
		item[n++] = *p;
	}
	while (n > 0 && scan_is_wsp(item[n - 1]))
		n--;
	item[n] = '\0';
	*list = p;
	return true;
}

/* Whether ignore_target_hosts = list leaves host alone. */
static bool
exim_lets_pass(const char *list, const char *host)
{
	char item[LIST_MAX];

	HOLD(list[0] != '<'); /* that would be another separator */
	while (next_item(&list, item)) {
		if (strcmp(item, "*") == 0)
			return false;
		HOLD(item[0] == '!' && item[1] == '^');
		if (regex_matches(item + 1, host))
			return true;
	}
	fuzz_broken(__FILE__, __LINE__, "the list ends with *");
}

/* Names as Exim has them: its DNS library writes odd bytes with a backslash,
 * which dns_check_names_pattern lets no address be looked up for, and it drops
 * the final dot. */
static bool
exim_may_have(const char *host)
{
	size_t len = strlen(host);

	if (len > 0 && host[len - 1] == '.')
		return false;
	for (; *host != '\0'; host++)
		if (!ascii_is_print(*host) || *host == ' ' || *host == '\\')
			return false;
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char mx[LIST_MAX / 8], host[512], buf[LIST_MAX];
	struct scan s = scan_over((const char *)data, size);
	struct text t;
	bool want;

	fuzz_word(&s, mx, sizeof mx);
	fuzz_word(&s, host, sizeof host);
	want = match_host(mx, host);
	HOLD(want || !match_pattern(mx, host));
	text_init(&t, buf, sizeof buf);
	match_ignore_list(&t, mx);
	if (t.full) {
		HOLD(t.len == 0 && buf[0] == '\0');
		return 0;
	}
	HOLD(fuzz_holds_only(buf, t.len, "-*:!^$[].+"));
	if (exim_may_have(host))
		HOLD(exim_lets_pass(buf, host) == want);
	return 0;
}
