# SPDX-License-Identifier: GPL-2.0
"""XEN_DRIVER=lwip make check-xen: the same stories on other engines.

Each TOE of a configuration that does not say its driver has this one.
"""

import os
import re

CONFIG_FILE = "/etc/vtoe/vtoed.conf"
DRIVER = os.environ.get("XEN_DRIVER", "")
TOE = re.compile(r"(toe\s+\S+\s*\{)([^}]*\})")


def _drive(toe):
    if re.search(r"\bdriver\b", toe[2]):
        return toe[0]
    return f'{toe[1]} driver = "{DRIVER}"{toe[2]}'


def driven(text):
    """The text of a vtoed.conf, with the driver that is wanted."""
    return TOE.sub(_drive, text) if DRIVER else text
