/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sink.c - where verdicts go. */
#include "sink.h"
#include <stdlib.h>
#include <string.h>
#include "../net/child.h"
#include "../store/owner.h"
#include "datagram.h"
#include "day.h"
#include "tlsrpt_lookup.h"

#define NOBODY 65534

static void
complain(struct sink *s, const struct verdict *v, const struct sts_error *err)
{
	char line[600];
	struct text t;

	if (s->log == NULL || s->told)
		return;
	s->told = true;
	text_init(&t, line, sizeof line);
	text_addf(&t, "MTA-STS: %s: a session is missing from its TLS report "
		      "(%s): %s",
	    v->domain, err->word, err->text);
	s->log(s->arg, line);
}

static void
take_in_day(struct sink *s, time_t now, const struct verdict *v)
{
	struct sts_error err;
	enum sts_status status = day_count(s->config->cache_dir, now, v,
	    &err);

	/* Without a cache directory there is no place for it. */
	if (status != STS_OK && status != STS_ABSENT)
		complain(s, v, &err);
}

/* --- the collector -------------------------------------------------------- */

static enum sts_status
send_whole(const struct config *c, const char *domain,
    const struct tlsrpt_record *r, const char *policies, struct sts_error *err)
{
	char record[TLSRPT_TEXT_MAX];
	enum sts_status status;
	struct text t;
	char *room = malloc(DATAGRAM_MAX);

	if (room == NULL)
		return error_set(err, STS_NOMEM, "memory", "out of memory");
	text_init(&t, record, sizeof record);
	tlsrpt_record_text(r, &t);
	text_init(&t, room, DATAGRAM_MAX);
	datagram_write(&t, domain, record, policies);
	if (t.full)
		status = error_set(err, STS_SYSTEM, "socket",
		    "a datagram would be too long");
	else
		status = datagram_send(c->tlsrpt.socket, room, t.len, err);
	free(room);
	return status;
}

enum sts_status
sink_tell(const struct config *c, time_t now, int64_t deadline,
    const char *domain, const char *policies, struct sts_error *err)
{
	struct tlsrpt_record r;
	enum sts_status status = tlsrpt_lookup(c->cache_dir, domain, now,
	    deadline, &r, err);

	if (status != STS_OK)
		return status;
	return send_whole(c, domain, &r, policies, err);
}

static enum sts_status
start_teller(const struct config *c, const char *domain, const char *policies,
    struct sts_error *err)
{
	const char *argv[] = { MTA_STS_TOOL, "tell", domain, policies, NULL };
	uid_t uid;
	gid_t gid;

	if (owner_of(c->cache_dir, &uid, &gid, NULL) != STS_OK || uid == 0) {
		uid = NOBODY;
		gid = NOBODY;
	}
	return child_detach(argv, uid, gid, err);
}

static enum sts_status
take_by_socket(struct sink *s, time_t now, const struct verdict *v,
    char *policies, struct sts_error *err)
{
	struct tlsrpt_record r;
	enum sts_status status;
	struct text t;

	status = tlsrpt_known(s->config->cache_dir, v->domain, now, &r);
	if (status == STS_ABSENT)
		return STS_OK;
	text_init(&t, policies, DATAGRAM_MAX);
	datagram_policies(&t, v);
	if (status == STS_OK)
		return send_whole(s->config, v->domain, &r, policies, err);
	return start_teller(s->config, v->domain, policies, err);
}

static void
take_to_socket(struct sink *s, time_t now, const struct verdict *v)
{
	char *policies = malloc(DATAGRAM_MAX);
	struct sts_error err;

	if (policies != NULL &&
	    take_by_socket(s, now, v, policies, &err) != STS_OK)
		complain(s, v, &err);
	free(policies);
}

void
sink_take(struct sink *s, time_t now, const struct verdict *v)
{
	if (s->config->tlsrpt.db)
		take_in_day(s, now, v);
	if (s->config->tlsrpt.socket[0] != '\0')
		take_to_socket(s, now, v);
}
