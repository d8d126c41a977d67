/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_fetch_sandbox.c - what a helper that a stranger has taken over could
 * still do. */
#include "rows.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../module/net/become.h"
#include "../../module/net/fetch_sandbox.h"

#define NOBODY 65534
#define SECONDS_MAX 20

/* A directory of everybody's, with a file in it; below no place that the
 * helper may read. */
static char dir[] = "/tmp/mta-sts-sandbox.XXXXXX";
static char file[64];
static pid_t parent;

enum need {
	FILTER,
	LANDLOCK,
	NET_RULES
};

/* Each ends with 0 or an errno. */
static int
result(long n)
{
	return n >= 0 ? 0 : errno;
}

/* --- refused -------------------------------------------------------------- */
static int
exec_program(void)
{
	char *argv[] = { (char[]){ "true" }, NULL };

	return result(execv("/bin/true", argv));
}

static int
exec_descriptor(void)
{
	int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);
	char *argv[] = { (char[]){ "true" }, NULL };

	return result(fexecve(fd, argv, argv + 1));
}

static int
do_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int
do_vfork(void)
{
#ifdef SYS_vfork
	return result(syscall(SYS_vfork));
#else
	return EPERM;
#endif
}

static int
do_clone3(void)
{
	return result(syscall(SYS_clone3, NULL, 0));
}

static int
write_file(void)
{
	return result(open(file, O_WRONLY | O_CLOEXEC));
}

static int
update_file(void)
{
	return result(open("/dev/null", O_RDWR | O_CLOEXEC));
}

static int
make_file(void)
{
	return result(openat(AT_FDCWD, "new", O_RDONLY | O_CREAT, 0600));
}

static int
empty_file(void)
{
	return result(truncate(file, 0));
}

static int
remove_file(void)
{
	return result(unlink(file));
}

static int
rename_file(void)
{
	return result(rename(file, "/tmp/mta-sts-sandbox-renamed"));
}

static int
open_to_all(void)
{
	return result(chmod(file, 0777));
}

static int
make_directory(void)
{
	return result(mkdir("/tmp/mta-sts-sandbox-made", 0700));
}

static int
make_link(void)
{
	return result(symlink("/etc/passwd", "/tmp/mta-sts-sandbox-link"));
}

static int
read_elsewhere(void)
{
	return result(open(file, O_RDONLY | O_CLOEXEC));
}

static int
list_elsewhere(void)
{
	return result(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int
read_memory(void)
{
	return result(open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
}

static int
trace_parent(void)
{
	return result(ptrace(PTRACE_SEIZE, parent, NULL, NULL));
}

static int
signal_parent(void)
{
	return result(kill(parent, 0));
}

static int
signal_thread(void)
{
	return result(syscall(SYS_tgkill, parent, parent, 0));
}

static int
leave_session(void)
{
	return result(setsid());
}

static int
leave_group(void)
{
	return result(setpgid(0, 0));
}

static int
limit_parent(void)
{
	struct rlimit none = { 0, 0 };

	return result(prlimit(parent, RLIMIT_NOFILE, &none, NULL));
}

static int
sniff(void)
{
	return result(socket(AF_PACKET, SOCK_RAW, 0));
}

static int
ask_kernel_to_encrypt(void)
{
	return result(socket(AF_ALG, SOCK_SEQPACKET, 0));
}

static int
serve(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return result(listen(fd, 1));
}

static int
take_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return result(bind(fd, (const struct sockaddr *)&in, sizeof in));
}

static int
take_udp_port(void)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return result(bind(fd, (const struct sockaddr *)&in6, sizeof in6));
}

static int
connect_to(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_port = htons(port);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return result(connect(fd, (const struct sockaddr *)&in, sizeof in));
}

static int
connect_elsewhere(void)
{
	if (!fetch_sandbox_port(443))
		return -1;
	return connect_to(1);
}

/* A connection that begins with what is sent, which Landlock does not see. */
static int
connect_by_sending(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

	in.sin_port = htons(1);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return result(sendto(fd, "x", 1, MSG_FASTOPEN,
	    (const struct sockaddr *)&in, sizeof in));
}

static int
send_with_fast_open(void)
{
	struct msghdr m = { .msg_iovlen = 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return result(sendmsg(fd, &m, MSG_FASTOPEN));
}

static int
send_many_with_fast_open(void)
{
	struct mmsghdr m = { .msg_len = 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return result(sendmmsg(fd, &m, 1, MSG_FASTOPEN));
}

static int
connect_with_fast_open(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	return result(setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on,
	    sizeof on));
}

static int
change_protocol(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return result(setsockopt(fd, IPPROTO_TCP, TCP_ULP, "smc", 4));
}

static int
many_paths(void)
{
	return result(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC,
	    262 /* IPPROTO_MPTCP */));
}

static int
another_stream(void)
{
	return result(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC,
	    IPPROTO_SCTP));
}

static int
watch_sockets(void)
{
	return result(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
	    4 /* NETLINK_SOCK_DIAG */));
}

/* A signal to another process of this user, when something can be read. */
static int
give_signals(void)
{
	return result(fcntl(0, F_SETOWN, parent));
}

static int
give_signals_by_kind(void)
{
	struct f_owner_ex owner = { F_OWNER_PID, parent };

	return result(fcntl(0, F_SETOWN_EX, &owner));
}

static int
choose_signal(void)
{
	return result(fcntl(0, F_SETSIG, SIGKILL));
}

static int
give_signals_of_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int pid = (int)parent;

	return result(ioctl(fd, FIOSETOWN, &pid));
}

static int
give_signals_of_group(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int pid = (int)parent;

	return result(ioctl(fd, SIOCSPGRP, &pid));
}

static int
outlive_parent(void)
{
	return result(prctl(PR_SET_PDEATHSIG, 0UL, 0L, 0L, 0L));
}

static int
die_with_parent(void)
{
	return result(prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0L, 0L,
	    0L));
}

static int
type_for_others(void)
{
	return result(ioctl(0, TIOCSTI, "x"));
}

static int
mount_something(void)
{
	return result(mount("none", "/tmp", "tmpfs", 0, NULL));
}

static int
make_namespace(void)
{
	return result(unshare(CLONE_NEWUSER));
}

static int
use_keys(void)
{
	return result(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID,
	    KEY_SPEC_SESSION_KEYRING, 0));
}

static int
use_bpf(void)
{
	return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int
use_io_uring(void)
{
	return result(syscall(SYS_io_uring_setup, 1, NULL));
}

static int
change_user(void)
{
	return result(setuid(getuid()));
}

static int
call_of_the_future(void)
{
	return result(syscall(451));
}

/* --- allowed -------------------------------------------------------------- */
static int
read_configuration(void)
{
	return result(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int
list_authorities(void)
{
	return result(open("/usr/share", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int
find_address(void)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int error = getaddrinfo("localhost", NULL, &hints, &list);

	if (error == 0)
		freeaddrinfo(list);
	return error;
}

/* Nobody listens there: but the attempt is made. */
static int
connect_as_meant(void)
{
	if (!fetch_sandbox_port(1))
		return -1;
	return connect_to(1) == ECONNREFUSED ? 0 : errno;
}

static int
ask_for_limits(void)
{
	struct rlimit r;

	return result(getrlimit(RLIMIT_NOFILE, &r));
}

static int
send_to_itself(void)
{
	return result(syscall(SYS_tgkill, getpid(), getpid(), 0));
}

/* --- */
static const struct row {
	const char *name;
	int (*act)(void);
	enum need by; /* who refuses it, where there is somebody */
	int want;
} rows[] = {
	{ "it becomes no other program", exec_program, FILTER, EPERM },
	{ "nor by a descriptor", exec_descriptor, FILTER, EPERM },
	{ "it does not fork", do_fork, FILTER, EPERM },
	{ "nor vfork", do_vfork, FILTER, EPERM },
	{ "there is no clone3", do_clone3, FILTER, ENOSYS },
	{ "it writes no file", write_file, FILTER, EACCES },
	{ "it updates no file", update_file, FILTER, EACCES },
	{ "it makes no file", make_file, FILTER, EACCES },
	{ "it empties no file", empty_file, FILTER, EPERM },
	{ "it removes no file", remove_file, FILTER, EPERM },
	{ "it renames no file", rename_file, FILTER, EPERM },
	{ "it changes no mode", open_to_all, FILTER, EPERM },
	{ "it makes no directory", make_directory, FILTER, EPERM },
	{ "it makes no link", make_link, FILTER, EPERM },
	{ "it reads no file of others", read_elsewhere, LANDLOCK, EACCES },
	{ "it lists no directory of others", list_elsewhere, LANDLOCK, EACCES },
	{ "it reads no memory", read_memory, LANDLOCK, EACCES },
	{ "it traces nobody", trace_parent, FILTER, EPERM },
	{ "it signals nobody", signal_parent, FILTER, EPERM },
	{ "nor by thread", signal_thread, FILTER, EPERM },
	{ "it stays in its session", leave_session, FILTER, EPERM },
	{ "it stays in its group", leave_group, FILTER, EPERM },
	{ "it limits nobody", limit_parent, FILTER, EPERM },
	{ "it does not sniff", sniff, FILTER, EAFNOSUPPORT },
	{ "no socket of other families", ask_kernel_to_encrypt, FILTER,
	    EAFNOSUPPORT },
	{ "it serves nobody", serve, FILTER, EPERM },
	{ "it takes no port", take_port, FILTER, EPERM },
	{ "nor one of UDP", take_udp_port, FILTER, EPERM },
	{ "it connects to one port", connect_elsewhere, NET_RULES, EACCES },
	{ "nor by what it sends first", connect_by_sending, FILTER, EPERM },
	{ "nor in a message", send_with_fast_open, FILTER, EPERM },
	{ "nor in many", send_many_with_fast_open, FILTER, EPERM },
	{ "nor by an option", connect_with_fast_open, FILTER, EPERM },
	{ "nor as another protocol", change_protocol, FILTER, EPERM },
	{ "no MPTCP", many_paths, FILTER, EPROTONOSUPPORT },
	{ "no SCTP", another_stream, FILTER, EPROTONOSUPPORT },
	{ "no netlink but routes", watch_sockets, FILTER, EPROTONOSUPPORT },
	{ "it has nobody signalled", give_signals, FILTER, EPERM },
	{ "nor anybody else", give_signals_by_kind, FILTER, EPERM },
	{ "nor by another signal", choose_signal, FILTER, EPERM },
	{ "nor by a socket", give_signals_of_socket, FILTER, EPERM },
	{ "nor a group by it", give_signals_of_group, FILTER, EPERM },
	{ "it does not outlive its parent", outlive_parent, FILTER, EPERM },
	{ "but dies with it", die_with_parent, FILTER, 0 },
	{ "it does not type", type_for_others, FILTER, EPERM },
	{ "it mounts nothing", mount_something, FILTER, EPERM },
	{ "it makes no namespace", make_namespace, FILTER, EPERM },
	{ "it uses no keys", use_keys, FILTER, EPERM },
	{ "it uses no bpf", use_bpf, FILTER, EPERM },
	{ "it uses no io_uring", use_io_uring, FILTER, EPERM },
	{ "it changes no user", change_user, FILTER, EPERM },
	{ "calls younger than the filter do not exist", call_of_the_future,
	    FILTER, ENOSYS },
	{ "it reads the configuration", read_configuration, FILTER, 0 },
	{ "it lists what comes with the system", list_authorities, FILTER, 0 },
	{ "it finds addresses", find_address, FILTER, 0 },
	{ "it connects to the port meant", connect_as_meant, NET_RULES, 0 },
	{ "it asks for its limits", ask_for_limits, FILTER, 0 },
	{ "it can abort", send_to_itself, FILTER, 0 },
};

static bool
is_held(const struct fetch_sandbox *held, enum need by)
{
	switch (by) {
	case FILTER:
		return held->filter;
	case LANDLOCK:
		return held->landlock > 0;
	case NET_RULES:
		break;
	}
	return held->landlock >= 4;
}

#define NOT_HELD 255
#define NOT_NOBODY 254

/* In a process of its own. */
static int
act_as_helper(const struct row *r)
{
	struct fetch_sandbox held;

	(void)alarm(SECONDS_MAX);
	if (chdir(dir) != 0 ||
	    (become_may_root() && !become_user(NOBODY, NOBODY)))
		return NOT_NOBODY;
	fetch_sandbox_enter(NULL, "/usr/share", &held);
	return is_held(&held, r->by) ? r->act() : NOT_HELD;
}

static void
check_row(void **state)
{
	const struct row *r = *state;
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(act_as_helper(r));
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_HELD)
		skip();
	assert_int_equal(WEXITSTATUS(status), r->want);
}

/* --- whether it is there at all ------------------------------------------- */
static int
is_held_where_it_can_be(void)
{
	bool landlock = false;
	struct fetch_sandbox held;

#ifdef SYS_landlock_create_ruleset
	landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
#endif
	if (become_may_root() && !become_user(NOBODY, NOBODY))
		return NOT_NOBODY;
	fetch_sandbox_enter(NULL, NULL, &held);
	return !held.filter || (held.landlock > 0) != landlock;
}

static void
what_the_kernel_can_do_is_done(void **state)
{
	int status = -1;
	pid_t pid;

	(void)state;
	if (prctl(PR_GET_SECCOMP, 0L, 0L, 0L, 0L) < 0)
		skip();
	pid = fork();
	if (pid == 0)
		_exit(is_held_where_it_can_be());
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	assert_int_equal(status, 0);
}

/* --- the files of authorities --------------------------------------------- */
static int
reads_authorities(void)
{
	struct fetch_sandbox held;

	if (become_may_root() && !become_user(NOBODY, NOBODY))
		return 1;
	fetch_sandbox_enter(file, dir, &held);
	return open(file, O_RDONLY | O_CLOEXEC) < 0 ||
	    open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0;
}

static void
authorities_can_be_read_wherever_they_are(void **state)
{
	int status = -1;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(reads_authorities());
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	assert_int_equal(status, 0);
}

static bool
make_files(void)
{
	int fd;

	parent = getpid();
	if (mkdtemp(dir) == NULL || chmod(dir, 0777) != 0)
		return false;
	(void)snprintf(file, sizeof file, "%s/file", dir);
	fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	return fd >= 0 && fchmod(fd, 0666) == 0 && close(fd) == 0;
}

int
main(void)
{
	const struct CMUnitTest others[] = {
		cmocka_unit_test(what_the_kernel_can_do_is_done),
		cmocka_unit_test(authorities_can_be_read_wherever_they_are),
	};
	int failed;

	if (!make_files()) {
		perror(dir);
		return 1;
	}
	failed = RUN_ROWS(rows, check_row) +
	    cmocka_run_group_tests(others, NULL, NULL);
	if (unlink(file) != 0 || rmdir(dir) != 0) {
		perror(file);
		failed++;
	}
	return failed;
}
