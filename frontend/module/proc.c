/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <net/net_namespace.h>

#include "link.h"
#include "proc.h"
#include "sock.h"

static const char *const phase_name[] = {
	[VTOE_UNDECIDED] = "bound",  [VTOE_NATIVE] = "native",
	[VTOE_BOUND] = "bound",	     [VTOE_LISTENING] = "listening",
	[VTOE_CONNECTING] = "connecting", [VTOE_FAILED] = "failed",
	[VTOE_CONNECTED] = "connected", [VTOE_DEAD] = "dead",
};

static void show_counter(struct seq_file *m, const char *name,
			 const atomic64_t *value)
{
	seq_printf(m, "%s: %lld\n", name, atomic64_read(value));
}

static void show_counters(struct seq_file *m)
{
	const struct vtoe_counters *c = &vtoe_counters;

	show_counter(m, "notifies", &c->notifies);
	show_counter(m, "interrupts", &c->interrupts);
	show_counter(m, "grants", &c->grants);
	show_counter(m, "event-channels", &c->evtchns);
	show_counter(m, "offloaded", &c->offloaded);
	show_counter(m, "native", &c->native);
	show_counter(m, "rx-bytes", &c->rx_bytes);
	show_counter(m, "calls", &c->calls);
	show_counter(m, "tx-bytes", &c->tx_bytes);
	show_counter(m, "violations", &c->violations);
}

static void show_addr(struct seq_file *m, const struct vtoe_addr *a)
{
	u16 port = ntohs((__force __be16)a->port);

	if (!a->family)
		seq_puts(m, " *");
	else if (a->family == VTOE_INET)
		seq_printf(m, " %pI4:%u", a->addr, port);
	else
		seq_printf(m, " [%pI6c]:%u", a->addr, port);
}

static void show_slot(struct seq_file *m, struct vtoe_link *link, u32 slot)
{
	struct vtoe_addr local = {}, peer = {};
	struct vtoe_sock *vsk;
	unsigned int uid = 0;
	int phase = -1;

	spin_lock_bh(&link->lock);
	vsk = link->sock[slot];
	if (vsk && vsk->sk) {
		phase = vsk->phase;
		local = vsk->local;
		peer = vsk->peer;
		uid = from_kuid_munged(seq_user_ns(m), vsk->sk->sk_uid);
	}
	spin_unlock_bh(&link->lock);
	if (phase < 0)
		return;
	seq_printf(m, "%u %s", slot, phase_name[phase]);
	show_addr(m, &local);
	show_addr(m, &peer);
	seq_printf(m, " uid %u\n", uid);
}

static int show(struct seq_file *m, void *unused)
{
	struct vtoe_link *link = vtoe_link_get();
	u32 slot;

	seq_printf(m, "device: %s\n", link ? "connected" : "none");
	show_counters(m);
	if (!link)
		return 0;
	spin_lock_bh(&link->lock);
	slot = link->front.nr_slots_free;
	spin_unlock_bh(&link->lock);
	seq_printf(m, "slots: %u of %u free\ntx-pages: %u of %u free\n", slot,
		   link->front.view.geo.nr_slots, link->front.tx_arena.nr_free,
		   link->front.view.geo.nr_tx_pages);
	for (slot = 0; slot < link->front.view.geo.nr_slots; slot++)
		if (READ_ONCE(link->sock[slot]))
			show_slot(m, link, slot);
	vtoe_link_put(link);
	return 0;
}

int vtoe_proc_init(void)
{
	return proc_create_single("vtoe", 0444, init_net.proc_net, show) ?
		       0 :
		       -ENOMEM;
}

void vtoe_proc_exit(void)
{
	remove_proc_entry("vtoe", init_net.proc_net);
}
