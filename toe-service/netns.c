/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "../common/log.h"
#include "netns.h"

#define OWN_NETNS "/proc/thread-self/ns/net"

/* Going on in a guest's namespace would be worse than ending. */
static void go_back(int own)
{
	if (setns(own, CLONE_NEWNET) < 0) {
		log_error("cannot return to the own network namespace: %s",
			  strerror(errno));
		abort();
	}
	close(own);
}

static int own_netns(void)
{
	int fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* The directory must be a shared mount, so that others see what is in it. */
static int prepare_dir(const char *dir)
{
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (mount("", dir, "none", MS_SHARED | MS_REC, NULL) == 0)
		return 0;
	if (errno != EINVAL) /* EINVAL: not a mount point yet */
		return -errno;
	if (mount(dir, dir, "none", MS_BIND | MS_REC, NULL) < 0 ||
	    mount("", dir, "none", MS_SHARED | MS_REC, NULL) < 0)
		return -errno;
	return 0;
}

static int loopback_up(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Of the namespace that one is in. */
static int write_sysctl(const char *name, const char *value)
{
	char path[128];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/*
 * The worker has no capability when it binds a guest's port 80, and the guest
 * is free to use all ports of its own namespace.
 */
static int allow_low_ports(void)
{
	return write_sysctl("ipv4/ip_unprivileged_port_start", "0");
}

int netns_set(int netns, const char *sysctl, const char *value)
{
	int own = own_netns(), err;

	if (own < 0)
		return own;
	if (setns(netns, CLONE_NEWNET) < 0) {
		err = -errno;
		close(own);
		return err;
	}
	err = write_sysctl(sysctl, value);
	go_back(own);
	return err;
}

/*
 * What a link that is made there begins with. Set once, because each is three system
 * calls, and a link that moves to a sibling is made while connections wait. Addresses
 * are static: no router changes them.
 */
static void set_link_defaults(void)
{
	static const char *const sysctl[][2] = {
		{"ipv4/conf/default/arp_notify", "1"},
		/* with several links: each answers for its own addresses only */
		{"ipv4/conf/default/arp_ignore", "1"},
		{"ipv4/conf/default/arp_announce", "2"},
		/* a peer may answer by another way, or by the one that was left */
		{"ipv4/conf/default/rp_filter", "2"},
		{"ipv6/conf/default/accept_ra", "0"},
		{"ipv6/conf/default/autoconf", "0"},
		{"ipv6/conf/default/ndisc_notify", "1"},
	};
	size_t i;

	/* a kernel without it (no IPv6) has nothing to be set */
	for (i = 0; i < sizeof(sysctl) / sizeof(sysctl[0]); i++)
		write_sysctl(sysctl[i][0], sysctl[i][1]);
}

/* In the new namespace: give it its name and make it usable. */
static int set_up(const char *path)
{
	int err;

	if (mount(OWN_NETNS, path, "none", MS_BIND, NULL) < 0)
		return -errno;
	err = loopback_up();
	if (!err)
		err = allow_low_ports();
	set_link_defaults();
	return err;
}

static int make_named(const char *path)
{
	int own = own_netns(), err;

	if (own < 0)
		return own;
	if (unshare(CLONE_NEWNET) < 0) {
		err = -errno;
		close(own);
		return err;
	}
	err = set_up(path);
	go_back(own);
	return err;
}

int netns_create(const char *dir, const char *name)
{
	char path[256];
	int fd, err;

	err = prepare_dir(dir);
	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
	if (fd < 0)
		return -errno;
	close(fd);
	err = make_named(path);
	if (!err) {
		fd = netns_open(dir, name);
		if (fd >= 0)
			return fd;
		err = fd;
	}
	netns_remove(dir, name);
	return err;
}

int netns_open(const char *dir, const char *name)
{
	char path[256];
	struct statfs fs;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* a bare file: its namespace was never mounted, or is unmounted */
	if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_MAGIC) {
		close(fd);
		return -ENOENT;
	}
	return fd;
}

void netns_remove(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
	if (unlink(path) < 0 && errno != ENOENT)
		log_warn("cannot remove %s: %s", path, strerror(errno));
}

/* if_nametoindex() would have Linux look for a module of that name. */
static bool has_link(const char *ifname)
{
	struct if_nameindex *all = if_nameindex(), *at;
	bool has = false;

	if (!all)
		return false;
	for (at = all; at->if_index && !has; at++)
		has = !strcmp(at->if_name, ifname);
	if_freenameindex(all);
	return has;
}

bool netns_has_link(int netns, const char *ifname)
{
	int own = own_netns();
	bool has = false;

	if (own < 0)
		return false;
	if (setns(netns, CLONE_NEWNET) < 0) {
		close(own);
		return false;
	}
	has = has_link(ifname);
	go_back(own);
	return has;
}

bool netns_own_address(const struct vtoe_addr *addr)
{
	const struct sockaddr_in *sin;
	struct ifaddrs *all, *at;
	bool own = false;

	if (addr->family != VTOE_INET || getifaddrs(&all) < 0)
		return false;
	for (at = all; at && !own; at = at->ifa_next) {
		sin = (const struct sockaddr_in *)at->ifa_addr;
		own = sin && sin->sin_family == AF_INET &&
		      !memcmp(&sin->sin_addr, addr->addr, 4);
	}
	freeifaddrs(all);
	return own;
}
