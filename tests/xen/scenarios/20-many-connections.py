"""10,000 idle connections fit in a small guest, and cost nothing shared."""
from story import *
import fed
import offload
import web

SECONDS = 600
MANY = 10000
PORT = 7200
FLAT = ("grant_maps", "grant_unmaps", "evtchn_binds")
GUEST_FLAT = ("grants", "evtchns")


def story(machine):
    with web.server(machine, root=offload.MEMORY_ROOT) as server:
        total = server.file("small", 8)
        guest = offload.guest(machine, "crowd", memory=512)
        crowd = machine.remote.spawn(f"crowd server 192.0.2.1 {PORT}")
        crowd.wait_for_output("listening")
        before = offload.counters(machine, guest)
        guest_before = guest_counters(machine, guest)

        step(f"{MANY} connections are opened and stay")
        holder = fed.Fed(guest, f"crowd hold {MANY} 192.0.2.1 {PORT}")
        holder.job.wait_for_output(f"holding {MANY}", timeout=240)
        expect(offload.device(machine, guest)["contexts"] >= MANY,
               "a context for each")

        step("a transfer among them")
        web.fetch(guest, f"http://{offload.REMOTE}/small", total, timeout=120)
        memory(machine, guest)

        step("all of them still work, and are closed")
        holder.line()
        holder.job.wait_for_output(f"proved {MANY}", timeout=200)
        holder.end()
        wait_until(lambda: offload.device(machine, guest)["contexts"] < 10,
                   60, "the contexts are gone", interval=1)

        step("grants, mappings and event channels stayed as they were")
        after = offload.counters(machine, guest)
        for name in FLAT:
            expect_equal(after[name], before[name], name)
        after = guest_counters(machine, guest)
        expect(after["offloaded"] >= guest_before["offloaded"] + MANY,
               "the guest's own counters are up to date")
        for name in GUEST_FLAT:
            expect_equal(after[name], guest_before[name],
                         f"the guest's {name}")
        crowd.kill()


def guest_counters(machine, guest):
    """As published once a second, while there is traffic."""
    sent = offload.counters(machine, guest)["connects"]

    def published():
        guest.run(f"curl -sSf http://{offload.REMOTE}/ >/dev/null")
        its = offload.counters(machine, guest, part="guest_counters")
        return its["grants"] and its["offloaded"] >= sent

    wait_until(published, 30, "the guest's counters", interval=1)
    return offload.counters(machine, guest, part="guest_counters")


def memory(machine, guest):
    worker = offload.device(machine, guest)["worker"]
    pss = machine.dom0.run(
        f"awk '/^Pss_Anon/ {{ print $2 }}' /proc/{worker}/smaps_rollup").out
    step(f"the worker's own memory: {int(pss)} KiB")
    expect(int(pss) < MANY * 2 + 8192, "2 KiB a connection at most")
