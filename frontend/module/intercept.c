/* SPDX-License-Identifier: GPL-2.0 */
/*
 * intercept.c - how an ordinary socket() call gets one of our sockets.
 *
 * A protocol is registered for SOCK_STREAM under a number that IANA keeps for
 * experiments (RFC 3692), with our proto_ops and the kernel's own TCP protocol.
 * A kprobe at the entry of inet_create() and inet6_create() replaces the number
 * in calls that ask for TCP. What comes out is the kernel's TCP socket in every
 * respect (init4(), init6()) but the proto_ops; sock.h says what these do.
 *
 * Not touched: sockets of the kernel, of other network namespaces than the
 * initial one, and of other protocols. While no device is connected sockets are
 * ours all the same: a listener may be offered to one that comes later.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <net/protocol.h>
#include <net/tcp.h>
#include <net/transp_v6.h>

#include "intercept.h"
#include "sock.h"

#define PROTO_VTOE 253

/* Copies of the kernel's, for the time until init() puts the original back. */
static struct proto prot4, prot6;

static void become_tcp(struct sock *sk, struct proto *prot)
{
	sk->sk_protocol = IPPROTO_TCP;
	sk->sk_prot = prot;
	sk->sk_prot_creator = prot;
}

static int init4(struct sock *sk)
{
	become_tcp(sk, &tcp_prot);
	return tcp_prot.init(sk);
}

static struct inet_protosw protosw4 = {
	.type = SOCK_STREAM,
	.protocol = PROTO_VTOE,
	.prot = &prot4,
	.ops = &vtoe_ops4,
	.flags = INET_PROTOSW_ICSK,
};

#if IS_ENABLED(CONFIG_IPV6)
static int init6(struct sock *sk)
{
	become_tcp(sk, &tcpv6_prot);
	return tcpv6_prot.init(sk);
}

static struct inet_protosw protosw6 = {
	.type = SOCK_STREAM,
	.protocol = PROTO_VTOE,
	.prot = &prot6,
	.ops = &vtoe_ops6,
	.flags = INET_PROTOSW_ICSK,
};
#endif

static bool wanted(const struct net *net, const struct socket *sock,
		   int protocol, int kern)
{
	return net == &init_net && !kern && sock->type == SOCK_STREAM &&
	       (protocol == IPPROTO_IP || protocol == IPPROTO_TCP) &&
	       module_is_live(THIS_MODULE);
}

/* inet_create(net, sock, protocol, kern), by the calling convention of x86-64 */
static int before_create(struct kprobe *probe, struct pt_regs *regs)
{
	if (wanted((const struct net *)regs->di,
		   (const struct socket *)regs->si, (int)regs->dx,
		   (int)regs->cx))
		regs->dx = PROTO_VTOE;
	return 0;
}

static struct kprobe probe4 = {
	.symbol_name = "inet_create",
	.pre_handler = before_create,
};

static struct kprobe probe6 = {
	.symbol_name = "inet6_create",
	.pre_handler = before_create,
};

/*
 * setsockopt() of SOL_SOCKET goes past our proto_ops. At the entry of the
 * kernel's sock_setsockopt(sock, level, name, ...) our sockets are sent to a
 * function of ours that has the same arguments.
 */
static int before_setsockopt(struct kprobe *probe, struct pt_regs *regs)
{
	if ((int)regs->si == VTOE_SOL_KERNEL ||
	    !vtoe_ops_ours((const struct socket *)regs->di))
		return 0;
	regs->ip = (unsigned long)vtoe_setsockopt_socket;
	return 1; /* go on at regs->ip */
}

static struct kprobe probe_setsockopt = {
	.symbol_name = "sock_setsockopt",
	.pre_handler = before_setsockopt,
};

static int probes_register(void)
{
	int err = register_kprobe(&probe_setsockopt);

	if (err)
		return err;
	err = register_kprobe(&probe4);
	if (err)
		goto unregister_setsockopt;
	if (vtoe_native_ops6)
		err = register_kprobe(&probe6);
	if (err)
		goto unregister_4;
	return 0;

unregister_4:
	unregister_kprobe(&probe4);
unregister_setsockopt:
	unregister_kprobe(&probe_setsockopt);
	return err;
}

int vtoe_intercept_init(void)
{
	int err;

	prot4 = tcp_prot;
	prot4.init = init4;
	inet_register_protosw(&protosw4);
#if IS_ENABLED(CONFIG_IPV6)
	if (vtoe_native_ops6) {
		prot6 = tcpv6_prot;
		prot6.init = init6;
		err = inet6_register_protosw(&protosw6);
		if (err)
			goto unregister_4;
	}
#endif
	err = probes_register();
	if (err)
		goto unregister_6;
	return 0;

unregister_6:
#if IS_ENABLED(CONFIG_IPV6)
	if (vtoe_native_ops6)
		inet6_unregister_protosw(&protosw6);
unregister_4:
#endif
	inet_unregister_protosw(&protosw4);
	return err;
}

void vtoe_intercept_exit(void)
{
	if (vtoe_native_ops6)
		unregister_kprobe(&probe6);
	unregister_kprobe(&probe4);
	unregister_kprobe(&probe_setsockopt);
	/* who has our number still has to find our protocol */
	synchronize_rcu_tasks();
#if IS_ENABLED(CONFIG_IPV6)
	if (vtoe_native_ops6)
		inet6_unregister_protosw(&protosw6);
#endif
	inet_unregister_protosw(&protosw4);
}
