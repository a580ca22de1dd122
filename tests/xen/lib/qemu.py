# SPDX-License-Identifier: GPL-2.0
"""The emulated machine that Xen boots on."""

import json
import os
import pathlib
import subprocess
import threading

TOP = pathlib.Path(__file__).resolve().parents[3]
IMAGE = TOP / "build" / "xen" / "image"

MACHINE_MB = 6144
DOM0_MB = 2048

# QEMU 7.2 mishandles iret at CPL 3 with SMAP (dom0 dies), and intercepted
# rdtscp kills PVH guests. With XSAVE (and so AVX) a program now and then goes
# on with the vector registers of another domain's: wrong bytes in copies. With
# erms and fsrm Linux copies by "rep movsb", which QEMU does byte by byte.
CPU = "max,-smap,-smep,-rdtscp,-xsave,-erms,-fsrm"


def nic_arguments(segments):
    """segments: for each Ethernet segment, how many NICs dom0 has on it.

    Each segment is a hub with those NICs (toe0, toe1, … in order) and one of
    the remote host (peer0, peer1, …). The last bytes of a NIC's address are
    segment and index, from which dom0 knows them (image/over/dom0/…/net-up).
    """
    arguments = []
    toe = 0
    for segment, count in enumerate(segments):
        for index in range(count + 1):
            name = f"peer{segment}"
            bus = ""
            if index:
                name = f"toe{toe}"
                toe += 1
                # a slot that it can be taken out of
                bus = f",bus=port-{name}"
                arguments += ["-device", f"pcie-root-port,id=port-{name},"
                                         f"chassis={toe},slot={toe}"]
            arguments += [
                "-netdev", f"hubport,id=hub-{name},hubid={segment}",
                "-device", f"virtio-net-pci,id={name},netdev=hub-{name}{bus},"
                           f"mac=52:54:00:00:{segment:02x}:{index:02x}"]
    return arguments


def arguments(where, segments, dom0_cpus, pinned):
    """QEMU's command line for a machine whose files are in where."""
    # bootscrub, spec-ctrl and xpti cost emulated seconds and protect nobody.
    # But eager-fpu, which spec-ctrl=no would switch off: Xen's lazy switching
    # loses SSE registers here now and then (64 bytes of a memcpy are wrong).
    xen = ("console=com1 com1=115200,8n1 loglvl=info guest_loglvl=info "
           f"dom0_mem={DOM0_MB}M,max:{DOM0_MB}M dom0_max_vcpus={dom0_cpus} "
           "bootscrub=0 spec-ctrl=no,eager-fpu xpti=no conring_size=256k")
    if pinned:
        xen += " dom0_vcpus_pin"
    # nofsgsbase: else a PV domain asks Xen for a register at each switch between
    # processes (a trap).
    dom0 = ("console=hvc0 machine.role=dom0 net.ifnames=0 mitigations=off "
            "nofsgsbase systemd.show_status=0 loglevel=5")
    return [
        "qemu-system-x86_64", "-accel", "tcg,thread=multi,tb-size=512",
        "-machine", "q35", "-cpu", CPU, "-smp", "2", "-m", str(MACHINE_MB),
        "-display", "none", "-nodefaults", "-no-reboot",
        "-kernel", IMAGE / "xen", "-append", xen,
        "-initrd", f"{IMAGE}/vmlinux {dom0},{IMAGE}/initrd.img",
        "-serial", f"file:{where}/xen-console.log",
        "-device", "virtio-rng-pci",
        # vda: dom0's, changes thrown away; vdb: the guests'; vdc: the project
        "-drive", f"file={IMAGE}/root.img,format=raw,if=none,id=vda,"
                  "snapshot=on,cache=unsafe",
        "-device", "virtio-blk-pci,drive=vda",
        "-drive", f"file={IMAGE}/root.img,format=raw,if=none,id=vdb,"
                  "readonly=on,file.locking=off",
        "-device", "virtio-blk-pci,drive=vdb",
        "-drive", f"file={where}/inject.tar,format=raw,if=none,id=vdc,"
                  "readonly=on,file.locking=off",
        "-device", "virtio-blk-pci,drive=vdc",
        "-device", "virtio-serial-pci",
        "-chardev", f"socket,id=agent,path={where}/agent.sock,"
                    "server=on,wait=off",
        "-device", "virtserialport,chardev=agent,name=agent",
        "-qmp", f"unix:{where}/qmp.sock,server=on,wait=off",
        *nic_arguments(segments)]


class Qmp:
    """QEMU's control socket: one command at a time, events are dropped."""

    def __init__(self, sock):
        self.sock = sock
        self.file = self.sock.makefile("rw")
        self.lock = threading.Lock()
        self.file.readline()
        self.command("qmp_capabilities")

    def command(self, verb, **args):
        with self.lock:
            self.file.write(json.dumps({"execute": verb, "arguments": args}))
            self.file.flush()
            while True:
                answer = json.loads(self.file.readline())
                if "return" in answer:
                    return answer["return"]
                if "error" in answer:
                    raise RuntimeError(f"QMP {verb}: {answer['error']['desc']}")


def start(where, segments, dom0_cpus, pinned):
    log = open(where / "qemu.log", "wb")
    env = dict(os.environ, TMPDIR=str(where))   # vda's changes land here
    return subprocess.Popen(
        [str(a) for a in arguments(where, segments, dom0_cpus, pinned)],
        stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
        start_new_session=True)
