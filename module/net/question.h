/* SPDX-License-Identifier: GPL-2.0-or-later */
/* question.h - one question of any type to the servers of resolv.conf, for
 * resolve.c and mx.c, which read the answer. */
#ifndef QUESTION_H
#define QUESTION_H

#include "exchange.h"

/* Asks for name IN type, recursively, until deadline (clock.h).  As
 * exchange_ask(); STS_ABSENT "nxdomain" for a name too long to exist;
 * STS_SYSTEM "dns-config", "dns-query", "dns-random". */
enum sts_status question_ask(const char *name, int type, int64_t deadline,
    struct exchange_answer *out, struct sts_error *err) STS_CHECKED;

#endif
