# SPDX-License-Identifier: GPL-2.0
"""The project's own build, as tar archives to unpack over dom0 and guests."""

import io
import pathlib
import stat
import subprocess
import tarfile
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[3]
BUILD = TOP / "build"
IMAGE = BUILD / "xen" / "image"

GUEST_TAR = "var/lib/machine/guest.tar"     # in dom0


def _clean(info):
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    return info


def _add_bytes(tar, name, data, mode=0o644):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = mode
    tar.addfile(info, io.BytesIO(data))


def _stripped(path):
    """A module without its debug information, which nobody needs there."""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["strip", "--strip-debug", "-o", out.name, path],
                       check=True)
        return pathlib.Path(out.name).read_bytes()


def guest_tar(programs=True):
    """vtoe.ko and, unless told, the test programs that run in guests."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        module = BUILD / "module" / "vtoe.ko"
        kernel = (IMAGE / "kernel").read_text().strip()
        if module.exists():
            _add_bytes(tar, f"usr/lib/modules/{kernel}/extra/vtoe.ko",
                       _stripped(module))
        if programs:
            _add_programs(tar)
    data = out.getvalue()
    return data + bytes(-len(data) % 4096)


def _add_programs(tar):
    folder = BUILD / "xen" / "guest-bin"
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            tar.add(path, f"usr/local/bin/{path.name}", filter=_clean)
    tool = BUILD / "bin" / "vtoe-ss"
    if tool.exists():
        tar.add(tool, "usr/bin/vtoe-ss", filter=_clean)


def dom0_tar(with_boot=True):
    """What `make install` makes, the guests' initrd and archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        if with_boot:
            tar.add(IMAGE / "initrd.img", "boot/initrd.img", filter=_clean)
        _add_bytes(tar, GUEST_TAR, guest_tar())
        _add_programs(tar)
        install = BUILD / "install"
        if install.is_dir():
            _add_tree(tar, install)
    data = out.getvalue()
    return data + bytes(-len(data) % 4096)


def _add_tree(tar, tree):
    """Adds files only: /lib and /sbin are links in a Debian root."""
    merged = ("bin/", "sbin/", "lib/", "lib64/")
    for path in sorted(tree.rglob("*")):
        name = str(path.relative_to(tree))
        if name.startswith(merged):
            name = "usr/" + name
        if stat.S_ISDIR(path.lstat().st_mode):
            continue
        tar.add(path, name, filter=_clean)
