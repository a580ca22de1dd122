/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "kernel_hold.h"
#include "kernel_nl.h"

/* Returns a descriptor, or a negative errno. */
static int load_program(void)
{
	const struct bpf_insn program[] = {
		/* r0 = drop */
		{.code = BPF_ALU64 | BPF_MOV | BPF_K,
		 .dst_reg = BPF_REG_0,
		 .imm = XDP_DROP},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_XDP;
	attr.insn_cnt = sizeof(program) / sizeof(program[0]);
	attr.insns = (uintptr_t)program;
	attr.license = (uintptr_t) "GPL";
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

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

int kernel_hold(struct nl_sock *sk, int ifindex, bool deaf)
{
	int program = -1, err;

	if (deaf) {
		program = load_program();
		if (program < 0)
			return program;
	}
	err = set_program(sk, ifindex, program);
	if (deaf)
		close(program);
	return err;
}
