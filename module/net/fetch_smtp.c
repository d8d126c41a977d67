/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_smtp.c - STARTTLS and certificate of a mail host (RFC 8461 4.2). */
#include "fetch_smtp.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "../protocol/domain.h"
#include "../protocol/text.h"
#include "../store/clock.h"
#include "fetch_tls.h"

#define PORT 25
#define LINE_MAX_BYTES 1024u /* RFC 5321 4.5.3.1.5 says 512 */
#define LINES_MAX 100u /* of one reply */

struct session {
	int fd;
	int64_t deadline; /* clock.h */
	const char *host;
	char in[LINE_MAX_BYTES]; /* read, and not yet looked at ... */
	size_t len; /* ... so much of it */
};

/* Whether fd becomes ready in time. */
static bool
wait_for(int fd, short what, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = what };
	int n;

	do
		n = poll(&p, 1, clock_left(deadline));
	while (n < 0 && errno == EINTR);
	return n > 0;
}

static enum sts_status
late(const struct session *s, struct sts_error *err)
{
	return error_set(err, STS_FETCH, "timeout",
	    "%.120s: no answer within the time limit", s->host);
}

/* --- SMTP in clear ------------------------------------------------------- */

static enum sts_status
say(struct session *s, const char *line, struct sts_error *err)
{
	size_t len = strlen(line);
	ssize_t n;

	while (len > 0) {
		if (!wait_for(s->fd, POLLOUT, s->deadline))
			return late(s, err);
		n = write(s->fd, line, len);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return error_set(err, STS_FETCH, "connect",
			    "%.120s: %s", s->host, strerror(errno));
		if (n > 0) {
			line += n;
			len -= (size_t)n;
		}
	}
	return STS_OK;
}

static enum sts_status
read_more(struct session *s, struct sts_error *err)
{
	ssize_t n;

	if (s->len == sizeof s->in)
		return error_set(err, STS_FETCH, "smtp-reply",
		    "%.120s: a line of its reply has no end", s->host);
	if (!wait_for(s->fd, POLLIN, s->deadline))
		return late(s, err);
	n = read(s->fd, s->in + s->len, sizeof s->in - s->len);
	if (n == 0)
		return error_set(err, STS_FETCH, "smtp-reply",
		    "%.120s: closed the connection", s->host);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return error_set(err, STS_FETCH, "connect", "%.120s: %s",
		    s->host, strerror(errno));
	s->len += n > 0 ? (size_t)n : 0;
	return STS_OK;
}

/* One line without its end. */
static enum sts_status
hear_line(struct session *s, char line[LINE_MAX_BYTES + 1],
    struct sts_error *err)
{
	enum sts_status status;
	const char *end;
	size_t n;

	while ((end = memchr(s->in, '\n', s->len)) == NULL) {
		status = read_more(s, err);
		if (status != STS_OK)
			return status;
	}
	n = (size_t)(end - s->in);
	memcpy(line, s->in, n);
	line[n] = '\0';
	if (n > 0 && line[n - 1] == '\r')
		line[n - 1] = '\0';
	s->len -= n + 1;
	memmove(s->in, end + 1, s->len);
	return STS_OK;
}

/* A reply of one or more lines (RFC 5321 4.2.1) that begins with code; *has
 * (may be NULL): whether one of them is this keyword. */
static enum sts_status
hear(struct session *s, const char *code, const char *keyword, bool *has,
    struct sts_error *err)
{
	char line[LINE_MAX_BYTES + 1];
	enum sts_status status;

	for (unsigned i = 0; i < LINES_MAX; i++) {
		status = hear_line(s, line, err);
		if (status != STS_OK)
			return status;
		if (strncmp(line, code, 3) != 0)
			return error_set(err, STS_FETCH,
			    strcmp(keyword, "STARTTLS") == 0 && has == NULL
				? "starttls-refused"
				: "smtp-reply",
			    "%.120s says: %.70s", s->host, line);
		if (has != NULL && line[3] != '\0' &&
		    strcasecmp(line + 4, keyword) == 0)
			*has = true;
		if (line[3] != '-')
			return STS_OK;
	}
	return error_set(err, STS_FETCH, "smtp-reply",
	    "%.120s: its reply has no end", s->host);
}

/* RFC 3207 4, up to the moment when TLS begins. */
static enum sts_status
ask_for_tls(struct session *s, struct sts_error *err)
{
	char name[STS_DOMAIN_MAX + 1] = "", ehlo[STS_DOMAIN_MAX + 16];
	enum sts_status status;
	bool offers = false;
	struct text t;

	if (gethostname(name, sizeof name - 1) != 0 ||
	    !domain_is_ldh(name, strlen(name)))
		memcpy(name, "localhost", sizeof "localhost");
	text_init(&t, ehlo, sizeof ehlo);
	text_addf(&t, "EHLO %s\r\n", name);
	status = hear(s, "220", "", NULL, err);
	if (status == STS_OK)
		status = say(s, ehlo, err);
	if (status == STS_OK)
		status = hear(s, "250", "STARTTLS", &offers, err);
	if (status == STS_OK && !offers)
		return error_set(err, STS_FETCH, "no-starttls",
		    "%.120s does not offer STARTTLS", s->host);
	if (status == STS_OK)
		status = say(s, "STARTTLS\r\n", err);
	if (status == STS_OK)
		status = hear(s, "220", "STARTTLS", NULL, err);
	/* What was slipped in before TLS would count as said under it. */
	if (status == STS_OK && s->len > 0)
		return error_set(err, STS_FETCH, "smtp-reply",
		    "%.120s: goes on in clear after STARTTLS", s->host);
	return status;
}

/* --- TLS ----------------------------------------------------------------- */

/* RFC 8461 4.2, 7.2: a chain to one of our authorities, a name in the SAN, TLS
 * 1.2 or later. */
static SSL_CTX *
new_context(const struct fetch_request *r, struct fetch_tls *t)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_load_verify_locations(ctx, r->ca_file, r->ca_path) == 1 &&
	    fetch_tls_require(ctx, t))
		return ctx;
	SSL_CTX_free(ctx);
	return NULL;
}

static enum sts_status
not_shaken(const struct session *s, const SSL *ssl, struct sts_error *err)
{
	struct fetch_tls names = { .host = s->host,
		.result = SSL_get_verify_result(ssl) };
	unsigned long code = ERR_peek_error();
	const char *why = code == 0 ? NULL : ERR_reason_error_string(code);

	if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED)
		return fetch_tls_error(&names, err);
	return error_set(err, STS_FETCH, "tls", "%.120s: %.70s", s->host,
	    why != NULL ? why : "the connection ended within TLS");
}

static enum sts_status
shake_hands(struct session *s, SSL *ssl, struct sts_error *err)
{
	int n, what;

	ERR_clear_error();
	while ((n = SSL_connect(ssl)) != 1) {
		what = SSL_get_error(ssl, n);
		if (what != SSL_ERROR_WANT_READ && what != SSL_ERROR_WANT_WRITE)
			return not_shaken(s, ssl, err);
		if (!wait_for(s->fd,
			what == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT,
			s->deadline))
			return late(s, err);
	}
	return STS_OK;
}

static enum sts_status
check_tls(struct session *s, const struct fetch_request *r,
    const char *address, char line[FETCH_SMTP_LINE], struct sts_error *err)
{
	struct fetch_tls names = { .host = r->host };
	SSL_CTX *ctx = new_context(r, &names);
	SSL *ssl = ctx == NULL ? NULL : SSL_new(ctx);
	enum sts_status status = STS_NOMEM;
	char sni[STS_DOMAIN_MAX + 1];
	struct text t;

	text_init(&t, sni, sizeof sni);
	text_add(&t, r->host);
	/* RFC 8461 7.1: SNI is the MX host's name. */
	if (ssl != NULL && SSL_set_fd(ssl, s->fd) == 1 &&
	    SSL_set_tlsext_host_name(ssl, sni) == 1)
		status = shake_hands(s, ssl, err);
	else
		(void)error_set(err, STS_NOMEM, "no-memory", "TLS: no memory");
	if (status == STS_OK) {
		text_init(&t, line, FETCH_SMTP_LINE);
		text_addf(&t, "%s %s %s\n", address, SSL_get_version(ssl),
		    SSL_get_cipher_name(ssl));
		/* As much of a goodbye as needs no waiting. */
		(void)SSL_write(ssl, "QUIT\r\n", 6);
		(void)SSL_shutdown(ssl);
	}
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return status;
}

/* --- the connection ------------------------------------------------------ */

/* The next of "192.0.2.1,[2001:db8::1]" as text; false at the end. */
static bool
next_address(const char **list, char out[INET6_ADDRSTRLEN])
{
	const char *p = *list + (**list == ',');
	size_t n = strcspn(p, ",");
	struct text t;

	if (n == 0)
		return false;
	*list = p + n;
	text_init(&t, out, INET6_ADDRSTRLEN);
	if (*p == '[')
		text_add_bytes(&t, p + 1, n - 2);
	else
		text_add_bytes(&t, p, n);
	return true;
}

static socklen_t
read_address(const char *text, struct sockaddr_storage *out)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(PORT) };
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(PORT) };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		memcpy(out, &in, sizeof in);
		return sizeof in;
	}
	if (inet_pton(AF_INET6, text, &in6.sin6_addr) != 1)
		return 0;
	memcpy(out, &in6, sizeof in6);
	return sizeof in6;
}

static enum sts_status
dial(struct session *s, const char *address, struct sts_error *err)
{
	struct sockaddr_storage to = { 0 };
	socklen_t len = read_address(address, &to), size = sizeof(int);
	int error = 0;

	s->fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (s->fd < 0 || len == 0 ||
	    connect(s->fd, (const struct sockaddr *)&to, len) != 0)
		error = errno;
	if (error == EINPROGRESS) {
		if (!wait_for(s->fd, POLLOUT, s->deadline))
			return late(s, err);
		if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
			error = errno;
	}
	if (error == 0)
		return STS_OK;
	return error_set(err, STS_FETCH, "connect", "%.120s %s port %d: %s",
	    s->host, address, PORT, strerror(error));
}

/* *spoke: this address answered, so that no other one is tried. */
static enum sts_status
check_address(const struct fetch_request *r, const char *address,
    int64_t deadline, bool *spoke, char line[FETCH_SMTP_LINE],
    struct sts_error *err)
{
	struct session s = { .fd = -1, .host = r->host };
	enum sts_status status;

	s.deadline = deadline;
	status = dial(&s, address, err);
	*spoke = status == STS_OK;
	s.deadline = r->deadline;
	if (status == STS_OK)
		status = ask_for_tls(&s, err);
	if (status == STS_OK)
		status = check_tls(&s, r, address, line, err);
	if (s.fd >= 0)
		(void)close(s.fd);
	return status;
}

enum sts_status
fetch_smtp_check(const struct fetch_request *r, char line[FETCH_SMTP_LINE],
    struct sts_error *err)
{
	enum sts_status status = error_set(err, STS_FETCH, "connect",
	    "%.120s: no address to try", r->host);
	char address[INET6_ADDRSTRLEN];
	bool spoke = false;

	for (size_t i = 0; i < r->addresses->n && !spoke; i++) {
		const char *list = r->addresses->at[i].list;

		while (!spoke && next_address(&list, address))
			/* Half of what is left is for those after it. */
			status = check_address(r, address,
			    clock_ms() + clock_left(r->deadline) / 2, &spoke,
			    line, err);
	}
	return status;
}
