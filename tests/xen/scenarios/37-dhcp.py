"""A guest's address comes by DHCP, stays over restarts, and may change.

    guest ── vtoe ─┬─ toe0: a ──┐
                   └─ toe1: b ──┴─ peer0, remote host: udhcpd, 192.0.2.1

Server and client are busybox's. Other answers than a server's should be are for
tests/native, whose server does as it is told.
"""
from story import *
from gap import Gap, PORT
import greet
import offload
from siblings import configured, wait_on, wait_up

SECONDS = 500
CROWD = 20
ENTRY = "ip=dhcp,pool=lan,on-loss=wait:600"
NAME = "leased"
OTHER = "192.0.2.77"
SERVER = "/run/udhcpd.conf"
CONFIG = """
start 192.0.2.100
end 192.0.2.120
interface peer0
lease_file /run/udhcpd.leases
pidfile /run/udhcpd.pid
option subnet 255.255.255.0
option router 192.0.2.1
option lease 600
"""


class Server:
    """The segment's DHCP server, with more lines of configuration at times."""

    def __init__(self, machine):
        self.machine, self.job = machine, None
        machine.dom0.run("mkdir -p /var/lib/misc; touch /run/udhcpd.leases")
        self.serve()

    def serve(self, lines=""):
        self.end()
        self.machine.dom0.write(SERVER, CONFIG + lines)
        self.job = self.machine.remote.spawn(f"busybox udhcpd -f {SERVER} 2>&1")
        self.job.wait_for_output("started")

    def end(self):
        if self.job:
            self.job.kill()
        self.job = None


def address(machine, guest):
    """Waits for a lease; what the guest got."""
    wait_until(lambda: offload.device(machine, guest)["lease"] == "bound", 60,
               "a lease")
    return offload.device(machine, guest)["ip"].split("/")[0]


def client(machine, guest):
    """The process that keeps its lease."""
    return int(machine.dom0.run(
        "sed -n s/^client=//p "
        f"/run/vtoe/dhcp/{offload.netns(guest)}.0").out)


def story(machine):
    with configured(machine):
        wait_up(machine, "a", "b")
        server = Server(machine)
        machine.remote.spawn(f"crowd server {offload.REMOTE} {PORT}"
                             ).wait_for_output("listening")
        outside = greet.serve(machine.remote)
        try:
            guest, first = comes(machine, server)
            lives_on(machine, guest, first)
            changes(machine, server, guest)
            goes(machine, guest)
        finally:
            machine.dom0.run("systemctl start vtoed; vtoectl undrain a",
                             check=False, timeout=120)
            outside.kill()
            server.end()


def comes(machine, server):
    step("no server answers: the device is there, and says what it waits for")
    server.end()
    guest = offload.guest(machine, NAME, vtoe=[ENTRY])
    expect_equal(offload.device(machine, guest)["lease"],
                 "waiting for a lease", "its lease")
    expect_in("waiting for a lease", machine.dom0.run("vtoectl list").out,
              "vtoectl list")
    expect_equal(greet.told(guest, offload.REMOTE), "", "it reaches nobody")

    step("a server answers: the guest has address and gateway")
    server.serve()
    first = address(machine, guest)
    expect(first.startswith("192.0.2.1"), f"one of the range: {first}")
    node = f"{offload.backend_path(guest)}/link/0"
    expect_equal((machine.xenstore(f"{node}/ip"),
                  machine.xenstore(f"{node}/gateway"),
                  machine.xenstore(f"{node}/lease")),
                 (f"{first}/24", "192.0.2.1", "bound"), "XenStore")
    expect_equal(greet.told(guest, offload.REMOTE), first,
                 "its address, as the remote host sees it")
    greet.serve(guest)
    wait_until(lambda: greet.told(machine.remote, first), 30,
               "the remote host reaches it")

    step("its client may do little")
    status = machine.dom0.run(
        f"cat /proc/{client(machine, guest)}/status").out
    expect_in("Uid:\t65534", status, "who it is")
    expect_in("CapPrm:\t0000000000002000", status, "CAP_NET_RAW alone")
    return guest, first


def lives_on(machine, guest, first):
    held = Gap(guest, CROWD, 500)

    step("the lease is renewed, vtoed restarted, its client killed")
    pid = client(machine, guest)
    machine.dom0.run(f"kill -USR1 {pid}")
    machine.dom0.run("systemctl restart vtoed", timeout=120)
    offload.wait_connected(machine, guest)
    expect_equal((address(machine, guest), client(machine, guest)),
                 (first, pid), "address and client")
    machine.dom0.run("systemctl stop vtoed")
    expect(machine.dom0.ok(f"kill -USR1 {pid}"),
           "the client lives without vtoed")
    machine.dom0.run("systemctl start vtoed", timeout=120)
    offload.wait_connected(machine, guest)
    machine.dom0.run(f"kill -KILL {pid}")
    wait_until(lambda: client(machine, guest) != pid, 60, "another client")
    expect_equal(address(machine, guest), first, "its address")

    step("the address goes along to a sibling, and is renewed from there")
    pid = client(machine, guest)
    machine.dom0.run("vtoectl drain a")
    wait_on(machine, guest, "b")
    wait_until(lambda: client(machine, guest) != pid, 60, "a client there")
    expect_equal(address(machine, guest), first, "its address")
    expect_equal(held.ask()["lost"], 0, "connections lost")
    machine.dom0.run("vtoectl undrain a")
    held.end()


def changes(machine, server, guest):
    step("the server has another address for it: its listener moves there")
    held = guest.spawn(f"socat -u TCP:{offload.REMOTE}:{PORT} -; echo over")
    wait_until(lambda: offload.connections(offload.contexts(machine, guest)),
               30, "a connection")
    expect(held.running(), "it is open")
    mac = machine.dom0.run(
        f"ip -n {offload.netns(guest)} link | "
        "sed -n '/vtoe/{n;s/.*ether \\([^ ]*\\).*/\\1/p}'").out.strip()
    server.serve(f"static_lease {mac} {OTHER}\n")
    machine.dom0.run(f"kill -KILL {client(machine, guest)}")
    wait_until(lambda: offload.device(machine, guest)["ip"] == f"{OTHER}/24",
               90, "the other address")
    wait_until(lambda: greet.told(machine.remote, OTHER), 30,
               "the remote host reaches it there")
    held.wait_for_output("over", timeout=30)
    expect_equal(greet.told(guest, offload.REMOTE), OTHER,
                 "the address that it connects from")


def goes(machine, guest):
    step("it goes, and leaves nothing; when it starts again it is known again")
    pid = client(machine, guest)
    domid = guest.domid
    guest.destroy()
    wait_until(lambda: not machine.dom0.ok(f"kill -0 {pid}"), 30,
               "its client has ended")
    wait_until(lambda: not machine.dom0.ok(
        f"ls /run/vtoe/dhcp | grep -q vtoe-{domid}-"), 30, "its file is gone")
    again = offload.guest(machine, NAME, vtoe=[ENTRY])
    expect_equal(address(machine, again), OTHER, "its address")
    again.destroy()
