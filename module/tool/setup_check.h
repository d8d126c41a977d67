/* SPDX-License-Identifier: GPL-2.0-or-later */
/* setup_check.h - ask Exim what it thinks of a configuration before it
 * becomes the one that mail depends on. */
#ifndef SETUP_CHECK_H
#define SETUP_CHECK_H

#include "../protocol/status.h"

/* Where Debian keeps what update-exim4.conf reads. */
#define SETUP_TEMPLATE "exim4.conf.template"

enum setup_kind {
	SETUP_OTHER,
	SETUP_SPLIT,
	SETUP_NOT_INTERNET,
	SETUP_READY
};

/* What update-exim4.conf.conf in dir says of the site; value (of 64 bytes)
 * is its kind in Debian's words. */
enum setup_kind setup_kind(const char *dir, char value[64]) STS_CHECKED;

/* Whether Exim takes the configuration `file`, whose routers must be ours,
 * too, and routes an address by it; what is wrong is said on stderr.  With
 * dir, file is Debian's template and the rest of what it needs is in dir. */
bool setup_check(const char *file, const char *dir) STS_CHECKED;

/* Has Debian's Exim use its configuration, and tells.  False: said why. */
bool setup_activate(void) STS_CHECKED;

#endif
