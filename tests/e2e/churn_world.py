"""What the churn test stands on: its endpoints, servers and access proxies, and what an administrator and bad luck do to them."""
import contextlib
import http.client
import json
import os
import random
import signal
import threading
import time

from churn_oracle import Policy, Version
from harness import LabError, connect, tls_context, wait_for

NOT_YET = (OSError, LabError, ValueError, KeyError, http.client.HTTPException)
CLASSES = {t: f"EMS1_CLASS_{t}" for t in ("A", "B", "C")}
TAGS = {**CLASSES, "R": "EMS1_ZTNA_R", "M": "EMS1_ZTNA_M"}
SERVERS = {"s1": 8101, "s2": 8102, "s3": 8103}
PORTS = {"need": 9461, "forbid": 9462, "any": 9463, "all": 9464, "ruled": 9465, "mass": 9466, "edited": 9467, "extra": 9468}
NUMBERS = {name: 100 + 10 * i for i, name in enumerate(PORTS)}
POOLS = {name: ("s1", "s2") for name in PORTS} | {"forbid": ("s2", "s3"), "any": ("s1", "s2", "s3"), "mass": ("s1", "s3")}
POLICIES = {
    "need": (Policy(True, ("A",)),),
    "forbid": (Policy(False, ("C",)), Policy(True)),
    "any": (Policy(True, ("A", "B")),),
    "all": (Policy(True, ("A", "B"), every=True),),
    "ruled": (Policy(True, ("R",)),),
    "mass": (Policy(True, ("M",)),),
    "edited": (Policy(True, ("B",)),),
    "extra": (Policy(True),),
}
# What an administrator makes of the policy of "edited": lines of its configuration, and what they mean.
EDITS = [("set status disable", Policy(True, ("B",), enabled=False)), ('set schedule "past"', Policy(True, ("B",), enabled=False)),
         ("set action deny", Policy(False, ("B",))), (f'set ztna-ems-tag "{TAGS["A"]}"', Policy(True, ("A",))),
         (f'set ztna-ems-tag "{TAGS["A"]}" "{TAGS["B"]}"\nset ztna-tags-match-logic and', Policy(True, ("A", "B"), every=True)),
         ("unset ztna-ems-tag", Policy(True))]
PLAIN = f'set status enable\nunset schedule\nset action accept\nset ztna-ems-tag "{TAGS["B"]}"\nset ztna-tags-match-logic or'
SCHEDULE = 'config firewall schedule onetime\nedit "past"\nset start 00:00 2001/01/01\nset end 00:00 2001/01/02\nnext\nend\n'


def proxy_text(name, app):
    servers = "".join(f"edit {i + 1}\nset ip {app}\nset port {SERVERS[s]}\nnext\n" for i, s in enumerate(POOLS[name]))
    policies = ""
    for i, p in enumerate(POLICIES[name]):
        tags = " ".join(f'"{TAGS[t]}"' for t in p.tags)
        policies += (f'edit {NUMBERS[name] + i}\nset access-proxy "{name}"\n' + (f"set ztna-ems-tag {tags}\n" if tags else "") +
                     (f"set ztna-tags-match-logic {'and' if p.every else 'or'}\n" if tags else "") +
                     f"set action {'accept' if p.accept else 'deny'}\nset logtraffic all\nnext\n")
    return (f'config firewall vip\nedit "{name}"\nset extip 0.0.0.0\nset extport {PORTS[name]}\nnext\nend\n'
            f'config firewall access-proxy\nedit "{name}"\nset vip "{name}"\nconfig api-gateway\nedit 1\nconfig realservers\n{servers}'
            f"end\nnext\nend\nnext\nend\nconfig firewall proxy-policy\n{policies}end\n")


def without_proxy_text(name):
    return ("config firewall proxy-policy\n" + "".join(f"delete {NUMBERS[name] + i}\n" for i in range(len(POLICIES[name]))) +
            f'end\nconfig firewall access-proxy\ndelete "{name}"\nend\nconfig firewall vip\ndelete "{name}"\nend\n')


class Api:
    """The EMS's REST API on a kept connection, asked again while the EMS is away. Thread: one."""

    def __init__(self, ems, stopping):
        self.ems, self.stopping, self.connection = ems, stopping, None

    def __call__(self, method, path, body=None):
        while True:
            try:
                return self.once(method, path, body)
            except NOT_YET as error:
                self.close()
                if self.stopping.is_set():
                    raise LabError(f"{method} {path}: {error}")
                time.sleep(0.05)

    def once(self, method, path, body):
        if self.connection is None:
            raw = connect(self.ems.host, self.ems.port, self.ems.namespace, timeout=10)
            self.connection = http.client.HTTPSConnection(self.ems.host, self.ems.port)
            self.connection.sock = tls_context().wrap_socket(raw)
        self.connection.request(method, "/api/v1/" + path, None if body is None else json.dumps(body),
                                {"Authorization": f"Bearer {self.ems.token}", "Content-Type": "application/json"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise LabError(f"{answer.status}: {text[:200]}")
        return json.loads(text) if text else None

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Churn:
    """One phase of events. Each kind has a thread and random numbers of its own, so that a seed says what happens in which order."""

    def __init__(self, test, seed, seconds):
        self.test, self.stack, self.seed, self.seconds = test, test.stack, seed, seconds
        self.stopping = threading.Event()
        self.failed = []
        self.nginx, self.programs = threading.Lock(), threading.Lock()
        self.threads = []

    def run(self, kinds):
        self.begun = time.monotonic()
        end = self.begun + self.seconds
        for name in kinds:
            self.threads.append(threading.Thread(target=self.drive, args=(name, end)))
            self.threads[-1].start()
        for t in self.threads:
            t.join()

    def drive(self, name, end):
        chance = random.Random(f"{self.seed}-{name}")
        step = getattr(self, name)(chance)
        try:
            while time.monotonic() < end:
                time.sleep(min(next(step), max(end - time.monotonic(), 0)))
            self.stopping.set()
            step.close()
        except Exception as error:       # noqa: BLE001: told by the test
            self.failed.append(f"{name}: {error!r}")

    def passed(self, part):
        return time.monotonic() > self.begun + part * self.seconds

    def count(self, what, n=1):
        with self.test.lock:
            self.test.events[what] = self.test.events.get(what, 0) + n

    now = staticmethod(time.time)

    # ---- tags

    def tags(self, chance):
        """Bursts of changes of one endpoint, between which it rests: then what it may is exact."""
        api = Api(self.stack.ems, self.stopping)
        names = list(self.test.uids)
        rest = {n: 0.0 for n in names}
        while True:
            name = min(names, key=lambda n: (rest[n], n))
            rest[name] = time.monotonic() + chance.uniform(0, 1)
            uid = self.test.uids[name]
            for _ in range(chance.randint(12, 24)):
                tag = chance.choice("AABBC")
                verb = "remove" if tag in self.test.given[name] else "add"
                with contextlib.suppress(LabError):
                    api("PATCH", f"endpoints/{uid}/classifications", {verb: [tag]})
                    self.test.given[name] ^= {tag}
                    self.count("tags given or taken by hand")
                yield chance.uniform(0.003, 0.02)
            if chance.random() < 0.7:     # mostly at rest with something to lose
                wanted = set(chance.choice(["A", "AB", "B", "ABC", "AB"]))
                change = {v: sorted(s) for v, s in (("add", wanted - self.test.given[name]),
                                                    ("remove", self.test.given[name] - wanted)) if s}
                with contextlib.suppress(LabError):
                    if change:
                        api("PATCH", f"endpoints/{uid}/classifications", change)
                        self.test.given[name] = wanted
                        self.count("tags given or taken by hand", sum(len(s) for s in change.values()))
            yield chance.uniform(0.3, 0.6)

    def rules(self, chance):
        """Tags that follow from rules: an attribute of one endpoint, a process that all of them see."""
        api = Api(self.stack.ems, self.stopping)
        while True:
            if chance.random() < 0.7:
                uid = self.test.uids[chance.choice(list(self.test.uids))]
                with contextlib.suppress(LabError):
                    api("PUT", f"endpoints/{uid}/attributes/churn", {"value": chance.choice(["good", "good", "bad"])})
                    self.count("attributes set (a rule reads them)")
            else:
                self.test.set_mark(self.test.mark is None)
                self.count("a process of all endpoints begun or ended")
            yield chance.uniform(0.5, 1.2)

    def quarantine(self, chance):
        api = Api(self.stack.ems, self.stopping)
        while True:
            yield chance.uniform(1, 3)
            uid = self.test.uids[chance.choice(list(self.test.uids))]
            with contextlib.suppress(LabError):
                api("POST", f"endpoints/{uid}/quarantine", {})
                self.count("quarantined and released")
            try:
                yield chance.uniform(0.5, 4)
            finally:
                while True:
                    with contextlib.suppress(*NOT_YET):
                        Api(self.stack.ems, threading.Event()).once("POST", f"endpoints/{uid}/unquarantine", {})
                        break
                    time.sleep(0.1)

    # ---- the gateway's configuration, and nginx

    def insist(self, text):
        """As an administrator whose command failed because the gateway was away."""
        last = time.monotonic() + 40
        while True:
            try:
                return self.stack.gateway.configure(text)
            except LabError as error:
                if time.monotonic() > last:
                    raise
                time.sleep(0.1)
                last_error = str(error)
                if "deleted" in last_error or "no such" in last_error or "not found" in last_error:
                    return None

    def configured(self, proxy, policies, text, reloads=False):
        """The version before holds at the latest until the command has returned."""
        begin = self.now()
        versions = self.test.config[proxy]
        if versions[-1].policies != policies:
            versions.append(Version(begin, policies))
        self.insist(text)
        end = self.now()
        if len(versions) > 1 and versions[-1].begin == begin:
            versions[-2].end = end
        if reloads:
            self.test.reloads.append((begin, end))

    def policies(self, chance):
        while True:
            edit, policy = chance.choice(EDITS)
            for text, after in ((f"{PLAIN}\n{edit}", policy), (PLAIN, POLICIES["edited"][0])):
                with self.nginx:
                    self.configured("edited", (after,),
                                    f"config firewall proxy-policy\nedit {NUMBERS['edited']}\n{text}\nnext\nend\n")
                self.count("policy edits")
                yield chance.uniform(1.5, 5)

    def proxies(self, chance):
        while True:
            with self.nginx:
                if self.test.config["extra"][-1].policies is None:
                    self.configured("extra", POLICIES["extra"], proxy_text("extra", self.stack.plan.app), True)
                else:
                    self.configured("extra", None, without_proxy_text("extra"), True)
            self.count("access proxies added or removed")
            yield chance.uniform(3, 6)
            number, more = 7, chance.random() < 0.5
            text = f"edit {number}\nset ip {self.stack.plan.app}\nset port {SERVERS['s3']}\nnext\n" if more else f"delete {number}\n"
            with self.nginx:
                if more != self.test.seventh:
                    begin = self.now()
                    self.insist('config firewall access-proxy\nedit "all"\nconfig api-gateway\nedit 1\nconfig realservers\n' +
                                text + "end\nnext\nend\nnext\nend\n")
                    self.test.seventh = more
                    self.test.reloads.append((begin, self.now()))
                    if not more:
                        self.test.removed.append((begin, self.now(), "all", "s3"))
                    self.count("real servers added or removed")
            yield chance.uniform(1, 3)

    def reload(self, chance):
        while True:
            yield chance.uniform(1.2, 2.2)
            with self.nginx, contextlib.suppress(OSError, ValueError):
                begin = self.now()
                os.kill(self.stack.gateway.nginx_pids()[0], signal.SIGHUP)
                self.test.reloads.append((begin, self.now()))
                self.count("reloads of nginx (SIGHUP)")

    # ---- programs that die

    def servers(self, chance):
        while True:
            yield chance.uniform(1.5, 3)
            name = chance.choice(list(SERVERS))
            process = self.stack.lab.processes[name]
            process.stopping = True
            begin = self.now()
            process.kill(signal.SIGKILL)
            process.popen.wait()
            self.count("deaths of a real server")
            try:
                yield chance.uniform(0.2, 2)
            finally:
                process.start()
                wait_for(lambda: connect(self.stack.plan.app, SERVERS[name], self.stack.lab.namespaces["srv"], timeout=2).close()
                         is None, f"{name} to listen")
                self.test.deaths.setdefault(name, []).append((begin, self.now()))
                process.stopping = False

    def connected(self):
        wait_for(lambda: "successful" in self.stack.gateway.cli("diagnose endpoint fctems test-connectivity 1"),
                 "the connector to be connected", 60, every=0.1)

    def ems(self, chance):
        while True:
            yield chance.uniform(4, 7)
            if self.passed(0.8):     # what it holds at the end is of a program that has lived through something
                continue
            with self.programs:
                process, how = self.stack.lab.processes["ems"], chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
                begin, old = self.now(), process.popen
                process.kill(how)
                old.wait(20)
                wait_for(lambda: process.popen is not old, "the EMS to be started again", every=0.01)
                self.stack.ems.ready()
                up = self.now()
                self.connected()
                self.test.away.append((begin, self.now()))
                self.test.back = max(self.test.back, self.now() - up)
                self.count("EMS killed" if how == signal.SIGKILL else "EMS stopped and started")

    def gateway(self, chance):
        while True:
            yield chance.uniform(6, 14)
            with self.programs:
                process = self.stack.lab.processes["gateway"]
                begin, old = self.now(), process.popen
                if chance.random() < 0.5 and not self.passed(0.5):
                    process.kill()
                    old.wait(20)
                    wait_for(lambda: process.popen is not old, "the gateway to be started again", every=0.01)
                    self.stack.gateway.ready()
                    self.test.killed.append((begin, self.now()))
                    self.count("gateway killed")
                else:
                    dropped = self.test.dropped_lines()
                    begin = self.now()
                    os.kill(process.pid, signal.SIGSTOP)
                    self.count("gateway stood still for seconds")
                    time.sleep(chance.uniform(1, 8))
                    os.kill(process.pid, signal.SIGCONT)
                    end = self.now()
                    self.test.stopped.append((begin, end))
                    time.sleep(0.5)
                    self.test.dropped.append((begin, end, self.test.dropped_lines() - dropped))
                self.connected()
                self.test.away.append((begin, self.now()))

    def agents(self, chance):
        while True:
            yield chance.uniform(3, 7)
            name = chance.choice(list(self.test.uids))
            process = self.stack.lab.processes[name]
            if chance.random() < 0.5:
                process.kill()
                self.count("agents killed")
            else:
                pid = process.pid
                os.kill(pid, signal.SIGSTOP)
                self.count("agents stood still")
                try:
                    yield chance.uniform(3, 9)
                finally:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)


KINDS = ("tags", "rules", "quarantine", "policies", "proxies", "reload", "servers", "ems", "gateway", "agents")
