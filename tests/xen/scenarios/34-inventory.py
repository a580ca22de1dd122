"""NICs join by a match when they are plugged in; a TOE is a VLAN, with an MTU.

    guest ── vtoe ─┬─ toe0: a ───────────────────────┐
                   ├─ toe1: m-toe1, by toe[1-9] ─────┼─ peer0, remote host
    walled ─ vtoe ─┴─ toe0, VLAN 100: red ───────────┘  and VLAN 100 of it
"""
from story import *
from gap import Gap, PORT
import offload
import siblings
from siblings import configure, live_through, toe, wait_up
import web

SECONDS = 500
FILE_MB = 20
CROWD = 20
VLAN_REMOTE = "198.51.100.1"
CONFIG = """
toe "a" { netdev = "toe0" segment = "lan" }
toe "m" { netdev = "toe[1-9]" segment = "lan" }
pool "lan" { toes = {"a", "m"} policy = "in-order" }
"""
RED = """
toe "red" { netdev = "toe0" vlan = %u segment = "red" mtu = %u }
pool "red" { toes = {"red"} }
"""
WALLED = "ip=198.51.100.10/24,pool=red,on-loss=wait:600"
FETCH = f"curl -sf -m 20 http://{VLAN_REMOTE}/"
VLANS = "ip -d link show type vlan"


def names(machine):
    return [t["name"] for t in offload.ask(machine, "toes")["toes"]]


def story(machine):
    before = machine.dom0.read(siblings.CONFIG_FILE)
    configure(machine, CONFIG)
    try:
        with web.server(machine, root=offload.MEMORY_ROOT) as server:
            total = server.file("large", FILE_MB)
            machine.remote.spawn(f"crowd server {offload.REMOTE} {PORT}"
                                 ).wait_for_output("listening")
            match(machine, total)
            vlan(machine, total)
            mtu(machine)
    finally:
        machine.remote.run("ip link del red", check=False)
        machine.dom0.run("vtoectl undrain a", check=False)
        configure(machine, before)


def match(machine, total):
    step("a NIC that matches is a toe, and as good as any")
    wait_up(machine, "a", "m-toe1")
    expect_equal(toe(machine, "m-toe1")["match"], "m", "its section")
    guest = offload.guest(machine, "stayer", vtoe=[
        siblings.ENTRY + ",on-loss=wait:600"])
    expect_equal(offload.device(machine, guest)["toe"], "a", "its toe")
    held = Gap(guest, CROWD, 500)

    def through(action, name):
        live_through(machine, guest, action, name, total, CROWD)

    through(lambda: machine.dom0.run("vtoectl drain a"), "m-toe1")
    machine.dom0.run("vtoectl undrain a")
    wait_up(machine, "a")

    step("it is unplugged under a transfer, and leaves the list")
    through(lambda: machine.unplug("toe1"), "a")
    wait_until(lambda: names(machine) == ["a"], 20, "m-toe1 has left")
    expect_equal(machine.xenstore("/local/domain/0/vtoe/toe/m-toe1/state"),
                 None, "its node")

    step("one that is plugged in joins by itself")
    machine.plug("toe1")
    wait_up(machine, "m-toe1")
    expect_equal(offload.ask(machine, "pools")["pools"][0]["toes"],
                 ["a", "m-toe1"], "the pool")
    through(lambda: machine.dom0.run("vtoectl drain a"), "m-toe1")
    machine.dom0.run("vtoectl undrain a")

    step("one that a guest is on and that has no sibling stays, as gone")
    configure(machine, CONFIG.replace('{"a", "m"}', '{"m"}'))
    expect_equal(offload.device(machine, guest)["toe"], "m-toe1", "its toe")
    machine.unplug("toe1")
    wait_until(lambda: toe(machine, "m-toe1")["state"] == "gone", 20, "gone")
    machine.dom0.run("systemctl restart vtoed", timeout=120)
    offload.wait_connected(machine, guest)
    expect_equal(toe(machine, "m-toe1")["state"], "gone", "after a restart")
    machine.plug("toe1")
    wait_up(machine, "m-toe1")
    expect_equal(held.ask()["lost"], 0, "connections lost")
    held.end()
    guest.destroy()


def vlan(machine, total):
    step("a guest on a VLAN reaches who is on it, and only them")
    machine.remote.run(
        "ip link add link peer0 name red type vlan id 100 && "
        f"ip addr add {VLAN_REMOTE}/24 dev red && ip link set red up")
    configure(machine, CONFIG + RED % (100, 1400))
    wait_up(machine, "a", "red")
    expect_equal((toe(machine, "red")["vlan"], toe(machine, "red")["link_mtu"]),
                 (100, 1400), "what it says")
    expect("vlan protocol 802.1Q id 100" in machine.dom0.run(VLANS).out,
           "vtoed has made the VLAN link")
    guest = offload.guest(machine, "walled", vtoe=[WALLED])
    web.expect_sum(total, guest.run(web.sum_command(
        f"http://{VLAN_REMOTE}/large"), timeout=180))
    expect(not guest.ok(f"curl -sf -m 3 http://{offload.REMOTE}/"),
           "the untagged network is another one")
    links = machine.dom0.run(f"ip -n vtoe-{guest.domid}-0 link").out
    expect("mtu 1400 " in links, f"its link has the MTU: {links}")
    plain = offload.guest(machine, "plain", vtoe=[siblings.ENTRY], memory=192)
    expect(plain.ok(f"curl -sf -m 20 http://{offload.REMOTE}/"),
           "a guest on the same NIC without a VLAN works beside it")
    plain.destroy()

    step("it outlives vtoed, and follows its toe to another VLAN")
    machine.dom0.run("systemctl restart vtoed", timeout=120)
    offload.wait_connected(machine, guest)
    guest.run(FETCH)
    machine.remote.run(
        "ip link del red && ip link add link peer0 name red type vlan id 200 "
        f"&& ip addr add {VLAN_REMOTE}/24 dev red && ip link set red up")
    configure(machine, CONFIG + RED % (200, 1400))
    wait_until(lambda: guest.ok(FETCH), 30, "VLAN 200 carries")
    vlans = machine.dom0.run(VLANS).out
    expect("id 200" in vlans and "id 100" not in vlans,
           f"one VLAN link has replaced the other: {vlans}")
    guest.destroy()

    step("what no toe wants is removed, also after a restart")
    machine.dom0.run("systemctl stop vtoed", timeout=120)
    machine.dom0.write(siblings.CONFIG_FILE, CONFIG)
    machine.dom0.run("systemctl start vtoed", timeout=120)
    wait_until(lambda: "id 200" not in machine.dom0.run(VLANS).out, 20,
               "the VLAN link is gone")


def mtu(machine):
    step("an MTU that the NIC does not have is said to be so")
    configure(machine, CONFIG + RED % (100, 9000))
    wait_until(lambda: toe(machine, "red")["state"] == "degraded", 20,
               "toe red is degraded")
    expect("mtu 9000 is more than" in toe(machine, "red")["reason"],
           f"it says why: {toe(machine, 'red')}")
    result = machine.dom0.run("vtoed --check", check=False)
    expect_equal(result.rc, 0, f"the file itself is well: {result}")
    machine.dom0.write("/tmp/wrong.conf", 'toe "x" {\n netdev = "eth*"\n'
                       ' addresses = "192.0.2.1/24"\n}\n')
    result = machine.dom0.run("vtoed --check=/tmp/wrong.conf", check=False)
    expect(result.rc and "/tmp/wrong.conf:4:" in result.err,
           f"a wrong one is refused, with its line: {result}")
