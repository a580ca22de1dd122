"""A guest's connections move to another NIC of the segment, and live on.

    guest ── vtoe ─┬─ toe0 ──┐
                   └─ toe1 ──┴─ peer0, remote host: nginx, crowd server

By drain, by a pulled cable, and by a NIC's driver that lets go of it; while
a file flows in, and with a listener, a bound UDP socket and many connections.
"""
from story import *
import fed
import offload
from siblings import ENTRY, configured, toe, wait_on, wait_up
import web

SECONDS = 600
CROWD = 200
FILE_MB = 40
FLAPS = 300
# Each 50 ms, without a process for each: that would take longer.
FLAP = r"""bash -c 'mkfifo /run/flap; exec 3<>/run/flap; rm /run/flap
for ((i = 0; i < %d; i++)); do for flags in 0x1002 0x1003; do
	echo $flags >/sys/class/net/toe0/flags; read -t 0.05 -u 3
done; done; true'"""


def toe_lines(machine):
    """What vtoed has logged of toe a."""
    return machine.dom0.run("journalctl -u vtoed | grep 'toe a:'",
                            check=False).out.splitlines()


class Load:
    """What goes on in the guest while engines come and go."""

    def __init__(self, machine, guest, total):
        self.machine, self.guest, self.total = machine, guest, total
        machine.remote.spawn(f"crowd server {offload.REMOTE} 7000"
                             ).wait_for_output("listening")
        self.crowd = fed.Fed(guest,
                             f"crowd hold {CROWD} {offload.REMOTE} 7000")
        self.crowd.job.wait_for_output("holding", timeout=120)

    def transfer(self):
        job = self.guest.spawn(web.sum_command(
            f"http://{offload.REMOTE}/large", "--limit-rate 4M"))
        wait_until(lambda: len(offload.connections(offload.contexts(
            self.machine, self.guest))) > CROWD, 30, "the transfer")
        return job

    def expect_alive(self, job):
        web.expect_sum(self.total, job.wait(180))
        expect_equal(len(offload.connections(offload.contexts(
            self.machine, self.guest))), CROWD, "connections")

    def end(self):
        """Each of the crowd's connections carries a byte once more."""
        self.crowd.line()
        self.crowd.job.wait_for_output(f"proved {CROWD}", timeout=120)


def expect_remapped(machine, guest, name, times, reason):
    """The crowd's contexts are on a toe, and say how often they moved, and why."""
    def seen():
        return {(c["toe"], c["remaps"], c["remap_reason"])
                for c in offload.connections(offload.contexts(machine, guest))
                if ":7000" in c["requested"]}

    wait_until(lambda: seen() == {(name, times, reason)},
               offload.RECORD_SECONDS, f"contexts {name}, {times} {reason}")


def story(machine):
    with configured(machine), web.server(
            machine, root=offload.MEMORY_ROOT) as server:
        total = server.file("large", FILE_MB)
        guest = offload.guest(machine, "mover", vtoe=[ENTRY])
        wait_on(machine, guest, "a")
        load = Load(machine, guest, total)
        inner = web.Server(guest, 80, "/srv/web")
        inner.start()
        guest.spawn("socat UDP6-RECVFROM:7001,fork EXEC:cat")
        wait_until(lambda: guest.ok("vtoe-ss -uan | grep -q :7001"), 30,
                   "socat")

        def expect_serves():
            for host in offload.ADDRESS, offload.ADDRESS6:
                url = f"[{host}]" if ":" in host else host
                expect_equal(machine.remote.run(
                    f"curl -gsSf -m 20 http://{url}/").out, inner.page,
                    f"the guest's page at {host}")
                # a datagram may get lost, at worst
                expect_equal(machine.remote.run(
                    f"bash -c 'exec 3<>/dev/udp/{host}/7001; "
                    "for i in 1 2 3; do echo hello >&3; "
                    "timeout 10 head -n 1 <&3 && exit; done; exit 1'"
                    ).out.strip(),
                    "hello", f"the guest's answer by UDP at {host}")

        expect_serves()

        step("toe a is drained during a transfer")
        job = load.transfer()
        machine.dom0.run("vtoectl drain a")
        expect_equal(offload.device(machine, guest)["toe"], "b", "its toe")
        expect_equal(toe(machine, "a")["state"], "draining", "its state")
        load.expect_alive(job)
        expect_remapped(machine, guest, "b", 1, "draining")
        expect_serves()
        links = machine.dom0.run(f"ip netns exec {offload.netns(guest)} "
                                 "ip -br link").out
        expect_equal(links.count("vtoe"), 1, "links of the guest's")

        step("a drain outlives vtoed")
        machine.dom0.run("systemctl restart vtoed", timeout=120)
        offload.wait_connected(machine, guest)
        expect_equal(toe(machine, "a")["state"], "draining", "its state")
        machine.dom0.run("vtoectl undrain a")
        expect_equal(toe(machine, "a")["state"], "up", "its state")
        expect_equal(offload.device(machine, guest)["toe"], "b",
                     "nothing moves back by itself")

        step("the cable of toe b is pulled during a transfer")
        job = load.transfer()
        machine.set_link("toe1", False)
        wait_on(machine, guest, "a")
        load.expect_alive(job)
        expect_remapped(machine, guest, "a", 2, "down")
        expect_serves()
        wait_until(lambda: "2 down" in machine.dom0.run(
            f"xenstore-ls {offload.records_path(guest)}").out,
            offload.RECORD_SECONDS, "the records")
        machine.set_link("toe1", True)

        step("the cable of toe a is pulled while vtoed is not there")
        wait_up(machine, "b")
        machine.dom0.run("systemctl stop vtoed", timeout=60)
        machine.set_link("toe0", False)
        machine.dom0.run("systemctl start vtoed", timeout=120)
        wait_on(machine, guest, "b")
        expect_remapped(machine, guest, "b", 3, "down")
        expect_serves()
        machine.set_link("toe0", True)
        wait_up(machine, "a")

        step("a rebalance during a transfer takes it back to toe a")
        job = load.transfer()
        expect_in("1 moved", machine.dom0.run("vtoectl rebalance").out,
                  "what vtoectl says")
        expect_equal(offload.device(machine, guest)["toe"], "a", "its toe")
        load.expect_alive(job)
        expect_remapped(machine, guest, "a", 4, "up")

        step("toe a's NIC is taken from its driver during a transfer")
        wait_up(machine, "b")
        job = load.transfer()
        nic = machine.dom0.run(
            "basename $(readlink /sys/class/net/toe0/device)").out.strip()
        driver = "/sys/bus/virtio/drivers/virtio_net"
        machine.dom0.run(f"echo {nic} >{driver}/unbind")
        try:
            wait_on(machine, guest, "b")
            load.expect_alive(job)
            expect_remapped(machine, guest, "b", 5, "gone")
            expect_serves()
        finally:
            machine.dom0.run(
                f"echo {nic} >{driver}/bind; "
                "for n in /sys/bus/virtio/devices/" + nic + "/net/*; do "
                "ip link set ${n##*/} name toe0; done; ip link set toe0 up")
        wait_up(machine, "a")

        step("all toes are without a cable, and then one is back")
        job = load.transfer()
        machine.set_link("toe0", False)
        machine.set_link("toe1", False)
        wait_until(lambda: toe(machine, "b")["state"] == "down", 20, "toe b")
        machine.set_link("toe0", True)
        wait_on(machine, guest, "a")
        load.expect_alive(job)
        machine.set_link("toe1", True)

        step("toe a flaps during a transfer")
        wait_up(machine, "b")
        before = len(toe_lines(machine))
        job = load.transfer()
        machine.dom0.run(FLAP % FLAPS, timeout=200)
        load.expect_alive(job)
        expect_equal(offload.device(machine, guest)["toe"], "b", "its toe")
        wait_up(machine, "a")
        expect(len(toe_lines(machine)) - before < FLAPS,
               "the log says less than one line a flap")
        expect_serves()

        load.end()
        inner.stop()
