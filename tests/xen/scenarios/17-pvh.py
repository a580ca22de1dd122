"""A PVH guest is served as a PV guest is."""
from story import *
import offload
import sockcheck
import web

SECONDS = 900


def story(machine):
    with web.server(machine, root=offload.MEMORY_ROOT) as server:
        total = server.file("small", 8)
        guest = offload.guest(machine, "pvh", pvh=True)
        step("curl in the guest")
        web.fetch(guest, f"http://{offload.REMOTE}/small", total, timeout=180)
        step("nginx in the guest")
        with web.server(machine, guest) as mine:
            total = mine.file("small", 8)
            web.fetch(machine.remote, f"http://{offload.ADDRESS}/small", total,
                      timeout=180)
        step("sockets behave as Linux's do")
        sockcheck.run(guest, machine.remote, offload.REMOTE, "-o")
