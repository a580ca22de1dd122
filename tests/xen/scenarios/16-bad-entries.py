"""A wrong entry does not keep a guest from starting, and says what is wrong."""
from story import *
import offload

WRONG = [
    ("colour=blue", "colour"),
    ("ip=192.0.2.300/24", "ip"),
    ("ip=192.0.2.12/24,pool=gold", "gold"),
]


def story(machine):
    step("a guest with a good device and three wrong ones")
    guest = machine.guest("wrong", load=False,
                          vtoe=[offload.ENTRY] + [e for e, _ in WRONG])
    # it ends when XenBus has given up those that do not connect, after 30 s
    loading = guest.spawn("insmod /lib/modules/$(uname -r)/extra/vtoe.ko")
    offload.wait_connected(machine, guest)
    for devid, (entry, word) in enumerate(WRONG, 1):
        check_error(machine, guest, devid, word)

    step("a second guest with the first one's address")
    twin = machine.guest("twin", load=False, vtoe=["ip=192.0.2.10/24"])
    twin.run("true")
    check_error(machine, twin, 0, "192.0.2.10")
    expect_equal(offload.device(machine, guest)["state"], "connected",
                 "the first one's device")

    step("vtoectl refuses a wrong entry and says why")
    result = machine.dom0.run("vtoectl attach twin 'colour=blue'",
                              check=False)
    expect(result.rc != 0, "an exit code other than 0")
    expect_in("colour", result.err, "the reason")

    step("vtoectl create makes no guest when its entry is wrong")
    machine.dom0.write("/root/third.cfg", machine.configuration(
        "third", vtoe=["ip=nonsense"]))
    result = machine.dom0.run("vtoectl create /root/third.cfg", check=False,
                              timeout=120)
    expect(result.rc != 0, "an exit code other than 0")
    expect(not machine.dom0.ok("xl domid third"), "no guest")

    step("vtoectl create makes a guest whose entry is right")
    third = machine.guest("third", create="vtoectl create",
                          vtoe=["ip=192.0.2.13/24"])
    offload.wait_connected(machine, third)

    step("the first guest has loaded vtoe.ko")
    loading.wait()
    guest.run("true")


def check_error(machine, guest, devid, word):
    device = offload.wait_state(machine, guest, "error", devid)
    expect_in(word, device["error"], f"device {devid}'s error")
    expect_equal(machine.xenstore(
        f"{offload.backend_path(guest, devid)}/error"), device["error"],
        f"device {devid}'s error node")
    expect_in(device["error"], machine.dom0.run(
        "journalctl -b -u vtoed --no-pager").out, "vtoed's log")
