"""On a bridge: a guest is a station like others, and only it sees its frames."""
from story import *
from bridge import bridge
import offload
import web

PLAIN = "192.0.2.20"        # a guest with a vif on the same bridge
FILE_MB = 8                 # some 800 frames even with 10-KB segments
STRAY_FRAMES = 100          # ARP, neighbour discovery: what goes to all ports


def story(machine):
    with bridge(machine):
        bridged(machine)


def stations(machine):
    """The addresses that the bridge takes for its own."""
    out = machine.dom0.run("bridge fdb show br xenbr0 | grep permanent").out
    return {line.split()[0] for line in out.splitlines()
            if "dev xenbr0" in line and not line.startswith(("33:", "01:"))}


def bridged(machine):
    empty = stations(machine)
    plain = machine.guest("plain", vif=["bridge=xenbr0"], load=False)
    plain.set_up_vif(f"{PLAIN}/24")
    guest = offload.guest(machine, "offloaded")
    vif = f"/sys/class/net/vif{plain.domid}.0/statistics/tx_packets"

    step("the remote host fetches a file: the other guest sees none of it")
    with web.server(machine, guest) as server:
        total = server.file("medium", FILE_MB)
        before = int(machine.dom0.read(vif))
        web.fetch(machine.remote, f"http://{offload.ADDRESS}/medium", total)
        seen = int(machine.dom0.read(vif)) - before
        expect(seen < STRAY_FRAMES,
               f"few frames to the other guest; there were {seen}")

        step("a vTOE guest and a guest with a vif reach each other")
        expect_equal(plain.run(f"curl -sSf http://{offload.ADDRESS}/").out,
                     web.PAGE, "the page from the vTOE guest")
    with web.server(machine, plain):
        expect_equal(guest.run(f"curl -sSf http://{PLAIN}/").out, web.PAGE,
                     "the page from the vif guest")

    step("the bridge knows the guest's address until the device goes")
    expect_equal(len(stations(machine) - empty), 1, "addresses more")
    machine.dom0.run("vtoectl detach offloaded")
    expect_equal(stations(machine), empty, "the bridge's addresses")

    step("also if the guest goes while vtoed is stopped")
    machine.dom0.run(f"vtoectl attach offloaded '{offload.ENTRY}'")
    offload.wait_connected(machine, guest)
    machine.dom0.run("systemctl stop vtoed; xl destroy offloaded; "
                     "systemctl start vtoed", timeout=120)
    wait_until(lambda: stations(machine) == empty, 30,
               "the bridge's addresses as before", interval=1)
    wait_until(guest.gone, 30, "the guest is gone", interval=1)
