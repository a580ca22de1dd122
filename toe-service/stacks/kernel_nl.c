/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <sys/socket.h>

#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include "kernel_nl.h"

/* Bytes: of a netdev's virtual functions alone Linux tells in up to 64 KiB. */
#define ANSWER_MAX (96u << 10)

int kernel_nl_errno(int err)
{
	switch (-err) {
	case 0:
		return 0;
	case NLE_EXIST:
		return -EEXIST;
	case NLE_BUSY:
		return -EBUSY;
	case NLE_OPNOTSUPP:
		return -EOPNOTSUPP;
	case NLE_NODEV:
	case NLE_OBJ_NOTFOUND:
		return -ENODEV;
	case NLE_PERM:
	case NLE_NOACCESS:
		return -EPERM;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_INVAL:
	case NLE_RANGE:
		return -EINVAL;
	case NLE_NOADDR:
		return -EADDRNOTAVAIL;
	default:
		return -EIO;
	}
}

int kernel_nl_open(struct nl_sock **skp)
{
	struct nl_sock *sk = nl_socket_alloc();
	int err;

	*skp = NULL;
	if (!sk)
		return -ENOMEM;
	/* without it libnl looks at each answer twice, to see its size first */
	err = nl_socket_set_msg_buf_size(sk, ANSWER_MAX);
	if (!err)
		err = nl_connect(sk, NETLINK_ROUTE);
	if (err) {
		nl_socket_free(sk);
		return kernel_nl_errno(err);
	}
	*skp = sk;
	return 0;
}

int kernel_nl_index(struct nl_sock *sk, const char *name)
{
	struct rtnl_link *link;
	int ifindex;

	if (rtnl_link_get_kernel(sk, 0, name, &link))
		return 0;
	ifindex = rtnl_link_get_ifindex(link);
	rtnl_link_put(link);
	return ifindex;
}

int kernel_nl_set_flag(struct nl_sock *sk, int ifindex, unsigned int flag,
		       bool on)
{
	struct ifinfomsg link = {.ifi_family = AF_UNSPEC,
				 .ifi_index = ifindex,
				 .ifi_flags = on ? flag : 0,
				 .ifi_change = flag};
	int err = nl_send_simple(sk, RTM_NEWLINK, NLM_F_ACK, &link, sizeof(link));

	if (err >= 0)
		err = nl_wait_for_ack(sk);
	return kernel_nl_errno(err < 0 ? err : 0);
}

struct nl_addr *kernel_nl_addr(const struct vtoe_addr *addr, uint32_t prefix)
{
	bool v4 = addr->family == VTOE_INET;
	struct nl_addr *nl =
		nl_addr_build(v4 ? AF_INET : AF_INET6, addr->addr, v4 ? 4 : 16);

	if (nl)
		nl_addr_set_prefixlen(nl, (int)prefix);
	return nl;
}
