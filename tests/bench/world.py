# SPDX-License-Identifier: GPL-2.0
"""Benchmarks that are programs in a world of the native tests, without Xen."""

import os
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]


def lines(program, logs, args, **environment):
    """What a program of build/tests/bench writes; ends us if it fails.

    logs: the name of its suite, which its logs are kept by.
    """
    env = dict(os.environ, BENCH_SECONDS=str(args.seconds),
               BENCH_RUNS=str(args.runs), NATIVE_B="build",
               FAKEXEN_LIB=str(TOP / args.fakexen),
               NATIVE_LOGS=str(TOP / "build/native/logs"), **environment)
    bench = subprocess.Popen(
        [TOP / "tests/native/run", TOP / "build/tests/bench" / program],
        cwd=TOP, env=env, stdout=subprocess.PIPE, text=True)
    yield from bench.stdout
    if bench.wait():
        sys.exit(f"the benchmark failed; logs: build/native/logs/{logs}")
