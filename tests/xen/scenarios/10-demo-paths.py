"""Unmodified curl, nginx and a static program talk through dom0, v4 and v6."""
from story import *
import offload
import web

FILE_MB = 8
AT_ONCE = 8


def story(machine):
    with web.server(machine, root=offload.MEMORY_ROOT) as server:
        total = server.file("small", FILE_MB)
        guest = offload.guest(machine, "web")

        step("the guest has no interface but lo")
        expect_equal(guest.run("ls /sys/class/net").out.split(), ["lo"],
                     "the guest's interfaces")
        for name, host in (("IPv4", offload.REMOTE),
                           ("IPv6", f"[{offload.REMOTE6}]")):
            client(guest, name, f"http://{host}", server.page, total)
        step("an address that nobody has gives an error, and soon")
        result = guest.run("curl -sS -m 30 http://192.0.2.77/", check=False)
        expect_equal(result.rc, 7, "curl's exit code")
        serve(machine, guest)


def client(guest, name, url, page, total):
    step(f"curl over {name}")
    expect_equal(guest.run(f"curl -sSf {url}/").out, page, "the page")
    web.fetch(guest, f"{url}/small", total, timeout=120)
    step(f"a static program over {name}")
    expect_in(total, guest.run(f"fetch {url}/small | sha256sum",
                               timeout=120).out, "SHA-256 by fetch")


def serve(machine, guest):
    step("nginx in the guest")
    with web.server(machine, guest) as server:
        total = server.file("small", FILE_MB)
        for name, host in (("IPv4", offload.ADDRESS),
                           ("IPv6", f"[{offload.ADDRESS6}]")):
            step(f"{AT_ONCE} clients at once over {name}")
            expect_equal(machine.remote.run(f"curl -sSf http://{host}/").out,
                         server.page, "the page")
            jobs = [machine.remote.spawn(
                web.sum_command(f"http://{host}/small"))
                for _ in range(AT_ONCE)]
            for job in jobs:
                web.expect_sum(total, job.wait(200))
        step("over the guest's own loopback, from the same listener")
        expect_equal(guest.run("curl -sSf http://127.0.0.1/").out,
                     server.page, "the page over loopback")
        web.fetch(guest, "http://[::1]/small", total)
