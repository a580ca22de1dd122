"""A pulled cable and a stopped xenstored are survived by transfers."""
from story import *
import offload
import web

SECONDS = 400
OUTAGE_SECONDS = 4


def story(machine):
    with web.server(machine, root=offload.MEMORY_ROOT) as server:
        total = server.file("medium", 24)
        guest = offload.guest(machine, "steady")
        url = f"http://{offload.REMOTE}"

        def transfer():
            job = guest.spawn(web.sum_command(f"{url}/medium",
                                              "--limit-rate 2M"))
            wait_until(lambda: offload.connections(
                offload.contexts(machine, guest)), 30, "the connection")
            return job

        step("the NIC's cable is pulled during a transfer")
        job = transfer()
        machine.set_link("toe0", False)
        wait_until(lambda: offload.ask(machine, "toes")["toes"][0]["state"]
                   == "down", 20, "vtoed sees it")
        expect(job.running(), "the transfer waits")
        machine.set_link("toe0", True)
        wait_until(lambda: offload.ask(machine, "toes")["toes"][0]["state"]
                   == "up", 20, "vtoed sees that it is back")
        web.expect_sum(total, job.wait(120))

        step("xenstored stops for some seconds during a transfer")
        job = transfer()
        machine.dom0.run("kill -STOP $(pidof xenstored)")
        try:
            # Opened, used and closed without XenStore.
            expect_equal(guest.run(f"curl -sSf {url}/").out, server.page,
                         "the page")
            machine.dom0.run(f"sleep {OUTAGE_SECONDS}")
        finally:
            machine.dom0.run("kill -CONT $(pidof xenstored)")
        web.expect_sum(total, job.wait(120))
        offload.wait_connected(machine, guest)
        expect_equal(guest.run(f"curl -sSf {url}/").out, server.page,
                     "the page afterwards")
