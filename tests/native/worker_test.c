/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Claims about vtoed and a worker that is not to be trusted: a child of the test takes
 * the place of the real one, at its socket, and vtoed adopts it (worker_proto.h).
 *
 * What the child finds wrong is its exit status: a line of this file.
 */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "../../backend/worker_proto.h"
#include "../../toe-service/stack.h"
#include "native.h"

#define SOCKET_DIR "/run/vtoe/worker"
#define ROWS	   8u
#define ASSISTS	   (4u * ROWS) /* that vtoed puts up with in one move */

#define expect(cond)                          \
	do {                                  \
		if (!(cond))                  \
			_exit(__LINE__ % 250 + 1); \
	} while (0)

/* ---- what a worker says ---- */

static void say(int fd, struct worker_msg *msg, const int *fds, unsigned int nr)
{
	struct iovec iov = {msg, sizeof(*msg)};
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(WORKER_ASSIST_MAX * sizeof(int))];
	} control = {0};
	struct msghdr hdr = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = nr ? &control : NULL,
			     .msg_controllen =
				     nr ? CMSG_SPACE(nr * sizeof(int)) : 0};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&hdr);

	if (nr) {
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nr * sizeof(int));
	}
	msg->version = WORKER_PROTO_VERSION;
	msg->domid = NT_DOMID;
	expect(sendmsg(fd, &hdr, MSG_NOSIGNAL) == sizeof(*msg));
}

/* The next one of a type, which vtoed is sure to send. */
static struct worker_msg hear(int fd, enum worker_msg_type type)
{
	struct worker_msg msg;

	do
		expect(recv(fd, &msg, sizeof(msg), 0) == sizeof(msg));
	while (msg.type != type);
	return msg;
}

static int make_table(void)
{
	int fd = memfd_create("table", MFD_ALLOW_SEALING);
	struct context_table table = {.version = TABLE_VERSION,
				      .nr_rows = ROWS,
				      .row_size = sizeof(struct context_row)};
	size_t size = sizeof(table) + ROWS * sizeof(struct context_row);

	expect(write(fd, &table, sizeof(table)) == sizeof(table));
	expect(!ftruncate(fd, (off_t)size));
	expect(!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	return fd;
}

/* It is on no TOE, it says; vtoed tells it where it is to be. */
static void hello(int fd)
{
	struct worker_msg msg = {.type = WORKER_HELLO, .pid = getpid()};
	const int table = make_table();
	unsigned int i;

	for (i = 0; i < WORKER_TOES_MAX; i++)
		msg.toe[i].row = WORKER_NO_TOE;
	strcpy(msg.driver[0], "kernel");
	say(fd, &msg, &table, 1);
	hear(fd, WORKER_TOE);
}

static struct worker_msg ask(int fd, const char *driver, uint32_t what,
			     const int *fds, unsigned int nr)
{
	struct worker_msg msg = {
		.type = WORKER_ASSIST, .what = what, .id = 7};

	snprintf(msg.driver[0], sizeof(msg.driver[0]), "%s", driver);
	say(fd, &msg, fds, nr);
	msg = hear(fd, WORKER_ASSISTED);
	expect(msg.id == 7 && msg.nr == nr);
	return msg;
}

/* ---- the child ---- */

static pid_t false_worker(struct nt *nt, void (*act)(int fd))
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), fd;
	pid_t pid = nt_worker(nt, NT_DOMID);

	nt_vtoed_kill(nt, SIGKILL);
	kill(pid, SIGKILL);
	nt_until(nt_process_gone(pid));
	snprintf(at.sun_path, sizeof(at.sun_path), SOCKET_DIR "/%u-0",
		 NT_DOMID);
	unlink(at.sun_path);
	ck_assert_int_eq(bind(listening, (void *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		fd = accept(listening, NULL, NULL);
		expect(fd >= 0);
		hello(fd);
		act(fd);
		_exit(0);
	}
	close(listening);
	nt_vtoed_start(nt);
	return pid;
}

static void expect_good_end(pid_t pid)
{
	int status = -1;

	nt_until(waitpid(pid, &status, WNOHANG) == pid);
	ck_assert_msg(WIFEXITED(status), "killed by signal %d",
		      WTERMSIG(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}

/* ---- claims ---- */

/* A TCP socket of the guest's namespace, as a worker has them. */
static int own_socket(void)
{
	int ns = open("/run/netns/vtoe-5-0", O_RDONLY), fd;
	int home = open("/proc/self/ns/net", O_RDONLY);

	expect(!setns(ns, CLONE_NEWNET));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	expect(fd >= 0);
	expect(!setns(home, CLONE_NEWNET));
	return fd;
}

static void send_what_is_not_its_own(int fd)
{
	int own = own_socket(), pipes[2], fds[5], i;
	struct worker_msg msg;

	expect(!pipe(pipes));
	fds[0] = socket(AF_INET, SOCK_STREAM, 0); /* dom0's */
	fds[1] = socket(AF_INET, SOCK_DGRAM, 0);
	fds[2] = pipes[0];
	fds[3] = fd;
	fds[4] = own;
	msg = ask(fd, "kernel", TOE_ASSIST_FREEZE, fds, 5);
	for (i = 0; i < 4; i++)
		expect(msg.result[i] == -EPERM);
	expect(msg.result[4] == 0);
	/* a driver that the device has not, or that there is not */
	expect(ask(fd, "lwip", TOE_ASSIST_FREEZE, &own, 1).result[0] == -EPERM);
	expect(ask(fd, "", TOE_ASSIST_FREEZE, &own, 1).result[0] == -EPERM);
	expect(ask(fd, "kernel", 3, &own, 1).result[0] == -EPERM);
	expect(ask(fd, "kernel", TOE_ASSIST_THAW, &own, 1).result[0] == 0);
}

NATIVE_TEST(vtoed_helps_with_a_guests_own_connections_only)
{
	nt_guest_up(nt, NULL);
	expect_good_end(false_worker(nt, send_what_is_not_its_own));
}

static void ask_for_too_much(int fd)
{
	struct worker_msg msg = {.type = WORKER_ASSIST,
				 .what = TOE_ASSIST_FREEZE};
	int own = own_socket();
	unsigned int i;

	strcpy(msg.driver[0], "kernel");
	for (i = 0; i < ASSISTS; i++)
		expect(!ask(fd, "kernel", TOE_ASSIST_FREEZE, &own, 1)
				.result[0]);
	say(fd, &msg, &own, 1);
	hear(fd, WORKER_STOP);
}

NATIVE_TEST(a_worker_that_asks_for_more_than_it_may_is_ended)
{
	nt_guest_up(nt, NULL);
	expect_good_end(false_worker(nt, ask_for_too_much));
	nt_until(nt_log_has(nt, "vtoed.log", "out of order") ||
		 nt_says(nt, "{\"command\":\"list\"}", "out of order"));
}

static void name_links_that_are_not_there(int fd)
{
	struct worker_msg msg = {.type = WORKER_ARRIVED};
	int own = own_socket();

	for (msg.index = 0; msg.index < 2 * WORKER_TOES_MAX; msg.index++)
		say(fd, &msg, NULL, 0);
	msg.index = UINT32_MAX;
	say(fd, &msg, NULL, 0);
	expect(!ask(fd, "kernel", TOE_ASSIST_FREEZE, &own, 1).result[0]);
}

NATIVE_TEST(what_a_worker_says_of_links_is_checked)
{
	nt_guest_up(nt, NULL);
	expect_good_end(false_worker(nt, name_links_that_are_not_there));
	ck_assert(nt_says(nt, "{\"command\":\"version\"}", "\"ok\":true"));
}

NATIVE_MAIN("native-worker", 120,
	    vtoed_helps_with_a_guests_own_connections_only,
	    a_worker_that_asks_for_more_than_it_may_is_ended,
	    what_a_worker_says_of_links_is_checked)
