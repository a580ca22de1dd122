# SPDX-License-Identifier: GPL-2.0
"""What scenarios are written with:  from story import *"""

from machine import COMMAND_SECONDS, Failure, wait_until

__all__ = ["COMMAND_SECONDS", "Failure", "Skip", "expect", "expect_equal",
           "expect_in", "sha256", "step", "wait_until"]

_listener = None


class Skip(Exception):
    """The scenario cannot run here; the text says why."""


def listen(function):
    """Makes function(text) hear of each step."""
    global _listener
    _listener = function


def step(text):
    """Says what the story does next."""
    if _listener:
        _listener(text)


def expect(condition, what):
    if not condition:
        raise Failure(f"expected: {what}")


def expect_equal(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}: expected {wanted!r}, got {got!r}")


def expect_in(part, text, what):
    if part not in text:
        raise Failure(f"{what}: expected {part!r} in {text!r}")


def sha256(node, path, timeout=COMMAND_SECONDS):
    """The SHA-256 of a file in a node, in hex."""
    return node.run(f"sha256sum {path}", timeout=timeout).out.split()[0]
