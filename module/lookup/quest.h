/* SPDX-License-Identifier: GPL-2.0-or-later */
/* quest.h - one look-up on its way: what it knows so far, and what it may
 * conclude from that.  Shared by the files of the look-up only. */
#ifndef QUEST_H
#define QUEST_H

#include "exceptions.h"
#include "lookup.h"
#include "../store/cache.h"
#include "../store/history.h"
#include "../store/memo.h"

#define FETCH_BACKOFF 300 /* seconds; RFC 8461 3.3: five minutes or longer */
#define DNS_BACKOFF 60 /* seconds */
#define CLOCK_SLACK 300 /* seconds that a clock may be behind another's */

/* What the events of this process have told of a delivery. */
struct session {
	enum {
		SESSION_UNSEEN, /* no event of its beginning came here */
		SESSION_CONNECTED,
		SESSION_GREETED /* EHLO was answered */
	} state;
	bool marked; /* that the session that was begun last has failed */
	char told[2 * STS_DOMAIN_MAX + 64]; /* domain, host, address */
};

struct lookup {
	struct config config;
	struct lookup_ops ops;
	struct cache *cache;
	struct history *history;
	struct exceptions *exceptions; /* NULL: not read yet */
	struct memo memo;
	struct answer *last; /* an answer that the memo does not hold */
	int64_t hurry; /* clock.h; 0: none */
	bool told_unwritable; /* one log line a process is enough */
	struct session session;
};

struct quest {
	struct lookup *l;
	unsigned flags;
	char domain[STS_DOMAIN_MAX + 1];
	time_t now;
	int64_t dns_deadline; /* clock.h */
	int64_t deadline; /* of everything */
	bool cached; /* there is a cache to read and to write */
	const struct exception *exception; /* or NULL; lives as long as l */
	/* What the cache knows. */
	struct entry policy; /* in force if `live` */
	bool live;
	char *kept; /* the policy's strings, out of the cache's reach */
	bool damaged; /* a policy may have been lost: "none" is no answer */
	/* Why a cache that is there cannot be seen by this user: what is asked
	 * for live counts, but "none" is no answer. */
	struct sts_error hidden;
	struct entry absence; /* of no policy in force; may be all zero */
	/* What DNS says now. */
	char id[STS_ID_MAX + 1];
	struct sts_error why; /* the last thing that did not work */
};

/* --- known.c: what the cache knows ---------------------------------------- */

/* Reads the cache.  STS_OK, or STS_SYSTEM when it is there and cannot be
 * read, STS_NOMEM: then nobody knows whether an enforce policy is in force.
 * May be called again; known_free() ends it. */
enum sts_status known_read(struct quest *q) STS_CHECKED;
void known_free(struct quest *q);
/* The times that count for this domain. */
struct trial *known_trial(struct quest *q);
/* Whether DNS must be asked before an answer. */
bool known_is_due(struct quest *q);
/* Whether a delivery failed under the policy (5) and none worked since, ... */
bool known_is_failing(const struct quest *q);
/* ... and DNS was not asked since. */
bool known_is_marked(const struct quest *q);
/* Whether a policy must be fetched although the id is the same. */
bool known_must_refetch(struct quest *q);
/* Whether fetching for this id failed less than five minutes ago (3.3). */
bool known_backs_off(struct quest *q, const char *id);

/* Notes in the cache what DNS said (the domain keeps what it had), ... */
void known_note_asked(struct quest *q, enum sts_status outcome);
/* ... that a fetch failed for q->id, for the reason q->why, ... */
void known_note_failed(struct quest *q);
/* ... that a policy was fetched; e becomes q's policy. */
void known_note_fetched(struct quest *q, const struct entry *e);
/* ... and that a policy was used, and whether it should be fetched again in
 * the background: true when the caller is the one to start that. */
bool known_note_used(struct quest *q);

/* --- verdict.c: the ways to end ----------------------------------------------
 * Each makes a new answer; NULL when out of memory. */

/* The policy of q, in force; starts its refresh in the background when due. */
struct answer *verdict_policy(struct quest *q, enum answer_status status);
/* No policy in force. */
struct answer *verdict_plain(struct quest *q, enum answer_status status);
/* The administrator's word alone (ignore, enforce). */
struct answer *verdict_exempt(struct quest *q);
/* Nobody can tell; reason is a word. */
struct answer *verdict_tempfail(struct quest *q, const char *reason);
/* Nothing newer is to be had, for the reason q->why. */
struct answer *verdict_without(struct quest *q, enum answer_status otherwise);
/* What the cache remembers is good enough. */
struct answer *verdict_known(struct quest *q);
/* Fetching for q->id failed less than five minutes ago. */
struct answer *verdict_backing_off(struct quest *q);
/* Whether q->why says nothing about the domain. */
bool quest_is_our_trouble(const struct quest *q);
/* Whether sessions with the domain are counted, for its reports. */
bool quest_is_counted(const struct quest *q);

/* --- say.c: what the administrator's log hears ---------------------------- */

/* A line "MTA-STS: ...", whatever `log` is. */
void say_line(const struct lookup *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A line "MTA-STS: DOMAIN: ..." when `log` is at least level. */
void say(const struct quest *q, enum config_log level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void say_fetched(const struct quest *q, const struct entry *e);
void say_failed(const struct quest *q);
void say_dns(const struct quest *q);
void say_asked(const struct quest *q, const struct answer *a);
/* When q's policy is about to give way to a weaker one. */
void say_change(const struct quest *q, const struct entry *now);
void say_exception(const struct quest *q, const struct exception *x);

#endif
