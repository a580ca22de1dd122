"""Byte streams are right under stress, both ways, with ends and aborts."""
from story import *
import offload

SECONDS = 500
STRESS_SECONDS = 40
PORT = 7300
CONNECTIONS = 48


def story(machine):
    guest = offload.guest(machine, "stressed")
    for name, client, server, address in (
            ("the guest is the client", guest, machine.remote,
             offload.REMOTE),
            ("the guest is the server", machine.remote, guest,
             offload.ADDRESS6)):
        step(name)
        job = server.spawn(f"exec chatter server {address} {PORT}")
        job.wait_for_output("listening")
        result = client.run(
            f"chatter client -c {CONNECTIONS} -t {STRESS_SECONDS} "
            f"{address} {PORT}", check=False, timeout=STRESS_SECONDS + 90)
        job.signal(15)
        other = job.wait(30, check=False)
        for r in (result, other):
            step(r.out.strip().splitlines()[-1] if r.out else str(r))
        expect(result.rc == 0, f"no fault at the client: {result}")
        expect(other.rc == 0, f"no fault at the server: {other}")
    wait_until(lambda: offload.device(machine, guest)["contexts"] == 0, 60,
               "no context left")
    errors = offload.counters(machine, guest)["runs_failed"]
    step(f"receive buffers ran out {errors} times")
