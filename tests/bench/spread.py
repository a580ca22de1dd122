#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""make bench-spread: what a second NIC gives a guest, if each has the same rate.

    sockbench (guest) ── vtoe ─┬─ toe0, --rate ──┐
                               └─ toe1, --rate ──┴─ remote host: sockbench server

Streams out, first of a guest on one TOE, then of one that is spread over both,
interleaved. The rate is a token bucket (tc-tbf) on each of dom0's two NICs; it is
to be well below what this machine can carry at all.
"""

import argparse
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(HERE), str(HERE.parent / "xen" / "lib")]
import offload
import report
import siblings
from machine import Machine, WORK

PORT = 7100
CONFIG = """
toe "a" { netdev = "toe0" }
toe "b" { netdev = "toe1" addresses = "192.0.2.60-192.0.2.69/24" }
pool "one" { toes = {"a"} }
pool "two" { toes = {"a", "b"} policy = "round-robin" spread = 2 }
"""
ADDRESSES = {"one": "192.0.2.10/24", "two": "192.0.2.20/24"}
OUT = TOP / "build" / "bench"


def limit(machine, rate):
    for nic in "toe0", "toe1":
        machine.dom0.run(f"tc qdisc replace dev {nic} root tbf rate {rate} "
                         "burst 64kb latency 100ms")


def stream(guest, args):
    out = guest.run(f"sockbench client -c {args.connections} -s 65536 "
                    f"-t {args.seconds} out {offload.REMOTE} {PORT}",
                    timeout=args.seconds + 120).out
    seen = json.loads(out)
    return seen["bytes"] * 8 / seen["seconds"] / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--rate", default="20mbit", help="as tc has it")
    args = parser.parse_args()
    samples = report.Samples()
    machine = Machine.boot(WORK / "bench")
    try:
        siblings.configure(machine, CONFIG)
        limit(machine, args.rate)
        machine.remote.spawn(f"sockbench server {offload.REMOTE} {PORT}")
        guests = {pool: offload.guest(
            machine, pool, vtoe=[f"pool={pool},ip={address}"])
            for pool, address in ADDRESSES.items()}
        for run in range(args.runs):
            for pool, guest in guests.items():
                rate = stream(guest, args)
                samples.add(f"out, {args.connections} streams", pool,
                            "throughput", "Mbit/s", rate)
                print(f"  {run + 1}/{args.runs} {pool}: {rate:.1f} Mbit/s",
                      flush=True)
    finally:
        machine.shut_down()
    print("\n" + "\n".join(report.table(samples, "throughput", "one")))
    report.save(samples.rows(), OUT / "spread.json")


if __name__ == "__main__":
    main()
