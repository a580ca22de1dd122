/* SPDX-License-Identifier: GPL-2.0 */
/* stream.c - what receive.c, send.c and poll.c share; shutdown and ioctl. */
#include <linux/sched/signal.h>
#include <linux/sockios.h>
#include <asm/ioctls.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "link.h"
#include "stream.h"

/* ---- state ---- */

u8 vtoe_shutdown_now(struct vtoe_sock *vsk, struct sock *sk)
{
	u8 mask = READ_ONCE(sk->sk_shutdown);
	u32 error;
	int flags = front_status(&vsk->stream, &error);

	if (flags < 0)
		return SHUTDOWN_MASK;
	vtoe_sock_take_error(vsk, sk, error);
	if (flags & VTOE_DOM0_FIN)
		mask |= RCV_SHUTDOWN;
	if (flags & VTOE_DOM0_HUP)
		mask |= SHUTDOWN_MASK;
	return mask;
}

long vtoe_wait_a_moment(struct sock *sk, struct wait_queue_entry *wait,
			long timeo)
{
	release_sock(sk);
	timeo = wait_woken(wait, TASK_INTERRUPTIBLE, timeo);
	lock_sock(sk);
	return timeo;
}

int vtoe_wait_connected(struct vtoe_sock *vsk, struct sock *sk, long *timeo)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int err = 0;

	if (READ_ONCE(vsk->phase) != VTOE_CONNECTING)
		return 0;
	add_wait_queue(sk_sleep(sk), &wait);
	while (READ_ONCE(vsk->phase) == VTOE_CONNECTING) {
		if (!*timeo)
			err = -EAGAIN;
		else if (signal_pending(current))
			err = sock_intr_errno(*timeo);
		if (err)
			break;
		*timeo = vtoe_wait_a_moment(sk, &wait, *timeo);
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	return err;
}

/* ---- shutdown, ioctl, SO_RCVLOWAT ---- */

void vtoe_shutdown_tell(struct vtoe_sock *vsk, int how)
{
	u32 flags = (how & SEND_SHUTDOWN ? VTOE_GUEST_FIN : 0) |
		    (how & RCV_SHUTDOWN ? VTOE_GUEST_SHUT_RD : 0);

	if (front_shutdown(&vsk->stream, flags))
		vtoe_link_notify(vsk->link);
}

static int shutdown_connected(struct vtoe_sock *vsk, struct sock *sk, int how)
{
	u32 error;

	if (front_status(&vsk->stream, &error) & VTOE_DOM0_HUP) {
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | how);
		return -ENOTCONN;
	}
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | how);
	vtoe_shutdown_tell(vsk, how);
	return 0;
}

/* Locked; ctl held. Returns 1 for the native half to be shut down, too. */
static int shutdown_ours(struct socket *sock, struct vtoe_sock *vsk, int how)
{
	struct sock *sk = sock->sk;
	bool dual = vsk->dual;

	switch (vsk->phase) {
	case VTOE_CONNECTED:
		if (sock->state == SS_CONNECTING)
			sock->state = SS_CONNECTED;
		return shutdown_connected(vsk, sk, how);
	case VTOE_CONNECTING:
		WRITE_ONCE(sk->sk_err, ECONNRESET);
		break;
	case VTOE_LISTENING:
		if (!(how & RCV_SHUTDOWN))
			return 0;
		if (!dual)
			WRITE_ONCE(sk->sk_state, TCP_CLOSE);
		break;
	default:
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | how);
		return -ENOTCONN;
	}
	vtoe_sock_drop_slot(vsk, VTOE_UNDECIDED);
	sock->state = SS_UNCONNECTED;
	return dual ? 1 : 0;
}

int vtoe_shutdown(struct socket *sock, int how)
{
	struct sock *sk = sock->sk;
	struct vtoe_sock *vsk;
	int err = 1;

	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	vtoe_ops_enter();
	vsk = vtoe_sock_offloaded(sk) ? vtoe_sock_enter(sock) : NULL;
	if (IS_ERR(vsk)) {
		err = PTR_ERR(vsk);
	} else if (vsk) {
		lock_sock(sk);
		if (vtoe_phase_offloaded(vsk->phase)) {
			err = shutdown_ours(sock, vsk, how + 1);
			sk->sk_state_change(sk);
		}
		release_sock(sk);
		vtoe_sock_leave(vsk);
	}
	if (err == 1)
		err = vtoe_native_ops(sk)->shutdown(sock, how);
	vtoe_ops_leave();
	return err;
}

/* Bytes in the rings, or -EINVAL. There never is a mark. */
static int queued(struct vtoe_sock *vsk, struct sock *sk, unsigned int cmd)
{
	int n = 0;

	lock_sock(sk);
	if (vsk->phase == VTOE_LISTENING)
		n = cmd == SIOCATMARK ? 0 : -EINVAL;
	else if (vsk->phase == VTOE_CONNECTED && cmd == SIOCINQ)
		n = max(front_rx_avail(&vsk->stream), 0);
	else if (vsk->phase == VTOE_CONNECTED && cmd != SIOCATMARK)
		n = max(front_tx_used(&vsk->stream), 0);
	release_sock(sk);
	return n;
}

/* What dom0 has taken but not got rid of; 0 if it cannot say. */
static int queued_at_dom0(struct vtoe_sock *vsk, unsigned int name)
{
	struct vtoe_submission cmd = { .op = VTOE_OP_GETOPT,
				       .u.option = { .level = VTOE_SOL_QUEUE,
						     .name = name,
						     .len = sizeof(int) } };
	struct vtoe_completion cqe;
	int n = 0;

	if (mutex_lock_killable(&vsk->ctl))
		return 0;
	if (vsk->phase == VTOE_CONNECTED && vsk->has_slot &&
	    !vtoe_sock_command(vsk, &cmd, &cqe))
		memcpy(&n, cqe.u.option.value, sizeof(n));
	mutex_unlock(&vsk->ctl);
	return n;
}

/* The ring first: what moves on meanwhile is counted twice, not missed. */
static int queued_in_all(struct vtoe_sock *vsk, struct sock *sk,
			 unsigned int cmd)
{
	int n = queued(vsk, sk, cmd), more = 0;

	if (n < 0)
		return n;
	if (cmd == SIOCOUTQ)
		more = queued_at_dom0(vsk, VTOE_QUEUE_OUT);
	else if (cmd == SIOCOUTQNSD)
		more = queued_at_dom0(vsk, VTOE_QUEUE_UNSENT);
	return more > 0 && more <= INT_MAX - n ? n + more : n;
}

int vtoe_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	struct sock *sk = sock->sk;
	struct vtoe_sock *vsk = NULL;
	int n;

	if (cmd == SIOCINQ || cmd == SIOCOUTQ || cmd == SIOCOUTQNSD ||
	    cmd == SIOCATMARK)
		vsk = vtoe_sock_get(sk);
	if (vsk) {
		n = queued_in_all(vsk, sk, cmd);
		vtoe_sock_put(vsk);
		return n < 0 ? n : put_user(n, (int __user *)arg);
	}
	vtoe_ops_enter();
	n = vtoe_native_ops(sk)->ioctl(sock, cmd, arg);
	vtoe_ops_leave();
	return n;
}

/* lock_sock() held. */
int vtoe_set_rcvlowat(struct sock *sk, int val)
{
	if (!vtoe_sock_offloaded(sk))
		return vtoe_native_ops(sk)->set_rcvlowat(sk, val);
	WRITE_ONCE(sk->sk_rcvlowat, val ?: 1);
	return 0;
}
