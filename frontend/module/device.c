/* SPDX-License-Identifier: GPL-2.0 */
/*
 * device.c - the XenBus states of a vTOE device (xenstore-schema/README.md,
 * section 3).
 *
 * All of it runs in one work item a device, under one lock, and looks at the
 * backend's state as it is then, not as it was when the watch fired: states may
 * be skipped, and telling the sockets that the device is gone may take a while,
 * which must not hold up XenBus for other devices.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <xen/xenbus.h>

#include "../../xenstore-schema/vtoe_keys.h"
#include "device.h"
#include "link.h"
#include "rules.h"

#define CLOSE_TIMEOUT	(5 * HZ) /* for the backend to let go at removal */
#define CLOSE_POLL	(HZ / 50)
#define RETRY_SHIFT_MAX 6	 /* about a minute */
#define STABLE		(60 * HZ) /* connected that long: retry at once */
#define MEMORY_SHARE	8 /* arenas take no more than 1/8 of the memory */

static unsigned int slots = 16384;
module_param(slots, uint, 0444);
MODULE_PARM_DESC(slots, "sockets that can be offloaded at once");
static unsigned int entries = 4096;
module_param(entries, uint, 0444);
MODULE_PARM_DESC(entries, "commands that can be under way at once");
static unsigned int tx_pages = 4096;
module_param(tx_pages, uint, 0444);
MODULE_PARM_DESC(tx_pages, "pages of buffer memory for sending");
static unsigned int rx_pages = 4096;
module_param(rx_pages, uint, 0444);
MODULE_PARM_DESC(rx_pages, "pages of buffer memory for receiving");

struct device_state {
	struct xenbus_device *xbdev;
	struct mutex lock;
	struct work_struct work;
	struct delayed_work retry;
	struct vtoe_link *link; /* lock */
	bool broken;		/* dom0 broke the protocol */
	bool removing;		/* lock */
	unsigned int retries;	/* lock */
	unsigned long since;	/* jiffies of Connected; lock */
};

/* ---- sizes ---- */

static unsigned int pow2_within(unsigned int want, unsigned int max,
				unsigned int low, unsigned int high)
{
	want = rounddown_pow_of_two(clamp(min(want, max), 1u, high));
	return max(want, low);
}

static unsigned int offered(const struct xenbus_device *xbdev, const char *key)
{
	return xenbus_read_unsigned(xbdev->otherend, key, 0);
}

static void choose_sizes(const struct xenbus_device *xbdev,
			 struct vtoe_sizes *sizes)
{
	unsigned long share = totalram_pages() / MEMORY_SHARE;
	unsigned int tx_max = offered(xbdev, VTOE_KEY_MAX_TX_PAGES);
	unsigned int rx_max = offered(xbdev, VTOE_KEY_MAX_RX_PAGES);

	sizes->entries = pow2_within(entries,
				     offered(xbdev, VTOE_KEY_MAX_ENTRIES),
				     VTOE_MIN_ENTRIES, VTOE_MAX_ENTRIES);
	sizes->slots = pow2_within(slots, offered(xbdev, VTOE_KEY_MAX_SLOTS),
				   VTOE_MIN_SLOTS, VTOE_MAX_SLOTS);
	sizes->tx_pages = min3((unsigned long)tx_pages, share / 2,
			       (unsigned long)tx_max);
	sizes->rx_pages = min3((unsigned long)rx_pages, share / 2,
			       (unsigned long)rx_max);
}

/* ---- set-up ---- */

static bool speaks_our_version(const struct xenbus_device *xbdev)
{
	char *list, *at, *word;
	bool found = false;
	unsigned int version;

	list = xenbus_read(XBT_NIL, xbdev->otherend, VTOE_KEY_VERSIONS, NULL);
	if (IS_ERR(list))
		return false;
	at = list;
	while ((word = strsep(&at, " ")))
		found |= !kstrtouint(word, 10, &version) &&
			 version == VTOE_WIRE_VERSION;
	kfree(list);
	return found;
}

static int write_nodes(struct xenbus_device *xbdev, struct vtoe_link *link)
{
	int err;

	err = xenbus_printf(XBT_NIL, xbdev->nodename, VTOE_KEY_VERSION, "%u",
			    VTOE_WIRE_VERSION);
	if (!err)
		err = xenbus_printf(XBT_NIL, xbdev->nodename, VTOE_KEY_LAYOUT,
				    "%u", vtoe_link_layout_ref(link));
	if (!err)
		err = xenbus_printf(XBT_NIL, xbdev->nodename, VTOE_KEY_EVTCHN,
				    "%u", vtoe_link_port(link));
	return err;
}

static void link_broken(void *arg)
{
	struct device_state *dev = arg;

	if (!xchg(&dev->broken, true))
		schedule_work(&dev->work);
}

/* A short node, or NULL if there is none. Freed by the caller. */
static char *read_text(const struct xenbus_device *xbdev, const char *key)
{
	char *text = xenbus_read(XBT_NIL, xbdev->otherend, key, NULL);

	return PTR_ERR_OR_ZERO(text) == -ENOENT ? NULL : text;
}

/*
 * What the toolstack lets be offloaded. A list that is not understood may have
 * been a restriction: the device is not used then.
 */
static int read_rules(struct device_state *dev)
{
	char *otherwise = read_text(dev->xbdev, VTOE_KEY_DEFAULT);
	char *rules = read_text(dev->xbdev, VTOE_KEY_RULES);
	const char *text = rules ?: "";
	bool native = !IS_ERR_OR_NULL(otherwise) && !strcmp(otherwise, "native");
	int err = PTR_ERR_OR_ZERO(otherwise) ?: PTR_ERR_OR_ZERO(rules);

	if (!err && otherwise && !native && strcmp(otherwise, "offload"))
		err = -EINVAL;
	if (!err)
		err = vtoe_rules_set(VTOE_RULES_TOOLSTACK, text, strlen(text),
				     native ? RULE_NATIVE : RULE_OFFLOAD, dev);
	if (!IS_ERR(otherwise))
		kfree(otherwise);
	if (!IS_ERR(rules))
		kfree(rules);
	return err;
}

static void set_up(struct device_state *dev)
{
	struct xenbus_device *xbdev = dev->xbdev;
	struct vtoe_sizes sizes;
	struct vtoe_link *link;
	int err;

	if (!speaks_our_version(xbdev) || !offered(xbdev, VTOE_KEY_FEATURE_TCP)) {
		xenbus_dev_fatal(xbdev, -EPROTONOSUPPORT,
				 "the backend speaks no version known here");
		return;
	}
	err = read_rules(dev);
	if (err) {
		xenbus_dev_fatal(xbdev, err, "reading the switch's rules");
		return;
	}
	choose_sizes(xbdev, &sizes);
	dev->broken = false;
	link = vtoe_link_create(xbdev, &sizes, link_broken, dev);
	if (IS_ERR(link)) {
		xenbus_dev_fatal(xbdev, PTR_ERR(link), "making the rings");
		return;
	}
	link->ipv6 = offered(xbdev, VTOE_KEY_FEATURE_IPV6);
	link->udp = offered(xbdev, VTOE_KEY_FEATURE_UDP);
	err = write_nodes(xbdev, link);
	if (err) {
		vtoe_link_kill(link);
		vtoe_link_free(link);
		xenbus_dev_fatal(xbdev, err, "writing nodes");
		return;
	}
	dev->link = link;
	xenbus_switch_state(xbdev, XenbusStateInitialised);
}

/* Who has seen that it is connected expects sockets to be carried from then on. */
static void connect(struct device_state *dev)
{
	const struct vtoe_geometry *geo = &dev->link->front.view.geo;

	vtoe_link_publish(dev->link);
	xenbus_switch_state(dev->xbdev, XenbusStateConnected);
	dev->since = jiffies;
	pr_info("vtoe: %s connected: %u slots, %u KiB out, %u KiB in\n",
		dev->xbdev->nodename, geo->nr_slots, geo->nr_tx_pages * 4,
		geo->nr_rx_pages * 4);
}

/* ---- the end of a link ---- */

static void kill(struct device_state *dev, const char *why)
{
	if (!dev->link || dev->link->dead)
		return;
	vtoe_link_kill(dev->link);
	pr_info("vtoe: %s disconnected: %s\n", dev->xbdev->nodename, why);
}

static void let_go(struct device_state *dev)
{
	if (!dev->link)
		return;
	kill(dev, "the backend is closed");
	vtoe_link_free(dev->link);
	dev->link = NULL;
}

static void violated(struct device_state *dev)
{
	if (!dev->link || dev->link->dead)
		return;
	atomic64_inc(&vtoe_counters.violations);
	pr_err_ratelimited("vtoe: %s: the backend broke the protocol: %s\n",
			   dev->xbdev->nodename, dev->link->front.broken);
	kill(dev, "broken");
	xenbus_switch_state(dev->xbdev, XenbusStateClosing);
}

static void retry_later(struct device_state *dev)
{
	if (dev->since && time_after(jiffies, dev->since + STABLE))
		dev->retries = 0;
	dev->since = 0;
	schedule_delayed_work(&dev->retry,
			      HZ << min(dev->retries, RETRY_SHIFT_MAX + 0u));
}

static void retry_fn(struct work_struct *work)
{
	struct device_state *dev =
		container_of(to_delayed_work(work), struct device_state, retry);
	struct xenbus_device *xbdev = dev->xbdev;

	mutex_lock(&dev->lock);
	if (!dev->removing && !dev->link &&
	    xbdev->state == XenbusStateClosed &&
	    xenbus_read_unsigned(xbdev->otherend, "online", 0)) {
		dev->retries++;
		xenbus_switch_state(xbdev, XenbusStateInitialising);
	}
	mutex_unlock(&dev->lock);
}

/* ---- states ---- */

static void follow(struct device_state *dev)
{
	struct xenbus_device *xbdev = dev->xbdev;

	switch (xenbus_read_driver_state(xbdev->otherend)) {
	case XenbusStateInitWait:
		if (!dev->link && xbdev->state == XenbusStateInitialising)
			set_up(dev);
		break;
	case XenbusStateConnected:
		if (dev->link && xbdev->state == XenbusStateInitialised)
			connect(dev);
		break;
	case XenbusStateClosing:
		kill(dev, "the backend is closing");
		xenbus_frontend_closed(xbdev);
		break;
	case XenbusStateClosed:
		if (xbdev->state == XenbusStateInitialising)
			break; /* waits for the backend to begin anew */
		let_go(dev);
		xenbus_frontend_closed(xbdev);
		retry_later(dev);
		break;
	case XenbusStateUnknown:
		let_go(dev);
		break;
	default:
		break;
	}
}

static void work_fn(struct work_struct *work)
{
	struct device_state *dev =
		container_of(work, struct device_state, work);

	mutex_lock(&dev->lock);
	if (!dev->removing) {
		if (READ_ONCE(dev->broken))
			violated(dev);
		follow(dev);
	}
	mutex_unlock(&dev->lock);
}

static void otherend_changed(struct xenbus_device *xbdev,
			     enum xenbus_state state)
{
	struct device_state *dev = dev_get_drvdata(&xbdev->dev);

	if (dev)
		schedule_work(&dev->work);
}

static int probe(struct xenbus_device *xbdev, const struct xenbus_device_id *id)
{
	struct device_state *dev = kzalloc(sizeof(*dev), GFP_KERNEL);

	if (!dev)
		return -ENOMEM;
	dev->xbdev = xbdev;
	mutex_init(&dev->lock);
	INIT_WORK(&dev->work, work_fn);
	INIT_DELAYED_WORK(&dev->retry, retry_fn);
	dev_set_drvdata(&xbdev->dev, dev);
	xenbus_switch_state(xbdev, XenbusStateInitialising);
	return 0;
}

/* The watch may be silent by now (removal comes from its thread): ask. */
static void wait_closed(struct device_state *dev)
{
	unsigned long end = jiffies + CLOSE_TIMEOUT;
	enum xenbus_state state;

	do {
		state = xenbus_read_driver_state(dev->xbdev->otherend);
		if (state == XenbusStateClosed || state == XenbusStateUnknown)
			return;
		schedule_timeout_uninterruptible(CLOSE_POLL);
	} while (time_before(jiffies, end));
}

static void remove(struct xenbus_device *xbdev)
{
	struct device_state *dev = dev_get_drvdata(&xbdev->dev);

	mutex_lock(&dev->lock);
	dev->removing = true;
	mutex_unlock(&dev->lock);
	cancel_work_sync(&dev->work);
	cancel_delayed_work_sync(&dev->retry);
	if (dev->link) {
		kill(dev, "removed");
		xenbus_switch_state(xbdev, XenbusStateClosing);
		wait_closed(dev);
		let_go(dev);
	}
	vtoe_rules_forget(dev);
	cancel_work_sync(&dev->work); /* a last link_broken() */
	dev_set_drvdata(&xbdev->dev, NULL);
	kfree(dev);
}

static const struct xenbus_device_id ids[] = { { VTOE_CLASS }, { "" } };

static struct xenbus_driver driver = {
	.ids = ids,
	.probe = probe,
	.remove = remove,
	.otherend_changed = otherend_changed,
	.not_essential = true,
};

int vtoe_device_init(void)
{
	return xenbus_register_frontend(&driver);
}

void vtoe_device_exit(void)
{
	xenbus_unregister_driver(&driver);
}
