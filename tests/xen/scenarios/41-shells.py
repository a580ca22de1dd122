"""OpenSSH, rsync, git, socat, netcat and iperf3 behave as they do over vif."""
import json

from story import *
import programs
from programs import WORK

PART = "programs"
SECONDS = 600
SSH_PORT = 2222
RSYNC_PORT = 8730
GIT_PORT = 9418
APACHE_PORT = 8087
PLAIN_PORT = 7010           # socat and netcat
IPERF_PORT = 5201
LOCAL_PORT, SOCKS_PORT = 7021, 7022     # ssh -L, -D
WEB_PORT = 7023             # what is reached through ssh
FORWARDED_PORT = 7024       # ssh -R
SIZE = 300 << 10
FILES = 8                  # in the tree that rsync and git copy

# commits with the same name each time
COMMIT = ("GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' "
          "GIT_COMMITTER_DATE='2026-01-01T00:00:00Z' "
          "git -c user.name=n -c user.email=e commit -qm")

KEY = f"{WORK}/key"
# The default key exchange (sntrup761) takes long on an emulated processor.
SSH_OPTIONS = ("-F /dev/null -o KexAlgorithms=curve25519-sha256 "
               "-o BatchMode=yes -o StrictHostKeyChecking=no "
               f"-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -i {KEY}")
SSHD = ("mkdir -p /run/sshd && exec /usr/sbin/sshd -D -e -f /dev/null "
        f"-h {KEY} -p {SSH_PORT} -o StrictModes=no -o PermitRootLogin=yes "
        f"-o AuthorizedKeysFile={KEY}.pub -o GatewayPorts=yes "
        "-o Subsystem='sftp internal-sftp' -o PidFile=none 2>/dev/null")

RSYNCD = f"""use chroot = no
uid = root
gid = root
[data]
	path = {WORK}/daemon
	read only = no
"""

APACHE = """
ServerRoot /etc/apache2
ServerName test
PidFile {work}/apache.pid
ErrorLog {work}/apache.log
Listen {port}
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule env_module /usr/lib/apache2/modules/mod_env.so
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
ScriptSock {work}/cgid
DocumentRoot {work}/tree
SetEnv GIT_PROJECT_ROOT {work}/git
SetEnv GIT_HTTP_EXPORT_ALL 1
SetEnv GIT_CONFIG_COUNT 2
SetEnv GIT_CONFIG_KEY_0 safe.directory
SetEnv GIT_CONFIG_VALUE_0 *
SetEnv GIT_CONFIG_KEY_1 http.receivepack
SetEnv GIT_CONFIG_VALUE_1 true
ScriptAlias /git /usr/lib/git-core/git-http-backend
<Directory />
	Require all granted
</Directory>
"""


def story(machine):
    keys = machine.dom0.run(
        "rm -f /dev/shm/k*; ssh-keygen -q -t ed25519 -N '' -f /dev/shm/k; "
        "cat /dev/shm/k; cat /dev/shm/k.pub >&2")

    def prepare(node):
        node.write(KEY, keys.out, "600")
        node.write(f"{KEY}.pub", keys.err)
        node.run(f"mkdir -p {WORK}/tree/sub && cd {WORK}/tree && i=0; "
                 f"while [ $i -lt {FILES} ]; do i=$((i + 1)); "
                 "seq $i 2000 >sub/file$i; done; "
                 f"yes bulk | head -c {SIZE} >bulk")

    programs.compare(machine, [openssh, ssh_forwards, rsync, git, apache,
                               socat, netcat, iperf3], prepare)


def ssh(host, command, options=""):
    return f"ssh {SSH_OPTIONS} -p {SSH_PORT} {options} root@{host} {command}"


def tree_sum(folder):
    return f"cd {folder} && find . -type f | sort | xargs cat | md5sum"


def openssh(pair):
    """openssh: ssh, scp, sftp"""
    copy = f"scp -q {SSH_OPTIONS} -P {SSH_PORT}"
    first, second = pair.hosts
    with pair.server_runs(SSHD, SSH_PORT):
        pair.run(ssh(first, "'md5sum; echo no >&2; exit 3'") +
                 f" <{WORK}/tree/bulk", check=False)
        pair.run(f"{copy} {WORK}/tree/bulk 'root@{second.url}:{WORK}/copy' && "
                 f"{copy} 'root@{first.url}:{WORK}/copy' {WORK}/back && "
                 f"md5sum <{WORK}/back")
        ssh_terminal(pair, second)


def ssh_terminal(pair, host):
    """A session with a terminal at both ends: its size, Ctrl-C, exit."""
    keys = f"{WORK}/keyboard"
    pair.client.run(f"rm -f {keys}; mkfifo {keys}")
    shell = pair.client.spawn(
        "exec script -qec 'stty rows 33 cols 99; " +
        ssh(host, "'\\''PS1=prompt: exec sh -i'\\''", "-tt") +
        f"' /dev/null <>{keys}")

    def type_(text, answer):
        pair.client.run(f"printf '{text}' >{keys}")
        shell.wait_for_output(answer, 40)

    shell.wait_for_output("prompt:", 40)
    type_("tty; stty size\\r", "33 99")
    expect_in("/dev/pts/", shell.output(), "the terminal's name")
    type_("echo sleep-$((1 + 1)); sleep 300; echo slept\\r", "sleep-2")
    wait_until(lambda: pair.server.ok("pgrep -x sleep"), 30, "sleep runs")
    type_("\\003", "^C")
    pair.client.run(f"printf 'exit 5\\r' >{keys}")
    pair.see("how the session ends", shell.wait(40, check=False).rc)


def ssh_forwards(pair):
    """ssh -L, -R and -D"""
    with pair.server_runs(SSHD, SSH_PORT), pair.server_runs(
            f"exec busybox httpd -f -p {WEB_PORT} -h {WORK}/tree", WEB_PORT,
            pair.client):
        host = pair.hosts[pair.guest_serves]
        near4, near6 = pair.client_hosts
        job = pair.client.spawn("exec " + ssh(
            host, "", f"-N -o ExitOnForwardFailure=yes "
            f"-L {LOCAL_PORT}:{near6.url}:{WEB_PORT} -D {SOCKS_PORT} "
            f"-R '*:{FORWARDED_PORT}:127.0.0.1:{WEB_PORT}'"))
        programs.wait_listening(pair.client, SOCKS_PORT, job)
        programs.wait_listening(pair.server, FORWARDED_PORT, job)
        for url in (f"http://127.0.0.1:{LOCAL_PORT}",
                    f"--socks5 127.0.0.1:{SOCKS_PORT} "
                    f"http://{near4}:{WEB_PORT}",
                    *(f"http://{h.url}:{FORWARDED_PORT}" for h in pair.hosts)):
            pair.run(f"curl -sSf {url}/bulk | md5sum")
        job.signal(15)
        job.wait(30, check=False)
        wait_until(lambda: not pair.server.ok(
            f"ss -Hltn 'sport = :{FORWARDED_PORT}' | grep -q ."), 30,
            "the forwarded port closed")


def rsync(pair):
    """rsync by ssh and from its daemon"""
    pair.server.write(f"{WORK}/rsyncd.conf", RSYNCD)
    pair.server.run(f"mkdir -p {WORK}/daemon")
    shell = f"ssh {SSH_OPTIONS} -p {SSH_PORT}"
    with pair.server_runs(SSHD, SSH_PORT), pair.server_runs(
            f"exec rsync --daemon --no-detach --port {RSYNC_PORT} "
            f"--config {WORK}/rsyncd.conf", RSYNC_PORT):
        host = pair.hosts[0]
        pair.run(f"rsync -a --delete -e '{shell}' {WORK}/tree/ "
                 f"root@{host}:{WORK}/rsynced/")
        pair.run(tree_sum(f"{WORK}/rsynced"), pair.server)
        for host in pair.hosts:
            url = f"rsync://{host.url}:{RSYNC_PORT}/data/"
            change = f"{WORK}/tree/changes"
            pair.run(f"rm -rf {WORK}/back.d {change}; rsync -a --delete "
                     f"{WORK}/tree/ {url} && date >{change} && "
                     f"rsync -aiO {WORK}/tree/ {url} && rm {change} && "
                     f"rsync -aiO --delete {WORK}/tree/ {url} && "
                     f"rsync -a {url} {WORK}/back.d && "
                     + tree_sum(f"{WORK}/back.d"))


def new_repository(node, owner):
    """A repository to fetch from and to push to, the same each time."""
    node.run(f"rm -rf {WORK}/git {WORK}/work && mkdir -p {WORK}/git && "
             f"git init -q --bare -b main {WORK}/git/t.git && "
             f"cp -r {WORK}/tree {WORK}/work && cd {WORK}/work && "
             "git init -q -b main && git add . && "
             f"{COMMIT} one && "
             f"git push -q {WORK}/git/t.git main && "
             f"chown -R {owner} {WORK}/git")


def git_works(pair, url):
    """Clone, commit, push, fetch, by one URL."""
    pair.run(f"rm -rf {WORK}/c1 && git clone -q {url} {WORK}/c1 && "
             f"cd {WORK}/c1 && seq 50000 >numbers && git add . && "
             f"{COMMIT} two && "
             "git push -q && git fetch -q && git rev-parse origin/main")


def git(pair):
    """git's own protocol"""
    new_repository(pair.server, "root")
    with pair.server_runs(
            "exec git daemon --export-all --reuseaddr "
            f"--enable=receive-pack --port={GIT_PORT} --base-path={WORK}/git",
            GIT_PORT):
        git_works(pair, f"git://{pair.hosts[1].url}:{GIT_PORT}/t.git")


def apache(pair):
    """apache, git over HTTP, wrk"""
    new_repository(pair.server, "www-data")
    pair.server.write(f"{WORK}/apache.conf", APACHE.format(
        work=WORK, port=APACHE_PORT))
    with pair.server_runs(f"exec apache2 -DFOREGROUND -f {WORK}/apache.conf",
                          APACHE_PORT):
        git_works(pair, f"http://{pair.hosts[0]}:{APACHE_PORT}/git/t.git")
        for host in pair.hosts:
            url = f"http://{host.url}:{APACHE_PORT}"
            pair.run(f"curl -sSf {url}/bulk | md5sum")
        programs.wrk(pair, f"{url}/sub/file1")


def socat(pair):
    """socat"""
    with pair.server_runs(f"exec socat TCP6-LISTEN:{PLAIN_PORT},ipv6only=0,"
                          "fork,reuseaddr,backlog=20 EXEC:md5sum",
                          PLAIN_PORT):
        for host in pair.hosts:
            pair.run(f"socat -t 20 STDIO TCP:{host.url}:{PLAIN_PORT},nodelay,"
                     f"keepalive <{WORK}/tree/bulk")
    with pair.server_runs(f"exec socat -u OPEN:{WORK}/tree/bulk "
                          f"TCP4-LISTEN:{PLAIN_PORT},reuseaddr", PLAIN_PORT):
        pair.run(f"socat -u TCP:{pair.hosts[0]}:{PLAIN_PORT} STDOUT | "
                 "sha256sum")


def netcat(pair):
    """netcat"""
    for host in pair.hosts:
        listen = f"exec nc {'-6' if ':' in host else '-4'} -l"
        with pair.server_runs(f"{listen} {PLAIN_PORT} </dev/null "
                              f">{WORK}/came", PLAIN_PORT) as job:
            pair.run(f"nc -N {host} {PLAIN_PORT} <{WORK}/tree/bulk")
            job.wait(30)
        pair.run(f"md5sum <{WORK}/came", pair.server)
        with pair.server_runs(f"{listen} -N {PLAIN_PORT} <{WORK}/tree/bulk",
                              PLAIN_PORT):
            pair.run(f"nc -d {host} {PLAIN_PORT} | md5sum")
        pair.run(f"nc -zv -w 5 {host} 9", check=False)


def iperf3(pair):
    """iperf3"""
    # A server for each: one that serves another client still says "busy".
    for host, options in ((pair.hosts[0], "-n 1M"),
                          (pair.hosts[1], "-n 1M -R -w 64K"),
                          (pair.hosts[0], "-n 1M -P 4 -M 1000 -N"),
                          (pair.hosts[1], "-t 1 --bidir -C reno")):
        with pair.server_runs(f"exec iperf3 -s -1 -p {IPERF_PORT}",
                              IPERF_PORT) as server:
            out = pair.client.run(f"iperf3 -J -p {IPERF_PORT} -c {host} "
                                  f"{options}").out
            server.wait(30)
        pair.see(f"iperf3 {options}", iperf3_facts(json.loads(out)))


def iperf3_facts(report):
    """What an iperf3 report says that is no measurement."""
    expect("error" not in report, f"no {report.get('error')}")
    end = report["end"]
    for name, total in end.items():
        if name.startswith("sum_"):
            expect(total["bytes"] > 0, f"bytes of iperf3 in {name}")
    return {
        "parts": sorted(end),
        "congestion": [end.get(f"{side}_tcp_congestion")
                       for side in ("sender", "receiver")],
        "of a stream": sorted(end["streams"][0]["sender"]),
        "mss": report["start"].get("tcp_mss"),
        "buffers": [report["start"].get(n) for n in
                    ("sock_bufsize", "sndbuf_actual", "rcvbuf_actual")],
    }
