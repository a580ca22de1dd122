# SPDX-License-Identifier: GPL-2.0
"""The usual xl host's network, for stories: NIC and guests on one bridge."""

import contextlib

CONFIG_FILE = "/etc/vtoe/vtoed.conf"
CONFIG = 'toe bridged { driver = "kernel" netdev = "xenbr0" }\n'


@contextlib.contextmanager
def bridge(machine):
    """toe0 is a port of xenbr0, which is vtoed's one TOE, for a with."""
    dom0 = machine.dom0
    before = dom0.read(CONFIG_FILE)
    dom0.run("ip link add xenbr0 type bridge forward_delay 0; "
             "ip link set toe0 master xenbr0; ip link set xenbr0 up")
    dom0.write(CONFIG_FILE, CONFIG)
    dom0.run("systemctl restart vtoed", timeout=120)
    try:
        yield
    finally:
        dom0.write(CONFIG_FILE, before)
        dom0.run("systemctl restart vtoed; ip link set toe0 nomaster; "
                 "ip link del xenbr0", timeout=120)
