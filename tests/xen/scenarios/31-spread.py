"""One guest on two engines at the same time, and what it has when one is lost.

    guest ── vtoe ─┬─ toe0: 192.0.2.10, the entry's ──┐
                   └─ toe1: 192.0.2.60, the TOE's ────┴─ peer0, remote host

The TOEs are no siblings: what is on one cannot move to the other.
"""
from story import *
from gap import Gap, PORT
import offload
import siblings
from siblings import configure, expect_where, toe, wait_up, where
import web

SECONDS = 400
MEGABYTES = {"large": 20, "small": 5}
SECOND = "192.0.2.60"
CONFIG = """
toe "a" { netdev = "toe0" }
toe "b" { netdev = "toe1" addresses = "192.0.2.60-192.0.2.69/24"
          gateway = "192.0.2.1" weight = 300 }
pool "both" { toes = {"a", "b"} policy = "%s" spread = 2 }
"""
ENTRY = "pool=both," + offload.ENTRY


def story(machine):
    before = machine.dom0.read(siblings.CONFIG_FILE)
    configure(machine, CONFIG % "round-robin")
    try:
        with web.server(machine, root=offload.MEMORY_ROOT) as server:
            total = {name: server.file(name, size)
                     for name, size in MEGABYTES.items()}
            machine.remote.spawn(f"crowd server {offload.REMOTE} {PORT}"
                                 ).wait_for_output("listening")
            spread(machine, total)
    finally:
        machine.remote.run(f"ip route del blackhole {SECOND}", check=False)
        machine.links_up()
        configure(machine, before)


def spread(machine, total):
    guest = offload.guest(machine, "wide", vtoe=[ENTRY + ",on-loss=reset"])

    def links():
        return [(link["toe"], link["ip"])
                for link in offload.device(machine, guest)["links"]]

    step("its connections are on both, each with an address of its own")
    expect_equal(links(), [("a", "192.0.2.10/24"), ("b", SECOND + "/24")],
                 "its links")
    held = Gap(guest, 10, 100)
    expect_where(machine, guest, {"a": 5, "b": 5})
    peers = machine.remote.run(
        f"ss -Htn state established sport = :{PORT}").out
    expect_equal((peers.count(offload.ADDRESS + ":"), peers.count(SECOND)),
                 (5, 5), "the peers that the remote host sees")

    step("both carry files, and clients reach a server by either address")
    jobs = [guest.spawn(web.sum_command(f"http://{offload.REMOTE}/small"))
            for _ in range(4)]
    for job in jobs:
        web.expect_sum(total["small"], job.wait(180))
    inner = web.Server(guest, 80, "/srv/web")
    inner.start()
    for host in offload.ADDRESS, SECOND, f"[{offload.ADDRESS6}]":
        expect_equal(machine.remote.run(
            f"curl -gsSf -m 20 http://{host}/").out, inner.page,
            f"the guest's page at {host}")

    step("a policy is followed as soon as it changes")
    for policy, more, expected in (("in-order", 10, {"a": 15, "b": 5}),
                                   ("weighted", 8, {"a": 7, "b": 11})):
        configure(machine, CONFIG % policy)
        more = Gap(guest, more, 100)
        expect_where(machine, guest, expected)
        more.end()
        expect_where(machine, guest, {"a": 5, "b": 5})
    configure(machine, CONFIG % "round-robin")

    step("a capacity below what is there ends nothing, and lets no more in")
    configure(machine, (CONFIG % "round-robin").replace(
        "weight = 300", "capacity = 2"))
    more = Gap(guest, 4, 100)
    expect_where(machine, guest, {"a": 9, "b": 5})
    more.end()
    configure(machine, CONFIG % "round-robin")

    step("a new vtoed finds both")
    machine.dom0.run("systemctl restart vtoed", timeout=120)
    offload.wait_connected(machine, guest)
    expect_equal(links(), [("a", "192.0.2.10/24"), ("b", SECOND + "/24")],
                 "its links")
    expect_where(machine, guest, {"a": 5, "b": 5})

    step("a connect() that hangs on a lost toe is made on the other one")
    machine.remote.run(f"ip route add blackhole {SECOND}")
    hanging = [guest.spawn(f"socat -u TCP:{offload.REMOTE}:80 STDOUT; echo $?")
               for _ in range(2)]
    wait_until(lambda: [c["toe"] for c in offload.contexts(machine, guest)
                        if c["state"] == "connecting"] == ["b"],
               30, "one connects by way of toe b")

    step("toe b is lost: its connections are reset, and the others are not")
    said = held.during(lambda: machine.set_link("toe1", False), 5)
    expect_equal(said["lost"], 5, "connections lost")
    expect_where(machine, guest, {"a": 5})
    wait_until(lambda: where(machine, guest, ":80").get("a") == 2, 20,
               "both connected by way of toe a")
    for job in hanging:
        job.kill()
    guest.run(f"curl -sSf -m 20 -o /dev/null http://{offload.REMOTE}/")
    machine.remote.run(f"ip route del blackhole {SECOND}")

    step("toe b is back, and takes its share again")
    machine.set_link("toe1", True)
    wait_up(machine, "b")
    again = Gap(guest, 10, 100)
    expect_where(machine, guest, {"a": 10, "b": 5})
    again.end()

    step("toe b is configured no more, and then is again")
    without = CONFIG.replace(', "b"', "").replace('toe "b"', 'toe "c"')
    configure(machine, without % "round-robin")
    expect_equal(links(), [("a", "192.0.2.10/24")], "its links")
    configure(machine, CONFIG % "round-robin")
    expect_equal(links(), [("a", "192.0.2.10/24"), ("b", SECOND + "/24")],
                 "its links")
    again = Gap(guest, 10, 100)
    expect_where(machine, guest, {"a": 10, "b": 5})
    again.end()
    held.end()
    inner.stop()

    step("a guest that waits for a lost toe goes on when it is back")
    waiter = offload.guest(machine, "waiter",
                           vtoe=["pool=both,on-loss=wait:60"], memory=192)
    second = offload.device(machine, waiter)["links"]
    expect_equal([link["toe"] for link in second], ["b"], "its only link")
    job = waiter.spawn(web.sum_command(f"http://{offload.REMOTE}/large",
                                       "--limit-rate 3M"))
    held = Gap(waiter, 3, 100)
    wait_until(lambda: where(machine, waiter, ":80") == {"b": 1}, 30,
               "the transfer")
    machine.set_link("toe1", False)
    wait_until(lambda: toe(machine, "b")["state"] == "down", 20, "toe b")
    said = held.during(lambda: None, 4)
    expect_equal(said["lost"], 0, "connections lost")
    machine.set_link("toe1", True)
    web.expect_sum(total["large"], job.wait(180))
    expect_equal(held.ask()["lost"], 0, "connections lost")
    held.end()
