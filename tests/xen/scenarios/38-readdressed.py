"""A guest whose address is one of its TOE's follows that TOE's configuration.

    guest ── vtoe ─┬─ toe1: main ───┐   ┌─ peer0, remote host: 192.0.2.1
                   └─ toe0: extra ──┴───┴─ a router: 192.0.2.2, 203.0.113.2

To another router, by a route to a network behind another one, to another range of
addresses, and to a second TOE when that has addresses to give. Meanwhile main's NIC is unplugged for a moment.
"""
import time

from story import *
import engine
from gap import Gap, PORT
import greet
import offload
from router import ADDRESS as OTHER_ROUTER, FAR, router
import siblings
from siblings import configure, expect_where, toe, wait_up

SECONDS = 300
HELD = 10
PROMPT_SECONDS = 10     # a call to a program in the guest takes up to a second
ENTRY = "pool=wide,on-loss=wait:600"
OLD = "192.0.2.60"
NEW = "192.0.2.70"
SECOND = "192.0.2.80"
MAIN = """
toe "main" { netdev = "toe1" addresses = "%s-192.0.2.79/24" gateway = "%s" }
"""
ROUTED = (MAIN % (OLD, offload.REMOTE)).replace(
    "}", f'routes = {{"203.0.113.0/24 via {OTHER_ROUTER}"}} }}')
EXTRA = """
toe "extra" { netdev = "toe0" %s }
pool "wide" { toes = {"main", "extra"} policy = "round-robin" spread = 2 }
"""
BARE = EXTRA % ""
GIVING = EXTRA % f'addresses = "{SECOND}-192.0.2.89/24"'


def story(machine):
    before = machine.dom0.read(siblings.CONFIG_FILE)
    configure(machine, MAIN % (OLD, offload.REMOTE) + BARE)
    wait_up(machine, "main", "extra")
    try:
        with router(machine) as other:
            machine.remote.spawn(f"crowd server {offload.REMOTE} {PORT}"
                                 ).wait_for_output("listening")
            greet.serve(machine.remote)
            greet.serve(other)
            follows(machine)
    finally:
        configure(machine, before)


def follows(machine):
    guest = offload.guest(machine, "follower", vtoe=[ENTRY])
    greet.serve(guest)
    another_router(machine, guest)
    if engine.DRIVER != "lwip":    # which has no routes, and says so
        a_route(machine, guest)
    another_range(machine, guest)
    held = Gap(guest, HELD, 200)
    its_nic_is_away(machine, guest, held)
    one_more_toe(machine, guest, held)
    held.end()
    guest.destroy()


def link(name, ip, gateway=None):
    """A link whose address is of its TOE's range, as XenStore has it."""
    nodes = {"toe": name, "from": name, "ip": f"{ip}/24"}
    return {**nodes, "gateway": gateway} if gateway else nodes


def wait_connecting(machine, guest, address):
    """Waits until the guest has a connect() to greet under way."""
    wait_until(lambda: [c for c in offload.connections(
        offload.contexts(machine, guest), "connecting")
        if f"{address}:{greet.PORT}" in c["requested"]], 30,
        f"a connect to {address}")


def another_router(machine, guest):
    step("the guest has an address of its TOE's, and that TOE's router")
    expect_equal(offload.links(machine, guest),
                 {0: link("main", OLD, offload.REMOTE)}, "XenStore")
    expect_equal(greet.told(guest, offload.REMOTE), OLD,
                 "its address, as the remote host sees it")
    held = Gap(guest, HELD, 200)
    far = guest.spawn(greet.call(FAR))
    wait_connecting(machine, guest, FAR)

    step("it has another router: what that leads to is reached")
    configure(machine, MAIN % (OLD, OTHER_ROUTER) + BARE)
    expect_equal(offload.links(machine, guest),
                 {0: link("main", OLD, OTHER_ROUTER)}, "XenStore")
    expect_equal(far.wait(30).out.strip(), OLD,
                 "what the connect() that was under way is told there")
    expect_equal(greet.told(guest, FAR), OLD, "what a new one is told")
    said = held.during(lambda: None, 1)
    expect_equal((said["lost"], said["seen"]), (0, HELD),
                 "connections lost, and heard of, within the segment")
    held.end()


def a_route(machine, guest):
    step("its router is the first one again, which does not know the way")
    configure(machine, MAIN % (OLD, offload.REMOTE) + BARE)
    held = Gap(guest, HELD, 200)
    far = guest.spawn(greet.call(FAR))
    wait_connecting(machine, guest, FAR)

    step("its TOE has a route to what is behind the other one: it is reached")
    configure(machine, ROUTED + BARE)
    expect_equal(far.wait(30).out.strip(), OLD,
                 "what the connect() that was under way is told there")
    expect_equal(greet.told(guest, FAR), OLD, "what a new one is told")
    expect_equal(greet.told(guest, offload.REMOTE), OLD,
                 "its address, as the remote host sees it")
    expect_equal(held.ask()["lost"], 0, "connections lost")
    held.end()


def another_range(machine, guest):
    step("the range is another one: the old address has gone for good")
    # socat would take a reset for the stream's end
    held = guest.spawn(f"bash -c 'cat </dev/tcp/{offload.REMOTE}/{PORT}'")
    expect_where(machine, guest, {"main": 1})
    start = time.monotonic()
    configure(machine, MAIN % (NEW, offload.REMOTE) + BARE)
    ended = held.wait(30, check=False)
    seconds = time.monotonic() - start
    expect(ended.rc and "Connection reset by peer" in ended.err,
           f"what was connected from there is told so: {ended}")
    expect(seconds < PROMPT_SECONDS, f"it is told at once: {seconds:.1f} s")
    expect_equal(offload.links(machine, guest),
                 {0: link("main", NEW, offload.REMOTE)}, "XenStore")
    expect_equal(offload.device(machine, guest)["ip"], f"{NEW}/24",
                 "vtoectl list")

    step("its server is reached at the new address, and it connects from there")
    expect_equal(greet.told(machine.remote, NEW), offload.REMOTE,
                 "what the guest's server says")
    expect_equal(greet.told(guest, offload.REMOTE), NEW,
                 "its address, as the remote host sees it")


def its_nic_is_away(machine, guest, held):
    step("its NIC is unplugged: what connects waits until it is back")
    machine.unplug("toe1")
    wait_until(lambda: toe(machine, "main")["state"] == "gone", 20, "gone")
    late = guest.spawn(greet.call(offload.REMOTE))
    wait_connecting(machine, guest, offload.REMOTE)
    expect(late.running(), "connect() waits")
    machine.plug("toe1")
    wait_up(machine, "main")
    start = time.monotonic()
    expect_equal(greet.told(machine.remote, NEW), offload.REMOTE,
                 "what the guest's server says")
    seconds = time.monotonic() - start
    expect(seconds < PROMPT_SECONDS,
           f"its neighbours know where it is: {seconds:.1f} s")
    expect_equal(late.wait(60).out.strip(), NEW, "what it is told at last")
    expect_equal(held.ask()["lost"], 0, "connections lost")


def one_more_toe(machine, guest, held):
    step("the other TOE has addresses, too: the guest is on both")
    configure(machine, MAIN % (NEW, offload.REMOTE) + GIVING)
    expect_equal(offload.links(machine, guest),
                 {0: link("main", NEW, offload.REMOTE),
                  1: link("extra", SECOND)}, "XenStore")
    expect_where(machine, guest, {"main": HELD})
    more = Gap(guest, 4, 200)
    expect_where(machine, guest, {"main": HELD + 2, "extra": 2})
    for address in NEW, SECOND:
        expect_equal(greet.told(machine.remote, address), offload.REMOTE,
                     f"what the guest's server says at {address}")
    expect_equal(more.ask()["lost"] + held.ask()["lost"], 0,
                 "connections lost")
    more.end()
