"""An engine hangs, and then accepts nothing; guests leave it, and come back.

    other ─── vtoe ─┬─ toe0: a (kernel) ──┐
    victim ── vtoe ─┼─ toe0: bad ─────────┼─ peer0, remote host
                    └─ toe1: fair ────────┘

bad and fair are siblings, of the driver "fault"; fair has no faults.
"""
from story import *
from gap import Gap, PORT
import greet
import offload
import siblings
from siblings import configure, expect_where, toe, wait_on, wait_up
import web

SECONDS = 300
FILE_MB = 20
HELD = 10
# An engine is judged each 5 s and then has to have been silent for 3 s.
FOUND_SECONDS = 20
OTHER = "ip=192.0.2.20/24,pool=well"
VICTIM = f"ip={offload.ADDRESS}/24,pool=lan,on-loss=wait:600"
CONFIG = """
toe "a" { netdev = "toe0" link = "macvlan" }
toe "fair" { driver = "fault" netdev = "toe1" link = "macvlan" segment = "lan" }
pool "well" { toes = {"a"} }
pool "lan" { toes = {"fair"} }
"""
ADD = ("vtoectl toe add bad driver=fault netdev=toe0 link=macvlan segment=lan "
       "pool=lan fault=hang-after=100")
FETCHES = ("for i in 1 2 3; do curl -sSf -m 20 -o /dev/null "
           f"http://{offload.REMOTE}/ || exit; done")


def story(machine):
    before = machine.dom0.read(siblings.CONFIG_FILE)
    configure(machine, CONFIG)
    wait_up(machine, "a", "fair")
    try:
        with web.server(machine, root=offload.MEMORY_ROOT) as server:
            total = server.file("large", FILE_MB)
            machine.remote.spawn(f"crowd server {offload.REMOTE} {PORT}"
                                 ).wait_for_output("listening")
            greet.serve(machine.remote)
            bad_engine(machine, total)
    finally:
        machine.links_up()
        machine.dom0.run("vtoectl undrain fair; vtoectl toe remove bad",
                         check=False)
        configure(machine, before)


def bad_engine(machine, total):
    other = offload.guest(machine, "other", vtoe=[OTHER], memory=192)
    victim = offload.guest(machine, "victim", vtoe=[VICTIM])
    wait_on(machine, victim, "fair")
    held = Gap(victim, HELD, 200)
    hangs(machine, victim, other, held, total)
    is_mended(machine, victim, held)
    held.end()
    other.destroy()
    accepts_nothing(machine, victim)
    its_nics_are_away(machine, victim)
    victim.destroy()


def use(machine, victim, name, instead):
    """Brings the victim from one TOE to the other."""
    machine.dom0.run(f"vtoectl drain {instead}; vtoectl undrain {instead}")
    wait_on(machine, victim, name)


def expect_degraded(machine, reason):
    """Waits until bad is degraded, and victim can leave it."""
    wait_until(lambda: toe(machine, "bad")["state"] == "degraded",
               FOUND_SECONDS, "toe bad is degraded")
    expect_in(reason, toe(machine, "bad")["reason"], "vtoectl toes")
    node = "/local/domain/0/vtoe/toe/bad"
    expect_equal(machine.xenstore(f"{node}/state"), "degraded", "XenStore")
    expect_in(reason, machine.xenstore(f"{node}/reason"), "XenStore")


def mend(machine):
    machine.dom0.run("vtoectl toe set bad fault= && vtoectl undrain bad")
    expect_equal((toe(machine, "bad")["state"], toe(machine, "bad")["reason"]),
                 ("up", None), "its state, and why")


def transfer(machine, guest, more):
    """Starts one; more: the connections that the guest has besides."""
    job = guest.spawn(web.sum_command(f"http://{offload.REMOTE}/large",
                                      "--limit-rate 2M"))
    wait_until(lambda: len(offload.connections(offload.contexts(
        machine, guest))) > more, 30, "the transfer")
    return job


def hangs(machine, victim, other, held, total):
    step("a guest is brought to an engine that soon hangs")
    undisturbed = transfer(machine, other, 0)
    disturbed = transfer(machine, victim, HELD)
    machine.dom0.run(ADD)
    wait_up(machine, "bad")
    use(machine, victim, "bad", "fair")
    wait_until(lambda: not held.ask()["seen"], 20, "silence")
    late = victim.spawn(greet.call(offload.REMOTE))

    step("that is found, and it is left; nothing is lost")
    expect_degraded(machine, "does not answer")
    wait_on(machine, victim, "fair")
    expect_equal(late.wait(30).out.strip(), offload.ADDRESS,
                 "the address from which a connect() of meanwhile was made")
    web.expect_sum(total, disturbed.wait(120))
    said = held.ask()
    expect_equal((said["lost"], said["seen"]), (0, HELD),
                 "connections lost, and heard of")
    expect(said["longest"] < FOUND_SECONDS * 1000,
           f"programs wait for some seconds: {said}")
    expect_where(machine, victim, {"fair": HELD})
    expect_equal({c["remap_reason"] for c in offload.connections(
        offload.contexts(machine, victim)) if f":{PORT}" in c["requested"]},
        {"degraded"}, "why its connections moved")
    victim.run(FETCHES)

    step("a guest on another engine of the same NIC has noticed nothing")
    web.expect_sum(total, undisturbed.wait(120))
    expect_equal(offload.device(machine, other)["toe"], "a", "its toe")
    expect_equal(toe(machine, "a")["state"], "up", "its state")


def is_mended(machine, victim, held):
    step("it is mended: it is used again when it is asked for")
    mend(machine)
    expect_equal(offload.device(machine, victim)["toe"], "fair",
                 "nothing moves back by itself")
    use(machine, victim, "bad", "fair")
    expect_where(machine, victim, {"bad": HELD})
    said = held.during(lambda: victim.run(FETCHES), 1)
    expect_equal((said["lost"], said["seen"]), (0, HELD),
                 "connections lost, and heard of")


def accepts_nothing(machine, victim):
    step("it accepts nothing: a client waits, and is served by the other one")
    greet.serve(victim)
    wait_until(lambda: greet.told(machine.remote, offload.ADDRESS), 30,
               "the guest's server")
    use(machine, victim, "fair", "bad")
    machine.dom0.run("vtoectl toe set bad fault=accept-error=100%")
    use(machine, victim, "bad", "fair")
    client = machine.remote.spawn(greet.call(offload.ADDRESS))
    expect_degraded(machine, "operations failed in 5 s")
    wait_on(machine, victim, "fair")
    expect_equal(client.wait(30).out.strip(), offload.REMOTE,
                 "what the guest's server says")


def its_nics_are_away(machine, victim):
    step("no NIC is there: a connect() waits, and goes by the first that comes")
    mend(machine)
    machine.set_link("toe0", False)
    wait_until(lambda: toe(machine, "bad")["state"] == "down", 20, "toe bad")
    machine.unplug("toe1")
    wait_until(lambda: toe(machine, "fair")["state"] == "gone", 20, "toe fair")
    late = victim.spawn(greet.call(offload.REMOTE))
    wait_until(lambda: offload.connections(
        offload.contexts(machine, victim), "connecting"), 30, "the connect()")
    expect(late.running(), "it waits")
    machine.set_link("toe0", True)
    wait_on(machine, victim, "bad")
    expect_equal(late.wait(60).out.strip(), offload.ADDRESS,
                 "the address that it connected from")
    machine.plug("toe1")
    wait_up(machine, "fair")
