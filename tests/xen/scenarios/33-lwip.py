"""A guest on lwIP, a stack in its worker; and on lwIP and the kernel's at once.

    guest ── vtoe ─┬─ toe0: k (kernel), s0 (lwip) ──┐
                   └─ toe1: s1 (lwip) ──────────────┴─ peer0, remote host

s0 and s1 are siblings: connections go from one to the other.
"""
from story import *
from gap import Gap, PORT
import offload
import siblings
from siblings import configure, expect_where, wait_on, wait_up
import web

SECONDS = 500
MEGABYTES = {"large": 20, "small": 5}
SECOND = "192.0.2.60"
CONFIG = """
toe "k" { netdev = "toe0" link = "macvlan" }
toe "s0" { netdev = "toe0" driver = "lwip" segment = "lan" }
toe "s1" { netdev = "toe1" driver = "lwip" segment = "lan"
           addresses = "192.0.2.60-192.0.2.69/24" gateway = "192.0.2.1" }
pool "soft" { toes = {"s0", "s1"} policy = "in-order" }
pool "both" { toes = {"k", "s1"} policy = "round-robin" spread = 2 }
"""


def story(machine):
    before = machine.dom0.read(siblings.CONFIG_FILE)
    configure(machine, CONFIG)
    wait_up(machine, "k", "s0", "s1")
    try:
        with web.server(machine, root=offload.MEMORY_ROOT) as server:
            total = {name: server.file(name, size)
                     for name, size in MEGABYTES.items()}
            machine.remote.spawn(f"crowd server {offload.REMOTE} {PORT}"
                                 ).wait_for_output("listening")
            alone(machine, total)
            beside(machine, total)
    finally:
        machine.links_up()
        configure(machine, before)


def alone(machine, total):
    guest = offload.guest(machine, "soft", vtoe=["pool=soft," + offload.ENTRY])
    wait_on(machine, guest, "s0")

    step("files come in, by both families, and dom0's kernel has no part in it")
    for host in offload.REMOTE, f"[{offload.REMOTE6}]":
        web.expect_sum(total["large"], guest.spawn(
            web.sum_command(f"http://{host}/large")).wait(180))
    addresses = machine.dom0.run(
        f"ip -n {offload.netns(guest)} addr show scope global").out
    expect("inet" not in addresses, "no address in the guest's namespace")

    step("a server answers, and what nobody serves is refused")
    inner = web.Server(guest, 80, "/srv/web")
    inner.start()
    for host in offload.ADDRESS, f"[{offload.ADDRESS6}]":
        expect_equal(machine.remote.run(
            f"curl -gsSf -m 20 http://{host}/").out, inner.page,
            f"the guest's page at {host}")
    expect_in("refused", guest.run(
        f"socat -u TCP:{offload.REMOTE}:81 STDOUT 2>&1", check=False).out,
        "what socat says")

    step("datagrams go there and back")
    guest.spawn("socat UDP4-RECVFROM:7001,fork EXEC:cat")
    wait_until(lambda: guest.ok("vtoe-ss -uan | grep -q :7001"), 30, "socat")
    expect_equal(machine.remote.run(
        f"bash -c 'exec 3<>/dev/udp/{offload.ADDRESS}/7001; "
        "for i in 1 2 3; do echo hello >&3; "
        "timeout 10 head -n 1 <&3 && exit; done; exit 1'").out.strip(),
        "hello", "the guest's answer by UDP")

    step("connections go to the sibling when theirs is drained")
    held = Gap(guest, 20, 100)
    expect_where(machine, guest, {"s0": 20})
    job = guest.spawn(web.sum_command(f"http://{offload.REMOTE}/large",
                                      "--limit-rate 3M"))
    said = held.during(lambda: machine.dom0.run("vtoectl drain s0"), 5)
    expect_equal(said["lost"], 0, "connections lost")
    expect_where(machine, guest, {"s1": 20})
    web.expect_sum(total["large"], job.wait(180))

    step("and when its cable is pulled, with a new vtoed")
    machine.dom0.run("vtoectl undrain s0")
    machine.dom0.run("systemctl restart vtoed", timeout=120)
    offload.wait_connected(machine, guest)
    wait_up(machine, "s0")
    said = held.during(lambda: machine.set_link("toe1", False), 10)
    expect_equal(said["lost"], 0, "connections lost")
    expect_where(machine, guest, {"s0": 20})
    expect_equal(machine.remote.run(
        f"curl -sSf -m 20 http://{offload.ADDRESS}/").out, inner.page,
        "the guest's page")
    machine.set_link("toe1", True)
    wait_up(machine, "s1")
    held.end()
    inner.stop()
    guest.destroy()


def beside(machine, total):
    step("a guest is on the kernel's stack and on lwIP at the same time")
    guest = offload.guest(machine, "twofold",
                          vtoe=["pool=both," + offload.ENTRY], memory=192)
    expect_equal([(link["toe"], link["ip"])
                  for link in offload.device(machine, guest)["links"]],
                 [("k", "192.0.2.10/24"), ("s1", SECOND + "/24")],
                 "its links")
    held = Gap(guest, 10, 100)
    expect_where(machine, guest, {"k": 5, "s1": 5})
    peers = machine.remote.run(
        f"ss -Htn state established sport = :{PORT}").out
    expect_equal((peers.count(offload.ADDRESS + ":"), peers.count(SECOND)),
                 (5, 5), "the peers that the remote host sees")
    jobs = [guest.spawn(web.sum_command(f"http://{offload.REMOTE}/small"))
            for _ in range(4)]
    for job in jobs:
        web.expect_sum(total["small"], job.wait(180))

    step("a server is on the stack whose address it has asked for")
    for number, host in enumerate((offload.ADDRESS, SECOND)):
        port = 8000 + number
        guest.spawn(f"socat TCP-LISTEN:{port},bind={host},fork,reuseaddr "
                    "SYSTEM:'echo here'")
        wait_until(lambda p=port: guest.ok(f"vtoe-ss -tln | grep -q :{p}"),
                   30, "socat")
        expect_equal(machine.remote.run(
            f"timeout 20 socat -u TCP:{host}:{port} STDOUT").out.strip(),
            "here", f"the answer at {host}")
    expect_equal(held.ask()["lost"], 0, "connections lost")
    held.end()
