"""Each socket option does what the table in vtoe(4) says."""
import sys

from machine import TOP
from story import *
import offload

sys.path.insert(0, str(TOP / "tests/lib"))
import optiontable

SECONDS = 600
PORT = 7003
WALK_SECONDS = 200
REFUSED = "ENOPROTOOPT"

# Lines whose first values are another path's than the loopback's: so many.
BY_PATH = {("TCP_MAXSEG", "connected get"): 2,  # not changed by setting it
           ("TCP_WINDOW_CLAMP", "connected get"): 1,
           ("SO_SNDBUF", "connected get"): 1}


def walk(node, peer, address, prefix=""):
    """Kinds, and {option: {line without its result: [results]}}."""
    server = peer.spawn(f"sockcheck server {address} {PORT}")
    server.wait_for_output("listening")
    result = node.run(f"{prefix}sockcheck walk {address} {PORT}",
                      timeout=WALK_SECONDS)
    server.kill()
    return parse(result.out)


def parse(text):
    kinds, lines = {}, {}
    for line in text.splitlines():
        words = line.split()
        if words[0] == "option":
            kinds[words[2]] = words[3].lower()
            lines[words[2]] = {}
        elif ": " in line:
            where, _, result = line.partition(": ")
            option, _, where = where.partition(" ")
            lines[option].setdefault(where, []).append(result)
    expect_in("walked", text, "the walk's end")
    return kinds, lines


# The same walk in a network namespace that vtoe leaves alone.
NATIVE = r"""
unshare -n sh -c 'ip link set lo up
sockcheck server %(address)s %(port)d >/tmp/walk.server &
until grep -q listening /tmp/walk.server; do sleep 0.1; done
sockcheck walk %(address)s %(port)d; kill $!'
"""


def walk_natively(guest, address):
    guest.run("rm -f /tmp/walk.server")
    return parse(guest.run(NATIVE % {"address": address, "port": PORT},
                           timeout=WALK_SECONDS).out)


def same(option, native, offloaded):
    """As with Linux, wherever and whatever."""
    for where, results in native.items():
        got = offloaded.get(where, [])
        skip = BY_PATH.get((option, where), 0)
        if got[skip:] != results[skip:]:
            yield f"{option} {where}: {got}, not {results}"


def native_only(option, native, offloaded):
    """As with Linux before the decision; the socket is native after it."""
    for where, results in offloaded.items():
        stage = where.split()[0]
        if stage == "fresh" and results != native[where]:
            yield f"{option} {where}: {results}, not {native[where]}"
        if stage in ("bound", "any") and "set" in where and \
                results != [REFUSED]:
            yield f"{option} {where}: {results}, not refused"
    connect = offloaded.get("replayed connect")
    if connect and native["fresh set"] == ["ok"] and \
            connect != ["ENETUNREACH"]:
        yield f"{option}: the socket is not native"
    if offloaded["connected set"] != [REFUSED]:
        yield f"{option}: {offloaded['connected set']} on a connected socket"


def refused(option, native, offloaded):
    """Setting it fails, always; it is off."""
    for where, results in offloaded.items():
        if " set" in where and "length -1" not in where and \
                results != [REFUSED]:
            yield f"{option} {where}: {results}, not refused"
        if where == "connected get" and \
                results[0] not in (native[where][0], REFUSED):
            yield f"{option} {where}: {results}, not {native[where]}"


JUDGE = {"carried": same, "read": same, "told": same, "kept": same,
         "native": native_only, "refused": refused}


def compare(table, native, offloaded):
    kinds, lines = offloaded
    wrong = []
    expect_equal({optiontable.plain(name): kind
                  for name, kind in kinds.items()}, table,
                 "the module's table and vtoe(4)")
    for option in lines:
        wrong += JUDGE[kinds[option]](option, native[1][option],
                                      lines[option])
    return wrong


def story(machine):
    page = optiontable.of_page(TOP / "man/vtoe.4")
    table = {name: kinds[optiontable.STREAM] for name, kinds in page.items()
             if kinds[optiontable.STREAM] != "no"}
    step(f"vtoe(4) has {len(table)} options")
    guest = offload.guest(machine, "walker")
    for loopback, remote in (("127.0.0.1", offload.REMOTE),
                             ("::1", offload.REMOTE6)):
        step(f"each, natively ({loopback})")
        native = walk_natively(guest, loopback)
        step(f"each, through vtoe ({remote})")
        offloaded = walk(guest, machine.remote, remote)
        wrong = compare(table, native, offloaded)
        expect(not wrong, "options as vtoe(4) says:\n" + "\n".join(wrong))
    step("dom0's socket has them, at once")
    told_while_asleep(machine, guest)


# Sets them on a connected socket, and then does nothing with it any more.
ASLEEP = f"""
import signal, socket
s = socket.create_connection(("{offload.REMOTE}", {PORT}))
s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 500)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
print("set", flush=True)
signal.pause()
"""


def told_while_asleep(machine, guest):
    server = machine.remote.spawn(
        f"sockcheck server {offload.REMOTE} {PORT}")
    server.wait_for_output("listening")
    sleeper = guest.spawn("python3 -", stdin=ASLEEP)
    sleeper.wait_for_output("set")
    seen = machine.dom0.run(f"ip netns exec {offload.netns(guest)} "
                            f"ss -tnoi dst {offload.REMOTE}").out
    expect_in("keepalive,8min", seen, "dom0's ss")
    expect_in(" reno ", seen, "dom0's ss")
    sleeper.kill()
    server.kill()
