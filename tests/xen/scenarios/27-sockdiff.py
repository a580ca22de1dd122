"""Random socket calls come out through vtoe as they do natively."""
import sockdiff

SECONDS = 420


def story(machine):
    with sockdiff.prepared(machine, "differ") as guest:
        sockdiff.compare(guest, "-s 1 -n 50", "sensible calls")
        sockdiff.compare(guest, "-s 100000 -b -n 50",
                         "wild pointers, lengths and flags")
