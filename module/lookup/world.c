/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world.c - the real world: wall clock, resolver, helper. */
#include "world.h"
#include <string.h>
#include <unistd.h>
#include "../net/child.h"
#include "../net/fetch.h"
#include "../store/owner.h"

static time_t
now(void *arg)
{
	struct timespec ts;

	(void)arg;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

static enum sts_status
txt(void *arg, const char *name, int64_t deadline, struct txt_set *out,
    struct sts_error *err)
{
	(void)arg;
	return resolve_txt(name, deadline, out, err);
}

/* Nobody's own ids, should the cache have no owner that we can see. */
#define NOBODY 65534

static void
whose(const struct config *c, uid_t *uid, gid_t *gid)
{
	if (owner_of(c->cache_dir, uid, gid, NULL) != STS_OK || *uid == 0) {
		*uid = NOBODY;
		*gid = NOBODY;
	}
}

static const char *
or_null(const char *path)
{
	return path[0] == '\0' ? NULL : path;
}

void
world_helper(const struct config *c, struct fetch_options *o)
{
	memset(o, 0, sizeof *o);
	o->helper = MTA_STS_FETCH;
	o->ca_file = or_null(c->ca_file);
	o->ca_path = or_null(c->ca_path);
	o->allow_private_addresses = c->allow_private_addresses;
	whose(c, &o->uid, &o->gid);
}

static enum sts_status
fetch(void *arg, const char *domain, int64_t deadline, char *body, size_t cap,
    size_t *len, struct sts_error *err)
{
	struct fetch_options o;

	world_helper(arg, &o);
	return fetch_policy(&o, domain, deadline, body, cap, len, err);
}

enum sts_status
world_probe(const struct config *c, const char *host, int64_t deadline,
    char line[WORLD_PROBE_LINE], struct sts_error *err)
{
	struct fetch_options o;
	enum sts_status status;
	size_t len;

	world_helper(c, &o);
	o.smtp = true;
	status = fetch_policy(&o, host, deadline, line, WORLD_PROBE_LINE - 1,
	    &len, err);
	line[status == STS_OK ? len : 0] = '\0';
	/* It has been reading a stranger's bytes. */
	for (char *p = line; *p != '\0'; p++)
		if (*p == '\n')
			*p = '\0';
		else if (!ascii_is_print(*p))
			*p = '?';
	return status;
}

void
world_background(const struct config *c, const char *domain)
{
	const char *argv[] = { MTA_STS_TOOL, "prefetch", "--foreground",
		domain, NULL };
	enum sts_status status;
	uid_t uid;
	gid_t gid;

	whose(c, &uid, &gid);
	/* Where it cannot be started the next look-up asks, as ever. */
	status = child_detach(argv, uid, gid, NULL);
	(void)status;
}

static void
background(void *arg, const char *domain)
{
	world_background(arg, domain);
}

static enum sts_status
mx(void *arg, const char *name, int64_t deadline, struct mx_set *out,
    struct sts_error *err)
{
	(void)arg;
	return mx_find(name, deadline, out, err);
}

void
world_ops(struct lookup_ops *ops, const struct config *config,
    void (*log)(void *arg, const char *line))
{
	memset(ops, 0, sizeof *ops);
	ops->now = now;
	ops->txt = txt;
	ops->fetch = fetch;
	ops->background = background;
	ops->mx = mx;
	ops->log = log;
	/* The callbacks only read it. */
	memcpy(&ops->arg, &config, sizeof ops->arg);
}
