/* SPDX-License-Identifier: GPL-2.0-or-later */
/* main.c - mta-sts, the administrator's program: finds the command and its
 * options.  A new command is a file, a line in commands.h and one in the table
 * here; a new option is a line in each of the two tables. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include "commands.h"
#include "quiet.h"

#define BIT(option) (1u << (option))
#define WIDTH 80u /* columns of a terminal */
#define EVERYWHERE (BIT(OPT_CONFIG) | BIT(OPT_HELP))

static const struct {
	const char *name;
	const char *value; /* what it takes, or NULL */
	const char *help;
} options[OPT_N] = {
	[OPT_CONFIG] = { "config", "FILE", "read FILE, not " MTA_STS_CONF },
	[OPT_JSON] = { "json", NULL, "one JSON object a line" },
	[OPT_HELP] = { "help", NULL, "this text" },
	[OPT_VERSION] = { "version", NULL, "print the version" },
	[OPT_NO_CACHE] = { "no-cache", NULL, "leave the cache alone" },
	[OPT_MODE] = { "mode", "MODE", "only policies of this mode" },
	[OPT_ABSENCES] = { "absences", NULL,
	    "the domains known to have no usable policy" },
	[OPT_EXPIRED] = { "expired", NULL, "only what is past its time" },
	[OPT_ALL] = { "all", NULL, "everything" },
	[OPT_OLDER] = { "older", "TIME",
	    "only what is as old as 20h, 2d, ..." },
	[OPT_JOBS] = { "jobs", "N", "so many at a time: 1 to 64" },
	[OPT_JITTER] = { "jitter", "TIME", "spread over 30m, 1h, ..." },
	[OPT_CHECK] = { "check", NULL, "one line for Nagios, and its exit" },
	[OPT_PROMETHEUS] = { "prometheus", NULL,
	    "for node_exporter's textfile collector" },
	[OPT_CHECK_FILE] = { "check-file", NULL,
	    "look at all of the cache file" },
	[OPT_UNDO] = { "undo", NULL, "take the lines out again" },
	[OPT_DRY_RUN] = { "dry-run", NULL, "try it, and change nothing" },
	[OPT_CONNECT] = { "connect", NULL, "try the mail hosts, too" },
	[OPT_UNTIL] = { "until", "TIME",
	    "+12h, +7d, 2027-01-31 or 2027-01-31T12:00:00Z" },
	[OPT_WHY] = { "why", "TEXT", "the reason, for the log" },
	[OPT_DAY] = { "day", "DAY", "only this one, such as 2026-03-01" },
	[OPT_PRINT] = { "print", "DOMAIN", "show the report for DOMAIN" },
	[OPT_SPREAD] = { "spread", "TIME", "send within 4h, 30m, ..." },
	[OPT_REMOVE] = { "remove", NULL, "no exception any more" },
};

static const struct command commands[] = {
	{ "query", "DOMAIN...", "look up the policy of domains",
	    "Asks DNS and HTTPS where the cache does not know, as Exim does.\n"
	    "Exit: 1 a DOMAIN is no domain, or DNS does not answer; 3 our "
	    "trouble.",
	    BIT(OPT_JSON) | BIT(OPT_NO_CACHE), 1, -1, false, cmd_query },
	{ "match", "DOMAIN HOST", "whether mail for a domain may go to a host",
	    "Prints match, mismatch, nopolicy or tempfail.\n"
	    "Exit: 0 match, 1 mismatch or nopolicy, 3 tempfail.",
	    BIT(OPT_JSON), 2, 2, false, cmd_match },
	{ "explain", "DOMAIN", "tell step by step what would happen to mail",
	    "For a support ticket: record, policy, mail hosts, verdict.\n"
	    "Exit: 0 mail would go, 1 it would be deferred, 3 our trouble.",
	    BIT(OPT_JSON) | BIT(OPT_CONNECT), 1, 1, false, cmd_explain },
	{ "list", "", "list the cache",
	    "In no order, and at once: sort(1) goes well with it.",
	    BIT(OPT_JSON) | BIT(OPT_MODE) | BIT(OPT_EXPIRED) |
		BIT(OPT_ABSENCES),
	    0, 0, false, cmd_list },
	{ "show", "DOMAIN", "show all that the cache knows of a domain",
	    "Exit: 1 when that is nothing.", BIT(OPT_JSON), 1, 1, false,
	    cmd_show },
	{ "history", "DOMAIN", "show the last policies of a domain",
	    "Exit: 1 when none is known.", BIT(OPT_JSON), 1, 1, false,
	    cmd_history },
	{ "except", "[DOMAIN [ignore|testing|[enforce] mx=PATTERN[:...]]]",
	    "show, make, change or remove exceptions",
	    "Without DOMAIN all are shown, without an action that for "
	    "DOMAIN.\n.SUFFIX stands for all domains below it.\n"
	    "Exit: 1 no such exception, or a line of the file is broken.",
	    BIT(OPT_JSON) | BIT(OPT_UNTIL) | BIT(OPT_WHY) | BIT(OPT_REMOVE), 0,
	    3, false, cmd_except },
	{ "export", "", "print the policies in force, for import",
	    "One JSON object a line.", 0, 0, 0, false, cmd_export },
	{ "import", "FILE", "take over policies that export printed",
	    "- is stdin.  Adds and extends, never weakens or shortens.\n"
	    "Exit: 1 when something was skipped.",
	    BIT(OPT_JSON), 1, 1, false, cmd_import },
	{ "purge", "[DOMAIN...]", "forget domains",
	    "Until it is asked again, a domain has no policy then.\n"
	    "Exit: 1 when a DOMAIN is not cached.",
	    BIT(OPT_JSON) | BIT(OPT_ALL) | BIT(OPT_EXPIRED), 0, -1, false,
	    cmd_purge },
	{ "refresh", "[DOMAIN...]", "fetch cached policies again",
	    "Without DOMAIN all that are 20 hours old, or half way to their "
	    "end;\nforgets what is of no use any more, and cares for the "
	    "cache.\n"
	    "Exit: 1 a policy could not be renewed; 3 our trouble.",
	    BIT(OPT_JSON) | BIT(OPT_OLDER) | BIT(OPT_JOBS) | BIT(OPT_JITTER),
	    0, -1, false, cmd_refresh },
	{ "report", "", "send the reports of TLS (RFC 8460) that are due",
	    "Makes those of the days (UTC) that are over, and sends what is "
	    "due.\nExit: 1 some could not be sent, or --print finds none; 3 "
	    "our trouble.",
	    BIT(OPT_JSON) | BIT(OPT_DAY) | BIT(OPT_DRY_RUN) | BIT(OPT_PRINT) |
		BIT(OPT_SPREAD),
	    0, 0, false, cmd_report },
	{ "status", "", "show how it all stands, on one screen",
	    "Exit: 3 when the cache cannot be read; with --check 0 OK, 1 "
	    "WARNING,\n2 CRITICAL, 3 UNKNOWN.",
	    BIT(OPT_JSON) | BIT(OPT_CHECK) | BIT(OPT_PROMETHEUS) |
		BIT(OPT_CHECK_FILE),
	    0, 0, false, cmd_status },
	{ "setup", "[FILE]", "wire MTA-STS into Exim's configuration",
	    "Puts .include lines into FILE, or into what Debian's Exim reads, "
	    "if Exim\nlikes the result, and keeps a copy.\n"
	    "Exit: 1 that cannot be done, and nothing is changed.",
	    BIT(OPT_UNDO) | BIT(OPT_DRY_RUN), 0, 1, false, cmd_setup },
	{ "config", "", "show the configuration in force, and its errors",
	    "Exit: 1 when there are errors.", BIT(OPT_JSON), 0, 0, false,
	    cmd_config },
	{ "check-policy", "FILE...", "check policy texts (- is stdin)",
	    "Needs neither cache nor network.\n"
	    "Exit: 0 all valid, 1 some not, 3 a FILE cannot be read.",
	    BIT(OPT_JSON), 1, -1, false, cmd_check_policy },
	{ "check-record", "TXT...", "check a TXT record set",
	    "The arguments are the records at _mta-sts.DOMAIN.\n"
	    "Exit: 0 valid, 1 not.",
	    BIT(OPT_JSON), 1, -1, false, cmd_check_record },
	{ "check-mx", "HOST PATTERN...", "whether a host matches mx patterns",
	    "Exit: 0 match, 1 mismatch.", BIT(OPT_JSON), 2, -1, false,
	    cmd_check_mx },
	{ "version", "", "print the version", NULL, BIT(OPT_JSON), 0, 0, false,
	    cmd_version },
	{ "lookup", "DOMAIN", "for Exim: the line of mta_sts_lookup",
	    "Prints one line, nothing to stderr, and exits with 0.", 0, 1, 1,
	    true, cmd_lookup },
	{ "mode", "DOMAIN", "for Exim: enforce, testing, none or tempfail",
	    "Prints one word, nothing to stderr, and exits with 0.", 0, 1, 1,
	    true, cmd_mode },
	{ "prefetch", "DOMAIN", "for Exim: make the cache warm and never wait",
	    "Returns at once, prints nothing, and exits with 0.", 0, 1, 2, true,
	    cmd_prefetch },
	{ "event",
	    "NAME DATA ERRNO DOMAIN HOST ADDRESS \"MODE|SIP|...\"",
	    "for Exim: tell of a delivery",
	    "Prints nothing, and exits with 0.", 0, 7, 7, true, cmd_event },
	{ "claim", "MESSAGE-ID MAIL",
	    "for Exim: is this the first mail with a report?",
	    "Prints first, again or unknown, and exits with 0.", 0, 2, 2, true,
	    cmd_claim },
	{ "tell", "DOMAIN POLICIES",
	    "for Exim: tell a tlsrpt-collectd of a session",
	    "Prints nothing, and exits with 0.", 0, 2, 2, true, cmd_tell },
};
#define COMMANDS (sizeof commands / sizeof commands[0])

/* --- help ---------------------------------------------------------------- */

static void
print_overview(FILE *out)
{
	(void)fputs("usage: mta-sts [--config FILE] COMMAND [ARGUMENT...]\n"
		    "       mta-sts COMMAND --help\n\n",
	    out);
	for (size_t i = 0; i < COMMANDS; i++)
		(void)fprintf(out, "    %-13s %s\n", commands[i].name,
		    commands[i].summary);
}

/* Goes on with a blank and the word, on a new line where this one is full. */
static void
print_word(unsigned *column, const char *word)
{
	unsigned len = (unsigned)strlen(word);

	if (*column + 1 + len > WIDTH) {
		(void)printf("\n        %s", word);
		*column = 8 + len;
	} else {
		(void)printf(" %s", word);
		*column += 1 + len;
	}
}

static void
print_synopsis(const struct command *c)
{
	unsigned column = (unsigned)printf("usage: mta-sts %s", c->name);
	char word[32];

	for (unsigned i = 0; i < OPT_N; i++) {
		if ((c->options & BIT(i)) == 0)
			continue;
		(void)snprintf(word, sizeof word, "[--%s%s%s]",
		    options[i].name, options[i].value != NULL ? " " : "",
		    options[i].value != NULL ? options[i].value : "");
		print_word(&column, word);
	}
	if (c->arguments[0] != '\0')
		print_word(&column, c->arguments);
	(void)putchar('\n');
}

static void
print_help(const struct command *c)
{
	char name[32];

	print_synopsis(c);
	(void)printf("\nmta-sts %s - %s\n", c->name, c->summary);
	if (c->help != NULL)
		(void)printf("%s\n", c->help);
	if (c->for_exim)
		return;
	(void)putchar('\n');
	for (unsigned i = 0; i < OPT_N; i++) {
		if (((c->options | EVERYWHERE) & BIT(i)) == 0)
			continue;
		(void)snprintf(name, sizeof name, "--%s%s%s", options[i].name,
		    options[i].value != NULL ? " " : "",
		    options[i].value != NULL ? options[i].value : "");
		(void)printf("    %-14s %s\n", name, options[i].help);
	}
}

/* --- the command line ---------------------------------------------------- */

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* Reads options into t up to the first argument (how: "+:") or all of them
 * (":", arguments to the end of argv).  False, with a message, for a wrong
 * one. */
static bool
read_options(struct tool *t, int argc, char *argv[], const char *how)
{
	struct option known[OPT_N + 1];
	int id;

	memset(known, 0, sizeof known);
	for (int i = 0; i < OPT_N; i++) {
		known[i].name = options[i].name;
		known[i].has_arg = options[i].value != NULL;
		known[i].val = i;
	}
	optind = 0; /* begin anew */
	opterr = 0;
	while ((id = getopt_long(argc, argv, how, known, NULL)) != -1) {
		if (id == ':' || id == '?') {
			tool_say("%s: %s", argv[optind - 1],
			    id == ':' ? "takes a value"
				      : "no such option, or it takes no value");
			return false;
		}
		t->option[id] = optarg != NULL ? optarg : "";
	}
	if (tool_has(t, OPT_CONFIG))
		t->config_path = t->option[OPT_CONFIG];
	return true;
}

static bool
takes_options(const struct tool *t)
{
	for (unsigned i = 0; i < OPT_N; i++)
		if (tool_has(t, (enum option_id)i) &&
		    ((t->command->options | EVERYWHERE) & BIT(i)) == 0) {
			tool_say("%s takes no --%s; see mta-sts %s --help",
			    t->command->name, options[i].name,
			    t->command->name);
			return false;
		}
	return true;
}

static int
run_for_people(struct tool *t, int argc, char *argv[])
{
	const struct command *c = t->command;
	int code;

	if (!read_options(t, argc, argv, ":") || !takes_options(t))
		return EXIT_USAGE;
	if (tool_has(t, OPT_HELP)) {
		print_help(c);
		return EXIT_DONE;
	}
	argc -= optind;
	argv += optind;
	if (argc < c->min || (c->max >= 0 && argc > c->max))
		return tool_usage(t,
		    argc < c->min ? "too few arguments" : "too many arguments");
	code = c->run(t, argc, argv);
	tool_close(t);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	tool_say("cannot write: %s", strerror(errno));
	return EXIT_TROUBLE;
}

/* Whatever stands where Exim puts a domain is no option.  "--help" alone is
 * none that Exim lets pass as a domain either. */
static int
run_for_exim(struct tool *t, int argc, char *argv[])
{
	int code;

	if (tool_has(t, OPT_HELP) ||
	    (argc == 2 && strcmp(argv[1], "--help") == 0)) {
		print_help(t->command);
		return EXIT_DONE;
	}
	quiet_begin();
	code = t->command->run(t, argc - 1, argv + 1);
	tool_close(t);
	return code;
}

static int
run_without_command(const struct tool *t)
{
	if (tool_has(t, OPT_VERSION))
		(void)puts("exim-mta-sts " MTA_STS_VERSION);
	else if (tool_has(t, OPT_HELP))
		print_overview(stdout);
	else
		print_overview(stderr);
	return tool_has(t, OPT_VERSION) || tool_has(t, OPT_HELP) ? EXIT_DONE
								 : EXIT_USAGE;
}

int
main(int argc, char *argv[])
{
	struct tool t = { .config_path = MTA_STS_CONF };

	if (!read_options(&t, argc, argv, "+:"))
		return EXIT_USAGE;
	argc -= optind;
	argv += optind;
	if (argc < 1 || tool_has(&t, OPT_VERSION))
		return run_without_command(&t);
	t.command = find_command(argv[0]);
	if (t.command == NULL) {
		tool_say("no command \"%s\"; see mta-sts --help", argv[0]);
		return EXIT_USAGE;
	}
	if (t.command->for_exim)
		return run_for_exim(&t, argc, argv);
	return run_for_people(&t, argc, argv);
}
