"""Random calls on UDP sockets come out through vtoe as they do natively.

Those with wild pointers, lengths and flags do no harm; a few kinds of them still
differ in which of two faults is told, so their number is only shown.
"""
import sockdiff

SECONDS = 420


def story(machine):
    with sockdiff.prepared(machine, "differu") as guest:
        sockdiff.compare(guest, "-u -s 1 -n 30", "sensible calls")
        sockdiff.run(guest, "-u -s 100000 -b", "wild pointers, lengths and flags")
