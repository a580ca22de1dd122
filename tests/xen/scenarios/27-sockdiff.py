"""Random socket calls come out through vtoe as they do natively."""
import re

from story import *
import offload
import sockdiff

SECONDS = 420
RUN_SECONDS = 30
STEPS = 300         # that must have been compared; a run makes many times that

# What is freed or new is poisoned and checked: a program that sees memory of
# others, or has the kernel use what it freed, is found out.
CMDLINE = "slub_debug=FZPU init_on_free=1"


def compare(guest, options, what):
    step(what)
    result = sockdiff.run(guest, f"-t {RUN_SECONDS} {options}",
                          RUN_SECONDS + 60)
    lines = result.out.splitlines()
    step(lines[-1] if lines else str(result))
    compared = re.search(r"(\d+) steps compared", result.out)
    expect(compared and int(compared[1]) >= STEPS,
           f"at least {STEPS} steps compared: {result}")
    expect(result.rc == 0, f"no difference: {result}")


def story(machine):
    guest = offload.guest(machine, "differ", cmdline=CMDLINE)
    sockdiff.prepare(machine, guest)
    before = offload.counters(machine, guest)
    compare(guest, "-s 1", "sensible calls")
    compare(guest, "-s 100000 -b", "wild pointers, lengths and flags")
    after = offload.counters(machine, guest)
    expect(after["rx_bytes"] - before["rx_bytes"] > STEPS,
           "the sockets under test were offloaded")
