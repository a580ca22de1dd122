# SPDX-License-Identifier: GPL-2.0
"""The test machine as scenarios and tools see it.

    machine = Machine.boot(where)       or Machine.running(where)
    machine.dom0.run("xl list").out
    machine.remote.run("ping -c1 192.0.2.10")
    guest = machine.guest("g1", vtoe=["ip=192.0.2.10/24,gateway=192.0.2.1"])
    guest.run("curl -s http://192.0.2.1/")
    guest.destroy()
"""

import base64
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import sys
import time

import engine
import inject

TOP = pathlib.Path(__file__).resolve().parents[3]
WORK = TOP / "build" / "xen"

COMMAND_SECONDS = 60            # a command's time limit unless told
BOOT_SECONDS = 300
GUEST_SECONDS = 180             # from xl create to the guest's agent
GUEST_DISK = "/dev/vdb"
# one of the test machine's own, see there
DISK = "format=raw,access=r,script=block-plain,vdev={},target={}"

# QEMU's emulation of fxrstor changes the first CPU's SVM flags from whatever
# CPU runs it (target/i386/tcg, cpu_clear_ignne, 7.2), without a lock: Xen and a
# guest get mixed up, and the guest dies or computes wrong things. A PVH guest
# that stays away from the first CPU is safe.
PVH_CPUS = 'cpus = "1"'


class Failure(Exception):
    """What a scenario expected did not happen."""


class TimeOver(Failure):
    """A scenario has no time left: nobody should go on after this."""


def wait_until(condition, timeout, what, interval=0.2):
    """Calls condition() until it is true, and returns what it returned."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {timeout} s")
        time.sleep(interval)


class Connection:
    """One conversation with the machine's server."""

    def __init__(self, path):
        self.path = path
        self.connect()

    def connect(self):
        self.waits = False      # for an answer
        self.sock = socket.socket(socket.AF_UNIX)
        # A path by way of /proc is short however deep the work tree is.
        folder = os.open(self.path.parent, os.O_PATH)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{self.path.name}")
        finally:
            os.close(folder)
        self.file = self.sock.makefile("rwb")

    def call(self, op, **args):
        if self.waits:
            self.connect()      # that answer, to an interrupted call, is lost
        self.waits = True
        self.file.write(json.dumps({"op": op, **args}).encode() + b"\n")
        self.file.flush()
        line = self.file.readline()
        self.waits = False
        if not line:
            raise Failure("the machine's server ended")
        answer = json.loads(line)
        if "error" in answer:
            raise Failure(f"{op}: {answer['error']}")
        return answer


class Result:
    """What a command left: out and err (text), raw (bytes), rc, seconds."""

    def __init__(self, answer, command, node, seconds=None):
        self.command = command
        self.node = node
        self.seconds = seconds
        self.raw = base64.b64decode(answer["out"])
        self.out = self.raw.decode(errors="replace")
        self.err = base64.b64decode(answer["err"]).decode(errors="replace")
        self.timeout = answer.get("timeout", False)
        status = answer["status"]
        if answer["lost"]:
            self.rc = None
            self.err += f"[{answer['lost']}]"
        elif status is None or status == 0xFFFFFFFF:
            self.rc = None
        else:
            self.rc = os.waitstatus_to_exitcode(status)

    def __str__(self):
        how = "killed at its time limit" if self.timeout else f"rc {self.rc}"
        if self.seconds is not None:
            how += f", {self.seconds:.1f} s"
        return f"{self.node}$ {self.command}\n{self.out}{self.err}[{how}]"


class Background:
    """A command that was left running; see Node.spawn()."""

    def __init__(self, node, command, job):
        self.node = node
        self.command = command
        self.job = job

    def _wait(self, timeout):
        return self.node.machine.call("wait", job=self.job, timeout=timeout)

    def output(self):
        """What it has written so far."""
        return base64.b64decode(self._wait(0)["out"]).decode(errors="replace")

    def running(self):
        return not self._wait(0)["done"]

    def wait(self, timeout=COMMAND_SECONDS, check=True):
        """Waits for its end and returns the Result."""
        answer = self._wait(timeout)
        if not answer["done"]:
            raise Failure(f"still running after {timeout} s: "
                          f"{self.node.name}$ {self.command}")
        result = Result(answer, self.command, self.node.name)
        if check and result.rc != 0:
            raise Failure(f"failed: {result}")
        return result

    def wait_for_output(self, text, timeout=COMMAND_SECONDS):
        wait_until(lambda: text in self.output() or not self.running(),
                   timeout, f"{text!r} from {self.command}")
        if text not in self.output():
            raise Failure(f"ended without {text!r}: "
                          f"{self.wait(check=False)}")

    def signal(self, number):
        self.node.machine.call("signal", job=self.job, signal=int(number))

    def kill(self):
        """Ends it and all of its process group."""
        self.signal(signal.SIGKILL)
        return self.wait(check=False)


class Node:
    """A place where commands run."""

    def __init__(self, machine, name, prefix=None):
        self.machine = machine
        self.name = name
        self.agent = "dom0" if prefix else name
        self.prefix = prefix

    def _line(self, command):
        if self.prefix:
            return f"{self.prefix} sh -c {shlex.quote(command)}"
        return command

    @staticmethod
    def _stdin(stdin):
        if isinstance(stdin, str):
            stdin = stdin.encode()
        return base64.b64encode(stdin).decode() if stdin else None

    def run(self, command, check=True, timeout=COMMAND_SECONDS, stdin=None):
        """Runs a shell command. check: anything but exit code 0 is a Failure."""
        start = time.monotonic()
        answer = self.machine.call("exec", node=self.agent, timeout=timeout,
                                   command=self._line(command),
                                   stdin=self._stdin(stdin))
        result = Result(answer, command, self.name, time.monotonic() - start)
        self.machine.note(str(result))
        if check and (result.rc != 0 or result.timeout):
            raise Failure(f"failed: {result}")
        return result

    def ok(self, command, **kw):
        """Runs a shell command and tells whether it ended with 0."""
        return self.run(command, check=False, **kw).rc == 0

    def spawn(self, command, stdin=None):
        """Starts a shell command and leaves it running."""
        answer = self.machine.call("spawn", node=self.agent,
                                   command="exec " + self._line(command)
                                   if self.prefix else command,
                                   stdin=self._stdin(stdin))
        job = Background(self, command, answer["job"])
        self.machine.background.append(job)
        return job

    def write(self, path, data, mode="644"):
        """Makes a file with this content (text or bytes)."""
        quoted = shlex.quote(str(path))
        self.run(f"mkdir -p $(dirname {quoted}) && cat >{quoted} && "
                 f"chmod {mode} {quoted}", stdin=data)

    def read(self, path):
        return self.run(f"cat {shlex.quote(str(path))}").out

    def put(self, here, there):
        """Copies a file of this computer to the node."""
        self.write(there, pathlib.Path(here).read_bytes(),
                   f"{os.stat(here).st_mode & 0o777:o}")

    def get(self, there, here):
        """Copies a file of the node to this computer."""
        quoted = shlex.quote(str(there))
        pathlib.Path(here).write_bytes(self.run(f"cat {quoted}").raw)

    def log(self):
        """The kernel's log so far, as text."""
        return self.machine.log_path(self.agent).read_text(errors="replace")


class Guest(Node):
    def __init__(self, machine, name, domid):
        super().__init__(machine, name)
        self.domid = domid

    def destroy(self):
        """xl destroy; waits until Xen has forgotten the domain."""
        self.machine.detach(self.name)
        self.machine.dom0.run(f"xl destroy {self.domid}", check=False)
        self.machine.guests.pop(self.name, None)
        wait_until(lambda: self.gone(), 30, f"{self.name} gone from xl list")

    def set_up_vif(self, *addresses):
        """Gives the guest's one network interface addresses (with /bits)."""
        self.run("modprobe xen-netfront; "
                 "until ls /sys/class/net | grep -qv lo; do sleep 0.2; done; "
                 "nic=$(ls /sys/class/net | grep -v lo); "
                 f"for a in {' '.join(addresses)}; do "
                 "ip addr add $a dev $nic $(echo $a | grep -q : && "
                 "echo nodad) || exit; done; ip link set $nic up")

    def gone(self):
        """Whether Xen knows the domain no more (a zombie is known)."""
        return self.domid not in self.machine.domids()

    def xenstore(self, path):
        """One of the guest's own nodes, or None."""
        return self.machine.xenstore(f"/local/domain/{self.domid}/{path}")


class Machine:
    def __init__(self, where):
        self.where = pathlib.Path(where)
        self.connection = Connection(self.where / "vm.sock")
        self.background = []
        self.guests = {}            # those that this program knows of
        self.links_down = set()
        self.loop = None
        self.macs = {}
        self.logs = None            # a folder for the logs of ended guests
        self.note = lambda text: None   # hears of every command
        self.dom0 = Node(self, "dom0")
        self.remote = Node(self, "remote", prefix="ip netns exec remote")

    # Boot and end

    @classmethod
    def boot(cls, where, segments="2", dom0_cpus=2, pinned=False):
        """Boots a machine and leaves it running under its own server."""
        where = pathlib.Path(where)
        if cls.is_running(where):
            raise Failure(f"a machine runs already in {where}")
        where.mkdir(parents=True, exist_ok=True)
        with open(where / "server.log", "w") as log:
            server = subprocess.Popen(
                [sys.executable, str(pathlib.Path(__file__).parent /
                                     "server.py"), str(where),
                 "--segments", segments, "--dom0-cpus", str(dom0_cpus)] +
                (["--pinned"] if pinned else []),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)

        def listening():
            if server.poll() is not None:
                raise Failure("the machine's server ended: " +
                              (where / "server.log").read_text())
            return cls.is_running(where)

        wait_until(listening, 30, "the machine's server")
        machine = cls(where)
        machine.call("ready", timeout=BOOT_SECONDS)
        machine.prepare()
        return machine

    @classmethod
    def running(cls, where, adopt=False):
        """The machine that runs in this folder.

        adopt: know the guests that others started, too.
        """
        if not cls.is_running(pathlib.Path(where)):
            raise Failure(f"no machine runs in {where}")
        machine = cls(where)
        machine.call("ready", timeout=BOOT_SECONDS)
        if adopt:
            machine.adopt()
        return machine

    @staticmethod
    def is_running(where):
        try:
            Connection(where / "vm.sock").sock.close()
            return True
        except OSError:
            return False

    def call(self, op, **args):
        return self.connection.call(op, **args)

    def adopt(self):
        """Learns the guests that others started."""
        for name in self.call("nodes"):
            if name == "dom0":
                continue
            domid = self.dom0.run(f"xl domid {shlex.quote(name)}",
                                  check=False).out.strip()
            if domid:
                self.guests[name] = Guest(self, name, int(domid))

    def prepare(self):
        """What has to be done once in a booted dom0."""
        self.dom0.run("until systemctl is-active -q xen machine-net; "
                      "do sleep 0.2; done", timeout=120)
        # "inactive" may also mean that its turn has not come yet
        self.dom0.run("! systemctl is-enabled -q vtoed || "
                      "until systemctl is-active vtoed | "
                      "grep -qE '^(active|failed)'; do sleep 0.2; done",
                      timeout=120)
        self.choose_driver()
        self.attach_archive()

    def choose_driver(self):
        """Has vtoed begin with the driver that is wanted."""
        if engine.DRIVER:
            self.dom0.write(engine.CONFIG_FILE,
                            engine.driven(self.dom0.read(engine.CONFIG_FILE)))
            self.dom0.run("systemctl restart vtoed", timeout=120)

    def attach_archive(self):
        """Gives later guests the newest archive of the project."""
        self.loop = self.dom0.run(
            "cd /var/lib/machine && new=$(mktemp guest.XXXXXX) && "
            "cp guest.tar $new && "
            "losetup --show -r -f $PWD/$new | tee guest.loop").out.strip()

    def archive(self):
        """The block device with that archive."""
        if not self.loop:
            self.loop = self.dom0.read("/var/lib/machine/guest.loop").strip()
        return self.loop

    def inject(self, restart=True):
        """Installs the fresh build in dom0; guests get it when they start.

        Guests that run already get vtoe.ko's file, not the loaded module.
        """
        self.dom0.run("tar -x -C / -f -", timeout=120,
                      stdin=inject.dom0_tar(with_boot=False))
        self.attach_archive()
        archive = inject.guest_tar(programs=False)
        for guest in self.guests.values():
            guest.run("tar -x -C / -f -", stdin=archive, timeout=120)
        if restart:
            self.dom0.run("systemctl daemon-reload; "
                          "! test -e /usr/sbin/vtoed || "
                          "systemctl restart vtoed", timeout=120)

    def shut_down(self):
        self.call("quit")
        wait_until(lambda: not self.is_running(self.where), 30,
                   "the end of QEMU")

    # Guests

    def configuration(self, name, vtoe=None, memory=256, pvh=False, vif=None,
                      vcpus=1, cmdline="", extra=""):
        """The text of a guest's xl configuration."""
        lines = [
            f'name = "{name}"',
            f'type = "{"pvh" if pvh else "pv"}"',
            'kernel = "/boot/vmlinux"',
            'ramdisk = "/boot/initrd.img"',
            'extra = "console=hvc0 quiet loglevel=1 mitigations=off nofsgsbase '
            f'machine.role=guest machine.name={name} {cmdline}"',
            f"memory = {memory}",
            f"vcpus = {vcpus}",
            'on_reboot = "destroy"',
            # The emulated processor does not say that its clock is invariant,
            # as others do, and so Xen would trap each look at it.
            'tsc_mode = "native"',
            f"disk = [ '{DISK.format('xvda', GUEST_DISK)}', "
            f"'{DISK.format('xvdb', self.archive())}' ]",
        ]
        if pvh:
            lines.append(PVH_CPUS)
        if vif is not None:
            lines.append(f"vif = {vif!r}")
        if vtoe is not None:
            lines.append(f"vtoe = {vtoe!r}")
        if extra:
            lines.append(extra)
        return "\n".join(lines) + "\n"

    def guest(self, name, load=True, create="xl create", **options):
        """Starts a guest and waits until commands run in it.

        vtoe, vif: lists as in an xl configuration. load: load vtoe.ko, if
        the build has one. create: the command that is given the file's name.
        See configuration() for the rest.
        """
        path = f"/etc/xen/{name}.cfg"
        self.dom0.run(f"cat >{path} && {create} {path}", timeout=GUEST_SECONDS,
                      stdin=self.configuration(name, **options))
        guest = self.attach(name)
        self.note(f"{name} is up, domain {guest.domid}")
        if load:
            guest.run("for module in /lib/modules/*/extra/vtoe.ko; do "
                      "! test -e $module || insmod $module || exit; done")
        return guest

    def attach(self, name, timeout=GUEST_SECONDS):
        """Connects to the agent of a guest that has been created."""
        domid, tty = self.dom0.run(
            f"domid=$(xl domid {name}) && "
            "until tty=$(xenstore-read /local/domain/$domid/console/tty); "
            "do sleep 0.1; done && echo $domid $tty", timeout=timeout
        ).out.split()
        guest = Guest(self, name, int(domid))
        self.guests[name] = guest
        answer = self.call("attach", node=name, tty=tty, timeout=timeout)
        if not answer["up"]:
            raise Failure(f"{name} did not come up within {timeout} s; its "
                          f"console: {guest.log()[-2000:]}")
        return guest

    def detach(self, name):
        """Forgets a guest's agent, and keeps its log."""
        self.call("detach", node=name)
        path = self.log_path(name)
        if self.logs and path.exists():
            with open(self.logs / f"guest-{name}.log", "ab") as log:
                log.write(path.read_bytes())

    def domids(self):
        """The domains that Xen knows, zombies included."""
        out = self.dom0.run("xl list | awk 'NR > 1 { print $(NF - 4) }'").out
        return {int(word) for word in out.split()}

    # The rest

    def set_link(self, nic, up):
        """Plugs a NIC (toe0, toe1, …, peer0, …) in or out."""
        self.note(f"set_link {nic} {'up' if up else 'down'}")
        self.call("qmp", command="set_link",
                  arguments={"name": nic, "up": up})
        (self.links_down.discard if up else self.links_down.add)(nic)

    def unplug(self, nic):
        """Takes a NIC (toe0, toe1, …) out of its slot."""
        self.macs[nic] = self.dom0.read(
            f"/sys/class/net/{nic}/address").strip()
        self.note(f"unplug {nic}")
        self.call("qmp", command="device_del", arguments={"id": nic})
        wait_until(lambda: not self.dom0.ok(f"ip link show {nic}"), 30,
                   f"{nic} gone")

    def plug(self, nic):
        """Puts a NIC back that unplug() took out; dom0 calls it as before."""
        mac = self.macs[nic]
        self.note(f"plug {nic}")
        self.call("qmp", command="device_add", arguments={
            "driver": "virtio-net-pci", "id": nic, "netdev": f"hub-{nic}",
            "bus": f"port-{nic}", "mac": mac})
        wait_until(lambda: self.dom0.ok(
            f"grep -qx {mac} /sys/class/net/*/address"), 30, f"{nic} back")
        self.dom0.run(
            f"at=$(grep -lx {mac} /sys/class/net/*/address | head -n 1); "
            f"name=$(basename $(dirname $at)); ip link set $name down; "
            f"ip link set $name name {nic}; ip link set {nic} up")

    def links_up(self):
        """Plugs in again what set_link() pulled."""
        for nic in list(self.links_down):
            self.set_link(nic, True)

    def xenstore(self, path):
        """The value of a XenStore node, or None if there is none."""
        result = self.dom0.run(f"xenstore-read {shlex.quote(path)}",
                               check=False)
        return result.out.rstrip("\n") if result.rc == 0 else None

    def xenstore_list(self, path):
        """The names below a XenStore node; none if it does not exist."""
        return self.dom0.run(f"xenstore-list {shlex.quote(path)}",
                             check=False).out.split()

    def log_path(self, node):
        return self.where / f"{node}.log"

    def xen_log(self):
        """Xen's own messages (with dom0's console among them)."""
        return (self.where / "xen-console.log").read_text(errors="replace")
