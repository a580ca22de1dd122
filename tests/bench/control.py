#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""make bench-control: a placement's cost, and the events that vtoed absorbs.

No Xen: place.c calls what the worker calls for each connect(); events.c lets
links go down and up under a vtoed of the native tests.
"""

import argparse
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(HERE))
import report
import world

OUT = TOP / "build" / "bench"
PROGRAMS = TOP / "build" / "tests" / "bench"


def note(samples, lines):
    for line in lines:
        if line.startswith("{"):
            row = json.loads(line)
            samples.add(row["work"], row["path"], row["metric"], row["unit"],
                        row["value"])
        else:
            print(line, end="")


def place(args, samples):
    for run in range(args.runs):
        print(f"  {run + 1}/{args.runs} placements", flush=True)
        done = subprocess.run([PROGRAMS / "place", str(args.seconds)],
                              check=True, stdout=subprocess.PIPE, text=True)
        note(samples, done.stdout.splitlines())


def events(args, samples):
    print("  events", flush=True)
    note(samples, world.lines("events", "events", args))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--fakexen", default="build/fakexen/lib")
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    placed, absorbed = report.Samples(), report.Samples()
    place(args, placed)
    events(args, absorbed)
    print("\n" + "\n".join(report.table(placed, "cost", "syscall")))
    for metric in absorbed.units:
        print("\n" + "\n".join(report.table(absorbed, metric, "vtoed")))
    report.save(placed.rows() + absorbed.rows(), OUT / "control.json")


if __name__ == "__main__":
    main()
