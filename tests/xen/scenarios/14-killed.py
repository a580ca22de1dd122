"""A killed worker or guest hurts nobody else, and leaves nothing."""
from story import *
import offload
import web

SECONDS = 400
OTHER = "ip=192.0.2.11/24,gateway=192.0.2.1"


def story(machine):
    with web.server(machine, root=offload.MEMORY_ROOT) as server:
        total = server.file("medium", 24)
        guest = offload.guest(machine, "hurt")
        other = offload.guest(machine, "other", vtoe=[OTHER])
        url = f"http://{offload.REMOTE}"

        step("both have a transfer under way, the first one waits in accept")
        hers = other.spawn(web.sum_command(f"{url}/medium",
                                           "--limit-rate 1M"))
        his = guest.spawn(f"curl -sS --limit-rate 1M {url}/medium "
                          ">/dev/null")
        waiting = guest.spawn("socat -u TCP-LISTEN:7000 STDOUT")
        for g in (guest, other):
            wait_until(lambda: offload.connections(
                offload.contexts(machine, g)), 30, "a connection")
        worker_killed(machine, guest, his, waiting)

        step("its device comes back by itself")
        offload.wait_connected(machine, guest)
        expect_equal(guest.run(f"curl -sSf {url}/").out, server.page,
                     "the page after it reconnected")

        step("who waits in accept is found at the new worker")
        wait_until(lambda: machine.remote.ok(
            f"echo hello | socat -u STDIN TCP:{offload.ADDRESS}:7000"), 30,
            "a connection to the listener", interval=1)
        expect_equal(waiting.wait(30).out, "hello\n", "what arrived")

        step("the other guest did not notice")
        web.expect_sum(total, hers.wait(120))
        guests_killed(machine, guest, other, server)


def worker_killed(machine, guest, his, waiting):
    step("the first one's worker is killed")
    worker = offload.device(machine, guest)["worker"]
    machine.dom0.run(f"kill -9 {worker}")
    result = his.wait(60, check=False)
    expect(result.rc not in (0, None), "curl tells an error")
    expect(waiting.running(), "the listener goes on")


def guests_killed(machine, guest, other, server):
    step("a guest is destroyed in the middle of transfers, and listening")
    names = offload.netns(other)
    for _ in range(3):
        other.spawn(f"curl -sS http://{offload.REMOTE}/medium >/dev/null")
    other.spawn("socat -u TCP-LISTEN:7000,fork STDOUT")
    wait_until(lambda: offload.connections(
        offload.contexts(machine, other), "listening"), 30, "the listener")
    for g in (other, guest):
        worker = (offload.device(machine, g) or {}).get("worker")
        g.destroy()
        wait_until(lambda: not left(machine, g, worker), 30,
                   f"nothing left of {g.name}", interval=1)
    expect(names not in machine.dom0.run("ip netns list").out, "no namespace")
    expect(other.domid not in offload.mapped_grants(machine),
           "no grant in use")


def left(machine, guest, worker):
    """What is left of a destroyed guest, as text."""
    return machine.dom0.run(
        f"xenstore-ls -f / | grep -E '/domain/{guest.domid}/|"
        f"/vtoe/(context/)?{guest.domid}/'; ip netns list | grep 'vtoe-{guest.domid}-'; "
        f"test -z '{worker or ''}' || ps -o comm= -p {worker or 0}",
        check=False).out.strip()
