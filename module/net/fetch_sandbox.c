/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_sandbox.c - the files that the helper may read, by Landlock, and the
 * port that it may go to.
 *
 * By system calls: libc has no functions for it, and the kernel's own header
 * is older on some systems than the kernel is. */
#include "fetch_sandbox.h"
#include <fcntl.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "fetch_filter.h"

#ifdef SYS_landlock_create_ruleset

/* linux/landlock.h, with the version of Landlock that brought them. */
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define NET_BIND_TCP (1ull << 0) /* 4 */
#define NET_CONNECT_TCP (1ull << 1) /* 4 */
#define SCOPE_ABSTRACT (1ull << 0) /* 6 */
#define SCOPE_SIGNAL (1ull << 1) /* 6 */
#define GET_VERSION 1u
#define RULE_PATH 1
#define RULE_PORT 2

struct ruleset {
	uint64_t fs;
	uint64_t net; /* 4 */
	uint64_t scoped; /* 6 */
};

struct path_rule {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

struct port_rule {
	uint64_t allowed;
	uint64_t port;
};

/* Libraries, the configuration of libc and OpenSSL, name services and their
 * caches, authorities.  What is missing is passed over. */
static const char *const readable[] = {
	"/etc",
	"/usr",
	"/lib",
	"/lib32",
	"/lib64",
	"/opt",
	"/nix/store",
	"/gnu/store",
	"/run",
	"/etc/resolv.conf", /* may lead anywhere */
	"/etc/hosts",
	"/var/lib/ca-certificates",
	"/var/lib/sss",
	"/var/cache/nscd",
	"/var/db/nscd",
	"/dev/null",
	"/dev/random",
	"/dev/urandom",
	"/proc/sys",
	"/sys/devices/system/cpu",
};

/* How many of the rights to files this version knows. */
static uint64_t
rights_of(int version)
{
	static const unsigned count[] = { 0, 13, 14, 15, 15, 16 };
	size_t last = sizeof count / sizeof *count - 1;

	return (1ull << count[(size_t)version < last ? (size_t)version
						     : last]) -
	    1;
}

static size_t
size_of(int version)
{
	if (version < 4)
		return offsetof(struct ruleset, net);
	return version < 6 ? offsetof(struct ruleset, scoped)
			   : sizeof(struct ruleset);
}

static int
landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    GET_VERSION);

	return version > 0 && version < 1000 ? (int)version : 0;
}

static void
allow_path(int rules, const char *path)
{
	struct path_rule rule = { FS_READ_FILE, -1 };
	struct stat st;

	rule.fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.fd < 0)
		return;
	if (fstat(rule.fd, &st) == 0 && S_ISDIR(st.st_mode))
		rule.allowed |= FS_READ_DIR;
	(void)syscall(SYS_landlock_add_rule, rules, RULE_PATH, &rule, 0);
	(void)close(rule.fd);
}

static bool
enforce(int rules)
{
	return syscall(SYS_landlock_restrict_self, rules, 0) == 0;
}

static int
hold_to_paths(const char *ca_file, const char *ca_path)
{
	int version = landlock_version();
	struct ruleset set = {
		.net = NET_BIND_TCP,
		.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL,
	};
	bool held;
	int rules;

	if (version == 0)
		return 0;
	set.fs = rights_of(version);
	rules = (int)syscall(SYS_landlock_create_ruleset, &set,
	    size_of(version), 0);
	if (rules < 0)
		return 0;
	for (size_t i = 0; i < sizeof readable / sizeof *readable; i++)
		allow_path(rules, readable[i]);
	if (ca_file != NULL)
		allow_path(rules, ca_file);
	if (ca_path != NULL)
		allow_path(rules, ca_path);
	held = enforce(rules);
	(void)close(rules);
	return held ? version : 0;
}

bool
fetch_sandbox_port(uint16_t port)
{
	struct ruleset set = { .net = NET_CONNECT_TCP };
	struct port_rule rule = { NET_CONNECT_TCP, port };
	bool held;
	int rules;

	if (landlock_version() < 4)
		return false;
	rules = (int)syscall(SYS_landlock_create_ruleset, &set, size_of(4), 0);
	if (rules < 0)
		return false;
	held = syscall(SYS_landlock_add_rule, rules, RULE_PORT, &rule, 0) ==
		0 &&
	    enforce(rules);
	(void)close(rules);
	return held;
}

#else

static int
hold_to_paths(const char *ca_file, const char *ca_path)
{
	(void)ca_file;
	(void)ca_path;
	return 0;
}

bool
fetch_sandbox_port(uint16_t port)
{
	(void)port;
	return false;
}

#endif

void
fetch_sandbox_enter(const char *ca_file, const char *ca_path,
    struct fetch_sandbox *held)
{
	held->filter = false;
	held->landlock = 0;
	/* The kernel's condition, lest a program with more rights be misled by
	 * a filter. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0)
		return;
	held->landlock = hold_to_paths(ca_file, ca_path);
	held->filter = fetch_filter_install();
}
