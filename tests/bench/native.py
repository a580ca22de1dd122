#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""make bench: the ring protocol and the worker at native speed.

The test guest of tests/native (no Xen, no kernel module) beside plain sockets
of the same namespace, to the same peer behind a veth.
"""

import argparse
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(HERE))
import report
import world

OUT = TOP / "build" / "bench"


def measure(args, samples):
    sockbench = str(TOP / "build/xen/guest-bin/sockbench")
    for line in world.lines("native_bench", "bench", args,
                            SOCKBENCH=sockbench):
        if not line.startswith("{"):
            # sockbench's object ends its line before ours does
            if line.strip() not in ("", "}"):
                print(line, end="")
            continue
        line = line.strip()
        if '"result"' in line and not line.endswith("}}"):
            line += "}"
        note(samples, json.loads(line))


def note(samples, row):
    result = row.get("result", row)
    work = row.get("name") or row["work"]
    if result["operations"]:
        unit, metric = "1/s", "rate"
        value = result["operations"] / result["seconds"]
    else:
        unit, metric = "MB/s", "throughput"
        value = result["bytes"] / result["seconds"] / 1e6
    samples.add(work, row["path"], metric, unit, value)
    print(f"  run {row['run']} {work}: {row['path']}: {value:.0f} {unit}",
          flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--fakexen", default="build/fakexen/lib")
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    samples = report.Samples()
    measure(args, samples)
    for metric in samples.units:
        print("\n".join(["", *report.table(samples, metric, "dom0")]))
        report.chart(samples, metric, "dom0", f"{metric}, native level",
                     OUT / f"native-{metric}.png")
    report.save(samples.rows(), OUT / "native.json")
    print(f"\nfigures: {OUT.relative_to(TOP)}/native.json, charts beside it")


if __name__ == "__main__":
    main()
