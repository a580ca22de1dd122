"""Sockets behave as Linux's do: the same checks natively and through vtoe."""
from story import *
import offload
import sockcheck

SECONDS = 900
LISTENING = "listen accept bind life workers epoll uring option-inherited"


def story(machine):
    guest = offload.guest(machine, "checked")
    step("natively, over the guest's loopback")
    sockcheck.run(guest, guest, "127.0.0.1")
    step("through vtoe, with listeners that serve both worlds")
    sockcheck.run(guest, machine.remote, offload.REMOTE, "-o -a", LISTENING)
    step("through vtoe, IPv4")
    sockcheck.run(guest, machine.remote, offload.REMOTE, "-o")
    step("through vtoe, IPv6")
    sockcheck.run(guest, machine.remote, offload.REMOTE6, "-o")
