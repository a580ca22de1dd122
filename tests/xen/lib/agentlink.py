# SPDX-License-Identifier: GPL-2.0
"""The test program's end of the agent's frames (see agent/agent.c)."""

import itertools
import struct
import threading
import time
import zlib

MAGIC = 0x31A7E5F5
HEAD = struct.Struct("<IIIII")
FRAME_MAX = 8192
MAGIC_BYTES = struct.pack("<I", MAGIC)

PING, EXEC, STDIN, SIGNAL, OPEN, DATA, CLOSE = range(1, 8)
PONG, OUT, ERR, EXIT, TAKEN, KLOG = range(65, 71)

COMMAND_WINDOW = 65536          # WINDOW in agent.c
STREAM_WINDOW = 65536
OUTPUT_MAX = 64 << 20           # what we keep of one command's output


class LinkLost(Exception):
    """The machine or guest at the other end is gone."""


class Job:
    """A command that runs in a node."""

    def __init__(self, link, ident):
        self.link = link
        self.ident = ident
        self.out = bytearray()
        self.err = bytearray()
        self.status = None
        self.lost = None
        self.done = threading.Event()

    def signal(self, number):
        self.link.send(SIGNAL, self.ident, struct.pack("<I", number))

    def feed(self, data, last=True):
        """Gives it input; last: and then the end of it."""
        self.link.send_credited(STDIN, self.ident, data)
        if last:
            self.link.send(STDIN, self.ident, b"")


class Link:
    """One agent.

    transmit(bytes) may block, so feed(), which the reader calls with what
    arrived, never sends anything.
    """

    def __init__(self, transmit, on_log, on_up=None, name="?"):
        self.transmit = transmit
        self.on_log = on_log        # text of the kernel log and strays
        self.name = name
        self.up = threading.Event()
        self.lost = None
        self._ids = itertools.count(1)
        self._jobs = {}
        self._streams = {}
        self._pongs = {}
        self._window = {}
        self._credit = threading.Condition()
        self._send_lock = threading.Lock()
        self._buffer = bytearray()

    # Downwards

    def send(self, kind, ident, payload=b""):
        if self.lost:
            raise LinkLost(self.lost)
        body = struct.pack("<III", kind, ident, len(payload))
        crc = zlib.crc32(payload, zlib.crc32(body))
        frame = HEAD.pack(MAGIC, kind, ident, len(payload), crc) + payload
        with self._send_lock:
            self.transmit(frame)

    def send_credited(self, kind, ident, data):
        """Sends bytes to a command or stream as fast as it takes them."""
        view = memoryview(data)
        while view:
            with self._credit:
                while not self._window.get(ident, COMMAND_WINDOW):
                    self._credit.wait(1)
                    if self.lost:
                        raise LinkLost(self.lost)
                    if ident not in self._window:
                        return      # it ended: nobody takes the rest
                if ident not in self._window:
                    return
                n = min(len(view), self._window[ident], FRAME_MAX)
                self._window[ident] -= n
            self.send(kind, ident, bytes(view[:n]))
            view = view[n:]

    def execute(self, command):
        ident = next(self._ids)
        job = Job(self, ident)
        self._jobs[ident] = job
        self._window[ident] = COMMAND_WINDOW
        raw = command.encode()
        if len(raw) > FRAME_MAX:
            raise ValueError("command line too long")
        self.send(EXEC, ident, raw)
        return job

    def open(self, path, on_data, on_close):
        """Relays the byte stream at a path in the node. Returns its id."""
        ident = next(self._ids)
        self._streams[ident] = (on_data, on_close)
        self._window[ident] = STREAM_WINDOW
        self.send(OPEN, ident, path.encode())
        return ident

    def close(self, ident):
        self._streams.pop(ident, None)
        with self._credit:
            self._window.pop(ident, None)
            self._credit.notify_all()
        self.send(CLOSE, ident)

    def ping(self, timeout):
        ident = next(self._ids)
        event = self._pongs[ident] = threading.Event()
        self.send(PING, ident, b"?")
        answered = event.wait(timeout)
        self._pongs.pop(ident, None)
        return answered

    def wait_up(self, timeout, poke=5.0):
        """Waits for the agent; asks for a sign of life now and then."""
        end = time.monotonic() + timeout
        while not self.up.wait(min(poke, max(0, end - time.monotonic()))):
            if self.lost:
                raise LinkLost(self.lost)
            if time.monotonic() >= end:
                return False
            self.send(PING, 0, b"?")
        return True

    # Upwards

    def feed(self, data):
        self._buffer += data
        while True:
            at = self._buffer.find(MAGIC_BYTES)
            if at < 0:
                keep = 3 if len(self._buffer) > 3 else len(self._buffer)
                # The magic number may have arrived in part.
                if not MAGIC_BYTES[:1] in self._buffer[-keep:]:
                    keep = 0
                self._stray(len(self._buffer) - keep)
                return
            self._stray(at)
            if len(self._buffer) < HEAD.size:
                return
            _, kind, ident, length, crc = HEAD.unpack_from(self._buffer)
            if length > FRAME_MAX:
                self._stray(1)
                continue
            end = HEAD.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[HEAD.size:end])
            if zlib.crc32(payload, zlib.crc32(self._buffer[4:16])) != crc:
                self._stray(1)
                continue
            del self._buffer[:end]
            self._frame(kind, ident, payload)

    def _stray(self, n):
        if n:
            text = bytes(self._buffer[:n])
            del self._buffer[:n]
            self.on_log(text.decode(errors="replace").replace("\r", ""))

    def _frame(self, kind, ident, payload):
        job = self._jobs.get(ident)
        if kind == KLOG:
            self.on_log(payload.decode(errors="replace"))
        elif kind == PONG:
            self.up.set()
            if ident in self._pongs:
                self._pongs[ident].set()
        elif kind == OUT and job:
            if len(job.out) < OUTPUT_MAX:
                job.out += payload
        elif kind == ERR and job:
            if len(job.err) < OUTPUT_MAX:
                job.err += payload
        elif kind == EXIT and job:
            job.status = struct.unpack("<I", payload)[0]
            self._forget(ident)
            job.done.set()
        elif kind == TAKEN:
            with self._credit:
                if ident in self._window:
                    self._window[ident] += struct.unpack("<I", payload)[0]
                self._credit.notify_all()
        elif kind == DATA and ident in self._streams:
            self._streams[ident][0](payload)
        elif kind == CLOSE and ident in self._streams:
            on_close = self._streams.pop(ident)[1]
            self._forget(ident)
            on_close()

    def _forget(self, ident):
        self._jobs.pop(ident, None)
        with self._credit:
            self._window.pop(ident, None)
            self._credit.notify_all()

    def lose(self, why):
        """Ends everything that waits for this agent."""
        if self.lost:
            return
        self.lost = why
        for job in list(self._jobs.values()):
            job.lost = why
            job.done.set()
        self._jobs.clear()
        for _, on_close in list(self._streams.values()):
            on_close()
        self._streams.clear()
        with self._credit:
            self._credit.notify_all()
