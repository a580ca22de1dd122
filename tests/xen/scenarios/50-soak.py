"""TOEs break, come and go at random under load; every transfer is right or fails truly.

    guest mover ── vtoe ─┬─ toe0: a ──┬─ siblings: what is on one can move
                         └─ toe1: b ──┘
    guest wide  ── vtoe ─┬─ toe0: c ──┬─ each with an address of its own, and
                         └─ toe1: d ──┘  with an engine that does half the work

`make soak SOAK_SECONDS=600 SOAK_SEED=1` runs it; the seed is printed.
"""
import os
import random
import re
import time

from story import *
from gap import Gap, PORT
import offload
import siblings
from siblings import configure, wait_up
import web

PART = "soak"
SOAK_SECONDS = int(os.environ.get("SOAK_SECONDS") or 600)
SECONDS = SOAK_SECONDS + 900
SEED = int(os.environ.get("SOAK_SEED") or time.time())
FILE_MB = 8
CROWD = 50
LOOPS = 1                   # of transfers at once in each guest
TALKERS = 4                 # of chatter's
BROKEN_AT_ONCE = 2
POLICIES = ("in-order", "least-loaded", "round-robin", "hash", "weighted")
CONFIG = """
toe "a" { netdev = "toe0" link = "macvlan" segment = "lan" weight = %(weight)d }
toe "b" { netdev = "toe1" link = "macvlan" segment = "lan" }
toe "c" { netdev = "toe0" link = "macvlan" driver = "fault"
          fault = "seed=3,short=10%%,again=10%%" }
toe "d" { netdev = "toe1" link = "macvlan" driver = "fault"
          fault = "seed=4,short=10%%,again=10%%"
          addresses = "192.0.2.60-192.0.2.69/24" gateway = "192.0.2.1" }
pool "lan" { toes = {%(lan)s} policy = "%(policy)s" }
pool "both" { toes = {%(both)s} policy = "%(policy)s" spread = 2 }
"""
SOUND = {"weight": 100, "lan": '"a", "b"', "both": '"c", "d"',
         "policy": "in-order"}
MOVER = "pool=lan,on-loss=wait:60," + offload.ENTRY
WIDE = "pool=both,on-loss=reset,ip=192.0.2.20/24,gateway=192.0.2.1"

# curl's exit codes that tell the truth about a lost engine: no connection,
# and a reset. An early end without an error (18, 52) does not.
TRUE_FAILURES = (7, 56)

# A loop of transfers: for each a line "exit-code SHA-256".
LOOP = """until test -e /tmp/stop; do
	sum=$({ curl -sf -m 120 --limit-rate 3M %s; echo $? >/tmp/rc.%d; } |
		sha256sum | cut -d' ' -f1)
	echo $(cat /tmp/rc.%d) $sum
	sleep 0.2
done"""


class Broken:
    """What is wrong for a while, and how it is mended; or what is over at once."""

    def __init__(self, text, what=(), mend=None):
        self.text, self.what, self.mend = text, what, mend
        self.until = 0.0


# One of a and b at a time: without any, connect() says so, as it should.
ILL = "a or b is ill"


class Trouble:
    """What happens to the TOEs: things break, and are mended a little later."""

    def __init__(self, machine, dice):
        self.machine, self.dice = machine, dice
        self.config = dict(SOUND)
        self.broken = []
        self.events = 0

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.mend(time.monotonic())
            if len(self.broken) < BROKEN_AT_ONCE:
                self.break_something()
            time.sleep(self.dice.uniform(0.1, 1))
        self.mend(None)

    def mend(self, now):
        for b in list(self.broken):
            if now is None or b.until < now:
                self.machine.note(f"soak: mended: {b.text}")
                b.mend()
                self.broken.remove(b)

    def break_something(self):
        make = self.dice.choice((self.cable, self.cable, self.flap, self.drain,
                                 self.unplug, self.unconfigured, self.policy,
                                 self.weight, self.restart, self.rebalance))
        b = make()
        if not b:
            return
        self.events += 1
        self.machine.note(f"soak: {b.text}")
        if b.mend:
            b.until = time.monotonic() + self.dice.uniform(0.05, 4)
            self.broken.append(b)

    def free(self, *what):
        """Whether nothing of this is broken already, or being mended."""
        return not any(w in b.what for b in self.broken for w in what)

    def dom0(self, command):
        self.machine.dom0.run(command, timeout=120)

    def reconfigure(self, **changes):
        self.config.update(changes)
        configure(self.machine, CONFIG % self.config)

    # What can break

    def cable(self):
        nic = self.dice.choice(("toe0", "toe1"))
        if not self.free(nic, ILL):
            return None
        self.machine.set_link(nic, False)
        return Broken(f"{nic} without cable", (nic, ILL),
                      lambda: self.machine.set_link(nic, True))

    def flap(self):
        nic = self.dice.choice(("toe0", "toe1"))
        if not self.free(nic, ILL):
            return None
        for up in (False, True) * 20:
            self.machine.set_link(nic, up)
            time.sleep(0.05)
        return Broken(f"{nic} flapped")

    def drain(self):
        toe = self.dice.choice("abcd")
        what = ILL if toe in "ab" else "drain " + toe
        if not self.free("daemon", what, "config"):
            return None
        self.dom0(f"vtoectl drain {toe}")
        return Broken(f"toe {toe} drained", (what,),
                      lambda: self.dom0(f"vtoectl undrain {toe}"))

    def unplug(self):
        nic = self.dice.choice(("toe0", "toe1"))
        if not self.free("toe0", "toe1", "daemon", ILL):
            return None
        self.machine.unplug(nic)
        return Broken(f"{nic} unplugged", ("toe0", "toe1", ILL),
                      lambda: self.machine.plug(nic))

    def unconfigured(self):
        if not self.free("config", "daemon", "drain c", "drain d", ILL):
            return None
        self.reconfigure(lan='"a"', both='"c"')
        return Broken("b and d in no pool", ("config", ILL),
                      lambda: self.reconfigure(**SOUND))

    def policy(self):
        if not self.free("config", "daemon"):
            return None
        policy = self.dice.choice(POLICIES)
        self.reconfigure(policy=policy)
        return Broken(f"policy {policy}", ("config",),
                      lambda: self.reconfigure(**SOUND))

    def weight(self):
        if not self.free("config", "daemon"):
            return None
        self.reconfigure(weight=self.dice.randint(1, 1000))
        return Broken("another weight", ("config",),
                      lambda: self.reconfigure(**SOUND))

    def restart(self):
        if not self.free("daemon"):
            return None
        how = self.dice.choice(("systemctl restart vtoed",
                                "pkill -KILL -x vtoed"))
        self.dom0(how)
        wait_until(lambda: self.machine.dom0.ok("vtoectl list >/dev/null"), 60,
                   "vtoed is back")
        return Broken(how)

    def rebalance(self):
        if not self.free("daemon"):
            return None
        self.dom0("vtoectl rebalance")
        return Broken("rebalanced")


def story(machine):
    before = machine.dom0.read(siblings.CONFIG_FILE)
    configure(machine, CONFIG % SOUND)
    try:
        with web.server(machine, root=offload.MEMORY_ROOT) as server:
            total = server.file("soak", FILE_MB)
            machine.remote.spawn(f"crowd server {offload.REMOTE} {PORT}"
                                 ).wait_for_output("listening")
            soak(machine, total)
    finally:
        machine.dom0.run("for t in a b c d; do vtoectl undrain $t; done",
                         check=False)
        machine.links_up()
        configure(machine, before)


# What may differ afterwards: times, counts and numbers of moves in XenStore; the
# link-local addresses and the metrics of links that were made anew.
VOLATILE = re.compile(r"fe80::|/(since|generation|remaps|moves|"
                      r"reason|load|contexts|events|when|time)\b")
METRIC = re.compile(r" metric \d+")


def settled(machine, guests):
    """Tables, namespaces, addresses and XenStore, as lines."""
    machine.dom0.run("vtoectl rebalance")
    lines = []
    for g in guests:
        netns = offload.netns(g)
        lines += machine.dom0.run(
            f"ip -n {netns} -o addr | awk '{{ print $2, $3, $4 }}' | sort; "
            f"ip -n {netns} rule | sort; "
            f"ip -n {netns} route show table all | sort; "
            f"ip -n {netns} -6 route show table all | grep -v ^fe80 | sort"
        ).out.splitlines()
        lines += machine.dom0.run(
            f"xenstore-ls -f {offload.backend_path(g)} | sort").out.splitlines()
    lines += machine.dom0.run("ls /sys/class/net; ip netns list | "
                              "cut -d' ' -f1 | sort").out.splitlines()
    return [METRIC.sub("", line) for line in lines
            if not VOLATILE.search(line)]


def expect_settled(machine, guests, expected):
    seen = []

    def same():
        now = settled(machine, guests)
        seen[:] = ([f"- {line}" for line in expected if line not in now] +
                   [f"+ {line}" for line in now if line not in expected])
        return not seen

    try:
        wait_until(same, 60, "all as configured", interval=2)
    except Failure as e:
        raise Failure(f"{e}: {seen}") from None


def outcomes(jobs):
    """Exit code and content of each transfer of these loops."""
    lines = []
    for job in jobs:
        lines += job.wait(180).out.splitlines()
    return [(int(rc), total) for rc, total in map(str.split, lines)]


def soak(machine, total):
    step(f"two guests, their transfers and {CROWD} held connections; "
         f"seed {SEED}")
    mover = offload.guest(machine, "mover", vtoe=[MOVER])
    wide = offload.guest(machine, "wide", vtoe=[WIDE])
    guests = (mover, wide)
    idle = {g: len(offload.contexts(machine, g)) for g in guests}
    configured = settled(machine, guests)
    held = Gap(mover, CROWD, 1000)
    url = f"http://{offload.REMOTE}/soak"
    jobs = {g: [g.spawn(LOOP % (url, n, n)) for n in range(LOOPS)]
            for g in guests}
    chatter = machine.remote.spawn(f"chatter server {offload.REMOTE} 7100")
    chatter.wait_for_output("listening")
    words = mover.spawn(f"chatter client -c {TALKERS} -t {SOAK_SECONDS} -s {SEED} "
                        f"{offload.REMOTE} 7100")

    trouble = Trouble(machine, random.Random(SEED))
    trouble.run(SOAK_SECONDS)
    step(f"{trouble.events} events in {SOAK_SECONDS} s are over")
    wait_up(machine, "a", "b", "c", "d")
    for g in guests:
        g.run("touch /tmp/stop")

    found = outcomes(jobs[mover])
    step(f"the mover's {len(found)} transfers are all right")
    expect_equal([f for f in found if f != (0, total)], [], "those that are not")
    said = words.wait(180, check=False)
    expect_equal(said.rc, 0, f"chatter: {said}")
    expect_equal(held.ask()["lost"], 0, "held connections lost")
    held.end()

    found = outcomes(jobs[wide])
    failed = [rc for rc, _ in found if rc]
    step(f"of the other's {len(found)} transfers {len(failed)} failed, truly")
    expect_equal([t for rc, t in found if not rc and t != total], [],
                 "wrong ones that pass for right")
    expect_equal([rc for rc in failed if rc not in TRUE_FAILURES], [],
                 "failures that do not tell the truth")

    step("tables, namespaces, addresses and XenStore are as configured")
    for g in guests:
        wait_until(lambda: len(offload.contexts(machine, g)) == idle[g], 90,
                   f"no context of {g.name} is left", interval=1)
    expect_settled(machine, guests, configured)
    chatter.kill()
