/* SPDX-License-Identifier: GPL-2.0-or-later */
/* setup_check.c - ask Exim what it thinks of a configuration before it becomes
 * the one that mail depends on. */
#include "setup_check.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "program.h"
#include "tool.h"

#define SECONDS 60u
#define OUT_MAX 16384u
#define UPDATE "/usr/sbin/update-exim4.conf"
#define INVOKE "/usr/sbin/invoke-rc.d"
/* A name that no DNS has (RFC 6761 6.4). */
#define NOBODY "postmaster@setup.mta-sts.invalid"

/* --- what kind of site --------------------------------------------------- */

/* KEY='value', as a shell would read it. */
static void
take_value(const char *line, const char *key, char *value, size_t cap)
{
	size_t n = strlen(key);
	const char *p = line;

	if (strncmp(p, key, n) != 0 || p[n] != '=')
		return;
	p += n + 1;
	p += strspn(p, "'\"");
	n = strcspn(p, "'\"\n \t");
	(void)snprintf(value, cap, "%.*s", (int)(n < cap ? n : cap), p);
}

enum setup_kind
setup_kind(const char *dir, char value[64])
{
	char path[PATH_MAX], line[1024], split[64] = "";
	FILE *in;

	(void)snprintf(path, sizeof path, "%s/update-exim4.conf.conf", dir);
	value[0] = '\0';
	in = fopen(path, "re");
	if (in == NULL)
		return SETUP_OTHER;
	while (fgets(line, sizeof line, in) != NULL) {
		take_value(line, "dc_use_split_config", split, sizeof split);
		take_value(line, "dc_eximconfig_configtype", value, 64);
	}
	(void)fclose(in);
	if (strcmp(value, "internet") != 0)
		return SETUP_NOT_INTERNET;
	return strcmp(split, "true") == 0 ? SETUP_SPLIT : SETUP_READY;
}

/* --- programs ------------------------------------------------------------ */

static void
say_output(const char *out)
{
	if (out[0] != '\0')
		(void)fprintf(stderr, "%s%s", out,
		    out[strlen(out) - 1] == '\n' ? "" : "\n");
}

/* Runs it; what it says is in out.  False: not run at all, which is said. */
static bool
run(const char *const *argv, char out[OUT_MAX], int *code)
{
	struct program_end end;
	struct sts_error err;

	if (!program_run(argv, SECONDS, out, OUT_MAX, &end, &err)) {
		tool_say("%s", err.text);
		return false;
	}
	*code = end.exit_code;
	return true;
}

static bool
run_well(const char *const *argv, char out[OUT_MAX])
{
	int code;

	if (!run(argv, out, &code))
		return false;
	if (code == 0)
		return true;
	say_output(out);
	tool_say("%s %s fails with the new lines", argv[0],
	    argv[1] != NULL ? argv[1] : "");
	return false;
}

/* --- the three questions ------------------------------------------------- */

static bool
is_valid(const char *exim, const char *conf, char out[OUT_MAX])
{
	const char *argv[] = { exim, "-bV", "-C", conf, NULL };

	return run_well(argv, out);
}

/* Our routers could be in a part that .ifdef leaves out. */
static bool
has_routers(const char *exim, const char *conf, char out[OUT_MAX])
{
	const char *argv[] = { exim, "-bP", "-C", conf, "router_list", NULL };
	static const char *const ours[] = { "mta_sts_lookup\n",
		"mta_sts_enforce\n", "mta_sts_refused\n",
		"mta_sts_testing\n" };

	if (!run_well(argv, out))
		return false;
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		if (strstr(out, ours[i]) == NULL) {
			tool_say("the new lines would have no effect: %.*s is "
				 "not among Exim's routers",
			    (int)strlen(ours[i]) - 1, ours[i]);
			return false;
		}
	return true;
}

/* Exim finds some mistakes only when it routes: a list that is not defined, a
 * module that is not there.  That this domain leads nowhere is as it should
 * be, and that DNS is out is no fault of the configuration. */
static bool
routes(const char *exim, const char *conf, char out[OUT_MAX])
{
	const char *argv[] = { exim, "-C", conf, "-bt", NOBODY, NULL };
	int code;

	if (!run(argv, out, &code))
		return false;
	if (code >= 0 && code <= 2 && strstr(out, "mta_sts_") == NULL &&
	    strstr(out, "MTA-STS") == NULL &&
	    strstr(out, "named domain list") == NULL &&
	    strstr(out, "expansion of") == NULL)
		return true;
	say_output(out);
	tool_say("exim -bt fails with the new lines");
	return false;
}

static bool
check_plain(const char *conf)
{
	const char *exim = program_exim();
	char *out = malloc(OUT_MAX);
	bool good = false;

	if (exim == NULL)
		tool_say("there is no Exim to check the result with");
	else if (out == NULL)
		tool_say("out of memory");
	else
		good = is_valid(exim, conf, out) &&
		    has_routers(exim, conf, out) && routes(exim, conf, out);
	free(out);
	return good;
}

/* --- Debian: a copy of the directory, with the new template -------------- */

static bool
link_all(const char *dir, const char *to, const char *template)
{
	char from[PATH_MAX], at[PATH_MAX];
	DIR *d = opendir(dir);
	struct dirent *e;
	bool good = d != NULL;

	while (good && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(from, sizeof from, "%s/%s", dir, e->d_name);
		(void)snprintf(at, sizeof at, "%s/%s", to, e->d_name);
		good = symlink(strcmp(e->d_name, SETUP_TEMPLATE) == 0
			       ? template
			       : from,
			   at) == 0;
	}
	if (d != NULL)
		(void)closedir(d);
	return good;
}

static void
remove_all(const char *dir)
{
	char path[PATH_MAX];
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		(void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		(void)unlink(path);
	}
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(dir);
}

static bool
generate(const char *dir, const char *conf)
{
	const char *argv[] = { UPDATE, "-d", dir, "-o", conf, NULL };
	char *out = malloc(OUT_MAX);
	bool good = out != NULL && run_well(argv, out);

	free(out);
	return good;
}

static bool
check_debian(const char *template, const char *dir)
{
	char temp[] = "/tmp/mta-sts-setup.XXXXXX";
	char conf[sizeof temp + 16];
	bool good;

	if (mkdtemp(temp) == NULL) {
		tool_say("%s: %s", temp, strerror(errno));
		return false;
	}
	(void)snprintf(conf, sizeof conf, "%s/generated", temp);
	good = link_all(dir, temp, template);
	if (!good)
		tool_say("%s cannot be copied: %s", dir, strerror(errno));
	good = good && generate(temp, conf) && check_plain(conf);
	remove_all(temp);
	return good;
}

bool
setup_check(const char *file, const char *dir)
{
	return dir != NULL ? check_debian(file, dir) : check_plain(file);
}

/* --- from now on --------------------------------------------------------- */

bool
setup_activate(void)
{
	const char *update[] = { UPDATE, NULL };
	const char *reload[] = { INVOKE, "--quiet", "exim4", "reload", NULL };
	char *out = malloc(OUT_MAX);
	bool good = out != NULL && run_well(update, out);
	int code;

	/* No daemon may be running, or policy-rc.d may forbid this. */
	if (good && access(INVOKE, X_OK) == 0 && run(reload, out, &code) &&
	    code != 0) {
		say_output(out);
		tool_say("Exim's daemon was not told; if it runs: systemctl "
			 "reload exim4");
	}
	free(out);
	return good;
}
