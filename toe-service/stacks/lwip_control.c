/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lwip_control.c - the control half of the "lwip" driver: a bare link.
 *
 * A guest's share is the macvlan that the kernel's driver makes, but without
 * addresses: so dom0's kernel answers for none of them, and sends no resets. (A DHCP
 * client, which finds that it has no address, renews its lease by broadcast.) The
 * worker's lwIP has them, and a packet socket on the link. An ipvlan will not do:
 * it hands a frame to the link that has the frame's address.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "drivers.h"
#include "kernel_share.h"

#define IP6_PREFIX 64u /* lwIP knows no other */

static struct toe_context_spec bare(const struct toe_context_spec *spec)
{
	struct toe_context_spec to = *spec;

	to.mode = "macvlan";
	to.held = false; /* the kernel hears nothing of it as it is */
	to.ip = (struct toe_address){0};
	to.ip6 = (struct toe_address){0};
	return to;
}

static int check_prefix(const struct toe_context_spec *spec, char *error)
{
	if (!spec->ip6.addr.family || spec->ip6.prefix == IP6_PREFIX)
		return 0;
	snprintf(error, TOE_ERROR_MAX,
		 "driver \"lwip\" needs an IPv6 prefix of %u bits, not %u",
		 IP6_PREFIX, spec->ip6.prefix);
	return -EOPNOTSUPP;
}

static int lwip_context_create(const struct toe_context_spec *spec, char *error)
{
	const struct toe_context_spec to = bare(spec);
	int err;

	if (strcmp(spec->mode, "auto") && strcmp(spec->mode, "macvlan")) {
		snprintf(error, TOE_ERROR_MAX,
			 "driver \"lwip\" needs link = \"macvlan\", not \"%s\"",
			 spec->mode);
		return -EOPNOTSUPP;
	}
	err = check_prefix(spec, error);
	return err ? err : kernel_control.context_create(&to, error);
}

static int lwip_context_destroy(const struct toe_context_spec *spec)
{
	const struct toe_context_spec to = bare(spec);

	return kernel_control.context_destroy(&to);
}

/* The link's MTU; the addresses are told to the data half. */
static int lwip_context_address(const struct toe_context_spec *spec,
				uint16_t family, const struct toe_address *old,
				char *error)
{
	static const struct toe_address none;
	const struct toe_context_spec to = bare(spec);
	int err = family == VTOE_INET6 ? check_prefix(spec, error) : 0;

	(void)old;
	return err ? err
		   : kernel_control.context_address(&to, family, &none, error);
}

static int lwip_context_lend(const struct toe_context_spec *spec, char *error)
{
	static const struct toe_address none;
	struct toe_context_spec to = bare(spec);

	to.ip = spec->ip;
	return kernel_control.context_address(&to, VTOE_INET, &none, error);
}

static int lwip_context_share(const struct toe_context_spec *spec,
			      uint32_t number, char *error)
{
	const struct toe_context_spec to = bare(spec);

	return kernel_control.context_share(&to, number, error);
}

static int lwip_context_traffic(const struct toe_context_spec *spec,
				struct toe_traffic *traffic)
{
	const struct toe_context_spec to = bare(spec);

	return kernel_control.context_traffic(&to, traffic);
}

/* No sweep(): the kernel's driver removes all links. */
const struct toe_control lwip_control = {
	.name = "lwip",
	.moves = true,
	.no_timestamps = true,
	.context_create = lwip_context_create,
	.context_destroy = lwip_context_destroy,
	.context_address = lwip_context_address,
	.context_lend = lwip_context_lend,
	.context_traffic = lwip_context_traffic,
	.context_share = lwip_context_share,
	.share = kernel_share,
};
