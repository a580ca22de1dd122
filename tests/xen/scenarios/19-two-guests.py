"""Two guests have port spaces of their own, and use them at once."""
from story import *
import offload
import web

GUESTS = {"one": "192.0.2.10", "two": "192.0.2.11"}


def story(machine):
    guests = {name: offload.guest(
        machine, name, vtoe=[f"ip={ip}/24,gateway=192.0.2.1"])
        for name, ip in GUESTS.items()}
    servers = []
    sums = {}
    for name, guest in guests.items():
        step(f"nginx on port 80 in guest {name}")
        server = web.Server(guest, 80, "/srv/web")
        server.start()
        servers.append(server)
        sums[name] = server.file("own", 8)
    expect(sums["one"] != sums["two"], "files that differ")

    step("the remote host fetches from both at once")
    jobs = {name: machine.remote.spawn(
        web.sum_command(f"http://{ip}/own"))
        for name, ip in GUESTS.items()}
    for name, job in jobs.items():
        web.expect_sum(sums[name], job.wait(120))

    step("dom0's own services are out of a guest's reach")
    machine.dom0.spawn("socat -u TCP-LISTEN:7000,fork,reuseaddr STDOUT")
    wait_until(lambda: machine.dom0.ok("ss -ltn | grep -q :7000"), 30,
               "dom0 listens")
    result = guests["one"].run("curl -sS -m 5 http://127.0.0.1:7000/",
                               check=False)
    expect_equal(result.rc, 7, "curl's exit code")
    for server in servers:
        server.stop()
