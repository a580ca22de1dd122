"""Sockets behave as Linux's do: the same checks natively and through vtoe."""
from story import *
import offload
import sockcheck

SECONDS = 600


def story(machine):
    guest = offload.guest(machine, "checked")
    step("natively, over the guest's loopback")
    sockcheck.run(guest, guest, "127.0.0.1")
    step("through vtoe, IPv4")
    sockcheck.run(guest, machine.remote, offload.REMOTE, "-o")
    step("through vtoe, IPv6")
    sockcheck.run(guest, machine.remote, offload.REMOTE6, "-o")
