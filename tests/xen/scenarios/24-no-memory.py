"""Whichever allocation of the guest's driver fails: an error, and no more."""
from machine import TOP
from story import *
import offload
import web

SECONDS = 500
PORT = 7200
FAILALLOC = TOP / "build/tests/xen/failalloc/failalloc.ko"
PARAMETERS = "/sys/module/failalloc/parameters"
URL = f"http://{offload.REMOTE}"
RATES = (2, 3, 5, 11, 40)   # one allocation of so many fails
FLAT = ("grant_maps", "grant_unmaps", "evtchn_binds")


class Failing:
    """failalloc.ko, loaded in a guest."""

    def __init__(self, guest):
        self.guest = guest
        guest.put(FAILALLOC, "/root/failalloc.ko")
        words = guest.run("grep '^vtoe ' /proc/modules").out.split()
        start, size = int(words[5], 16), int(words[1])
        guest.run(f"insmod /root/failalloc.ko start={start} end={start + size}")

    def set(self, **values):
        values = {"seen": 0, "failed": 0, **values}
        self.guest.run("; ".join(f"echo {value} >{PARAMETERS}/{name}"
                                 for name, value in values.items()))

    def get(self, name):
        return int(self.guest.read(f"{PARAMETERS}/{name}"))


def story(machine):
    with web.server(machine, root=offload.MEMORY_ROOT) as server:
        total = server.file("small", 8)
        guest = machine.guest("poor")
        failing = Failing(guest)
        starting(machine, guest, failing)
        running(machine, guest, failing, total)


def attach(machine):
    machine.dom0.run(f"vtoectl attach poor '{offload.ENTRY}'", check=False)


def detach(machine, guest):
    machine.dom0.run("vtoectl detach poor")
    wait_until(lambda: offload.device(machine, guest) is None, 30,
               "the device is gone")


def starting(machine, guest, failing):
    step("a device starts: how many allocations is that?")
    failing.set()
    attach(machine)
    offload.wait_connected(machine, guest)
    needed = failing.get("seen")
    expect(needed > 100, f"many allocations; there were {needed}")
    detach(machine, guest)

    # All later ones fail, too, since the driver tries again after a second.
    step(f"one of the {needed} fails: the device does not start")
    error = "error/device/vtoe/0/error"
    for nth in (1, 2, 3, 4, 5, 6, 7, needed // 2, needed - 2, needed - 1):
        machine.dom0.run(f"xenstore-rm /local/domain/{guest.domid}/{error}",
                         check=False)
        failing.set(**{"from": nth})
        attach(machine)
        wait_until(lambda: failing.get("failed") >= 1, 30,
                   f"allocation {nth} fails")
        wait_until(lambda: guest.xenstore(error), 30,
                   f"an error after allocation {nth}")
        expect(guest.xenstore("device/vtoe/0/state") != "4",
               f"the frontend does not connect after allocation {nth}")
        expect(offload.device(machine, guest)["state"] != "connected",
               f"no connection after allocation {nth}")
        failing.set(**{"from": 0})
        detach(machine, guest)


def running(machine, guest, failing, total):
    step("the same device starts when there is memory")
    attach(machine)
    offload.wait_connected(machine, guest)
    web.fetch(guest, f"{URL}/small", total)
    crowd = machine.remote.spawn(f"crowd server {offload.REMOTE} {PORT}")
    crowd.wait_for_output("listening")
    peer = machine.remote.spawn(f"sockcheck server {offload.REMOTE} "
                                f"{PORT + 1}")
    before = offload.counters(machine, guest)
    idle = offload.device(machine, guest)["contexts"]

    for every in RATES:
        step(f"one allocation of {every} fails under load")
        failing.set(every=every)
        guest.run(f"timeout 60 crowd churn 300 {offload.REMOTE} {PORT}",
                  check=False, timeout=90)
        guest.run("for i in 1 2 3 4 5 6 7 8; do "
                  f"curl -sS -m 20 {URL}/small >/dev/null; done",
                  check=False, timeout=200)
        guest.run("timeout 60 sockcheck client -o "
                  f"{offload.REMOTE} {PORT + 1} listen", check=False)
        expect(failing.get("failed") > 0, "allocations failed")
        failing.set(every=0)
        web.fetch(guest, f"{URL}/small", total)

    step("nothing is left, and nothing was granted")
    wait_until(lambda: offload.device(machine, guest)["contexts"] == idle, 60,
               "the contexts are gone", interval=1)
    guest.run(f"crowd churn 300 {offload.REMOTE} {PORT}")
    after = offload.counters(machine, guest)
    for name in FLAT:
        expect_equal(after[name], before[name], name)
    crowd.kill()
    peer.kill()
