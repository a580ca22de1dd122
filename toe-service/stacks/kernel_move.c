/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel_move.c - streams to and from sockets of dom0's kernel, by TCP_REPAIR.
 *
 * Theory of operation
 *
 * Linux lets the state of a TCP socket be read and set while the socket is "in
 * repair". To switch that on and off needs CAP_NET_ADMIN, which vtoed has
 * (kernel_assist.c); all else that is done here does not. A socket in repair sends
 * nothing for what its user does, and closing it tells no peer; but it still
 * answers what arrives. So its link is taken away before.
 *
 * In:	sequence numbers, while it is closed; then connect(), which asks nobody;
 *	options; the bytes that were sent already, which count as sent and are
 *	kept to be sent again; the windows. When it is out of repair Linux sends a
 *	window probe, whose answer says what the peer really has; what it says of
 *	our window the peer does not look at, as its sequence number is old. A peer
 *	that was told of a closed window would find out by its own timer only. So
 *	the last unread byte of such a stream stays in Linux's queue, and there is
 *	no probe: when the byte is read Linux tells of the window. Bytes that were
 *	never sent, and a FIN, follow as a program would send them: the FIN has the
 *	sequence number that it had, so one that was acknowledged is a duplicate.
 *
 * There is no way to set that the peer's FIN has come: to Linux the stream is open,
 * with the FIN counted in what was received. Who imports it must remember.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "kernel_conn.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72 /* Linux 5.14 */
#endif

/* Of what it holds, Linux counts its own structures, too. */
#define OVERHEAD 2

static int set(struct toe_conn *conn, int level, int name, int value)
{
	kernel_count(conn->stack);
	return setsockopt(conn->fd, level, name, &value, sizeof(value))
		       ? -errno
		       : 0;
}

static int set_tcp(struct toe_conn *conn, int name, uint32_t value)
{
	return set(conn, IPPROTO_TCP, name, (int)value);
}

static int get_tcp(struct toe_conn *conn, int name, void *value, socklen_t len)
{
	kernel_count(conn->stack);
	return getsockopt(conn->fd, IPPROTO_TCP, name, value, &len) ? -errno
								    : 0;
}

void kernel_own(struct toe_conn *conn, void *user)
{
	conn->user = user;
}

int kernel_descriptor(struct toe_conn *conn)
{
	return conn->fd;
}

/* ---- out ---- */

static bool in_states(const struct tcp_info *info, uint32_t states)
{
	return (1u << info->tcpi_state) & states;
}

#define STATE(s) (1u << (s))
#define SENDS	 (STATE(TCP_ESTABLISHED) | STATE(TCP_CLOSE_WAIT))
#define FIN_OUT	 (STATE(TCP_FIN_WAIT1) | STATE(TCP_CLOSING) | STATE(TCP_LAST_ACK))
#define FIN_IN	 (STATE(TCP_CLOSE_WAIT) | STATE(TCP_CLOSING) | STATE(TCP_LAST_ACK))

static int look(struct toe_conn *conn, struct tcp_info *info)
{
	int err = get_tcp(conn, TCP_INFO, info, sizeof(*info));

	if (err)
		return err;
	if (!in_states(info, SENDS | FIN_OUT | STATE(TCP_FIN_WAIT2)))
		return -ENOTCONN;
	return 0;
}

int kernel_freeze(struct toe_conn *conn)
{
	struct tcp_info info;
	int err = conn->datagram || conn->listening ? -EOPNOTSUPP
						    : look(conn, &info);

	if (err)
		return err;
	conn->peer = true;
	return kernel_unwatch(conn);
}

static int select_queue(struct toe_conn *conn, uint32_t queue, uint32_t *seq)
{
	int err = set_tcp(conn, TCP_REPAIR_QUEUE, queue);

	return err ? err : get_tcp(conn, TCP_QUEUE_SEQ, seq, sizeof(*seq));
}

/* All bytes of the selected queue, in scratch; how many, or an errno. */
static int peek(struct toe_conn *conn)
{
	ssize_t n;

	kernel_count(conn->stack);
	n = recv(conn->fd, conn->stack->scratch, TOE_SAVED_MAX,
		 MSG_PEEK | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n == TOE_SAVED_MAX ? -EMSGSIZE : (int)n;
}

static int keep(const uint8_t *bytes, uint32_t len, uint8_t **copy)
{
	*copy = NULL;
	if (!len)
		return 0;
	*copy = malloc(len);
	if (!*copy)
		return -ENOMEM;
	memcpy(*copy, bytes, len);
	return 0;
}

static int take_received(struct toe_conn *conn, struct toe_saved *saved)
{
	int err = select_queue(conn, TCP_RECV_QUEUE, &saved->rcv_nxt), n;

	if (err)
		return err;
	n = peek(conn);
	if (n < 0)
		return n;
	saved->in_len = (uint32_t)n;
	return keep(conn->stack->scratch, saved->in_len, &saved->in);
}

static int take_sent(struct toe_conn *conn, struct toe_saved *saved, bool fin)
{
	int queued = kernel_queue_bytes(conn, SIOCOUTQ);
	int unsent = kernel_queue_bytes(conn, SIOCOUTQNSD);
	uint32_t end;
	int err = select_queue(conn, TCP_SEND_QUEUE, &end), n;

	if (queued < 0 || unsent < 0 || err)
		return queued < 0 ? queued : unsent < 0 ? unsent : err;
	saved->snd_una = end - (uint32_t)queued;
	saved->snd_nxt = end - (uint32_t)unsent;
	saved->out_len = (uint32_t)queued - (fin && queued);
	n = peek(conn);
	if (n < 0)
		return n;
	/* the first segment may be acknowledged in part */
	if ((uint32_t)n < saved->out_len)
		return -EIO;
	return keep(conn->stack->scratch + (uint32_t)n - saved->out_len,
		    saved->out_len, &saved->out);
}

static int take_windows(struct toe_conn *conn, struct toe_saved *saved)
{
	struct tcp_repair_window window;
	int err = get_tcp(conn, TCP_REPAIR_WINDOW, &window, sizeof(window));
	int32_t left;

	if (err)
		return err;
	left = (int32_t)(window.rcv_wup + window.rcv_wnd - saved->rcv_nxt);
	saved->snd_wl1 = window.snd_wl1;
	saved->snd_wnd = window.snd_wnd;
	saved->snd_wnd_max = window.max_window;
	saved->rcv_wnd = left > 0 ? (uint32_t)left : 0;
	return 0;
}

static void note_options(struct toe_saved *saved, const struct tcp_info *info)
{
	saved->scaled = info->tcpi_options & TCPI_OPT_WSCALE;
	saved->sack = info->tcpi_options & TCPI_OPT_SACK;
	saved->timestamps = info->tcpi_options & TCPI_OPT_TIMESTAMPS;
	saved->snd_scale = info->tcpi_snd_wscale;
	saved->rcv_scale = info->tcpi_rcv_wscale;
	saved->shut = !in_states(info, SENDS);
	saved->fin_acked = info->tcpi_state == TCP_FIN_WAIT2;
	saved->eof = in_states(info, FIN_IN);
}

int kernel_export(struct toe_conn *conn, struct toe_saved *saved)
{
	struct toe_saved s = *saved;
	struct tcp_info info;
	int mss = 0, err = look(conn, &info);

	if (err)
		return err;
	note_options(&s, &info);
	s.in = s.out = NULL;
	err = get_tcp(conn, TCP_MAXSEG, &mss, sizeof(mss));
	s.mss = (uint16_t)mss;
	if (!err && s.timestamps)
		err = get_tcp(conn, TCP_TIMESTAMP, &s.timestamp,
			      sizeof(s.timestamp));
	if (!err)
		err = take_received(conn, &s);
	if (!err)
		err = take_sent(conn, &s, in_states(&info, FIN_OUT));
	if (!err)
		err = take_windows(conn, &s);
	if (err) {
		free(s.in);
		free(s.out);
		return err;
	}
	*saved = s;
	return 0;
}

/* ---- in ---- */

static int set_sequence(struct toe_conn *conn, uint32_t queue, uint32_t seq)
{
	int err = set_tcp(conn, TCP_REPAIR_QUEUE, queue);

	return err ? err : set_tcp(conn, TCP_QUEUE_SEQ, seq);
}

static int join(struct toe_conn *conn, const struct toe_saved *saved)
{
	union sockaddr_any sa;
	socklen_t len;
	int err = kernel_addr_to(&saved->local, &sa, &len);

	kernel_count(conn->stack);
	if (!err && bind(conn->fd, &sa.sa, len))
		err = -errno;
	if (!err)
		err = kernel_addr_to(&saved->remote, &sa, &len);
	kernel_count(conn->stack);
	if (!err && connect(conn->fd, &sa.sa, len))
		err = -errno;
	return err;
}

static int set_options(struct toe_conn *conn, const struct toe_saved *saved)
{
	struct tcp_repair_opt option[4] = {
		{TCPOPT_MAXSEG, saved->mss},
		/* without it Linux would scale by what it would have offered */
		{TCPOPT_WINDOW, saved->scaled ? saved->snd_scale |
							saved->rcv_scale << 16
					      : 0},
	};
	socklen_t nr = 2;

	if (saved->sack)
		option[nr++].opt_code = TCPOPT_SACK_PERMITTED;
	if (saved->timestamps)
		option[nr++].opt_code = TCPOPT_TIMESTAMP;
	kernel_count(conn->stack);
	if (setsockopt(conn->fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, option,
		       nr * sizeof(option[0])))
		return -errno;
	return saved->timestamps
		       ? set_tcp(conn, TCP_TIMESTAMP, saved->timestamp)
		       : 0;
}

static int give(struct toe_conn *conn, const uint8_t *bytes, uint32_t len)
{
	ssize_t n;

	while (len) {
		kernel_count(conn->stack);
		n = send(conn->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n <= 0)
			return n && errno != EAGAIN ? -errno : -ENOBUFS;
		bytes += n;
		len -= (uint32_t)n;
	}
	return 0;
}

/* Bytes that have been sent; behind them may be a FIN that has, too. */
static uint32_t sent(const struct toe_saved *saved)
{
	uint32_t n = saved->snd_nxt - saved->snd_una;

	return n < saved->out_len ? n : saved->out_len;
}

/*
 * Another stack may have taken the peer's window from a segment that came early, even
 * beyond its own window; Linux refuses to have done that. Any segment to come will say
 * it anew.
 */
static uint32_t window_said_by(const struct toe_saved *saved)
{
	return (int32_t)(saved->snd_wl1 - saved->rcv_nxt) > 0 ? saved->rcv_nxt
							       : saved->snd_wl1;
}

static int set_windows(struct toe_conn *conn, const struct toe_saved *saved)
{
	struct tcp_repair_window window = {
		.snd_wl1 = window_said_by(saved),
		.snd_wnd = saved->snd_wnd,
		.max_window = saved->snd_wnd_max,
		.rcv_wnd = saved->rcv_wnd,
		.rcv_wup = saved->rcv_nxt,
	};

	kernel_count(conn->stack);
	return setsockopt(conn->fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window,
			  sizeof(window))
		       ? -errno
		       : 0;
}

/* The peer sends nothing until it hears of a window. */
static bool is_stopped(const struct toe_saved *saved)
{
	return saved->in_len && !saved->eof && saved->rcv_wnd < saved->mss;
}

static int queue_last_byte(struct toe_conn *conn, struct toe_saved *saved)
{
	int err = set_tcp(conn, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);

	if (!err)
		err = give(conn, saved->in + saved->in_len - 1, 1);
	if (!err)
		saved->in_len--;
	return err;
}

int kernel_import(struct toe_conn *conn, struct toe_saved *saved)
{
	bool stopped = is_stopped(saved);
	int err = set_sequence(conn, TCP_SEND_QUEUE,
			       saved->snd_una - saved->fin_acked);

	if (!err)
		err = set_sequence(conn, TCP_RECV_QUEUE,
				   saved->rcv_nxt - stopped);
	if (!err)
		err = join(conn, saved);
	conn->peer = !err;
	if (!err)
		err = set_options(conn, saved);
	if (!err && stopped)
		err = queue_last_byte(conn, saved);
	if (!err && saved->out_len)
		err = set(conn, SOL_SOCKET, SO_SNDBUF,
			  (int)(saved->out_len * OVERHEAD));
	if (!err)
		err = set_tcp(conn, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
	if (!err)
		err = give(conn, saved->out, sent(saved));
	if (!err)
		err = set_windows(conn, saved);
	return err ? err : set_tcp(conn, TCP_REPAIR_QUEUE, TCP_NO_QUEUE);
}

int kernel_thaw(struct toe_conn *conn, const struct toe_saved *saved)
{
	uint32_t n = sent(saved);
	int err = give(conn, saved->out + n, saved->out_len - n);

	/* Linux sizes the buffer by itself again; older kernels never do */
	if (!err && saved->out_len)
		set(conn, SOL_SOCKET, SO_BUF_LOCK, 0);
	if (!err && saved->shut)
		err = kernel_shutdown(conn, SHUT_WR);
	return err ? err : kernel_watch(conn, EPOLLOUT);
}
