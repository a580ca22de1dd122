# SPDX-License-Identifier: GPL-2.0
"""Programs that tell of silence, for stories: gap in a guest, and crowd server.

    held = Gap(guest, 10, 100)          # a byte each 100 ms on each of 10
    held.during(lambda: machine.set_link("toe0", False), 5)["lost"]
"""

import json

import fed
from machine import wait_until
import offload

PORT = 7000                 # of crowd server on the remote host


class Teller:
    """A program that says a line of JSON each time that it is asked."""

    def __init__(self, job, poke):
        self.job, self.poke, self.nr = job, poke, 0

    def _answers(self):
        whole = self.job.output().split("\n")[:-1]
        return [line for line in whole if line.startswith("{")]

    def ask(self):
        self.poke()
        self.nr += 1
        wait_until(lambda: len(self._answers()) >= self.nr, 60, "its answer")
        return json.loads(self._answers()[-1])


class Server(Teller):
    """The remote host's program, and when it heard nothing: ask()["silences"]."""

    def __init__(self, remote):
        job = remote.spawn(f"crowd server {offload.REMOTE} {PORT}")
        job.wait_for_output("listening")
        super().__init__(job, lambda: remote.run("pkill -USR1 -x crowd"))


class Gap(Teller):
    """The program in the guest, and what it says of a while."""

    def __init__(self, guest, connections, interval):
        self.guest = guest
        self.fed = fed.Fed(guest, f"gap {connections} {interval} "
                                  f"{offload.REMOTE} {PORT}")
        self.fed.job.wait_for_output("open ", timeout=300)
        super().__init__(self.fed.job, self.fed.line)

    def during(self, action, seconds):
        self.ask()
        action()
        self.guest.run(f"sleep {seconds}", timeout=seconds + 60)
        return self.ask()

    def end(self):
        self.fed.end()
        self.fed.job.wait(60, check=False)
