/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_main.c - mta-sts-fetch: one policy over HTTPS, to standard output; or
 * a look at a mail host; or a report to whom it is for.  fetch.h says what it
 * and its callers say to each other. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include "../protocol/domain.h"
#include "../protocol/text.h"
#include "../store/clock.h"
#include "become.h"
#include "fetch.h"
#include "fetch_host.h"
#include "fetch_https.h"
#include "fetch_sandbox.h"
#include "fetch_smtp.h"
#include "fetch_standby.h"

#define NOBODY 65534
#define TIMEOUT_MAX 3600.0 /* seconds */
#define TIMEOUT_MIN 0.1
#define CA_PATH "/etc/ssl/certs"
#define PORT_HTTPS 443
#define PORT_SMTP 25
#define WELL_KNOWN "/.well-known/mta-sts.txt" /* RFC 8461 3.3 */
#define HTTPS "https://"
#define URL_MAX 1024u /* bytes */

#define USAGE                                                 \
	"mta-sts-fetch [--timeout SECONDS] [--ca-file FILE] " \
	"[--ca-path DIRECTORY] [--allow-private] [--smtp] DOMAIN"
#define USAGE_POST "mta-sts-fetch [...] --post TYPE https://HOST/PATH <FILE"

static const char late[] =
    "timeout: no address of the host within the time limit\n";

struct options {
	double timeout; /* seconds */
	const char *ca_file;
	const char *ca_path;
	bool allow_private;
	bool smtp; /* domain is a mail host */
	const char *post; /* a media type: domain is a URL */
	const char *domain;
	bool help;
	bool version;
};

static bool
read_timeout(const char *arg, double *timeout)
{
	char *end = NULL;

	*timeout = strtod(arg, &end);
	return end != arg && *end == '\0' && *timeout >= TIMEOUT_MIN &&
	    *timeout <= TIMEOUT_MAX;
}

static bool
take_option(int option, struct options *o)
{
	switch (option) {
	case 't':
		return read_timeout(optarg, &o->timeout);
	case 'f':
		o->ca_file = optarg;
		return true;
	case 'p':
		o->ca_path = optarg;
		return true;
	case 'a':
		o->allow_private = true;
		return true;
	case 's':
		o->smtp = true;
		return true;
	case 'o':
		o->post = optarg;
		return true;
	case 'h':
		o->help = true;
		return true;
	case 'v':
		o->version = true;
		return true;
	default:
		return false;
	}
}

static bool
read_options(int argc, char *argv[], struct options *o)
{
	static const struct option names[] = {
		{ "timeout", required_argument, NULL, 't' },
		{ "ca-file", required_argument, NULL, 'f' },
		{ "ca-path", required_argument, NULL, 'p' },
		{ "allow-private", no_argument, NULL, 'a' },
		{ "smtp", no_argument, NULL, 's' },
		{ "post", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	opterr = 0;
	optind = 0; /* also in a process that was forked */
	while ((option = getopt_long(argc, argv, "+", names, NULL)) != -1)
		if (!take_option(option, o))
			return false;
	if (o->help || o->version)
		return true;
	if (optind != argc - 1 || (o->smtp && o->post != NULL))
		return false;
	o->domain = argv[optind];
	/* A file given alone is the only thing trusted. */
	if (o->ca_path == NULL && o->ca_file == NULL)
		o->ca_path = CA_PATH;
	return true;
}

static void
on_alarm(int sig)
{
	(void)sig;
	if (write(STDERR_FILENO, late, sizeof late - 1) < 0)
		_exit(FETCH_EXIT_SYSTEM);
	_exit(FETCH_EXIT_FETCH);
}

/* The resolver knows no deadline of ours.  0: no more of it. */
static bool
set_alarm(double seconds)
{
	struct itimerval timer = { { 0, 0 }, { 0, 0 } };

	timer.it_value.tv_sec = (time_t)seconds;
	timer.it_value.tv_usec =
	    (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6);
	return signal(SIGALRM, on_alarm) != SIG_ERR &&
	    setitimer(ITIMER_REAL, &timer, NULL) == 0;
}

/* Missing authorities are our trouble, not the policy host's. */
static enum sts_status
check_ca(const char *path, const char *word, int mode, struct sts_error *err)
{
	if (path == NULL || access(path, mode) == 0)
		return STS_OK;
	return error_set(err, STS_SYSTEM, word, "%.120s: %s", path,
	    strerror(errno));
}

/* Whoever starts us, a stranger's bytes are read by nobody of importance, and
 * the environment has no say. */
static enum sts_status
give_up_rights(struct sts_error *err)
{
	if (clearenv() != 0)
		return error_set(err, STS_NOMEM, "no-memory", "out of memory");
	if (become_may_root() && !become_user(NOBODY, NOBODY))
		return error_set(err, STS_SYSTEM, "rights",
		    "cannot become user %d", NOBODY);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return error_set(err, STS_SYSTEM, "rights", "SIGPIPE: %s",
		    strerror(errno));
	return STS_OK;
}

static enum sts_status
be_held(const struct options *o, struct sts_error *err)
{
	enum sts_status status = give_up_rights(err);
	struct fetch_sandbox held;

	/* Not to be had everywhere; --version tells. */
	if (status == STS_OK)
		fetch_sandbox_enter(o->ca_file, o->ca_path, &held);
	return status;
}

static enum sts_status
find(const char *host, const struct options *o, struct fetch_addresses *a,
    struct sts_error *err)
{
	enum sts_status status;

	if (!set_alarm(o->timeout))
		return error_set(err, STS_SYSTEM, "timer", "setitimer: %s",
		    strerror(errno));
	status = fetch_host_find(host, o->allow_private, a, err);
	if (!set_alarm(0) && status == STS_OK)
		return error_set(err, STS_SYSTEM, "timer", "setitimer: %s",
		    strerror(errno));
	return status;
}

static enum sts_status
get(const struct options *o, const struct fetch_request *r,
    struct fetch_body *body, struct sts_error *err)
{
	enum sts_status status;

	/* Nor to any other server of this network, whoever asks for it. */
	(void)fetch_sandbox_port(o->smtp ? PORT_SMTP : PORT_HTTPS);
	if (!o->smtp)
		return fetch_https(r, body, err);
	status = fetch_smtp_check(r, body->p, err);
	body->len = status == STS_OK ? strlen(body->p) : 0;
	return status;
}

/* Where to: a host and a URL of it. */
struct target {
	char host[STS_DOMAIN_MAX + 1];
	char url[URL_MAX];
};

/* RFC 8461 3.3: the policy host of the domain; or a mail host. */
static enum sts_status
aim_at_domain(const struct options *o, struct target *to, struct sts_error *err)
{
	char domain[STS_DOMAIN_MAX + 1];
	enum sts_status status = domain_canon(o->domain, domain, err);
	struct text t;

	if (status != STS_OK)
		return status;
	text_init(&t, to->host, sizeof to->host);
	text_addf(&t, "%s%s", o->smtp ? "" : "mta-sts.", domain);
	text_init(&t, to->url, sizeof to->url);
	text_addf(&t, HTTPS "%s" WELL_KNOWN, to->host);
	return STS_OK;
}

/* No other port, no user, no fragment, nothing that is not plain text. */
static bool
is_plain_path(const char *path)
{
	if (*path != '/' && *path != '\0')
		return false;
	for (; *path != '\0'; path++)
		if (!ascii_is_print(*path) || strchr(" \"#<>\\^`{|}", *path))
			return false;
	return true;
}

/* RFC 8460 3: a report's "https:" URI, written by whom it is for. */
static enum sts_status
aim_at_url(const struct options *o, struct target *to, struct sts_error *err)
{
	const char *host = o->domain + strlen(HTTPS);
	char name[STS_DOMAIN_MAX + 1];
	struct text t;
	size_t n;

	if (strncmp(o->domain, HTTPS, strlen(HTTPS)) != 0)
		return error_set(err, STS_DOMAIN, "url", "not " HTTPS);
	n = strcspn(host, "/");
	text_init(&t, name, sizeof name);
	text_add_bytes(&t, host, n);
	if (t.full || domain_canon(name, to->host, err) != STS_OK)
		return error_set(err, STS_DOMAIN, "url", "no host's name");
	if (!is_plain_path(host + n))
		return error_set(err, STS_DOMAIN, "url", "no plain path");
	text_init(&t, to->url, sizeof to->url);
	text_addf(&t, HTTPS "%s%s", to->host, host[n] != '\0' ? host + n : "/");
	return t.full ? error_set(err, STS_DOMAIN, "url", "too long") : STS_OK;
}

static enum sts_status
aim(const struct options *o, struct target *to, struct sts_error *err)
{
	return o->post != NULL ? aim_at_url(o, to, err)
			       : aim_at_domain(o, to, err);
}

/* The report, from standard input; *p is malloc'ed. */
static enum sts_status
read_report(struct bytes *report, char **p, struct sts_error *err)
{
	ssize_t n = 1;

	*p = malloc(FETCH_POST_MAX + 1);
	if (*p == NULL)
		return error_set(err, STS_NOMEM, "no-memory", "out of memory");
	report->p = *p;
	while (n != 0 && report->len <= FETCH_POST_MAX) {
		n = read(STDIN_FILENO, *p + report->len,
		    FETCH_POST_MAX + 1 - report->len);
		if (n > 0)
			report->len += (size_t)n;
		else if (n < 0 && errno != EINTR)
			return error_set(err, STS_SYSTEM, "read",
			    "standard input: %s", strerror(errno));
	}
	if (report->len > FETCH_POST_MAX)
		return error_set(err, STS_SYSTEM, "too-large",
		    "the report exceeds %u bytes", FETCH_POST_MAX);
	return STS_OK;
}

static enum sts_status
fetch(const struct options *o, struct fetch_body *body, struct sts_error *err)
{
	struct target to;
	struct fetch_addresses addresses;
	struct fetch_request r = {
		.host = to.host,
		.url = to.url,
		.post_type = o->post,
		.addresses = &addresses,
		.ca_file = o->ca_file,
		.ca_path = o->ca_path,
		.allow_private = o->allow_private,
		.deadline = clock_ms() + (int64_t)(o->timeout * 1000),
	};
	enum sts_status status;
	char *report = NULL;

	status = be_held(o, err);
	if (status == STS_OK)
		status = aim(o, &to, err);
	if (status == STS_OK && o->post != NULL)
		status = read_report(&r.post, &report, err);
	if (status == STS_OK)
		status = check_ca(o->ca_file, "ca-file", R_OK, err);
	if (status == STS_OK)
		status = check_ca(o->ca_path, "ca-path", R_OK | X_OK, err);
	if (status == STS_OK)
		status = find(to.host, o, &addresses, err);
	if (status == STS_OK)
		status = get(o, &r, body, err);
	free(report);
	return status;
}

static enum sts_status
print(const struct fetch_body *body, struct sts_error *err)
{
	const char *p = body->p;
	size_t left = body->len;
	ssize_t n;

	while (left > 0) {
		n = write(STDOUT_FILENO, p, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, STS_SYSTEM, "write",
			    "standard output: %s", strerror(errno));
		p += n;
		left -= (size_t)n;
	}
	return STS_OK;
}

static int
exit_code(enum sts_status status)
{
	if (status == STS_OK)
		return FETCH_EXIT_OK;
	if (status == STS_CERT)
		return FETCH_EXIT_CERT;
	if (status == STS_FETCH)
		return FETCH_EXIT_FETCH;
	return status == STS_DOMAIN ? FETCH_EXIT_USAGE : FETCH_EXIT_SYSTEM;
}

/* And how well this kernel can hold us. */
static void
say_version(void)
{
	struct fetch_sandbox held;

	fetch_sandbox_enter(NULL, NULL, &held);
	(void)printf("mta-sts-fetch %s\nseccomp: %s\nLandlock: ",
	    MTA_STS_VERSION, held.filter ? "yes" : "no");
	if (held.landlock > 0)
		(void)printf("version %d\n", held.landlock);
	else
		(void)puts("no");
}

static int
tell(const struct sts_error *err)
{
	(void)fprintf(stderr, "%s: %s\n", err->word, err->text);
	return exit_code(err->status);
}

static int
act(const struct options *o)
{
	static struct fetch_body body;
	struct sts_error err;
	enum sts_status status = fetch(o, &body, &err);

	if (status == STS_OK)
		status = print(&body, &err);
	return status == STS_OK ? FETCH_EXIT_OK : tell(&err);
}

static int
answer(int argc, char *argv[])
{
	struct options o = { .timeout = 15 };

	if (!read_options(argc, argv, &o)) {
		(void)fprintf(stderr, "usage: %s\n", USAGE);
		return FETCH_EXIT_USAGE;
	}
	if (!o.help && !o.version)
		return act(&o);
	if (o.help)
		(void)puts("usage: " USAGE "\n       " USAGE_POST);
	else
		say_version();
	return FETCH_EXIT_OK;
}

/* The libraries are loaded; a fetch is a process forked (standby.h). */
static int
stand_by(void)
{
	struct sts_error err;

	if (give_up_rights(&err) != STS_OK)
		return tell(&err);
	fetch_https_warm();
	return fetch_standby(answer) == 0 ? FETCH_EXIT_OK : FETCH_EXIT_SYSTEM;
}

int
main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "--standby") == 0)
		return stand_by();
	return answer(argc, argv);
}
