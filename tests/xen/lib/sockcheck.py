# SPDX-License-Identifier: GPL-2.0
"""programs/sockcheck, run by stories."""

from machine import Failure
from story import step

PORT = 7001
JOBS = 3                        # checks at once: most of them wait
CHECKS_SECONDS = 400


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
    if result.rc != 0:
        failed = [line for line in lines if line.startswith("FAILED")]
        raise Failure("\n".join(failed) or str(result))
