/* SPDX-License-Identifier: GPL-2.0 */
/* poll.c - poll(), select(), epoll. */
#include <net/tcp.h>

#include "link.h"
#include "stream.h"

#define EDGE_TRIES	4 /* to arm behind a ring that is being filled */

static u32 rx_hint(const struct vtoe_sock *vsk)
{
	const struct vtoe_slot_dom0 *dom0 = &vsk->stream.shared->dom0;

	if (vtoe_load_acquire(&dom0->gen) != vsk->stream.gen)
		return 0;
	return vtoe_load_acquire(&dom0->rx_prod) -
	       READ_ONCE(vsk->stream.rx_cons);
}

bool vtoe_rx_arm_hint(struct vtoe_sock *vsk)
{
	u32 error;

	vtoe_store(&vsk->stream.shared->guest.rx_event,
		   READ_ONCE(vsk->stream.rx_cons) + 1);
	vtoe_full_barrier();
	return rx_hint(vsk) || front_status(&vsk->stream, &error) || error;
}

/*
 * An edge-triggered watcher hears of each arrival, even of one that joins bytes
 * which nobody has read yet. What has arrived by now is in this poll's answer.
 */
static void arm_next_arrival(struct vtoe_sock *vsk)
{
	u32 avail, tries = EDGE_TRIES;

	do { /* what came meanwhile has not rung: arm behind it */
		avail = rx_hint(vsk);
		vtoe_store(&vsk->stream.shared->guest.rx_event,
			   READ_ONCE(vsk->stream.rx_cons) + avail + 1);
		vtoe_full_barrier();
	} while (rx_hint(vsk) != avail && --tries);
}

/* SO_RCVLOWAT, or what the ring can reach of it. UDP takes no notice of it. */
static u32 low_water(const struct vtoe_sock *vsk, const struct sock *sk)
{
	u32 run = vtoe_load(&vsk->stream.shared->dom0.rx_run);
	u32 target = sock_rcvlowat(sk, 0, INT_MAX);

	if (vtoe_is_dgram(sk) || run == VTOE_RUN_NONE ||
	    vtoe_run_order(run) > VTOE_MAX_RUN_ORDER)
		return 1;
	return min(target, vtoe_run_size(run) / 2);
}

/* Less than the low-water mark is there: be told when that is reached. */
static u32 arm_low_water(struct vtoe_sock *vsk, u32 target)
{
	u32 avail;

	vtoe_store(&vsk->stream.shared->guest.rx_event,
		   READ_ONCE(vsk->stream.rx_cons) + target);
	vtoe_full_barrier();
	avail = rx_hint(vsk);
	if (avail && avail < target) {
		struct vtoe_link *link = READ_ONCE(vsk->link);

		front_rx_keep(&vsk->stream);
		if (link)
			vtoe_link_notify(link);
	}
	return avail;
}

bool vtoe_poll_readable(struct vtoe_sock *vsk, struct sock *sk, bool edge)
{
	u32 avail = rx_hint(vsk), target = low_water(vsk, sk);

	if (avail < target)
		avail = arm_low_water(vsk, target);
	if (avail < target)
		return false;
	if (edge)
		arm_next_arrival(vsk);
	return true;
}

/* No run is attached: is there one to be had? */
static bool run_to_be_had(struct vtoe_sock *vsk)
{
	struct vtoe_link *link = READ_ONCE(vsk->link);
	bool had;

	if (!link) /* another thread is just ending it */
		return true;
	spin_lock_bh(&link->lock);
	had = link->dead || link->front.tx_arena.nr_free;
	if (!had && list_empty(&vsk->tx_node))
		list_add_tail(&vsk->tx_node, &link->tx_short);
	spin_unlock_bh(&link->lock);
	if (!had)
		vtoe_link_reclaim(link);
	return had;
}

bool vtoe_poll_writable(struct vtoe_sock *vsk, struct sock *sk)
{
	struct front_stream *stream = &vsk->stream;
	u32 run = READ_ONCE(stream->tx_run), low, used;

	if (run == VTOE_RUN_NONE) {
		if (run_to_be_had(vsk))
			return true;
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		return false;
	}
	low = vtoe_tx_low(vsk, run);
	used = READ_ONCE(stream->tx_prod) -
	       vtoe_load_acquire(&stream->shared->dom0.tx_cons);
	if (used <= low || vtoe_load(&stream->shared->dom0.gen) != stream->gen)
		return true;
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	/* nobody need have tried in vain: it may fill what poll() lets it */
	vtoe_tx_grow(vsk, sk, run);
	return front_tx_arm(stream, vtoe_tx_low(vsk, run));
}

/*
 * Who does not ask for room is not told of it either: dom0 would wake the guest for
 * each answer of a server that waits for requests.
 */
static __poll_t poll_connected(struct vtoe_sock *vsk, struct sock *sk,
			       __poll_t wanted)
{
	u8 shutdown = vtoe_shutdown_now(vsk, sk);
	__poll_t mask = 0;

	if (shutdown == SHUTDOWN_MASK)
		mask |= EPOLLHUP;
	if (shutdown & RCV_SHUTDOWN)
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (vtoe_poll_readable(vsk, sk, wanted & EPOLLET))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (shutdown & SEND_SHUTDOWN ||
	    (wanted & VTOE_POLL_ROOM && vtoe_poll_writable(vsk, sk)))
		mask |= VTOE_POLL_ROOM;
	return mask;
}

/* Under RCU: vtoe_link_kill() waits before the memory goes. */
static __poll_t poll_mask(struct vtoe_sock *vsk, struct sock *sk,
			  __poll_t wanted)
{
	switch (smp_load_acquire(&vsk->phase)) {
	case VTOE_CONNECTED:
		return poll_connected(vsk, sk, wanted);
	case VTOE_CONNECTING:
		return 0;
	case VTOE_LISTENING:
		return vtoe_listen_poll(vsk, sk);
	case VTOE_FAILED:
	case VTOE_DEAD:
		return EPOLLHUP | EPOLLIN | EPOLLRDNORM | EPOLLRDHUP |
		       EPOLLOUT | EPOLLWRNORM;
	default: /* as TCP_CLOSE */
		return EPOLLHUP | EPOLLOUT | EPOLLWRNORM;
	}
}

static __poll_t native_poll(struct file *file, struct socket *sock,
			    poll_table *wait)
{
	__poll_t mask;

	vtoe_ops_enter();
	mask = vtoe_native_ops(sock->sk)->poll(file, sock, wait);
	vtoe_ops_leave();
	return mask;
}

__poll_t vtoe_poll(struct file *file, struct socket *sock, poll_table *wait)
{
	struct sock *sk = sock->sk;
	struct vtoe_sock *vsk = vtoe_sock_get(sk);
	__poll_t wanted = vtoe_poll_wanted(wait);
	bool listening;
	__poll_t mask;
	int before, err;

	if (!vsk)
		return native_poll(file, sock, wait);
	sock_poll_wait(file, sock, wait);
	rcu_read_lock();
	before = READ_ONCE(sk->sk_err);
	mask = poll_mask(vsk, sk, wanted);
	smp_rmb(); /* pairs with the store of sk_err before the wake-up */
	err = READ_ONCE(sk->sk_err);
	if (err != before) /* with an error goes what came along with it */
		mask = poll_mask(vsk, sk, wanted);
	listening = READ_ONCE(vsk->phase) == VTOE_LISTENING;
	rcu_read_unlock();
	vtoe_sock_put(vsk);
	if (!vtoe_sock_offloaded(sk)) /* not any more */
		return native_poll(file, sock, wait);
	if (err && !listening)
		mask |= EPOLLERR;
	return mask;
}
