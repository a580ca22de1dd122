"""Restarting vtoed disturbs no connection; guests made meanwhile are found."""
from story import *
import offload
import web

SECONDS = 400
FILE_MB = 24


def story(machine):
    try:
        restarts(machine)
    finally:
        machine.dom0.run("systemctl start vtoed", timeout=120)


def restarts(machine):
    guest = offload.guest(machine, "kept")
    worker = offload.device(machine, guest)["worker"]
    with web.server(machine, root=offload.MEMORY_ROOT) as server:
        total = server.file("medium", FILE_MB)
        step("a transfer is under way")
        job = guest.spawn(web.sum_command(
            f"http://{offload.REMOTE}/medium", "--limit-rate 1M"))
        wait_until(lambda: offload.connections(
            offload.contexts(machine, guest)), 30, "the connection")
        [before] = offload.connections(offload.contexts(machine, guest))

        step("vtoed is restarted")
        machine.dom0.run("systemctl restart vtoed", timeout=120)
        after = offload.wait_connected(machine, guest)
        expect_equal(after["worker"], worker, "the worker's process")
        [now] = offload.connections(offload.contexts(machine, guest))
        expect_equal((now["slot"], now["resolved"]),
                     (before["slot"], before["resolved"]), "the context")
        wait_until(lambda: offload.records(machine, guest).get(now["slot"]),
                   offload.RECORD_SECONDS, "its record")

        step("vtoed is killed; systemd starts it again")
        machine.dom0.run("systemctl kill -s KILL --kill-who=main vtoed")
        wait_until(lambda: machine.dom0.ok("vtoectl list"), 60, "vtoed again",
                   interval=1)
        offload.wait_connected(machine, guest)

        step("while vtoed is stopped: new connections, and a new guest")
        machine.dom0.run("systemctl stop vtoed")
        expect_equal(guest.run(f"curl -sSf http://{offload.REMOTE}/").out,
                     server.page, "the page")
        late = machine.guest("late", load=False,
                             vtoe=["ip=192.0.2.11/24,gateway=192.0.2.1"])
        machine.dom0.run("systemctl start vtoed", timeout=120)
        offload.wait_state(machine, late, "waiting")
        late.run("insmod /lib/modules/$(uname -r)/extra/vtoe.ko")
        offload.wait_connected(machine, late)
        expect_equal(late.run(f"curl -sSf http://{offload.REMOTE}/").out,
                     server.page, "the page")

        step("the transfer went through all of it")
        web.expect_sum(total, job.wait(120))
        expect_equal(offload.wait_connected(machine, guest)["worker"],
                     worker, "the worker's process")

        step("guests that went while vtoed was stopped leave nothing")
        # Until it is back a worker keeps their memory: they are zombies.
        machine.dom0.run("systemctl stop vtoed")
        machine.dom0.run(f"xl destroy {late.domid}")
        machine.dom0.run("systemctl start vtoed", timeout=120)
        wait_until(late.gone, 30, "late gone from xl list", interval=1)
        wait_until(lambda: machine.xenstore(
            f"{offload.backend_path(late)}/state") is None, 30,
            "no node of it")
