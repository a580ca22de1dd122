# SPDX-License-Identifier: GPL-2.0
"""programs/sockcheck, run by stories."""

import engine
from machine import Failure
from story import step

PORT = 7001
JOBS = 3                        # checks at once: most of them wait
CHECKS_SECONDS = 400

# Checks that fail on another engine than the kernel, for what vtoed.conf(5) says.
LACKS = {"lwip": {
    "option-tcp-info",                  # options that it does not have
    "option-congestion",
    "option-accept-deferred",
    "life-reuse-port-shares",
    "life-reuse-port-is-of-one-user",
    "udp: the largest datagram",        # has more than ten pieces
}}


def is_lack(line):
    return any(line.startswith(f"FAILED {name}: ")
               for name in LACKS.get(engine.DRIVER, ()))


def run(client, peer, address, options="", words="",
        timeout=CHECKS_SECONDS):
    """Checks in a node, against a server in another one; words choose."""
    server = peer.spawn(f"sockcheck server {address} {PORT}")
    server.wait_for_output("listening")
    result = client.run(f"sockcheck client {options} -j {JOBS} {address} "
                        f"{PORT} {words}", check=False, timeout=timeout)
    server.kill()
    lines = result.out.splitlines()
    step(lines[-1] if lines else f"no output: {result}")
    failed = [line for line in lines if line.startswith("FAILED")]
    unknown = [line for line in failed if client is peer or not is_lack(line)]
    if unknown or result.rc != bool(failed):
        raise Failure("\n".join(unknown) or str(result))
