"""A guest is not woken for room in a socket that nobody asks for."""
import select

from story import *
import fed
import offload
import web

ASKER = f"""
import select, socket, sys
s = socket.create_connection(("{offload.REMOTE}", 80))
print("connected", flush=True)
for events in select.POLLIN, select.POLLOUT:
    sys.stdin.readline()
    s.send(b"G")
    p = select.poll()
    p.register(s, events)
    p.poll(0)
    print("asked", events, flush=True)
sys.stdin.read()
"""


def story(machine):
    with web.server(machine, root=offload.MEMORY_ROOT):
        guest = offload.guest(machine, "woken")
        guest.write("/tmp/asker.py", ASKER)
        asker = fed.Fed(guest, "python3 /tmp/asker.py")
        asker.job.wait_for_output("connected")
        worker = offload.device(machine, guest)["worker"]

        def counter(name):
            return offload.counters(machine, guest)[name]

        def told(events):
            """Notifications for a byte that dom0 takes after the question."""
            before = offload.counters(machine, guest)
            machine.dom0.run(f"kill -STOP {worker}")
            try:
                asker.line()
                asker.job.wait_for_output(f"asked {events}")
            finally:
                machine.dom0.run(f"kill -CONT {worker}")
            wait_until(lambda: asleep(machine, worker) and counter(
                "tx_bytes") > before["tx_bytes"], 30, "it is taken")
            return counter("notifies") - before["notifies"]

        step("a program that waits for bytes alone")
        expect_equal(told(select.POLLIN), 0, "notifications")
        step("a program that waits for room")
        expect_equal(told(select.POLLOUT), 1, "notifications")
        asker.end()


def asleep(machine, worker):
    return machine.dom0.ok(f"grep -q '^State:.S' /proc/{worker}/status")
