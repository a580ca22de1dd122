"""Without a device, and after it went away, everything works natively."""
from story import *
import offload
import web


def loopback(guest):
    expect_equal(guest.run("curl -sSf http://127.0.0.1/").out, web.PAGE,
                 "the page over loopback")


def story(machine):
    with web.server(machine, root=offload.MEMORY_ROOT):
        step("a guest without a device")
        guest = machine.guest("native")
        expect(guest.ok("lsmod | grep -q '^vtoe '"), "vtoe.ko is loaded")
        with web.server(machine, guest):
            loopback(guest)
            result = guest.run(f"fetch http://{offload.REMOTE}/",
                               check=False)
            expect_in("Network is unreachable", result.err,
                      "what its own stack says")

        step("vtoectl attach, while a program listens on all addresses")
        early = guest.spawn("socat -u TCP-LISTEN:7000 STDOUT")
        wait_until(lambda: guest.ok("ss -ltn | grep -q :7000"), 30,
                   "socat listens")
        machine.dom0.run(f"vtoectl attach native '{offload.ENTRY}'")
        offload.wait_connected(machine, guest)
        wait_until(lambda: machine.remote.ok(
            f"echo hello | socat -u STDIN TCP:{offload.ADDRESS}:7000"), 30,
            "a connection to the early listener", interval=1)
        expect_equal(early.wait(30).out, "hello\n", "what arrived")
        fetched = guest.run(f"fetch http://{offload.REMOTE}/").out
        expect_equal(fetched, web.PAGE, "the page")
        with web.server(machine, guest):
            loopback(guest)
            expect_equal(machine.remote.run(
                f"curl -sSf http://{offload.ADDRESS}/").out, web.PAGE,
                "the page from the guest")

            step("vtoectl detach, with a connection and a listener")
            job = guest.spawn("socat -u TCP:192.0.2.1:80 STDOUT")
            wait_until(lambda: offload.connections(
                offload.contexts(machine, guest)), 30, "the connection")
            machine.dom0.run("vtoectl detach native")
            job.wait(30, check=False)
            expect(offload.device(machine, guest) is None, "no device")
            expect_equal(guest.xenstore("device/vtoe/0/state"), None,
                         "the frontend's node")
            loopback(guest)
        result = guest.run(f"fetch http://{offload.REMOTE}/", check=False)
        expect_in("Network is unreachable", result.err, "native again")

        step("attached once more")
        machine.dom0.run(f"vtoectl attach native '{offload.ENTRY}'")
        offload.wait_connected(machine, guest)
        expect_equal(guest.run(f"fetch http://{offload.REMOTE}/").out,
                     web.PAGE, "the page")

        step("the driver can be unloaded and loaded again")
        # The kernel holds a driver's module while it has a XenBus device.
        guest.run("echo vtoe-0 >/sys/bus/xen/drivers/vtoe/unbind")
        wait_until(lambda: guest.ok("rmmod vtoe"), 30, "rmmod", interval=1)
        loopback_free(guest)
        guest.run("insmod /lib/modules/$(uname -r)/extra/vtoe.ko")
        offload.wait_connected(machine, guest)
        expect_equal(guest.run(f"fetch http://{offload.REMOTE}/").out,
                     web.PAGE, "the page")


def loopback_free(guest):
    server = guest.spawn("socat -u TCP-LISTEN:7,bind=127.0.0.1 STDOUT")
    wait_until(lambda: guest.ok("ss -ltn | grep -q 127.0.0.1:7"), 30,
               "socat listens")
    guest.run("echo hello | socat -u STDIN TCP:127.0.0.1:7")
    expect_equal(server.wait().out, "hello\n", "what arrived")
