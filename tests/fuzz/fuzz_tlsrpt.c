/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_tlsrpt.c - a TLSRPT record, and a set of them, one a line: what is let
 * through is one plain address each, and is understood again. */
#include "fuzz.h"
#include <string.h>
#include "../../module/protocol/domain.h"
#include "../../module/report/tlsrpt_record.h"

#define RECORDS_MAX 16u

static void
check_mailto(const char *address)
{
	const char *at = strchr(address, '@');

	HOLD(at != NULL && at > address && address[0] != '-');
	HOLD(fuzz_holds_only(address, (size_t)(at - address), ".-_+=~"));
	HOLD(domain_is_ldh(at + 1, strlen(at + 1)));
	HOLD(strchr(at, '.') != NULL);
}

static void
check_https(const char *url)
{
	const char *host = url + strlen("https://");
	size_t n = strcspn(host, "/");

	HOLD(strncmp(url, "https://", strlen("https://")) == 0);
	HOLD(host[n] == '/' && domain_is_ldh(host, n));
	HOLD(memchr(host, '.', n) != NULL);
	HOLD(fuzz_holds_only(host + n, strlen(host + n),
	    "-._~$&()*+=:@/?%"));
}

static void
check_record(const struct tlsrpt_record *r)
{
	char buf[TLSRPT_TEXT_MAX];
	struct tlsrpt_record again;
	struct text t;

	HOLD(r->n >= 1 && r->n <= TLSRPT_RUA_MAX);
	for (unsigned i = 0; i < r->n; i++) {
		HOLD(strlen(r->rua[i].text) <= TLSRPT_URI_MAX);
		if (r->rua[i].kind == TLSRPT_MAILTO)
			check_mailto(r->rua[i].text);
		else
			check_https(r->rua[i].text);
	}
	text_init(&t, buf, sizeof buf);
	tlsrpt_record_text(r, &t);
	HOLD(!t.full);
	HOLD(tlsrpt_record_parse(buf, t.len, &again, NULL) == STS_OK);
	HOLD(again.n == r->n && again.refused == 0);
	for (unsigned i = 0; i < r->n; i++)
		HOLD(strcmp(again.rua[i].text, r->rua[i].text) == 0);
}

static void
check(enum sts_status status, const struct tlsrpt_record *r,
    const struct sts_error *err)
{
	if (status == STS_OK) {
		check_record(r);
		return;
	}
	HOLD(status == STS_ABSENT || status == STS_RECORD);
	HOLD(r->n == 0);
	fuzz_error(err, status);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct scan s = scan_over((const char *)data, size);
	struct bytes set[RECORDS_MAX];
	struct tlsrpt_record r;
	struct sts_error err;
	size_t n = 0;

	check(tlsrpt_record_parse(s.p, size, &r, &err), &r, &err);
	while (n < RECORDS_MAX && !scan_done(&s))
		set[n++] = fuzz_line(&s);
	check(tlsrpt_record_select(set, n, &r, &err), &r, &err);
	return 0;
}
