"""What the churn test stands on: its endpoints, servers and access proxies, and what an administrator and bad luck do to them."""
import contextlib
import http.client
import json
import os
import random
import signal
import threading
import time

from churn_facts import THRESHOLD, Policy, Version
from harness import LabError, accepting, connect, tls_context, wait_for

NOT_YET = (OSError, LabError, ValueError, KeyError, http.client.HTTPException)
CLASSES = {t: f"EMS1_CLASS_{t}" for t in ("A", "B", "C")}
TAGS = {**CLASSES, "R": "EMS1_ZTNA_R", "M": "EMS1_ZTNA_M"}
SERVERS = {"s1": 8101, "s2": 8102, "s3": 8103}
CALLS = 8104             # a server of gRPC, which lives
PORTS = {"need": 9461, "forbid": 9462, "any": 9463, "all": 9464, "ruled": 9465, "mass": 9466, "edited": 9467, "extra": 9468}
NUMBERS = {name: 100 + 10 * i for i, name in enumerate(PORTS)}
POOLS = {name: ("s1", "s2") for name in PORTS} | {"forbid": ("s2", "s3"), "any": ("s1", "s2", "s3"), "mass": ("s1", "s3")}
CHECKED = frozenset(("any", "all"))        # whose servers the gateway checks
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


def server_text(number, app, port, checked=False):
    return (f"edit {number}\nset ip {app}\nset port {port}\n" +
            ("set health-check enable\nset health-check-proto tcp-connect\nset holddown-interval disable\n" if checked else "") +
            "next\n")


def gateways_text(name, app):
    """To the servers by HTTP, to a server of gRPC, and to the servers by TCP."""
    servers = "".join(server_text(i + 1, app, SERVERS[s], name in CHECKED) for i, s in enumerate(POOLS[name]))
    ports = " ".join(str(p) for p in SERVERS.values())
    return (f"edit 1\nconfig realservers\n{servers}end\nnext\n"
            f'edit 2\nset url-map "/churn.Calls/"\nconfig realservers\n{server_text(1, app, CALLS)}end\nnext\n'
            f'edit 3\nset url-map "/tcp"\nset service tcp-forwarding\nconfig realservers\nedit 1\nset ip {app}\n'
            f"set mappedport {ports}\nnext\nend\nnext\n")


def proxy_text(name, app):
    policies = ""
    for i, p in enumerate(POLICIES[name]):
        tags = " ".join(f'"{TAGS[t]}"' for t in p.tags)
        policies += (f'edit {NUMBERS[name] + i}\nset access-proxy "{name}"\n' + (f"set ztna-ems-tag {tags}\n" if tags else "") +
                     (f"set ztna-tags-match-logic {'and' if p.every else 'or'}\n" if tags else "") +
                     f"set action {'accept' if p.accept else 'deny'}\nset logtraffic all\nnext\n")
    return (f'config firewall vip\nedit "{name}"\nset extip 0.0.0.0\nset extport {PORTS[name]}\nnext\nend\n'
            f'config firewall access-proxy\nedit "{name}"\nset vip "{name}"\nconfig api-gateway\n{gateways_text(name, app)}'
            f"end\nnext\nend\nconfig firewall proxy-policy\n{policies}end\n")


def without_proxy_text(name):
    return ("config firewall proxy-policy\n" + "".join(f"delete {NUMBERS[name] + i}\n" for i in range(len(POLICIES[name]))) +
            f'end\nconfig firewall access-proxy\ndelete "{name}"\nend\nconfig firewall vip\ndelete "{name}"\nend\n')


class Refused(Exception):
    """The EMS doesn't do it: there is no such endpoint any more."""


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
        if answer.status in (404, 409):
            raise Refused(text.decode("latin-1")[:200])
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
        # Who is quarantined is not enrolled again: all of them are one device, which stays quarantined. Nor is one whose agent is away.
        self.quarantined, self.enrolled = threading.Lock(), {name: threading.Lock() for name in test.uids}
        self.silences = 0
        self.threads = []

    def run(self, kinds):
        self.begun = time.monotonic()
        end = self.begun + self.seconds
        for name in kinds:
            self.threads.append(threading.Thread(target=self.drive, args=(name, end)))
            self.threads[-1].start()
        over = threading.Event()
        watch = threading.Thread(target=self.watch_workers, args=(over,))
        watch.start()
        for t in self.threads:
            t.join()
        over.set()
        watch.join()

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
            uid, given = self.test.uids[name], self.test.given[name]
            for _ in range(chance.randint(12, 24)):
                tag = chance.choice("AABBC")
                verb = "remove" if tag in given else "add"
                with contextlib.suppress(LabError, Refused):
                    api("PATCH", f"endpoints/{uid}/classifications", {verb: [tag]})
                    given ^= {tag}
                    self.count("tags given or taken by hand")
                yield chance.uniform(0.003, 0.02)
            if chance.random() < 0.7:     # mostly at rest with something to lose
                wanted = set(chance.choice(["A", "AB", "B", "ABC", "AB"]))
                change = {v: sorted(s) for v, s in (("add", wanted - given), ("remove", given - wanted)) if s}
                with contextlib.suppress(LabError, Refused):
                    if change:
                        api("PATCH", f"endpoints/{uid}/classifications", change)
                        given.clear()
                        given |= wanted
                        self.count("tags given or taken by hand", sum(len(s) for s in change.values()))
            yield chance.uniform(0.3, 0.6)

    def rules(self, chance):
        """Tags that follow from rules: an attribute of one endpoint, a process that all of them see."""
        api = Api(self.stack.ems, self.stopping)
        while True:
            if chance.random() < 0.7:
                uid = self.test.uids[chance.choice(list(self.test.uids))]
                with contextlib.suppress(LabError, Refused):
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
            with self.quarantined:
                uid = self.test.uids[chance.choice(list(self.test.uids))]
                with contextlib.suppress(LabError):
                    api("POST", f"endpoints/{uid}/quarantine", {})
                    self.count("quarantined and released")
                try:
                    yield chance.uniform(0.5, 4)
                finally:
                    self.whatever_it_takes(lambda: Api(self.stack.ems, threading.Event()).once("POST", f"endpoints/{uid}/unquarantine", {}))

    @staticmethod
    def whatever_it_takes(ask, seconds=60):
        """Asked again while programs are away, also when the churn is over."""
        end = time.monotonic() + seconds
        while True:
            try:
                return ask()
            except NOT_YET:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def revocation(self, chance):
        """An endpoint's certificate is revoked; a while later its agent is enrolled again, as another endpoint."""
        while True:
            yield chance.uniform(2, 6)
            name = chance.choice(list(self.test.uids))
            with self.enrolled[name], self.quarantined:
                agent = self.test.agents[name][0]
                uid = self.test.uids[name]
                with contextlib.suppress(Refused):       # again, where its answer was lost
                    self.whatever_it_takes(lambda: Api(self.stack.ems, threading.Event()).once("POST", f"endpoints/{uid}/revoke", {}))
                self.count("revoked, and enrolled again")
                self.whatever_it_takes(lambda: wait_for(lambda: not agent.status()["registered"], f"{name} to hear that it is revoked", 60))
                if not self.stopping.is_set():
                    time.sleep(chance.uniform(0, 2))
                # One invitation for all attempts: where only the answer was lost, it is the same endpoint.
                code = self.whatever_it_takes(lambda: self.stack.ems.invite(note="churn"))
                self.whatever_it_takes(lambda: None if agent.status()["registered"] else agent.enrol(code))
                self.whatever_it_takes(lambda: wait_for(lambda: agent.status()["connected"], f"{name} to be connected", 60))
                self.test.known_as(name, agent.uid())

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

    @contextlib.contextmanager
    def reloading(self):
        """What reloads nginx."""
        begin = self.now()
        yield
        self.test.reloads.append((begin, self.now()))

    def watch_workers(self, over):
        """On a busy machine workers of before hear of a reload long after nginx was told."""
        last, seen = set(), self.now()
        while not over.wait(0.05):
            serving = set()
            with contextlib.suppress(OSError, ValueError):
                serving = {w for w in self.stack.gateway.nginx_pids()[1] if accepting(w)}
            moment = self.now()
            if last - serving:
                self.test.reloads.append((seen, moment))
            last, seen = serving, moment

    def configured(self, proxy, policies, text, reloads=False):
        """The version before holds at the latest until the command has returned."""
        begin = self.now()
        versions = self.test.config[proxy]
        if versions[-1].policies != policies:
            versions.append(Version(begin, policies))
        with self.reloading() if reloads else contextlib.nullcontext():
            self.insist(text)
        if len(versions) > 1 and versions[-1].begin == begin:
            versions[-2].end = self.now()

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
                    self.test.removed.append((self.test.config["extra"][-1].begin, self.now(), "extra", None))
            self.count("access proxies added or removed")
            yield chance.uniform(3, 6)
            number, more = 7, chance.random() < 0.5
            text = server_text(number, self.stack.plan.app, SERVERS["s3"], "all" in CHECKED) if more else f"delete {number}\n"
            with self.nginx:
                if more != self.test.seventh:
                    begin = self.now()
                    with self.reloading():
                        self.insist('config firewall access-proxy\nedit "all"\nconfig api-gateway\nedit 1\nconfig realservers\n' +
                                    text + "end\nnext\nend\nnext\nend\n")
                    self.test.seventh = more
                    self.test.led.setdefault("all", []).append((begin, self.now()))
                    if not more:
                        self.test.removed.append((begin, self.now(), "all", "s3"))
                    self.count("real servers added or removed")
            yield chance.uniform(1, 3)

    def reload(self, chance):
        while True:
            yield chance.uniform(1.2, 2.2)
            with self.nginx, contextlib.suppress(OSError, ValueError):
                with self.reloading():
                    os.kill(self.stack.gateway.nginx_pids()[0], signal.SIGHUP)
                self.count("reloads of nginx (SIGHUP)")

    # ---- programs that die

    def servers(self, chance):
        """One dies for a moment or for long, or two of them at once."""
        while True:
            yield chance.uniform(1.5, 3)
            dice = chance.random()
            names = chance.sample(list(SERVERS), 2 if dice < 0.2 else 1)
            with contextlib.ExitStack() as back:
                for name in names:
                    back.enter_context(self.dead(name))
                yield chance.uniform(6, 9) if dice > 0.85 else chance.uniform(0.2, 2)

    @contextlib.contextmanager
    def dead(self, name):
        process = self.stack.lab.processes[name]
        process.stopping = True
        begin = self.now()
        process.kill(signal.SIGKILL)
        process.popen.wait()
        self.count("deaths of a real server")
        try:
            yield
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
            if self.seconds > 2 * THRESHOLD and self.silences < self.seconds // 50 and self.passed(0.25 + 0.3 * self.silences):
                with self.programs:
                    self.silence(THRESHOLD + chance.uniform(2.5, 4.5))
                continue
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

    def silence(self, seconds):
        """The EMS stands still for longer than the gateway may go on without it."""
        self.silences += 1
        pid, begin = self.stack.lab.processes["ems"].pid, self.now()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        end = self.now()
        os.kill(pid, signal.SIGCONT)
        self.connected()
        back = self.now()
        self.test.silent.append((begin, end, back))
        self.test.away.append((begin, back))
        self.count("EMS silent past the gateway's threshold")

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
                    end = self.now()       # at the latest from then on it may run
                    os.kill(process.pid, signal.SIGCONT)
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
            with self.enrolled[name]:
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


KINDS = ("tags", "rules", "quarantine", "revocation", "policies", "proxies", "reload", "servers", "ems", "gateway", "agents")
