"""UDP sockets are in both worlds, and outlive their device."""
from story import *
import offload

SECONDS = 400
SERVER = "socat UDP4-RECVFROM:7000,fork EXEC:cat"
CLIENT = f"""python3 -uc '
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("{offload.REMOTE}", 7000))
s.settimeout(1)
for i in range(100000):
    try:
        s.send(b"x")
        s.recv(9)
        print("answer", s.getsockname()[0])
    except OSError as e:
        print("no answer:", e)
    time.sleep(0.2)
'"""


def story(machine):
    step("a server on all addresses, before there is a device")
    guest = machine.guest("datagrams")
    guest.spawn(SERVER)
    wait_until(lambda: guest.ok("ss -lun | grep -q :7000"), 30,
               "socat listens")
    machine.dom0.run(f"vtoectl attach datagrams '{offload.ENTRY}'")
    offload.wait_connected(machine, guest)
    answered(machine.remote, offload.ADDRESS)
    answered(guest, "127.0.0.1")

    step("a client, connected")
    remote = machine.remote.spawn(SERVER)
    client = guest.spawn(CLIENT)
    client.wait_for_output(f"answer {offload.ADDRESS}")
    records = offload.records(machine, guest).values()
    wait_until(lambda: any(
        r.get("requested") == f"connect udp {offload.REMOTE}:7000"
        for r in offload.records(machine, guest).values()), 30,
        f"the client's record in {list(records)}")

    step("nobody listens there: the client is told")
    remote.kill()
    client.wait_for_output("Connection refused")
    remote = machine.remote.spawn(SERVER)

    step("the worker is killed: client and server go on with the next one")
    worker = offload.device(machine, guest)["worker"]
    machine.dom0.run(f"kill -9 {worker}")
    wait_until(lambda: offload.device(machine, guest)["worker"]
               not in (worker, 0, None), 60, "another worker", interval=0.5)
    offload.wait_connected(machine, guest)
    before = client.output().count("answer 192")
    wait_until(lambda: client.output().count("answer 192") > before + 3, 60,
               "more answers", interval=0.5)
    answered(machine.remote, offload.ADDRESS)
    answered(guest, "127.0.0.1")

    step("the device is taken away: what is native goes on")
    machine.dom0.run("vtoectl detach datagrams")
    wait_until(lambda: guest.xenstore("device/vtoe/0/state") is None, 30,
               "the frontend's node is gone")
    answered(guest, "127.0.0.1")
    client.kill()


def answered(node, address):
    wait_until(lambda: node.run(
        f"echo hello | socat -T2 - UDP4:{address}:7000",
        check=False).out == "hello\n", 30, f"an answer of {address}",
        interval=1)
