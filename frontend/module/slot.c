/* SPDX-License-Identifier: GPL-2.0 */
/*
 * slot.c - an offloaded socket's slot: getting one, commands about it, what dom0
 * says of it, and losing it.
 */
#include <linux/slab.h>

#include "call.h"
#include "link.h"
#include "sock.h"

/* ---- opening ---- */

static int submit(struct vtoe_sock *vsk, struct vtoe_submission *cmd)
{
	int err;

	cmd->slot = vsk->stream.slot;
	if (cmd->op != VTOE_OP_CONNECT || vtoe_is_dgram(vsk->sk))
		cmd->flags = VTOE_QUIET;
	err = front_submit(&vsk->link->front, cmd, vsk);
	if (!err)
		refcount_inc(&vsk->ref);
	return err;
}

static int submit_open(struct vtoe_sock *vsk, const struct sock *sk, u16 family)
{
	struct vtoe_submission cmd = {
		.op = VTOE_OP_OPEN,
		.u.open.family = family,
		.u.open.type = vtoe_is_dgram(sk) ? VTOE_DATAGRAM : VTOE_STREAM,
		.u.open.uid = from_kuid_munged(&init_user_ns, sk->sk_uid),
	};

	return submit(vsk, &cmd);
}

static int submit_options(struct vtoe_sock *vsk, const struct vtoe_option *opt,
			  unsigned int n)
{
	struct vtoe_submission cmd = { .op = VTOE_OP_SETOPT };
	unsigned int i;
	int err = 0;

	for (i = 0; i < n && !err; i++) {
		cmd.u.option = opt[i];
		err = submit(vsk, &cmd);
	}
	return err;
}

static int submit_connect(struct vtoe_sock *vsk, const struct vtoe_addr *to)
{
	struct vtoe_submission cmd = { .op = VTOE_OP_CONNECT,
				       .u.connect.addr = *to };
	int err = submit(vsk, &cmd);

	if (err)
		return err;
	vsk->peer = *to;
	if (vtoe_is_dgram(vsk->sk))
		return 0; /* the phase is dgram.c's, and sk_err may be a peer's */
	WRITE_ONCE(vsk->sk->sk_err, 0); /* of a connection before this one */
	smp_store_release(&vsk->phase, VTOE_CONNECTING);
	return 0;
}

/* A slot as it is at the start of a generation. Device lock held. */
static void slot_begin(struct vtoe_sock *vsk, struct vtoe_link *link, u32 slot)
{
	front_stream_init(&vsk->stream, &link->front, slot);
	vsk->link = link;
	vsk->tx_grow = false;
	vsk->tx_order = VTOE_TX_ORDER_FIRST;
	vsk->error_taken = 0;
	vsk->open_error = vsk->connect_error = 0;
	vsk->posts = 0;
	vsk->seen_rx = vsk->seen_tx = vsk->seen_flags = 0;
	vsk->seen_error = 0;
	memset(&vsk->local, 0, sizeof(vsk->local));
	memset(&vsk->peer, 0, sizeof(vsk->peer));
	smp_store_release(&vsk->has_slot, true);
	link->sock[slot] = vsk;
}

struct open_request {
	u16 family;
	const struct vtoe_addr *connect; /* NULL: no */
	struct vtoe_option *opt;
	unsigned int nr_opt;
};

/* Returns 1 if the ring is full. */
static int try_open(struct vtoe_sock *vsk, struct sock *sk,
		    struct vtoe_link *link, const struct open_request *req)
{
	u32 slot;
	int err;

	lock_sock(sk);
	spin_lock_bh(&link->lock);
	err = -ENETDOWN;
	if (link->dead)
		goto unlock;
	err = 1;
	if (front_submit_room(&link->front) < req->nr_opt + 2)
		goto unlock;
	err = front_slot_alloc(&link->front, &slot);
	if (err)
		goto unlock;
	slot_begin(vsk, link, slot);
	vsk->family = req->family;
	err = submit_open(vsk, sk, req->family);
	if (!err)
		err = submit_options(vsk, req->opt, req->nr_opt);
	if (!err && req->connect)
		err = submit_connect(vsk, req->connect);
unlock:
	spin_unlock_bh(&link->lock);
	release_sock(sk);
	return err == -EPROTO ? -ENETDOWN : err;
}

static int open_wait(struct vtoe_sock *vsk, struct sock *sk,
		     struct vtoe_link *link, const struct open_request *req,
		     bool nonblock)
{
	int err = try_open(vsk, sk, link, req);

	if (err <= 0)
		return err;
	if (nonblock)
		return -EAGAIN;
	if (wait_event_killable(link->room, (err = try_open(vsk, sk, link,
							    req)) <= 0))
		return -EINTR;
	return err;
}

static int open_slot(struct vtoe_sock *vsk, struct sock *sk,
		     struct open_request *req, bool nonblock)
{
	struct vtoe_link *link = vtoe_link_get();
	int err;

	if (!link)
		return -ENETDOWN;
	err = -EAFNOSUPPORT;
	if ((req->family == VTOE_INET6 && !link->ipv6) ||
	    (vtoe_is_dgram(sk) && !link->udp))
		goto put_link;
	err = -ENOMEM;
	req->opt = vtoe_options_collect(vsk, sk, req->family, &req->nr_opt);
	if (!req->opt)
		goto put_link;
	err = open_wait(vsk, sk, link, req, nonblock);
	kfree(req->opt);
	if (vsk->has_slot) {
		vtoe_link_notify(link);
		return err;
	}
put_link:
	vtoe_link_put(link);
	return err;
}

int vtoe_sock_open(struct vtoe_sock *vsk, struct sock *sk,
		   const struct vtoe_addr *connect, bool nonblock)
{
	struct open_request req = {
		.family = connect->family,
		.connect = connect,
	};

	return open_slot(vsk, sk, &req, nonblock);
}

int vtoe_sock_open_family(struct vtoe_sock *vsk, struct sock *sk, u16 family)
{
	struct open_request req = { .family = family };

	return open_slot(vsk, sk, &req, false);
}

int vtoe_sock_connect_slot(struct vtoe_sock *vsk, struct sock *sk,
			   const struct vtoe_addr *to)
{
	struct vtoe_link *link = vsk->link;
	int err = -ENETDOWN;

	lock_sock(sk);
	spin_lock_bh(&link->lock);
	if (!link->dead)
		err = submit_connect(vsk, to);
	spin_unlock_bh(&link->lock);
	release_sock(sk);
	if (!err)
		vtoe_link_notify(link);
	return err == -EPROTO ? -ENETDOWN : err;
}

int vtoe_sock_command(struct vtoe_sock *vsk, struct vtoe_submission *cmd,
		      struct vtoe_completion *cqe)
{
	struct vtoe_call *call = vtoe_call_alloc(vsk->link);
	int err;

	if (!call)
		return -ENOMEM;
	cmd->slot = vsk->stream.slot;
	err = vtoe_call(call, cmd);
	if (!err && cqe)
		*cqe = call->cqe;
	if (err == -EBADF)
		err = READ_ONCE(vsk->open_error) ?: err;
	vtoe_call_put(call);
	return err;
}

/* ---- releasing ---- */

/* While there is enough of all, nobody waits for what a release gives back. */
static bool nobody_waits(const struct vtoe_link *link)
{
	return list_empty(&link->tx_short) &&
	       link->front.nr_slots_free > link->front.view.geo.nr_slots / 8 &&
	       link->front.tx_arena.nr_free >
		       link->front.view.geo.nr_tx_pages / 8;
}

/*
 * What happens to the posts of a listener: front_complete() frees those that
 * were not taken. The run stays attached until dom0 has let go of the slot, and
 * is freed by its number, not by the socket, which may be gone by then.
 */
void vtoe_sock_release_slot(struct vtoe_sock *vsk, u8 phase, u32 flags)
{
	struct vtoe_link *link = vsk->link;
	u32 slot = vsk->stream.slot;

	spin_lock_bh(&link->lock);
	link->sock[slot] = NULL;
	list_del_init(&vsk->tx_node);
	smp_store_release(&vsk->phase, phase);
	if (!link->dead)
		front_release(&link->front, slot, flags, 0, nobody_waits(link),
			      vtoe_cookie_run(vsk->stream.tx_run));
	vsk->stream.tx_run = VTOE_RUN_NONE;
	WRITE_ONCE(vsk->has_slot, false);
	if (phase != VTOE_LISTENING)
		vsk->dual = false;
	vsk->link = NULL;
	spin_unlock_bh(&link->lock);
	vtoe_link_notify(link);
	vtoe_link_put(link);
}

void vtoe_sock_drop_slot(struct vtoe_sock *vsk, u8 phase)
{
	if (vsk->has_slot) {
		vtoe_sock_release_slot(vsk, phase, VTOE_RELEASE_ABORT);
		return;
	}
	smp_store_release(&vsk->phase, phase);
	if (phase != VTOE_LISTENING)
		vsk->dual = false;
}

/* ---- what the link says ---- */

void vtoe_sock_take_error(struct vtoe_sock *vsk, struct sock *sk, u32 error)
{
	if (!error || test_and_set_bit(0, &vsk->error_taken))
		return;
	WRITE_ONCE(sk->sk_err, (int)error);
}

/* OPEN's error, if that is why. */
static int connect_result(const struct vtoe_sock *vsk,
			  const struct front_done *done)
{
	if (done->cqe.result == -EBADF && vsk->open_error)
		return vsk->open_error;
	return done->cqe.result;
}

/* One for which connect() did not wait. */
static void dgram_connected(struct vtoe_sock *vsk, const struct front_done *done)
{
	struct vtoe_ways *ways = &vsk->link->ways;
	struct sock *sk = vsk->sk;
	int err = connect_result(vsk, done);

	if (!err) {
		vsk->local = done->cqe.u.addr;
		vtoe_way_learn(ways, &vsk->peer);
		return;
	}
	vtoe_way_forget(ways, &vsk->peer);
	WRITE_ONCE(vsk->connect_error, err);
	WRITE_ONCE(sk->sk_err, -err);
	sk_error_report(sk);
}

static void connected(struct vtoe_sock *vsk, const struct front_done *done)
{
	struct sock *sk = vsk->sk;
	int err = connect_result(vsk, done);

	if (vtoe_is_dgram(sk)) {
		dgram_connected(vsk, done);
		return;
	}
	if (vsk->phase != VTOE_CONNECTING)
		return;
	if (err) {
		WRITE_ONCE(sk->sk_err, -err);
		smp_store_release(&vsk->phase, VTOE_FAILED);
	} else {
		vsk->local = done->cqe.u.addr;
		smp_store_release(&vsk->phase, VTOE_CONNECTED);
	}
	sk->sk_state_change(sk);
	sk_wake_async(sk, SOCK_WAKE_IO, POLL_OUT);
	if (err)
		sk_error_report(sk);
}

void vtoe_sock_completed(struct vtoe_sock *vsk, const struct front_done *done)
{
	/* The socket may have got another slot, or none, since. */
	if (vsk->sk && vsk->has_slot && vsk->stream.slot == done->cqe.slot &&
	    vsk->stream.gen == done->cqe.gen) {
		if (done->op == VTOE_OP_OPEN && done->cqe.result)
			WRITE_ONCE(vsk->open_error, done->cqe.result);
		else if (done->op == VTOE_OP_CONNECT)
			connected(vsk, done);
		else if (done->op == VTOE_OP_SETOPT && done->cqe.result)
			pr_info_ratelimited("vtoe: dom0 did not take an option: %d\n",
					    done->cqe.result);
	}
	vtoe_sock_put(vsk);
}

/* Of which there may be many. */
static void take_dgram_error(struct vtoe_sock *vsk, struct sock *sk)
{
	u32 error = front_dgram_error(&vsk->stream, &vsk->seen_error);

	if (!error)
		return;
	WRITE_ONCE(sk->sk_err, (int)error);
	sk_error_report(sk);
}

/*
 * Only hints are read here: who is woken looks again, and checks, under the
 * socket's lock. Errors are the exception, as SO_ERROR asks only sk_err.
 */
void vtoe_sock_doorbell(struct vtoe_sock *vsk)
{
	struct vtoe_slot_dom0 *dom0 = &vsk->stream.shared->dom0;
	struct sock *sk = vsk->sk;
	u32 rx, tx, error;
	int flags;

	if (!sk || vtoe_load_acquire(&dom0->gen) != vsk->stream.gen)
		return;
	flags = front_status(&vsk->stream, &error);
	if (flags < 0)
		return;
	rx = vtoe_load(&dom0->rx_prod);
	tx = vtoe_load(&dom0->tx_cons);
	if (vtoe_is_dgram(sk))
		take_dgram_error(vsk, sk);
	else
		vtoe_sock_take_error(vsk, sk, error);
	if ((u32)flags != vsk->seen_flags) {
		vsk->seen_flags = flags;
		sk->sk_state_change(sk);
		sk_wake_async(sk, SOCK_WAKE_WAITD, POLL_IN);
		if (error)
			sk_error_report(sk);
	}
	if (rx != vsk->seen_rx) {
		vsk->seen_rx = rx;
		sk->sk_data_ready(sk);
	}
	if (tx != vsk->seen_tx) {
		vsk->seen_tx = tx;
		if (sk->sk_socket &&
		    test_bit(SOCK_NOSPACE, &sk->sk_socket->flags))
			sk->sk_write_space(sk);
	}
}

void vtoe_sock_run_freed(struct vtoe_sock *vsk)
{
	struct sock *sk = vsk->sk;

	list_del_init(&vsk->tx_node);
	if (!sk || !sk->sk_socket)
		return;
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	sk->sk_write_space(sk);
}

/* ---- death of the link ---- */

/* The next socket in use at or after *@slot, with references, or NULL. */
static struct vtoe_sock *next_sock(struct vtoe_link *link, u32 *slot,
				   struct sock **sk)
{
	struct vtoe_sock *vsk = NULL;

	spin_lock_bh(&link->lock);
	for (; !vsk && *slot < link->front.view.geo.nr_slots; (*slot)++) {
		vsk = link->sock[*slot];
		if (!vsk)
			continue;
		refcount_inc(&vsk->ref);
		*sk = vsk->sk;
		sock_hold(*sk);
	}
	spin_unlock_bh(&link->lock);
	return vsk;
}

static void slot_lost(struct vtoe_sock *vsk, struct vtoe_link *link)
{
	spin_lock_bh(&link->lock);
	link->sock[vsk->stream.slot] = NULL;
	list_del_init(&vsk->tx_node);
	spin_unlock_bh(&link->lock);
	WRITE_ONCE(vsk->has_slot, false);
	vsk->link = NULL;
	vsk->posts = 0;
	vtoe_link_put(link);
}

/* lock_sock() and ctl held */
static void sock_link_died(struct vtoe_sock *vsk, struct sock *sk,
			   struct vtoe_link *link)
{
	u8 phase = vsk->phase;

	if (!vsk->has_slot || vsk->link != link)
		return;
	slot_lost(vsk, link);
	if (vtoe_is_dgram(sk)) { /* gets another one as soon as there is one */
		vsk->dual = false;
		vtoe_offer_later(vsk);
		sk->sk_state_change(sk); /* who waits for room looks again */
		return;
	}
	if (phase == VTOE_UNDECIDED)
		return; /* still bound natively */
	if (phase == VTOE_LISTENING && vsk->dual) {
		vtoe_offer_later(vsk); /* goes on natively until then */
		return;
	}
	if (phase == VTOE_LISTENING)
		WRITE_ONCE(sk->sk_state, TCP_CLOSE);
	smp_store_release(&vsk->phase, VTOE_DEAD);
	WRITE_ONCE(sk->sk_shutdown, SHUTDOWN_MASK);
	if (phase != VTOE_FAILED)
		WRITE_ONCE(sk->sk_err, ECONNABORTED);
	sk->sk_state_change(sk);
	sk_error_report(sk);
}

void vtoe_sock_link_died(struct vtoe_link *link)
{
	struct vtoe_sock *vsk;
	struct sock *sk;
	u32 slot = 0;

	while ((vsk = next_sock(link, &slot, &sk))) {
		mutex_lock(&vsk->ctl);
		lock_sock(sk);
		sock_link_died(vsk, sk, link);
		release_sock(sk);
		mutex_unlock(&vsk->ctl);
		sock_put(sk);
		vtoe_sock_put(vsk);
	}
}
