# SPDX-License-Identifier: GPL-2.0
"""Programs of Debian, first over vif and then through vtoe, for stories.

    def redis(pair):
        '''redis'''
        with pair.server_runs("redis-server --port 6379", 6379):
            for host in pair.hosts:
                pair.run(f"redis-cli -h {host} ping")

    def story(machine):
        programs.compare(machine, [redis])

The same function runs four times: in a guest with a vif and without vtoe.ko,
then in a guest with a vTOE device and no interface; and in each with the server
in the guest, then with the server on the remote host. What run() and see() note
must be the same over vif and through vtoe.

                       dom0
    guest "vif" ── vif ─┐                       netns "remote"
                        ├─ xenbr0 ─ toe0 ── hub ── peer0
    guest "vtoe" ─ toe ─┘
"""

import contextlib
import re

from bridge import bridge
from machine import Failure, TimeOver, wait_until
from story import step
import offload

GUEST_MB = 640
VIF_ADDRESS = "192.0.2.20"
VIF_ADDRESS6 = "2001:db8:2::20"
WORK = "/dev/shm/programs"      # a folder in memory, in guests and in dom0
SERVER_SECONDS = 60             # until a server listens

# What differs from run to run, in what programs say.
ACCIDENTS = (
    (re.compile(r"\b\d+(\.\d+)? ?(ms|msec|s|seconds|sec)\b"), "TIME"),
)


class Host(str):
    """The server's address; in URLs, IPv6 has brackets."""

    @property
    def url(self):
        return f"[{self}]" if ":" in self else str(self)

    @property
    def family(self):
        return "IPv6" if ":" in self else "IPv4"

    @property
    def any(self):
        """The wildcard address of its family."""
        return "::" if ":" in self else "0.0.0.0"


class Pair:
    """A guest and the remote host, one of them with the servers."""

    def __init__(self, guest, remote, addresses, guest_serves):
        ours = [Host(a) for a in addresses]
        theirs = [Host(offload.REMOTE), Host(offload.REMOTE6)]
        self.guest_serves = guest_serves
        self.guest = guest
        self.server, self.client = guest, remote
        self.hosts, self.client_hosts = ours, theirs
        if not guest_serves:
            self.server, self.client = remote, guest
            self.hosts, self.client_hosts = theirs, ours
        self.seen = []

    def each_host(self):
        """The server's and the client's address, family by family."""
        return zip(self.hosts, self.client_hosts)

    def normal(self, text):
        """A text without addresses and times."""
        # IPv6 first: one address may be the beginning of another.
        for name, hosts in (("SERVER", self.hosts),
                            ("CLIENT", self.client_hosts)):
            for host in sorted(hosts, key=len, reverse=True):
                text = re.sub(re.escape(host) + r"\b", f"{name}-{host.family}",
                              text)
        for pattern, word in ACCIDENTS:
            text = pattern.sub(word, text)
        return text

    def see(self, what, value):
        """Notes something that must be the same over vif and through vtoe."""
        self.seen.append((self.normal(what), value))
        return value

    def run(self, command, node=None, check=True, note=True, **options):
        """Runs a command, at the client unless told, and notes how it ended.

        note: what it said, too (less what differs from run to run).
        """
        result = (node or self.client).run(command, check=check, **options)
        self.see(f"exit code of {command}", result.rc)
        if note:
            self.see(f"output of {command}", self.normal(result.out))
            self.see(f"messages of {command}", self.normal(result.err))
        return result

    @contextlib.contextmanager
    def server_runs(self, command, port, node=None):
        """A server in the foreground, listening, for a with."""
        node = node or self.server
        with spawned(node, command) as job:
            wait_listening(node, port, job)
            yield job


@contextlib.contextmanager
def spawned(node, command):
    """A program that runs for a with."""
    job = node.spawn(command)
    try:
        yield job
    finally:
        if job.running():
            job.signal(15)
        try:
            job.wait(30, check=False)
        except Failure:
            job.kill()
            raise


def only_in_guest(program):
    """Decorator for a program whose server is of interest in a guest only."""
    program.guest_serves = (True,)
    return program


def wait_listening(node, port, job=None):
    """Waits until a program in a node listens on a TCP port."""
    def listening():
        if job and not job.running():
            raise Failure(f"a server ended: {job.wait(check=False)}")
        return node.ok(f"test -n \"$(ss -Hltn 'sport = :{port}')\"")

    wait_until(listening, SERVER_SECONDS, f"a listener on port {port}")


def wrk(pair, url):
    """Load for two seconds by wrk, where no request may fail."""
    out = pair.client.run(f"wrk -t1 -c4 -d2 '{url}'").out
    pair.see("wrk's complaints", re.findall(r"Socket errors.*|Non-2xx.*", out))
    requests = re.search(r"(\d+) requests in", out)
    if not requests or requests[1] == "0":
        raise Failure(f"wrk counts no requests: {out}")


def _vif_guest(machine):
    guest = machine.guest("vif", vif=["bridge=xenbr0"], load=False,
                          memory=GUEST_MB)
    guest.set_up_vif(f"{VIF_ADDRESS}/24", f"{VIF_ADDRESS6}/64")
    return guest, (VIF_ADDRESS, VIF_ADDRESS6)


def _vtoe_guest(machine):
    guest = offload.guest(machine, "vtoe", memory=GUEST_MB)
    return guest, (offload.ADDRESS, offload.ADDRESS6)


def _run_all(machine, programs, prepare, make_guest):
    """Runs programs with one kind of guest: what was seen, what went wrong."""
    guest, addresses = make_guest(machine)
    seen, problems = {}, []
    for node in (guest, machine.remote):
        node.run(f"rm -rf {WORK}; mkdir -p {WORK}")
        prepare(node)
    for program in programs:
        for guest_serves in getattr(program, "guest_serves", (True, False)):
            pair = Pair(guest, machine.remote, addresses, guest_serves)
            name = (f"{program.__doc__} with the server "
                    f"{'in the guest' if guest_serves else 'outside'}")
            step(f"{guest.name}: {name}")
            try:
                program(pair)
            except TimeOver:
                raise
            except Failure as e:
                problems.append(f"{guest.name}: {name}: {e}")
            seen[name] = pair.seen
    guest.destroy()
    machine.dom0.run(f"rm -rf {WORK}")
    return seen, problems


def differences(native, offloaded):
    """What was seen in one way over vif and in another through vtoe."""
    found = []
    for name, expected in native.items():
        for (what, value), (_, other) in zip(expected, offloaded[name]):
            if value != other:
                found.append(f"{name}: {what}\n  vif: {value!r}\n"
                             f"  vtoe: {other!r}")
    return found


def compare(machine, programs, prepare=lambda node: None):
    """Runs programs over vif and through vtoe, and expects the same.

    prepare: is called with each node before, for what all of them need.
    """
    with bridge(machine):
        native, problems = _run_all(machine, programs, prepare, _vif_guest)
        offloaded, more = _run_all(machine, programs, prepare, _vtoe_guest)
    problems += more + differences(native, offloaded)
    if problems:
        raise Failure("\n".join(problems))
