/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch.h - get a policy text over HTTPS (RFC 8461 3.3) by the helper
 * mta-sts-fetch, and what the two say to each other.  It is the project's only
 * client of HTTPS and TLS, so it also looks at mail hosts and delivers
 * reports.
 *
 * The helper prints the body on fd 1 and exits 0; or it prints nothing there,
 * one line "word: text" on fd 2, and exits with one of the codes below. */
#ifndef FETCH_H
#define FETCH_H

#include <stdint.h>
#include <sys/types.h>
#include "../protocol/status.h"

enum fetch_exit {
	FETCH_EXIT_OK = 0,
	FETCH_EXIT_FETCH = 10, /* STS_FETCH */
	FETCH_EXIT_CERT = 11, /* STS_CERT */
	FETCH_EXIT_USAGE = 2,
	FETCH_EXIT_SYSTEM = 3 /* STS_SYSTEM: no memory, no CA directory */
};

#define FETCH_POST_MAX 10485760u /* bytes */

struct child;
struct child_end;

struct fetch_options {
	const char *helper; /* absolute path of mta-sts-fetch */
	const char *ca_file; /* PEM; NULL: none */
	const char *ca_path; /* hashed directory; NULL: none */
	bool allow_private_addresses;
	bool smtp; /* see below */
	const char *post; /* see below; a media type, or NULL */
	int in; /* the file to post, open above 2, at its beginning */
	uid_t uid; /* who the helper becomes when we are root */
	gid_t gid;
	/* How it is run: standby.h has another way; NULL: child_run(). */
	enum sts_status (*run)(void *run_arg, const struct child *c,
	    struct child_end *end, struct sts_error *err);
	void *run_arg;
};

/* Fetches https://mta-sts.DOMAIN/.well-known/mta-sts.txt into body[cap].
 * domain is canonical (domain.h).  STS_OK with *len bytes; STS_FETCH or
 * STS_CERT with the helper's word ("http-404", "redirect", "content-type",
 * "encoding", "too-large", "timeout", "host-not-found", "dns", "connect",
 * "tls", "http-protocol", "truncated", "address-refused"; "cert-expired",
 * "cert-not-yet-valid", "cert-name", "cert-untrusted", "cert-invalid");
 * STS_SYSTEM when the helper has trouble of its own ("ca-file", "ca-path",
 * "no-memory", ...), is missing, could not be stripped of its rights, was
 * killed by somebody else, or spoke nonsense ("helper-missing",
 * "helper-rights", "helper-died", "helper-garbage").
 *
 * With o->smtp domain is the name of a mail host instead, and body gets a line
 * "ADDRESS TLS-VERSION CIPHER" when it offers STARTTLS with a certificate that
 * an enforce policy wants (RFC 8461 4.2); else STS_FETCH ("connect",
 * "timeout", "smtp-reply", "no-starttls", "starttls-refused", "tls", ...) or
 * STS_CERT as above.
 *
 * With o->post domain is "https://HOST/PATH" instead, and what stands in the
 * file o->in (FETCH_POST_MAX bytes at most) is posted there (RFC 8460 5.4).
 * STS_OK, with *len 0: the answer's code was 2xx; else as above. */
enum sts_status fetch_policy(const struct fetch_options *o, const char *domain,
    int64_t deadline, char *body, size_t cap, size_t *len,
    struct sts_error *err) STS_CHECKED;

/* What it means that the helper ended so, having written said[end->why_len] to
 * fd 2.  Pure; fetch_policy() ends with it, tests and fuzzers begin here. */
enum sts_status fetch_read(const struct fetch_options *o,
    const struct child_end *end, const char *said, size_t *len,
    struct sts_error *err) STS_CHECKED;

#endif
