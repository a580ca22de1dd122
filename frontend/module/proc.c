/* SPDX-License-Identifier: GPL-2.0 */
/*
 * proc.c - /proc/net/vtoe and vtoe_stat. For tools: fields are parted by one
 * blank and never change their order; vtoe(4) has them.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <net/net_namespace.h>

#include "link.h"
#include "proc.h"
#include "sock.h"

/* ---- vtoe_stat ---- */

static void show_counters(struct seq_file *m)
{
	const struct vtoe_counters *c = &vtoe_counters;
	const struct {
		const char *name;
		const atomic64_t *value;
	} counters[] = {
		{"offloaded", &c->offloaded},
		{"native", &c->native},
		{"fallbacks", &c->fallbacks},
		{"denied", &c->denied},
		{"rx-bytes", &c->rx_bytes},
		{"tx-bytes", &c->tx_bytes},
		{"calls", &c->calls},
		{"notifies", &c->notifies},
		{"interrupts", &c->interrupts},
		{"grants", &c->grants},
		{"event-channels", &c->evtchns},
		{"violations", &c->violations},
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counters); i++)
		seq_printf(m, "%s %lld\n", counters[i].name,
			   atomic64_read(counters[i].value));
}

static int show_stat(struct seq_file *m, void *unused)
{
	struct vtoe_link *link = vtoe_link_get();
	u32 slots, pages;

	seq_printf(m, "connected %d\n", !!link);
	show_counters(m);
	if (!link)
		return 0;
	spin_lock_bh(&link->lock);
	slots = link->front.nr_slots_free;
	pages = link->front.tx_arena.nr_free;
	spin_unlock_bh(&link->lock);
	seq_printf(m, "slots %u\nslots-free %u\n",
		   link->front.view.geo.nr_slots, slots);
	seq_printf(m, "tx-pages %u\ntx-pages-free %u\n",
		   link->front.view.geo.nr_tx_pages, pages);
	vtoe_link_put(link);
	return 0;
}

/* ---- vtoe: a line a socket ---- */

/* What a line says of a socket. */
struct shown {
	const char *proto, *state;
	u32 rx, tx;
	struct vtoe_addr local, peer;
	unsigned int uid;
	unsigned long inode;
};

static const char *connected_state(bool peer_fin, bool own_fin, bool hup)
{
	if (hup)
		return "CLOSE";
	if (peer_fin)
		return own_fin ? "CLOSING" : "CLOSE-WAIT";
	return own_fin ? "FIN-WAIT" : "ESTAB";
}

static const char *state_name(const struct vtoe_sock *vsk, u32 flags)
{
	switch (READ_ONCE(vsk->phase)) {
	case VTOE_LISTENING:
		return "LISTEN";
	case VTOE_CONNECTING:
		return "SYN-SENT";
	case VTOE_CONNECTED:
		return connected_state(flags & VTOE_DOM0_FIN,
				       READ_ONCE(vsk->stream.flags) &
					       VTOE_GUEST_FIN,
				       flags & VTOE_DOM0_HUP);
	case VTOE_FAILED:
	case VTOE_DEAD:
		return "CLOSE";
	default:
		return "UNCONN";
	}
}

/* Bytes, or records, between two indexes that dom0 may have made up. */
static u32 distance(u32 prod, u32 cons, u32 run)
{
	u32 n = prod - cons;

	if (run == VTOE_RUN_NONE || vtoe_run_order(run) > VTOE_MAX_RUN_ORDER)
		return 0;
	return min(n, vtoe_run_size(run));
}

/* Hints: nothing of it is used but to be shown. Device lock held. */
static void look_at_slot(const struct vtoe_sock *vsk, struct shown *to)
{
	const struct front_stream *stream = &vsk->stream;
	const struct vtoe_slot_dom0 *dom0 = &stream->shared->dom0;
	u32 flags = 0;

	if (vtoe_load_acquire(&dom0->gen) == stream->gen) {
		flags = vtoe_load(&dom0->flags);
		to->rx = distance(vtoe_load(&dom0->rx_prod),
				  READ_ONCE(stream->rx_cons),
				  vtoe_load(&dom0->rx_run));
		to->tx = distance(READ_ONCE(stream->tx_prod),
				  vtoe_load(&dom0->tx_cons),
				  READ_ONCE(stream->tx_run));
	}
	to->state = state_name(vsk, flags);
	if (READ_ONCE(vsk->phase) == VTOE_LISTENING) { /* as ss does */
		to->rx /= sizeof(struct vtoe_accept);
		to->tx = READ_ONCE(vsk->backlog);
	}
}

static bool look(struct vtoe_link *link, u32 slot, struct shown *to)
{
	struct vtoe_sock *vsk;
	struct sock *sk;

	memset(to, 0, sizeof(*to));
	spin_lock_bh(&link->lock);
	vsk = link->sock[slot];
	sk = vsk && !link->dead ? vsk->sk : NULL;
	if (sk) {
		look_at_slot(vsk, to);
		to->proto = sk->sk_protocol == IPPROTO_UDP ? "udp" : "tcp";
		to->local = vsk->local;
		to->peer = vsk->peer;
		to->uid = from_kuid_munged(&init_user_ns, sk->sk_uid);
		to->inode = sock_i_ino(sk);
	}
	spin_unlock_bh(&link->lock);
	return sk;
}

static void show_addr(struct seq_file *m, const struct vtoe_addr *a)
{
	u16 port = ntohs((__force __be16)a->port);

	if (!a->family)
		seq_puts(m, " *:");
	else if (a->family == VTOE_INET)
		seq_printf(m, " %pI4:", a->addr);
	else
		seq_printf(m, " [%pI6c]:", a->addr);
	if (port)
		seq_printf(m, "%u", port);
	else
		seq_putc(m, '*');
}

static int show_sock(struct seq_file *m, void *at)
{
	struct vtoe_link *link = *(struct vtoe_link **)m->private;
	u32 slot = (unsigned long)at - 2;
	struct shown shown;

	if (at == SEQ_START_TOKEN) {
		seq_puts(m, "proto state recv-q send-q local peer slot uid "
			    "inode\n");
		return 0;
	}
	if (!look(link, slot, &shown))
		return 0;
	seq_printf(m, "%s %s %u %u", shown.proto, shown.state, shown.rx,
		   shown.tx);
	show_addr(m, &shown.local);
	show_addr(m, &shown.peer);
	seq_printf(m, " %u %u %lu\n", slot, shown.uid, shown.inode);
	return 0;
}

/* Position 0 is the title, position n slot n - 1, as the pointer n + 1. */
static void *sock_at(struct vtoe_link *link, loff_t *pos)
{
	if (!*pos)
		return SEQ_START_TOKEN;
	while (link && *pos <= link->front.view.geo.nr_slots) {
		if (READ_ONCE(link->sock[*pos - 1]))
			return (void *)(unsigned long)(*pos + 1);
		++*pos;
	}
	return NULL;
}

static void *sock_start(struct seq_file *m, loff_t *pos)
{
	struct vtoe_link **link = m->private;

	*link = vtoe_link_get();
	return sock_at(*link, pos);
}

static void *sock_next(struct seq_file *m, void *at, loff_t *pos)
{
	++*pos;
	return sock_at(*(struct vtoe_link **)m->private, pos);
}

static void sock_stop(struct seq_file *m, void *at)
{
	struct vtoe_link **link = m->private;

	if (*link)
		vtoe_link_put(*link);
	*link = NULL;
}

static const struct seq_operations sock_ops = {
	.start = sock_start,
	.next = sock_next,
	.stop = sock_stop,
	.show = show_sock,
};

int vtoe_proc_init(void)
{
	if (!proc_create_seq_private("vtoe", 0444, init_net.proc_net, &sock_ops,
				     sizeof(struct vtoe_link *), NULL))
		return -ENOMEM;
	if (!proc_create_single("vtoe_stat", 0444, init_net.proc_net,
				show_stat)) {
		remove_proc_entry("vtoe", init_net.proc_net);
		return -ENOMEM;
	}
	return 0;
}

void vtoe_proc_exit(void)
{
	remove_proc_entry("vtoe_stat", init_net.proc_net);
	remove_proc_entry("vtoe", init_net.proc_net);
}
