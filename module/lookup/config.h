/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.h - mta-sts.conf: `key = value` lines, `#` comments. */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include "../protocol/status.h"

enum config_log {
	LOG_NOTHING, /* alerts only */
	LOG_POLICY, /* policies that came, changed or failed */
	LOG_ALL /* and every look-up that asked somebody */
};

#define CONFIG_PATH_MAX 255u
#define CONFIG_CONTACT_MAX 254u /* bytes; RFC 5321 4.5.3.1.3 */
#define CONFIG_ORG_MAX 100u
#define CONFIG_LIST_MAX 1000u
#define CONFIG_SOCKET_MAX 107u /* bytes of a socket's path */

struct config {
	/* There is a file, but it cannot be read: nobody knows where the cache
	 * is, nor what else it says. */
	bool unreadable;
	char cache_dir[CONFIG_PATH_MAX + 1];
	char ca_file[CONFIG_PATH_MAX + 1]; /* "": none */
	char ca_path[CONFIG_PATH_MAX + 1]; /* "": none */
	char exceptions[CONFIG_PATH_MAX + 1];
	unsigned recheck; /* seconds between looks at a TXT record */
	unsigned negative_ttl; /* seconds that an absent record is remembered */
	unsigned fetch_timeout; /* seconds */
	unsigned dns_timeout; /* seconds */
	bool allow_private_addresses;
	bool defer_on_dns_failure; /* dns_failure = defer */
	bool observe; /* mode = observe */
	enum config_log log;
	/* RFC 8460; nothing is counted while there is no contact. */
	struct config_tlsrpt {
		bool db; /* counted here */
		char socket[CONFIG_SOCKET_MAX + 1]; /* told there; "": no */
		char contact[CONFIG_CONTACT_MAX + 1]; /* "": reports are off */
		char org[CONFIG_ORG_MAX + 1]; /* "": the contact's domain */
		char exclude[CONFIG_LIST_MAX + 1]; /* domains, ':' between */
		bool success; /* also reports without a failure */
		bool sending_ip; /* reports name our address, ... */
		bool reason; /* ... and the texts of our TLS library */
		unsigned per_target; /* reports of a day to one host */
		char sendmail[CONFIG_PATH_MAX + 1]; /* takes mails with them */
		bool signed_elsewhere; /* not by Exim's transport for them */
	} tlsrpt;
};

/* Whether sessions are to be counted, or told of. */
bool config_reports(const struct config *c);
/* Whether domain (canonical) is in tlsrpt_exclude: "example.com" is that
 * domain, "*.example.com" all below it. */
bool config_excludes(const struct config *c, const char *domain);

/* One line of trouble; line is 0 when it is not about a line. */
typedef void config_problem(void *arg, unsigned line, const char *text);

void config_defaults(struct config *c);
/* Defaults, then what path says.  A missing file is fine.  Each unknown key
 * or bad value is told to problem (may be NULL) and leaves that key's default
 * alone; the number of problems is returned.  A file that cannot be read is
 * one, and c->unreadable. */
unsigned config_load(const char *path, struct config *c,
    config_problem *problem, void *arg);
/* Calls each(arg, key, value, set) for every key, set: not the default. */
void config_show(const struct config *c,
    void (*each)(void *arg, const char *key, const char *value, bool set),
    void *arg);

/* "90", "90s", "15m", "2h", "1d" as seconds; false for anything else. */
bool config_seconds(const char *value, unsigned *out) STS_CHECKED;

#endif
