/* SPDX-License-Identifier: GPL-2.0 */
/*
 * device.h - one vTOE device: its XenBus states, network and worker.
 *
 * Theory of operation
 *
 * The phase follows from what has been done; B/state follows from the phase;
 * F/state (the guest's) and the worker's fate move it on. See the contract,
 * xenstore-schema/README.md, section 3.
 *
 *	phase	   B  legal F  what is there           left when
 *	SETUP	   2  0-3 5 6  nothing; error says why the network can be made
 *	WAITING	   2  0-3 5 6  network                 F=3: a worker is started
 *	STARTING   2  3 5 6    network, worker         HELLO, or the worker ends
 *	CONNECTED  4  3-6      network, worker, table  F=5, F=6, the worker ends
 *	CLOSING	   5  any      perhaps a worker        the worker has ended
 *	CLOSED	   6  any      network                 F=1: anew, as SETUP
 *
 * Beside that a device may be "removing" (detached by somebody, or the domain
 * is gone): it goes to CLOSING and CLOSED, gives the frontend some time, and is
 * then freed. An error stays until the device starts anew.
 */
#ifndef BACKEND_DEVICE_H
#define BACKEND_DEVICE_H

#include "../toe-service/entry.h"
#include "../toe-service/guest.h"
#include "backend.h"
#include "worker.h"

#define DEVICE_NAME_MAX	 128 /* bytes of a guest's name that are shown */
#define DEVICE_DEVID_MAX 255 /* devices of a guest: more than any needs */

enum device_phase {
	DEVICE_SETUP,
	DEVICE_WAITING,
	DEVICE_STARTING,
	DEVICE_CONNECTED,
	DEVICE_CLOSING,
	DEVICE_CLOSED,
};

struct record;

/* Somebody waits for the device's end; called once, with 0 or an errno. */
struct device_waiter {
	struct device_waiter *next;
	void (*fn)(void *arg, int err);
	void *arg;
};

struct device {
	struct device *next, **prevp;
	struct backend *be;
	uint32_t domid, devid;
	char f[STORE_PATH_MAX], b[STORE_PATH_MAX]; /* its two directories */
	char name[DEVICE_NAME_MAX];		   /* of the guest */
	char text[ENTRY_TEXT_MAX];		   /* of the entry */
	struct entry entry;
	bool entry_ok;
	char error[ENTRY_ERROR_MAX + 64]; /* "" if there is none */
	enum device_phase phase;
	uint64_t since_ns;
	uint32_t f_state, b_state; /* XenBus; 0: absent */
	bool removing;		   /* to be freed when closed */
	bool leaving;		   /* ... when its leases are given back */
	bool gone;		   /* the domain is gone: nobody to wait for */
	bool lost; /* xenstored restarted and does not know the domain (yet) */
	struct guest_net *net;
	struct worker *worker;
	uint64_t started_ns;	 /* of the last worker, to limit their rate */
	struct loop_timer timer; /* removing, or waiting to start a worker */
	struct loop_timer loss;	 /* when connections of a lost TOE are reset */
	struct store_watch f_watch;
	struct device_waiter *waiters;
	struct record *record;
};

/**
 * device_new - serve a device whose directories are there
 *
 * Adopts a worker and network that an earlier vtoed left. The device is freed
 * by itself after device_remove(). Returns NULL if there is no memory, or the
 * directory has gone again.
 */
struct device *device_new(struct backend *be, uint32_t domid, uint32_t devid);

/** device_update - something in F or B may have changed. */
void device_update(struct device *device);

/** device_retry - the cause of an error may have gone away. */
void device_retry(struct device *device);

/** device_network_changed - TOEs have changed. */
void device_network_changed(struct device *device);

/** device_lease_changed - another address by DHCP, or none; or not used. */
void device_lease_changed(struct device *device, uint32_t index);

/**
 * device_rebalance - move what would be better placed on a sibling of its TOE
 *
 * Returns how many of its links have moved; what could not is logged.
 */
unsigned int device_rebalance(struct device *device);

/**
 * device_remove - take it away from the guest, then free it
 * @waiter: told at the end, if not NULL; must live until then
 * @gone: the domain does not exist any more
 */
void device_remove(struct device *device, bool gone,
		   struct device_waiter *waiter);

/**
 * device_resync - after a new connection to xenstored
 *
 * Writes what could not be written; all of B, if xenstored has lost it.
 */
void device_resync(struct device *device);

/** device_forget - free it, and leave worker, network and nodes alone. */
void device_forget(struct device *device);

/** device_state_name - as vtoectl shows it. */
const char *device_state_name(const struct device *device);

#endif /* BACKEND_DEVICE_H */
