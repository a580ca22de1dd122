"""Random calls on UDP sockets come out through vtoe as they do natively.

Those with wild pointers, lengths and flags do no harm; a few kinds of them still
differ in which of two faults is told, so their number is only shown.
"""
from story import *
import offload
import sockdiff

SECONDS = 420


def story(machine):
    guest = offload.guest(machine, "differu", cmdline=sockdiff.CMDLINE)
    sockdiff.prepare(machine, guest)
    before = offload.counters(machine, guest)
    sockdiff.compare(guest, "-u -s 1 -n 30", "sensible calls")
    sockdiff.run(guest, "-u -s 100000 -b", "wild pointers, lengths and flags")
    after = offload.counters(machine, guest)
    expect(after["rx_bytes"] - before["rx_bytes"] > sockdiff.STEPS,
           "the sockets under test were offloaded")
