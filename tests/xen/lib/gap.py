# SPDX-License-Identifier: GPL-2.0
"""The program gap in a guest, for stories: connections that tell of silence.

    held = Gap(guest, 10, 100)          # a byte each 100 ms on each of 10
    held.during(lambda: machine.set_link("toe0", False), 5)["lost"]
"""

import json

import fed
from machine import wait_until
import offload

PORT = 7000                 # of crowd server on the remote host


class Gap:
    """The program in the guest, and what it says of a while."""

    def __init__(self, guest, connections, interval):
        self.guest, self.nr = guest, 0
        self.fed = fed.Fed(guest, f"gap {connections} {interval} "
                                  f"{offload.REMOTE} {PORT}")
        self.fed.job.wait_for_output("open ", timeout=300)

    def _answers(self):
        return [line for line in self.fed.job.output().splitlines()
                if line.startswith("{")]

    def ask(self):
        self.fed.line()
        self.nr += 1
        wait_until(lambda: len(self._answers()) >= self.nr, 60, "gap's answer")
        return json.loads(self._answers()[-1])

    def during(self, action, seconds):
        self.ask()
        action()
        self.guest.run(f"sleep {seconds}", timeout=seconds + 60)
        return self.ask()

    def end(self):
        self.fed.end()
        self.fed.job.wait(60, check=False)
