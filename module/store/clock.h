/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clock.h - the clock that deadlines are measured with. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds on a clock that nobody can set; its zero means nothing.
 * A deadline is a value of this clock. */
static inline int64_t
clock_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Milliseconds left until deadline, never negative, fit for poll(). */
static inline int
clock_left(int64_t deadline)
{
	int64_t left = deadline - clock_ms();

	if (left < 0)
		return 0;
	return left > 3600000 ? 3600000 : (int)left;
}

#endif
