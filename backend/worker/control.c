/* SPDX-License-Identifier: GPL-2.0 */
/* control.c - messages from and to vtoed (backend/worker_proto.h). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../common/log.h"
#include "worker.h"

#define HELLO_FDS 3 /* context table, TOE table, netns */
#define FDS_MAX	  WORKER_ASSIST_MAX

union fds_control {
	struct cmsghdr align;
	char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

/* 0, -ENOTCONN at the end, -EAGAIN, -EBADMSG for a packet of another length */
static int receive(int fd, struct worker_msg *msg, int flags)
{
	ssize_t n = recv(fd, msg, sizeof(*msg), flags | MSG_TRUNC);

	if (n < 0)
		return errno == ECONNRESET ? -ENOTCONN : -errno;
	if (n == 0)
		return -ENOTCONN;
	return n == sizeof(*msg) ? 0 : -EBADMSG;
}

static int send_msg(struct worker *w, const struct worker_msg *msg,
		    const int *fds, unsigned int nr_fds)
{
	struct iovec iov = {(void *)msg, sizeof(*msg)};
	union fds_control control = {0};
	struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;

	if (nr_fds) {
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nr_fds * sizeof(int));
	}
	if (sendmsg(w->control, &hdr, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return -errno;
	return 0;
}

int control_start(struct worker *w, struct worker_msg *start)
{
	int err = receive(w->control, start, 0);

	if (err) {
		log_error("no start message: %s", strerror(-err));
		return err;
	}
	if (start->type != WORKER_START ||
	    start->version != WORKER_PROTO_VERSION) {
		log_error("unknown start message (type %u, version %u)",
			  start->type, start->version);
		return -EPROTO;
	}
	start->text[0] = '\0';
	return 0;
}

int control_answer(struct worker *w, const char *text)
{
	const int fds[HELLO_FDS] = {w->table_fd, w->toes_fd, w->netns};
	struct worker_msg msg = w->start;

	msg.type = text ? WORKER_FAILED : WORKER_HELLO;
	msg.version = WORKER_PROTO_VERSION;
	msg.pid = w->pid;
	if (!text) {
		msg.evtchn = w->port;
		return send_msg(w, &msg, fds, HELLO_FDS);
	}
	snprintf(msg.text, sizeof(msg.text), "%s", text);
	return send_msg(w, &msg, NULL, 0);
}

void control_broken(struct worker *w)
{
	struct worker_msg msg = w->start;

	msg.type = WORKER_BROKEN;
	msg.version = WORKER_PROTO_VERSION;
	msg.pid = w->pid;
	snprintf(msg.text, sizeof(msg.text), "%s", w->why);
	if (w->control >= 0)
		send_msg(w, &msg, NULL, 0);
}

/* vtoed is gone, or talks nonsense; the connections carry on. */
static void drop(struct worker *w, const char *why)
{
	log_info("control connection closed: %s", why);
	close(w->control); /* and so it leaves epoll */
	w->control = -1;
}

void control_place(const struct worker_toe *toe, struct contexts_place *place)
{
	*place = (struct contexts_place){.row = toe->row,
					 .generation = toe->generation,
					 .ip = toe->ip,
					 .ip6 = toe->ip6,
					 .routes = toe->routes};
	/* zeroed, so the last byte ends each string */
	memcpy(place->driver, toe->driver, sizeof(toe->driver) - 1);
	memcpy(place->settings, toe->settings, sizeof(toe->settings) - 1);
}

static int set_toe(struct worker *w, const struct worker_msg *msg)
{
	const struct worker_toe *toe;
	struct contexts_place place;
	int err;

	if (msg->index >= WORKER_TOES_MAX)
		return -EINVAL;
	toe = &msg->toe[msg->index];
	control_place(toe, &place);
	w->coming[msg->index] = *toe;
	err = contexts_set_toe(&w->contexts, msg->index, &place, toe->left);
	if (err == -EINPROGRESS)
		return 0; /* settled() follows */
	if (err == -EOPNOTSUPP) {
		log_warn("TOE context %u: driver \"%s\" cannot be started now",
			 msg->index, place.driver);
		return 0;
	}
	if (!err)
		w->start.toe[msg->index] = *toe;
	return err;
}

/* ---- moves between stacks ---- */

static void send_or_drop(struct worker *w, struct worker_msg *msg,
			 const int *fds, unsigned int nr_fds)
{
	int err;

	if (w->control < 0)
		return; /* the next vtoed asks for it */
	msg->version = WORKER_PROTO_VERSION;
	msg->pid = w->pid;
	msg->domid = w->domid;
	msg->devid = w->devid;
	w->counters->syscalls++;
	err = send_msg(w, msg, fds, nr_fds);
	if (err)
		drop(w, strerror(-err));
}

static void assist(void *owner, unsigned int toe,
		   const struct context_assist *ask)
{
	struct worker_msg msg = {.type = WORKER_ASSIST,
				 .index = toe,
				 .what = ask->what,
				 .id = ask->id};

	snprintf(msg.driver[0], sizeof(msg.driver[0]), "%s", ask->driver);
	send_or_drop(owner, &msg, ask->fd, ask->nr);
}

static void arrived(void *owner, unsigned int toe)
{
	struct worker_msg msg = {.type = WORKER_ARRIVED, .index = toe};

	send_or_drop(owner, &msg, NULL, 0);
}

static void settled(void *owner, unsigned int toe)
{
	struct worker *w = owner;

	w->start.toe[toe] = w->coming[toe];
}

const struct context_move_ops control_move_ops = {
	.assist = assist,
	.arrived = arrived,
	.settled = settled,
};

static int assisted(struct worker *w, const struct worker_msg *msg)
{
	if (msg->nr > WORKER_ASSIST_MAX)
		return -EINVAL;
	contexts_assisted(&w->contexts, msg->id, msg->result, msg->nr);
	return 0;
}

static int lost(struct worker *w, const struct worker_msg *msg)
{
	if (msg->index >= WORKER_TOES_MAX)
		return -EINVAL;
	return contexts_lost(&w->contexts, msg->index,
			     msg->toe[msg->index].left, msg->reset);
}

static int no_address(struct worker *w, const struct worker_msg *msg)
{
	if (msg->index >= WORKER_TOES_MAX ||
	    (msg->family != VTOE_INET && msg->family != VTOE_INET6))
		return -EINVAL;
	return contexts_no_address(&w->contexts, msg->index,
				   (uint16_t)msg->family);
}

static int carry_out(struct worker *w, const struct worker_msg *msg)
{
	if (msg->version != WORKER_PROTO_VERSION)
		return -EPROTO;
	switch (msg->type) {
	case WORKER_STOP:
		w->stop = true;
		return 0;
	case WORKER_TOE:
		return set_toe(w, msg);
	case WORKER_LOST:
		return lost(w, msg);
	case WORKER_NO_ADDRESS:
		return no_address(w, msg);
	case WORKER_GO_ON:
		contexts_ask_again(&w->contexts);
		return 0;
	case WORKER_ASSISTED:
		return assisted(w, msg);
	default:
		return -EPROTO;
	}
}

void control_event(struct worker *w)
{
	struct worker_msg msg;
	int err;

	if (w->control < 0)
		return;
	err = receive(w->control, &msg, MSG_DONTWAIT);
	if (err == -EAGAIN)
		return;
	if (err)
		drop(w, err == -ENOTCONN ? "vtoed is gone" : "bad message");
	else if (carry_out(w, &msg))
		drop(w, "unknown message");
}

void control_adopt(struct worker *w)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd, err;

	fd = accept4(w->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ||
	    peer.uid != 0) {
		log_warn("refused a control connection that is not root's");
		close(fd);
		return;
	}
	if (w->control >= 0)
		drop(w, "another one takes over");
	w->control = fd;
	err = loop_watch(w, fd, TAG_CONTROL);
	if (!err)
		err = control_answer(w, NULL);
	if (err) {
		drop(w, strerror(-err));
		return;
	}
	log_info("adopted by process %d", (int)peer.pid);
}
