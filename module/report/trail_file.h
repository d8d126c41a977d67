/* SPDX-License-Identifier: GPL-2.0-or-later */
/* trail_file.h - the trails of Exim's processes, each for the next event that
 * comes from there by ${run}: CACHE_DIR/trails.tdb, one value for a process,
 * known by its number and when it was started, and message.  The file begins
 * anew when it is full; who finds no trail begins one, and a session that was
 * under way may then be missing from the counts. */
#ifndef TRAIL_FILE_H
#define TRAIL_FILE_H

#include <sys/types.h>
#include "trail.h"

/* What that process of Exim's has told while it delivered the message (the
 * hash that stands for it): as zero where nothing is known. */
void trail_load(const char *dir, pid_t exim, struct bytes message,
    struct trail *t);
/* Nobody waits for longer than a tenth of a second. */
void trail_save(const char *dir, pid_t exim, struct bytes message,
    const struct trail *t);

#endif
