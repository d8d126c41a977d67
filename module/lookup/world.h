/* SPDX-License-Identifier: GPL-2.0-or-later */
/* world.h - the real world for lookup.h: wall clock, resolver, helper. */
#ifndef WORLD_H
#define WORLD_H

#include "lookup.h"

#define WORLD_PROBE_LINE 256u /* bytes */

/* Fills ops; log may be NULL.  config is borrowed for as long as the look-up
 * that takes ops lives. */
void world_ops(struct lookup_ops *ops, const struct config *config,
    void (*log)(void *arg, const char *line));

struct fetch_options;
/* By which helper and as whom something is fetched, or sent (post.h).  Borrows
 * from config. */
void world_helper(const struct config *config, struct fetch_options *o);

/* Looks at the mail host as an enforce policy would (fetch.h, smtp); line gets
 * what the helper says, without a line's end. */
enum sts_status world_probe(const struct config *config, const char *host,
    int64_t deadline, char line[WORLD_PROBE_LINE], struct sts_error *err)
    STS_CHECKED;

/* Starts `mta-sts prefetch --foreground DOMAIN` in the background as the
 * owner of the cache; nobody waits for it.  domain is canonical. */
void world_background(const struct config *config, const char *domain);

#endif
