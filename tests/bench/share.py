#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""make bench-share: how exactly guests share a TOE, at native level.

Two test guests of tests/native (no Xen, no kernel module) send as much as they can
by one TOE that has a rate; then one alone, by a TOE without a rate and by one whose
rate is more than it can send. Each has two streams, unless it says otherwise: then
guest one has so many.
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


def rows(args):
    for line in world.lines("share_bench", "share", args):
        if line.startswith("{"):
            yield json.loads(line)
        else:
            print(line, end="")


def note(shared, alone, row):
    if "alone" in row:
        path = "with a rate" if row["rate"] else "without"
        alone.add("one guest alone", path, "alone", "Mbit/s",
                  row["alone"] * 8 / 1e6)
        return
    work = (f"{row['rate']} Mbit/s, 1:{row['share'] / 100:g}" +
            (f", {row['streams']} streams" if row["streams"] > 2 else ""))
    for path in "one", "two":
        shared.add(work, path, "shares", "Mbit/s", row[path] * 8 / 1e6)
    shared.add(work, "both", "shares", "Mbit/s",
               (row["one"] + row["two"]) * 8 / 1e6)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--fakexen", default="build/fakexen/lib")
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    shared, alone = report.Samples(), report.Samples()
    for row in rows(args):
        note(shared, alone, row)
        print(f"  {row}", flush=True)
    print("\n".join(["", *report.table(shared, "shares", "one"), "",
                     *report.table(alone, "alone", "without")]))
    report.save(shared.rows() + alone.rows(), OUT / "share.json")


if __name__ == "__main__":
    main()
