#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""make bench-idle: what idle connections cost, in a guest of 1 GB.

    crowd hold (guest) ── vtoe ── toe0 ── remote host: crowd server, some ports

All of them are opened, proved by a byte there and back, left alone while memory
is looked at, and proved again.
"""

import argparse
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "xen" / "lib")]
import fed
import offload
from machine import Machine, WORK, wait_until

PORT = 7200
# To one address and port Linux tries all even local ports before the odd ones:
# beyond half of the range each connect() searches 14,000 ports in vain.
PER_PORT = 12500
SLOTS = 65536
CONF = f"""max-slots = {SLOTS}
toe bench {{
	driver = "kernel"
	netdev = "toe0"
}}
"""


def available(node):
    """KiB that programs could have."""
    return int(node.run("awk '/^MemAvailable/ { print $2 }' /proc/meminfo").out)


def worker_memory(machine, guest):
    worker = offload.device(machine, guest)["worker"]
    return int(machine.dom0.run(
        "awk '/^Pss_Anon/ { print $2 }' "
        f"/proc/{worker}/smaps_rollup").out)


def start(machine, memory):
    machine.dom0.write("/etc/vtoe/vtoed.conf", CONF)
    machine.dom0.run("systemctl restart vtoed")
    guest = machine.guest("idle", load=False, vtoe=[offload.ENTRY],
                          memory=memory)
    guest.run(f"insmod /lib/modules/$(uname -r)/extra/vtoe.ko slots={SLOTS}")
    offload.wait_connected(machine, guest)
    return guest


def hold(machine, guest, number, ports):
    holders = []
    for port in ports:
        machine.remote.spawn(f"crowd server {offload.REMOTE} {port}"
                             ).wait_for_output("listening")
        holders.append(fed.Fed(
            guest,
            f"crowd hold {number // len(ports)} {offload.REMOTE} {port}"))
    return holders


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=50000)
    parser.add_argument("--memory", type=int, default=1024, metavar="MB")
    args = parser.parse_args()
    ports = range(PORT, PORT + -(-args.number // PER_PORT))
    each = args.number // len(ports)
    machine = Machine.boot(WORK / "bench")
    try:
        guest = start(machine, args.memory)
        before = available(guest), worker_memory(machine, guest)
        holders = hold(machine, guest, args.number, ports)
        for holder in holders:
            holder.job.wait_for_output(f"holding {each}", timeout=1500)
        contexts = offload.device(machine, guest)["contexts"]
        after = available(guest), worker_memory(machine, guest)
        result = {
            "connections": each * len(ports), "contexts": contexts,
            "guest_mb": args.memory,
            "guest_bytes_each": (before[0] - after[0]) * 1024 / contexts,
            "worker_bytes_each": (after[1] - before[1]) * 1024 / contexts,
        }
        print(f"  {contexts} are open; one by one they are used", flush=True)
        for holder in holders:
            holder.line()
        for holder in holders:
            holder.job.wait_for_output(f"proved {each}", timeout=1500)
            holder.end()
        wait_until(lambda: offload.device(machine, guest)["contexts"] < 10,
                   120, "the contexts are gone", interval=1)
    finally:
        machine.shut_down()
    for name, value in result.items():
        print(f"{name:20} {value:10.0f}")
    out = TOP / "build" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "idle.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
