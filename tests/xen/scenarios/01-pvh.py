"""A PVH guest boots as a PV guest does."""
from story import *


def story(machine):
    guest = machine.guest("pvh", pvh=True)
    expect_equal(guest.run("ls /sys/class/net").out.split(), ["lo"],
                 "the guest's interfaces")
    expect_in("type", machine.dom0.run("xl list -l pvh").out, "xl list -l")
    guest.destroy()
