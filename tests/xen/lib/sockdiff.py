# SPDX-License-Identifier: GPL-2.0
"""programs/sockdiff, run by stories.

    near (192.0.2.10) ── veth ── far (192.0.2.1)    in the guest: the measure
    the guest ───────── vtoe ─── the remote host    under test

Both have the same addresses.
"""

import offload

PORT = 7400
ADDRESSES = (f"{offload.ADDRESS} {offload.ADDRESS6} "
             f"{offload.REMOTE} {offload.REMOTE6}")

MEASURE = f"""
set -e
modprobe veth
ip netns add near
ip netns add far
ip link add measure0 netns near type veth peer name measure1 netns far
for ns in near far; do
	ip -n $ns link set lo up
done
ip -n near addr add {offload.ADDRESS}/24 dev measure0
ip -n near addr add {offload.ADDRESS6}/64 dev measure0 nodad
ip -n far addr add {offload.REMOTE}/24 dev measure1
ip -n far addr add {offload.REMOTE6}/64 dev measure1 nodad
ip -n near link set measure0 up
ip -n far link set measure1 up
ip -n near route add default via {offload.REMOTE}
ip -n near route add default via {offload.REMOTE6}
"""


def prepare(machine, guest):
    """Makes the measure's namespaces, and starts a peer in each world."""
    guest.run(MEASURE)
    command = f"sockdiff peer {offload.REMOTE} {PORT}"
    for job in (machine.remote.spawn(command),
                guest.spawn(f"ip netns exec far {command}")):
        job.wait_for_output("listening")


def run(guest, options, timeout):
    """The Result of one run in the guest."""
    return guest.run(f"sockdiff run -z /run/netns/near {options} "
                     f"{ADDRESSES} {PORT}", check=False, timeout=timeout)
