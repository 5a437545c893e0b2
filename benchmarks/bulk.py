"""P13: what large answers cost. Downloads of a GiB over mutual TLS on kept connections, per second of CPU, beside plain nginx with the
gateway's own configuration and HAProxy, in the world of proxy.py. Further what a proxy adds to the p99 of small requests at half
load: evenly spread, each counted from when it was due, less what the application takes by itself. And TCP that the gateway
forwards for the agent (nginx and the forwarder are counted, the agent isn't), beside HAProxy that does mutual TLS in tcp mode, and
the server's end of `ssh -L`.
"""
import contextlib
import hashlib
import json
import os
import pwd
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

import proxy
import stack as stacks
from catalogue import Figure
from lab import LabError, connect, free_port, remove_tree, tls_context, wait_for
from machine import percentile
from programs import run_lines
from proxy import MEASURED, REST, Server, cpu_seconds, pin

TARGETS = [*proxy.TARGETS, "bulk_load"]
LETTER = "u"
ROUNDS, MILLISECONDS = 5, 3000
TRIAL_MILLISECONDS = 300
DOWNLOADS, PACED = 4, 32    # connections
GIB = 1 << 30
NAMES = ("postern", "nginx", "haproxy")

HAPROXY_TCP = """global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend tcp
  bind 127.0.0.1:{port} ssl crt {pem} ca-file {ca} verify required
  default_backend app
backend app
  server one 127.0.0.1:{app}
"""


def descendants(pid):
    out = [pid]
    for parent in out:
        with contextlib.suppress(OSError):
            out += [int(p) for p in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    return out


class Bulk:
    def __init__(self, directory, context, cleanup):
        self.contest = contest = proxy.Contest(directory, context, cleanup)
        self.programs, self.stack = context.programs, contest.stack
        # A few rounds to see that it works are short ones.
        self.milliseconds = TRIAL_MILLISECONDS if context.trial and context.rounds < ROUNDS else MILLISECONDS
        files = directory / "backend/bulk"
        files.mkdir()
        with open(files / "gib", "wb") as file:
            file.truncate(GIB)
        files.chmod(0o755)
        (files / "gib").chmod(0o644)
        self.identity = ["--certificate", contest.certificate, "--key", contest.key]
        # Name: its port, what proves to it who asks, whose CPU counts.
        self.proxies = {name: (port, self.identity, pids) for name, (port, pids) in contest.contestants.items() if name in NAMES}
        self.forwards = {}
        self.forward(directory)
        self.haproxy_tcp(directory)
        with contextlib.suppress(LabError, KeyError):
            self.ssh(directory, cleanup)

    def load(self, port, identity, path, connections, *more):
        (said,) = run_lines(["taskset", "-c", ",".join(map(str, REST)), self.programs / "bulk_load", "--port", port, *identity,
                             "--path", path, "--connections", connections, "--milliseconds", self.milliseconds, *more])
        return said

    def download(self, name, all_of):
        port, identity, pids = all_of[name]
        before = cpu_seconds(pids())
        load = self.load(port, identity, "/bulk/gib", DOWNLOADS)
        after = cpu_seconds(pids())
        if load["failures"] or before.keys() != after.keys():
            raise LabError(f"{name}: {load['failures']} downloads failed, or a process ended")
        used = sum(after[pid] - before[pid] for pid in after)
        return {"name": name, "gb_per_cpu_second": load["bytes"] / 1e9 / used, "gb_per_second": load["bytes"] / 1e9 / load["seconds"],
                "busy": used / load["seconds"]}

    def paced(self, name, per_second):
        """p99 of a request, in microseconds. "direct": the application without a proxy."""
        port, identity = (self.stack.ports["app"], []) if name == "direct" else self.proxies[name][:2]
        load = self.load(port, identity, "/", PACED, "--per_second", per_second)
        if load["failures"]:
            raise LabError(f"{name}: {load['failures']} of the requests at half load failed")
        return {"name": name, "p50_us": load["p50_us"], "p99_us": load["p99_us"]}

    # ---- forwarded TCP

    def forwarder(self):
        path = str(self.stack.gateway.runtime_dir / "nginx/tcp/tcp.sock")
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and path in (entry / "cmdline").read_text().split("\0"):
                    return int(entry.name)
        return None

    def forward(self, directory):
        stack, app, port = self.stack, self.stack.ports["app"], free_port()
        stack.gateway.configure(stacks.tcp_forwarding(port, app))

        def shown():
            try:
                with tls_context().wrap_socket(connect("127.0.0.1", port)) as tls:
                    return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()
            except (OSError, ssl.SSLError):
                return None
        fingerprint = wait_for(shown, "the access proxy that forwards TCP")
        listen = free_port()
        stack.ems.api("PUT", "profiles/Default/ztna-destinations", {"destinations": [
            {"name": "app", "host": "127.0.0.1", "port": app, "gateway": f"127.0.0.1:{port}", "path": "/tcp", "fingerprint": fingerprint,
             "listen": f"127.0.0.1:{listen}"}]})
        wait_for(lambda: any(d["listen"] for d in json.loads(stack.agent.call("destinations", "--json").stdout)), "the agent to listen")
        forwarder = wait_for(self.forwarder, "the forwarder")

        def pids():
            return [*self.contest.our_pids(), forwarder]
        # nginx has new workers since.
        wait_for(lambda: len(self.contest.our_pids()) == 3, "nginx's worker of before to end")
        pin(pids(), MEASURED)
        pin([stack.agent.process.pid], REST)
        self.proxies["postern"] = (self.proxies["postern"][0], self.identity, self.contest.our_pids)
        self.forwards["postern"] = (listen, [], pids)

    def haproxy_tcp(self, directory):
        pem = directory / "haproxy/haproxy.pem"
        if not pem.exists():
            return
        port = free_port()
        text = (directory / "haproxy/haproxy.cfg").read_text()
        ca = text.split("ca-file ", 1)[1].split()[0]
        (directory / "haproxy/tcp.cfg").write_text(HAPROXY_TCP.format(port=port, pem=pem, ca=ca, app=self.stack.ports["app"]))
        server = Server(self.stack.lab, "haproxy-tcp", ["/usr/sbin/haproxy", "-db", "-f", directory / "haproxy/tcp.cfg"], port, MEASURED)
        self.forwards["haproxy"] = (port, self.identity, server.pids)

    def ssh(self, directory, cleanup):
        """As somebody else than root where we are root: sshd then needs no folder of the system's."""
        user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        if not shutil.which("ssh") or not Path("/usr/sbin/sshd").exists():
            return
        work = Path(tempfile.mkdtemp(prefix="postern-bench-ssh-", dir="/var/tmp"))
        cleanup.callback(remove_tree, work)
        for name in ("host", "client"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", work / name], check=True)
        shutil.copy(work / "client", directory / "ssh-key")
        (directory / "ssh-key").chmod(0o600)
        server, listen = free_port(), free_port()
        (work / "config").write_text(f"ListenAddress 127.0.0.1:{server}\nHostKey {work}/host\nAuthorizedKeysFile {work}/client.pub\n"
                                     "StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n")
        for path in (work, *work.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)
        become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"] if os.geteuid() == 0 else []
        daemon = Server(self.stack.lab, "sshd", [*become, "/usr/sbin/sshd", "-D", "-e", "-f", work / "config"], server, MEASURED)
        self.stack.lab.start("ssh", ["taskset", "-c", ",".join(map(str, REST)), "ssh", "-F", "none", "-N", "-i", directory / "ssh-key",
                                     "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ExitOnForwardFailure=yes",
                                     "-L", f"127.0.0.1:{listen}:127.0.0.1:{self.stack.ports['app']}", "-p", server, "-l", user.pw_name,
                                     "127.0.0.1"])

        def carries():
            try:
                connect("127.0.0.1", listen).close()
                return True
            except OSError:
                return False
        wait_for(carries, "ssh to forward")
        self.forwards["ssh"] = (listen, [], lambda: descendants(daemon.process.pid))


def run(context):
    if (os.cpu_count() or 1) < 2:
        raise LabError("two CPUs are needed: one for what is measured, one for the load")
    directory = Path(tempfile.mkdtemp(prefix="postern-bench-", dir="/var/tmp"))
    rounds = context.rounds or ROUNDS
    downloads, forwards, paced = [], [], []
    try:
        with contextlib.ExitStack() as cleanup:
            directory.chmod(0o711)
            context.say("starting EMS, gateway, agent, application and peers")
            bulk = Bulk(directory / "stack", context, cleanup)
            for what, into in ((bulk.proxies, downloads), (bulk.forwards, forwards)):
                names = list(what)
                for name in names:
                    bulk.download(name, what)
                for _ in range(rounds):
                    into.append([bulk.download(name, what) for name in [*names, *reversed(names)]])
                context.say("downloads by " + ", ".join(names))
            most = min(bulk.contest.measure(name)["per_second"] for name in bulk.proxies)
            names = ["direct", *bulk.proxies]
            for _ in range(rounds):
                paced.append([bulk.paced(name, int(most / 2)) for name in [*names, *reversed(names)]])
            context.say(f"requests at {most / 2:.0f} a second")
    finally:
        if context.keep:
            context.say(f"logs and data: {directory}")
        else:
            remove_tree(directory)
    return bulk_figures(downloads) + latency_figures(paced, most / 2) + forward_figures(forwards)


def of(sample, name, key):
    return sum(s[key] for s in sample if s["name"] == name) / 2


def middle(samples, name, key):
    return percentile([of(s, name, key) for s in samples], 0.5)


def compared(samples, key, peer):
    ratios = [of(s, "postern", key) / of(s, peer, key) for s in samples]
    return percentile(ratios, 0.5), min(ratios), max(ratios)


def bulk_figures(samples):
    key, out = "gb_per_cpu_second", []
    ours = middle(samples, "postern", key)
    for peer, metric, target in (("haproxy", "P13", ">= 1x"), ("nginx", "P13.nginx", ">= 0.97x plain nginx")):
        if not any(s["name"] == peer for s in samples[0]):
            out.append(Figure(metric, ours, None, None, note=f"{peer} is not installed"))
            continue
        ratio, worst, _ = compared(samples, key, peer)
        out.append(Figure(metric, ours, middle(samples, peer, key), ratio >= (1 if peer == "haproxy" else 0.97), ratio=ratio, target=target,
                          name=None if metric == "P13" else "the same", peer_name=None if metric == "P13" else "plain nginx",
                          note=f"worst round {worst:.3f}x; {middle(samples, 'postern', 'gb_per_second'):.2f} GB/s by the clock",
                          detail={"samples": samples} if metric == "P13" else None))
    return out


def latency_figures(samples, per_second):
    added = {}
    for name in ("postern", "nginx", "haproxy"):
        if any(s["name"] == name for s in samples[0]):
            added[name] = percentile([of(s, name, "p99_us") - of(s, "direct", "p99_us") for s in samples], 0.5)
    out = []
    for peer, metric, most in (("haproxy", "P13.p99", 0.8), ("nginx", "P13.p99.nginx", None)):
        if peer not in added:
            continue
        ratio = added["postern"] / added[peer] if added[peer] > 0 else None
        out.append(Figure(metric, added["postern"], added[peer], None if ratio is None or most is None else ratio <= most, ratio=ratio, unit="us",
                          name="p99 added to a request at half load" if peer == "haproxy" else "the same",
                          peer_name="HAProxy" if peer == "haproxy" else "plain nginx", target="-" if most is None else f"<= {most:g}x",
                          note=f"{per_second:.0f} requests a second, evenly spread; the application alone: "
                               f"{percentile([of(s, 'direct', 'p99_us') for s in samples], 0.5):.0f} us",
                          detail={"samples": samples} if peer == "haproxy" else None))
    return out


def forward_figures(samples):
    """No target: HAProxy's tcp mode asks no policy for each connection and frames nothing."""
    key, out = "gb_per_cpu_second", []
    ours = middle(samples, "postern", key)
    for peer, said in (("haproxy", "HAProxy, mutual TLS in tcp mode"), ("ssh", "the server's end of ssh -L")):
        if not any(s["name"] == peer for s in samples[0]):
            continue
        ratio, worst, best = compared(samples, key, peer)
        out.append(Figure("P13.forward" if peer == "haproxy" else "P13.forward.ssh", ours, middle(samples, peer, key), None, ratio=ratio,
                          name="forwarded TCP per CPU-second of the gateway" if peer == "haproxy" else "the same", peer_name=said, target="-",
                          note=f"rounds {worst:.3f}x to {best:.3f}x; {middle(samples, 'postern', 'gb_per_second'):.2f} GB/s by the clock",
                          detail={"samples": samples} if peer == "haproxy" else None))
    return out
