# SPDX-License-Identifier: GPL-2.0
"""Several TOEs, for stories; two siblings above all: a (toe0) and b (toe1)."""

import contextlib

import engine
from gap import PORT
import offload
import web
from machine import wait_until

CONFIG_FILE = engine.CONFIG_FILE
CONFIG = """
toe "a" { netdev = "toe0" segment = "lan" }
toe "b" { netdev = "toe1" segment = "lan" }
pool "lan" { toes = {"a", "b"} policy = "in-order" }
"""
ENTRY = "pool=lan," + offload.ENTRY


def configure(machine, text):
    machine.dom0.write(CONFIG_FILE, engine.driven(text))
    wait_until(lambda: machine.dom0.ok("vtoectl reload"), 30, "vtoed")


@contextlib.contextmanager
def configured(machine):
    """vtoed has these two, for a with."""
    before = machine.dom0.read(CONFIG_FILE)
    configure(machine, CONFIG)
    try:
        yield
    finally:
        configure(machine, before)


def toe(machine, name):
    """A TOE, as vtoectl toes lists it."""
    return {t["name"]: t for t in offload.ask(machine, "toes")["toes"]}[name]


def wait_up(machine, *names):
    for name in names:
        wait_until(lambda n=name: toe(machine, n)["state"] == "up", 30,
                   f"toe {name} is up")


def wait_on(machine, guest, name):
    """Waits until a guest's device is on a TOE."""
    wait_until(lambda: offload.device(machine, guest)["toe"] == name, 20,
               f"the device on toe {name}")


def where(machine, guest, text=f":{PORT}"):
    """How many connections are on each toe, of those to a port."""
    toes = [c["toe"] for c in offload.connections(
        offload.contexts(machine, guest)) if text in c["requested"]]
    return {name: toes.count(name) for name in set(toes)}


def expect_where(machine, guest, expected):
    wait_until(lambda: where(machine, guest) == expected,
               offload.RECORD_SECONDS, f"connections on {expected}")


def live_through(machine, guest, action, name, total, held):
    """A transfer of /large lives through something that ends on a toe.

    held: connections that the guest has besides.
    """
    job = guest.spawn(web.sum_command(f"http://{offload.REMOTE}/large",
                                      "--limit-rate 4M"))
    wait_until(lambda: len(offload.connections(offload.contexts(
        machine, guest))) > held, 30, "the transfer")
    action()
    wait_on(machine, guest, name)
    web.expect_sum(total, job.wait(180))
