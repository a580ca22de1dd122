/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kernel_mark.h - what a guest's link sends bears a class.
 *
 * Theory of operation
 *
 * The queueing discipline that shares a TOE's netdev stands there, in vtoed's
 * namespace, and must know from which guest a packet is. An ipvlan has no MAC
 * address of its own, and an address may be forged; so each packet gets a priority
 * where it leaves the guest's link: at the hook "clsact" (egress), by a BPF program
 * of four instructions. The priority is the class (tc-htb(8) takes it as such); it
 * stays with the packet when ipvlan or macvlan pass it on. The worker, without
 * CAP_NET_ADMIN, can neither remove the program nor set such a priority itself.
 *
 * (skbedit with matchall does the same, but needs two more modules.)
 */
#ifndef STACKS_KERNEL_MARK_H
#define STACKS_KERNEL_MARK_H

#include <netlink/socket.h>
#include <stdint.h>

/**
 * kernel_mark_set - all that a link sends from now on has this priority
 * @sk: of the link's namespace
 * @priority: as a class, TC_H_MAKE()
 *
 * Another one that was set before is replaced. Returns 0 or a negative errno;
 * -ENODEV: the kernel has no clsact (sch_ingress) or no cls_bpf.
 */
int kernel_mark_set(struct nl_sock *sk, int ifindex, uint32_t priority);

#endif /* STACKS_KERNEL_MARK_H */
