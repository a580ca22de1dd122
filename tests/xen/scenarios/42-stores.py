"""Redis, memcached and PostgreSQL behave through vtoe as they do over vif."""
import re

from story import *
import programs
from programs import WORK

PART = "programs"
SECONDS = 600
REDIS_PORT = 6379
MEMCACHED_PORT = 11211
POSTGRES_PORT = 5432
BIG_VALUE = 300 << 10
ROWS = 500

# who is connected, by TLS; bulk data both ways
SQL = f"""
select inet_client_addr(), inet_server_addr(), ssl from pg_stat_ssl
	where pid = pg_backend_pid();
begin;
create table t (a int, b text);
\\copy t from program 'seq -f "%g,the text of a row" {ROWS}' csv
insert into t select a + 10000, repeat(b, 200) from t where a < 50;
\\copy (select * from t order by a) to program 'md5sum >&2'
rollback;
"""

PGBENCH = """
begin;
create temporary table t (a int, b text) on commit drop;
insert into t values (:client_id, 'by pgbench');
select *, version() from t;
commit;
"""


def story(machine):
    programs.compare(machine, [redis, memcached, postgresql])


def redis(pair):
    """redis"""
    with pair.server_runs(
            f"exec redis-server --port {REDIS_PORT} --bind '* -::*' --save '' "
            "--protected-mode no", REDIS_PORT):
        for host, client in pair.each_host():
            cli = f"redis-cli -h {host}"
            pair.run(f"{cli} set greeting hello && {cli} get greeting && "
                     f"yes big | head -c {BIG_VALUE} | {cli} -x set big && "
                     f"{cli} get big | md5sum")
            redis_knows_client(pair, cli, client)
        redis_tells_subscriber(pair, cli)
        redis_benchmark(pair, host)


def redis_knows_client(pair, cli, client):
    """The server sees the client's address, the client the server's."""
    line = pair.client.run(f"{cli} client list").out
    expect_in(f" addr={client.url}:", line, "the client's address")
    pair.see("who redis says is there", pair.normal(
        re.sub(r":\d+ ", ":PORT ", " ".join(line.split()[1:3]) + " ")))


def redis_tells_subscriber(pair, cli):
    """A reader that waits gets what another connection publishes."""
    reader = pair.client.spawn(f"exec stdbuf -oL {cli} subscribe news")
    wait_until(lambda: "news" in reader.output(), 30, "the subscription")
    pair.run(f"{cli} publish news today")
    wait_until(lambda: "today" in reader.output(), 30, "the news")
    pair.see("what a subscriber reads", reader.output())
    reader.kill()


def redis_benchmark(pair, host):
    out = pair.client.run(
        f"redis-benchmark -h {host} -q -n 200 -c 20 -t set,get,lpush,mset && "
        f"redis-benchmark -h {host} -q -n 1000 -c 5 -P 16 -t get",
        timeout=120).out
    names = re.findall(r"(\w[\w ()]*): [\d.]+ requests per second", out)
    pair.see("redis-benchmark's tests", names)
    expect("SET" in names and "GET" in names,
           f"results of redis-benchmark in {out}")


def memcached(pair):
    """memcached"""
    with pair.server_runs(f"exec memcached -u nobody -U 0 -p {MEMCACHED_PORT}",
                          MEMCACHED_PORT):
        # Its checks wait for five seconds here and there.
        pair.run(f"memccapable -h {pair.hosts[pair.guest_serves]} "
                 f"-p {MEMCACHED_PORT} 2>&1")
        for host in pair.hosts:
            ask = f"nc -N {host} {MEMCACHED_PORT}"
            pair.run(f"printf 'set k 0 0 5\\r\\nhello\\r\\nget k\\r\\n"
                     f"quit\\r\\n' | {ask}")


def postgresql(pair):
    """postgresql"""
    node = pair.server
    node.run("install -d -o postgres /var/run/postgresql")
    node.run("cd /etc/postgresql/15/main && "
             "echo 'host all all all trust' >pg_hba.conf")
    command = ("setpriv --reuid postgres --regid postgres --init-groups "
               "/usr/lib/postgresql/15/bin/postgres "
               "-c config_file=/etc/postgresql/15/main/postgresql.conf "
               "-c listen_addresses='*' -c fsync=off")
    with pair.server_runs(f"exec {command}", POSTGRES_PORT):
        for host in pair.hosts:
            psql = f"psql -h {host} -U postgres -XAtq -v ON_ERROR_STOP=1"
            wait_until(lambda: pair.client.ok(f"{psql} -c 'select 1'"), 60,
                       "postgresql accepts", interval=1)
            pair.run(f"{psql} -f -", stdin=SQL)
        postgresql_cancels(pair, psql)
        pgbench(pair, host)


def postgresql_cancels(pair, psql):
    """An interrupted client asks by a second connection to cancel."""
    asking = "exec " + psql + " -c 'select pg_sleep({})'"
    job = pair.client.spawn(asking.format(300))
    active = ("select count(*) from pg_stat_activity where state = 'active' "
              "and query like '%pg_sleep(3%' and pid <> pg_backend_pid()")
    wait_until(lambda: pair.client.run(f"{psql} -c \"{active}\"").out == "1\n",
               60, "the query that sleeps")
    job.signal(2)
    pair.see("how a cancelled query ends", job.wait(60, check=False).rc)
    wait_until(lambda: pair.client.run(f"{psql} -c \"{active}\"").out == "0\n",
               60, "the end of the query that slept")


def pgbench(pair, host):
    """Transactions at once by pgbench, which must all succeed."""
    pair.client.write(f"{WORK}/bench.sql", PGBENCH)
    out = pair.client.run(f"pgbench -h {host} -U postgres -n -c 4 -t 10 "
                          f"-f {WORK}/bench.sql postgres", timeout=200).out
    pair.see("pgbench's transactions",
             re.findall(r"(number of .*: .*)\n", out))
    expect_in("transactions actually processed: 40/40", out, "pgbench")
