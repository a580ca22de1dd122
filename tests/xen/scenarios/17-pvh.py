"""A PVH guest is served as a PV guest is."""
from story import *
import offload
import sockcheck
import web

SECONDS = 600


def story(machine):
    with web.server(machine, root=offload.MEMORY_ROOT) as server:
        total = server.file("small", 8)
        guest = offload.guest(machine, "pvh", pvh=True)
        step("curl in the guest")
        expect_in(total, guest.run(
            f"curl -sSf http://{offload.REMOTE}/small | sha256sum",
            timeout=180).out, "SHA-256")
        step("nginx in the guest")
        with web.server(machine, guest) as mine:
            total = mine.file("small", 8)
            expect_in(total, machine.remote.run(
                f"curl -sSf http://{offload.ADDRESS}/small | sha256sum",
                timeout=180).out, "SHA-256")
        step("sockets behave as Linux's do")
        sockcheck.run(guest, machine.remote, offload.REMOTE, "-o")
