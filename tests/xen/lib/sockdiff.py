# SPDX-License-Identifier: GPL-2.0
"""programs/sockdiff, run by stories.

    near (192.0.2.10) ── veth ── far (192.0.2.1)    in the guest: the measure
    the guest ───────── vtoe ─── the remote host    under test

Both have the same addresses.
"""

import contextlib
import re

from story import expect, step
import offload

PORT = 7400
RUN_SECONDS = 30
STEPS = 300         # that must have been compared; a run makes many times that

# What is freed or new is poisoned and checked: a program that sees memory of
# others, or has the kernel use what it freed, is found out.
CMDLINE = "slub_debug=FZPU init_on_free=1"
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


# Linux does not tell of each datagram that nobody wants, but once a second.
TELL = ("sysctl -qw net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratelimit=0 "
        "net.ipv6.icmp.ratemask=129")


def prepare(machine, guest):
    """Makes the measure's namespaces, and starts a peer in each world."""
    guest.run(MEASURE)
    for ns in "near", "far":
        guest.run(f"ip netns exec {ns} {TELL}")
    machine.dom0.run(f"ip netns exec {offload.netns(guest)} {TELL}")
    machine.remote.run(TELL)
    command = f"sockdiff peer {offload.REMOTE} {PORT}"
    for job in (machine.remote.spawn(command),
                guest.spawn(f"ip netns exec far {command}")):
        job.wait_for_output("listening")


@contextlib.contextmanager
def prepared(machine, name):
    """A guest for a with, in which some of what is compared is offloaded."""
    guest = offload.guest(machine, name, cmdline=CMDLINE)
    prepare(machine, guest)
    before = offload.counters(machine, guest)
    yield guest
    after = offload.counters(machine, guest)
    expect(after["rx_bytes"] - before["rx_bytes"] > STEPS,
           "the sockets under test were offloaded")


def compare(guest, options, what):
    """One run in the guest; a difference that is not known fails the story.

    A number of sessions (-n) in options has a fast machine look no further than
    a slow one.
    """
    step(what)
    result = guest.run(f"sockdiff run -z /run/netns/near -t {RUN_SECONDS} "
                       f"{options} {ADDRESSES} {PORT}", check=False,
                       timeout=RUN_SECONDS + 60)
    lines = result.out.splitlines()
    step(lines[-1] if lines else str(result))
    compared = re.search(r"(\d+) steps compared", result.out)
    expect(compared and int(compared[1]) >= STEPS,
           f"at least {STEPS} steps compared: {result}")
    expect(result.rc == 0, f"no difference: {result}")
