/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <netlink/netlink.h>
#include <netlink/route/class.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/htb.h>
#include <netlink/route/tc.h>

#include "kernel_inside.h"
#include "kernel_mark.h"
#include "kernel_nl.h"
#include "kernel_share.h"

#define MAJOR	     0x7e0u /* a TOE's; tc counts its own from 8001 */
#define ALL	     1u	    /* minor numbers */
#define OTHERS	     2u
#define FIRST_SHARE  16u
#define SHARE_OTHERS 100u /* weight; as that of a guest which says nothing */

/* At once: what goes in 10 ms, and the largest segment that is cut in the NIC.
 */
#define BURST_PARTS 100u
#define BURST_MIN   131072u
#define BURST_MAX   16777216u
/*
 * A turn of the lightest takes the largest segment (the scheduler looks at the
 * debt of one turn only), that of the heaviest no more than a device's second
 * or so.
 */
#define QUANTUM_MIN 65536u
#define QUANTUM_MAX 4194304u
#define RATE_MIN    1000u

_Static_assert(FIRST_SHARE + TOE_SHARES_MAX < 0xffffu, "minors have 16 bits");

static uint32_t class_of(uint32_t minor)
{
	return TC_HANDLE(MAJOR, minor);
}

static int __attribute__((format(printf, 3, 4)))
fail(char *error, int err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error, TOE_ERROR_MAX, format, ap);
	va_end(ap);
	return err;
}

/* What a kind that is unknown to the kernel is called on the way here. */
static const char *why(int err)
{
	return err == -ENODEV ? "the kernel does not have it" : strerror(-err);
}

/* ---- the root ---- */

enum root { ROOT_KERNELS, ROOT_OURS, ROOT_OTHERS };

static enum root whose(struct rtnl_qdisc *qdisc, char *kind, size_t size)
{
	const char *is = rtnl_tc_get_kind(TC_CAST(qdisc));
	uint32_t handle = rtnl_tc_get_handle(TC_CAST(qdisc));

	snprintf(kind, size, "%s", is ? is : "?");
	if (!handle)
		return ROOT_KERNELS;
	if (handle == TC_HANDLE(MAJOR, 0) && !strcmp(kind, "htb"))
		return ROOT_OURS;
	return ROOT_OTHERS;
}

/* Returns enum root, or a negative errno; @kind: TOE_ERROR_MAX / 4 bytes */
static int find_root(struct nl_sock *sk, int ifindex, char *kind)
{
	struct rtnl_qdisc *qdisc;
	struct nl_cache *cache;
	int err = rtnl_qdisc_alloc_cache(sk, &cache);
	enum root root = ROOT_KERNELS;

	if (err)
		return kernel_nl_errno(err);
	qdisc = rtnl_qdisc_get_by_parent(cache, ifindex, TC_H_ROOT);
	if (qdisc) {
		root = whose(qdisc, kind, TOE_ERROR_MAX / 4);
		rtnl_qdisc_put(qdisc);
	}
	nl_cache_free(cache);
	return (int)root;
}

static struct rtnl_qdisc *root_alloc(int ifindex)
{
	struct rtnl_qdisc *qdisc = rtnl_qdisc_alloc();

	if (!qdisc)
		return NULL;
	rtnl_tc_set_ifindex(TC_CAST(qdisc), ifindex);
	rtnl_tc_set_parent(TC_CAST(qdisc), TC_H_ROOT);
	rtnl_tc_set_handle(TC_CAST(qdisc), TC_HANDLE(MAJOR, 0));
	if (rtnl_tc_set_kind(TC_CAST(qdisc), "htb")) {
		rtnl_qdisc_put(qdisc);
		return NULL;
	}
	return qdisc;
}

static int change_root(struct nl_sock *sk, int ifindex, bool add)
{
	struct rtnl_qdisc *qdisc = root_alloc(ifindex);
	int err;

	if (!qdisc)
		return -ENOMEM;
	rtnl_htb_set_defcls(qdisc, OTHERS);
	err = add ? rtnl_qdisc_add(sk, qdisc, NLM_F_CREATE | NLM_F_EXCL)
		  : rtnl_qdisc_delete(sk, qdisc);
	rtnl_qdisc_put(qdisc);
	return kernel_nl_errno(err);
}

/* ---- classes ---- */

struct part {
	uint32_t minor, parent;
	uint64_t rate, ceil;
	uint32_t quantum; /* 0: has no queue of its own */
};

static uint32_t burst(uint64_t rate)
{
	uint64_t bytes = rate / BURST_PARTS;

	return bytes < BURST_MIN   ? BURST_MIN
	       : bytes > BURST_MAX ? BURST_MAX
				   : (uint32_t)bytes;
}

/* Streams of a guest share its class. A kernel without fq_codel has a fifo
 * there. */
static void add_leaf(struct nl_sock *sk, int ifindex, uint32_t minor)
{
	struct rtnl_qdisc *qdisc = rtnl_qdisc_alloc();

	if (!qdisc)
		return;
	rtnl_tc_set_ifindex(TC_CAST(qdisc), ifindex);
	rtnl_tc_set_parent(TC_CAST(qdisc), class_of(minor));
	if (!rtnl_tc_set_kind(TC_CAST(qdisc), "fq_codel"))
		rtnl_qdisc_add(sk, qdisc, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_qdisc_put(qdisc);
}

/* Make it, or change it to what it is to be now. */
static int put_class(struct nl_sock *sk, int ifindex, const struct part *part)
{
	struct rtnl_class *class = rtnl_class_alloc();
	int err;

	if (!class)
		return -ENOMEM;
	rtnl_tc_set_ifindex(TC_CAST(class), ifindex);
	rtnl_tc_set_parent(TC_CAST(class), class_of(part->parent));
	rtnl_tc_set_handle(TC_CAST(class), class_of(part->minor));
	err = rtnl_tc_set_kind(TC_CAST(class), "htb");
	if (!err) {
		rtnl_htb_set_rate64(class, part->rate);
		rtnl_htb_set_ceil64(class, part->ceil);
		rtnl_htb_set_rbuffer(class, burst(part->rate));
		rtnl_htb_set_cbuffer(class, burst(part->ceil));
		if (part->quantum)
			rtnl_htb_set_quantum(class, part->quantum);
		err = rtnl_class_add(sk, class, NLM_F_CREATE);
	}
	rtnl_class_put(class);
	if (!err && part->quantum)
		add_leaf(sk, ifindex, part->minor);
	return kernel_nl_errno(err);
}

struct sums {
	uint64_t weight;
	uint32_t lightest;
};

static struct sums sum_up(const struct toe_sharing *sharing)
{
	struct sums sums = {.weight = SHARE_OTHERS, .lightest = SHARE_OTHERS};
	uint32_t i;

	for (i = 0; i < sharing->nr; i++) {
		sums.weight += sharing->share[i].weight;
		if (sharing->share[i].weight < sums.lightest)
			sums.lightest = sharing->share[i].weight;
	}
	return sums;
}

static int put_share(struct nl_sock *sk, int ifindex, uint64_t rate,
		     const struct sums *sums, uint32_t minor, uint32_t weight)
{
	uint64_t quantum = (uint64_t)QUANTUM_MIN * weight / sums->lightest;
	struct part part = {
		.minor = minor,
		.parent = ALL,
		.rate = rate * weight / sums->weight,
		.ceil = rate,
		.quantum =
			quantum > QUANTUM_MAX ? QUANTUM_MAX : (uint32_t)quantum,
	};

	if (part.rate < RATE_MIN)
		part.rate = RATE_MIN;
	return put_class(sk, ifindex, &part);
}

static int put_shares(struct nl_sock *sk, int ifindex,
		      const struct toe_sharing *sharing)
{
	const struct part all = {
		.minor = ALL, .rate = sharing->rate, .ceil = sharing->rate};
	const struct sums sums = sum_up(sharing);
	const struct toe_share *share = sharing->share;
	int err = put_class(sk, ifindex, &all);
	uint32_t i;

	if (!err)
		err = put_share(sk, ifindex, sharing->rate, &sums, OTHERS,
				SHARE_OTHERS);
	for (i = 0; i < sharing->nr && !err; i++)
		err = put_share(sk, ifindex, sharing->rate, &sums,
				FIRST_SHARE + share[i].number, share[i].weight);
	return err;
}

static bool wanted(const struct toe_sharing *sharing, uint32_t handle)
{
	uint32_t i;

	if (TC_H_MAJ(handle) != TC_HANDLE(MAJOR, 0) ||
	    TC_H_MIN(handle) < FIRST_SHARE)
		return true; /* no guest's */
	for (i = 0; i < sharing->nr; i++)
		if (TC_H_MIN(handle) == FIRST_SHARE + sharing->share[i].number)
			return true;
	return false;
}

static int drop_shares(struct nl_sock *sk, int ifindex,
		       const struct toe_sharing *sharing)
{
	struct nl_cache *cache;
	struct nl_object *o;
	int err = rtnl_class_alloc_cache(sk, ifindex, &cache), result = 0;

	if (err)
		return kernel_nl_errno(err);
	for (o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		if (wanted(sharing, rtnl_tc_get_handle(TC_CAST(o))))
			continue;
		err = rtnl_class_delete(sk, (struct rtnl_class *)o);
		if (err)
			result = kernel_nl_errno(err);
	}
	nl_cache_free(cache);
	return result;
}

/* ---- the driver's operations ---- */

static int share(struct nl_sock *sk, int ifindex,
		 const struct toe_sharing *sharing, char *error)
{
	char kind[TOE_ERROR_MAX / 4] = "";
	int root = find_root(sk, ifindex, kind), err = 0;

	if (root < 0)
		return fail(error, root, "queueing disciplines: %s",
			    strerror(-root));
	if (!sharing->rate)
		return root == ROOT_OURS ? change_root(sk, ifindex, false) : 0;
	if (root == ROOT_OTHERS)
		return fail(error, -EBUSY,
			    "%s has a queueing discipline (%s) that is not "
			    "vtoed's: tc qdisc del dev %s root",
			    sharing->netdev, kind, sharing->netdev);
	if (root == ROOT_KERNELS)
		err = change_root(sk, ifindex, true);
	if (err)
		return fail(error, err, "%s: htb: %s", sharing->netdev,
			    why(err));
	err = put_shares(sk, ifindex, sharing);
	if (!err)
		err = drop_shares(sk, ifindex, sharing);
	if (err)
		return fail(error, err, "%s: classes of htb: %s",
			    sharing->netdev, strerror(-err));
	return 0;
}

int kernel_share(const struct toe_sharing *sharing, char *error)
{
	struct nl_sock *sk;
	int ifindex, err;

	error[0] = 0;
	err = kernel_nl_open(&sk);
	if (err)
		return fail(error, err, "netlink: %s", strerror(-err));
	ifindex = kernel_nl_index(sk, sharing->netdev);
	if (ifindex)
		err = share(sk, ifindex, sharing, error);
	else if (sharing->rate)
		err = fail(error, -ENODEV, "%s is not there", sharing->netdev);
	nl_socket_free(sk);
	return err;
}

static int mark(const struct kernel_inside *in)
{
	const uint32_t *number = in->arg;

	return kernel_mark_set(in->sk, in->ifindex,
			       class_of(FIRST_SHARE + *number));
}

int kernel_context_share(const struct toe_context_spec *spec, uint32_t number,
			 char *error)
{
	int err;

	error[0] = 0;
	err = kernel_on_link(spec, mark, &number, error);
	if (err && !error[0])
		fail(error, err, "clsact and bpf on %s: %s", spec->link,
		     why(err));
	return err;
}
