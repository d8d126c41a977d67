/* SPDX-License-Identifier: GPL-2.0-or-later */
/* setup.c - `mta-sts setup`: put our .include lines into the configuration
 * of Exim, or take them out. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "commands.h"
#include "include.h"
#include "rewrite.h"
#include "setup_check.h"

#define TEMPLATE MTA_STS_SYSCONFDIR "/" SETUP_TEMPLATE
#define OWN_FILE MTA_STS_SYSCONFDIR "/exim4.conf"
#define COPY ".before-mta-sts"

struct setup {
	const struct tool *tool;
	const char *path; /* as named */
	char real[PATH_MAX];
	char *dir; /* of Debian's template; NULL: another configuration */
	struct rewrite file;
	char *text; /* what is there */
	char *bare; /* without our lines */
	char *wanted; /* what is to be there */
	struct include_places places;
};

/* --- which file ---------------------------------------------------------- */

static bool
find_file(struct setup *s, const char *named)
{
	const char *name;

	if (named != NULL)
		s->path = named;
	else
		/* Where there is one, Debian's Exim reads nothing else. */
		s->path = access(OWN_FILE, F_OK) == 0 ? OWN_FILE : TEMPLATE;
	if (realpath(s->path, s->real) == NULL) {
		tool_say("%s: %s%s", s->path, strerror(errno),
		    named != NULL ? "" : "; say which file is Exim's "
					 "configuration");
		return false;
	}
	name = strrchr(s->real, '/');
	if (strcmp(name + 1, SETUP_TEMPLATE) != 0)
		return true;
	s->dir = strndup(s->real, (size_t)(name - s->real));
	return s->dir != NULL;
}

/* On Debian there may be another way, or none.  EXIT_DONE and *go_on: the
 * file it is. */
static int
look_at_site(const struct setup *s, bool *go_on)
{
	char kind[64], path[PATH_MAX + 32];

	*go_on = false;
	if (s->dir == NULL) {
		*go_on = true;
		return EXIT_DONE;
	}
	switch (setup_kind(s->dir, kind)) {
	case SETUP_OTHER:
	case SETUP_READY:
		*go_on = true;
		return EXIT_DONE;
	case SETUP_NOT_INTERNET:
		tool_say("this Exim is of the type \"%s\" "
			 "(dpkg-reconfigure exim4-config), not \"internet\": "
			 "it looks up no MX hosts that a policy could be "
			 "about; see exim-mta-sts(5), SMART HOSTS",
		    kind);
		return EXIT_NEGATIVE;
	case SETUP_SPLIT:
		break;
	}
	(void)snprintf(path, sizeof path, "%s/conf.d/router/190_mta-sts",
	    s->dir);
	if (access(path, R_OK) != 0) {
		tool_say("this Exim has the split configuration, but there is "
			 "no %s; see INSTALL",
		    path);
		return EXIT_NEGATIVE;
	}
	(void)printf("nothing to do: this Exim has the split configuration, "
		     "where the files in %s/conf.d do it\n",
	    s->dir);
	return EXIT_DONE;
}

/* --- the new text -------------------------------------------------------- */

static char *
read_all(FILE *in, const char *path)
{
	char *text = NULL;
	size_t cap = 0;
	ssize_t len;

	/* "" has no delimiter but the end, and NUL has no place here. */
	len = getdelim(&text, &cap, '\0', in);
	if (len >= 0 && strlen(text) == (size_t)len && !ferror(in))
		return text;
	tool_say("%s: %s", path,
	    ferror(in) ? "cannot be read" : "this is no text");
	free(text);
	return NULL;
}

static bool
say_place(const struct setup *s, const struct sts_error *err)
{
	tool_say("%s: %s", s->path, err->text);
	if (err->status == STS_MISS)
		tool_say("so the lines must be put in by hand: INSTALL, \"Any "
			 "other configuration\"; nothing is changed");
	return false;
}

static bool
make_text(struct setup *s)
{
	bool undo = tool_has(s->tool, OPT_UNDO);
	struct sts_error err;

	s->text = read_all(s->file.in, s->path);
	if (s->text == NULL)
		return false;
	s->bare = include_strip(s->text, &err);
	if (s->bare == NULL)
		return say_place(s, &err);
	if (!undo &&
	    !include_find(s->bare,
		s->dir != NULL ? INCLUDE_DEBIAN : INCLUDE_PLAIN, &s->places,
		&err))
		return say_place(s, &err);
	s->wanted = undo ? strdup(s->bare) : include_put(s->bare, &s->places);
	if (s->wanted == NULL)
		tool_say("out of memory");
	return s->wanted != NULL;
}

/* --- the change ---------------------------------------------------------- */

static bool
say_error(const struct sts_error *err)
{
	tool_say("%s", err->text);
	return false;
}

/* Beside the file, and like it. */
static bool
write_like(struct rewrite *r, const struct setup *s, const char *text)
{
	struct stat st;

	return fstat(fileno(s->file.in), &st) == 0 &&
	    fchown(fileno(r->out), st.st_uid, st.st_gid) == 0 &&
	    fchmod(fileno(r->out), st.st_mode & 07777) == 0 &&
	    fputs(text, r->out) >= 0;
}

/* What an earlier setup has kept is older than what is there now. */
static bool
keep_copy(const struct setup *s, const char *copy)
{
	enum sts_status status;
	struct sts_error err;
	struct rewrite r;

	status = rewrite_begin(copy, &r, &err);
	if (status == STS_OK && !write_like(&r, s, s->bare))
		status = error_set(&err, STS_SYSTEM, "write", "%.120s: %s",
		    copy, strerror(errno));
	if (status == STS_OK)
		status = rewrite_commit(&r, &err);
	rewrite_end(&r);
	return status == STS_OK || say_error(&err);
}

/* After an undo that leaves what it holds. */
static void
drop_copy(const struct setup *s, const char *copy)
{
	FILE *in = fopen(copy, "re");
	char *text = in != NULL ? read_all(in, copy) : NULL;

	if (text != NULL && strcmp(text, s->wanted) == 0)
		(void)unlink(copy);
	if (in != NULL)
		(void)fclose(in);
	free(text);
}

static void
tell(const struct setup *s, const char *copy, bool dry)
{
	if (tool_has(s->tool, OPT_UNDO)) {
		(void)printf("%s: %s\n", s->path,
		    dry ? "our lines would be taken out"
			: "our lines are taken out");
		return;
	}
	for (unsigned i = 0; i < s->places.n; i++)
		(void)printf("%s line %u: .include %s/%s\n", s->path,
		    include_line(s->bare, s->places.place[i].at),
		    MTA_STS_ETC, s->places.place[i].file);
	(void)printf("checked by exim -bV, -bP and -bt\n");
	if (dry)
		(void)puts("nothing is changed (--dry-run)");
	else
		(void)printf("the file as it was: %s\n", copy);
}

/* Only the real one is what Debian's Exim runs by. */
static bool
activate(const struct setup *s)
{
	if (strcmp(s->real, TEMPLATE) == 0 || strcmp(s->real, OWN_FILE) == 0)
		return setup_activate();
	(void)puts("now let Exim's daemon read it: send it a SIGHUP");
	return true;
}

static int
change(struct setup *s)
{
	bool undo = tool_has(s->tool, OPT_UNDO);
	bool dry = tool_has(s->tool, OPT_DRY_RUN);
	char copy[PATH_MAX + sizeof COPY];
	struct sts_error err;

	(void)snprintf(copy, sizeof copy, "%s" COPY, s->real);
	if (fputs(s->wanted, s->file.out) < 0 || fflush(s->file.out) != 0) {
		tool_say("%s: %s", s->file.temp, strerror(errno));
		return EXIT_TROUBLE;
	}
	if (!undo && !setup_check(s->file.temp, s->dir)) {
		tool_say("so %s is left as it is", s->path);
		return EXIT_NEGATIVE;
	}
	if (!dry && !undo && !keep_copy(s, copy))
		return EXIT_TROUBLE;
	if (!dry && rewrite_commit(&s->file, &err) != STS_OK) {
		(void)say_error(&err);
		return EXIT_TROUBLE;
	}
	if (!dry && undo)
		drop_copy(s, copy);
	tell(s, copy, dry);
	return dry || activate(s) ? EXIT_DONE : EXIT_TROUBLE;
}

static int
begin_change(struct setup *s)
{
	struct sts_error err;

	if (rewrite_begin(s->real, &s->file, &err) != STS_OK) {
		(void)say_error(&err);
		return EXIT_TROUBLE;
	}
	if (s->file.in == NULL || !make_text(s))
		return EXIT_NEGATIVE;
	if (strcmp(s->text, s->wanted) != 0)
		return change(s);
	(void)printf("%s: nothing to do, %s\n", s->path,
	    tool_has(s->tool, OPT_UNDO) ? "it has no lines of mta-sts setup"
					: "it is set up");
	return EXIT_DONE;
}

static void
end_change(struct setup *s)
{
	rewrite_end(&s->file);
	free(s->text);
	free(s->bare);
	free(s->wanted);
	free(s->dir);
}

int
cmd_setup(struct tool *t, int argc, char *const argv[])
{
	struct setup s = { .tool = t, .file.lock = -1 };
	bool go_on = true;
	int code;

	if (!find_file(&s, argc > 0 ? argv[0] : NULL)) {
		end_change(&s);
		return EXIT_TROUBLE;
	}
	code = tool_has(t, OPT_UNDO) ? EXIT_DONE : look_at_site(&s, &go_on);
	if (go_on)
		code = begin_change(&s);
	end_change(&s);
	return code;
}
