#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""make bench-switch: what a native socket costs when vtoe.ko is loaded.

    guest ── veth ── network namespace of the guest, where vtoe.ko touches nothing

The same works with the module absent and loaded, with a device and a list of
rules of which the last one matches; in turn, repetition by repetition. rr and
streams show what a decided socket costs (nothing), crr what the decision does.
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
from machine import Machine, WORK, wait_until
from switchtry import PEER, prepare, rules

PORT = 7000
OUT = TOP / "build" / "bench"
WORKS = {"out 1": "-c 1 out", "in 1": "-c 1 in", "rr 1": "-s 1 rr",
         "crr": "-s 64 crr"}


def list_of_rules(nr):
    """None but the last one matches."""
    return "\n".join([f"native remote=203.0.113.{n % 256} rport={n + 1}"
                      for n in range(nr - 1)] + ["native"])


def load(guest, args):
    guest.run("insmod /lib/modules/$(uname -r)/extra/vtoe.ko")
    offload.wait_connected(guest.machine, guest)
    rules(guest, list_of_rules(args.rules))


def unload(guest):
    guest.run("echo vtoe-0 >/sys/bus/xen/drivers/vtoe/unbind")
    wait_until(lambda: guest.ok("rmmod vtoe"), 30, "rmmod", interval=0.5)


def measure(guest, args, samples, path):
    for work, options in WORKS.items():
        result = json.loads(guest.run(
            f"sockbench client -t {args.seconds} {options} {PEER} {PORT}").out)
        if result["operations"]:
            samples.add(work, path, "rate", "1/s",
                        result["operations"] / result["seconds"])
        else:
            samples.add(work, path, "throughput", "MB/s",
                        result["bytes"] / result["seconds"] / 1e6)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rules", type=int, default=16)
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    samples = report.Samples()
    machine = Machine.boot(WORK / "bench")
    try:
        guest = machine.guest("bench", load=False, vtoe=[offload.ENTRY])
        prepare(guest)
        guest.spawn(f"ip netns exec peer sockbench server 0.0.0.0 {PORT}")
        wait_until(lambda: guest.ok("ip netns exec peer ss -Hltn | "
                                    f"grep -q :{PORT}"), 30, "the server")
        for run in range(args.runs):
            print(f"  {run + 1}/{args.runs}", flush=True)
            measure(guest, args, samples, "absent")
            load(guest, args)
            measure(guest, args, samples, "loaded")
            unload(guest)
    finally:
        machine.shut_down()
    for metric in samples.units:
        print("\n" + "\n".join(report.table(samples, metric, "absent")))
    report.save(samples.rows(), OUT / "switch.json")


if __name__ == "__main__":
    main()
