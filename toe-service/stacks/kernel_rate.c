/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>

#include <netlink/netlink.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/tbf.h>
#include <netlink/route/tc.h>

#include "kernel_nl.h"
#include "kernel_rate.h"

/* At once: what comes in 10 ms, and the largest segment that is cut in the NIC. */
#define BURST_PARTS 100u
#define BURST_MIN   131072u
/* The queue: what goes in 100 ms; small queues of TCP keep it nearly empty. */
#define QUEUE_PARTS 10u
#define QUEUE_MIN   262144u

static int at_least(uint64_t value, uint32_t min)
{
	return (int)(value > min ? value : min);
}

int kernel_rate_limit(struct nl_sock *sk, int ifindex, uint64_t rate)
{
	struct rtnl_qdisc *qdisc = rtnl_qdisc_alloc();
	int err;

	if (!qdisc)
		return -ENOMEM;
	rtnl_tc_set_ifindex(TC_CAST(qdisc), ifindex);
	rtnl_tc_set_parent(TC_CAST(qdisc), TC_H_ROOT);
	rtnl_tc_set_handle(TC_CAST(qdisc), TC_HANDLE(1, 0));
	err = rtnl_tc_set_kind(TC_CAST(qdisc), "tbf");
	if (!err) {
		rtnl_qdisc_tbf_set_rate(qdisc, (int)rate,
					at_least(rate / BURST_PARTS, BURST_MIN),
					0);
		rtnl_qdisc_tbf_set_limit(
			qdisc, at_least(rate / QUEUE_PARTS, QUEUE_MIN));
		err = rtnl_qdisc_add(sk, qdisc, NLM_F_CREATE | NLM_F_EXCL);
	}
	rtnl_qdisc_put(qdisc);
	return kernel_nl_errno(err);
}
