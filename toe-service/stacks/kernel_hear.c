/* SPDX-License-Identifier: GPL-2.0 */
#include <asm/byteorder.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "kernel_hear.h"
#include "kernel_nl.h"

/* ---- programs ---- */

/* What a program has in its registers. */
enum { VERDICT = BPF_REG_0, CONTEXT, FRAME, END, REACH, VALUE };

#define SET(reg, value)                                               \
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (reg),       \
	 .imm = (value)}
#define COPY(to, from)                                                \
	{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (to),        \
	 .src_reg = (from)}
#define ADD(reg, value)                                               \
	{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = (reg),       \
	 .imm = (value)}
#define AND(reg, value)                                               \
	{.code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = (reg),       \
	 .imm = (value)}
#define LOAD(size, to, from, offset)                                  \
	{.code = BPF_LDX | BPF_MEM | (size), .dst_reg = (to),         \
	 .src_reg = (from), .off = (offset)}
/* @skip: instructions */
#define IF(op, reg, value, skip)                                      \
	{.code = BPF_JMP | (op) | BPF_K, .dst_reg = (reg),            \
	 .imm = (value), .off = (skip)}
#define IF_BEYOND(reg, end, skip)                                     \
	{.code = BPF_JMP | BPF_JGT | BPF_X, .dst_reg = (reg),         \
	 .src_reg = (end), .off = (skip)}
#define LENGTH(program) (sizeof(program) / sizeof((program)[0]))
#define EXIT {.code = BPF_JMP | BPF_EXIT}

static const struct bpf_insn nothing[] = {
	SET(VERDICT, XDP_DROP),
	EXIT,
};

#define NEXT_HEADER (ETH_HLEN + (int)offsetof(struct ip6_hdr, ip6_nxt))
#define ICMP_TYPE   (ETH_HLEN + (int)sizeof(struct ip6_hdr))

static const struct bpf_insn addressed[] = {
	SET(VERDICT, XDP_DROP),
	LOAD(BPF_W, FRAME, CONTEXT, offsetof(struct xdp_md, data)),
	LOAD(BPF_W, END, CONTEXT, offsetof(struct xdp_md, data_end)),
	COPY(REACH, FRAME),
	ADD(REACH, ETH_HLEN),
	IF_BEYOND(REACH, END, 13),
	/* broadcast, multicast */
	LOAD(BPF_B, VALUE, FRAME, 0),
	AND(VALUE, 1),
	IF(BPF_JNE, VALUE, 0, 10),
	LOAD(BPF_H, VALUE, FRAME, offsetof(struct ethhdr, h_proto)),
	IF(BPF_JEQ, VALUE, __constant_htons(ETH_P_IP), 9),
	IF(BPF_JNE, VALUE, __constant_htons(ETH_P_IPV6), 7),
	/* what is too short for a type of ICMPv6 is none */
	COPY(REACH, FRAME),
	ADD(REACH, ICMP_TYPE + 1),
	IF_BEYOND(REACH, END, 5),
	LOAD(BPF_B, VALUE, FRAME, NEXT_HEADER),
	IF(BPF_JNE, VALUE, IPPROTO_ICMPV6, 3),
	LOAD(BPF_B, VALUE, FRAME, ICMP_TYPE),
	IF(BPF_JNE, VALUE, ND_NEIGHBOR_SOLICIT, 1),
	EXIT,
	SET(VERDICT, XDP_PASS),
	EXIT,
};

/* Returns a descriptor, or a negative errno. */
static int load_program(const struct bpf_insn *program, size_t nr)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insn_cnt = (uint32_t)nr;
	attr.insns = (uintptr_t)program;
	attr.license = (uintptr_t) "GPL";
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

static int load(enum kernel_hearing what)
{
	if (what == KERNEL_HEARS_NOTHING)
		return load_program(nothing, LENGTH(nothing));
	return load_program(addressed, LENGTH(addressed));
}

/* ---- links ---- */

/* libnl knows no XDP. @program -1: none. */
static int put_program(struct nl_msg *msg, int program)
{
	struct nlattr *xdp = nla_nest_start(msg, IFLA_XDP);

	if (!xdp || nla_put_s32(msg, IFLA_XDP_FD, program) ||
	    nla_put_u32(msg, IFLA_XDP_FLAGS, XDP_FLAGS_SKB_MODE))
		return -ENOMEM;
	nla_nest_end(msg, xdp);
	return 0;
}

static int set_program(struct nl_sock *sk, int ifindex, int program)
{
	const struct ifinfomsg link = {.ifi_family = AF_UNSPEC,
				       .ifi_index = ifindex};
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_SETLINK, 0);
	int err;

	if (!msg)
		return -ENOMEM;
	err = nlmsg_append(msg, (void *)&link, sizeof(link), NLMSG_ALIGNTO)
		      ? -ENOMEM
		      : put_program(msg, program);
	if (err) {
		nlmsg_free(msg);
		return err;
	}
	return kernel_nl_errno(nl_send_sync(sk, msg)); /* frees it */
}

int kernel_hear(struct nl_sock *sk, int ifindex, enum kernel_hearing what)
{
	int program = -1, err;

	if (what != KERNEL_HEARS_ALL) {
		program = load(what);
		if (program < 0)
			return program;
	}
	err = set_program(sk, ifindex, program);
	if (program >= 0)
		close(program);
	return err;
}
