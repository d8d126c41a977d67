/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quiet.h - behave as Exim's ${run} needs it: it joins stderr to stdout,
 * hands down an open SMTP connection, and takes every exit code but 0, and a
 * death by signal, for its own trouble. */
#ifndef QUIET_H
#define QUIET_H

/* 0 to 2 are open, 2 on /dev/null, all others closed. */
void quiet_begin(void);
/* After that many seconds writes last_words to stdout and exits with 0,
 * whatever holds us up. */
void quiet_limit(unsigned seconds, const char *last_words);
/* One line to stdout, in one piece. */
void quiet_answer(const char *line);

#endif
