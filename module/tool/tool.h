/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tool.h - what the commands of mta-sts share: options, configuration, the
 * look-up, and ways to end. */
#ifndef TOOL_H
#define TOOL_H

#include "../lookup/config.h"
#include "../lookup/lookup.h"

enum tool_exit {
	EXIT_DONE = 0,
	EXIT_NEGATIVE = 1, /* no, not valid, not known */
	EXIT_USAGE = 2,
	EXIT_TROUBLE = 3 /* our own: no permission, no memory, no disk */
};

/* Every option there is; main.c has their names and what they mean. */
enum option_id {
	OPT_CONFIG,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION,
	OPT_NO_CACHE,
	OPT_MODE,
	OPT_ABSENCES,
	OPT_EXPIRED,
	OPT_ALL,
	OPT_CONNECT,
	OPT_UNTIL,
	OPT_WHY,
	OPT_REMOVE,
	OPT_OLDER,
	OPT_JOBS,
	OPT_JITTER,
	OPT_CHECK,
	OPT_PROMETHEUS,
	OPT_CHECK_FILE,
	OPT_UNDO,
	OPT_DRY_RUN,
	OPT_DAY,
	OPT_PRINT,
	OPT_SPREAD,
	OPT_N
};

struct standby;

struct tool {
	/* First: callbacks of the look-up that get a config find the tool by
	 * it. */
	struct config config;
	const struct command *command;
	const char *config_path;
	/* Their values; "" for one that takes none; NULL: not given. */
	const char *option[OPT_N];
	struct lookup *lookup; /* after tool_open() */
	struct standby *standby; /* a worker's; NULL: a helper a fetch */
};

/* One line of main.c's table. */
struct command {
	const char *name;
	const char *arguments; /* for the synopsis */
	const char *summary;
	const char *help; /* what --help says below that */
	unsigned options; /* bits 1u << OPT_..., besides --config and --help */
	int min; /* arguments */
	int max; /* -1: any number */
	/* Exim runs it by ${run}: see quiet.h.  Nothing after its name is an
	 * option, it checks its arguments itself, and it exits 0. */
	bool for_exim;
	/* argv holds the argc arguments only; the result is an exit code. */
	int (*run)(struct tool *t, int argc, char *const argv[]);
};

/* Loads the configuration and makes the look-up.  What is wrong with the
 * configuration goes to stderr (for_exim: to syslog) and is no reason to
 * stop, unless --config names a file that is not there. */
bool tool_open(struct tool *t) STS_CHECKED;
/* The same for what tells what Exim would do, which depends on the cache: a
 * live answer to one who may not see that could be another, so he is told. */
bool tool_open_cache(struct tool *t) STS_CHECKED;
void tool_close(struct tool *t); /* also when it was not opened */
struct cache *tool_cache(struct tool *t);
/* Seconds after which a look-up must have come to its end. */
unsigned tool_time_limit(const struct tool *t);

/* "mta-sts: ..." on stderr. */
void tool_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says it and returns EXIT_USAGE, so that a command can end with it. */
int tool_usage(const struct tool *t, const char *what);
/* Says what is wrong with the cache, or with us, and returns EXIT_TROUBLE. */
int tool_trouble(const struct tool *t, const struct sts_error *err);
/* Whether the cache is there and not ours to use. */
bool tool_lacks_permission(const struct tool *t);
/* The canonical domain, or a message and false. */
bool tool_domain(const char *in, char out[STS_DOMAIN_MAX + 1]) STS_CHECKED;

/* Starts `mta-sts prefetch --foreground DOMAIN` in the background, as the
 * owner of the cache. */
void tool_background(const struct tool *t, const char *domain);

static inline bool
tool_has(const struct tool *t, enum option_id id)
{
	return t->option[id] != NULL;
}

/* The worse of two exit codes. */
static inline int
tool_worse(int a, int b)
{
	return a > b ? a : b;
}

#endif
