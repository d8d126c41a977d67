/* SPDX-License-Identifier: GPL-2.0-or-later */
/* explain.h - what `mta-sts explain` has found out: explain.c asks and judges,
 * explain_print.c tells. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "../lookup/exceptions.h"
#include "../lookup/world.h"
#include "../net/mx.h"
#include "../store/entry.h"
#include "tool.h"

#define EXPLAIN_SENTENCE 700u /* bytes */

enum outcome {
	OUTCOME_GOES,
	OUTCOME_DEFERRED,
	OUTCOME_TROUBLE /* our own: deferred, too */
};

struct explain_host {
	const struct mx_host *mx;
	const char *name; /* mx->name, or the domain itself */
	bool permitted; /* RFC 8461 4.1 */
	char pattern[STS_DOMAIN_MAX + 4]; /* that permits it */
	struct sts_error address; /* status STS_OK: it has one for mail */
	bool tried; /* by --connect */
	struct sts_error probe; /* status STS_OK: TLS and certificate do */
	char tls[WORLD_PROBE_LINE]; /* address, version, cipher */
};

struct explanation {
	struct tool *tool;
	int64_t now;
	char asked[STS_DOMAIN_MAX + 8]; /* printable */
	char domain[STS_DOMAIN_MAX + 1];
	/* The administrator's word, and whether it leaves nothing to ask. */
	struct exceptions *exceptions;
	const struct exception *exception;
	bool decided;
	unsigned broken; /* lines that count for nothing */
	/* DNS. */
	char record_name[STS_DOMAIN_MAX + 16];
	struct txt_set records;
	char id[STS_ID_MAX + 1];
	struct sts_error record; /* status STS_OK: one good record, id */
	/* The cache before anybody was asked; its strings are not kept. */
	enum sts_status cached_status;
	struct sts_error cached_error;
	struct entry cached;
	/* What Exim would be told. */
	const struct answer *answer;
	/* Mail hosts; without an MX record the domain itself (RFC 5321 5.1). */
	struct sts_error mx; /* status STS_OK: there are */
	struct mx_set set;
	bool implicit;
	bool takes_none; /* RFC 7505 */
	struct explain_host host[MX_HOSTS_MAX];
	size_t hosts;
	/* The end. */
	enum outcome outcome;
	char sentence[EXPLAIN_SENTENCE];
};

void explain_print_plain(const struct explanation *x);
int explain_print_json(const struct explanation *x);

#endif
