/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flight.h - one fetch at a time for a domain, among all processes here.
 *
 * A byte of the file "lock" in the cache directory stands for a domain; who
 * holds its open-file-description lock fetches.  The lock ends with its
 * holder, however that ends.  Two domains may share a byte: they only wait
 * for one another. */
#ifndef FLIGHT_H
#define FLIGHT_H

#include <stdint.h>
#include "../protocol/status.h"

struct flight {
	int fd; /* -1: not held */
};

/* Waits until deadline (clock.h; in the past: one try); the empty domain
 * stands for the files of the cache themselves.  STS_OK and held;
 * STS_WAIT when somebody else still holds it; STS_SYSTEM when there can be no
 * lock here (no directory, no right): the caller may then go on without. */
enum sts_status flight_take(const char *dir, const char *domain,
    int64_t deadline, struct flight *f, struct sts_error *err) STS_CHECKED;
void flight_drop(struct flight *f); /* also when not held */

#endif
