/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_fetch_head.c - which heads of an answer let its body be a policy. */
#include "rows.h"
#include <string.h>
#include "../../module/net/fetch_head.h"
#include "guard.h"

#define OK200 "HTTP/1.1 200 OK\r\n"
#define PLAIN "Content-Type: text/plain\r\n"

static const struct head_row {
	const char *name;
	const char *head; /* the empty line that ends it included */
	const char *want; /* word, or NULL: passed */
} head_rows[] = {
	{ "200 and text/plain", OK200 PLAIN "\r\n", NULL },
	{ "lines that end in LF only",
	    "HTTP/1.1 200 OK\nContent-Type: text/plain\n\n", NULL },
	{ "a status without a reason", "HTTP/1.1 200\r\n" PLAIN "\r\n", NULL },
	{ "HTTP/1.0", "HTTP/1.0 200 OK\r\n" PLAIN "\r\n", NULL },
	{ "names in any case", OK200 "cOnTeNt-TyPe: text/plain\r\n\r\n", NULL },
	{ "blanks around a value",
	    OK200 "Content-Type: \t text/plain \t\r\n\r\n", NULL },
	{ "no blank before a value", OK200 "Content-Type:text/plain\r\n\r\n",
	    NULL },
	{ "a parameter", OK200 "Content-Type: text/plain; charset=x\r\n\r\n",
	    NULL },
	{ "other lines", OK200 "Set-Cookie: a=b\r\n" PLAIN "X: y\r\n\r\n",
	    NULL },
	{ "interim answers first",
	    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n"
	    "Content-Type: text/html\r\nContent-Encoding: gzip\r\n\r\n" OK200
		PLAIN "\r\n",
	    NULL },
	{ "trailers do not count",
	    OK200 PLAIN "\r\nContent-Type: text/html\r\n\r\n", NULL },
	{ "identity is no encoding",
	    OK200 PLAIN "Content-Encoding: Identity\r\n\r\n", NULL },
	{ "an empty encoding", OK200 PLAIN "Content-Encoding: \r\n\r\n", NULL },

	{ "404", "HTTP/1.1 404 Not Found\r\n" PLAIN "\r\n", "http-404" },
	{ "204", "HTTP/1.1 204 No Content\r\n" PLAIN "\r\n", "http-204" },
	{ "206", "HTTP/1.1 206 Partial\r\n" PLAIN "\r\n", "http-206" },
	{ "201", "HTTP/1.1 201 Created\r\n" PLAIN "\r\n", "http-201" },
	{ "500", "HTTP/1.1 500 Oops\r\n" PLAIN "\r\n", "http-500" },
	{ "999", "HTTP/1.1 999 Go away\r\n" PLAIN "\r\n", "http-999" },
	{ "301", "HTTP/1.1 301 Moved\r\n" PLAIN "\r\n", "redirect" },
	{ "304", "HTTP/1.1 304 Not Modified\r\n\r\n", "redirect" },
	{ "the status tells more than the type",
	    "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n",
	    "http-404" },
	{ "no status line", PLAIN "\r\n", "http-protocol" },
	{ "a status without digits", "HTTP/1.1 OK\r\n" PLAIN "\r\n",
	    "http-protocol" },
	{ "a status of two digits", "HTTP/1.1 20\r\n" PLAIN "\r\n",
	    "http-protocol" },
	{ "a status line cut short", "HTTP/\r\n" PLAIN "\r\n",
	    "http-protocol" },
	{ "no type", OK200 "\r\n", "content-type" },
	{ "an empty type", OK200 "Content-Type:\r\n\r\n", "content-type" },
	{ "another type", OK200 "Content-Type: text/html\r\n\r\n",
	    "content-type" },
	{ "two types, good one last",
	    OK200 "Content-Type: text/html\r\n" PLAIN "\r\n", "content-type" },
	{ "a blank before the colon", OK200 "Content-Type : text/plain\r\n\r\n",
	    "content-type" },
	{ "another name that begins so",
	    OK200 "Content-Type-X: text/plain\r\n\r\n", "content-type" },
	{ "a type on the next line",
	    OK200 "Content-Type:\r\n text/plain\r\n\r\n", "content-type" },
	{ "the type of an interim answer",
	    "HTTP/1.1 103 Early Hints\r\n" PLAIN "\r\n" OK200 "\r\n",
	    "content-type" },
	{ "gzip", OK200 PLAIN "Content-Encoding: gzip\r\n\r\n", "encoding" },
	{ "gzip, then identity",
	    OK200 PLAIN "Content-Encoding: gzip\r\n"
			"Content-Encoding: identity\r\n\r\n",
	    "encoding" },
	{ "a longer word than identity",
	    OK200 PLAIN "Content-Encoding: identity,gzip\r\n\r\n", "encoding" },
};

/* Line by line, each at the end of readable memory. */
static enum sts_status
feed(struct fetch_head *h, const char *p, size_t len, struct sts_error *err)
{
	enum sts_status status = STS_OK;
	const char *end;
	size_t n;

	while (len > 0 && status == STS_OK) {
		end = memchr(p, '\n', len);
		assert_non_null(end);
		n = (size_t)(end - p) + 1;
		status = fetch_head_line(h, guard_bytes(p, n), n, err);
		p += n;
		len -= n;
	}
	return status;
}

static void
check_head(void **state)
{
	const struct head_row *r = *state;
	struct fetch_head h = { 0 };
	struct sts_error err = { 0 };
	enum sts_status got;

	got = feed(&h, r->head, strlen(r->head), &err);
	assert_int_equal(got, r->want == NULL ? STS_OK : STS_FETCH);
	assert_int_equal(h.passed, r->want == NULL);
	assert_string_equal(err.word, r->want == NULL ? "" : r->want);
}

static void
head_of_limit_passes_and_a_byte_more_does_not(void **state)
{
	static const char start[] = OK200 PLAIN "X: ";
	static char head[FETCH_HEAD_MAX + 1];
	struct sts_error err;

	(void)state;
	for (size_t len = FETCH_HEAD_MAX; len <= FETCH_HEAD_MAX + 1; len++) {
		struct fetch_head h = { 0 };
		enum sts_status got;

		memset(head, 'x', len);
		memcpy(head, start, sizeof start - 1);
		memcpy(head + len - 4, "\r\n\r\n", 4);
		got = feed(&h, head, len, &err);
		assert_int_equal(got == STS_OK, len <= FETCH_HEAD_MAX);
		assert_int_equal(h.passed, len <= FETCH_HEAD_MAX);
	}
	assert_string_equal(err.word, "too-large");
}

static const struct end_row {
	const char *name;
	const char *lines;
	bool want;
} end_rows[] = {
	{ "chunked", "Transfer-Encoding: chunked\r\n", true },
	{ "chunked in any case", "transfer-encoding:Chunked \r\n", true },
	{ "not chunked", "Content-Length: 5\r\n", false },
	{ "chunked and something else", "Transfer-Encoding: gzip, chunked\r\n",
	    false },
	{ "a longer word", "Transfer-Encoding: chunkedx\r\n", false },
	{ "chunked, then not",
	    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", false },
};

static void
check_end(void **state)
{
	const struct end_row *r = *state;
	struct fetch_head h = { 0 };

	assert_int_equal(feed(&h, OK200 PLAIN, strlen(OK200 PLAIN), NULL),
	    STS_OK);
	assert_int_equal(feed(&h, r->lines, strlen(r->lines), NULL), STS_OK);
	assert_int_equal(h.chunked, r->want);
}

/* RFC 8460 5.4: any 2xx, and nothing else of the answer counts. */
static const struct post_row {
	const char *name;
	const char *head;
	const char *want; /* word, or NULL: passed */
} post_rows[] = {
	{ "200", OK200 "\r\n", NULL },
	{ "201 and a page", "HTTP/1.1 201 X\r\nContent-Type: a/b\r\n\r\n",
	    NULL },
	{ "204", "HTTP/1.1 204 X\r\n\r\n", NULL },
	{ "103, then 200", "HTTP/1.1 103 X\r\n\r\n" OK200 "\r\n", NULL },
	{ "301", "HTTP/1.1 301 X\r\n\r\n", "redirect" },
	{ "404", "HTTP/1.1 404 X\r\n\r\n", "http-404" },
	{ "500", "HTTP/1.1 500 X\r\n\r\n", "http-500" },
	{ "no status", "X: y\r\n\r\n", "http-protocol" },
};

static void
check_post(void **state)
{
	const struct post_row *r = *state;
	struct fetch_head h = { .to_post = true };
	struct sts_error err = { .word = "" };
	enum sts_status got = feed(&h, r->head, strlen(r->head), &err);

	assert_int_equal(h.passed, r->want == NULL);
	assert_int_equal(got == STS_OK, r->want == NULL);
	assert_string_equal(err.word, r->want != NULL ? r->want : "");
}

static void
nul_in_type_does_not_end_it(void **state)
{
	static const char head[] =
	    OK200 "Content-Type: text/plain\0, text/html\r\n\r\n";
	struct fetch_head h = { 0 };
	struct sts_error err;

	(void)state;
	assert_int_equal(feed(&h, head, sizeof head - 1, &err), STS_FETCH);
	assert_string_equal(err.word, "content-type");
}

static void
type_too_long_is_refused_not_cut(void **state)
{
	struct fetch_head h = { 0 };
	struct sts_error err;
	char head[512];
	size_t len;

	(void)state;
	memset(head, 'x', sizeof head);
	len = strlen(OK200 "Content-Type: text/plain;");
	memcpy(head, OK200 "Content-Type: text/plain;", len);
	memcpy(head + sizeof head - 4, "\r\n\r\n", 4);
	assert_int_equal(feed(&h, head, sizeof head, &err), STS_FETCH);
	assert_string_equal(err.word, "content-type");
}

int
main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(head_of_limit_passes_and_a_byte_more_does_not),
		cmocka_unit_test(nul_in_type_does_not_end_it),
		cmocka_unit_test(type_too_long_is_refused_not_cut),
	};

	return RUN_ROWS(head_rows, check_head) +
	    RUN_ROWS(end_rows, check_end) +
	    RUN_ROWS(post_rows, check_post) +
	    cmocka_run_group_tests(others, NULL, NULL);
}
