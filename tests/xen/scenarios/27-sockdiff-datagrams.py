"""Random calls on UDP sockets come out through vtoe as they do natively.

So do those with wild pointers, lengths and flags.
"""
import sockdiff

SECONDS = 420


def story(machine):
    with sockdiff.prepared(machine, "differu") as guest:
        sockdiff.compare(guest, "-u -s 1 -n 30", "sensible calls")
        sockdiff.compare(guest, "-u -s 100000 -b -n 50",
                         "wild pointers, lengths and flags")
