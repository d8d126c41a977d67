/* SPDX-License-Identifier: GPL-2.0-or-later */
/* become.c - give up what a process inherited or was born with. */
#include "become.h"
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEEP_UID ((uid_t)-1)

/* Descriptors are given out lowest first, and by default no more of them. */
#define DESCRIPTORS_MAX 1048576

static const struct {
	unsigned resource;
	rlim_t value;
} limits[] = {
	{ RLIMIT_CORE, 0 },
	{ RLIMIT_FSIZE, 0 },
	{ RLIMIT_NOFILE, 32 },
	/* Only now: under it exec fails right after a change of user. */
	{ RLIMIT_NPROC, 0 },
	{ RLIMIT_CPU, 30 }, /* seconds */
	{ RLIMIT_AS, (rlim_t)512 << 20 },
};

static void
close_above_2(void)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, 3u, ~0u, 0u) == 0)
		return;
#endif
	/* A kernel before 5.9, or one told to know no better. */
	for (int fd = 3; fd < DESCRIPTORS_MAX; fd++)
		(void)close(fd);
}

bool
become_bare(int in, int out, int why)
{
	const int wanted[] = { in, out, why };
	int null = open("/dev/null", O_RDWR);

	if (null < 0)
		return false;
	for (int fd = 0; fd < 3; fd++)
		if (dup2(wanted[fd] < 0 ? null : wanted[fd], fd) < 0)
			return false;
	close_above_2();
	(void)umask(077);
	return chdir("/") == 0;
}

bool
become_may_root(void)
{
	uid_t real, effective, saved;

	if (getresuid(&real, &effective, &saved) != 0)
		return true;
	return real == 0 || effective == 0 || saved == 0;
}

static bool
is_wholly(uid_t uid, gid_t gid)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	return getresuid(&ru, &eu, &su) == 0 &&
	    getresgid(&rg, &eg, &sg) == 0 &&
	    ru == uid && eu == uid && su == uid &&
	    rg == gid && eg == gid && sg == gid;
}

static bool
leave_root(uid_t uid, gid_t gid)
{
	if (uid == 0)
		return false;
	/* Who only switched root off must switch it on to be rid of it. */
	return setresuid(KEEP_UID, 0, KEEP_UID) == 0 &&
	    setgroups(1, &gid) == 0 && setresgid(gid, gid, gid) == 0 &&
	    setresuid(uid, uid, uid) == 0 && is_wholly(uid, gid);
}

/* A user other than root may have been given some, to bind port 25 say. */
static bool
leave_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };

	return syscall(SYS_capset, &head, none) == 0;
}

bool
become_user(uid_t uid, gid_t gid)
{
	if (become_may_root() && !leave_root(uid, gid))
		return false;
	if (!leave_capabilities() ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0)
		return false;
	/* The proof. */
	return setuid(0) != 0 && setresuid(KEEP_UID, 0, KEEP_UID) != 0 &&
	    !become_may_root();
}

bool
become_sender(uid_t uid, gid_t gid)
{
	return leave_root(uid, gid) && !become_may_root();
}

bool
become_limited(bool forks)
{
	struct rlimit r;

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		if (forks && limits[i].resource == RLIMIT_NPROC)
			continue;
		if (getrlimit(limits[i].resource, &r) != 0)
			return false;
		if (r.rlim_max > limits[i].value)
			r.rlim_max = limits[i].value;
		r.rlim_cur = r.rlim_max;
		if (setrlimit(limits[i].resource, &r) != 0)
			return false;
	}
	return true;
}

bool
become_bound(pid_t parent)
{
	return prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0L, 0L, 0L) ==
	    0 &&
	    getppid() == parent;
}
