#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""make bench-xen: vtoe, vif and dom0's own sockets, side by side on real Xen.

              dom0                                  peer
    g-vtoe ── vtoe ─┐                     ┌─ network namespace behind a veth
    g-vif ─── vif ──┼── bridge xenbr0 ────┤  (no emulated NIC in the way), or
    dom0's sockets ─┘                     └─ the remote host behind a NIC

One boot for each CPU topology: "default", where dom0's two virtual CPUs and the
guest's share two cores, and "pinned", where dom0 and the guest have one each.
All paths are measured in turn, repetition by repetition. Absolute figures are
those of an emulated machine; only ratios mean anything.

"ceiling" is no path: what one would reach that adds nothing to dom0's own sockets
but that a process of the guest and one of dom0 wake each other (wakes.c).
"""

import argparse
import json
import pathlib
import re
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "xen" / "lib")]
import report
from machine import Machine, WORK, wait_until

SOCKBENCH = "/usr/local/bin/sockbench"
WAKES = "/usr/local/bin/wakes"
PORT = 7000
OUT = TOP / "build" / "bench"

# name -> sockbench's client options, and who is the client
WORKS = {
    "out 1": ("-c 1 out", "guest"),
    "out 8": ("-c 8 out", "guest"),
    "out 64": ("-c 64 out", "guest"),
    "in 1": ("-c 1 in", "guest"),
    "in 8": ("-c 8 in", "guest"),
    "in 64": ("-c 64 in", "guest"),
    "rr 1": ("-s 1 rr", "guest"),
    "rr 1024": ("-s 1024 rr", "guest"),
    "udp 64": ("-s 64 udp", "guest"),
    "udp 1024": ("-s 1024 udp", "guest"),
    "query": ("-s 64 query", "guest"),
    "crr client": ("-s 64 crr", "guest"),
    "crr server": ("-s 64 crr", "peer"),
}

# how often a client in the guest waits for an answer, each time
WAITS = {"rr 1": 1, "rr 1024": 1, "udp 64": 1, "udp 1024": 1, "query": 1,
         "crr client": 2}

CONF = """toe bench {
	driver = "kernel"
	netdev = "xenbr0"
}
"""


class Network:
    """The bridge with one peer on it."""

    def __init__(self, machine, peer):
        self.machine = machine
        self.prefix = "198.51.100" if peer == "veth" else "192.0.2"
        self.peer = None
        self.bridge("bench0" if peer == "veth" else "toe0")
        if peer == "veth":
            self.add_namespace()
        else:
            self.peer = machine.remote
        self.peer_address = f"{self.prefix}.1"
        machine.dom0.run(f"ip addr replace {self.prefix}.2/24 dev xenbr0")

    def bridge(self, port):
        dom0 = self.machine.dom0
        if port == "bench0":
            dom0.run("ip link add bench0 type veth peer name bench1")
        dom0.run("ip link add xenbr0 type bridge forward_delay 0; "
                 f"ip link set {port} nomaster; ip addr flush dev {port}; "
                 f"ip link set {port} master xenbr0 up; "
                 "ip addr flush dev xenbr0; ip link set xenbr0 up")

    def add_namespace(self):
        self.machine.dom0.run(
            "ip netns add peer; ip link set bench1 netns peer; "
            "ip -n peer addr add 198.51.100.1/24 dev bench1; "
            "ip -n peer link set bench1 up; ip -n peer link set lo up")
        node = type(self.machine.remote)
        self.peer = node(self.machine, "peer", prefix="ip netns exec peer")


class Bench:
    def __init__(self, machine, peer, args):
        self.machine = machine
        self.args = args
        self.pin = "cpus = '1'" if args.pinned else ""
        self.network = Network(machine, peer)
        prefix = self.network.prefix
        # each path: who runs there, its address, the domain whose CPU counts
        self.paths = {"dom0": (machine.dom0, f"{prefix}.2", None)}
        if "vtoe" in args.paths:
            machine.dom0.write("/etc/vtoe/vtoed.conf", CONF)
            machine.dom0.run("systemctl restart vtoed")
            guest = machine.guest(
                "g-vtoe", vtoe=[f"ip={prefix}.10/24"], extra=self.pin)
            self.paths["vtoe"] = (guest, f"{prefix}.10", "g-vtoe")
        if "vif" in args.paths:
            guest = machine.guest("g-vif", vif=["bridge=xenbr0"],
                                  extra=self.pin)
            guest.set_up_vif(f"{prefix}.20/24")
            self.paths["vif"] = (guest, f"{prefix}.20", "g-vif")
        self.servers()
        self.answering = self.answer_wakes()
        self.overhead = {path: statistics.median(
            self.used(path, lambda: node.run("true"))[1] for _ in range(3))
            for path, (node, _, _) in self.paths.items()}

    def servers(self):
        start = f"{SOCKBENCH} server 0.0.0.0 {PORT}"
        self.network.peer.spawn(start)
        for node, address, _ in self.paths.values():
            node.spawn(start)
            wait_until(lambda n=node, a=address: self.network.peer.ok(
                f"{SOCKBENCH} client -t 0.1 rr {a} {PORT}"), 60,
                f"the server at {address}")
            wait_until(lambda n=node: n.ok(
                f"{SOCKBENCH} client -t 0.1 rr {self.network.peer_address} "
                f"{PORT}"), 60, f"the peer's server from {node.name}")

    def answer_wakes(self):
        """A guest that answers events, and its port; None without a guest."""
        for path, (guest, _, _) in self.paths.items():
            if path == "dom0":
                continue
            guest.run("modprobe xen-evtchn")
            job = guest.spawn(f"{WAKES} answer 0")
            job.wait_for_output("port")
            return guest, re.search(r"port (\d+)", job.output()).group(1)
        return None

    def wake(self):
        """Seconds until a guest's process has been woken, and has woken dom0's."""
        guest, port = self.answering
        result = json.loads(self.machine.dom0.run(
            f"{WAKES} ask {guest.domid} {port} {self.args.seconds}",
            timeout=self.args.seconds * 10 + 60).out)
        return result["seconds"] / result["operations"]

    def cpu(self):
        """Seconds of CPU time so far, of each domain."""
        lines = self.machine.dom0.run("xl list").out.splitlines()[1:]
        return {line.split()[0]: float(line.split()[-1]) for line in lines}

    def used(self, path, function):
        """What a function returns, and the CPU seconds of dom0 and guest."""
        domain = self.paths[path][2]
        before = self.cpu()
        result = function()
        after = self.cpu()
        return result, sum(after[d] - before[d]
                           for d in ("Domain-0", domain) if d)

    def measure(self, work, path):
        options, client = WORKS[work]
        node, address, _ = self.paths[path]
        if client == "guest":
            target = self.network.peer_address
        else:
            node, target = self.network.peer, address
        result, used = self.used(path, lambda: node.run(
            f"{SOCKBENCH} client -t {self.args.seconds} {options} {target} "
            f"{PORT}", timeout=self.args.seconds * 10 + 60))
        # starting a program and asking xl cost CPU time, too
        return json.loads(result.out), max(0, used - self.overhead[path])

    def run(self, samples, prefix):
        for repetition in range(self.args.runs):
            wake = self.wake() if self.answering else None
            for work in self.args.works:
                for path in self.paths:
                    result, cpu = self.measure(work, path)
                    self.note(samples, prefix + work, path, result, cpu)
                    print(f"  {repetition + 1}/{self.args.runs} "
                          f"{prefix}{work}: {path}: "
                          f"{self.brief(result)}", flush=True)
                if wake and work in WAITS:
                    self.note_ceiling(samples, prefix + work,
                                      WAITS[work] * wake)

    @staticmethod
    def note_ceiling(samples, work, waits):
        own = samples.values[work, "dom0", "rate"][-1]
        samples.add(work, "ceiling", "rate", "1/s", 1 / (1 / own + waits))

    @staticmethod
    def brief(result):
        if result["operations"]:
            return f"{result['operations'] / result['seconds']:.0f}/s"
        return f"{result['bytes'] / result['seconds'] / 1e6:.1f} MB/s"

    @staticmethod
    def note(samples, work, path, result, cpu):
        if result["operations"]:
            samples.add(work, path, "rate", "1/s",
                        result["operations"] / result["seconds"])
            samples.add(work, path, "cpu per 1000", "s",
                        cpu / result["operations"] * 1000)
        else:
            samples.add(work, path, "throughput", "MB/s",
                        result["bytes"] / result["seconds"] / 1e6)
            samples.add(work, path, "cpu per GB", "s",
                        cpu / result["bytes"] * 1e9)

    def end(self):
        for name in list(self.machine.guests):
            self.machine.guests[name].destroy()
        self.machine.dom0.run("systemctl stop vtoed; ip link del xenbr0; "
                              "ip link del bench0", check=False)
        for job in self.machine.background:
            job.signal(9)


def show(samples, topology):
    text = []
    for metric in samples.units:
        text += ["", *report.table(samples, metric, "dom0")]
    print("\n".join([f"\n{topology} topology: median (min–max), and the median "
                     "of the ratios within each repetition"] + text))


def measure_topology(args, topology, rows):
    args.pinned = topology == "pinned"
    samples = report.Samples()
    start = time.monotonic()
    print(f"{topology} topology: booting", flush=True)
    machine = Machine.boot(WORK / "bench",
                           dom0_cpus=1 if args.pinned else 2,
                           pinned=args.pinned)
    try:
        for peer in args.peers:
            bench = Bench(machine, peer, args)
            bench.run(samples, "" if peer == "veth" else "nic ")
            bench.end()
    finally:
        machine.shut_down()
    print(f"{topology} topology: {time.monotonic() - start:.0f} s")
    show(samples, topology)
    for metric in ("throughput", "rate"):
        if metric in samples.units:
            report.chart(samples, metric, "dom0",
                         f"{metric}, {topology} topology",
                         OUT / f"xen-{topology}-{metric}.png")
    rows += [dict(row, topology=topology) for row in samples.rows()]


def words(text):
    return [word.strip() for word in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--works", type=words, default=list(WORKS))
    parser.add_argument("--paths", type=words, default=["vtoe", "vif"])
    parser.add_argument("--peers", type=words, default=["veth", "nic"])
    parser.add_argument("--topologies", type=words,
                        default=["default", "pinned"])
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    rows = []
    for topology in args.topologies:
        measure_topology(args, topology, rows)
    report.save(rows, OUT / "xen.json")
    print(f"\nfigures: {OUT.relative_to(TOP)}/xen.json, charts beside it")


if __name__ == "__main__":
    main()
