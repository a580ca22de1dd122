"""unbound, dig, chrony and others by UDP behave as they do over vif."""
import json

from story import *
import programs
from programs import WORK

PART = "programs"
SECONDS = 400
DNS_PORT = 53
FORWARD_PORT = 5300         # unbound at the client, which asks the server's
NTP_PORT = 11123
IPERF_PORT = 5201
SOCAT_PORT = 7012
CLOSED_PORT = 9
LONG_TEXT = 200             # with six of them an answer is too long for UDP

UNBOUND = """
server:
	username: ""
	chroot: ""
	directory: "{work}"
	pidfile: ""
	use-syslog: no
	do-daemonize: no
	num-threads: 1
	port: {port}
	interface: {any4}
	interface: {any6}
	interface-automatic: {automatic}
	access-control: 0.0.0.0/0 allow
	access-control: ::/0 allow
	do-not-query-localhost: no
	max-udp-size: 1000
	module-config: "iterator"
	local-zone: "test." {kind}
	{zone}
remote-control:
	control-enable: no
{forward}
"""

ZONE = """local-data: "host.test. A 192.0.2.77"
	local-data: "host.test. AAAA 2001:db8::77"
""" + "".join(f"\tlocal-data: 'long.test. TXT \"{str(n) * LONG_TEXT}\"'\n"
              for n in range(6))

FORWARD = """forward-zone:
	name: "."
	forward-addr: {0}@{port}
	forward-addr: {1}@{port}
"""

CHRONY = """
local stratum 5
allow all
port {port}
bindcmdaddress /
cmdport 0
pidfile {work}/chronyd.pid
"""


def story(machine):
    programs.compare(machine, [dns, resolver, chrony, iperf3, socat])


def unbound_runs(pair, node, port, zone="", forward="", automatic="no"):
    """unbound at a node, with a zone or for what another one knows."""
    path = f"{WORK}/unbound-{port}.conf"
    node.write(path, UNBOUND.format(
        work=WORK, port=port, zone=zone, forward=forward,
        kind="static" if zone else "nodefault", any4="0.0.0.0",
        any6="::0", automatic=automatic))
    return pair.server_runs(f"exec unbound -d -c {path} 2>/dev/null", port,
                            node)


def dig(pair, address, port, question):
    pair.run(f"dig @{address} -p {port} +tries=2 +time=5 +short {question} "
             "| sort")


def dns(pair):
    """unbound and dig"""
    forward = FORWARD.format(*pair.hosts, port=DNS_PORT)
    with unbound_runs(pair, pair.server, DNS_PORT, ZONE, automatic="yes"), \
            unbound_runs(pair, pair.client, FORWARD_PORT, forward=forward):
        for host, client in pair.each_host():
            wait_until(lambda: pair.client.ok(
                f"dig @{host} -p {DNS_PORT} +short host.test | grep -q ."),
                60, f"the first answer of {host}")
            for question in ("host.test A host.test AAAA", "long.test TXT",
                             "long.test TXT +ignore +noedns",
                             "host.test A +tcp"):
                dig(pair, host, DNS_PORT, question)
            dig(pair, host, CLOSED_PORT, "host.test A")
        for question in ("host.test A", "long.test TXT"):
            dig(pair, "127.0.0.1", FORWARD_PORT, question)


def resolver(pair):
    """the guest's own resolver"""
    if pair.guest_serves:
        return
    with unbound_runs(pair, pair.server, DNS_PORT, ZONE):
        for host in pair.hosts:
            pair.client.write("/etc/resolv.conf", f"nameserver {host}\n")
            for name in ("host.test", "nobody.test"):
                # in which order is a matter of routes, which a vif has not
                pair.run(f"getent ahosts {name} | awk '{{ print $1 }}' | "
                         "sort -u", check=False)


def chrony(pair):
    """chrony"""
    pair.server.write(f"{WORK}/chrony.conf",
                      CHRONY.format(port=NTP_PORT, work=WORK))
    with programs.spawned(pair.server,
                          f"exec chronyd -x -d -U -f {WORK}/chrony.conf"):
        wait_until(lambda: pair.server.ok(
            f"ss -Hlun 'sport = :{NTP_PORT}' | grep -q ."), 30,
            "chronyd's socket")
        for host in pair.hosts:
            out = pair.client.run(
                f"chronyd -Q -t 30 -U 'server {host} port {NTP_PORT} iburst "
                f"minpoll 0 maxpoll 0' 'pidfile {WORK}/client.pid' "
                "'bindcmdaddress /' 2>&1").out
            expect_in("System clock wrong by", out, "what chronyd found")


def iperf3(pair):
    """iperf3 by UDP"""
    for host, options in ((pair.hosts[0], "-b 1M -n 50K -l 1000"),
                          (pair.hosts[1], "-b 1M -n 50K -l 1000 -R")):
        with pair.server_runs(f"exec iperf3 -s -1 -p {IPERF_PORT}",
                              IPERF_PORT) as server:
            out = pair.client.run(f"iperf3 -J -u -p {IPERF_PORT} -c {host} "
                                  f"{options}").out
            server.wait(30)
        end = json.loads(out)["end"]
        # how many datagrams it takes is a matter of its clock
        pair.see(f"iperf3 {options}", (sorted(end), sorted(end["sum"])))
        expect(end["sum"]["lost_packets"] < end["sum"]["packets"] / 2,
               f"datagrams that arrive: {end['sum']}")


def socat(pair):
    """socat by UDP"""
    with programs.spawned(pair.server, f"exec socat UDP6-RECVFROM:{SOCAT_PORT},"
                          "ipv6only=0,fork EXEC:md5sum"):
        wait_until(lambda: pair.server.ok(
            f"ss -Hlun 'sport = :{SOCAT_PORT}' | grep -q ."), 30,
            "socat's socket")
        for host in pair.hosts:
            # socat waits for more until its -t is over
            pair.run(f"head -c 1000 /dev/zero | socat -t 2 - "
                     f"UDP:{host.url}:{SOCAT_PORT}")
