"""A dom0 that breaks the contract ends the device; the guest lives on."""
from story import *
import offload
import web
from machine import TOP

SECONDS = 400
BADHOST = TOP / "build/tests/xen/badhost"
SPOILT_SECONDS = 2
# What is broken, and what the guest's driver calls it.
BREAKS = {
    "completions": "more completions than commands",
    "index": "rx index out of range",
    "flags": "an unknown flag in a slot",
    "random": "the backend broke the protocol",
}


def story(machine):
    machine.dom0.put(BADHOST, "/root/badhost")
    machine.dom0.run("chmod +x /root/badhost")
    with web.server(machine, root=offload.MEMORY_ROOT) as server:
        server.file("medium", 24)
        # Small: Linux takes grants back slowly that dom0 held for too long.
        guest = machine.guest("trusting", load=False, vtoe=[offload.ENTRY])
        guest.run("insmod /lib/modules/$(uname -r)/extra/vtoe.ko "
                  "tx_pages=256 rx_pages=512 slots=512")
        offload.wait_connected(machine, guest)
        for what, reason in BREAKS.items():
            broken(machine, guest, what, reason)
            step("the device comes back when dom0 behaves")
            offload.wait_connected(machine, guest)
            expect_equal(guest.run(f"curl -sSf http://{offload.REMOTE}/").out,
                         server.page, "the page")


def broken(machine, guest, what, reason):
    step(f"dom0 writes nonsense during a transfer: {what}")
    mark = guest.run("dmesg | wc -l").out.strip()
    job = guest.spawn("curl -sS --limit-rate 1M "
                      f"http://{offload.REMOTE}/medium >/dev/null")
    wait_until(lambda: offload.connections(
        offload.contexts(machine, guest)), 30, "the connection")
    ref = guest.xenstore("device/vtoe/0/layout-ref")
    machine.dom0.run(f"/root/badhost {guest.domid} {ref} {what} "
                     f"{SPOILT_SECONDS}")
    expect(job.wait(60, check=False).rc not in (0, None), "curl has an error")
    expect_in(reason, guest.run(f"dmesg | tail -n +{mark}").out,
              "the driver's reason")
    expect_equal(guest.run("echo alive").out, "alive\n", "the guest")
