"""vtoe-ss shows each offloaded socket in the guest, as ss would."""
import json

from story import *
import offload
import web
from switchtry import Listener, prepare, rules

SECONDS = 400
STALLED = ("import socket, time\n"
           "s = socket.create_connection(('%s', 80))\n"
           "s.send(b'GET / HTTP/1.0\\r\\n\\r\\n')\n"
           "print('sent', s.getsockname()[1], flush=True)\n"
           "time.sleep(3600)\n" % offload.REMOTE)


def ask(guest, options):
    return json.loads(guest.run(f"vtoe-ss --json {options}").out)


def story(machine):
    with web.server(machine, root=offload.MEMORY_ROOT):
        guest = offload.guest(machine, "shown")
        prepare(guest)
        connected(machine, guest)
        listening(guest)
        counted(guest)


def connected(machine, guest):
    step("nothing is offloaded yet")
    expect_equal(ask(guest, "-a"), {"sockets": []}, "sockets")

    step("a connection: addresses, owner, inode, process")
    job = guest.spawn(f"exec socat -u TCP:{offload.REMOTE}:80 STDOUT")
    shown = wait_until(lambda: ask(guest, "-p")["sockets"], 30, "a socket")[0]
    wait_until(lambda: ask(guest, "")["sockets"][0]["state"] == "ESTAB", 30,
               "ESTAB")
    shown = ask(guest, "-p")["sockets"][0]
    expect_equal(shown["proto"], "tcp", "protocol")
    expect_equal(shown["peer"], {"address": offload.REMOTE, "port": 80},
                 "peer")
    expect_equal(shown["local"]["address"], offload.ADDRESS, "local address")
    expect_equal(shown["uid"], 0, "uid")
    expect_equal(len(shown["processes"]), 1, "processes")
    user = shown["processes"][0]
    expect_equal(user["name"], "socat", "the process")
    expect_equal(guest.run(f"readlink /proc/{user['pid']}/fd/{user['fd']}")
                 .out.strip(), f"socket:[{shown['inode']}]", "the inode")
    there, = offload.connections(offload.contexts(machine, guest))
    expect_in(f"{offload.ADDRESS}:{shown['local']['port']} ",
              there["resolved"], "the same connection in dom0")
    expect_in(f"{offload.REMOTE}:80", guest.run("vtoe-ss -tnp").out,
              "the table")
    expect_equal(ask(guest, "-l"), {"sockets": []}, "listening ones")
    expect_equal(ask(guest, "-u"), {"sockets": []}, "UDP ones")
    job.kill()
    wait_until(lambda: not ask(guest, "-a")["sockets"], 30, "its end")

    step("a datagram socket")
    job = guest.spawn(f"exec socat -u UDP:{offload.REMOTE}:9 STDOUT")
    shown = wait_until(lambda: ask(guest, "-u")["sockets"], 30, "a socket")[0]
    expect_equal([shown["proto"], shown["state"], shown["peer"]["port"]],
                 ["udp", "ESTAB", 9], "what it is")
    expect_equal(ask(guest, "-at"), {"sockets": []}, "TCP ones")
    job.kill()

    step("bytes that nobody reads, and a peer that has closed")
    job = guest.spawn("exec setpriv --reuid 1234 --clear-groups python3 -c "
                      f'"{STALLED}"')
    shown = wait_until(lambda: [s for s in ask(guest, "")["sockets"]
                                if s["state"] == "CLOSE-WAIT"], 30,
                       "CLOSE-WAIT")[0]
    expect(shown["recv_q"] > len(web.PAGE), "the page in the queue")
    expect_equal(shown["uid"], 1234, "uid")
    job.kill()


def listening(guest):
    step("a listener, and a native one that is not ours to show")
    rules(guest, "native dir=listen lport=7001")
    with Listener(guest, "0.0.0.0", 7000), Listener(guest, "0.0.0.0", 7001):
        shown = ask(guest, "-l")["sockets"]
        expect_equal([s["local"] for s in shown],
                     [{"address": "0.0.0.0", "port": 7000}], "listeners")
        expect_equal(shown[0]["state"], "LISTEN", "state")
        expect_equal(shown[0]["peer"]["port"], None, "peer")
        expect(shown[0]["send_q"] > 0, "the backlog")


def counted(guest):
    step("rules with their hits, and counters")
    shown = ask(guest, "--rules")["rules"]
    expect_equal([(r["list"], r["number"], r["rule"]) for r in shown],
                 [("toolstack", None, "offload"),
                  ("guest", 1, "native dir=listen lport=7001"),
                  ("guest", None, "offload")], "rules")
    expect(shown[1]["hits"] >= 1, "hits")
    expect_equal(shown[1]["fallbacks"], 0, "fallbacks")
    expect_in("native dir=listen lport=7001", guest.run("vtoe-ss -r").out,
              "the table")
    stats = ask(guest, "--stats")
    expect_equal(stats["connected"], 1, "connected")
    expect(stats["offloaded"] >= 3 and stats["native"] >= 1, "counters")
    wait_until(lambda: ask(guest, "-s")["slots_free"] == stats["slots"], 30,
               "no slot is lost")
