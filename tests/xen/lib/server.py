#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Owns one emulated machine and lets others use it by a unix socket.

    server.py DIR [--segments 1,2] [--dom0-cpus N] [--pinned]

DIR gets: vm.sock (requests), agent.sock, qmp.sock, xen-console.log (Xen's
and dom0's console), dom0.log and NAME.log (kernel logs), qemu.log.

A request is one line of JSON, {"op": …}, and so is its answer: what the op_
methods return, or {"error": text}. One connection may carry many requests,
one after the other; several connections are served at once.
"""

import argparse
import base64
import itertools
import json
import os
import pathlib
import signal
import socket
import socketserver
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import agentlink
import inject
import qemu

BOOT_SECONDS = 300
KILL_SECONDS = 10


def b64(data):
    return base64.b64encode(bytes(data)).decode()


class Node:
    """dom0 or a guest: its link and its kernel log."""

    def __init__(self, where, name):
        self.name = name
        self.log_path = where / f"{name}.log"
        self.log_file = open(self.log_path, "w", buffering=1)
        self.link = None
        self.stream = None

    def log(self, text):
        self.log_file.write(text)


class Server:
    def __init__(self, where, options):
        self.where = where
        self.nodes = {}
        self.jobs = {}
        self.job_ids = itertools.count(1)
        segments = [int(n) for n in options.segments.split(",")]
        (where / "inject.tar").write_bytes(inject.dom0_tar())
        self.options = options
        self.qemu = qemu.start(where, segments, options.dom0_cpus,
                               options.pinned)
        self.started = time.monotonic()
        self.ready = threading.Event()
        self.failure = None

    # Start and end

    def connect(self, path):
        while True:
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(str(path))
                return sock
            except OSError:
                sock.close()
                if self.qemu.poll() is not None:
                    raise RuntimeError("QEMU ended: see qemu.log")
                time.sleep(0.05)

    def boot(self):
        try:
            sock = self.connect(self.where / "agent.sock")
            self.qmp = qemu.Qmp(self.connect(self.where / "qmp.sock"))
            dom0 = Node(self.where, "dom0")
            dom0.link = agentlink.Link(sock.sendall, dom0.log, name="dom0")
            self.nodes["dom0"] = dom0
            threading.Thread(target=self.read_dom0, args=(sock, dom0.link),
                             daemon=True).start()
            # Written before dom0's agent has opened its port, a ping would
            # be lost; so wait for the agent to speak first.
            if not dom0.link.wait_up(BOOT_SECONDS, poke=BOOT_SECONDS):
                raise RuntimeError("dom0 did not come up: "
                                   "see xen-console.log")
        except Exception as e:
            self.failure = str(e)
        self.ready.set()

    def read_dom0(self, sock, link):
        while True:
            data = sock.recv(65536)
            if not data:
                break
            try:
                link.feed(data)
            except Exception as e:      # a bug here must not end the reader
                print(f"server: {e!r}", file=sys.stderr, flush=True)
        link.lose("the machine ended")
        for node in list(self.nodes.values()):
            if node.link:
                node.link.lose("the machine ended")

    def stop(self):
        if self.qemu.poll() is None:
            self.qemu.terminate()
            try:
                self.qemu.wait(KILL_SECONDS)
            except Exception:
                self.qemu.kill()

    # Requests

    def link(self, name):
        if name not in self.nodes or not self.nodes[name].link:
            raise RuntimeError(f"no agent in {name}")
        return self.nodes[name].link

    def op_ready(self, timeout=BOOT_SECONDS):
        """Waits until dom0 takes commands."""
        if not self.ready.wait(timeout):
            raise RuntimeError("dom0 is not up yet")
        if self.failure:
            raise RuntimeError(self.failure)
        return {"seconds": time.monotonic() - self.started}

    def op_spawn(self, node, command, stdin=None, stdin_file=None):
        job = self.link(node).execute(command)
        ident = next(self.job_ids)
        self.jobs[ident] = job
        if stdin_file is not None:
            data = pathlib.Path(stdin_file).read_bytes()
        else:
            data = base64.b64decode(stdin) if stdin else b""
        threading.Thread(target=self.feed, args=(job, data),
                         daemon=True).start()
        return {"job": ident}

    @staticmethod
    def feed(job, data):
        try:
            job.feed(data)
        except agentlink.LinkLost:
            pass

    def op_wait(self, job, timeout):
        """Waits for a command; gives what it has written so far."""
        j = self.jobs[job]
        done = j.done.wait(timeout)
        return {"done": done, "status": j.status, "lost": j.lost,
                "out": b64(j.out), "err": b64(j.err)}

    def op_forget(self, job):
        self.jobs.pop(job, None)
        return {}

    def op_signal(self, job, signal):
        j = self.jobs[job]
        if not j.done.is_set():
            j.signal(signal)
        return {}

    def op_exec(self, node, command, timeout, stdin=None, stdin_file=None):
        """Runs a command to its end; at the time limit it is killed."""
        ident = self.op_spawn(node, command, stdin, stdin_file)["job"]
        try:
            answer = self.op_wait(ident, timeout)
            if not answer["done"]:
                self.op_signal(ident, int(signal.SIGKILL))
                answer = self.op_wait(ident, KILL_SECONDS)
                answer["timeout"] = True
            return answer
        finally:
            self.op_forget(ident)

    def op_attach(self, node, tty, timeout):
        """Makes a guest's agent, at a pty of dom0, known as a node."""
        self.op_detach(node)
        n = Node(self.where, node)
        dom0 = self.link("dom0")

        def transmit(data):
            # On a console, a single ^O is the kernel's SysRq key; two are one.
            dom0.send_credited(agentlink.DATA, n.stream,
                               data.replace(b"\x0f", b"\x0f\x0f"))

        def closed():
            n.link.lose(f"{node}'s console closed")

        n.link = agentlink.Link(transmit, n.log, name=node)
        n.stream = dom0.open(tty, n.link.feed, closed)
        self.nodes[node] = n
        return {"up": n.link.wait_up(timeout), "log": str(n.log_path)}

    def op_detach(self, node):
        n = self.nodes.pop(node, None)
        if n:
            if n.stream is not None and not n.link.lost:
                self.link("dom0").close(n.stream)
            n.link.lose(f"{node} was destroyed")
        return {}

    def op_nodes(self):
        return {name: str(n.log_path) for name, n in self.nodes.items()}

    def op_ping(self, node, timeout=5):
        return {"answered": self.link(node).ping(timeout)}

    def op_qmp(self, command, arguments=None):
        return {"return": self.qmp.command(command, **(arguments or {}))}

    def op_quit(self):
        threading.Thread(target=self.quit, daemon=True).start()
        return {}

    def quit(self):
        self.stop()
        for name in ("vm.sock", "agent.sock", "qmp.sock"):
            (self.where / name).unlink(missing_ok=True)
        os._exit(0)


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            try:
                request = json.loads(line)
                method = getattr(self.server.owner, "op_" + request.pop("op"))
                answer = method(**request)
            except Exception as e:
                answer = {"error": str(e) or repr(e)}
            try:
                self.wfile.write(json.dumps(answer).encode() + b"\n")
            except BrokenPipeError:
                return


class Listener(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("where", type=pathlib.Path)
    parser.add_argument("--segments", default="2")
    parser.add_argument("--dom0-cpus", type=int, default=2)
    parser.add_argument("--pinned", action="store_true")
    options = parser.parse_args()
    where = options.where.resolve()
    where.mkdir(parents=True, exist_ok=True)
    for name in ("vm.sock", "agent.sock", "qmp.sock", "xen-console.log"):
        (where / name).unlink(missing_ok=True)
    server = Server(where, options)
    signal.signal(signal.SIGTERM, lambda *_: server.quit())
    (where / "server.pid").write_text(f"{os.getpid()}\n")
    with Listener(str(where / "vm.sock"), Handler) as listener:
        listener.owner = server
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        server.boot()
        server.qemu.wait()
        server.quit()


if __name__ == "__main__":
    main()
