# SPDX-License-Identifier: GPL-2.0
"""A program that waits for lines on its standard input, for stories.

    crowd = fed.Fed(guest, "crowd hold 100 192.0.2.1 7000")
    crowd.job.wait_for_output("holding 100")
    crowd.line()
    crowd.end()
"""

import itertools

NUMBER = itertools.count()


class Fed:
    def __init__(self, node, command):
        self.node = node
        self.pipe = f"/tmp/fed{next(NUMBER)}"
        node.run(f"mkfifo {self.pipe}")
        self.job = node.spawn(f"{command} <{self.pipe}")
        # Holds the other end, so that a line is not the end of the input.
        self.opener = node.spawn(f"exec sleep 100000 >{self.pipe}")

    def line(self):
        self.node.run(f"echo >{self.pipe}")

    def end(self):
        """Its input ends; it may go on."""
        self.opener.kill()
