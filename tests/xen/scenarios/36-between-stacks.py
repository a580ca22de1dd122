"""A guest's connections move from lwIP to dom0's kernel, and back, and live on.

    guest ── vtoe ─┬─ toe0: soft (lwip) ────┐
                   └─ toe1: hard (kernel) ──┴─ peer0, remote host

The two are siblings of different drivers: by drain, with a new vtoed, and by a
pulled cable; while a file flows in, with a server and many connections.
"""
from story import *
from gap import Gap, PORT
import offload
import siblings
from siblings import configure, expect_where, toe, wait_on, wait_up
import web

SECONDS = 500
FILE_MB = 20
HELD = 100
CONFIG = """
toe "soft" { netdev = "toe0" driver = "lwip" segment = "lan" }
toe "hard" { netdev = "toe1" segment = "lan" }
pool "mixed" { toes = {"soft", "hard"} policy = "in-order" }
"""


def story(machine):
    before = machine.dom0.read(siblings.CONFIG_FILE)
    configure(machine, CONFIG)
    wait_up(machine, "soft", "hard")
    try:
        with web.server(machine, root=offload.MEMORY_ROOT) as server:
            total = server.file("large", FILE_MB)
            machine.remote.spawn(f"crowd server {offload.REMOTE} {PORT}"
                                 ).wait_for_output("listening")
            moves(machine, total)
    finally:
        machine.links_up()
        configure(machine, before)


def expect_none_lost(machine, guest):
    expect_equal(offload.counters(machine, guest)["moves_failed"], 0,
                 "connections that could not move")


def moves(machine, total):
    guest = offload.guest(machine, "mover", vtoe=["pool=mixed," + offload.ENTRY])
    wait_on(machine, guest, "soft")
    inside = f"ip netns exec {offload.netns(guest)}"
    held = Gap(guest, HELD, 200)
    expect_where(machine, guest, {"soft": HELD})
    inner = web.Server(guest, 80, "/srv/web")
    inner.start()

    def transfer():
        return guest.spawn(web.sum_command(f"http://{offload.REMOTE}/large",
                                           "--limit-rate 2M"))

    def expect_goes_on(said, job, name):
        expect_equal(said["lost"], 0, "connections lost")
        expect_equal(said["seen"], HELD, "connections heard of")
        expect_where(machine, guest, {name: HELD})
        web.expect_sum(total, job.wait(180))
        for host in offload.ADDRESS, f"[{offload.ADDRESS6}]":
            expect_equal(machine.remote.run(
                f"curl -gsSf -m 20 http://{host}/").out, inner.page,
                f"the guest's page at {host}")
        expect_none_lost(machine, guest)

    step("the engine with its own stack is drained: dom0's kernel goes on")
    job = transfer()
    said = held.during(lambda: machine.dom0.run("vtoectl drain soft"), 8)
    expect_goes_on(said, job, "hard")
    established = machine.dom0.run(
        f"{inside} ss -Htn state established dport = :{PORT}").out
    expect_equal(len(established.splitlines()), HELD,
                 "connections that dom0's kernel knows")
    expect_equal({(c["remaps"], c["remap_reason"]) for c in
                  offload.connections(offload.contexts(machine, guest))
                  if f":{PORT}" in c["requested"]},
                 {(1, "draining")}, "how often they moved, and why")
    expect_equal(machine.dom0.run(
        f"{inside} sysctl -n net.ipv4.tcp_timestamps").out.strip(), "0",
        "time stamps, which lwIP could not go on with")

    step("and back to it, by a new vtoed, when the other one is drained")
    machine.dom0.run("vtoectl undrain soft")
    machine.dom0.run("systemctl restart vtoed", timeout=120)
    offload.wait_connected(machine, guest)
    wait_up(machine, "soft", "hard")
    job = transfer()
    said = held.during(lambda: machine.dom0.run("vtoectl drain hard"), 8)
    expect_goes_on(said, job, "soft")
    expect_equal(machine.dom0.run(f"{inside} ss -Htn state established").out, "",
                 "connections that dom0's kernel knows")

    step("its cable is pulled: the kernel takes over")
    machine.dom0.run("vtoectl undrain hard")
    wait_up(machine, "hard")
    job = transfer()
    said = held.during(lambda: machine.set_link("toe0", False), 10)
    expect_equal(toe(machine, "soft")["state"], "down", "its state")
    expect_goes_on(said, job, "hard")
    machine.set_link("toe0", True)
    wait_up(machine, "soft")

    held.end()
    inner.stop()
    guest.destroy()
