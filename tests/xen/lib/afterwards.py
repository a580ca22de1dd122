# SPDX-License-Identifier: GPL-2.0
"""What must hold before and after every scenario."""

import re

from machine import Failure, wait_until

# Words of a kernel in trouble. "still pending", "still in use": a grant that
# the other side has not given back.
TROUBLE = re.compile(
    r"\bBUG\b|WARNING:|\bOops\b|lockdep|possible circular|INFO: task .*blocked"
    r"|general protection|Call Trace|soft lockup|hard LOCKUP|rcu.*stall"
    r"|Kernel panic|unable to handle|[Ll]eak|grant.*still (pending|in use)"
    r"|g\.e\. .*still|refcount_t|Bad page|use-after-free|scheduling while")
XEN_TROUBLE = re.compile(
    r"\(XEN\).*(BUG at|Assertion|Xen WARN|Xen BUG|FATAL|Panic on CPU|Call Trace"
    r"|crashed|Unhandled|leak)")
# Said by every healthy machine here.
HARMLESS = re.compile(r"rcu.*kthread|Mapping leak|leak_?detector|kmemleak"
                      r"|kmem_?leak|mitigation")

GONE_SECONDS = 30

SURVEY = r"""
echo "netns: $(ip netns list | cut -d' ' -f1 | sort | tr '\n' ' ')"
echo "links: $(ls /sys/class/net | sort | tr '\n' ' ')"
echo "workers: $(pgrep -c -x vtoe-worker)"
echo "backends: $(xenstore-ls /local/domain/0/backend/vtoe 2>/dev/null |
	tr -s ' \n' ' ')"
echo "records: $(xenstore-ls /local/domain/0/vtoe/context 2>/dev/null |
	tr -s ' \n' ' ')"
echo "failed units: $(systemctl --failed --plain --no-legend |
	cut -d' ' -f1 | tr '\n' ' ')"
echo "domains: $(xl list | awk 'NR > 1 { print $(NF - 4) }' | tr '\n' ' ')"
"""


def survey(machine):
    """What of dom0 must be the same after a scenario as before it."""
    return machine.dom0.run(SURVEY).out


def differences(before, after):
    old, new = before.splitlines(), after.splitlines()
    return [f"{a} (before: {b.split(':', 1)[1].strip() or 'none'})"
            for a, b in zip(new, old) if a != b]


def wait_for_quiet(machine, before):
    """Waits until dom0 is as it was. Returns what is not, as texts."""
    seen = []

    def same():
        seen[:] = differences(before, survey(machine))
        return not seen

    try:
        wait_until(same, GONE_SECONDS, "dom0 as it was before", interval=1)
    except Failure:
        pass
    return [f"left in dom0: {d}" for d in seen]


def trouble(name, text, allowed=()):
    """The lines of a kernel's log that no healthy kernel writes."""
    pattern = XEN_TROUBLE if name == "xen" else TROUBLE
    found = []
    for line in text.splitlines():
        if name == "xen" and not line.startswith("(XEN)"):
            continue
        if not pattern.search(line) or HARMLESS.search(line):
            continue
        if any(re.search(a, line) for a in allowed):
            continue
        found.append(f"{name}'s log: {line.strip()}")
    return found
