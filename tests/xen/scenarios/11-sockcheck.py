"""Sockets behave as Linux's do: the same checks natively and through vtoe."""
from story import *
import offload

SECONDS = 600
PORT = 7001
CHECKS_SECONDS = 280


def checks(client, peer_node, address, options=""):
    server = peer_node.spawn(f"sockcheck server {address} {PORT}")
    server.wait_for_output("listening")
    result = client.run(f"sockcheck client {options} {address} {PORT}",
                        check=False, timeout=CHECKS_SECONDS)
    server.kill()
    failed = [line for line in result.out.splitlines()
              if line.startswith("FAILED")]
    lines = result.out.splitlines()
    step(lines[-1] if lines else f"no output: {result}")
    if result.rc != 0:
        raise Failure("\n".join(failed) or str(result))


def story(machine):
    guest = offload.guest(machine, "checked")
    step("natively, over the guest's loopback")
    checks(guest, guest, "127.0.0.1")
    step("through vtoe, IPv4")
    checks(guest, machine.remote, offload.REMOTE, "-o")
    step("through vtoe, IPv6")
    checks(guest, machine.remote, offload.REMOTE6, "-o")
