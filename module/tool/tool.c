/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tool.c - what the commands of mta-sts share. */
#include "tool.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include "../lookup/world.h"
#include "../net/child.h"
#include "../net/fetch.h"
#include "../net/standby.h"
#include "../protocol/text.h"
#include "../store/owner.h"

void
tool_say(const char *format, ...)
{
	va_list ap;

	(void)fflush(stdout);
	(void)fputs("mta-sts: ", stderr);
	va_start(ap, format);
	(void)vfprintf(stderr, format, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}

int
tool_usage(const struct tool *t, const char *what)
{
	tool_say("%s: %s; see mta-sts %s --help", t->command->name, what,
	    t->command->name);
	return EXIT_USAGE;
}

/* --- configuration and look-up ------------------------------------------- */

static void
tell_problem(void *arg, unsigned line, const char *text)
{
	const struct tool *t = arg;

	if (t->command->for_exim)
		syslog(LOG_WARNING, "MTA-STS: %s line %u: %s", t->config_path,
		    line, text);
	else if (line > 0)
		tool_say("%s line %u: %s", t->config_path, line, text);
	else
		tool_say("%s", text);
}

/* What the module writes to Exim's log. */
static void
log_line(void *arg, const char *line)
{
	(void)arg;
	syslog(LOG_NOTICE, "%s", line);
}

static void
background(void *arg, const char *domain)
{
	/* config is the first member of struct tool. */
	tool_background(arg, domain);
}

static enum sts_status
fetch(void *arg, const char *domain, int64_t by, char *body, size_t cap,
    size_t *len, struct sts_error *err)
{
	const struct tool *t = arg; /* as above */
	struct fetch_options o;

	world_helper(&t->config, &o);
	if (t->standby != NULL) {
		o.run = standby_run;
		o.run_arg = t->standby;
	}
	return fetch_policy(&o, domain, by, body, cap, len, err);
}

/* A file that somebody names is meant to be there. */
static bool
config_is_there(struct tool *t)
{
	if (!tool_has(t, OPT_CONFIG) || access(t->config_path, F_OK) == 0)
		return true;
	tell_problem(t, 0, strerror(errno));
	return false;
}

bool
tool_open(struct tool *t)
{
	struct lookup_ops ops;
	unsigned problems;

	openlog("mta-sts", LOG_PID, LOG_MAIL);
	if (!config_is_there(t))
		return false;
	problems = config_load(t->config_path, &t->config, tell_problem, t);
	(void)problems; /* told; the defaults stand in */
	world_ops(&ops, &t->config, log_line);
	ops.background = background;
	ops.fetch = fetch;
	t->lookup = lookup_new(&t->config, &ops);
	if (t->lookup == NULL && !t->command->for_exim)
		tool_say("out of memory");
	return t->lookup != NULL;
}

void
tool_close(struct tool *t)
{
	lookup_free(t->lookup);
	t->lookup = NULL;
}

struct cache *
tool_cache(struct tool *t)
{
	return lookup_cache(t->lookup);
}

unsigned
tool_time_limit(const struct tool *t)
{
	/* lookup.h promises one second more than the two; the rest is for a
	 * slow machine. */
	return t->config.dns_timeout + t->config.fetch_timeout + 3;
}

/* --- trouble ------------------------------------------------------------- */

static bool
is_denied(const char *path, int how)
{
	return faccessat(AT_FDCWD, path, how, AT_EACCESS) != 0 &&
	    errno == EACCES;
}

bool
tool_lacks_permission(const struct tool *t)
{
	char file[CONFIG_PATH_MAX + 32];

	(void)snprintf(file, sizeof file, "%s/policies.tdb",
	    t->config.cache_dir);
	return geteuid() != 0 &&
	    (is_denied(t->config.cache_dir, R_OK | W_OK | X_OK) ||
		is_denied(file, R_OK | W_OK));
}

static void
say_no_permission(const struct tool *t)
{
	tool_say("no permission to use the cache in %s: run this as root or "
		 "as the user the directory belongs to",
	    t->config.cache_dir);
}

bool
tool_open_cache(struct tool *t)
{
	if (!tool_open(t))
		return false;
	if (!tool_lacks_permission(t))
		return true;
	say_no_permission(t);
	return false;
}

int
tool_trouble(const struct tool *t, const struct sts_error *err)
{
	if (tool_lacks_permission(t))
		say_no_permission(t);
	else
		tool_say("%s (%s)", err->text, err->word);
	return EXIT_TROUBLE;
}

bool
tool_domain(const char *in, char out[STS_DOMAIN_MAX + 1])
{
	struct sts_error err;
	char buf[STS_DOMAIN_MAX + 8];
	struct text t;

	if (domain_canon(in, out, &err) == STS_OK)
		return true;
	text_init(&t, buf, sizeof buf);
	text_add_foreign(&t, in, strlen(in), STS_DOMAIN_MAX);
	tool_say("%s: not a mail domain: %s", buf, err.text);
	return false;
}

/* --- the background ------------------------------------------------------ */

/* This very program, so that a tool not yet installed starts no other; the
 * installed one when this one's file is gone. */
static const char *
own_path(char buf[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", buf, PATH_MAX - 1);

	if (n <= 0)
		return MTA_STS_TOOL;
	buf[n] = '\0';
	return access(buf, X_OK) == 0 ? buf : MTA_STS_TOOL;
}

void
tool_background(const struct tool *t, const char *domain)
{
	char path[PATH_MAX], config[PATH_MAX];
	/* Another process has another working directory. */
	const char *argv[] = { own_path(path), "--config",
		realpath(t->config_path, config), "prefetch", "--foreground",
		domain, NULL };
	const char *plain[] = { argv[0], "prefetch", "--foreground", domain,
		NULL };
	struct sts_error err;
	uid_t uid;
	gid_t gid;

	/* Without a cache, or without an owner that its files could belong
	 * to, there is nothing to make warm. */
	if (owner_of(t->config.cache_dir, &uid, &gid, NULL) != STS_OK ||
	    uid == 0)
		return;
	if (tool_has(t, OPT_CONFIG) && argv[2] == NULL)
		return;
	if (child_detach(tool_has(t, OPT_CONFIG) ? argv : plain, uid, gid,
		&err) != STS_OK)
		syslog(LOG_WARNING, "MTA-STS: %s: no refresh started: %s",
		    domain, err.text);
}
