"""XenStore and vtoectl tell which socket is on which engine."""
from story import *
import offload
import web


def story(machine):
    guest = offload.guest(machine, "told")
    with web.server(machine, root=offload.MEMORY_ROOT) as server, \
            web.server(machine, guest):
        server.file("small", 8)
        step("one listener and one slow download")
        job = guest.spawn("curl -sS --limit-rate 100k -o /dev/null "
                          f"http://{offload.REMOTE}/small")
        wait_until(lambda: offload.connections(
            offload.contexts(machine, guest)), 30, "the connection")

        step("records in XenStore agree with vtoectl contexts")
        wait_until(lambda: agree(machine, guest), offload.RECORD_SECONDS,
                   "records that agree", interval=1)
        [c] = offload.connections(offload.contexts(machine, guest))
        expect_equal(c["requested"], f"connect tcp {offload.REMOTE}:80",
                     "requested")
        expect_in("toe=eth 192.0.2.10:", c["resolved"], "resolved")
        expect_in(f"-> {offload.REMOTE}:80", c["resolved"], "resolved")
        listeners = offload.connections(
            offload.contexts(machine, guest), "listening")
        expect_equal(sorted(c["requested"].split(" backlog")[0]
                            for c in listeners),
                     ["listen tcp 0.0.0.0:80", "listen tcp [::]:80"],
                     "the listeners")

        step("the TOE is there, too")
        base = "/local/domain/0/vtoe/toe/eth"
        expect_equal(machine.xenstore(f"{base}/netdev"), "toe0", "netdev")
        expect_equal(machine.xenstore(f"{base}/state"), "up", "state")
        [toe] = offload.ask(machine, "toes")["toes"]
        expect_equal((toe["name"], toe["state"]), ("eth", "up"),
                     "vtoectl toes")
        step("ss in the guest's namespace sees the connection")
        expect_in(f"{offload.REMOTE}:80", machine.dom0.run(
            f"ip netns exec {offload.netns(guest)} ss -tn").out, "ss")

        step("a record goes with its socket")
        job.kill()
        wait_until(lambda: agree(machine, guest) and not offload.connections(
            offload.contexts(machine, guest)), offload.RECORD_SECONDS,
            "no record of the connection", interval=1)


def agree(machine, guest):
    """Whether both tell the same of the same sockets."""
    told = {c["slot"]: (c["requested"], c["resolved"], c["state"])
            for c in offload.contexts(machine, guest)}
    kept = {slot: (r.get("requested"), r.get("resolved", ""), r.get("state"))
            for slot, r in offload.records(machine, guest).items()}
    return told and told == kept
