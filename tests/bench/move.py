#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""make bench-move: how long connections are silent when their TOE changes.

    gap (guest) ── vtoe ─┬─ toe0 ──┐
                         └─ toe1 ──┴─ remote host: crowd server, echoes

With one connection, and with many, each of which sends a byte and waits for it:
the longest silence of all together, and the longest time of one byte, without a
move, with a drain, and with a pulled cable (seen from before it is pulled).
"""

import argparse
import json
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "xen" / "lib")]
import offload
from machine import Machine, WORK, wait_until

PORT = 7000
CONFIG = """
toe "a" { netdev = "toe0" segment = "lan" }
toe "b" { netdev = "toe1" segment = "lan" }
pool "lan" { toes = {"a", "b"} policy = "in-order" }
"""
NIC = {"a": "toe0", "b": "toe1"}
OTHER = {"a": "b", "b": "a"}
OUT = TOP / "build" / "bench"


class Gap:
    """The program in the guest, and what it says of a while."""

    def __init__(self, guest, connections, interval):
        self.guest, self.nr = guest, 0
        guest.run("rm -f /tmp/go; mkfifo /tmp/go")
        self.job = guest.spawn(f"gap {connections} {interval} "
                               f"{offload.REMOTE} {PORT} </tmp/go")
        self.opener = guest.spawn("sleep 100000 >/tmp/go")
        self.job.wait_for_output("open ", timeout=300)

    def _ask(self):
        self.guest.run("echo >/tmp/go")
        self.nr += 1
        wait_until(lambda: self.job.output().count("silence_ms") >= self.nr,
                   60, "gap's answer")
        return json.loads([line for line in self.job.output().splitlines()
                           if "silence_ms" in line][self.nr - 1])

    def during(self, action, seconds):
        self._ask()
        action()
        self.guest.run(f"sleep {seconds}", timeout=seconds + 60)
        return self._ask()

    def end(self):
        self.opener.kill()
        self.job.wait(60, check=False)


def toe_of(machine, guest):
    return offload.device(machine, guest)["toe"]


def wait_on(machine, guest, name):
    wait_until(lambda: toe_of(machine, guest) == name, 30, f"toe {name}")


def drain(machine, guest):
    machine.dom0.run(f"vtoectl drain {toe_of(machine, guest)}")


def pull(machine, guest):
    name = toe_of(machine, guest)
    machine.set_link(NIC[name], False)
    wait_on(machine, guest, OTHER[name])


def restore(machine):
    machine.dom0.run("vtoectl undrain a; vtoectl undrain b")
    machine.links_up()
    wait_until(lambda: all(t["state"] == "up" for t in offload.ask(
        machine, "toes")["toes"]), 30, "all toes up")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--connections", default="1,1000")
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    actions = {"nothing": lambda m, g: None, "drain": drain, "cable": pull}
    rows = []
    machine = Machine.boot(WORK / "bench", segments="2")
    try:
        machine.dom0.write("/etc/vtoe/vtoed.conf", CONFIG)
        wait_until(lambda: machine.dom0.ok("vtoectl reload"), 30, "vtoed")
        machine.remote.spawn(f"crowd server {offload.REMOTE} {PORT}"
                             ).wait_for_output("listening")
        guest = offload.guest(machine, "bench", memory=512,
                              vtoe=["pool=lan," + offload.ENTRY])
        for connections in map(int, args.connections.split(",")):
            gap = Gap(guest, connections, 10 if connections == 1 else 2000)
            for run in range(args.runs):
                for what, action in actions.items():
                    seen = gap.during(lambda: action(machine, guest),
                                      args.seconds)
                    rows.append(dict(seen, what=what, connections=connections))
                    print(f"  {run + 1}/{args.runs} {rows[-1]}", flush=True)
                    restore(machine)
            gap.end()
    finally:
        machine.shut_down()
    (OUT / "move.json").write_text(json.dumps(rows, indent=1))
    print(f"\n{'connections':>11} {'what':>8} {'silence, ms':>22} "
          f"{'longest byte, ms':>24} {'slow':>5} {'lost':>5}")
    for connections, what in dict.fromkeys(
            (r["connections"], r["what"]) for r in rows):
        these = [r for r in rows if (r["connections"], r["what"]) ==
                 (connections, what)]
        cells = []
        for key in ("silence_ms", "longest_ms"):
            v = [r[key] for r in these]
            cells.append(f"{statistics.median(v):.0f} "
                         f"({min(v):.0f}–{max(v):.0f})")
        print(f"{connections:>11} {what:>8} {cells[0]:>22} {cells[1]:>24} "
              f"{max(r['slow'] for r in these):>5} "
              f"{max(r['lost'] for r in these):>5}")
    print("\nfigures: build/bench/move.json")


if __name__ == "__main__":
    main()
