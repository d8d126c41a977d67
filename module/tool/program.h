/* SPDX-License-Identifier: GPL-2.0-or-later */
/* program.h - run one of the administrator's own programs, as whoever we are:
 * Exim, asked by root whether it likes its configuration, or given a mail.
 * child.h is for all that a stranger has a hand in, and never runs anything as
 * root. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>
#include "../protocol/status.h"

struct program_end {
	int exit_code; /* -1: a signal ended it, or its time was up */
	bool timed_out; /* its time was up, and it was killed */
	size_t len; /* of out */
};

/* Runs argv[0], an absolute path, with a small environment of its own and no
 * input, for some seconds at most.  What it writes goes to out, cut at cap - 1
 * and terminated.  False: it could not be started. */
bool program_run(const char *const *argv, unsigned seconds, char *out,
    size_t cap, struct program_end *end, struct sts_error *err) STS_CHECKED;

/* The same, and it reads its input from the descriptor `in`. */
bool program_feed(const char *const *argv, int in, unsigned seconds, char *out,
    size_t cap, struct program_end *end, struct sts_error *err) STS_CHECKED;

/* Exim's path; NULL: not where it usually is. */
const char *program_exim(void);

#endif
