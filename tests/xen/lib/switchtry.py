# SPDX-License-Identifier: GPL-2.0
"""One socket call in a guest, and where the switch sent it.

    attempt(guest, "connect 192.0.2.1 80", uid=1000) -> "offloaded"
    listen(guest, "0.0.0.0", 7000) -> a job that accepts until it is killed

A guest of these stories has a peer of its own: PEER, behind a veth in a network
namespace of the guest, where the module touches no socket.
"""

import json

from machine import wait_until

OWN, PEER = "198.51.100.1", "198.51.100.2"
PATH = "/root/switchtry.py"

PROGRAM = r'''
import errno, json, os, select, socket, sys, time

options = json.loads(sys.argv[1])
if "cgroup" in options:
    path = "/sys/fs/cgroup" + options["cgroup"]
    os.makedirs(path, exist_ok=True)
    with open(path + "/cgroup.procs", "w") as f:
        f.write(str(os.getpid()))
if "comm" in options:
    with open("/proc/self/comm", "w") as f:
        f.write(options["comm"])
if "uid" in options:
    os.setuid(options["uid"])
what, host, port = sys.argv[2], sys.argv[3], int(sys.argv[4])
family = socket.AF_INET6 if ":" in host else socket.AF_INET
kind = socket.SOCK_DGRAM if what == "udp" else socket.SOCK_STREAM
s = socket.socket(family, kind)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

def where():
    inode = str(os.fstat(s.fileno()).st_ino)
    with open("/proc/net/vtoe") as f:
        ours = any(inode == line.split()[8] for line in f)
    return "offloaded" if ours else "native"

def connect():
    if "bind" in options:
        s.bind((options["bind"], 0))
    s.connect((host, port))
    return where()

def listen():
    s.bind((host, port))
    s.listen()
    print("listens", where(), flush=True)
    while True:
        s.accept()[0].send(b"hello\n")

def udp():
    s.sendto(b"hello", (host, port))
    return where()

def fill():
    """Connects until it fails, and keeps what it has."""
    held = []
    try:
        while True:
            held.append(socket.create_connection((host, port)))
    except OSError as e:
        print("full", errno.errorcode[e.errno], len(held), flush=True)
    time.sleep(3600)

def refused_later():
    """connect() of a datagram socket does not wait for dom0 to refuse it."""
    error = 0
    while error in (0, errno.ECONNREFUSED):
        t = socket.socket(family, socket.SOCK_DGRAM)
        t.connect((host, port))
        t.send(b"hello")
        select.select([t], [], [], 0.1)
        error = t.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        print("connects", flush=True)
    print("refused", errno.errorcode[error], flush=True)
    while True:
        try:
            t.send(b"hello")
            break
        except OSError as e:
            if e.errno != error:
                raise
        time.sleep(0.1)
    return "sends " + t.getsockname()[0]

def epoll():
    """Everything is prepared before the decision, and holds after it."""
    s.setblocking(False)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x10)
    sets = [select.epoll(), select.epoll()]
    sets[0].register(s, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
    sets[1].register(s, select.EPOLLIN | select.EPOLLOUT)
    for e in sets:
        e.poll(0)
    if s.connect_ex((host, port)) not in (0, errno.EINPROGRESS):
        return "no connect"
    for e in sets:
        if not any(ev & select.EPOLLOUT for _, ev in e.poll(20)):
            return "no EPOLLOUT"
    if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return "not connected"
    for level, name, value in ((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                               (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
                               (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 77),
                               (socket.IPPROTO_IP, socket.IP_TOS, 0x10)):
        if s.getsockopt(level, name) != value:
            return "option %d/%d is %d" % (level, name,
                                           s.getsockopt(level, name))
    s.send(b"GET / HTTP/1.0\r\n\r\n")
    for e in sets:
        end = time.monotonic() + 20
        while not any(ev & select.EPOLLIN for _, ev in e.poll(20)):
            if time.monotonic() > end:
                return "no EPOLLIN"
    return where()

try:
    print({"connect": connect, "listen": listen, "epoll": epoll,
           "fill": fill, "udp": udp, "refused_later": refused_later}[what]())
except OSError as e:
    print(errno.errorcode[e.errno])
'''


def prepare(guest):
    """The program, and the guest's own peer."""
    guest.write(PATH, PROGRAM)
    guest.run("modprobe veth; ip netns add peer && "
              "ip link add own type veth peer name far netns peer && "
              f"ip addr add {OWN}/24 dev own && ip link set own up && "
              f"ip -n peer addr add {PEER}/24 dev far && "
              "ip -n peer link set far up && ip -n peer link set lo up")
    guest.spawn("ip netns exec peer socat TCP-LISTEN:80,fork,reuseaddr "
                "SYSTEM:'read line; echo hello'")
    wait_until(lambda: guest.ok(
        "ip netns exec peer ss -ltn | grep -q :80"), 30, "the peer listens")


def command(words, options):
    return f"python3 -I -S {PATH} '{json.dumps(options)}' {words}"


def attempt(guest, words, **options):
    """"offloaded", "native", or the name of an errno."""
    return guest.run(command(words, options)).out.strip()


class Listener:
    """A listener in a guest; .where says where the switch put it."""

    def __init__(self, guest, address, port, **options):
        self.guest = guest
        self.port = port
        self.job = guest.spawn(command(f"listen {address} {port}", options))
        wait_until(lambda: self.job.output() or not self.job.running(), 30,
                   "the listener")
        words = self.job.output().split()
        self.where = words[-1] if words else "nothing"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.job.kill()

    def reached_natively(self):
        return self._reached(self.guest, "ip netns exec peer ", OWN)

    def reached_by(self, node, address):
        return self._reached(node, "", address)

    def _reached(self, node, prefix, address):
        out = node.run(f"{prefix}socat -u TCP:{address}:{self.port},"
                       "connect-timeout=5 STDOUT,readbytes=6", check=False).out
        return out.startswith("hello")


def rules(guest, text):
    """Replaces the guest's own list."""
    guest.run("cat >/proc/net/vtoe_rules", stdin=text + "\n")
