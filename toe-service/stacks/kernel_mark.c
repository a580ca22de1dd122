/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/tc.h>

#include "kernel_mark.h"
#include "kernel_nl.h"

#define PROGRAM_NAME "vtoe-share"
/* Before those that tc(8) numbers by itself, from 49152 down. */
#define FILTER_PREF 1u

/* Returns a descriptor, or a negative errno. */
static int load_program(uint32_t priority)
{
	const struct bpf_insn program[] = {
		/* r2 = priority */
		{.code = BPF_ALU64 | BPF_MOV | BPF_K,
		 .dst_reg = BPF_REG_2,
		 .imm = (int32_t)priority},
		/* skb->priority = r2 */
		{.code = BPF_STX | BPF_MEM | BPF_W,
		 .dst_reg = BPF_REG_1,
		 .src_reg = BPF_REG_2,
		 .off = offsetof(struct __sk_buff, priority)},
		/* r0 = go on */
		{.code = BPF_ALU64 | BPF_MOV | BPF_K,
		 .dst_reg = BPF_REG_0,
		 .imm = TC_ACT_UNSPEC},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SCHED_CLS;
	attr.insn_cnt = sizeof(program) / sizeof(program[0]);
	attr.insns = (uintptr_t)program;
	attr.license = (uintptr_t) "GPL";
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

static int add_hook(struct nl_sock *sk, int ifindex)
{
	struct rtnl_qdisc *qdisc = rtnl_qdisc_alloc();
	int err;

	if (!qdisc)
		return -ENOMEM;
	rtnl_tc_set_ifindex(TC_CAST(qdisc), ifindex);
	rtnl_tc_set_parent(TC_CAST(qdisc), TC_H_CLSACT);
	rtnl_tc_set_handle(TC_CAST(qdisc), TC_HANDLE(TC_H_CLSACT >> 16, 0));
	err = rtnl_tc_set_kind(TC_CAST(qdisc), "clsact");
	if (!err)
		err = rtnl_qdisc_add(sk, qdisc, NLM_F_CREATE | NLM_F_EXCL);
	rtnl_qdisc_put(qdisc);
	err = kernel_nl_errno(err);
	return err == -EEXIST ? 0 : err;
}

/* libnl has no cls_bpf. */
static int put_options(struct nl_msg *msg, int program)
{
	struct nlattr *options;

	if (nla_put_string(msg, TCA_KIND, "bpf"))
		return -ENOMEM;
	options = nla_nest_start(msg, TCA_OPTIONS);
	if (!options || nla_put_u32(msg, TCA_BPF_FD, (uint32_t)program) ||
	    nla_put_string(msg, TCA_BPF_NAME, PROGRAM_NAME) ||
	    nla_put_u32(msg, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT))
		return -ENOMEM;
	nla_nest_end(msg, options);
	return 0;
}

static int set_filter(struct nl_sock *sk, int ifindex, int program)
{
	const struct tcmsg filter = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = ifindex,
		.tcm_handle = 1, /* the same one is replaced */
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
		.tcm_info = TC_H_MAKE(FILTER_PREF << 16,
				      __builtin_bswap16(ETH_P_ALL)),
	};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWTFILTER, NLM_F_CREATE);
	int err;

	if (!msg)
		return -ENOMEM;
	err = nlmsg_append(msg, (void *)&filter, sizeof(filter), NLMSG_ALIGNTO)
		      ? -ENOMEM
		      : put_options(msg, program);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return kernel_nl_errno(nl_send_sync(sk, msg)); /* frees it */
}

int kernel_mark_set(struct nl_sock *sk, int ifindex, uint32_t priority)
{
	int err = add_hook(sk, ifindex), program;

	if (err)
		return err;
	program = load_program(priority);
	if (program < 0)
		return program;
	err = set_filter(sk, ifindex, program);
	close(program);
	return err;
}
