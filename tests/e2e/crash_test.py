"""Programs killed at any moment of the walk come back and have lost nothing that was acknowledged; a gateway that stops, denies."""
import contextlib
import http.client
import itertools
import os
import random
import re
import signal
import threading
import time
import urllib.parse
from pathlib import Path

import harness
from harness import LabError, connect, https, open_download, open_tls, stacks, wait_for
from mark import Mark

# Into which steps of the walk the kills of each program fall, and how often. In each, at a random moment of the whole step.
STEPS = {"tag": 8, "enrol": 4, "authorise": 4, "snapshot": 4}
ROUNDS = 20
SEED = int(os.environ.get("POSTERN_SEED", "20261125"))
# So that a snapshot is more than one record: tags of another system, which cost nothing to judge here.
MORE_TAGS = 60
NOT_YET = (OSError, LabError, ValueError, KeyError, http.client.HTTPException)


class Lookout:
    """Asks the gateway for its lists again and again, on its command line and over REST, while programs are killed. It may not
    answer at all; but what it answers has the endpoint in it, whoever else is away, except where an administrator took the
    trust back (`averted`), and where it was killed itself before it had kept what its EMS had just told of the endpoint: then
    that is not known until the EMS is reached again."""

    TAGS = ("all_registered_clients", "Telemetry-Connected")

    def __init__(self, stack, uid):
        self.stack, self.uid, self.address = stack, uid, stack.plan.agent
        self.token = stack.gateway.make_token(f"lookout{time.monotonic_ns()}")
        self.questions = (self.dynamic, self.rest_dynamic, self.records, self.rest_records)
        self.answered = dict.fromkeys((q.__name__ for q in self.questions), 0)
        self.unanswered = self.not_kept = 0
        self.wrong = []
        self.during = ""    # what is being done to the programs, for a person who reads what went wrong
        self.looking, self.generation, self.lock = True, 0, threading.Lock()
        self.closed = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed.set()
        self.thread.join()

    def rest(self, path):
        reply = https("GET", self.stack.gateway_host, self.stack.ports["gateway"], "/api/v2/monitor/" + path,
                      headers={"Authorization": f"Bearer {self.token}"}, namespace=self.stack.from_ns)
        if reply.status != 200:
            raise LabError(f"{reply.status}: {reply.text[:200]}")
        return reply.json()["results"]

    def dynamic(self):
        text = self.stack.gateway.cli("diagnose firewall dynamic list")
        return all(re.search(rf"^EMS1_ZTNA_{tag}: ID\(\d+\)\n(?:ADDR\(.*\)\n)*?ADDR\({re.escape(self.address)}\)$", text, re.M)
                   for tag in self.TAGS), text

    def rest_dynamic(self):
        listed = {a["tag_name"]: a["addresses"] for a in self.rest("firewall/address-dynamic")}
        return all(self.address in listed.get(tag, ()) for tag in self.TAGS), listed

    def records(self):
        text = self.stack.gateway.cli("diagnose endpoint ec-shm list")
        mine = next((record for record in text.split("Record #") if f"FortiClient UID: {self.uid}\n" in record), "")
        return "Registration status: registered\n" in mine and "Online status: online\n" in mine, text

    def rest_records(self):
        listed = [r for r in self.rest("endpoint-control/record-list") if r["uid"] == self.uid]
        return [(r["online"], r["registered"], set(self.TAGS) <= {name.removeprefix("EMS1_ZTNA_") for name in r["tags"]})
                for r in listed] == [(True, True, True)], listed

    def once_connected(self, question):
        """What it answers when its EMS is reached again."""
        with contextlib.suppress(LabError):
            wait_for(lambda: "successful" in self.stack.gateway.cli("diagnose endpoint fctems test-connectivity 1"), "the connector", 20)
        for _ in range(20):
            right, answer = question()
            if right:
                break
        self.not_kept += right
        return right, answer

    def watch(self):
        number, pause, back = 0, 0.03, False
        while not self.closed.wait(pause):
            question, number = self.questions[number % len(self.questions)], number + 1
            with self.lock:
                looking, generation = self.looking, self.generation
            if not looking:
                continue
            try:
                right, answer = question()
                # What an endpoint is, holds at once; where it is, once its card has answered the gateway that came back
                # (docs/adr/0006): that has to be so within a few questions.
                for _ in range(5 if back and question in (self.dynamic, self.rest_dynamic) else 0):
                    if not right:
                        right, answer = question()
                if not right and back and self.during.startswith("gateway"):
                    right, answer = self.once_connected(question)
            except NOT_YET:
                # The first answer of one that comes back is the one that matters.
                self.unanswered, pause, back = self.unanswered + 1, 0.002, True
                continue
            if question in (self.dynamic, self.rest_dynamic):
                back = False
            pause = 0.03
            with self.lock:
                if generation != self.generation:
                    continue
                self.answered[question.__name__] += 1
                if not right:
                    self.wrong.append(f"{self.during}, {question.__name__} at {time.strftime('%H:%M:%S')}: {answer!r}")

    @contextlib.contextmanager
    def averted(self):
        with self.lock:
            self.looking, self.generation = False, self.generation + 1
        try:
            yield
        finally:
            with self.lock:
                self.looking, self.generation = True, self.generation + 1


class Writer:
    """Writes numbers, each larger than the one before, into a few things in turns, from its start until it is told to end."""

    THINGS = 4
    numbers = itertools.count(1)

    def __init__(self, write):
        self.write = write
        self.acknowledged = {}    # thing → the last number that was
        self.count = 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        for thing in itertools.cycle(range(self.THINGS)):
            number = next(self.numbers)
            with contextlib.suppress(*NOT_YET):
                self.write(thing, number)
                self.acknowledged[thing] = number
                self.count += 1
            if self.ending.wait(0.015):
                return

    def end(self):
        self.ending.set()
        self.thread.join()
        return self

    def lost(self, stored):
        """What was acknowledged and is not what is stored now, nor was overwritten by what came later unacknowledged."""
        return {thing: (number, stored.get(thing)) for thing, number in self.acknowledged.items()
                if stored.get(thing, 0) < number}


class Crashes(harness.StackTest):
    letter = "c"
    options = {"second_endpoint": True}

    @classmethod
    def set_up(cls, stack):
        # Offline only after the slowest restart of this test: a killed EMS or agent must not look like a lost endpoint.
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.mark = Mark(cls.directory, cls.name)
        cls.addClassCleanup(cls.mark.stop)
        cls.mark.put_tags(stack.ems, of_file=False)
        for number in range(MORE_TAGS):
            stack.ems.put_tag({"name": f"More-{number}", "message": "Elsewhere. " * 20, "rules": [
                {"id": 1, "os": "windows", "type": "running-process", "processes": ["nothing.exe"]}]})
        stack.gateway.configure('config firewall proxy-policy\nedit 2\nset ztna-ems-tag "EMS1_ZTNA_Marked"\nnext\nend\n')
        cls.uid = stack.enrol()
        cls.mark.start()
        stack.wait_evaluated(cls.uid)
        cls.agent2 = stacks.Agent(stack.lab, cls.directory / "agent2", stack.runtime / "agent2", "ep2", "agent2").start()
        stack.gateway.configure("config firewall address\n" + "".join(
            f"edit written-{thing}\nset subnet 10.9.{thing}.0/24\nnext\n" for thing in range(Writer.THINGS)) + "end\n")
        cls.token = stack.gateway.make_token("writer")
        # Killing has to look like dying: the supervisor starts what died again, as ./run does.
        stack.lab.supervise(longest_pause=0.2)
        print(f"POSTERN_SEED={SEED}", flush=True)
        cls.spans = {}

    def get(self):
        return https("GET", self.stack.plan.gateway_port1, self.stack.ports["proxy"], "/",
                     certificate=self.stack.agent.certificate, key=self.stack.agent.key,
                     namespace=self.stack.lab.namespaces["ep"])

    def direct(self, timeout=0.5):
        """Through the gateway's firewall. True, or OSError."""
        connect(self.stack.plan.app, self.stack.ports["app"], self.stack.lab.namespaces["ep"], timeout=timeout).close()
        return True

    def shut(self):
        try:
            return not self.direct()
        except OSError:
            return True

    def converged(self, marked):
        """Endpoint, EMS, resolved addresses and access proxy say the same."""
        endpoint = self.stack.ems.endpoint(self.uid)
        if not endpoint["online"] or ("Marked" in endpoint["tags"]) != marked:
            raise LabError(f"EMS: online {endpoint['online']}, tags {endpoint['tags']}")
        resolved = self.stack.gateway.resolved("Marked")
        if resolved != (["10.0.1.2"] if marked else []):
            raise LabError(f"gateway: Marked resolves to {resolved}")
        status = self.get().status
        if status != (200 if marked else 403):
            raise LabError(f"access proxy: {status}")
        return True

    def settle(self, marked=None):
        marked = self.mark.running if marked is None else marked
        wait_for(lambda: self.converged(marked), f"everybody to agree that the endpoint is {'' if marked else 'not '}marked", 60)

    # ---- the steps of the walk, each as often repeated as a killed program makes it fail

    def insist(self, what, *arguments, **options):
        """As an administrator does whose command failed: again."""
        return wait_for(lambda: (what(*arguments, **options),), f"{what.__name__} {arguments} to succeed", 60)[0]

    def tag(self):
        """The endpoint's posture changes, until the gateway resolves otherwise."""
        marked = not self.mark.running
        if marked:
            self.mark.start()
        else:
            self.mark.stop()
        wait_for(lambda: self.stack.gateway.resolved("Marked") == (["10.0.1.2"] if marked else []), "the tag to be judged", 60)

    def enrol(self):
        """A second endpoint joins. An enrolment that was interrupted is repeated, with the same invitation."""
        invitation = self.insist(self.stack.ems.invite)
        while True:
            status = self.insist(self.agent2.status)
            if status["registered"]:
                break
            try:
                self.agent2.enrol(invitation)
            except LabError as error:
                if "invitation" in str(error):
                    raise AssertionError(f"an invitation that the EMS has given does not count any more: {error}")
        uid = status["uid"] or self.insist(self.agent2.uid)
        wait_for(lambda: self.agent2.status()["connected"] and "10.0.1.3" in self.stack.gateway.resolved("all_registered_clients"),
                 "the second endpoint to be known", 60)
        return uid

    def leave(self, uid):
        """The second endpoint, as if it had never been."""
        ems = self.stack.ems
        self.assertTrue(self.insist(ems.endpoint, uid)["registered"], "an acknowledged enrolment is gone")
        self.assertEqual(self.insist(self.agent2.uid), uid)
        self.insist(self.agent2.call, "deregister")
        ems.api("POST", f"endpoints/{uid}/deregister", {})
        ems.api("DELETE", f"endpoints/{uid}")

    def authorise(self):
        """From the certificate on: accepted, the gateway authorised, connected."""
        gateway, ems = self.stack.gateway, self.stack.ems
        self.insist(gateway.cli, f"execute fctems verify 1 {self.fingerprint}")
        self.insist(ems.authorise, gateway.serial())
        wait_for(lambda: "successful" in gateway.cli("diagnose endpoint fctems test-connectivity 1"), "the connector", 60)

    def snapshot(self):
        """The connector comes back with nothing in its hands, and gets all."""
        self.insist(self.stack.gateway.cli, f"execute fctems verify 1 {self.fingerprint}")
        wait_for(lambda: self.stack.gateway.resolved("all_registered_clients") == ["10.0.1.2"], "the snapshot to be in force", 60)

    def prepare(self, step):
        """What a step begins with."""
        gateway, ems = self.stack.gateway, self.stack.ems
        if step in ("authorise", "snapshot"):
            self.fingerprint = ems.fingerprint()["sha256"]
            gateway.cli("execute fctems unverify 1")
        if step == "authorise":
            ems.api("PATCH", f"fabric-devices/{gateway.serial()}", {"authorized": False})

    def finish(self, step, done):
        if step == "enrol":
            self.leave(done)

    def measure(self):
        """How long each step takes when nobody is killed: the moments to kill at are spread over it."""
        for step in STEPS if not self.spans else ():
            self.prepare(step)
            begun = time.monotonic()
            done = getattr(self, step)()
            self.spans[step] = time.monotonic() - begun
            self.finish(step, done)
            self.settle()
        print("steps take " + ", ".join(f"{step} {span * 1000:.0f} ms" for step, span in self.spans.items()), flush=True)

    # ---- what is written meanwhile, and must be there afterwards

    def write_tag(self, thing, number):
        self.stack.ems.put_tag({"name": f"Written-{thing}", "comment": str(number), "rules": [
            {"id": 1, "os": "windows", "type": "running-process", "processes": ["nothing.exe"]}]})

    def write_address(self, thing, number):
        """In turns on the command line and over REST."""
        if thing % 2:
            self.stack.gateway.configure(f"config firewall address\nedit written-{thing}\nset comment {number}\nnext\nend\n")
            return
        reply = https("PUT", self.stack.gateway_host, self.stack.ports["gateway"], f"/api/v2/cmdb/firewall/address/written-{thing}",
                      {"comment": str(number)}, {"Authorization": f"Bearer {self.token}"}, namespace=self.stack.from_ns)
        if reply.status != 200:
            raise LabError(f"{reply.status}: {reply.text[:200]}")

    def written_tags(self):
        items, cursor = [], None
        while True:
            page = self.stack.ems.api("GET", "tags?limit=1000" + (f"&cursor={urllib.parse.quote(cursor)}" if cursor else ""))
            items += [(tag["name"].removeprefix("Written-"), tag["comment"]) for tag in page["items"]]
            cursor = page["next_cursor"]
            if not cursor:
                return {int(thing): int(number) for thing, number in items if thing.isdigit()}

    def written_addresses(self):
        return {int(thing): int(number) for thing, number in re.findall(
            r'^ *edit "written-(\d)"\n(?: +set .*\n)*? +set comment "(\d+)"$', self.stack.gateway.cli("show firewall address"), re.M)}

    # ---- the rounds

    def pid_of(self, what):
        if what == "nginx worker":
            return self.random.choice(self.stack.gateway.nginx_pids()[1])
        process = self.stack.lab.processes[what]
        wait_for(process.alive, f"{what} to run")
        return process.pid

    def strike(self, what, moment, struck):
        """Kills `what` that long after now."""
        time.sleep(moment)

        def kill():
            victim = self.pid_of(what)
            os.kill(victim, signal.SIGKILL)
            return victim
        struck.append(wait_for(kill, f"a {what} to kill"))

    def round(self, what, number, step, lookout):
        moment = self.random.uniform(0, self.spans[step])
        lookout.during = f"{what} killed, round {number}, {step} after {moment * 1000:.0f} ms"
        who = "agent2" if (what, step) == ("agent", "enrol") else what
        with contextlib.ExitStack() as averted, self.subTest(killed=who, round=number, step=step, after_ms=round(moment * 1000)):
            if step in ("authorise", "snapshot"):
                averted.enter_context(lookout.averted())
            self.prepare(step)
            tags, addresses = Writer(self.write_tag), Writer(self.write_address)
            struck = []
            killer = threading.Thread(target=self.strike, args=(who, moment, struck))
            killer.start()
            try:
                done = getattr(self, step)()
            finally:
                killer.join()
                tags.end(), addresses.end()
            victim = struck[0]
            # It comes back, and then everybody agrees.
            wait_for(lambda: not Path(f"/proc/{victim}").exists() and self.pid_of(who) != victim, f"a new {who}")
            wait_for(lambda: self.stack.agent.status()["connected"], "the agent to be connected")
            wait_for(lambda: "successful" in self.stack.gateway.cli("diagnose endpoint fctems test-connectivity 1"), "the connector")
            self.finish(step, done)
            self.settle()
            self.assertEqual(tags.lost(self.written_tags()), {}, "what the EMS acknowledged")
            self.assertEqual(addresses.lost(self.written_addresses()), {}, "what the gateway acknowledged")
            self.checked["tags"] += tags.count
            self.checked["addresses"] += addresses.count
            self.checked[step] += 1

    def rounds(self, what):
        """Kills `what` at random moments of every step of the walk, while things are written at the EMS and at the gateway."""
        self.random = random.Random(f"{SEED} {what}")
        self.measure()
        steps = [step for step, times in STEPS.items() for _ in range(times)]
        self.assertEqual(len(steps), ROUNDS)
        self.random.shuffle(steps)
        self.checked = dict.fromkeys(("tags", "addresses", *STEPS), 0)
        with Lookout(self.stack, self.uid) as lookout:
            for number, step in enumerate(steps):
                self.round(what, number, step, lookout)
            self.assertEqual(lookout.wrong[:3], [], "the gateway answered without the endpoint")
            # A moment of some milliseconds that is seldom met.
            self.assertLessEqual(lookout.not_kept, ROUNDS // 4, "what the EMS told is kept at once")
        print(f"{what}: {self.checked}, asked {lookout.answered}, {lookout.unanswered} without an answer, {lookout.not_kept} before the EMS was back", flush=True)
        self.assertEqual({step: self.checked[step] for step in STEPS}, STEPS)
        for question, answers in lookout.answered.items():
            self.assertGreater(answers, 0, question)
        if what == "gateway":
            self.assertGreater(lookout.unanswered, 0, "it was asked while it was away")
        # What was acknowledged was looked for: a loss could have been seen.
        self.assertGreater(self.checked["tags"], 0)
        self.assertGreater(self.checked["addresses"], 0)

    def setUp(self):
        self.random = random.Random(SEED)
        self.mark.start()
        self.settle(True)

    def test_ems_killed(self):
        self.rounds("ems")

    def test_gateway_killed(self):
        self.rounds("gateway")

    def test_agent_killed(self):
        self.rounds("agent")

    def test_nginx_workers_killed(self):
        self.rounds("nginx worker")

    def test_a_restarted_gateway_never_serves_an_empty_list_because_of_an_error(self):
        """Without an EMS to ask it goes on with what it kept, and sessions go on."""
        ems = self.stack.lab.processes["ems"]
        kept, settled = self.stack.gateway.data / "ems1.view", time.time()
        wait_for(lambda: kept.stat().st_mtime > settled, "the gateway to keep its records (every ten seconds, or on a change)")
        os.kill(ems.pid, signal.SIGSTOP)
        try:
            self.stack.gateway.kept()
            for _ in range(3):
                with Lookout(self.stack, self.uid) as lookout:
                    victim = self.stack.lab.processes["gateway"].pid
                    os.kill(victim, signal.SIGKILL)
                    wait_for(lambda: self.stack.lab.processes["gateway"].pid != victim, "a new gateway")
                    lookout.answered.update(dict.fromkeys(lookout.answered, 0))
                    # From the first answer on: what was kept is in force before it speaks.
                    wait_for(lambda: all(lookout.answered.values()), "the gateway to answer again")
                    wait_for(lambda: self.get().status == 200, "access by the kept records")
                    wait_for(self.direct, "the firewall to pass by the kept records")
                self.assertEqual(lookout.wrong, [])
                self.assertEqual(self.stack.gateway.resolved("Marked"), ["10.0.1.2"])
        finally:
            os.kill(ems.pid, signal.SIGCONT)
        self.settle(True)

    def test_a_stopped_gateway_denies_and_allows_again_when_it_goes_on(self):
        gateway = self.stack.lab.processes["gateway"]
        ep = self.stack.lab.namespaces["ep"]
        plan, ports = self.stack.plan, self.stack.ports
        self.direct(timeout=3)
        session = open_download(open_tls(plan.gateway_port1, ports["proxy"], ep, self.stack.agent.certificate,
                                         self.stack.agent.key), "app")
        os.kill(gateway.pid, signal.SIGSTOP)
        try:
            wait_for(lambda: "<small>Reason</small>070" in self.get().text, "the proxy to deny as stale", 30)
            session.wait_end()
            wait_for(self.shut, "the firewall's lease to run out", 30)
        finally:
            os.kill(gateway.pid, signal.SIGCONT)
        wait_for(lambda: self.get().status == 200, "the proxy to allow again", 30)
        wait_for(self.direct, "the firewall to pass again", 30)

    def test_ems_away_past_the_threshold_denies_and_says_so(self):
        self.stack.gateway.configure("config endpoint-control fctems\nedit 1\nset out-of-sync-threshold 10\nnext\nend\n")
        ems = self.stack.lab.processes["ems"]
        os.kill(ems.pid, signal.SIGSTOP)
        away = time.monotonic()
        try:
            self.assertEqual(self.get().status, 200, "what is cached stays valid for a while")
            self.direct(timeout=3)
            wait_for(lambda: "<small>Reason</small>070" in self.get().text, "the proxy to deny as stale", 60)
            # It counts from the last ping that was answered: up to 5 s, and a tick of 1 s, before the EMS stopped.
            self.assertGreater(time.monotonic() - away, 3.5, "not before the threshold")
            wait_for(lambda: "Stale since:" in self.stack.gateway.cli("diagnose test application fcnacd 2"), "the CLI to say so")
            self.assertIn("records are too old to grant anything", self.stack.gateway.cli("get system status"))
            self.assertEqual(self.stack.gateway.resolved("Marked"), [], "no address resolves by what is stale")
            wait_for(self.shut, "the firewall to pass nobody by what is stale")
            self.assertIn("out of reach for longer than its out-of-sync threshold of 10 s: its endpoints are denied",
                          self.stack.lab.processes["gateway"].log.read_text())
        finally:
            os.kill(ems.pid, signal.SIGCONT)
        self.settle(True)
        wait_for(self.direct, "the firewall to pass again")
        self.assertNotIn("Stale since:", self.stack.gateway.cli("diagnose test application fcnacd 2"))
        self.stack.gateway.configure("config endpoint-control fctems\nedit 1\nset out-of-sync-threshold 180\nnext\nend\n")


if __name__ == "__main__":
    harness.main()
