/* SPDX-License-Identifier: GPL-2.0 */
/* process.c - sockets as descriptors: fork, exec, passing, splicing. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sockcheck.h"

#define FILE_BYTES 300000

static void forked(void)
{
	int fd = peer("echo"), pid = fork();

	if (!pid) {
		send_bytes(fd, 0, 1000);
		_exit(0);
	}
	expect_eq(wait_child(pid), 0);
	receive_bytes(fd, 0, 1000); /* the child's end closed nothing */
	send_bytes(fd, 0, 10);
	receive_bytes(fd, 0, 10);
}

static void duplicated(void)
{
	int fd = peer("echo"), other = must(dup(fd));

	must(close(fd));
	send_bytes(other, 0, 10);
	receive_bytes(other, 0, 10);
}

static int run_self(const char *mode, int fd)
{
	char number[16];
	int pid;

	snprintf(number, sizeof(number), "%d", fd);
	pid = fork();
	if (!pid) {
		execl("/proc/self/exe", "sockcheck", mode, number, NULL);
		_exit(99);
	}
	return wait_child(pid);
}

static void executed(void)
{
	int fd = peer("echo");

	must(fcntl(fd, F_SETFD, 0));
	expect_eq(run_self("exec-open", fd), 0);
	send_bytes(fd, 0, 10);
	receive_bytes(fd, 0, 10);
}

static void closed_on_exec(void)
{
	int fd = peer("echo"); /* SOCK_CLOEXEC */

	expect_eq(run_self("exec-closed", fd), 0);
	send_bytes(fd, 0, 10);
	receive_bytes(fd, 0, 10);
}

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static void give(int via, int fd)
{
	char c = 0;
	struct iovec iov = { &c, 1 };
	union control u = { .head = { .cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_RIGHTS,
				      .cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &u,
			      .msg_controllen = sizeof(u.bytes) };

	memcpy(CMSG_DATA(&u.head), &fd, sizeof(fd));
	expect_eq(sendmsg(via, &msg, 0), 1);
}

static int take(int via)
{
	char c;
	struct iovec iov = { &c, 1 };
	union control u;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = &u,
			      .msg_controllen = sizeof(u.bytes) };
	int fd;

	expect_eq(recvmsg(via, &msg, 0), 1);
	memcpy(&fd, CMSG_DATA(&u.head), sizeof(fd));
	return fd;
}

static void passed(void)
{
	int fd = peer("echo"), pair[2], pid;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid = fork();
	if (!pid) {
		close(fd);
		fd = take(pair[1]);
		send_bytes(fd, 0, 1000);
		receive_bytes(fd, 0, 1000);
		_exit(0);
	}
	give(pair[0], fd);
	must(close(fd));
	expect_eq(wait_child(pid), 0);
}

static int file_of_pattern(void)
{
	static uint8_t data[FILE_BYTES];
	int fd = must(memfd_create("sockcheck", 0));

	pattern(data, 0, sizeof(data));
	expect_eq(write(fd, data, sizeof(data)), sizeof(data));
	must(lseek(fd, 0, SEEK_SET));
	return fd;
}

static void file_sent(void)
{
	int file = file_of_pattern(), fd = peer("count");
	off_t at = 0;

	while (at < FILE_BYTES)
		expect(must(sendfile(fd, file, &at,
				     (size_t)(FILE_BYTES - at))) > 0);
	must(shutdown(fd, SHUT_WR));
	expect(!strcmp(read_line(fd), count_text(FILE_BYTES)));
}

static void spliced_out(void)
{
	int file = file_of_pattern(), fd = peer("count"), p[2];
	size_t done = 0;

	must(pipe(p));
	while (done < FILE_BYTES) {
		int in = must(splice(file, NULL, p[1], NULL, 60000, 0));

		expect(in > 0);
		done += (size_t)in;
		while (in > 0) {
			int out = must(splice(p[0], NULL, fd, NULL, (size_t)in,
					      SPLICE_F_MORE));

			expect(out > 0);
			in -= out;
		}
	}
	must(shutdown(fd, SHUT_WR));
	expect(!strcmp(read_line(fd), count_text(FILE_BYTES)));
}

static void spliced_in(void)
{
	int fd = peer("send %u", FILE_BYTES), p[2];
	size_t done = 0;

	must(pipe(p));
	while (done < FILE_BYTES) {
		int n = must(splice(fd, NULL, p[1], NULL, 30000, 0));
		uint8_t got[30000], wanted[30000];

		expect(n > 0);
		expect_eq(read(p[0], got, (size_t)n), n);
		pattern(wanted, done, (size_t)n);
		expect(!memcmp(got, wanted, (size_t)n));
		done += (size_t)n;
	}
	expect_eq(splice(fd, NULL, p[1], NULL, 1, 0), 0);
}

static void kinds(void)
{
	int fd = peer("hold"), one = 1;
	struct stat st;
	char name[64] = "", path[64];

	must(fstat(fd, &st));
	expect(S_ISSOCK(st.st_mode));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	must(readlink(path, name, sizeof(name) - 1));
	expect(!strncmp(name, "socket:[", 8));
	expect_errno(lseek(fd, 0, SEEK_SET), ESPIPE);
	must(ioctl(fd, FIONBIO, &one));
	expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
	expect_errno(read(fd, name, 1), EAGAIN);
}

/* A process that waits for the socket can be killed. */
static void expect_killable(int pid)
{
	pause_ms(300);
	must(kill(pid, SIGKILL));
	expect_eq(wait_child(pid), SIGKILL);
}

static void killed_in_recv(void)
{
	int fd = peer("hold"), pid = fork();
	char c;

	if (!pid)
		_exit(recv(fd, &c, 1, 0) != 1);
	expect_killable(pid);
}

static void killed_in_connect(void)
{
	uint16_t port = peer_full_port();
	int pid = fork();

	if (!pid)
		_exit(connect_to(new_socket(0), port) != 0);
	expect_killable(pid);
}

static void killed_in_accept(void)
{
	uint16_t port;
	int l = listener(0, &port), pid = fork(), fd;

	if (!pid)
		_exit(accept(l, NULL, NULL) < 0);
	expect_killable(pid);
	peer("dial %u send 4", port); /* others are not harmed */
	fd = must(accept(l, NULL, NULL));
	receive_bytes(fd, 0, 4);
}

static void serve_once(int l)
{
	int fd = must(accept(l, NULL, NULL));

	send_bytes(fd, 0, 100);
	_exit(0);
}

/* As nginx: a listener made before fork() and several that accept. */
static void preforked(void)
{
	uint16_t port;
	int l = listener(0, &port), pid[3], control[3];

	for (int i = 0; i < 3; i++) {
		pid[i] = fork();
		if (!pid[i])
			serve_once(l);
	}
	must(close(l));
	for (int i = 0; i < 3; i++)
		control[i] = peer("dial %u count", port);
	for (int i = 0; i < 3; i++) {
		expect(!strcmp(read_line(control[i]), "connected"));
		expect(!strcmp(read_line(control[i]), count_text(100)));
		expect_eq(wait_child(pid[i]), 0);
	}
}

static volatile sig_atomic_t ios;

static void on_io(int signal_)
{
	(void)signal_;
	ios++;
}

static void signalled(void)
{
	int fd = peer("send 1 300");

	signal(SIGIO, on_io);
	must(fcntl(fd, F_SETOWN, getpid()));
	must(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK));
	for (int i = 0; !ios && i < 50; i++)
		pause_ms(200);
	expect(ios > 0);
}

const struct check process_checks[] = {
	{ "process-fork", forked },
	{ "process-dup", duplicated },
	{ "process-exec", executed },
	{ "process-close-on-exec", closed_on_exec },
	{ "process-pass-descriptor", passed },
	{ "process-sendfile", file_sent },
	{ "process-splice-out", spliced_out },
	{ "process-splice-in", spliced_in },
	{ "process-kinds", kinds },
	{ "process-killed-in-recv", killed_in_recv },
	{ "process-killed-in-connect", killed_in_connect },
	{ "process-killed-in-accept", killed_in_accept },
	{ "process-prefork", preforked },
	{ "process-sigio", signalled },
	{ 0 },
};
