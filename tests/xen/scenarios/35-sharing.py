"""Two guests share one engine by weight, are counted, and have limits.

    one (share 100) ──┐
                      ├── toe0, 8 Mbit/s ── peer0, remote host
    two (share 300) ──┘

By both kinds of links, whose packets differ: an ipvlan has its netdev's address.
"""
import time

from story import *
import engine
import offload
from siblings import configure, toe
import siblings

SECONDS = 500
# lwIP's own link is a macvlan.
KINDS = ["macvlan"] if engine.DRIVER == "lwip" else ["ipvlan", "macvlan"]
RATE = 1_000_000            # bytes a second: much less than the machine can
PORT = 7200
STREAMS = 8
# Alike, they would be 1:1. How near it comes to 1:3 says little here: a round trip
# takes so long, that a stream whose window fq_codel has cut does not fill its part.
# At native level, where it is short, it comes to 1:2.8 (make bench-share).
LEAST = 1.5
AMOUNT = 6_000_000          # bytes of both: some six seconds
SOCKETS = 20
ENTRIES = {"one": "pool=shared,ip=192.0.2.10/24",
           "two": "pool=shared,ip=192.0.2.11/24,share=300"}
CONFIG = """
toe "a" { netdev = "toe0" link = "%s" rate = "8Mb/s" }
pool "shared" { toes = {"a"} max-devices = 2 max-device-sockets = 20 }
"""
FULL = """
toe "a" { netdev = "toe0" link = "macvlan" max-devices = 1 }
toe "b" { netdev = "toe1" }
pool "shared" { toes = {"a", "b"} policy = "in-order" }
"""
# As many sockets as there can be; how many, and why no more.
MANY = f"""
import socket
kept = []
try:
    for _ in range({SOCKETS + 5}):
        kept.append(socket.create_connection(("{offload.REMOTE}", {PORT}), 20))
except OSError as e:
    print(len(kept), e.errno)
"""
HTB = "tc qdisc show dev toe0 root | grep -q 'htb 7e0:'"


def sent(machine, guest):
    """What a guest has sent by toe a, by the counters of its links."""
    for d in offload.ask(machine, f"stats {guest.domid}")["devices"]:
        for t in d["toes"]:
            if t["toe"] == "a":
                return t["tx_bytes"]
    raise Failure(f"no counters of {guest.name}")


def grown(machine, guests, amount):
    """Waits until guests have sent so much; what each has, and the seconds."""
    before = {g.name: sent(machine, g) for g in guests}
    start = time.monotonic()
    seen = {}

    def enough():
        seen.update({g.name: sent(machine, g) - before[g.name]
                     for g in guests})
        return sum(seen.values()) >= amount

    wait_until(enough, 120, f"{amount} bytes of all", interval=0.5)
    return seen, time.monotonic() - start


def streams(guest):
    """So many, that there is always something to send of each guest's."""
    return [guest.spawn(f"socat -u OPEN:/dev/zero TCP:{offload.REMOTE}:{PORT}")
            for _ in range(STREAMS)]


def competing(machine, guests):
    one, two = guests["one"], guests["two"]
    of_one, of_two = streams(one), streams(two)
    grown(machine, [one, two], AMOUNT // 4)
    seen, seconds = grown(machine, [one, two], AMOUNT)
    ratio = seen["two"] / seen["one"]
    expect(LEAST < ratio < 4.5, f"shares as 1:3; they are 1:{ratio:.2f}")
    expect(sum(seen.values()) / seconds < RATE * 1.3,
           f"no more than the rate; it is {seen} in {seconds:.1f} s")

    step("one that is alone has all of it")
    for job in of_two:
        job.kill()
    wait_until(lambda: not offload.contexts(machine, two), 60,
               "all that guest two has sent has gone")
    seen, seconds = grown(machine, [one], AMOUNT)
    expect(seen["one"] / seconds > RATE * 0.6,
           f"all of the rate; it is {seen} in {seconds:.1f} s")
    for job in of_one:
        job.kill()
    wait_until(lambda: not offload.contexts(machine, one), 60,
               "all that guest one has sent has gone")


def story(machine):
    before = machine.dom0.read(siblings.CONFIG_FILE)
    configure(machine, CONFIG % KINDS[0])
    try:
        machine.remote.spawn(
            f"socat -u TCP-LISTEN:{PORT},fork,reuseaddr OPEN:/dev/null")
        sharing(machine)
    finally:
        configure(machine, before)
    expect(not machine.dom0.ok(HTB), "the kernel's own qdisc on toe0")


def change_kind(machine, guests, kind, classes):
    """All devices go, and come again with links of another kind."""
    for name in guests:
        machine.dom0.run(f"vtoectl detach {name}")
    configure(machine, CONFIG % kind)
    for name, guest in guests.items():
        machine.dom0.run(f"vtoectl attach {name} '{ENTRIES[name]}'")
        offload.wait_connected(machine, guest)
    wait_until(lambda: machine.dom0.run(classes).out.strip() == "2", 20,
               "a class for each")


def sharing(machine):
    guests = {name: offload.guest(machine, name, vtoe=[entry], memory=192)
              for name, entry in ENTRIES.items()}
    wait_until(lambda: toe(machine, "a")["rate"] == RATE, 20,
               "guests share toe a")

    step(f"guests that compete get their shares, by {KINDS[0]}")
    competing(machine, guests)

    step("shares outlive vtoed")
    classes = "tc class show dev toe0 | grep -c 'htb 7e0:1[12] '"
    machine.dom0.run("systemctl stop vtoed", timeout=120)
    expect_equal(machine.dom0.run(classes).out.strip(), "2", "classes")
    machine.dom0.run("systemctl start vtoed", timeout=120)
    for guest in guests.values():
        offload.wait_connected(machine, guest)
    wait_until(lambda: toe(machine, "a")["rate"] == RATE, 20,
               "guests share toe a")
    expect_equal(machine.dom0.run(classes).out.strip(), "2", "classes")

    for kind in KINDS[1:]:
        step(f"guests that compete get their shares, by {kind}")
        change_kind(machine, guests, kind, classes)
        competing(machine, guests)

    step("a third device is one too many")
    machine.dom0.run("vtoectl attach --force one 'pool=shared,"
                     "ip=192.0.2.12/24'")
    expect_in("max-devices", str(offload.device(machine, guests["one"], 1)),
              "its error")
    machine.dom0.run("vtoectl detach one 1")

    step("a toe that may have no more devices: the next one is on another")
    configure(machine, FULL)
    machine.dom0.run(f"vtoectl detach two && "
                     f"vtoectl attach two '{ENTRIES['two']}'")
    offload.wait_connected(machine, guests["two"])
    expect_equal({name: offload.device(machine, guest)["toe"]
                  for name, guest in guests.items()},
                 {"one": "a", "two": "b"}, "their toes")
    configure(machine, CONFIG % "macvlan")

    step("sockets over the limit are refused with the true error")
    out = guests["one"].run("python3 -", stdin=MANY).out.split()
    expect_equal(out, [str(SOCKETS), "105"], "sockets, and ENOBUFS")
    expect(offload.counters(machine, guests["one"])["limited"] > 0,
           "what was kept back is counted")
