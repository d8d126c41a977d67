/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exim_seen.h - the Exim of this host, as it tells of itself. */
#ifndef EXIM_SEEN_H
#define EXIM_SEEN_H

#include "tool.h"

enum seen {
	SEEN_NO,
	SEEN_YES,
	SEEN_UNKNOWN /* it did not say */
};

#define EXIM_TEXT_MAX 127u

struct exim_seen {
	const char *path; /* NULL: there is none */
	char version[32]; /* "4.96"; "" unknown */
	enum seen dlfunc;
	enum seen active; /* our routers and transports are in its
			     configuration */
	enum seen retry; /* failures of TLS have a retry rule of their own */
	/* The transport of the mails with TLS reports is there, and signs them;
	 * unknown where there are no such mails, or others sign them. */
	enum seen report_way;
	enum seen signs;
	enum seen module; /* mta_sts.so is installed */
	char why[EXIM_TEXT_MAX + 1]; /* why it is not active, or unknown */
};

/* Asks it, some seconds at most; as the cache's owner when we are root. */
void exim_look(const struct tool *t, struct exim_seen *x);
/* "no", "yes", "unknown" */
const char *exim_word(enum seen seen);

#endif
