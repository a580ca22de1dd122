/* SPDX-License-Identifier: GPL-2.0 */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <xen/events.h>
#include <xen/page.h>
#include <xen/xenbus.h>

#include "call.h"
#include "link.h"
#include "sock.h"

#define POLL_ROUNDS	16 /* of the tasklet, before others get a turn */
#define IDLE_EVENTS_MAX 8  /* in a row, before dom0 is taken for a flooder */
#define RECLAIM_PERIOD	HZ
#define FLUSH_DELAY	1  /* jiffies an event is held back for MSG_MORE */

struct vtoe_counters vtoe_counters;

static struct vtoe_link __rcu *live;

/* ---- memory ---- */

static void *page_of(const struct vtoe_link *link, unsigned int i)
{
	return link->area + (size_t)i * PAGE_SIZE;
}

static int grant_pages(struct vtoe_link *link, domid_t domid)
{
	unsigned int i;
	int ref;

	for (i = 0; i < link->nr_area_pages; i++) {
		struct page *page = vmalloc_to_page(page_of(link, i));

		ref = gnttab_grant_foreign_access(domid, xen_page_to_gfn(page),
						  0);
		if (ref < 0)
			return ref;
		link->refs[i] = ref;
		link->nr_refs++;
		atomic64_inc(&vtoe_counters.grants);
	}
	return 0;
}

/*
 * Each page gets a reference of its grant's, which is dropped when the grant has
 * really ended, maybe much later, in the grant table's own deferred work: until
 * then the page is not freed, whatever vfree() does (XSA-396).
 */
static void ungrant_pages(struct vtoe_link *link)
{
	unsigned int i;

	for (i = 0; i < link->nr_refs; i++) {
		struct page *page = vmalloc_to_page(page_of(link, i));

		get_page(page);
		gnttab_end_foreign_access(link->refs[i], page);
	}
	link->nr_refs = 0;
}

static void write_layout(struct vtoe_link *link,
			 const struct vtoe_geometry *geo)
{
	struct vtoe_layout *layout = page_of(link, 0);
	unsigned int i;

	vtoe_geometry_to_layout(geo, layout);
	for (i = 0; i < geo->nr_dirs; i++)
		layout->dir_ref[i] = link->refs[1 + i];
	for (i = 0; i < geo->nr_pages; i++) {
		struct vtoe_directory *dir =
			page_of(link, 1 + i / VTOE_REFS_PER_PAGE);

		dir->ref[i % VTOE_REFS_PER_PAGE] =
			link->refs[1 + geo->nr_dirs + i];
	}
}

static int memory_alloc(struct vtoe_link *link,
			const struct vtoe_geometry *geo)
{
	link->nr_area_pages = 1 + geo->nr_dirs + geo->nr_pages;
	link->area = vzalloc((size_t)link->nr_area_pages * PAGE_SIZE);
	link->refs = kvcalloc(link->nr_area_pages, sizeof(*link->refs),
			      GFP_KERNEL);
	link->memory = vzalloc(front_memory(geo));
	link->sock = kvcalloc(geo->nr_slots, sizeof(*link->sock), GFP_KERNEL);
	if (!link->area || !link->refs || !link->memory || !link->sock)
		return -ENOMEM;
	return 0;
}

static void memory_free(struct vtoe_link *link)
{
	ungrant_pages(link);
	vfree(link->area);
	kvfree(link->refs);
	link->area = NULL;
	link->refs = NULL;
}

/* poll() looks at a link under RCU only. */
static void link_release_rcu(struct rcu_head *rcu)
{
	struct vtoe_link *link = container_of(rcu, struct vtoe_link, rcu);

	vfree(link->memory);
	kvfree(link->sock);
	kfree(link);
}

static void link_release(struct kref *ref)
{
	struct vtoe_link *link = container_of(ref, struct vtoe_link, ref);

	call_rcu(&link->rcu, link_release_rcu);
}

void vtoe_link_put(struct vtoe_link *link)
{
	kref_put(&link->ref, link_release);
}

/* ---- events ---- */

static void notify(struct vtoe_link *link)
{
	atomic64_inc(&vtoe_counters.notifies);
	notify_remote_via_irq(link->irq);
}

/*
 * The shared memory may be gone for a caller that does not hold a socket's lock
 * or the device lock, hence RCU; vtoe_link_kill() waits for it.
 */
void vtoe_link_notify(struct vtoe_link *link)
{
	rcu_read_lock();
	if (!READ_ONCE(link->dead) && front_wake(&link->front))
		notify(link);
	rcu_read_unlock();
}

void vtoe_link_notify_later(struct vtoe_link *link)
{
	rcu_read_lock();
	if (!READ_ONCE(link->dead))
		schedule_delayed_work(&link->flush, FLUSH_DELAY);
	rcu_read_unlock();
}

static void flush_work_fn(struct work_struct *work)
{
	vtoe_link_notify(container_of(to_delayed_work(work), struct vtoe_link,
				      flush));
}

/*
 * The core has seen dom0 break the protocol, in any context and with any lock
 * held. RCU: vtoe_link_kill() waits before it ends the tasklet.
 */
static void on_break(struct front *front)
{
	struct vtoe_link *link = container_of(front, struct vtoe_link, front);

	rcu_read_lock();
	if (!READ_ONCE(link->dead))
		tasklet_schedule(&link->tasklet);
	rcu_read_unlock();
}

static void tell_broken(struct vtoe_link *link)
{
	spin_lock_bh(&link->lock);
	if (!link->dead)
		link->broken(link->broken_arg);
	spin_unlock_bh(&link->lock);
}

/* Device lock held. */
static void complete_one(struct vtoe_link *link, const struct front_done *done)
{
	unsigned long cookie = (unsigned long)done->cookie;
	void *ptr = (void *)(cookie & ~VTOE_COOKIE_MASK);

	switch (cookie & VTOE_COOKIE_MASK) {
	case VTOE_COOKIE_SOCK:
		vtoe_sock_completed(ptr, done);
		break;
	case VTOE_COOKIE_CALL:
		vtoe_call_finish(ptr, done->cqe.result, &done->cqe);
		break;
	case VTOE_COOKIE_RUN:
		vtoe_link_free_run(link, (u32)(cookie >> 2));
		break;
	}
}

static int take_completions(struct vtoe_link *link)
{
	struct front_done done;
	int n, taken = 0;

	spin_lock(&link->lock);
	while ((n = front_complete(&link->front, &done)) > 0) {
		complete_one(link, &done);
		taken++;
	}
	spin_unlock(&link->lock);
	if (taken && wq_has_sleeper(&link->room))
		wake_up_all(&link->room);
	return n < 0 ? n : taken;
}

static void doorbell(void *arg, uint32_t slot)
{
	struct vtoe_link *link = arg;

	spin_lock(&link->lock);
	if (link->sock[slot])
		vtoe_sock_doorbell(link->sock[slot]);
	spin_unlock(&link->lock);
}

/*
 * All work of the event channel. Late EOI: the channel stays masked from the
 * interrupt until the work is done, so a dom0 that floods is slowed down to
 * what this can do, and one that sends events for nothing is delayed.
 */
static void link_poll(struct tasklet_struct *tasklet)
{
	struct vtoe_link *link = from_tasklet(link, tasklet, tasklet);
	unsigned int rounds, work = 0;
	bool sleeps = false;
	int n;

	front_awake(&link->front);
	for (rounds = 0; rounds < POLL_ROUNDS && !sleeps; rounds++) {
		n = take_completions(link);
		if (n < 0)
			break;
		work += n;
		work += front_doorbells(&link->front, doorbell, link);
		sleeps = front_sleep(&link->front);
	}
	if (vtoe_load(&link->front.broken)) {
		tell_broken(link);
		return; /* the channel stays masked */
	}
	if (!sleeps) {
		tasklet_schedule(&link->tasklet);
		return;
	}
	/* Commands submitted by front_complete() (queued releases). */
	vtoe_link_notify(link);
	link->idle_events = work ? 0 : link->idle_events + 1;
	xen_irq_lateeoi(link->irq, link->idle_events > IDLE_EVENTS_MAX ?
					   XEN_EOI_FLAG_SPURIOUS :
					   0);
}

static irqreturn_t link_interrupt(int irq, void *arg)
{
	struct vtoe_link *link = arg;

	atomic64_inc(&vtoe_counters.interrupts);
	tasklet_schedule(&link->tasklet);
	return IRQ_HANDLED;
}

static int evtchn_open(struct vtoe_link *link, struct xenbus_device *xbdev)
{
	evtchn_port_t port;
	int err;

	err = xenbus_alloc_evtchn(xbdev, &port);
	if (err)
		return err;
	err = bind_evtchn_to_irqhandler_lateeoi(port, link_interrupt, 0, "vtoe",
						link);
	if (err < 0) {
		xenbus_free_evtchn(xbdev, port);
		return err;
	}
	link->irq = err;
	link->port = port;
	atomic64_inc(&vtoe_counters.evtchns);
	return 0;
}

/* ---- housekeeping ---- */

void vtoe_link_free_run(struct vtoe_link *link, u32 run)
{
	struct vtoe_sock *vsk, *next;

	if (run == VTOE_RUN_NONE)
		return;
	if (WARN_ON_ONCE(arena_free(&link->front.tx_arena, run)))
		return;
	list_for_each_entry_safe(vsk, next, &link->tx_short, tx_node)
		vtoe_sock_run_freed(vsk);
}

static void copy_counters(struct vtoe_link *link)
{
	struct vtoe_guest_counters *to = &link->front.view.queue->counters;
	struct vtoe_counters *c = &vtoe_counters;

	vtoe_store(&to->notifies, (u64)atomic64_read(&c->notifies));
	vtoe_store(&to->interrupts, (u64)atomic64_read(&c->interrupts));
	vtoe_store(&to->grants, (u64)atomic64_read(&c->grants));
	vtoe_store(&to->evtchns, (u64)atomic64_read(&c->evtchns));
	vtoe_store(&to->offloaded, (u64)atomic64_read(&c->offloaded));
	vtoe_store(&to->native, (u64)atomic64_read(&c->native));
	vtoe_store(&to->rx_bytes, (u64)atomic64_read(&c->rx_bytes));
	vtoe_store(&to->calls, (u64)atomic64_read(&c->calls));
	vtoe_store(&to->tx_bytes, (u64)atomic64_read(&c->tx_bytes));
}

static void reclaim_fn(struct work_struct *work)
{
	struct vtoe_link *link = container_of(to_delayed_work(work),
					      struct vtoe_link, reclaim);

	vtoe_sock_reclaim(link);
	copy_counters(link);
	schedule_delayed_work(&link->reclaim, RECLAIM_PERIOD);
}

void vtoe_link_reclaim(struct vtoe_link *link)
{
	rcu_read_lock();
	if (!READ_ONCE(link->dead))
		mod_delayed_work(system_wq, &link->reclaim, 0);
	rcu_read_unlock();
}

/* ---- life ---- */

struct vtoe_link *vtoe_link_create(struct xenbus_device *xbdev,
				   const struct vtoe_sizes *sizes,
				   void (*broken)(void *arg), void *arg)
{
	struct vtoe_geometry geo;
	struct vtoe_link *link;
	int err;

	err = vtoe_geometry_init(&geo, sizes->entries, sizes->slots,
				 sizes->tx_pages, sizes->rx_pages);
	if (err)
		return ERR_PTR(err);
	link = kzalloc(sizeof(*link), GFP_KERNEL);
	if (!link)
		return ERR_PTR(-ENOMEM);
	kref_init(&link->ref);
	spin_lock_init(&link->lock);
	INIT_LIST_HEAD(&link->calls);
	INIT_LIST_HEAD(&link->tx_held);
	INIT_LIST_HEAD(&link->tx_short);
	init_waitqueue_head(&link->room);
	tasklet_setup(&link->tasklet, link_poll);
	INIT_DELAYED_WORK(&link->reclaim, reclaim_fn);
	INIT_DELAYED_WORK(&link->flush, flush_work_fn);
	link->broken = broken;
	link->broken_arg = arg;

	err = memory_alloc(link, &geo);
	if (err)
		goto free_memory;
	front_init(&link->front, &geo, page_of(link, 1 + geo.nr_dirs),
		   link->memory);
	link->front.on_break = on_break;
	err = grant_pages(link, xbdev->otherend_id);
	if (err)
		goto free_memory;
	write_layout(link, &geo);
	err = evtchn_open(link, xbdev);
	if (err)
		goto free_memory;
	return link;

free_memory:
	memory_free(link);
	vtoe_link_put(link);
	return ERR_PTR(err);
}

grant_ref_t vtoe_link_layout_ref(const struct vtoe_link *link)
{
	return link->refs[0];
}

unsigned int vtoe_link_port(const struct vtoe_link *link)
{
	return link->port;
}

void vtoe_link_publish(struct vtoe_link *link)
{
	rcu_assign_pointer(live, link);
	vtoe_offer_now();
	schedule_delayed_work(&link->reclaim, RECLAIM_PERIOD);
}

struct vtoe_link *vtoe_link_get(void)
{
	struct vtoe_link *link;

	rcu_read_lock();
	link = rcu_dereference(live);
	if (link && !kref_get_unless_zero(&link->ref))
		link = NULL;
	rcu_read_unlock();
	return link;
}

bool vtoe_link_live(void)
{
	return rcu_access_pointer(live) != NULL;
}

static void fail_calls(struct vtoe_link *link)
{
	struct vtoe_call *call, *next;

	list_for_each_entry_safe(call, next, &link->calls, node)
		vtoe_call_finish(call, -ENETDOWN, NULL);
}

/* No completion will come: drop the sockets that outstanding commands hold. */
static void drop_pending(struct vtoe_link *link)
{
	struct front *front = &link->front;
	unsigned long cookie;
	u32 i;

	for (i = 0; i < front->view.geo.nr_entries; i++) {
		cookie = (unsigned long)front->pending[i].cookie;
		if (front->pending[i].id && cookie &&
		    (cookie & VTOE_COOKIE_MASK) == VTOE_COOKIE_SOCK)
			vtoe_sock_put((struct vtoe_sock *)cookie);
	}
}

void vtoe_link_kill(struct vtoe_link *link)
{
	bool dead;

	if (rcu_access_pointer(live) == link)
		RCU_INIT_POINTER(live, NULL);
	spin_lock_bh(&link->lock);
	dead = link->dead;
	WRITE_ONCE(link->dead, true);
	fail_calls(link);
	spin_unlock_bh(&link->lock);
	if (dead)
		return;
	wake_up_all(&link->room);
	synchronize_rcu(); /* nobody sends events any more */
	unbind_from_irqhandler(link->irq, link);
	tasklet_kill(&link->tasklet);
	drop_pending(link);
	vtoe_sock_link_died(link);
	synchronize_rcu(); /* poll() */
	cancel_delayed_work_sync(&link->reclaim);
	cancel_delayed_work_sync(&link->flush);
}

void vtoe_link_free(struct vtoe_link *link)
{
	memory_free(link);
	vtoe_link_put(link);
}
