/* SPDX-License-Identifier: GPL-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/atomic.h"
#include "../common/log.h"
#include "../common/spawn.h"
#include "../common/unixsock.h"
#include "worker.h"
#include "xs.h"

/* Mapping 65,536 grants on a busy, emulated machine takes seconds. */
#define HELLO_NS 30000000000ull
/* After its end-of-file, or after FAILED and BROKEN, it has this long. */
#define EXIT_NS	       3000000000ull
#define FDS_MAX	       ((int)WORKER_ASSIST_MAX) /* descriptors in one message */
#define ASSISTS_A_SLOT 4 /* in one move: in and on, and who is no slot's */
#define LAST_WORDS_MAX 8 /* messages read after its end */
#define BACKLOG	       4 /* vtoeds that want to adopt it */

static void deadline_passed(struct loop_timer *timer);
static void ended_fn(struct loop_timer *timer);
static void control_ready(struct loop_fd *watch, uint32_t events);

static void arm(struct worker *worker, uint64_t ns)
{
	loop_arm(worker->loop, &worker->deadline, ns, deadline_passed);
}

static void close_control(struct worker *worker)
{
	int fd = worker->control.loop ? worker->control.fd : -1;

	loop_remove(&worker->control);
	if (fd >= 0)
		close(fd);
}

/* ---- the end ---- */

static void describe_exit(struct worker *worker, const siginfo_t *info)
{
	if (worker->why[0])
		return;
	if (info->si_code == CLD_EXITED && !info->si_status)
		return;
	if (info->si_code == CLD_EXITED)
		snprintf(worker->why, sizeof(worker->why),
			 "the worker ended with status %d", info->si_status);
	else
		snprintf(worker->why, sizeof(worker->why),
			 "the worker was killed by signal %d (%s)",
			 info->si_status, strsignal(info->si_status));
}

static void set_ended(struct worker *worker)
{
	worker->state = WORKER_IS_ENDED;
	close_control(worker);
	loop_remove(&worker->process);
	unlink(worker->socket_path);
	loop_arm(worker->loop, &worker->deadline, 0, ended_fn);
}

static void ended_fn(struct loop_timer *timer)
{
	struct worker *worker =
		(struct worker *)((char *)timer -
				  offsetof(struct worker, deadline));

	if (worker->ops)
		worker->ops->ended(worker->arg, worker->why);
}

static void process_ended(struct loop_fd *watch, uint32_t events)
{
	struct worker *worker =
		(struct worker *)((char *)watch -
				  offsetof(struct worker, process));
	siginfo_t info = {0};
	int i;

	(void)events;
	/* its last words may still be in the socket */
	for (i = 0; i < LAST_WORDS_MAX && worker->control.loop; i++)
		control_ready(&worker->control, EPOLLIN);
	if (worker->child &&
	    waitid(P_PIDFD, (id_t)worker->pidfd, &info, WEXITED) == 0)
		describe_exit(worker, &info);
	else if (!worker->why[0] && worker->state != WORKER_IS_ENDING)
		snprintf(worker->why, sizeof(worker->why), "the worker died");
	set_ended(worker);
}

static bool has_exited(const struct worker *worker)
{
	struct pollfd end = {.fd = worker->pidfd, .events = POLLIN};

	return worker->pidfd >= 0 && poll(&end, 1, 0) > 0;
}

static void deadline_passed(struct loop_timer *timer)
{
	struct worker *worker =
		(struct worker *)((char *)timer -
				  offsetof(struct worker, deadline));

	if (!worker->why[0] && worker->state == WORKER_IS_STARTING)
		snprintf(worker->why, sizeof(worker->why),
			 "the worker did not answer");
	worker->state = WORKER_IS_ENDING;
	if (has_exited(worker))
		return; /* process_ended() comes next */
	log_warn("worker %u/%u: no end in time, killing process %d",
		 worker->domid, worker->devid, (int)worker->pid);
	if (worker->pidfd < 0)
		set_ended(worker); /* never said who it is */
	else
		pidfd_send_signal(worker->pidfd, SIGKILL, NULL, 0);
}

/* ---- messages ---- */

static int know_process(struct worker *worker, pid_t pid)
{
	int fd;

	if (worker->pidfd >= 0)
		return 0;
	fd = pidfd_open(pid, 0);
	if (fd < 0)
		return -errno;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	worker->pid = pid;
	worker->pidfd = fd;
	return loop_add(worker->loop, &worker->process, fd, EPOLLIN,
			process_ended);
}

/* Map the context table, if nothing that the worker does can hurt us then. */
static int map_table(struct worker *worker, int fd)
{
	struct context_table *table;
	struct stat st;
	uint32_t nr_rows;
	size_t size;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return -EPERM;
	if (fstat(fd, &st) < 0)
		return -errno;
	size = (size_t)st.st_size;
	if (st.st_size < (off_t)sizeof(*table) ||
	    size > sizeof(*table) +
			    (size_t)VTOE_MAX_SLOTS *
				    sizeof(struct context_row) +
			    65536)
		return -EINVAL;
	table = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (table == MAP_FAILED)
		return -errno;
	nr_rows = vtoe_load(&table->nr_rows);
	if (vtoe_load(&table->version) != TABLE_VERSION ||
	    vtoe_load(&table->row_size) != sizeof(struct context_row) ||
	    !nr_rows || nr_rows > VTOE_MAX_SLOTS ||
	    size < sizeof(*table) + nr_rows * sizeof(struct context_row)) {
		munmap(table, size);
		return -EPROTONOSUPPORT;
	}
	worker->table = table;
	worker->table_size = size;
	worker->nr_rows = nr_rows;
	return 0;
}

static void give_up(struct worker *worker, const char *why)
{
	if (!worker->why[0])
		snprintf(worker->why, sizeof(worker->why), "%s", why);
	worker_stop(worker, EXIT_NS);
}

static void handle_hello(struct worker *worker, const struct worker_msg *msg,
			 const int *fds, int nr_fds)
{
	int err;

	if (worker->state != WORKER_IS_STARTING || !nr_fds) {
		give_up(worker, "the worker said HELLO out of order");
		return;
	}
	if (msg->domid != worker->domid || msg->devid != worker->devid) {
		give_up(worker, "the worker is another device's");
		return;
	}
	err = map_table(worker, fds[0]);
	if (err) {
		log_error("worker %u/%u: its context table: %s", worker->domid,
			  worker->devid, strerror(-err));
		give_up(worker, "the worker's context table is not usable");
		return;
	}
	memcpy(worker->toe, msg->toe, sizeof(worker->toe));
	memcpy(worker->driver, msg->driver, sizeof(worker->driver));
	loop_disarm(&worker->deadline);
	worker->state = WORKER_IS_RUNNING;
	if (worker->ops)
		worker->ops->connected(worker->arg);
}

static int send_msg(struct worker *worker, struct worker_msg *msg,
		    enum worker_msg_type type);

static void handle_assist(struct worker *worker, const struct worker_msg *msg,
			  const int *fds, int nr_fds)
{
	struct worker_msg answer = {.domid = worker->domid,
				    .devid = worker->devid,
				    .id = msg->id,
				    .nr = (uint32_t)nr_fds};
	int i;

	if (worker->state != WORKER_IS_RUNNING || !worker->ops ||
	    (uint32_t)nr_fds > worker->assists) {
		give_up(worker, "the worker asked for help out of order");
		return;
	}
	worker->assists -= (uint32_t)nr_fds;
	for (i = 0; i < nr_fds; i++)
		answer.result[i] = (int16_t)worker->ops->assist(
			worker->arg, msg->driver[0], msg->what, fds[i]);
	/* a worker that does not read what it asks for is hung */
	if (send_msg(worker, &answer, WORKER_ASSISTED))
		give_up(worker, "the worker takes no answer");
}

static void handle_arrived(struct worker *worker, const struct worker_msg *msg)
{
	if (worker->state == WORKER_IS_RUNNING && worker->ops &&
	    msg->index < WORKER_TOES_MAX)
		worker->ops->arrived(worker->arg, msg->index);
}

static void handle(struct worker *worker, struct worker_msg *msg,
		   const int *fds, int nr_fds)
{
	unsigned int i;

	msg->text[sizeof(msg->text) - 1] = 0;
	for (i = 0; i < WORKER_DRIVERS_MAX; i++)
		msg->driver[i][TABLE_NAME_MAX - 1] = 0;
	if (msg->version != WORKER_PROTO_VERSION) {
		give_up(worker, "the worker is of another version");
		return;
	}
	switch (msg->type) {
	case WORKER_HELLO:
		handle_hello(worker, msg, fds, nr_fds);
		break;
	case WORKER_ASSIST:
		handle_assist(worker, msg, fds, nr_fds);
		break;
	case WORKER_ARRIVED:
		handle_arrived(worker, msg);
		break;
	case WORKER_FAILED:
	case WORKER_BROKEN:
		if (!worker->why[0])
			snprintf(worker->why, sizeof(worker->why), "%s",
				 msg->text[0] ? msg->text : "no reason given");
		worker->state = WORKER_IS_ENDING;
		arm(worker, EXIT_NS);
		break;
	default:
		give_up(worker, "the worker sent an unknown message");
	}
}

/* Collect descriptors and the sender's process id; returns how many. */
static int take_ancillary(struct msghdr *hdr, int *fds, pid_t *pid)
{
	struct cmsghdr *cmsg;
	struct ucred cred;
	int n = 0, count;

	for (cmsg = CMSG_FIRSTHDR(hdr); cmsg; cmsg = CMSG_NXTHDR(hdr, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET)
			continue;
		if (cmsg->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&cred, CMSG_DATA(cmsg), sizeof(cred));
			*pid = cred.pid;
		} else if (cmsg->cmsg_type == SCM_RIGHTS) {
			count = (int)((cmsg->cmsg_len - CMSG_LEN(0)) /
				      sizeof(int));
			if (count > FDS_MAX - n)
				count = FDS_MAX - n;
			memcpy(fds + n, CMSG_DATA(cmsg),
			       (size_t)count * sizeof(int));
			n += count;
		}
	}
	return n;
}

/* Returns bytes, 0 at the end, or a negative errno. */
static ssize_t receive(int fd, struct worker_msg *msg, int *fds, int *nr_fds,
		       pid_t *pid)
{
	/* one byte more, to see what is too long */
	char extra;
	struct iovec iov[2] = {{msg, sizeof(*msg)}, {&extra, 1}};
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int)) +
			 CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct msghdr hdr = {.msg_iov = iov,
			     .msg_iovlen = 2,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*nr_fds = 0;
	*pid = 0;
	if (n < 0)
		return -errno;
	*nr_fds = take_ancillary(&hdr, fds, pid);
	return n;
}

static void control_lost(struct worker *worker)
{
	close_control(worker);
	if (worker->state == WORKER_IS_ENDED)
		return;
	if (worker->pidfd < 0) {
		snprintf(worker->why, sizeof(worker->why), "the worker died");
		set_ended(worker);
		return;
	}
	/* its exit, with the reason, follows at once; or else it is hung */
	if (worker->state != WORKER_IS_ENDING)
		arm(worker, EXIT_NS);
	if (worker->state == WORKER_IS_STARTING)
		worker->state = WORKER_IS_RUNNING; /* not "did not answer" */
}

static void control_ready(struct loop_fd *watch, uint32_t events)
{
	struct worker *worker =
		(struct worker *)((char *)watch -
				  offsetof(struct worker, control));
	int fds[FDS_MAX], nr_fds, i;
	struct worker_msg msg;
	pid_t pid;
	ssize_t n;

	(void)events;
	n = receive(watch->fd, &msg, fds, &nr_fds, &pid);
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0) {
		control_lost(worker);
		return;
	}
	if (pid > 0)
		know_process(worker, pid);
	if (n != sizeof(msg))
		give_up(worker, "the worker sent a message of a wrong length");
	else
		handle(worker, &msg, fds, nr_fds);
	for (i = 0; i < nr_fds; i++)
		close(fds[i]);
}

static int send_msg(struct worker *worker, struct worker_msg *msg,
		    enum worker_msg_type type)
{
	if (!worker->control.loop)
		return -ENOTCONN;
	msg->type = type;
	msg->version = WORKER_PROTO_VERSION;
	if (send(worker->control.fd, msg, sizeof(*msg),
		 MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof(*msg))
		return -errno;
	return 0;
}

/* ---- starting ---- */

static struct worker *alloc(struct loop *loop, const char *dir, uint32_t domid,
			    uint32_t devid)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return NULL;
	worker->loop = loop;
	worker->domid = domid;
	worker->devid = devid;
	worker->pidfd = -1;
	snprintf(worker->socket_path, sizeof(worker->socket_path), "%s/%u-%u",
		 dir, domid, devid);
	return worker;
}

static int watch_control(struct worker *worker, int fd)
{
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return -errno;
	return loop_add(worker->loop, &worker->control, fd, EPOLLIN,
			control_ready);
}

static int spawn(struct worker *worker, const struct worker_start *start,
		 int control, int listening)
{
	char arg[4][32], *argv[] = {(char *)start->program,
				    arg[0],
				    arg[1],
				    arg[2],
				    arg[3],
				    NULL};
	int keep[] = {control, listening, start->netns, start->toes};
	pid_t pid;

	snprintf(arg[0], sizeof(arg[0]), "--control=%d", control);
	snprintf(arg[1], sizeof(arg[1]), "--listen=%d", listening);
	snprintf(arg[2], sizeof(arg[2]), "--netns=%d", start->netns);
	snprintf(arg[3], sizeof(arg[3]), "--toes=%d", start->toes);
	pid = spawn_program(argv, keep, 4);
	if (pid < 0)
		return pid;
	worker->child = true;
	return know_process(worker, pid);
}

int worker_start(struct loop *loop, const struct worker_start *start,
		 const struct worker_ops *ops, void *arg,
		 struct worker **result)
{
	struct worker_msg msg = start->msg;
	struct worker *worker;
	int pair[2], listening, err;

	if (access(start->program, X_OK) < 0)
		return -errno;
	worker = alloc(loop, start->socket_dir, msg.domid, msg.devid);
	if (!worker)
		return -ENOMEM;
	worker->ops = ops;
	worker->arg = arg;
	listening = unixsock_listen(worker->socket_path, SOCK_SEQPACKET, BACKLOG);
	if (listening < 0) {
		err = listening;
		goto free_worker;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		err = -errno;
		goto close_listening;
	}
	err = watch_control(worker, pair[0]);
	if (err) {
		close(pair[0]);
		goto close_pair;
	}
	err = send_msg(worker, &msg, WORKER_START);
	if (!err)
		err = spawn(worker, start, pair[1], listening);
	if (err)
		goto close_control;
	close(pair[1]);
	close(listening);
	arm(worker, HELLO_NS);
	*result = worker;
	return 0;
close_control:
	close_control(worker);
close_pair:
	close(pair[1]);
close_listening:
	close(listening);
	unlink(worker->socket_path);
free_worker:
	free(worker);
	return err;
}

/* ---- adopting ---- */

static int parse_name(const char *name, uint32_t *domid, uint32_t *devid)
{
	char text[32], *dash;

	if (strlen(name) >= sizeof(text))
		return -EINVAL;
	strcpy(text, name);
	dash = strchr(text, '-');
	if (!dash)
		return -EINVAL;
	*dash = 0;
	if (parse_uint(text, UINT16_MAX, domid) ||
	    parse_uint(dash + 1, UINT16_MAX, devid))
		return -EINVAL;
	return 0;
}

static int connect_worker(struct worker *worker)
{
	struct sockaddr_un addr;
	int fd, err;

	err = unixsock_address(&addr, worker->socket_path);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* before connecting: the first message may come at once */
	err = watch_control(worker, fd);
	if (err) {
		close(fd);
		return err;
	}
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		err = -errno;
		close_control(worker);
	}
	return err;
}

static void adopt(struct loop *loop, const char *dir, const char *name,
		  struct worker **list)
{
	uint32_t domid, devid;
	struct worker *worker;
	int err;

	if (parse_name(name, &domid, &devid))
		return;
	worker = alloc(loop, dir, domid, devid);
	if (!worker)
		return;
	worker->adopted = true;
	err = connect_worker(worker);
	if (err) {
		/* refused: the worker is gone, and only its socket is left */
		if (err != -ECONNREFUSED)
			log_error("worker %s: cannot connect: %s", name,
				  strerror(-err));
		unlink(worker->socket_path);
		free(worker);
		return;
	}
	arm(worker, HELLO_NS);
	worker->next = *list;
	*list = worker;
}

void worker_adopt(struct loop *loop, const char *socket_dir,
		  struct worker **list)
{
	DIR *dir = opendir(socket_dir);
	struct dirent *entry;

	*list = NULL;
	if (!dir)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			adopt(loop, socket_dir, entry->d_name, list);
	closedir(dir);
}

void worker_listen(struct worker *worker, const struct worker_ops *ops,
		   void *arg)
{
	worker->ops = ops;
	worker->arg = arg;
	if (worker->state == WORKER_IS_RUNNING && worker->table)
		ops->connected(arg);
	if (worker->state == WORKER_IS_ENDED)
		loop_arm(worker->loop, &worker->deadline, 0, ended_fn);
}

static void tell(struct worker *worker, struct worker_msg *msg,
		 enum worker_msg_type type)
{
	int err;

	msg->domid = worker->domid;
	msg->devid = worker->devid;
	err = send_msg(worker, msg, type);
	if (err)
		log_warn("worker %u/%u: not told of a change of TOEs: %s",
			 worker->domid, worker->devid, strerror(-err));
}

void worker_set_toe(struct worker *worker, uint32_t index,
		    const struct worker_toe *toe)
{
	struct worker_msg msg = {.index = index};

	if (worker->state != WORKER_IS_RUNNING)
		return;
	/* its streams change their stack */
	if (toe->row != WORKER_NO_TOE &&
	    strncmp(worker->toe[index].driver, toe->driver, TABLE_NAME_MAX))
		worker->assists = worker->nr_rows * ASSISTS_A_SLOT;
	worker->toe[index] = *toe;
	msg.toe[index] = *toe;
	tell(worker, &msg, WORKER_TOE);
}

void worker_lost(struct worker *worker, uint32_t index, uint32_t left,
		 bool reset)
{
	struct worker_msg msg = {.index = index, .reset = reset};

	if (worker->state != WORKER_IS_RUNNING)
		return;
	msg.toe[index].left = left;
	tell(worker, &msg, WORKER_LOST);
}

void worker_no_address(struct worker *worker, uint32_t index, uint16_t family)
{
	struct worker_msg msg = {.index = index, .family = family};

	if (worker->state == WORKER_IS_RUNNING)
		tell(worker, &msg, WORKER_NO_ADDRESS);
}

void worker_go_on(struct worker *worker)
{
	struct worker_msg msg = {0};

	if (worker->state != WORKER_IS_RUNNING || !worker->adopted)
		return;
	worker->assists = worker->nr_rows * ASSISTS_A_SLOT;
	tell(worker, &msg, WORKER_GO_ON);
}

/* ---- ending ---- */

void worker_stop(struct worker *worker, uint64_t grace_ns)
{
	struct worker_msg msg = {.domid = worker->domid,
				 .devid = worker->devid};

	if (worker->state == WORKER_IS_ENDED)
		return;
	worker->state = WORKER_IS_ENDING;
	arm(worker, send_msg(worker, &msg, WORKER_STOP) ? 0 : grace_ns);
}

void worker_forget(struct worker *worker)
{
	if (!worker)
		return;
	close_control(worker);
	loop_remove(&worker->process);
	loop_disarm(&worker->deadline);
	if (worker->pidfd >= 0)
		close(worker->pidfd);
	if (worker->table)
		munmap(worker->table, worker->table_size);
	free(worker);
}

void worker_free(struct worker *worker)
{
	worker_forget(worker);
}
