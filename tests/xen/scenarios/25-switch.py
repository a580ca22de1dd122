"""Rules decide which socket is offloaded, native or denied."""
from story import *
import engine
import offload
import web
from machine import TOP
from switchtry import PEER, Listener, attempt, command, prepare, rules

SECONDS = 900
WEB = f"connect {offload.REMOTE} 80"
CLOSED = f"connect {offload.REMOTE} 81"     # nobody listens there
UNREACHABLE = "ENETUNREACH"                 # what the guest's own stack says
REFUSED = "ECONNREFUSED"                    # so it was offloaded
NARROW = ("ip=192.0.2.11/24,gateway=192.0.2.1,default=native,"
          "rules=offload rport=80; deny rport=79")
SLOTS = 64


def story(machine):
    with web.server(machine, root=offload.MEMORY_ROOT):
        guest = offload.guest(machine, "chooser")
        prepare(guest)
        verdicts(guest)
        who(guest)
        mistakes(guest)
        before_the_decision(guest)
        listeners(machine, guest)
        bound(guest)
        full(machine, guest)
        if engine.DRIVER != "lwip":    # whose sockets are no descriptors
            no_descriptors(machine, guest)
        from_a_file(machine, guest)
        absent(machine, guest)
        toolstack(machine)


def verdicts(guest):
    step("without rules everything but loopback is offloaded")
    expect_equal(attempt(guest, WEB), "offloaded", "a connect")
    expect_equal(attempt(guest, CLOSED), REFUSED, "a closed port")

    step("by port, the first match wins")
    rules(guest, "deny rport=79\noffload rport=80-81\nnative")
    expect_equal(attempt(guest, WEB), "offloaded", "port 80")
    expect_equal(attempt(guest, CLOSED), REFUSED, "port 81")
    expect_equal(attempt(guest, f"connect {offload.REMOTE} 79"), "EPERM",
                 "port 79")
    expect_equal(attempt(guest, f"connect {offload.REMOTE} 82"), UNREACHABLE,
                 "port 82")

    step("by protocol; datagrams by each one's destination")
    rules(guest, "native proto=udp rport=53\ndeny proto=udp rport=54")
    udp = f"udp {offload.REMOTE}"
    expect_equal(attempt(guest, f"{udp} 53"), UNREACHABLE, "UDP to port 53")
    expect_equal(attempt(guest, f"{udp} 54"), "EPERM", "UDP to port 54")
    expect_equal(attempt(guest, f"{udp} 55"), "offloaded", "UDP to port 55")
    expect_equal(attempt(guest, f"connect {offload.REMOTE} 54"), REFUSED,
                 "TCP to port 54")

    step("by prefix")
    rules(guest, "native remote=198.51.100.0/24\ndeny remote=2001:db8::/32")
    expect_equal(attempt(guest, f"connect {PEER} 80"), "native", "the peer")
    expect_equal(attempt(guest, WEB), "offloaded", "the rest")
    expect_equal(attempt(guest, f"connect {offload.REMOTE6} 80"), "EPERM",
                 "IPv6")


def who(guest):
    step("by uid")
    rules(guest, "native uid=1000-1999")
    expect_equal(attempt(guest, WEB, uid=1500), UNREACHABLE, "uid 1500")
    expect_equal(attempt(guest, WEB, uid=2000), "offloaded", "uid 2000")

    step("by program name")
    rules(guest, "deny comm=miner dir=connect")
    expect_equal(attempt(guest, WEB, comm="miner"), "EPERM", "miner")
    expect_equal(attempt(guest, WEB, comm="minerva"), "offloaded", "minerva")

    step("by cgroup, and those below it")
    rules(guest, "native cgroup=/batch")
    expect_equal(attempt(guest, WEB, cgroup="/batch/one"), UNREACHABLE,
                 "/batch/one")
    expect_equal(attempt(guest, WEB, cgroup="/batches"), "offloaded",
                 "/batches")


def mistakes(guest):
    step("a bad line is named, and the old list stays")
    rules(guest, "native rport=80")
    before = guest.read("/proc/net/vtoe_rules")
    result = guest.run("cat >/proc/net/vtoe_rules", check=False,
                       stdin="offload\nnative rport=http\n")
    expect(result.rc != 0, "an exit code other than 0")
    expect_in("Invalid argument", result.err, "the error")
    expect_in('line 2: "rport=http"', guest.run("dmesg").out, "the log")
    expect_equal(guest.read("/proc/net/vtoe_rules"), before, "the list")
    expect_equal(attempt(guest, WEB), UNREACHABLE, "port 80")
    expect(not guest.ok("cat >/proc/net/vtoe_rules", stdin="offload"),
           "a list ends with a newline")
    expect(not guest.ok("setpriv --reuid 1000 --clear-groups "
                        "sh -c 'echo >/proc/net/vtoe_rules'"),
           "root alone writes rules")

    step("a shell may write a list line by line")
    guest.run("bash -c \"printf '%s\\n' 'deny rport=80' 'native rport=81' "
              ">/proc/net/vtoe_rules\"")
    expect_equal(attempt(guest, WEB), "EPERM", "the first line")
    expect_equal(attempt(guest, CLOSED), UNREACHABLE, "the second line")
    rules(guest, "")
    expect_equal(attempt(guest, WEB), "offloaded", "an empty list")


def before_the_decision(guest):
    step("epoll and options from before the decision hold on either side")
    rules(guest, "native remote=198.51.100.0/24")
    expect_equal(attempt(guest, f"epoll {offload.REMOTE} 80"), "offloaded",
                 "offloaded")
    expect_equal(attempt(guest, f"epoll {PEER} 80"), "native", "native")


def listeners(machine, guest):
    step("a wildcard listener: both worlds, one of them, or none")
    rules(guest, "native dir=listen lport=7001\n"
                 "offload-only dir=listen lport=7002\n"
                 "deny dir=listen lport=7003")
    for address in "0.0.0.0", "::":
        for port, natively, remotely in ((7000, True, True),
                                         (7001, True, False),
                                         (7002, False, True)):
            with Listener(guest, address, port) as listener:
                what = f"{address}, port {port}"
                expect_equal(listener.where,
                             "offloaded" if remotely else "native", what)
                expect_equal(listener.reached_natively(), natively,
                             f"{what} by the guest's own interface")
                expect_equal(listener.reached_by(machine.remote,
                                                 offload.ADDRESS),
                             remotely, f"{what} by the device")
    expect_equal(attempt(guest, "listen 0.0.0.0 7003"), "EPERM", "port 7003")
    expect_equal(attempt(guest, f"listen {offload.ADDRESS} 7003"), "EPERM",
                 "port 7003 of the device's address")


def bound(guest):
    step("connect() decides, wherever bind() was")
    rules(guest, "native dir=listen\nnative remote=198.51.100.0/24")
    expect_equal(attempt(guest, WEB, bind="0.0.0.0"), "offloaded",
                 "bound natively, connected by the device")
    rules(guest, "offload-only dir=listen\nnative remote=198.51.100.0/24")
    expect_equal(attempt(guest, f"connect {PEER} 80", bind="0.0.0.0"),
                 "native", "bound at dom0, connected natively")
    expect_equal(attempt(guest, f"connect {PEER} 80", bind=offload.ADDRESS),
                 "EADDRNOTAVAIL", "bound to the device's address")
    rules(guest, "deny rport=80")
    expect_equal(attempt(guest, WEB, bind=offload.ADDRESS), "EPERM",
                 "bound, and denied")


def unload(guest):
    guest.run("echo vtoe-0 >/sys/bus/xen/drivers/vtoe/unbind")
    wait_until(lambda: guest.ok("rmmod vtoe"), 30, "rmmod", interval=1)


def reload(machine, guest, parameters=""):
    unload(guest)
    guest.run("insmod /lib/modules/$(uname -r)/extra/vtoe.ko " + parameters)
    offload.wait_connected(machine, guest)


def full(machine, guest):
    step("a full device: native if there is a way, or an error")
    reload(machine, guest, f"slots={SLOTS}")
    rules(guest, "offload remote=198.51.100.0/24 dir=connect\n"
                 f"offload remote={offload.REMOTE} fallback=none")
    hold = guest.spawn(command(f"fill {offload.REMOTE} 80", {}))
    hold.wait_for_output("full ENOBUFS")
    expect_equal(attempt(guest, f"connect {PEER} 80"), "native",
                 "where the guest has a route")
    expect_in("guest 1 1 1 offload", guest.read("/proc/net/vtoe_rules"),
              "the fallback is counted")
    hold.kill()


def no_descriptors(machine, guest):
    step("dom0 can open no more sockets")
    reload(machine, guest)
    worker = offload.device(machine, guest)["worker"]
    limit = f"prlimit --pid {worker} --nofile"
    before = machine.dom0.run(f"{limit} -o SOFT --noheadings").out.strip()
    machine.dom0.run(f"{limit}=3:")
    expect_equal(attempt(guest, f"connect {PEER} 80"), "native",
                 "where the guest has a route")
    expect_equal(attempt(guest, WEB), "EMFILE", "where it has none")
    machine.dom0.run(f"{limit}={before}:")
    expect_equal(attempt(guest, WEB), "offloaded", "it has room again")

    step("it says so to a datagram socket when connect() has gone on")
    job = guest.spawn(command(f"refused_later {offload.REMOTE} 9", {}))
    job.wait_for_output("connects")
    machine.dom0.run(f"{limit}=3:")
    job.wait_for_output("refused EMFILE")
    machine.dom0.run(f"{limit}={before}:")
    job.wait_for_output(f"sends {offload.ADDRESS}")


def from_a_file(machine, guest):
    step("/etc/vtoe/rules comes with the module")
    guest.put(TOP / "packaging/vtoe.modprobe", "/usr/lib/modprobe.d/vtoe.conf")
    guest.write("/etc/vtoe/rules", "# of this guest\nnative rport=81\n")
    guest.run("depmod -a", timeout=180)
    unload(guest)
    guest.run("modprobe vtoe slots=1024")
    expect_in("guest 1 0 0 native rport=81",
              guest.read("/proc/net/vtoe_rules"), "the list")
    expect_equal(guest.read("/sys/module/vtoe/parameters/slots"), "1024\n",
                 "the module's parameter")
    offload.wait_connected(machine, guest)
    expect_equal(attempt(guest, CLOSED), UNREACHABLE, "port 81")


def absent(machine, guest):
    step("no device: native, or an error if the rule says so")
    rules(guest, "offload rport=80 fallback=none\noffload rport=81")
    machine.dom0.run("vtoectl detach chooser")
    expect_equal(attempt(guest, WEB), "ENETDOWN", "no fallback")
    expect_equal(attempt(guest, CLOSED), UNREACHABLE, "a fallback")
    expect_equal(guest.read("/proc/net/vtoe_rules"),
                 "guest 1 1 0 offload rport=80 fallback=none\n"
                 "guest 2 1 1 offload rport=81\nguest default 0 0 offload\n",
                 "the counters")
    expect_in("fallbacks 1\n", guest.read("/proc/net/vtoe_stat"), "the sum")


def toolstack(machine):
    step("the toolstack's rules: the guest narrows them and never widens")
    guest = offload.guest(machine, "narrow", vtoe=[NARROW])
    prepare(guest)
    denied = f"connect {offload.REMOTE} 79"
    for own in "", "offload", "offload rport=79-81":
        rules(guest, own)
        expect_equal(attempt(guest, WEB), "offloaded", f"{own}: port 80")
        expect_equal(attempt(guest, CLOSED), UNREACHABLE, f"{own}: port 81")
        expect_equal(attempt(guest, denied), "EPERM", f"{own}: port 79")
    with Listener(guest, "0.0.0.0", 7000) as listener:
        expect_equal(listener.where, "native", "a listener")
    rules(guest, "native rport=80")
    expect_equal(attempt(guest, WEB), UNREACHABLE, "narrowed")
    rules(guest, "")

    step("rules of a dom0 that makes no sense: the device is not used")
    path = f"{offload.backend_path(guest)}/rules"
    guest.run("echo vtoe-0 >/sys/bus/xen/drivers/vtoe/unbind")
    for nonsense in "offload rport=0", "offload " + "rport=1;" * 200:
        machine.dom0.run(f"xenstore-write {path} '{nonsense}'")
        mark = guest.run("dmesg | wc -l").out.strip()
        guest.run("echo vtoe-0 >/sys/bus/xen/drivers/vtoe/bind", check=False)
        wait_until(lambda: "rules of the toolstack, line 1" in guest.run(
            f"dmesg | tail -n +{mark}").out, 30, "the reason")
        expect_equal(attempt(guest, WEB), UNREACHABLE, "a connect")
        guest.run("echo vtoe-0 >/sys/bus/xen/drivers/vtoe/unbind")
