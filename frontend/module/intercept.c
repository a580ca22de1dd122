/* SPDX-License-Identifier: GPL-2.0 */
/*
 * intercept.c - how an ordinary socket() call gets one of our sockets.
 *
 * Protocols are registered for SOCK_STREAM and SOCK_DGRAM under a number that
 * IANA keeps for experiments (RFC 3692), with our proto_ops and the kernel's own
 * TCP and UDP protocols. A kprobe at the entry of inet_create() and
 * inet6_create() replaces the number in calls that ask for TCP or UDP. What comes
 * out is the kernel's socket in every respect (init()) but the proto_ops; sock.h
 * says what these do.
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
#include <net/udp.h>

#include "intercept.h"
#include "sock.h"

#define PROTO_VTOE 253

/* What is registered for each flavour. */
static struct kind {
	struct vtoe_flavour *flavour;
	struct proto prot; /* the kernel's, for the time until init() */
	struct inet_protosw sw;
} kinds[] = {
	{ &vtoe_stream4,
	  .sw = { .type = SOCK_STREAM, .flags = INET_PROTOSW_ICSK } },
	{ &vtoe_stream6,
	  .sw = { .type = SOCK_STREAM, .flags = INET_PROTOSW_ICSK } },
	{ &vtoe_dgram4, .sw = { .type = SOCK_DGRAM } },
	{ &vtoe_dgram6, .sw = { .type = SOCK_DGRAM } },
};

static bool have_ipv6(void)
{
	return vtoe_stream6.native != NULL;
}

static int init(struct sock *sk)
{
	struct proto *prot = vtoe_flavour(sk)->prot;

	sk->sk_protocol = vtoe_is_dgram(sk) ? IPPROTO_UDP : IPPROTO_TCP;
	sk->sk_prot = prot;
	sk->sk_prot_creator = prot;
	return prot->init(sk);
}

static bool wanted(const struct net *net, const struct socket *sock,
		   int protocol, int kern)
{
	if (net != &init_net || kern || !module_is_live(THIS_MODULE))
		return false;
	if (sock->type == SOCK_STREAM)
		return protocol == IPPROTO_IP || protocol == IPPROTO_TCP;
	return sock->type == SOCK_DGRAM &&
	       (protocol == IPPROTO_IP || protocol == IPPROTO_UDP);
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
	if (have_ipv6())
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

static int kind_register(struct kind *kind)
{
	struct vtoe_flavour *flavour = kind->flavour;

	kind->prot = *flavour->prot;
	kind->prot.init = init;
	kind->sw.protocol = PROTO_VTOE;
	kind->sw.prot = &kind->prot;
	kind->sw.ops = &flavour->ours;
#if IS_ENABLED(CONFIG_IPV6)
	if (flavour->ours.family == PF_INET6)
		return inet6_register_protosw(&kind->sw);
#endif
	inet_register_protosw(&kind->sw);
	return 0;
}

static void kinds_unregister(unsigned int n)
{
	while (n--) {
		struct kind *kind = &kinds[n];

		if (!kind->flavour->native)
			continue;
#if IS_ENABLED(CONFIG_IPV6)
		if (kind->flavour->ours.family == PF_INET6) {
			inet6_unregister_protosw(&kind->sw);
			continue;
		}
#endif
		inet_unregister_protosw(&kind->sw);
	}
}

int vtoe_intercept_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!kinds[i].flavour->native)
			continue;
		err = kind_register(&kinds[i]);
		if (err)
			goto unregister;
	}
	err = probes_register();
	if (!err)
		return 0;

unregister:
	kinds_unregister(i);
	return err;
}

void vtoe_intercept_exit(void)
{
	if (have_ipv6())
		unregister_kprobe(&probe6);
	unregister_kprobe(&probe4);
	unregister_kprobe(&probe_setsockopt);
	/* who has our number still has to find our protocol */
	synchronize_rcu_tasks();
	kinds_unregister(ARRAY_SIZE(kinds));
}
