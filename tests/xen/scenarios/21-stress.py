"""Byte streams are right under stress, both ways, with ends and aborts."""
import json

from story import *
import offload

SECONDS = 500
STRESS_SECONDS = 40
PORT = 7300
CONNECTIONS = 48

# Writes as much as poll() promises, so that no write is ever in vain
WRITER = ("import select, socket\n"
          f"s = socket.create_connection(('{offload.REMOTE}', {PORT}))\n"
          "s.setblocking(False)\n"
          "while select.select([], [s], []):\n"
          "    s.send(bytes(65536))\n")
# Reads for a while, and then no more
READER = ("import socket, time\n"
          f"l = socket.create_server(('{offload.REMOTE}', {PORT}))\n"
          "print('listening', flush=True)\n"
          "c = l.accept()[0]\n"
          "n = 0\n"
          "while n < 32 << 20:\n"
          "    n += len(c.recv(1 << 20))\n"
          "time.sleep(3600)\n")
LARGE = 1 << 20     # bytes; a ring that has not grown holds less


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
    polled_writer(machine, guest)


def polled_writer(machine, guest):
    step("a writer that waits in poll() gets a larger ring, too")
    reader = machine.remote.spawn(f'exec python3 -c "{READER}"')
    reader.wait_for_output("listening")
    writer = guest.spawn(f'exec python3 -c "{WRITER}"')
    wait_until(lambda: any(
        s["send_q"] > LARGE for s in
        json.loads(guest.run("vtoe-ss --json").out)["sockets"]), 60,
        "a ring with more than that")
    writer.kill()
    reader.kill()
