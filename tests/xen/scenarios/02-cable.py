"""A NIC's cable can be pulled: dom0 sees it, and frames stop."""
from story import *


def carrier(machine):
    return machine.dom0.run("cat /sys/class/net/toe0/carrier").out.strip()


def story(machine):
    step("dom0's own stack reaches the remote host over toe0")
    machine.dom0.run("ip addr add 192.0.2.250/24 dev toe0")
    try:
        machine.dom0.run("ping -c1 -W5 192.0.2.1")

        step("the cable is pulled")
        machine.set_link("toe0", False)
        wait_until(lambda: carrier(machine) == "0", 10, "no carrier")
        expect(not machine.dom0.ok("ping -c1 -W1 192.0.2.1"),
               "no answer to ping")

        step("the cable is back")
        machine.set_link("toe0", True)
        wait_until(lambda: carrier(machine) == "1", 10, "carrier")
        wait_until(lambda: machine.dom0.ok("ping -c1 -W1 192.0.2.1"), 10,
                   "answer to ping")
    finally:
        machine.dom0.run("ip addr del 192.0.2.250/24 dev toe0")
