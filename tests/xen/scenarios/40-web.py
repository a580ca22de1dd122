"""Debian's web servers and clients behave through vtoe as they do over vif."""
import re

from story import *
import programs
from programs import WORK

PART = "programs"
SECONDS = 600
SMALL = 30 << 10            # bytes: larger than a socket's first run
LARGE = 400 << 10
NGINX_PORT, NGINX_TLS_PORT = 80, 443
UPSTREAM_PORT = 8080        # nginx at the client, for proxies at the server
HAPROXY_PORT = 8081
CADDY_PORT = 8082
BUSYBOX_PORT = 8083
PYTHON_PORT, ASYNCIO_PORT = 8084, 8085
NODE_PORT = 8086
CLOSED_PORT = 9             # nobody listens
RELOAD_REQUESTS = 200
RELOADS = 2                 # at least that many while requests come

NGINX = """
daemon off;
user root;
pid {root}/nginx.pid;
error_log {root}/error.log;
worker_processes 2;
events {{ worker_connections 256; }}
http {{
	access_log off;
	sendfile on;
	tcp_nopush on;
	ssl_certificate {work}/cert.pem;
	ssl_certificate_key {work}/key.pem;
	upstream v4 {{ server {upstream4}; keepalive 4; }}
	upstream v6 {{ server {upstream6}; keepalive 4; }}
	server {{
		listen {port} backlog=64;
		listen [::]:{port};
		listen {tls} ssl http2;
		listen [::]:{tls} ssl http2;
		root {work}/files;
		client_max_body_size 8m;
		location /upload/ {{ dav_methods PUT; create_full_put_path on; }}
		location /IPv4/ {{
			proxy_pass http://v4/;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}}
		location /IPv6/ {{ proxy_pass http://v6/; }}
		location /nobody/ {{ proxy_pass http://{nobody}/; }}
		location = /who {{ return 200 "$remote_addr $server_addr\\n"; }}
	}}
}}
"""

HAPROXY = """
global
	stats socket {work}/haproxy.sock level admin
defaults
	mode http
	timeout connect 10s
	timeout client 30s
	timeout server 30s
	timeout check 10s
	option redispatch
frontend web
	bind 0.0.0.0:{port}
	bind :::{port} v6only
	default_backend web
backend web
	balance roundrobin
	server v4 {upstream4} check inter 200
	server v6 {upstream6} check inter 200
	server none {nobody} check inter 200
"""

ASYNCIO = """
import asyncio
async def answer(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(answer, None, {port})
    await server.serve_forever()
asyncio.run(main())
"""

PYTHON_CLIENT = """
import asyncio, urllib.request, zlib
async def talk(host, n):
    reader, writer = await asyncio.open_connection(host, {port})
    data = bytes([n]) * {size}
    async def send():
        writer.write(data)
        await writer.drain()
        writer.write_eof()
    sending = asyncio.create_task(send())
    back = await reader.read(-1)
    await sending
    writer.close()
    await writer.wait_closed()
    return back == data
async def main(host):
    print(await asyncio.gather(*[talk(host, n) for n in range(4)]))
    try:
        await asyncio.open_connection(host, {closed})
    except ConnectionRefusedError as e:
        print("refused", e.errno)
for host in {hosts}:
    asyncio.run(main(host))
for url in {urls}:
    with urllib.request.urlopen(url) as answer:
        print(zlib.crc32(answer.read()), answer.headers["Content-Length"])
"""

NODE = """
const http = require('http'), fs = require('fs');
http.createServer((request, response) => {{
	if (request.method === 'POST')
		return request.pipe(response);
	fs.createReadStream('{work}/files/large').pipe(response);
}}).listen({port}, () => console.log('listening'));
"""

NODE_CLIENT = """
const http = require('http'), crypto = require('crypto');
const agent = new http.Agent({{ keepAlive: true, maxSockets: 2 }});
function ask(host, method, body) {{
	return new Promise((resolve, reject) => {{
		const at = {{ host, port: {port}, agent, method }};
		const request = http.request(at, response => {{
			const hash = crypto.createHash('md5');
			response.on('data', d => hash.update(d));
			response.on('end', () => resolve(response.statusCode +
				' ' + hash.digest('hex')));
		}});
		request.on('error', reject);
		request.end(body);
	}});
}}
function refused(host) {{
	return new Promise(resolve => http.get({{ host, port: {closed} }})
		.on('error', e => resolve(e.code)));
}}
Promise.all({hosts}.flatMap(host => [ask(host, 'GET'), ask(host, 'GET'),
		ask(host, 'POST', 'x'.repeat(100000)), refused(host)]))
	.then(all => {{ console.log(all.join('\\n')); agent.destroy(); }});
"""


def story(machine):
    programs.compare(machine, [nginx, nginx_reload, haproxy, go_caddy,
                               static_busybox, python, node], prepare)


def prepare(node):
    """Files to serve, and a certificate; the same for all servers."""
    node.run(f"mkdir -p {WORK}/files/upload && cd {WORK}/files && "
             f"echo hello >index.html && yes small | head -c {SMALL} >small && "
             f"yes larger | head -c {LARGE} >large && "
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
             f"-nodes -keyout {WORK}/key.pem -out {WORK}/cert.pem -days 30 "
             "-subj /CN=test 2>/dev/null")


def nginx_runs(pair, node, addresses, port, tls, root):
    """nginx at a node, with the other end's addresses as upstreams."""
    node.run(f"mkdir -p {root}")
    node.write(f"{root}/nginx.conf", NGINX.format(
        root=root, work=WORK, port=port, tls=tls,
        upstream4=f"{addresses[0]}:{UPSTREAM_PORT}",
        upstream6=f"{addresses[1].url}:{UPSTREAM_PORT}",
        nobody=f"{addresses[0]}:{CLOSED_PORT}"))
    return pair.server_runs(f"exec nginx -e {root}/error.log "
                            f"-c {root}/nginx.conf", port, node)


def both_nginx(pair):
    """nginx as server, and as upstream at the client."""
    return (nginx_runs(pair, pair.server, pair.client_hosts, NGINX_PORT,
                       NGINX_TLS_PORT, f"{WORK}/nginx"),
            nginx_runs(pair, pair.client, pair.hosts, UPSTREAM_PORT,
                       UPSTREAM_PORT + 1000, f"{WORK}/upstream"))


def curl(pair, url, options=""):
    """A transfer by curl: content, status, protocol, size, connections."""
    pair.run(f"curl -ksS {options} '{url}' -w '%{{stderr}}%{{http_code}} "
             "%{http_version} %{size_download} %{num_connects} ' | md5sum")


def nginx(pair):
    """nginx, curl and wget"""
    server, upstream = both_nginx(pair)
    with server, upstream:
        for host in pair.hosts:
            http, https = f"http://{host.url}", f"https://{host.url}"
            curl(pair, f"{http}/{{large,small,none}}")
            pair.run(f"curl -sS {http}/who")
            curl(pair, f"{https}/large", "--http2")
            for name in ("IPv4", "IPv6"):
                curl(pair, f"{http}/{name}/large")
            pair.run(f"wget -nv -t1 --no-check-certificate -O - {http}/large "
                     f"{https}/small 2>/dev/null | md5sum")
            pair.run(f"curl -sS {http}:{CLOSED_PORT}/", check=False)
        curl(pair, f"{http}/nobody/")
        curl(pair, f"{http}/small", "-r 1000-1999 --http1.0")
        curl(pair, f"{http}/upload/large", f"-T {WORK}/files/large")
        pair.run(f"md5sum <{WORK}/files/upload/large", pair.server)
        pair.run(f"cd {WORK} && curl -ksS --no-progress-meter --http2 -Z "
                 f"'{https}/{{small,large}}?[1-3]' -o '#1-#2' && "
                 "cat small-[123] large-[123] | md5sum")
        pair.run(f"wget -q -t1 {http}:{CLOSED_PORT}/", check=False)
        programs.wrk(pair, f"{http}/")


@programs.only_in_guest
def nginx_reload(pair):
    """nginx, reloaded and restarted under load,"""
    host = pair.hosts[0]
    url = f"http://{host.url}/small"
    server, upstream = both_nginx(pair)
    with upstream:
        with server:
            reloads = 0
            while reloads < RELOADS:
                reloads += reload_while(pair, pair.client.spawn(
                    f"ab -q -n {RELOAD_REQUESTS} -c 8 {url}"))
            load = pair.client.spawn(f"exec wrk -t1 -c8 -d120 {url}")
            wait_until(lambda: connected(pair) >= 8, 30, "wrk's connections")
        # The port is bound again at once, with the old connections about.
        server, _ = both_nginx(pair)
        with server:
            pair.run(f"curl -sSf {url} | md5sum")
            wait_until(lambda: connected(pair) >= 8 or not load.running(), 30,
                       "wrk's connections to the new one")
            expect(load.running(), "wrk goes on after the restart")
            load.kill()


def reload_while(pair, load):
    """Reloads nginx until ab has ended; returns how often."""
    reloads = 0
    while load.running():
        pair.server.run(f"kill -HUP $(cat {WORK}/nginx/nginx.pid)")
        wait_until(lambda: workers_new(pair) or not load.running(), 30,
                   "new workers")
        reloads += 1
    no_failure(load)
    return reloads


def no_failure(load):
    """ab ended and had its answer to every request."""
    out = load.wait().out
    expect(re.search(r"Failed requests: +0\n", out) and "Non-2xx" not in out and
           "Complete requests:" in out, f"no failure: {out}")


def workers_new(pair):
    """Whether no worker is shutting down."""
    return not pair.server.ok("pgrep -f 'nginx: worker.*shutting'")


def connected(pair):
    """Connections from the client to nginx, as the remote host sees them."""
    remote = pair.client if pair.guest_serves else pair.server
    side = "dport" if pair.guest_serves else "sport"
    return len(remote.run("ss -Htn state established "
                          f"'( {side} = :{NGINX_PORT} )'").out.splitlines())


@programs.only_in_guest
def haproxy(pair):
    """haproxy"""
    node = pair.server
    ups = pair.client_hosts
    node.write(f"{WORK}/haproxy.cfg", HAPROXY.format(
        work=WORK, port=HAPROXY_PORT, upstream4=f"{ups[0]}:{UPSTREAM_PORT}",
        upstream6=f"{ups[1]}:{UPSTREAM_PORT}",
        nobody=f"{ups[0]}:{CLOSED_PORT}"))
    with both_nginx(pair)[1], pair.server_runs(
            f"exec haproxy -W -db -f {WORK}/haproxy.cfg", HAPROXY_PORT):
        wait_until(lambda: haproxy_servers(node) ==
                   {"v4": "UP", "v6": "UP", "none": "DOWN"}, 30,
                   "haproxy's checks")
        for host in pair.hosts:
            url = f"http://{host.url}:{HAPROXY_PORT}"
            curl(pair, f"{url}/{{small,large,index.html,none}}")
        pair.see("sessions failed", haproxy_errors(node))
        load = pair.client.spawn(f"ab -q -n {RELOAD_REQUESTS} -c 4 {url}/")
        node.run("kill -USR2 $(pgrep -o -x haproxy)")
        no_failure(load)


def haproxy_stat(node):
    out = node.run("python3 -c 'import socket; s = socket.socket(1); "
                   f"s.connect(\"{WORK}/haproxy.sock\"); "
                   "s.send(b\"show stat\\n\"); "
                   "print(s.makefile().read())'").out
    rows = [line.split(",") for line in out.splitlines()
            if line.startswith("web,")]
    return {row[1]: row for row in rows}


def haproxy_servers(node):
    return {name: row[17].split()[0] for name, row in haproxy_stat(node).items()
            if name in ("v4", "v6", "none")}


def haproxy_errors(node):
    """Failed connections and responses of the servers that work."""
    rows = haproxy_stat(node)
    return [rows[name][13:15] for name in ("v4", "v6")]


@programs.only_in_guest
def go_caddy(pair):
    """caddy (Go)"""
    front = CADDY_PORT + 100
    beyond = pair.client_hosts[1].url
    with pair.server_runs(
            f"HOME={WORK} exec caddy file-server --root {WORK}/files "
            f"--listen :{CADDY_PORT}", CADDY_PORT), pair.server_runs(
            f"HOME={WORK}/2 exec caddy reverse-proxy --from :{front} "
            f"--to {beyond}:{BUSYBOX_PORT}", front), pair.server_runs(
            f"exec busybox httpd -f -p {BUSYBOX_PORT} -h {WORK}/files",
            BUSYBOX_PORT, pair.client):
        for host in pair.hosts:
            curl(pair, f"http://{host.url}:{CADDY_PORT}/{{large,small,none}}")
            curl(pair, f"http://{host.url}:{front}/large")
        programs.wrk(pair, f"http://{host.url}:{CADDY_PORT}/small")


def static_busybox(pair):
    """busybox (static)"""
    with pair.server_runs(f"exec busybox httpd -f -p {BUSYBOX_PORT} "
                          f"-h {WORK}/files", BUSYBOX_PORT):
        for host in pair.hosts:
            url = f"http://{host.url}:{BUSYBOX_PORT}"
            pair.run(f"busybox wget -q -O - {url}/large | md5sum")


def python(pair):
    """python3's http.server and asyncio"""
    hosts = [str(h) for h in pair.hosts]
    urls = [f"http://{h.url}:{PYTHON_PORT}/large" for h in pair.hosts]
    pair.server.write(f"{WORK}/echo.py", ASYNCIO.format(port=ASYNCIO_PORT))
    with pair.server_runs(
            f"cd {WORK}/files && exec python3 -m http.server {PYTHON_PORT} "
            "--bind :: 2>/dev/null", PYTHON_PORT), pair.server_runs(
            f"exec python3 {WORK}/echo.py", ASYNCIO_PORT):
        pair.run("exec python3 -", stdin=PYTHON_CLIENT.format(
            hosts=hosts, urls=urls, port=ASYNCIO_PORT, closed=CLOSED_PORT,
            size=SMALL * 3))


def node(pair):
    """node's http"""
    pair.server.write(f"{WORK}/server.js", NODE.format(work=WORK,
                                                       port=NODE_PORT))
    with pair.server_runs(f"exec node {WORK}/server.js", NODE_PORT):
        pair.run("exec node -", stdin=NODE_CLIENT.format(
            hosts=[str(h) for h in pair.hosts], port=NODE_PORT,
            closed=CLOSED_PORT))
