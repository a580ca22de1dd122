# SPDX-License-Identifier: GPL-2.0
"""Web servers and files for stories."""

import contextlib
import shlex

from machine import Failure, wait_until

PAGE = "<html>Served over a connection that Xen's dom0 carries.</html>\n"
ROOT = "/srv/web"

CONFIG = """
daemon off;
pid {root}/nginx.pid;
error_log {root}/error.log;
worker_processes 1;
events {{ worker_connections 1024; }}
http {{
	access_log {root}/access.log;
	sendfile on;
	server {{
		listen {port};
		listen [::]:{port};
		root {root}/files;
		location / {{ }}
	}}
}}
"""


class Server:
    """An nginx in a node."""

    def __init__(self, node, port, root):
        self.node = node
        self.port = port
        self.root = root
        self.page = PAGE
        self.job = None

    def start(self):
        # The remote host shares dom0's files, so node.write is dom0's.
        self.node.write(f"{self.root}/files/index.html", PAGE)
        self.node.write(f"{self.root}/nginx.conf",
                        CONFIG.format(root=self.root, port=self.port))
        self.job = self.node.spawn(
            f"nginx -p {self.root} -e {self.root}/error.log "
            f"-c {self.root}/nginx.conf")
        wait_until(lambda: self._listening(), 60, "nginx listens")

    def _listening(self):
        if not self.job.running():
            self.job.wait()     # tells why it ended
        return self.node.ok(f"test -s {self.root}/nginx.pid")

    def file(self, name, megabytes, timeout=240):
        """Makes a file of random bytes to serve; returns its SHA-256.

        The file is kept for later servers with this root.
        """
        path = shlex.quote(f"{self.root}/files/{name}")
        return self.node.run(
            f"test -s {path}.sum || {{ head -c {megabytes}M /dev/urandom "
            f">{path} && sha256sum <{path} >{path}.sum; }}; "
            f"cut -d' ' -f1 {path}.sum", timeout=timeout).out.strip()

    def stop(self):
        if self.job and self.job.running():
            self.node.run(f"kill $(cat {self.root}/nginx.pid)", check=False)
            self.job.wait(30, check=False)


def sum_command(url, options=""):
    """A shell command that fetches and prints the SHA-256 of what came.

    What curl says of the transfer goes to stderr.
    """
    return (f"curl -sSf {options} -w '%{{stderr}}curl ended with %{{exitcode}} "
            "after %{size_download} bytes\\n' " f"{shlex.quote(url)} | sha256sum")


def expect_sum(total, result):
    """That a Result of sum_command() is about the right content."""
    if total not in result.out:
        raise Failure(f"expected the SHA-256 {total}: {result}")


def fetch(node, url, total, **options):
    """Fetches with curl and expects this SHA-256; the rest is for run()."""
    expect_sum(total, node.run(sum_command(url), **options))


@contextlib.contextmanager
def server(machine, node=None, port=80, root=ROOT):
    """An nginx, on the remote host unless a node is named, for a with."""
    s = Server(node or machine.remote, port, root)
    s.start()
    try:
        yield s
    finally:
        s.stop()
