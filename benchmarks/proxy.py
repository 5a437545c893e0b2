"""P11 and P12: requests that the access proxy serves per second of CPU, on kept connections with client certificates, judged by a
tag policy and logged. Ours is the real gateway with its nginx; what the gateway's own process needs counts too.

Peers, on the same machine in turns: nginx with the very configuration that the gateway wrote, without our module and with
an access log (buffered, as ours is written in batches); the same with `auth_request` to a service that only says yes (its
CPU is not counted); HAProxy that looks the certificate up in a map. All have one certificate (P-256), one worker, the same
versions of TLS. HAProxy's handshakes are measured as it comes, with sessions in tickets, and with sessions kept at the server,
as nginx's and ours are. What is measured has one core to itself, the load, the application and everything else the other.
"""
import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import stack as stacks
from catalogue import Figure
from lab import LabError, connect, free_port, https, remove_tree, wait_for
from machine import percentile
from programs import run_lines

TARGETS = ["postern-ems", "postern-gateway", "postern-agent", "ngx_http_postern_module", "mtls_load"]
LETTER = "q"
ROUNDS, MILLISECONDS, CONNECTIONS = 7, 1500, 32
TRIAL_MILLISECONDS = 100
TICKETS = "haproxy_tickets"     # in handshakes only
MEASURED, REST = {0}, {1}       # cores

BACKEND = """daemon off;
{user}worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4;
  scgi_temp_path {dir}/t5;
  server {{ listen {address}:{app}; location / {{ return 200 "{body}"; }}
    location /bulk/ {{ root {dir}; sendfile on; tcp_nopush on; }} }}
  server {{ listen {address}:{auth}; location / {{ return 204; }} }}
}}
"""
LOG = ("log_format traffic escape=json '{\"time\":\"$time_iso8601\",\"action\":\"accept\",\"srcip\":\"$remote_addr\","
       "\"srcport\":\"$remote_port\",\"method\":\"$request_method\",\"hostname\":\"$http_host\",\"path\":\"$uri\","
       "\"status\":\"$status\",\"sentbyte\":\"$bytes_sent\",\"clientcert\":\"$ssl_client_fingerprint\"}';")

HAPROXY = """global
  nbthread 1
  maxconn 4000
  log stdout format raw local0
  ssl-default-bind-options ssl-min-ver TLSv1.2{tickets}
  tune.ssl.cachesize 20000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  log global
  option httplog
  http-reuse always
frontend web
  bind 127.0.0.1:{port} ssl crt {dir}/haproxy.pem ca-file {ca} verify required
  http-request set-var(txn.tags) ssl_c_der,sha2(256),hex,lower,map({dir}/endpoints.map,none)
  http-request deny unless {{ var(txn.tags) -m sub connected }}
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto https
  default_backend app
backend app
  server one {app}
"""


class Server:
    """A process on the measured core that accepts connections."""

    def __init__(self, lab, name, command, port, cores):
        self.name, self.port = name, port
        self.process = lab.start(name, ["taskset", "-c", ",".join(map(str, cores)), *command])

        def listens():
            if not self.process.alive():
                raise LabError(f"{name} ended:\n{self.process.tail()}")
            connect("127.0.0.1", port).close()
            return True
        wait_for(listens, f"{name} to listen", 20)

    def pids(self):
        return with_children(self.process.pid)


def with_children(pid):
    children = [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [pid, *children]


def cpu_seconds(pids):
    """What the scheduler has given to all threads of each of these processes."""
    return {pid: sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()) / 1e9
            for pid in pids}


def pin(pids, cores):
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), cores)


class ProxyStack(stacks.Stack):
    """All on the loopback; the application is an nginx that answers a kilobyte."""

    def start_app(self):
        directory = self.directory / "backend"
        directory.mkdir()
        self.auth_port = free_port()
        (directory / "nginx.conf").write_text(BACKEND.format(
            user=as_root(), dir=directory, address="127.0.0.1", app=self.ports["app"], auth=self.auth_port, body="." * 1024))
        Server(self.lab, "backend", ["nginx", "-e", "stderr", "-c", directory / "nginx.conf"], self.ports["app"], REST)


def as_root():
    return "user root;\n" if os.geteuid() == 0 else ""


def plain_nginx(written, directory, ports, authorise=None):
    """The gateway's own configuration of nginx without our module; `ports`: old to new."""
    text = re.sub(r"(?m)^\s*(load_module |postern_\w+ |error_page |location = /\.postern/).*\n", "", written)
    text = re.sub(r"(?m)^    location @\w+ \{\n(      .*\n)*    \}\n", "", text)     # gRPC, which nothing here speaks
    pool = re.search(r"upstream (pool_\d+)", text).group(1)
    text = re.sub(r"(?m)^  upstream to_pool .*\n", "", text).replace("to_pool", pool)
    text = text.replace("$postern_host", "$http_host").replace("$postern_client_host", "$http_host")
    text = text.replace("$postern_upgrade", '""').replace("$postern_connection", '""')
    text = re.sub(r'"[^"]*/(nginx\.pid|error\.log|body|proxy|fastcgi|uwsgi|scgi)"', rf'"{directory}/\1"', text)
    text = text.replace("ssl_verify_client optional", "ssl_verify_client on")
    text = re.sub(r"shared:postern:", "shared:tls:", text)
    for old, new in ports.items():
        text = re.sub(rf"(listen [^;]*):{old}\b", rf"\1:{new}", text)
    text = text.replace("  access_log off;", f"  {LOG}\n  access_log {directory}/access.log traffic buffer=64k flush=1s;")
    if authorise:
        text = text.replace("location / {", f"""location = /.authorise {{
      internal; proxy_pass http://authorise; proxy_pass_request_body off; proxy_set_header Content-Length "";
      proxy_set_header X-Client-Cert $ssl_client_fingerprint;
    }}
    location / {{ auth_request /.authorise;""")
        text = text.replace("\n  upstream ", f"\n  upstream authorise {{ server 127.0.0.1:{authorise}; keepalive 32; }}\n  upstream ", 1)
    assert "postern" not in text.replace("postern-", "").replace("postern_bench", ""), text
    return as_root() + text


class Contest:
    def __init__(self, directory, context, cleanup):
        self.programs = context.programs
        self.milliseconds = TRIAL_MILLISECONDS if context.trial else MILLISECONDS
        name = context.name(LETTER)
        stacks.remove_traces(name, directory)
        self.stack = stack = ProxyStack(name, directory, namespaces=False, restart=False)
        cleanup.callback(stack.close)
        workers = stack.gateway.command.index("--nginx-workers") + 1
        stack.gateway.command[workers] = 1
        stack.start_programs()
        stack.ems.sign_in()
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        stack.wait_evaluated(stack.enrol())
        self.certificate, self.key = stack.agent.certificate, stack.agent.key
        self.contestants = {"postern": (stack.ports["proxy"], self.our_pids)}
        self.start_peers(Path(directory))
        for port, pids in self.contestants.values():
            pin(pids(), MEASURED)
            wait_for(lambda: https("GET", "127.0.0.1", port, "/", certificate=self.certificate, key=self.key).status == 200,
                     f"access at port {port}")

    def our_pids(self):
        master, workers = self.stack.gateway.nginx_pids()
        return [self.stack.gateway.process.pid, master, *workers]

    def start_peers(self, directory):
        stack = self.stack
        written = stack.gateway.runtime_dir / "nginx/nginx.conf"
        text = written.read_text()
        for name, authorise in (("nginx", None), ("auth_request", stack.auth_port)):
            place = directory / name
            place.mkdir()
            ports = {stack.ports["proxy"]: free_port(), stack.ports["strict"]: free_port()}
            (place / "nginx.conf").write_text(plain_nginx(text, place, ports, authorise))
            server = Server(stack.lab, name, ["nginx", "-e", "stderr", "-c", place / "nginx.conf"], ports[stack.ports["proxy"]],
                            MEASURED)
            self.contestants[name] = (server.port, server.pids)
        if shutil.which("haproxy") or Path("/usr/sbin/haproxy").exists():
            # Sessions by number, as ours are; and as it comes, with sessions in tickets.
            self.start_haproxy("haproxy", directory, text, " no-tls-tickets")
            self.start_haproxy(TICKETS, directory, text, "")

    def start_haproxy(self, name, directory, text, tickets):
        place = directory / name
        place.mkdir()
        certificate, key, ca = (re.search(rf'{what} "([^"]+)"', text).group(1) for what in
                                ("ssl_certificate", "ssl_certificate_key", "ssl_client_certificate"))
        (place / "haproxy.pem").write_text(Path(certificate).read_text() + Path(key).read_text())
        leaf = subprocess.run(["openssl", "x509", "-in", self.certificate, "-noout", "-fingerprint", "-sha256"],
                              capture_output=True, text=True, check=True).stdout
        (place / "endpoints.map").write_text(f"{leaf.strip().split('=')[1].replace(':', '').lower()} connected\n")
        port = free_port()
        (place / "haproxy.cfg").write_text(HAPROXY.format(port=port, dir=place, ca=ca, tickets=tickets,
                                                          app=f"127.0.0.1:{self.stack.ports['app']}"))
        server = Server(self.stack.lab, name, ["/usr/sbin/haproxy", "-db", "-f", place / "haproxy.cfg"], port, MEASURED)
        self.contestants[name] = (server.port, server.pids)

    def measure(self, name, handshakes="kept"):
        """Requests per CPU-second, on kept connections or each on one of its own; how busy the load generator was."""
        port, pids = self.contestants[name]
        before = cpu_seconds(pids())
        (load,) = run_lines(["taskset", "-c", ",".join(map(str, REST)), self.programs / "mtls_load", "--address", "127.0.0.1",
                             "--port", port, "--certificate", self.certificate, "--key", self.key,
                             "--connections", CONNECTIONS, "--milliseconds", self.milliseconds, "--handshakes", handshakes])
        after = cpu_seconds(pids())
        if load["failures"] or before.keys() != after.keys():
            raise LabError(f"{name}: {load['failures']} of the requests failed, or a process ended")
        used = {pid: after[pid] - before[pid] for pid in after}
        return {"name": name, "handshakes": handshakes, "per_cpu_second": load["answers"] / sum(used.values()),
                "per_second": load["answers"] / load["seconds"],
                # Per request; of ours the first is the gateway's own process.
                "cpu_us": [round(u * 1e6 / load["answers"], 2) for u in used.values()],
                "load_cpu": load["cpu_seconds"] / load["seconds"], "p50_us": load["p50_us"], "p99_us": load["p99_us"]}


def run(context):
    if (os.cpu_count() or 1) < 2:
        raise LabError("two CPUs are needed: one for what is measured, one for the load")
    directory = Path(tempfile.mkdtemp(prefix="postern-bench-", dir="/var/tmp"))
    try:
        with contextlib.ExitStack() as cleanup:
            directory.chmod(0o711)
            context.say("starting EMS, gateway, agent, application and peers")
            contest = Contest(directory / "stack", context, cleanup)
            names = [name for name in contest.contestants if name != TICKETS]
            for name in names:
                contest.measure(name)      # caches, sessions with the application
            samples = []
            rounds = context.rounds or ROUNDS
            for number in range(rounds):
                samples.append([contest.measure(name) for name in [*names, *reversed(names)]])
                context.say(f"round {number + 1} of {rounds}")
            shaking = [name for name in contest.contestants if name != "auth_request"]     # its handshakes are plain nginx's
            handshakes = {}
            for kind in ("full", "resumed"):
                contest.measure("postern", kind)
                handshakes[kind] = [[contest.measure(name, kind) for name in [*shaking, *reversed(shaking)]] for _ in range(rounds)]
                context.say(f"{kind} handshakes")
    finally:
        if context.keep:
            context.say(f"logs and data: {directory}")
        else:
            remove_tree(directory)
    return figures(samples, names) + handshake_figures(handshakes)


def rate(sample, name):
    return sum(s["per_cpu_second"] for s in sample if s["name"] == name) / 2


def middle(samples, name, other):
    """The median of the rounds' ratios, and the worst."""
    ratios = [rate(s, name) / rate(s, other) for s in samples]
    return percentile(ratios, 0.5), min(ratios)


def handshake_figures(handshakes):
    """P12: each handshake with one request behind it."""
    full, resumed = handshakes["full"], handshakes["resumed"]
    ours = percentile([rate(s, "postern") for s in full], 0.5)
    names = {s["name"] for s in full[0]}
    out = []
    for metric, name, target, peer_name in (("P12", TICKETS, 1.5, "HAProxy"), ("P12.nginx", "nginx", 1.0, "plain nginx"),
                                            ("P12.number", "haproxy", 1.0, "HAProxy without tickets")):
        if name not in names:
            out.append(Figure(metric, ours, None, None, note=f"{name} is not installed"))
            continue
        ratio, worst = middle(full, "postern", name)
        more = middle(resumed, "postern", name)[0]
        out.append(Figure(metric, ours, percentile([rate(s, name) for s in full], 0.5), ratio >= target, ratio=ratio, peer_name=peer_name,
                          name=None if metric == "P12" else "the same", target=f">= {target:g}x {peer_name}",
                          note=f"worst round {worst:.3f}x; each with a request; resumed ones {more:.3f}x", detail={"samples": handshakes}
                          if metric == "P12" else None))
    again = percentile([rate(s, "postern") for s in resumed], 0.5)
    out.append(Figure("P12.resumed", again, ours, again >= 2 * ours, name="resumed handshakes with client certificates per CPU-second",
                      peer_name="our full handshakes", target=">= 2x full"))
    return out


def figures(samples, names):
    ours = percentile([rate(s, "postern") for s in samples], 0.5)
    busiest = max(s["load_cpu"] for sample in samples for s in sample)
    void = busiest >= 0.9
    out = []
    for name, metric, target, said in (("nginx", "P11", 0.97, None),
                                       ("auth_request", "P11.auth_request", 3.5, ">= 3.5x auth_request"),
                                       ("haproxy", "P11.haproxy", 1.03, ">= 1.03x HAProxy with a map")):
        if name not in names:
            out.append(Figure(metric, ours, None, None, target=said, name="the same", note=f"{name} is not installed"))
            continue
        ratios = [rate(s, "postern") / rate(s, name) for s in samples]
        ratio = percentile(ratios, 0.5)
        note = f"worst round {min(ratios):.3f}x"
        if name == "nginx":
            gateway = percentile([s["cpu_us"][0] for sample in samples for s in sample if s["name"] == "postern"], 0.5)
            note += f"; of our {1e6 / ours:.1f} us per request the gateway's process takes {gateway:.1f}"
        note += (f"; void: the load generator used {busiest:.0%} of its core" if void else "")
        peer_name = {"nginx": None, "auth_request": "nginx with auth_request", "haproxy": "HAProxy with a map"}[name]
        out.append(Figure(metric, ours, percentile([rate(s, name) for s in samples], 0.5), None if void else ratio >= target,
                          ratio=ratio, name=None if metric == "P11" else "the same", peer_name=peer_name,
                          target=said or ">= 0.97x", note=note, detail={"samples": samples} if metric == "P11" else None))
    return out
