"""Engines come, go and fail while guests use them.

    guest ── vtoe ─┬─ toe0: a ────────────┐
                   └─ toe1: b, bad, … ────┴─ peer0, remote host

TOEs are added and removed by vtoectl, a NIC is unplugged, and an engine fails at
its work although its NIC is well.
"""
from story import *
from gap import Gap, PORT
import offload
import siblings
from siblings import configure, live_through, toe, wait_on, wait_up
import web

SECONDS = 400
FILE_MB = 20
CROWD = 50
CONFIG = """
toe "a" { netdev = "toe0" segment = "lan" }
toe "bad" { driver = "fault" netdev = "toe1" link = "macvlan" segment = "lan"
            fault = "seed=7,short=20%,again=20%,delay=10%:5ms" }
toe "worse" { driver = "fault" netdev = "toe1" link = "macvlan" segment = "lan"
              fault = "connect-error=100%" }
toe "fair" { driver = "fault" netdev = "toe1" link = "macvlan" segment = "lan" }
pool "lan" { toes = {"a"} policy = "in-order" }
pool "rotten" { toes = {"bad", "worse", "fair"} policy = "in-order" }
"""
ADD = "vtoectl toe add b netdev=toe1 segment=lan pool=lan"
FAILING = "ip=192.0.2.20/24,gateway=192.0.2.1,pool=rotten"
FETCH = f"curl -sf -m 20 -o /dev/null http://{offload.REMOTE}/"


def refused(machine, command, text):
    result = machine.dom0.run(command, check=False)
    expect(result.rc != 0 and text in result.out + result.err,
           f"{command} is refused, with \"{text}\": {result}")


def story(machine):
    before = machine.dom0.read(siblings.CONFIG_FILE)
    configure(machine, CONFIG)
    try:
        with web.server(machine, root=offload.MEMORY_ROOT) as server:
            total = server.file("large", FILE_MB)
            machine.remote.spawn(f"crowd server {offload.REMOTE} {PORT}"
                                 ).wait_for_output("listening")
            come_and_go(machine, total)
            fail(machine, total)
    finally:
        machine.dom0.run("vtoectl undrain bad; vtoectl toe remove b",
                         check=False)
        configure(machine, before)


def come_and_go(machine, total):
    guest = offload.guest(machine, "stayer", vtoe=[siblings.ENTRY])
    held = Gap(guest, CROWD, 500)

    def through(action, name):
        live_through(machine, guest, action, name, total, CROWD)

    step("a toe is added, and is as good as one of the file")
    machine.dom0.run(ADD)
    wait_up(machine, "b")
    expect_equal(toe(machine, "b")["mtu"], 1500, "its MTU")
    expect("gro" in toe(machine, "b")["offloads"],
           f"it tells what it has: {toe(machine, 'b')}")
    through(lambda: machine.dom0.run("vtoectl drain a"), "b")
    machine.dom0.run("vtoectl undrain a")

    step("it outlives vtoed, and is removed under a transfer")
    machine.dom0.run("systemctl restart vtoed", timeout=120)
    offload.wait_connected(machine, guest)
    expect_equal(offload.device(machine, guest)["toe"], "b", "its toe")
    wait_up(machine, "a")
    through(lambda: machine.dom0.run("vtoectl toe remove b"), "a")

    step("what is wrong changes nothing")
    refused(machine, "vtoectl toe add c netdev=toe0", "netdev")
    refused(machine, "vtoectl toe add c netdev=toe1 wait=3", "wait")
    refused(machine, "vtoectl toe add c netdev=toe1 pool=none", "none")
    refused(machine, "vtoectl toe remove a", "reload")
    expect_equal([t["name"] for t in offload.ask(machine, "toes")["toes"]],
                 ["a", "bad", "worse", "fair"], "the toes")

    step("its NIC is unplugged under a transfer")
    machine.dom0.run(ADD)
    wait_up(machine, "b")
    machine.dom0.run("vtoectl drain a; vtoectl undrain a")
    expect_equal(offload.device(machine, guest)["toe"], "b", "its toe")
    through(lambda: machine.unplug("toe1"), "a")
    expect_equal(toe(machine, "b")["state"], "gone", "its state")
    expect_equal(held.ask()["lost"], 0, "connections lost")

    step("its NIC is plugged in again, and is the same toe")
    machine.plug("toe1")
    wait_up(machine, "b")
    through(lambda: machine.dom0.run("vtoectl drain a"), "b")
    machine.dom0.run("vtoectl undrain a")
    expect_equal(held.ask()["lost"], 0, "connections lost")
    held.end()
    guest.destroy()


def fail(machine, total):
    step("an engine that is bad harms no byte")
    guest = offload.guest(machine, "victim", vtoe=[FAILING], memory=192)
    expect_equal(offload.device(machine, guest)["toe"], "bad", "its toe")
    web.expect_sum(total, guest.run(web.sum_command(
        f"http://{offload.REMOTE}/large"), timeout=180))

    step("one that fails is degraded and left")
    machine.dom0.run("vtoectl drain bad")
    expect_equal(offload.device(machine, guest)["toe"], "worse", "its toe")
    wait_until(lambda: (guest.run(f"for i in $(seq 10); do {FETCH}; done",
                                  check=False, timeout=60),
                        toe(machine, "worse")["state"] == "degraded")[1],
               60, "toe worse is degraded")
    wait_on(machine, guest, "fair")
    expect("operations failed" in toe(machine, "worse")["reason"],
           f"it says why: {toe(machine, 'worse')}")
    guest.run(f"set -e; for i in $(seq 20); do {FETCH}; done", timeout=120)
