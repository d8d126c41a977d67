/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch_filter.c - a seccomp filter.
 *
 * A list of what is refused and not of what is allowed: the latter changes
 * with every libc, libcurl, OpenSSL and name service, and whom it hits cannot
 * resolve names.  But calls that are younger than this list do not exist,
 * which every libc knows how to live with.  By hand and not by libseccomp:
 * the filter is a table, and needs no library to walk through it. */
#include "fetch_filter.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) && defined(__LP64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCH AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define ARCH AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define ARCH AUDIT_ARCH_S390X
#endif

#ifdef ARCH

/* 450, set_mempolicy_home_node, was the last one of Linux 6.1.  Numbers from
 * 424 on are the same everywhere. */
#define YOUNGER 451u
/* How a program for 64 bits calls the kernel as if for x32. */
#define X32_BIT 0x40000000u

/* One a line they would fill pages. */
/* clang-format off */
static const long refused[] = {
	/* other programs, other processes */
	SYS_execve, SYS_execveat, SYS_clone, SYS_kill, SYS_tkill,
	SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_ptrace, SYS_kcmp,
	SYS_process_vm_readv, SYS_process_vm_writev, SYS_setpriority,
	SYS_ioprio_set, SYS_sched_setparam, SYS_sched_setscheduler,
	SYS_sched_setattr, SYS_sched_setaffinity, SYS_migrate_pages,
	SYS_move_pages,
	/* Whoever leaves the group is not killed at the deadline. */
	SYS_setsid, SYS_setpgid,
	/* other users */
	SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid,
	SYS_setresgid, SYS_setgroups, SYS_setfsuid, SYS_setfsgid, SYS_capset,
	/* files; writing to them is refused below */
	SYS_truncate, SYS_mkdirat, SYS_mknodat, SYS_linkat, SYS_symlinkat,
	SYS_unlinkat, SYS_renameat2, SYS_fchmod, SYS_fchmodat, SYS_fchown,
	SYS_fchownat, SYS_utimensat, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr,
	SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr,
	SYS_name_to_handle_at, SYS_open_by_handle_at,
	/* servers */
	SYS_listen, SYS_accept4,
	/* memory shared with others, and tricks with pipes */
	SYS_shmget, SYS_shmat, SYS_shmctl, SYS_semget, SYS_semctl,
	SYS_msgget, SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_mq_open,
	SYS_mq_unlink, SYS_splice, SYS_vmsplice, SYS_tee, SYS_remap_file_pages,
	/* keys, tracing, code in the kernel */
	SYS_add_key, SYS_request_key, SYS_keyctl, SYS_bpf, SYS_perf_event_open,
	SYS_userfaultfd, SYS_fanotify_init, SYS_fanotify_mark, SYS_init_module,
	SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_lookup_dcookie,
	SYS_personality,
	/* the system */
	SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare,
	SYS_setns, SYS_swapon, SYS_swapoff, SYS_reboot, SYS_sethostname,
	SYS_setdomainname, SYS_syslog, SYS_acct, SYS_quotactl, SYS_vhangup,
	SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime,
/* since Linux 5.1, and not in every header */
#ifdef SYS_pidfd_send_signal
	SYS_pidfd_send_signal, SYS_io_uring_setup, SYS_io_uring_enter,
	SYS_io_uring_register,
#endif
#ifdef SYS_open_tree
	SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
	SYS_fspick,
#endif
#ifdef SYS_pidfd_open
	SYS_pidfd_open,
#endif
#ifdef SYS_pidfd_getfd
	SYS_pidfd_getfd,
#endif
#ifdef SYS_process_madvise
	SYS_process_madvise,
#endif
#ifdef SYS_mount_setattr
	SYS_mount_setattr,
#endif
#ifdef SYS_quotactl_fd
	SYS_quotactl_fd,
#endif
#ifdef SYS_process_mrelease
	SYS_process_mrelease,
#endif
/* what new architectures do without */
#ifdef SYS_renameat
	SYS_renameat,
#endif
#ifdef SYS_accept
	SYS_accept,
#endif
#ifdef SYS_semop
	SYS_semop,
#endif
#ifdef SYS_open
	SYS_fork, SYS_vfork, SYS_creat, SYS_mkdir, SYS_mknod, SYS_link,
	SYS_symlink, SYS_unlink, SYS_rename, SYS_rmdir, SYS_chmod, SYS_chown,
	SYS_lchown, SYS_utimes, SYS_futimesat, SYS_uselib,
#endif
#ifdef SYS_utime
	SYS_utime,
#endif
#ifdef SYS_kexec_file_load
	SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
	SYS_iopl, SYS_ioperm, SYS_modify_ldt,
#endif
/* what 32 bits have twice */
#ifdef SYS_setuid32
	SYS_setuid32, SYS_setgid32, SYS_setreuid32, SYS_setregid32,
	SYS_setresuid32, SYS_setresgid32, SYS_setgroups32, SYS_setfsuid32,
	SYS_setfsgid32, SYS_chown32, SYS_lchown32, SYS_fchown32, SYS_truncate64,
#endif
#ifdef SYS_clock_settime64
	SYS_clock_settime64, SYS_clock_adjtime64, SYS_utimensat_time64,
#endif
#ifdef SYS_ipc
	SYS_ipc,
#endif
};
/* clang-format on */
#define REFUSED (sizeof refused / sizeof *refused)

/* libc takes these for calls of another kernel, and does without. */
static const long missing[] = {
#ifdef SYS_clone3
	SYS_clone3,
#endif
#ifdef SYS_openat2
	SYS_openat2,
#endif
	-1
};
#define MISSING (sizeof missing / sizeof *missing - 1)

#define CODE_MAX (2u * (REFUSED + MISSING) + 128u)

struct code {
	struct sock_filter at[CODE_MAX];
	unsigned short n;
};

static void
add(struct code *c, unsigned code, uint32_t k, unsigned yes, unsigned no)
{
	/* The room is counted for what is added; without room the kernel will
	 * not have a filter that has no end. */
	if (c->n < CODE_MAX)
		c->at[c->n++] = (struct sock_filter){ (uint16_t)code,
			(uint8_t)yes, (uint8_t)no, k };
}

static void
load(struct code *c, size_t offset)
{
	add(c, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* The lower half of an argument; more of it nobody reads here. */
static void
load_argument(struct code *c, size_t i)
{
	size_t low = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0;

	load(c, offsetof(struct seccomp_data, args) + 8 * i + low);
}

static void
end(struct code *c, uint32_t action)
{
	add(c, BPF_RET | BPF_K, action, 0, 0);
}

/* What follows is for this call only, and `n` instructions long. */
static void
when(struct code *c, long call, unsigned n)
{
	add(c, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, n);
}

static void
refuse(struct code *c, long call, uint32_t error)
{
	when(c, call, 1);
	end(c, SECCOMP_RET_ERRNO | error);
}

/* Files are opened to be read, and none is made. */
static void
refuse_writing(struct code *c, long call, size_t argument)
{
	uint32_t flags = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND |
	    (O_TMPFILE & ~O_DIRECTORY);

	when(c, call, 4);
	load_argument(c, argument);
	add(c, BPF_JMP | BPF_JSET | BPF_K, flags, 0, 1);
	end(c, SECCOMP_RET_ERRNO | EACCES);
	end(c, SECCOMP_RET_ALLOW);
}

/* Only with this value of the argument. */
static void
allow_only(struct code *c, long call, size_t argument, uint32_t value)
{
	when(c, call, 4);
	load_argument(c, argument);
	add(c, BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
	end(c, SECCOMP_RET_ERRNO | EPERM);
	end(c, SECCOMP_RET_ALLOW);
}

/* With none of these values of the argument. */
static void
refuse_values(struct code *c, long call, size_t argument,
    const uint32_t *values, unsigned n)
{
	when(c, call, n + 3);
	load_argument(c, argument);
	for (unsigned i = 0; i < n; i++)
		add(c, BPF_JMP | BPF_JEQ | BPF_K, values[i], n - i, 0);
	end(c, SECCOMP_RET_ALLOW);
	end(c, SECCOMP_RET_ERRNO | EPERM);
}

/* With none of these bits in the argument. */
static void
refuse_bits(struct code *c, long call, size_t argument, uint32_t bits)
{
	when(c, call, 4);
	load_argument(c, argument);
	add(c, BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
	end(c, SECCOMP_RET_ERRNO | EPERM);
	end(c, SECCOMP_RET_ALLOW);
}

/* Of the Internet TCP and UDP: what else carries a stream (MPTCP, SCTP) knows
 * nothing of Landlock's ports. */
static void
refuse_sockets(struct code *c)
{
	when(c, SYS_socket, 13);
	load_argument(c, 0);
	add(c, BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 4, 0);
	add(c, BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 3, 0);
	add(c, BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 5, 0);
	add(c, BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 4, 0);
	end(c, SECCOMP_RET_ERRNO | EAFNOSUPPORT);
	load_argument(c, 2);
	add(c, BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_TCP, 4, 0);
	add(c, BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 3, 0);
	load_argument(c, 2);
	add(c, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
	end(c, SECCOMP_RET_ERRNO | EPROTONOSUPPORT);
	end(c, SECCOMP_RET_ALLOW);
}

/* To connect by sending, or as another protocol, which passes by Landlock's
 * ports, too. */
static void
refuse_other_connections(struct code *c)
{
	/* Of TCP's; what has these numbers elsewhere is of no use here. */
	static const uint32_t options[] = { TCP_FASTOPEN_CONNECT, TCP_ULP };

	refuse_bits(c, SYS_sendto, 3, MSG_FASTOPEN);
	refuse_bits(c, SYS_sendmsg, 2, MSG_FASTOPEN);
	refuse_bits(c, SYS_sendmmsg, 3, MSG_FASTOPEN);
	refuse_values(c, SYS_setsockopt, 2, options,
	    sizeof options / sizeof *options);
}

/* Words put into the mouth of whoever started us from a terminal; and signals
 * to others of the same user, sent by a descriptor that becomes ready. */
static void
refuse_ways_round(struct code *c)
{
	static const uint32_t controls[] = { TIOCSTI, TIOCLINUX, FIOSETOWN,
		SIOCSPGRP };
	static const uint32_t commands[] = { F_SETOWN, F_SETSIG,
		F_SETOWN_EX };

	refuse_values(c, SYS_ioctl, 1, controls,
	    sizeof controls / sizeof *controls);
#ifdef SYS_fcntl
	refuse_values(c, SYS_fcntl, 1, commands,
	    sizeof commands / sizeof *commands);
#endif
#ifdef SYS_fcntl64
	refuse_values(c, SYS_fcntl64, 1, commands,
	    sizeof commands / sizeof *commands);
#endif
}

/* It was made to die with its parent (become.h), and does. */
static void
refuse_to_survive(struct code *c)
{
	when(c, SYS_prctl, 6);
	load_argument(c, 0);
	add(c, BPF_JMP | BPF_JEQ | BPF_K, PR_SET_PDEATHSIG, 0, 3);
	load_argument(c, 1);
	add(c, BPF_JMP | BPF_JEQ | BPF_K, SIGKILL, 1, 0);
	end(c, SECCOMP_RET_ERRNO | EPERM);
	end(c, SECCOMP_RET_ALLOW);
}

static void
write_filter(struct code *c)
{
	c->n = 0;
	load(c, offsetof(struct seccomp_data, arch));
	add(c, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
	end(c, SECCOMP_RET_KILL_PROCESS);
	load(c, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	add(c, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
	end(c, SECCOMP_RET_KILL_PROCESS);
#endif
	add(c, BPF_JMP | BPF_JGE | BPF_K, YOUNGER, 0, 1);
	end(c, SECCOMP_RET_ERRNO | ENOSYS);
	for (size_t i = 0; i < REFUSED; i++)
		refuse(c, refused[i], EPERM);
	for (size_t i = 0; i < MISSING; i++)
		refuse(c, missing[i], ENOSYS);
#ifdef SYS_open
	refuse_writing(c, SYS_open, 1);
#endif
	refuse_writing(c, SYS_openat, 2);
	refuse_sockets(c);
	refuse_other_connections(c);
	refuse_ways_round(c);
	refuse_to_survive(c);
	/* libc asks the kernel for this host's addresses by netlink; an address
	 * of the Internet's is longer. */
	allow_only(c, SYS_bind, 2, sizeof(struct sockaddr_nl));
	/* abort() sends itself a signal. */
	allow_only(c, SYS_tgkill, 0, (uint32_t)getpid());
	allow_only(c, SYS_prlimit64, 0, 0);
	end(c, SECCOMP_RET_ALLOW);
}

bool
fetch_filter_install(void)
{
	struct code c;
	struct sock_fprog program = { .filter = c.at };

	write_filter(&c);
	program.len = c.n;
	return prctl(PR_SET_SECCOMP, (unsigned long)SECCOMP_MODE_FILTER,
		   &program, 0L, 0L) == 0;
}

#else

bool
fetch_filter_install(void)
{
	return false;
}

#endif
