/* SPDX-License-Identifier: GPL-2.0-or-later */
/* renew.h - fetch the policy of one domain again, and see what came of it. */
#ifndef RENEW_H
#define RENEW_H

#include "alert.h"
#include "tool.h"

enum renew_end {
	RENEW_SAME = 1, /* fetched; the text is as it was */
	RENEW_CHANGED, /* another text, another id */
	RENEW_CHANGED_SAME_ID, /* another text under the same id */
	RENEW_FAILED, /* none was to be had */
	RENEW_BUSY, /* somebody else fetches it just now */
	RENEW_EXEMPT, /* an exception says that nobody be asked */
	RENEW_GONE, /* there is no policy any more */
	RENEW_TROUBLE /* our own */
};

/* Goes from one process to another: no pointers. */
struct renewal {
	enum renew_end end;
	/* Of the policy that is cached now; STS_NONE and 0 without. */
	enum sts_mode mode;
	int64_t expires;
	char id[STS_ID_MAX + 1];
	bool alert;
	char alert_text[ALERT_TEXT_MAX];
	char word[STS_WORD_MAX + 1]; /* why not; "" when it worked */
	char text[STS_TEXT_MAX + 1];
};

/* Asks DNS and HTTPS, whatever the cache and the TXT record say. */
void renew_domain(struct tool *t, const char *domain, struct renewal *r);

/* --- renew_say.c ---------------------------------------------------------- */

/* What a look-up does not say itself: alerts, and another text under the same
 * id. */
void renew_log(const char *domain, const struct renewal *r);
/* One line; the second gives an exit code. */
void renew_print(const char *domain, const struct renewal *r);
int renew_json(const char *domain, const struct renewal *r) STS_CHECKED;

#endif
