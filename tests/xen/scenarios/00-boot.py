"""A guest without a network interface boots and runs commands."""
from story import *


def story(machine):
    step("a PV guest whose configuration has no vif")
    guest = machine.guest("plain")

    step("it has the loopback interface and no other")
    expect_equal(guest.run("ls /sys/class/net").out.split(), ["lo"],
                 "the guest's interfaces")

    step("exit codes, output and input pass through")
    result = guest.run("cat; echo oops >&2; exit 3", check=False, stdin="hi")
    expect_equal((result.rc, result.out, result.err), (3, "hi", "oops\n"),
                 "what the command left")

    step("a megabyte goes in and comes out unharmed")
    blob = bytes(range(256)) * 4096
    guest.write("/tmp/blob", blob)
    expect_equal(guest.run("cat /tmp/blob").raw, blob, "the megabyte")

    step("a command over its time limit is killed")
    expect(guest.run("sleep 100", check=False, timeout=1).timeout,
           "sleep is killed")

    step("its own loopback works, natively")
    server = guest.spawn("socat -u TCP-LISTEN:7,bind=127.0.0.1 STDOUT")
    wait_until(lambda: guest.ok("ss -ltn | grep -q 127.0.0.1:7"), 30,
               "socat listens")
    guest.run("echo hello | socat -u STDIN TCP:127.0.0.1:7")
    expect_equal(server.wait().out, "hello\n", "what arrived")

    step("xl destroy leaves nothing")
    guest.destroy()
