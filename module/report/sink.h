/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sink.h - where verdicts go, as mta-sts.conf says (tlsrpt = ...): into the
 * day's counters, to the socket of a tlsrpt-collectd, or both. */
#ifndef SINK_H
#define SINK_H

#include <stdint.h>
#include <time.h>
#include "../lookup/config.h"
#include "verdict.h"

struct sink {
	const struct config *config;
	/* One line for the administrator; may be NULL. */
	void (*log)(void *arg, const char *line);
	void *arg;
	bool told; /* its own: one line a process is enough */
};

/* Never waits for anybody but for a fraction of a second (day.h, datagram.h).
 * The socket's collector wants the domain's TLSRPT record: where that is not
 * known a process of its own is started that looks it up, and tells. */
void sink_take(struct sink *s, time_t now, const struct verdict *v);

/* What that process does: `mta-sts tell DOMAIN POLICIES`; until deadline
 * (clock.h). */
enum sts_status sink_tell(const struct config *c, time_t now,
    int64_t deadline, const char *domain, const char *policies,
    struct sts_error *err) STS_CHECKED;

#endif
