/* SPDX-License-Identifier: GPL-2.0 */
/*
 * offer.c - wildcard listeners and datagram sockets that wait for a device.
 *
 * A program that listens on all addresses means those of the device, too,
 * whenever there is one: before it is attached, while its worker in dom0 is
 * started anew. Such a listener listens natively, is LISTENING without a slot,
 * and is on a list here; when a link goes live, a work item binds and listens at
 * dom0 for each. A datagram socket is bound and connected there as it is. What
 * dom0 refuses (the port is taken) stays on the list for the next link.
 *
 * The list holds a reference of each. Lock order: vtoe_sock.ctl, lock.
 */
#include <linux/workqueue.h>
#include <net/tcp.h>

#include "dgram.h"
#include "link.h"
#include "sock.h"

static LIST_HEAD(waiting); /* vtoe_sock.offer_node */
static DEFINE_SPINLOCK(lock);

static void offer_all(struct work_struct *work);
static DECLARE_WORK(offer_work, offer_all);

static void add(struct vtoe_sock *vsk)
{
	spin_lock(&lock);
	if (list_empty(&vsk->offer_node)) {
		refcount_inc(&vsk->ref);
		list_add_tail(&vsk->offer_node, &waiting);
	}
	spin_unlock(&lock);
}

void vtoe_offer_later(struct vtoe_sock *vsk)
{
	add(vsk);
	/* one that went live just before */
	if (vtoe_link_live())
		vtoe_offer_now();
}

void vtoe_offer_forget(struct vtoe_sock *vsk)
{
	bool had;

	spin_lock(&lock);
	had = !list_empty(&vsk->offer_node);
	list_del_init(&vsk->offer_node);
	spin_unlock(&lock);
	if (had)
		vtoe_sock_put(vsk);
}

void vtoe_offer_now(void)
{
	queue_work(system_long_wq, &offer_work);
}

void vtoe_offer_exit(void)
{
	cancel_work_sync(&offer_work);
}

/* The first one, off the list, with the list's reference; or NULL. */
static struct vtoe_sock *first(struct list_head *list)
{
	struct vtoe_sock *vsk;

	spin_lock(&lock);
	vsk = list_first_entry_or_null(list, struct vtoe_sock, offer_node);
	if (vsk)
		list_del_init(&vsk->offer_node);
	spin_unlock(&lock);
	return vsk;
}

/* ctl held. False: the next link may serve it. */
static bool served(struct vtoe_sock *vsk)
{
	struct sock *sk = vsk->sk;

	if (!sk)
		return true;
	if (vtoe_is_dgram(sk))
		return !vtoe_dgram_waits(vsk, sk) || !vtoe_dgram_offer(vsk, sk);
	return !vtoe_listen_waits(vsk) || !vtoe_listen_offer(vsk, sk);
}

static void offer(struct vtoe_sock *vsk)
{
	mutex_lock(&vsk->ctl);
	if (!served(vsk))
		add(vsk);
	mutex_unlock(&vsk->ctl);
}

static void offer_all(struct work_struct *work)
{
	struct vtoe_sock *vsk;
	LIST_HEAD(list);

	spin_lock(&lock);
	list_splice_init(&waiting, &list);
	spin_unlock(&lock);
	while ((vsk = first(&list))) {
		offer(vsk);
		vtoe_sock_put(vsk);
	}
}
