# SPDX-License-Identifier: GPL-2.0
"""A second router on the first segment, for stories.

    peer0 (remote host) ─ macvlan ─ netns router: 192.0.2.2; FAR is behind it

The remote host does not know FAR, and forwards nothing.
"""

import contextlib

from machine import Node

ADDRESS = "192.0.2.2"
FAR = "203.0.113.2"
NAME = "router"


@contextlib.contextmanager
def router(machine):
    """The node, for a with."""
    machine.dom0.run(
        f"ip netns add {NAME} && "
        f"ip -n remote link add link peer0 name {NAME}0 netns {NAME} "
        "type macvlan mode bridge && "
        f"ip -n {NAME} link set lo up && ip -n {NAME} link set {NAME}0 up && "
        f"ip -n {NAME} addr add {ADDRESS}/24 dev {NAME}0 && "
        f"ip -n {NAME} addr add {FAR}/32 dev lo")
    try:
        yield Node(machine, NAME, prefix=f"ip netns exec {NAME}")
    finally:
        machine.dom0.run(f"ip netns pids {NAME} | xargs -r kill; "
                         f"ip netns del {NAME}", check=False)
