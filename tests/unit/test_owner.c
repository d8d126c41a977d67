/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_owner.c - who works in the cache directory, and the way back. */
#include "scratch.h"
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "ran.h"
#include "../../module/store/owner.h"

static bool
ids_are(uid_t ruid, uid_t euid, uid_t suid, gid_t egid)
{
	uid_t r, e, s;
	gid_t rg, eg, sg;

	return getresuid(&r, &e, &s) == 0 && getresgid(&rg, &eg, &sg) == 0 &&
	    r == ruid && e == euid && s == suid && eg == egid;
}

/* --- whose directory ------------------------------------------------------ */

static void
make_link(struct scratch *s, const char *to)
{
	assert_int_equal(symlink(to, scratch_path(s, "link")), 0);
}

static const struct whose_row {
	const char *name;
	const char *path; /* in the scratch directory, ... */
	const char *link; /* ... where "link" leads here, if not NULL */
	const char *word; /* NULL: it has an owner */
} whose_rows[] = {
	{ "a directory", "", NULL, NULL },
	{ "a directory with a final slash", "/", NULL, NULL },
	{ "a directory with final slashes", "///", NULL, NULL },
	{ "nothing", "/none", NULL, "cache-missing" },
	{ "nothing, with a final slash", "/none/", NULL, "cache-missing" },
	{ "nothing, with no parent either", "/none/none", NULL,
	    "cache-missing" },
	{ "a file", "/file", NULL, "cache-open" },
	{ "a file with a final slash", "/file/", NULL, "cache-open" },
	{ "below a file", "/file/cache", NULL, "cache-open" },
	{ "a link to a directory", "/link", ".", "cache-open" },
	{ "a link to a directory, with a final slash", "/link/", ".",
	    "cache-open" },
	{ "a link to a directory, with final slashes", "/link//", "/",
	    "cache-open" },
	{ "a link to nothing", "/link", "none", "cache-open" },
	{ "a link to itself", "/link", "link", "cache-open" },
};

static void
check_whose(void **state)
{
	struct scratch *s = *state;
	const struct whose_row *r = s->row;
	struct sts_error err = { 0 };
	char path[100];
	uid_t uid = 1;
	gid_t gid = 1;

	scratch_write(s, "file", "", 0);
	if (r->link != NULL)
		make_link(s, r->link);
	(void)snprintf(path, sizeof path, "%s%s", s->dir, r->path);
	if (r->word == NULL) {
		assert_int_equal(owner_of(path, &uid, &gid, &err), STS_OK);
		assert_int_equal(uid, scratch_owner());
	} else {
		assert_int_equal(owner_of(path, &uid, &gid, &err), STS_SYSTEM);
		assert_string_equal(err.word, r->word);
		assert_int_equal(uid, 1);
		assert_int_equal(owner_of(path, &uid, &gid, NULL), STS_SYSTEM);
	}
}

static void
too_long_a_path_is_refused(void **state)
{
	static char path[70000];
	struct sts_error err = { 0 };
	uid_t uid;
	gid_t gid;

	(void)state;
	memset(path, 'a', sizeof path - 1);
	path[0] = '/';
	assert_int_equal(owner_of(path, &uid, &gid, &err), STS_SYSTEM);
	assert_string_equal(err.word, "cache-open");
}

/* --- root ----------------------------------------------------------------- */

static void
root_becomes_the_owner_and_root_again(void **state)
{
	struct scratch *s = *state;
	struct owner o;

	scratch_only_root();
	assert_int_equal(chown(s->dir, SCRATCH_OWNER, SCRATCH_OTHER), 0);
	assert_int_equal(owner_enter(s->dir, &o, NULL), STS_OK);
	assert_true(ids_are(0, SCRATCH_OWNER, 0, SCRATCH_OTHER));
	errno = EXDEV;
	owner_leave(&o);
	assert_int_equal(errno, EXDEV);
	assert_true(ids_are(0, 0, 0, 0));
}

static void
entering_twice_is_entering_once(void **state)
{
	struct scratch *s = *state;
	struct owner outer, inner;

	scratch_only_root();
	assert_int_equal(owner_enter(s->dir, &outer, NULL), STS_OK);
	assert_int_equal(owner_enter(s->dir, &inner, NULL), STS_OK);
	owner_leave(&inner);
	assert_int_equal(geteuid(), SCRATCH_OWNER);
	owner_leave(&outer);
	assert_true(ids_are(0, 0, 0, 0));
}

static void
roots_own_directory_is_refused(void **state)
{
	struct scratch *s = *state;
	struct sts_error err = { 0 };
	struct owner o;

	scratch_only_root();
	assert_int_equal(chown(s->dir, 0, SCRATCH_OWNER), 0);
	assert_int_equal(owner_enter(s->dir, &o, &err), STS_SYSTEM);
	assert_string_equal(err.word, "cache-owner");
	assert_non_null(strstr(err.text, s->dir));
	assert_true(ids_are(0, 0, 0, 0));
	owner_leave(&o); /* needless, and harmless */
	assert_true(ids_are(0, 0, 0, 0));
}

static void
what_cannot_be_entered_changes_nothing(void **state)
{
	struct scratch *s = *state;
	struct sts_error err = { 0 };
	struct owner o;
	uid_t uid = geteuid();
	gid_t gid = getegid();

	make_link(s, ".");
	assert_int_equal(owner_enter(scratch_path(s, "none"), &o, &err),
	    STS_SYSTEM);
	assert_string_equal(err.word, "cache-missing");
	assert_int_equal(owner_enter(scratch_path(s, "link"), &o, &err),
	    STS_SYSTEM);
	assert_string_equal(err.word, "cache-open");
	assert_true(ids_are(uid, uid, uid, gid));
}

/* --- other processes than root's daemon ----------------------------------- */

/* Started by a user, Exim is root by its set-user-id bit. */
static int
as_set_user_id(void *arg)
{
	struct scratch *s = arg;
	struct owner o;

	NEED(setresgid(SCRATCH_OTHER, 0, 0) == 0);
	NEED(setresuid(SCRATCH_OTHER, 0, 0) == 0);
	NEED(owner_enter(s->dir, &o, NULL) == STS_OK);
	NEED(ids_are(SCRATCH_OTHER, SCRATCH_OWNER, 0, SCRATCH_OWNER));
	owner_leave(&o);
	NEED(ids_are(SCRATCH_OTHER, 0, 0, 0));
	return 0;
}

/* ACLs and transports. */
static int
as_owner(void *arg)
{
	struct scratch *s = arg;
	uid_t uid = scratch_owner();
	struct owner o;

	NEED(scratch_become(uid));
	NEED(owner_enter(s->dir, &o, NULL) == STS_OK);
	NEED(!o.switched);
	owner_leave(&o);
	NEED(ids_are(uid, uid, uid, getgid()));
	return 0;
}

/* exim -be: the directory may be looked at, no more. */
static int
as_somebody(void *arg)
{
	struct scratch *s = arg;
	struct owner o;

	NEED(scratch_become(SCRATCH_OTHER));
	NEED(owner_enter(s->dir, &o, NULL) == STS_OK);
	NEED(!o.switched && geteuid() == SCRATCH_OTHER);
	owner_leave(&o);
	NEED(geteuid() == SCRATCH_OTHER);
	return 0;
}

static bool
drop_capability(unsigned c)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) != 0)
		return false;
	data[0].effective &= ~(1u << c);
	data[0].permitted &= ~(1u << c);
	return syscall(SYS_capset, &head, data) == 0;
}

static int
without_setuid(void *arg)
{
	struct scratch *s = arg;
	struct sts_error err = { 0 };
	struct owner o;

	NEED(drop_capability(CAP_SETUID));
	NEED(owner_enter(s->dir, &o, &err) == STS_SYSTEM);
	NEED(strcmp(err.word, "cache-owner") == 0);
	NEED(ids_are(0, 0, 0, 0)); /* the group, too */
	return 0;
}

static int
without_setgid(void *arg)
{
	struct scratch *s = arg;
	struct sts_error err = { 0 };
	struct owner o;

	NEED(drop_capability(CAP_SETGID));
	NEED(owner_enter(s->dir, &o, &err) == STS_SYSTEM);
	NEED(strcmp(err.word, "cache-owner") == 0);
	NEED(ids_are(0, 0, 0, 0));
	return 0;
}

static const struct process_row {
	const char *name;
	int (*f)(void *arg);
	bool from_root;
} process_rows[] = {
	{ "root by a set-user-id bit", as_set_user_id, true },
	{ "the owner stays himself", as_owner, false },
	{ "somebody else stays himself", as_somebody, true },
	{ "a root that may not change its user", without_setuid, true },
	{ "a root that may not change its group", without_setgid, true },
};

static void
check_process(void **state)
{
	struct scratch *s = *state;
	const struct process_row *r = s->row;

	if (r->from_root)
		scratch_only_root();
	assert_int_equal(scratch_apart(r->f, s), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(too_long_a_path_is_refused),
		SCRATCH_TEST(root_becomes_the_owner_and_root_again),
		SCRATCH_TEST(entering_twice_is_entering_once),
		SCRATCH_TEST(roots_own_directory_is_refused),
		SCRATCH_TEST(what_cannot_be_entered_changes_nothing),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	failed += SCRATCH_ROWS(whose_rows, check_whose);
	failed += SCRATCH_ROWS(process_rows, check_process);
	return failed;
}
