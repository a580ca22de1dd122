# SPDX-License-Identifier: GPL-2.0
"""The tables of socket options, read from where they stand.

{name: (kind for TCP, kind for UDP)}; a name is what programs use, without the
_OLD and _NEW of those that exist twice. "no" is what the table does not have.
"""

import pathlib
import re

STREAM, DGRAM = 0, 1
TYPES = {"STREAM": (STREAM,), "DGRAM": (DGRAM,), "BOTH": (STREAM, DGRAM)}


def plain(name):
    return re.sub(r"_(OLD|NEW)$", "", name)


def of_list(path):
    """frontend/module/option_list.h"""
    table = {}
    for types, name, kind in re.findall(r"^X\((\w+), \w+, (\w+), (\w+)\)",
                                        pathlib.Path(path).read_text(), re.M):
        row = table.setdefault(plain(name), ["no", "no"])
        for type_ in TYPES[types]:
            row[type_] = kind.lower()
    return {name: tuple(row) for name, row in table.items()}


def of_page(path):
    """man/vtoe.4"""
    found = re.findall(r"^\.It Dv (\w+) Ta (\w+) Ta (\w+) Ta",
                       pathlib.Path(path).read_text(), re.M)
    return {name: (stream, dgram) for name, stream, dgram in found}


def of_driver(path):
    """toe-service/stacks/kernel_options.c: names that guests may use."""
    text = pathlib.Path(path).read_text()
    return set(re.findall(r"^\t\{\w+, (\w+), ", text, re.M))
