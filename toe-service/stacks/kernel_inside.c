/* SPDX-License-Identifier: GPL-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <netlink/netlink.h>

#include "../../common/log.h"
#include "kernel_inside.h"
#include "kernel_nl.h"

static int fail(char *error, int err, const char *what)
{
	snprintf(error, TOE_ERROR_MAX, "%s: %s", what, strerror(-err));
	return err;
}

static int call(struct kernel_inside *in, kernel_inside_fn *fn)
{
	int err = kernel_nl_open(&in->sk);

	if (err)
		return fail(in->error, err, "netlink");
	if (in->spec->link)
		in->ifindex = kernel_nl_index(in->sk, in->spec->link);
	err = fn(in);
	nl_socket_free(in->sk);
	return err;
}

/* vtoed's own namespace, which it never changes; or a negative errno. */
static int own_netns(void)
{
	static int own = -1;

	if (own < 0)
		own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return own < 0 ? -errno : own;
}

/* To go on in the wrong one would be worse than to die. */
static void go_to(int netns)
{
	if (!setns(netns, CLONE_NEWNET))
		return;
	log_error("cannot change the network namespace: %s", strerror(errno));
	abort();
}

int kernel_inside(const struct toe_context_spec *spec, kernel_inside_fn *fn,
		  const void *arg, char *error)
{
	struct kernel_inside in = {.spec = spec, .arg = arg, .error = error};
	int own = own_netns(), err;

	if (own < 0)
		return fail(error, own, "own network namespace");
	if (setns(spec->netns, CLONE_NEWNET))
		return fail(error, -errno, "guest's network namespace");
	err = call(&in, fn);
	go_to(own);
	return err;
}

int kernel_home(const struct kernel_inside *in, struct nl_sock **sk)
{
	int err;

	go_to(own_netns());
	err = kernel_nl_open(sk);
	go_to(in->spec->netns);
	return err;
}

/* What kernel_on_link() was asked for. */
struct wish {
	kernel_inside_fn *fn;
	const void *arg;
};

static int if_there(const struct kernel_inside *in)
{
	const struct wish *wish = in->arg;
	struct kernel_inside there = *in;

	there.arg = wish->arg;
	return in->ifindex ? wish->fn(&there) : -ENODEV;
}

int kernel_on_link(const struct toe_context_spec *spec, kernel_inside_fn *fn,
		   const void *arg, char *error)
{
	const struct wish wish = {.fn = fn, .arg = arg};

	return kernel_inside(spec, if_there, &wish, error);
}
