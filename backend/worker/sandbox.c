/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sandbox.c - what the worker gives up before it looks at a guest's bytes.
 *
 * Kept: memory, open descriptors, the network namespace (where it may make
 * TCP and UDP sockets), and the system calls of the list below. Lost: the file
 * system, all capabilities and the way to get any, new processes, executable
 * memory, everything else. A system call that is not on the list kills the
 * process, and the kernel logs which one it was.
 */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/sys/evtchn.h>
#include <xen/sys/gntdev.h>

#include "worker.h"

#define EMPTY_ROOT "/tmp" /* exists everywhere; what is in it is not touched   \
			   */

static int fail(char *error, const char *what, int err)
{
	snprintf(error, WORKER_TEXT_MAX, "sandbox: %s: %s", what,
		 strerror(-err));
	return err;
}

/* An empty, read-only root directory, in a mount namespace of its own. */
static int leave_files(char *error)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS))
		return fail(error, "unshare", -errno);
	if (mount("", "/", "", MS_PRIVATE | MS_REC, NULL))
		return fail(error, "make mounts private", -errno);
	if (mount("", EMPTY_ROOT, "tmpfs",
		  MS_NODEV | MS_NOEXEC | MS_NOSUID | MS_RDONLY,
		  "nr_inodes=2,nr_blocks=1"))
		return fail(error, "mount an empty directory", -errno);
	if (chdir(EMPTY_ROOT))
		return fail(error, "enter the empty directory", -errno);
	if (syscall(SYS_pivot_root, ".", "."))
		return fail(error, "change the root directory", -errno);
	if (umount2(".", MNT_DETACH))
		return fail(error, "let go of the old root directory", -errno);
	return chdir("/") ? fail(error, "enter the root directory", -errno) : 0;
}

static int drop_privileges(char *error)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_ALL))
		return fail(error, "drop capabilities", -EPERM);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return fail(error, "no_new_privs", -errno);
	/* nobody attaches, no core dump with a guest's bytes */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return fail(error, "dumpable", -errno);
	return 0;
}

/* System calls with any arguments. */
static const int allowed[] = {
	/* loop.c; stacks/kernel.c: conn_watch() */
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(sched_yield),
	SCMP_SYS(clock_gettime), /* only if the vDSO cannot */
	SCMP_SYS(restart_syscall),
	/* device.c by libxenevtchn: take and unmask events; common/log.c */
	SCMP_SYS(read),
	SCMP_SYS(write),
	/* stacks/kernel.c */
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(connect),
	SCMP_SYS(accept4), /* also control.c */
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg), /* also control.c, with descriptors */
	SCMP_SYS(sendmmsg),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockname),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockopt), /* also control.c: SO_PEERCRED */
	SCMP_SYS(close),
	SCMP_SYS(getrandom), /* stacks/lwip_guard.c; the C library */
	/* device.c: device_unmap(), and the end of the process */
	SCMP_SYS(munmap),
	SCMP_SYS(exit_group),
	SCMP_SYS(exit),
	/* the C library: malloc() and free(), abort() of a failed assertion */
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(tgkill),
#ifdef __SANITIZE_ADDRESS__
	/* what the sanitizers' run-time library does, reports included */
	SCMP_SYS(mmap),
	SCMP_SYS(mremap),
	SCMP_SYS(mprotect),
	SCMP_SYS(openat),
	SCMP_SYS(open),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(fstat),
	SCMP_SYS(lseek),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(prctl),
	SCMP_SYS(getrlimit),
	SCMP_SYS(prlimit64),
	SCMP_SYS(ioctl), /* TCGETS of its log */
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
#endif
};

/* ioctl(2): its second argument. */
static const unsigned long ioctls[] = {
	IOCTL_EVTCHN_NOTIFY,		   /* device.c by libxenevtchn */
	IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, /* device_unmap() by libxengnttab */
	IOCTL_GNTDEV_UNMAP_GRANT_REF,
	SIOCOUTQ, /* stacks/kernel.c: queue_bytes() */
	SIOCOUTQNSD,
	SIOCGIFINDEX, /* stacks/lwip_link.c: a link that it moves to */
	SIOCGIFMTU,
};

/* stacks/kernel.c: kernel_open(): TCP and UDP over IPv4 and IPv6, no more */
static int allow_sockets(scmp_filter_ctx ctx)
{
	static const int family[] = {AF_INET, AF_INET6};
	static const int type[] = {SOCK_STREAM, SOCK_DGRAM};
	unsigned int i;
	int err = 0;

	for (i = 0; i < 4 && !err; i++)
		err = seccomp_rule_add(
			ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family[i / 2]),
			SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf,
				(scmp_datum_t)type[i % 2]),
			SCMP_A2(SCMP_CMP_EQ, 0));
	return err;
}

static int add_rules(scmp_filter_ctx ctx)
{
	size_t i;
	int err = 0;

	for (i = 0; !err && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
#ifndef __SANITIZE_ADDRESS__
	for (i = 0; !err && i < sizeof(ioctls) / sizeof(ioctls[0]); i++)
		err = seccomp_rule_add(
			ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, ioctls[i]));
	/* malloc() may want more, but nothing that can be executed */
	if (!err)
		err = seccomp_rule_add(
			ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
			SCMP_A2(SCMP_CMP_EQ, PROT_READ | PROT_WRITE),
			SCMP_A3(SCMP_CMP_EQ, MAP_PRIVATE | MAP_ANONYMOUS));
#else
	(void)ioctls;
#endif
	if (!err)
		err = allow_sockets(ctx);
	return err;
}

static int filter_system_calls(char *error)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err;

	if (!ctx)
		return fail(error, "seccomp", -ENOMEM);
	/* what is denied is logged by the kernel */
	err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1);
	/* a filter that is a tree: about 6 comparisons, not 40 */
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!err)
		err = add_rules(ctx);
	if (!err)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err ? fail(error, "seccomp", err) : 0;
}

int sandbox_enter(char *error)
{
	int err = leave_files(error);

	if (!err)
		err = drop_privileges(error);
	if (!err)
		err = filter_system_calls(error);
	return err;
}
