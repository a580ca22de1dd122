/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vtoe-dhcp - a guest's DHCP client: becomes busybox's udhcpc, and is its script
 *
 * Theory of operation
 *
 * vtoed starts it, for one link of a guest, as
 *
 *	vtoe-dhcp NETNS LEASE LINK CLIENT-ID tell|quiet [ADDRESS]
 *
 * NETNS and LEASE are descriptors: the guest's network namespace, and a file from
 * which vtoed, this one and the next, knows the lease (lease.h). CLIENT-ID are
 * hexadecimal digits; ADDRESS is asked for; "quiet": why it cannot run has been
 * told on standard error before.
 *
 * The program takes a POSIX lock on LEASE, which the kernel keeps for it over
 * exec() and until it ends: so whoever opens the file can ask who serves it
 * (dhcp_client.c). Then it enters the namespace, gives up all privileges but raw
 * sockets, and becomes udhcpc. That calls it as its script, with an event as the
 * only argument and LEASE as a descriptor.
 *
 * The first event of each client is "deconfig": it has no lease yet. That is no
 * news: the lease that an earlier client had for the guest still holds.
 */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lease.h"

#define LEASE_FD 9 /* the client uses those from 3 on for itself */
/* "nobody" of Debian and others; owns nothing */
#define NOBODY 65534
#define FILES_MAX 16 /* descriptors; it has seven */
#define FOREVER "4294967295" /* a lease's seconds: RFC 2131, 3.3 */
/* It takes a shorter lease for one that lasts so long. */
#define CLIENT_LEASE_MIN_S 122ull
/* Its own word, that the lease has ended, comes first. */
#define SLACK_S 5u
#define NR_ARGS_MAX 32
#define VALUE_MAX 15 /* "255.255.255.255" */

/* ---- the script ---- */

/* Values are numbers and addresses; anything else would be a client gone mad. */
static const char *value_of(const char *name)
{
	const char *value = getenv(name);

	if (!value || !*value)
		return NULL;
	return value[strspn(value, "0123456789. ")] ? NULL : value;
}

static size_t add_line(char *text, size_t len, const char *key,
		       const char *name)
{
	const char *value = value_of(name);
	size_t words;

	if (!value)
		return len;
	/* of a list, of routers say, the first one */
	words = strcspn(value, " ");
	return len + (size_t)snprintf(text + len, LEASE_TEXT_MAX - len,
				      "%s=%.*s\n", key,
				      words < VALUE_MAX ? (int)words
							: VALUE_MAX,
				      value);
}

static size_t add_lease(char *text, size_t len)
{
	const char *lasts = value_of("lease");
	unsigned long long seconds;
	struct timespec now;

	len = add_line(text, len, "ip", "ip");
	len = add_line(text, len, "subnet", "subnet");
	len = add_line(text, len, "router", "router");
	len = add_line(text, len, "mtu", "mtu");
	if (!lasts || !strcmp(lasts, FOREVER))
		return len;
	seconds = strtoull(lasts, NULL, 10);
	if (seconds < CLIENT_LEASE_MIN_S)
		seconds = CLIENT_LEASE_MIN_S;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return len + (size_t)snprintf(text + len, LEASE_TEXT_MAX - len,
				      "expires=%llu\n",
				      (unsigned long long)now.tv_sec +
					      seconds + SLACK_S);
}

/* Has this client said anything yet? */
static bool is_news(void)
{
	char text[LEASE_TEXT_MAX] = "";

	if (pread(LEASE_FD, text, sizeof(text) - 1, 0) < 0)
		return false;
	return !strncmp(text, "client=", 7) && atoi(text + 7) == getppid();
}

static int script(const char *event)
{
	bool bound = !strcmp(event, "bound") || !strcmp(event, "renew");
	char text[LEASE_TEXT_MAX] = "";
	size_t len;

	if (!bound && (strcmp(event, "deconfig") || !is_news()))
		return 0;
	len = (size_t)snprintf(text, sizeof(text), "client=%d\n",
			       (int)getppid());
	if (bound)
		len = add_lease(text, len);
	snprintf(text + len, sizeof(text) - len, "end=\n");
	/* at once, and all of it: nobody may see an empty file */
	return pwrite(LEASE_FD, text, sizeof(text) - 1, 0) ==
			       (ssize_t)sizeof(text) - 1
		       ? EXIT_SUCCESS
		       : EXIT_FAILURE;
}

/* ---- the launcher ---- */

static void die(const char *what)
{
	fprintf(stderr, "vtoe-dhcp: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* Waits for the end of the client before, which has been killed. */
static void take_lock(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	while (fcntl(LEASE_FD, F_SETLKW, &lock) < 0)
		if (errno != EINTR)
			die("lock");
}

static void limit(int resource, rlim_t max)
{
	struct rlimit rlimit = {max, max};

	if (setrlimit(resource, &rlimit) < 0)
		die("setrlimit");
}

/*
 * Others run as nobody, too, among them the clients of other guests. Nor are
 * namespaces and the like, where a process without privileges may do more than
 * elsewhere, anything that a DHCP client needs.
 */
static int deny(scmp_filter_ctx ctx)
{
	static const int denied[] = {
		SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
		SCMP_SYS(process_vm_writev), SCMP_SYS(kill), SCMP_SYS(tkill),
		SCMP_SYS(tgkill), SCMP_SYS(pidfd_open),
		SCMP_SYS(pidfd_send_signal), SCMP_SYS(pidfd_getfd),
		SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(mount),
		SCMP_SYS(bpf), SCMP_SYS(userfaultfd), SCMP_SYS(keyctl),
		SCMP_SYS(io_uring_setup), SCMP_SYS(perf_event_open),
	};
	size_t i;
	int err = 0;

	for (i = 0; !err && i < sizeof(denied) / sizeof(denied[0]); i++)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), denied[i],
				       0);
	if (!err)
		err = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM),
				       SCMP_SYS(clone), 1,
				       SCMP_A0(SCMP_CMP_MASKED_EQ,
					       CLONE_NEWUSER, CLONE_NEWUSER));
	/* its flags cannot be seen from here; the C library does without it */
	return err ? err
		   : seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
				      SCMP_SYS(clone3), 0);
}

static void leave_others_alone(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int err = ctx ? deny(ctx) : -ENOMEM;

	if (!err)
		err = seccomp_load(ctx);
	if (err) {
		errno = -err;
		die("seccomp");
	}
	seccomp_release(ctx);
}

/* What is left: nobody, in the guest's namespace, with raw sockets there. */
static void drop_privileges(void)
{
	limit(RLIMIT_FSIZE, LEASE_TEXT_MAX);
	limit(RLIMIT_NOFILE, FILES_MAX);
	limit(RLIMIT_CORE, 0);
	capng_clear(CAPNG_SELECT_ALL);
	capng_update(CAPNG_ADD,
		     CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE,
		     CAP_NET_RAW);
	if (capng_change_id(NOBODY, NOBODY,
			    CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING))
		die("drop privileges");
	/* what a program that is not root has after exec() */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		die("prctl");
	leave_others_alone();
}

/* It tells everybody of each packet. */
static void be_quiet(void)
{
	int fd = open("/dev/null", O_WRONLY);

	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
	    dup2(fd, STDERR_FILENO) < 0)
		die("/dev/null");
	close(fd);
}

/* Debian's packages busybox and udhcpc, and where others have them. */
static void become_client(char *const *argv)
{
	static const char *const program[] = {
		"/bin/busybox", "/usr/bin/busybox", "/sbin/udhcpc",
		"/usr/sbin/udhcpc"};
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	char *environment[] = {path, NULL};
	size_t i;

	for (i = 0; i < sizeof(program) / sizeof(program[0]); i++) {
		if (access(program[i], X_OK) < 0)
			continue;
		be_quiet();
		execve(program[i], argv, environment);
		exit(EXIT_FAILURE);
	}
	die("no udhcpc: install the package busybox");
}

static void launch(const char *link, const char *id, const char *address)
{
	static char self[PATH_MAX], client_id[LEASE_TEXT_MAX];
	const char *args[NR_ARGS_MAX] = {
		"udhcpc", "-f", "-i", link, "-s", self, "-x", client_id,
		/* give it back at the end; have answers broadcast */
		"-R", "-B",
		/* ask for no more than what is used */
		"-o", "-O", "subnet", "-O", "router", "-O", "mtu",
		/* three tries, 2 s apart; 10 s later again */
		"-t", "3", "-T", "2", "-A", "10"};
	int n = 0;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		die("/proc/self/exe");
	snprintf(client_id, sizeof(client_id), "0x3d:%s", id);
	while (args[n])
		n++;
	if (address) {
		args[n++] = "-r";
		args[n++] = address;
	}
	drop_privileges();
	become_client((char *const *)args);
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return script(argv[1]);
	if (argc < 6 || argc > 7) {
		fprintf(stderr, "vtoe-dhcp is started by vtoed\n");
		return EXIT_FAILURE;
	}
	if (!strcmp(argv[5], "quiet"))
		be_quiet();
	if (setns(atoi(argv[1]), CLONE_NEWNET) < 0)
		die("network namespace");
	if (dup2(atoi(argv[2]), LEASE_FD) < 0)
		die("lease");
	if (close_range(STDERR_FILENO + 1, LEASE_FD - 1, 0) < 0 ||
	    close_range(LEASE_FD + 1, ~0u, 0) < 0)
		die("close_range");
	take_lock();
	launch(argv[3], argv[4], argv[6]);
}
