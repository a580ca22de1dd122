/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The test machine's agent: runs commands inside dom0 and inside guests.
 *
 * DOC: Theory of Operation
 *
 * The agent owns one byte stream to the test program: a virtio-serial port
 * in dom0, the PV console in a guest (where it is also process 1). It speaks
 * frames of a fixed head and a bounded payload. The stream may hold other
 * text between frames (a panic's last words on a console); each side looks
 * for the magic number and trusts a frame only if its checksum is right.
 *
 *	test program ──frames── agent in dom0 ──DATA frames── agent in a guest
 *
 * A guest is reached through dom0: OPEN makes the agent open a path (the
 * console's pty) and DATA carries that stream's bytes, so the guest's frames
 * travel inside dom0's.
 *
 * Ids are chosen by the test program. One id is one command or one stream.
 * What goes down to a command or stream is bounded by credit: the peer may
 * have WINDOW bytes on the way and learns by TAKEN how many went through;
 * so the agent never needs to block on a slow reader, which could deadlock
 * two agents in a row. What goes up is written with blocking writes: the
 * test program always reads.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define FRAME_MAGIC	0x31a7e5f5u
#define FRAME_MAX	8192	/* payload bytes; keeps a console responsive */
#define JOBS_MAX	256	/* commands and streams alive at once */
#define WINDOW		65536	/* unwritten bytes the peer may have */
#define READ_CHUNK	4096

enum frame_type {
	FRAME_PING = 1,		/* any payload */
	FRAME_EXEC = 2,		/* a shell command line, no NUL */
	FRAME_STDIN = 3,	/* bytes for a command; empty: end of file */
	FRAME_SIGNAL = 4,	/* u32 signal, to the command's group */
	FRAME_OPEN = 5,		/* path of a stream to relay */
	FRAME_DATA = 6,		/* bytes of a stream, either way */
	FRAME_CLOSE = 7,	/* end of a stream, either way; up: i32 errno */

	FRAME_PONG = 65,	/* the PING's payload */
	FRAME_OUT = 66,		/* a command's standard output */
	FRAME_ERR = 67,		/* a command's standard error */
	FRAME_EXIT = 68,	/* u32 wait status, or ~0 if it never ran */
	FRAME_TAKEN = 69,	/* u32 bytes that went on */
	FRAME_KLOG = 70,	/* kernel log text */
};

struct frame {
	uint32_t magic;
	uint32_t type;
	uint32_t id;
	uint32_t len;
	uint32_t crc;		/* CRC-32 of type, id, len and the payload */
	uint8_t payload[FRAME_MAX];
};

#define FRAME_HEAD	offsetof(struct frame, payload)

/* One command or one stream. A stream has one descriptor: in == out. */
struct job {
	uint32_t id;
	int used;
	int stream;
	pid_t pid;		/* 0 once reaped */
	uint32_t status;
	int in, out, err;	/* -1 when closed */
	int in_eof;		/* close `in` when `pending` has drained */
	size_t pending;
	uint8_t *buf;		/* WINDOW bytes, allocated at first use */
};

static struct job jobs[JOBS_MAX];
static int link_fd = -1;
static int kmsg_fd = -1;
static int signal_fd = -1;
static sigset_t old_mask;
static uint8_t rx[2 * sizeof(struct frame)];
static size_t rx_len;

static uint32_t crc_update(uint32_t crc, const void *data, size_t len)
{
	static uint32_t table[256];
	const uint8_t *p = data;

	if (!table[1]) {
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t c = i;

			for (int k = 0; k < 8; k++)
				c = (c & 1) ? 0xedb88320u ^ (c >> 1) : c >> 1;
			table[i] = c;
		}
	}
	crc = ~crc;
	while (len--)
		crc = table[(crc ^ *p++) & 0xff] ^ (crc >> 8);
	return ~crc;
}

static uint32_t frame_crc(const struct frame *f)
{
	uint32_t crc = crc_update(0, &f->type, 12);

	return crc_update(crc, f->payload, f->len);
}

static void write_all(int fd, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n > 0) {
			p += n;
			len -= n;
		} else if (n < 0 && errno == EAGAIN) {
			struct pollfd w = { .fd = fd, .events = POLLOUT };

			poll(&w, 1, 1000);
		} else if (n < 0 && errno != EINTR) {
			return;	/* nobody listens: what we say is lost */
		}
	}
}

static void send_frame(uint32_t type, uint32_t id, const void *data, size_t len)
{
	static struct frame f;

	f.magic = FRAME_MAGIC;
	f.type = type;
	f.id = id;
	f.len = len;
	if (len)
		memcpy(f.payload, data, len);
	f.crc = frame_crc(&f);
	write_all(link_fd, &f, FRAME_HEAD + len);
}

static void send_u32(uint32_t type, uint32_t id, uint32_t value)
{
	send_frame(type, id, &value, sizeof(value));
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static struct job *job_find(uint32_t id)
{
	for (int i = 0; i < JOBS_MAX; i++)
		if (jobs[i].used && jobs[i].id == id)
			return &jobs[i];
	return NULL;
}

static struct job *job_new(uint32_t id)
{
	for (int i = 0; i < JOBS_MAX; i++) {
		struct job *j = &jobs[i];

		if (j->used)
			continue;
		*j = (struct job){ .id = id, .used = 1, .buf = j->buf,
				   .in = -1, .out = -1, .err = -1 };
		return j;
	}
	return NULL;
}

static void job_free(struct job *j)
{
	if (j->stream)
		j->out = -1;	/* the same descriptor as `in` */
	close_fd(&j->in);
	close_fd(&j->out);
	close_fd(&j->err);
	free(j->buf);
	j->buf = NULL;
	j->used = 0;
}

/* Sends on what a command or stream has to say. Returns 0 at its end. */
static int job_pump(struct job *j, int *fd, uint32_t type)
{
	uint8_t buf[READ_CHUNK];
	ssize_t n;

	if (*fd < 0)
		return 0;
	n = read(*fd, buf, sizeof(buf));
	if (n > 0) {
		send_frame(type, j->id, buf, n);
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 1;
	return 0;
}

static void job_drain(struct job *j, int *fd, uint32_t type)
{
	uint8_t buf[READ_CHUNK];
	ssize_t n;

	while (*fd >= 0 && (n = read(*fd, buf, sizeof(buf))) > 0)
		send_frame(type, j->id, buf, n);
	close_fd(fd);
}

/* Reports the end of a command; what it wrote goes first. */
static void job_finish(struct job *j)
{
	job_drain(j, &j->out, FRAME_OUT);
	job_drain(j, &j->err, FRAME_ERR);
	send_u32(FRAME_EXIT, j->id, j->status);
	job_free(j);
}

static void job_flush(struct job *j)
{
	while (j->pending && j->in >= 0) {
		ssize_t n = write(j->in, j->buf, j->pending);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			if (!j->stream)
				close_fd(&j->in);
			n = j->pending;	/* nobody reads: call it taken */
		}
		memmove(j->buf, j->buf + n, j->pending - n);
		j->pending -= n;
		send_u32(FRAME_TAKEN, j->id, n);
	}
	if (j->in_eof && !j->pending && !j->stream)
		close_fd(&j->in);
}

static void job_feed(struct job *j, const struct frame *f)
{
	if (!f->len)
		j->in_eof = 1;
	if (f->len && j->in < 0) {
		send_u32(FRAME_TAKEN, j->id, f->len);
		return;
	}
	if (!j->buf)
		j->buf = malloc(WINDOW);
	if (f->len && j->buf && j->pending + f->len <= WINDOW) {
		memcpy(j->buf + j->pending, f->payload, f->len);
		j->pending += f->len;
	}
	job_flush(j);
}

static void raw_mode(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t))
		return;
	cfmakeraw(&t);
	tcsetattr(fd, TCSANOW, &t);
}

static void child_exec(const char *line, int in, int out, int err)
{
	struct rlimit core = { 0, 0 };

	setsid();
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, &old_mask, NULL);
	setrlimit(RLIMIT_CORE, &core);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);
	if (fd >= 0) {
		write_all(fd, "0", 1);
		close(fd);
	}
	if (chdir("/root"))
		fd = chdir("/");
	execl("/bin/sh", "sh", "-c", line, NULL);
	_exit(127);
}

static void do_exec(const struct frame *f)
{
	static char line[FRAME_MAX + 1];
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
	struct job *j = job_new(f->id);

	memcpy(line, f->payload, f->len);
	line[f->len] = 0;
	if (!j || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) ||
	    pipe2(err, O_CLOEXEC))
		goto fail;
	j->pid = fork();
	if (j->pid < 0)
		goto fail;
	if (!j->pid)
		child_exec(line, in[0], out[1], err[1]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	j->in = in[1];
	j->out = out[0];
	j->err = err[0];
	fcntl(j->in, F_SETFL, O_NONBLOCK);
	fcntl(j->out, F_SETFL, O_NONBLOCK);
	fcntl(j->err, F_SETFL, O_NONBLOCK);
	return;
fail:
	for (int i = 0; i < 2; i++) {
		close_fd(&in[i]);
		close_fd(&out[i]);
		close_fd(&err[i]);
	}
	if (j)
		job_free(j);
	send_u32(FRAME_EXIT, f->id, ~0u);
}

static void do_open(const struct frame *f)
{
	char path[256];
	struct job *j = NULL;
	int fd;

	if (f->len >= sizeof(path)) {
		send_u32(FRAME_CLOSE, f->id, ENAMETOOLONG);
		return;
	}
	memcpy(path, f->payload, f->len);
	path[f->len] = 0;
	fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0)
		j = job_new(f->id);
	if (!j) {
		send_u32(FRAME_CLOSE, f->id, errno);
		close_fd(&fd);
		return;
	}
	raw_mode(fd);
	j->stream = 1;
	j->in = fd;
	j->out = fd;
}

static void handle_frame(const struct frame *f)
{
	struct job *j = job_find(f->id);
	uint32_t sig;

	switch (f->type) {
	case FRAME_PING:
		send_frame(FRAME_PONG, f->id, f->payload, f->len);
		break;
	case FRAME_EXEC:
		if (!j)
			do_exec(f);
		break;
	case FRAME_OPEN:
		if (!j)
			do_open(f);
		break;
	case FRAME_STDIN:
	case FRAME_DATA:
		if (j)
			job_feed(j, f);
		else if (f->len)
			send_u32(FRAME_TAKEN, f->id, f->len);
		break;
	case FRAME_SIGNAL:
		memcpy(&sig, f->payload, sizeof(sig));
		if (j && j->pid > 0 && f->len == sizeof(sig))
			kill(-j->pid, sig);
		break;
	case FRAME_CLOSE:
		if (j && j->stream)
			job_free(j);
		break;
	}
}

/* Takes whole frames out of rx; skips what is none. */
static void parse_frames(void)
{
	static struct frame f;
	size_t at = 0;

	while (rx_len - at >= FRAME_HEAD) {
		memcpy(&f, rx + at, FRAME_HEAD);
		if (f.magic != FRAME_MAGIC || f.len > FRAME_MAX) {
			at++;
			continue;
		}
		if (rx_len - at < FRAME_HEAD + f.len)
			break;
		memcpy(f.payload, rx + at + FRAME_HEAD, f.len);
		if (frame_crc(&f) != f.crc) {
			at++;
			continue;
		}
		at += FRAME_HEAD + f.len;
		handle_frame(&f);
	}
	memmove(rx, rx + at, rx_len - at);
	rx_len -= at;
}

static int link_read(void)
{
	ssize_t n = read(link_fd, rx + rx_len, sizeof(rx) - rx_len);

	if (n > 0) {
		rx_len += n;
		parse_frames();
		return 1;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static void reap(void)
{
	struct signalfd_siginfo si;
	pid_t pid;
	int status;

	while (read(signal_fd, &si, sizeof(si)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = 0; i < JOBS_MAX; i++)
			if (jobs[i].used && jobs[i].pid == pid) {
				jobs[i].pid = 0;
				jobs[i].status = status;
				job_finish(&jobs[i]);
			}
}

/* One record of /dev/kmsg, "prio,seq,usec,flags;text\n key=value…", sent on
 * as "<prio>[sec.usec] text".
 */
static void pump_kmsg(void)
{
	char rec[FRAME_MAX / 2], line[FRAME_MAX];
	unsigned int prio;
	unsigned long long seq, usec;
	ssize_t n = read(kmsg_fd, rec, sizeof(rec) - 1);
	char *text;
	int len;

	if (n <= 0)
		return;	/* EPIPE: records were overwritten; go on */
	rec[n] = 0;
	text = strchr(rec, ';');
	if (!text || sscanf(rec, "%u,%llu,%llu", &prio, &seq, &usec) != 3)
		return;
	text++;
	text[strcspn(text, "\n")] = 0;
	len = snprintf(line, sizeof(line), "<%u>[%5llu.%06llu] %s\n", prio & 7,
		       usec / 1000000, usec % 1000000, text);
	send_frame(FRAME_KLOG, 0, line, len);
}

static int add_poll(struct pollfd *p, int n, int fd, short events)
{
	p[n] = (struct pollfd){ .fd = fd, .events = events };
	return n + 1;
}

static void serve_job(struct job *j, const struct pollfd *p)
{
	if (p->revents & POLLOUT)
		job_flush(j);
	if (!(p->revents & (POLLIN | POLLHUP | POLLERR)))
		return;
	if (p->fd == j->out &&
	    !job_pump(j, &j->out, j->stream ? FRAME_DATA : FRAME_OUT)) {
		if (j->stream) {
			send_u32(FRAME_CLOSE, j->id, 0);
			job_free(j);
			return;
		}
		close_fd(&j->out);
	} else if (p->fd == j->err && !job_pump(j, &j->err, FRAME_ERR)) {
		close_fd(&j->err);
	} else if (p->fd == j->in && !j->stream &&
		   (p->revents & POLLERR)) {
		close_fd(&j->in);
		if (j->pending)
			send_u32(FRAME_TAKEN, j->id, j->pending);
		j->pending = 0;
	}
}

static int loop_once(void)
{
	static struct pollfd p[3 * JOBS_MAX + 3];
	static struct job *owner[3 * JOBS_MAX + 3];
	int n = 0;

	n = add_poll(p, n, link_fd, POLLIN);
	n = add_poll(p, n, signal_fd, POLLIN);
	n = add_poll(p, n, kmsg_fd, POLLIN);
	for (int i = 0; i < JOBS_MAX; i++) {
		struct job *j = &jobs[i];
		short want = j->pending ? POLLOUT : 0;

		if (!j->used)
			continue;
		owner[n] = j;
		n = add_poll(p, n, j->out,
			     POLLIN | (j->stream ? want : 0));
		if (j->stream)
			continue;
		owner[n] = j;
		n = add_poll(p, n, j->err, POLLIN);
		owner[n] = j;
		n = add_poll(p, n, j->in, want);
	}
	if (poll(p, n, -1) < 0)
		return 1;
	for (int i = 3; i < n; i++)
		if (p[i].revents && owner[i]->used && p[i].fd >= 0)
			serve_job(owner[i], &p[i]);
	if (p[2].revents)
		pump_kmsg();
	if (p[1].revents)
		reap();
	if (p[0].revents)
		return link_read();
	return 1;
}

/* The virtio-serial port with this name: udev may not have named it yet. */
static int open_port(const char *name)
{
	char path[512], found[64];
	struct dirent *d;
	DIR *dir = opendir("/sys/class/virtio-ports");
	int fd = -1;

	while (dir && fd < 0 && (d = readdir(dir))) {
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name",
			 d->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (fscanf(f, "%63s", found) == 1 && !strcmp(found, name)) {
			snprintf(path, sizeof(path), "/dev/%s", d->d_name);
			fd = open(path, O_RDWR | O_CLOEXEC);
		}
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return fd;
}

static void set_up_signals(void)
{
	sigset_t chld;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, &old_mask);
	signal_fd = signalfd(-1, &chld, SFD_NONBLOCK | SFD_CLOEXEC);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

int main(int argc, char **argv)
{
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: agent DEVICE | agent port:NAME\n");
		return 2;
	}
	if (!strncmp(argv[1], "port:", 5))
		link_fd = open_port(argv[1] + 5);
	else
		link_fd = open(argv[1], O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (link_fd < 0) {
		perror(argv[1]);
		return 1;
	}
	raw_mode(link_fd);
	set_up_signals();
	fd = open("/proc/self/oom_score_adj", O_WRONLY);
	if (fd >= 0) {
		write_all(fd, "-1000", 5);
		close(fd);
	}
	if (getpid() == 1) {
		/* No ctrl-alt-del surprises, and a place for stray output. */
		reboot(RB_DISABLE_CAD);
		fd = open("/dev/null", O_RDWR);
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
	}
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	send_frame(FRAME_PONG, 0, "up", 2);
	while (loop_once())
		;
	return 1;
}
