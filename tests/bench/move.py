#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""make bench-move: how long connections are silent when their TOE changes.

    gap (guest) ── vtoe ─┬─ toe0 ──┐
                         └─ toe1 ──┴─ remote host: crowd server, echoes

With one connection, and with many, each of which sends a byte and waits for it:
the longest silence of all together, and the longest time of one byte; and, where vtoed
finds a TOE to have failed, how long after that the first byte reached the server, which
has dom0's clock: when nothing happens, by a command in dom0 that moves nothing, and by
one move of each kind: a drain, a cable that is pulled, a NIC that is unplugged (both
seen from before), a TOE that the pool has no more, a rebalance.
"""

import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "xen" / "lib")]
from gap import Gap, Server
import offload
import report
import siblings
from machine import Machine, WORK

NIC = {"a": "toe0", "b": "toe1"}
OTHER = {"a": "b", "b": "a"}
UNITS = {"silence": "ms", "decided": "ms", "longest": "ms", "slow": "bytes",
         "lost": "connections"}
IN_FLIGHT = 0.02        # seconds
OUT = TOP / "build" / "bench"


def toe_of(machine, guest):
    return offload.device(machine, guest)["toe"]


def command(machine, guest):
    """What any command in dom0 costs."""
    toe_of(machine, guest)


def drain(machine, guest):
    machine.dom0.run(f"vtoectl drain {toe_of(machine, guest)}")


def pull(machine, guest):
    machine.set_link(NIC[toe_of(machine, guest)], False)


def unplug(machine, guest):
    machine.unplug(NIC[toe_of(machine, guest)])


def leave_out(machine, guest):
    """The pool loses the TOE that the guest is on."""
    other = OTHER[toe_of(machine, guest)]
    siblings.configure(machine, siblings.CONFIG.replace('"a", "b"',
                                                        f'"{other}"'))


def rebalance(machine, guest):
    """The pool has both, and the guest is on the second one: see order()."""
    machine.dom0.run("vtoectl rebalance")


ACTIONS = {"nothing": lambda machine, guest: None, "command": command,
           "drain": drain, "cable": pull, "unplug": unplug, "left out": leave_out,
           "rebalance": rebalance}
STILL = ("nothing", "command")      # what moves nobody


def order(machine, guest, what):
    """Before a rebalance: the first TOE of the pool is the other one."""
    if what == "rebalance" and toe_of(machine, guest) == "a":
        machine.dom0.run("vtoectl drain a; vtoectl undrain a")
        siblings.wait_on(machine, guest, "b")


def restore(machine):
    machine.dom0.run("vtoectl undrain a; vtoectl undrain b")
    machine.links_up()
    for nic in NIC.values():
        if not machine.dom0.ok(f"ip link show {nic}"):
            machine.plug(nic)
    siblings.configure(machine, siblings.CONFIG)
    siblings.wait_up(machine, "a", "b")


def decided(machine, name, silences):
    """ms from vtoed's finding that a TOE failed until bytes flow again.

    What was on its way then may still arrive: a silence that begins within
    IN_FLIGHT counts, from vtoed's finding on.
    """
    failed = siblings.toe(machine, name)["changed_s"]
    ends = [end for start, end in silences
            if start < failed + IN_FLIGHT and end > failed]
    return (max(ends, default=failed) - failed) * 1e3


def measure(machine, guest, server, connections, args, samples):
    gap = Gap(guest, connections, 10 if connections == 1 else 2000)
    work = f"{connections} connections"
    for run in range(args.runs):
        for what, action in ACTIONS.items():
            order(machine, guest, what)
            name = toe_of(machine, guest)
            server.ask()
            seen = gap.during(lambda: action(machine, guest), args.seconds)
            silences = server.ask()["silences"]
            if what not in STILL:
                siblings.wait_on(machine, guest, OTHER[name])
            if what in ("cable", "unplug"):
                seen["decided"] = decided(machine, name, silences)
            for metric in UNITS.keys() & seen.keys():
                samples.add(work, what, metric, UNITS[metric], seen[metric])
            print(f"  {run + 1}/{args.runs} {work}: {what}: {seen}",
                  flush=True)
            restore(machine)
    gap.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--connections", default="1,1000")
    args = parser.parse_args()
    samples = report.Samples()
    machine = Machine.boot(WORK / "bench")
    try:
        siblings.configure(machine, siblings.CONFIG)
        server = Server(machine.remote)
        guest = offload.guest(machine, "bench", memory=512,
                              vtoe=[siblings.ENTRY])
        for connections in map(int, args.connections.split(",")):
            measure(machine, guest, server, connections, args, samples)
    finally:
        machine.shut_down()
    for metric in UNITS:
        print("\n" + "\n".join(report.table(samples, metric, "nothing")))
    report.save(samples.rows(), OUT / "move.json")
    report.bars(samples, "silence", "Longest silence when a TOE changes",
                OUT / "move-silence.png")
    print("\nchart: build/bench/move-silence.png")


if __name__ == "__main__":
    main()
