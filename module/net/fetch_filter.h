/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_filter.h - the system calls that the helper never makes, for
 * fetch_sandbox.c. */
#ifndef FETCH_FILTER_H
#define FETCH_FILTER_H

#include <stdbool.h>

/* Refuses them to this process from now on.  False: no such kernel, or an
 * architecture that is not known here. */
bool fetch_filter_install(void);

#endif
