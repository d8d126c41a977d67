/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_https.c - GET a policy or POST a report by libcurl, with all that a
 * web client does for its user's comfort switched off. */
#include "fetch_https.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "../protocol/domain.h"
#include "../protocol/text.h"
#include "../store/clock.h"
#include "address.h"
#include "fetch_head.h"
#include "fetch_tls.h"

#define PIN_MAX (STS_DOMAIN_MAX + sizeof(struct fetch_try) + 8)

/* One request, to the addresses of one try. */
struct transfer {
	const struct fetch_request *request;
	size_t number; /* of the try */
	bool again; /* nobody answered: the next try may do better */
	struct fetch_body *body;
	struct fetch_head head;
	struct fetch_tls tls;
	enum sts_status status; /* what a callback found; then err says it */
	struct sts_error *err;
	char curl_text[CURL_ERROR_SIZE];
};

/* Kept up while an option failed: checked once at the end. */
struct setup {
	CURL *curl;
	CURLcode code;
};

/* --- what libcurl calls -------------------------------------------------- */
static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	t->status = fetch_head_line(&t->head, p, size * n, t->err);
	return t->status == STS_OK ? size * n : 0;
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct fetch_body *b = t->body;
	size_t len = size * n;

	/* What is said to a report is for its host's own people. */
	if (t->head.to_post)
		return t->head.passed ? 0 : len;
	if (len > sizeof b->p - b->len) {
		t->status = error_set(t->err, STS_FETCH, "too-large",
		    "the policy exceeds %zu bytes", sizeof b->p);
		return 0;
	}
	memcpy(b->p + b->len, p, len);
	b->len += len;
	return len;
}

/* The addresses were judged when they were found; this is the one that is
 * about to be connected to, whatever went on between. */
static curl_socket_t
on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *t = arg;
	const char *refusal = address_refusal(&address->addr);

	(void)purpose;
	if (refusal != NULL && !t->request->allow_private) {
		t->status = error_set(t->err, STS_FETCH, "address-refused",
		    "an address of %.120s is %s", t->request->host, refusal);
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC,
	    address->protocol);
}

static CURLcode
on_tls(CURL *curl, void *ctx, void *arg)
{
	struct transfer *t = arg;

	(void)curl;
	return fetch_tls_require(ctx, &t->tls) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

/* --- options ------------------------------------------------------------- */
static void
set_long(struct setup *s, CURLoption option, long value)
{
	if (s->code == CURLE_OK)
		s->code = curl_easy_setopt(s->curl, option, value);
}

static void
set_text(struct setup *s, CURLoption option, const char *value)
{
	if (s->code == CURLE_OK)
		s->code = curl_easy_setopt(s->curl, option, value);
}

static void
set_pointer(struct setup *s, CURLoption option, void *value)
{
	if (s->code == CURLE_OK)
		s->code = curl_easy_setopt(s->curl, option, value);
}

/* RFC 8461 3.3: https and nothing else, no redirect, no cache. */
static void
set_http(struct setup *s, const struct fetch_request *r)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	set_text(s, CURLOPT_PROTOCOLS_STR, "https");
#else
	set_long(s, CURLOPT_PROTOCOLS, CURLPROTO_HTTPS);
#endif
	set_text(s, CURLOPT_URL, r->url);
	set_long(s, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	set_long(s, CURLOPT_HTTP09_ALLOWED, 0);
	set_long(s, CURLOPT_FOLLOWLOCATION, 0);
	set_long(s, CURLOPT_FRESH_CONNECT, 1);
	set_long(s, CURLOPT_FORBID_REUSE, 1);
	set_long(s, CURLOPT_NETRC, CURL_NETRC_IGNORED);
	set_text(s, CURLOPT_PROXY, "");
	set_text(s, CURLOPT_NOPROXY, "*");
	set_text(s, CURLOPT_USERAGENT, "exim-mta-sts/" MTA_STS_VERSION);
}

static void
set_size(struct setup *s, CURLoption option, size_t size)
{
	if (s->code == CURLE_OK)
		s->code = curl_easy_setopt(s->curl, option, (curl_off_t)size);
}

static void
set_get(struct setup *s)
{
	set_long(s, CURLOPT_HTTPGET, 1);
	set_size(s, CURLOPT_MAXFILESIZE_LARGE, STS_BODY_MAX);
}

static void
set_post(struct setup *s, const struct fetch_request *r,
    struct curl_slist *lines)
{
	set_long(s, CURLOPT_POST, 1);
	set_size(s, CURLOPT_POSTFIELDSIZE_LARGE, r->post.len);
	set_text(s, CURLOPT_POSTFIELDS, r->post.p);
	set_pointer(s, CURLOPT_HTTPHEADER, lines);
}

/* One time limit for all; but no try may spend the time of those after it
 * with waiting for a connection. */
static void
set_limits(struct setup *s, const struct transfer *t)
{
	long left = clock_left(t->request->deadline);
	long share = left / (long)(t->request->addresses->n - t->number);

	/* 0 would be no limit. */
	set_long(s, CURLOPT_TIMEOUT_MS, left > 0 ? left : 1);
	set_long(s, CURLOPT_CONNECTTIMEOUT_MS, share > 0 ? share : 1);
	set_long(s, CURLOPT_NOSIGNAL, 1);
}

/* libcurl's own bundle is one file of 145 certificates, and reading it takes
 * longer than all the rest: 20 ms.  From a directory only what is needed is
 * read. */
static void
set_tls(struct setup *s, const struct fetch_request *r)
{
	set_long(s, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	set_long(s, CURLOPT_SSL_VERIFYPEER, 1);
	set_long(s, CURLOPT_SSL_VERIFYHOST, 2);
	set_long(s, CURLOPT_SSL_SESSIONID_CACHE, 0);
	set_text(s, CURLOPT_CAINFO, r->ca_file);
	set_text(s, CURLOPT_CAPATH, r->ca_path);
}

static void
set_callbacks(struct setup *s, struct transfer *t)
{
	set_pointer(s, CURLOPT_HEADERDATA, t);
	set_pointer(s, CURLOPT_WRITEDATA, t);
	set_pointer(s, CURLOPT_OPENSOCKETDATA, t);
	set_pointer(s, CURLOPT_SSL_CTX_DATA, t);
	set_pointer(s, CURLOPT_ERRORBUFFER, t->curl_text);
	if (s->code == CURLE_OK)
		s->code = curl_easy_setopt(s->curl, CURLOPT_HEADERFUNCTION,
		    on_header);
	if (s->code == CURLE_OK)
		s->code = curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION,
		    on_body);
	if (s->code == CURLE_OK)
		s->code = curl_easy_setopt(s->curl, CURLOPT_OPENSOCKETFUNCTION,
		    on_socket);
	if (s->code == CURLE_OK)
		s->code = curl_easy_setopt(s->curl, CURLOPT_SSL_CTX_FUNCTION,
		    on_tls);
}

/* --- what came of it ----------------------------------------------------- */
static enum sts_status
system_trouble(const struct transfer *t, CURLcode code)
{
	if (code == CURLE_SSL_CACERT_BADFILE)
		return error_set(t->err, STS_SYSTEM, "ca-file",
		    "the file of authorities cannot be read as PEM");
	if (code == CURLE_OUT_OF_MEMORY)
		return error_set(t->err, STS_NOMEM, "no-memory",
		    "out of memory");
	return error_set(t->err, STS_SYSTEM, "curl", "libcurl: %s",
	    curl_easy_strerror(code));
}

static const char *
word_of(CURLcode code, bool connected)
{
	static const struct {
		CURLcode code;
		const char *word;
	} words[] = {
		{ CURLE_OPERATION_TIMEDOUT, "timeout" },
		{ CURLE_COULDNT_CONNECT, "connect" },
		{ CURLE_COULDNT_RESOLVE_HOST, "host-not-found" },
		{ CURLE_SSL_CONNECT_ERROR, "tls" },
		{ CURLE_SSL_CIPHER, "tls" },
		{ CURLE_FILESIZE_EXCEEDED, "too-large" },
#if LIBCURL_VERSION_NUM >= 0x080600
		{ CURLE_TOO_LARGE, "too-large" },
#endif
		{ CURLE_PARTIAL_FILE, "truncated" },
		{ CURLE_GOT_NOTHING, "truncated" },
		{ CURLE_RECV_ERROR, "truncated" },
		{ CURLE_SEND_ERROR, "truncated" },
		{ CURLE_UNSUPPORTED_PROTOCOL, "http-protocol" },
		{ CURLE_WEIRD_SERVER_REPLY, "http-protocol" },
		{ CURLE_BAD_CONTENT_ENCODING, "http-protocol" },
		{ CURLE_WRITE_ERROR, "http-protocol" },
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (words[i].code == code)
			return words[i].word;
	/* Whatever it is, by then it is the policy host's doing. */
	return connected ? "http-protocol" : NULL;
}

/* With the handshake of TLS. */
static bool
is_connected(CURL *curl)
{
	curl_off_t handshake = 0;

	(void)curl_easy_getinfo(curl, CURLINFO_APPCONNECT_TIME_T, &handshake);
	return handshake > 0;
}

/* The body has come.  One that ends with its connection may have been cut by
 * anybody on the way, unless TLS tells. */
static enum sts_status
check_whole(const struct transfer *t, CURL *curl)
{
	curl_off_t length = -1;

	(void)curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T,
	    &length);
	if (length >= 0 || t->head.chunked || t->tls.ended)
		return STS_OK;
	return error_set(t->err, STS_FETCH, "truncated",
	    "the connection ended, and nothing says that the policy did");
}

static enum sts_status
conclude(struct transfer *t, CURL *curl, CURLcode code)
{
	bool connected = is_connected(curl);
	enum sts_status status;
	const char *word;

	if (t->head.to_post && t->head.passed)
		return STS_OK; /* however the answer goes on */
	if (code == CURLE_OK && t->head.passed)
		return check_whole(t, curl);
	t->again = !connected &&
	    (code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT);
	if (t->status != STS_OK && code != CURLE_OK)
		return t->status;
	status = fetch_head_code(&t->head, t->err);
	if (status != STS_OK)
		return status;
	if (t->tls.result != 0 || code == CURLE_PEER_FAILED_VERIFICATION)
		return fetch_tls_error(&t->tls, t->err);
	if (code == CURLE_OK)
		return error_set(t->err, STS_FETCH, "truncated",
		    "the policy host's answer ends within its head");
	/* libcurl says that also of a header line over its limit. */
	if (code == CURLE_OUT_OF_MEMORY && connected)
		return error_set(t->err, STS_FETCH, "too-large",
		    "a line in the head of the answer is too long");
	word = word_of(code, connected);
	if (word == NULL)
		return system_trouble(t, code);
	return error_set(t->err, STS_FETCH, word, "%s",
	    t->curl_text[0] != '\0' ? t->curl_text : curl_easy_strerror(code));
}

static enum sts_status
perform(struct transfer *t, CURL *curl, struct curl_slist *pins,
    struct curl_slist *lines)
{
	const struct fetch_request *r = t->request;
	struct setup s = { curl, CURLE_OK };

	set_pointer(&s, CURLOPT_RESOLVE, pins);
	set_http(&s, r);
	if (r->post_type == NULL)
		set_get(&s);
	else
		set_post(&s, r, lines);
	set_limits(&s, t);
	set_tls(&s, r);
	set_callbacks(&s, t);
	if (s.code != CURLE_OK)
		return system_trouble(t, s.code);
	return conclude(t, curl, curl_easy_perform(curl));
}

/* libcurl asks no resolver: the host has these addresses. */
static struct curl_slist *
pin(const struct transfer *t)
{
	const struct fetch_request *r = t->request;
	char line[PIN_MAX];
	struct text l;

	text_init(&l, line, sizeof line);
	text_addf(&l, "%s:443:%s", r->host, r->addresses->at[t->number].list);
	return l.full ? NULL : curl_slist_append(NULL, line);
}

/* The lines that a POST has beside libcurl's own. */
static struct curl_slist *
head_lines(const struct fetch_request *r)
{
	char line[FETCH_TYPE_MAX + 1];
	struct curl_slist *one, *both;
	struct text l;

	text_init(&l, line, sizeof line);
	text_addf(&l, "Content-Type: %s",
	    r->post_type != NULL ? r->post_type : "");
	one = l.full ? NULL : curl_slist_append(NULL, line);
	/* No "Expect: 100-continue", and no wait for an answer to that. */
	both = one == NULL ? NULL : curl_slist_append(one, "Expect:");
	if (both == NULL)
		curl_slist_free_all(one);
	return both;
}

static enum sts_status
try_once(struct transfer *t)
{
	struct curl_slist *pins = pin(t);
	struct curl_slist *lines = head_lines(t->request);
	CURL *curl = curl_easy_init();
	enum sts_status status;

	t->body->len = 0;
	if (curl != NULL && pins != NULL && lines != NULL)
		status = perform(t, curl, pins, lines);
	else
		status = error_set(t->err, STS_NOMEM, "no-memory",
		    "out of memory");
	curl_slist_free_all(pins);
	curl_slist_free_all(lines);
	curl_easy_cleanup(curl);
	return status;
}

enum sts_status
fetch_https(const struct fetch_request *r, struct fetch_body *body,
    struct sts_error *err)
{
	enum sts_status status = STS_FETCH;
	bool again = true;

	if (curl_global_init(CURL_GLOBAL_SSL) != CURLE_OK)
		return error_set(err, STS_SYSTEM, "curl",
		    "libcurl cannot be initialised");
	for (size_t i = 0; i < r->addresses->n && again; i++) {
		struct transfer t = {
			.request = r,
			.number = i,
			.body = body,
			.head.to_post = r->post_type != NULL,
			.tls.host = r->host,
			.err = err,
		};

		status = try_once(&t);
		again = t.again;
	}
	curl_global_cleanup();
	return status;
}

void
fetch_https_warm(void)
{
	/* Where this fails it fails again, and is told. */
	if (curl_global_init(CURL_GLOBAL_SSL) == CURLE_OK)
		fetch_tls_warm();
}
