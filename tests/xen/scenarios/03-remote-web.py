"""The remote host serves pages, and frames cross the NIC."""
from story import *
import web


def story(machine):
    step("nginx on the remote host")
    with web.server(machine) as server:
        machine.dom0.run("ip addr add 192.0.2.250/24 dev toe0")
        try:
            before = packets(machine)
            page = machine.dom0.run("curl -sSf http://192.0.2.1/").out
            expect_equal(page, server.page, "the page")
            expect(packets(machine) > before, "frames left by toe0")
        finally:
            machine.dom0.run("ip addr del 192.0.2.250/24 dev toe0")


def packets(machine):
    return int(machine.dom0.read("/sys/class/net/toe0/statistics/tx_packets"))
