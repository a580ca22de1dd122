# SPDX-License-Identifier: GPL-2.0
"""A server that tells who calls, for stories.

    greet.serve(machine.remote)
    greet.told(guest, offload.REMOTE)       # "192.0.2.10"
"""

PORT = 7300


def serve(node):
    """On a node, at no address of its own choice; IPv4 only."""
    return node.spawn(f"socat TCP-LISTEN:{PORT},fork,reuseaddr "
                      "SYSTEM:'echo $SOCAT_PEERADDR'")


def call(address):
    """A shell command that prints the address that a server there saw."""
    return f"socat -u TCP:{address}:{PORT} -"


def told(node, address):
    """The address that it saw, or "" if there was no answer."""
    return node.run(call(address), check=False).out.strip()
