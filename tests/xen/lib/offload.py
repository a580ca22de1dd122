# SPDX-License-Identifier: GPL-2.0
"""vTOE devices as dom0 sees them, for stories.

    guest = offload.guest(machine, "g1", ["ip=192.0.2.10/24"])  # connected
    offload.device(machine, guest)["state"]
    offload.contexts(machine, guest)
    offload.counters(machine, guest)["grant_maps"]
"""

import json
import re

from machine import Failure, wait_until

CONNECT_SECONDS = 60
RECORD_SECONDS = 10         # XenStore's records follow by up to a second
REMOTE = "192.0.2.1"
REMOTE6 = "2001:db8:2::1"
ENTRY = ("ip=192.0.2.10/24,gateway=192.0.2.1,"
         "ip6=2001:db8:2::10/64,gateway6=2001:db8:2::1")
ADDRESS = "192.0.2.10"
ADDRESS6 = "2001:db8:2::10"

# Files that are too large for dom0's small root, and nginx's folder there.
MEMORY_ROOT = "/dev/shm/web"


def ask(machine, command):
    """What vtoectl says, as an object."""
    result = machine.dom0.run(f"vtoectl --json {command}", check=False)
    try:
        return json.loads(result.out)
    except ValueError:
        raise Failure(f"no JSON: {result}") from None


def devices(machine, guest=None):
    """All devices that vtoed knows, or one guest's."""
    found = ask(machine, "list")["devices"]
    return [d for d in found if not guest or d["domid"] == guest.domid]


def device(machine, guest, devid=0):
    """A guest's device, or None."""
    for d in devices(machine, guest):
        if d["devid"] == devid:
            return d
    return None


def wait_state(machine, guest, state, devid=0, timeout=CONNECT_SECONDS):
    """Waits until a device is in a state; returns it."""
    seen = None

    def reached():
        nonlocal seen
        seen = device(machine, guest, devid)
        return seen and seen["state"] == state

    try:
        wait_until(reached, timeout, f"{guest.name}'s device {state}",
                   interval=0.5)
    except Failure as e:
        raise Failure(f"{e}; it is {seen}") from None
    return seen


def wait_connected(machine, guest, devid=0, timeout=CONNECT_SECONDS):
    """Waits until both ends say that a device works."""
    d = wait_state(machine, guest, "connected", devid, timeout)
    wait_until(lambda: guest.xenstore(f"device/vtoe/{devid}/state") == "4",
               timeout, f"{guest.name}'s frontend is connected")
    return d


def guest(machine, name, vtoe=(ENTRY,), **options):
    """A guest whose first device works."""
    g = machine.guest(name, vtoe=list(vtoe), **options)
    if not g.ok("lsmod | grep -q '^vtoe '"):
        raise Failure("vtoe.ko is not loaded: is it built?")
    wait_connected(machine, g)
    return g


def contexts(machine, guest=None):
    """Sockets, as vtoectl contexts lists them."""
    which = f" {guest.domid}" if guest else ""
    return ask(machine, f"contexts{which}")["contexts"]


def counters(machine, guest, devid=0, part="counters"):
    """A device's counters; part may be guest_counters."""
    for d in ask(machine, f"stats {guest.domid}/{devid}")["devices"]:
        if d["devid"] == devid:
            return d[part]
    raise Failure(f"vtoectl stats: nothing about {guest.name}/{devid}")


def backend_path(guest, devid=0):
    return f"/local/domain/0/backend/vtoe/{guest.domid}/{devid}"


def frontend_path(guest, devid=0):
    return f"/local/domain/{guest.domid}/device/vtoe/{devid}"


def netns(guest, devid=0):
    return f"vtoe-{guest.domid}-{devid}"


def _tables(machine, base):
    """What is below a XenStore node: {number: {key: value}}."""
    out = machine.dom0.run(f"xenstore-ls -f {base}", check=False).out
    found = {}
    for line in out.splitlines():
        path, _, value = line.partition(" = ")
        words = path[len(base):].strip("/").split("/")
        if len(words) == 2:
            found.setdefault(int(words[0]), {})[words[1]] = value.strip('"')
    return found


def records_path(guest, devid=0):
    return f"/local/domain/0/vtoe/context/{guest.domid}/{devid}"


def records(machine, guest, devid=0):
    """XenStore's records of sockets: {slot: {requested, resolved, …}}."""
    return _tables(machine, records_path(guest, devid))


def links(machine, guest, devid=0):
    """XenStore's nodes of links: {index: {toe, ip, gateway, from, …}}."""
    return _tables(machine, f"{backend_path(guest, devid)}/link")


def connections(contexts_, state="established"):
    return [c for c in contexts_ if c["state"] == state]


def mapped_grants(machine):
    """Grants that are in use, by the number of the domain that gave them.

    Asks Xen itself (debug key g). A domain without grant table is absent.
    """
    mark = len(machine.xen_log())
    machine.dom0.run("xl debug-keys g")
    wait_until(lambda: "gnttab_usage_print_all ] done"
               in machine.xen_log()[mark:], 60, "Xen's grant tables",
               interval=0.5)
    found, domid = {}, None
    for line in machine.xen_log()[mark:].splitlines():
        head = re.search(r"grant-table for remote d(\d+)", line)
        if head:
            domid = int(head[1])
            found[domid] = 0
        elif domid is not None and re.match(r"\(XEN\) \[0x", line):
            found[domid] += 1
    return found
