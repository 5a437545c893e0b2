"""Twelve hours' worth of what changes, dies and is reloaded, squeezed into two minutes under load: every decision agrees with an
oracle that replays the logs, and nothing is left over. POSTERN_SEED repeats a run; POSTERN_CHURN_SECONDS makes it shorter or longer."""
import copy
import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

import churn_world as world
import harness
from churn_oracle import LAG, Policy, State, Version, World, decide, judge, replay
from harness import ROOT, stacks, wait_for

SEED = int(os.environ.get("POSTERN_SEED", "20261127"))
SECONDS = float(os.environ.get("POSTERN_CHURN_SECONDS", "110"))
ENDPOINTS = 6
# A quarter of the run, a look at what the programs hold while nothing is open, and the rest.
FIRST = 0.25

ROUTED = """config firewall service custom
    edit "CHURN"
        set tcp-portrange 8101-8103
    next
end
config firewall policy
    edit 9
        set name "churn"
        set srcintf "port1"
        set dstintf "port2"
        set srcaddr "endpoints"
        set dstaddr "app"
        set service "CHURN"
        set action accept
        set ztna-status enable
        set ztna-ems-tag "EMS1_CLASS_A"
    next
end
"""


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Churn(harness.StackTest):
    letter = "u"
    options = {"second_endpoint": True}

    @classmethod
    def set_up(cls, stack):
        print(f"POSTERN_SEED={SEED}", flush=True)
        cls.lock = threading.Lock()
        cls.events, cls.given, cls.back, cls.seventh = {}, {}, 0.0, False
        cls.away, cls.stopped, cls.killed, cls.reloads, cls.deaths, cls.dropped, cls.removed = [], [], [], [], {}, [], []
        cls.more_endpoints(stack)
        stack.ems.command += ["--keepalive", "1", "--offline-timeout", "4"]
        super().set_up(stack)
        stack.connect_fabric()
        stack.ems.authorise(stack.gateway.serial(), tag_kinds=["security", "classification"])
        stack.protect()
        for name, port in world.SERVERS.items():
            stack.lab.start(name, ["python3", ROOT / "tests/e2e/churn_app.py", stack.plan.app, port, name], "srv", restart=True)
        for tag in world.CLASSES:
            stack.ems.put_tag({"name": tag, "kind": "classification", "message": "By hand.", "rules": []})
        stack.ems.put_tag({"name": "R", "message": "Be good.", "rules": [
            {"id": 1, "os": "linux", "type": "attribute", "name": "churn", "op": "=", "value": "good"}]})
        cls.program, cls.mark = cls.directory / f"mark{cls.name}", None
        shutil.copy("/bin/sleep", cls.program)
        stack.ems.put_tag({"name": "M", "message": "Start the mark.", "rules": [
            {"id": 1, "os": "linux", "type": "running-process", "processes": [cls.program.name]}]})
        stack.ems.put_tag(stacks.TELEMETRY_CONNECTED)
        cls.config = {}
        stack.gateway.configure(world.SCHEDULE + "".join(world.proxy_text(n, stack.plan.app) for n in world.PORTS) + ROUTED)
        for name, policies in world.POLICIES.items():
            cls.config[name] = [Version(0.0, policies)]
        cls.config["routed"] = [Version(0.0, (Policy(True, ("A",)),))]
        cls.token = stack.gateway.make_token("churn")
        cls.enrol_all(stack)
        stack.lab.supervise(longest_pause=0.2)

    @classmethod
    def more_endpoints(cls, stack):
        """Namespaces ep3 and on, on the segment of the others."""
        stack.lab.ip("gw", "link", "set", "port1", "address", "02:09:0f:00:01:01")     # a bridge takes another with each port
        for i in range(3, ENDPOINTS + 1):
            short = f"ep{i}"
            stack.lab.add_namespace(short)
            stack.lab.connect("gw", f"lan{i}", None, short, "eth0", f"{stack.plan.agents[i + 1]}/24")
            stack.lab.ip("gw", "link", "set", f"lan{i}", "master", "port1")
            stack.lab.ip(short, "route", "add", "default", "via", stack.plan.gateway_port1)

    @classmethod
    def enrol_all(cls, stack):
        cls.agents = {"agent": (stack.agent, "ep")}
        for i in range(2, ENDPOINTS + 1):
            short = f"ep{i}"
            name = f"agent{i}"
            cls.agents[name] = (stacks.Agent(stack.lab, cls.directory / name, stack.runtime / name, short, name).start(), short)
        cls.uids = {name: stack.enrol(agent) for name, (agent, _) in cls.agents.items()}
        cls.given = {name: set() for name in cls.uids}
        for name, uid in cls.uids.items():
            wait_for(lambda uid=uid: "Telemetry-Connected" in stack.ems.endpoint(uid)["tags"], f"{name} to be judged")

    @classmethod
    def set_mark(cls, running):
        if running:
            cls.mark = subprocess.Popen([cls.program, "900"])
        elif cls.mark is not None:
            cls.mark.kill()
            cls.mark.wait()
            cls.mark = None

    @classmethod
    def tear_down(cls):
        if getattr(cls, "mark", None):
            cls.set_mark(False)
        for p in getattr(cls, "loads", []):
            p.kill()
        super().tear_down()

    # ---- load

    def begin_load(self, phase):
        self.clock = time.time() - time.monotonic()
        type(self).loads = []
        for i, (name, (agent, short)) in enumerate(self.agents.items()):
            settings = self.directory / f"load-{phase}-{name}.json"
            settings.write_text(json.dumps({
                "endpoint": name, "phase": phase, "seed": SEED * 100 + i, "certificate": str(agent.certificate), "key": str(agent.key),
                "gateway": self.stack.plan.gateway_port1, "proxies": world.PORTS, "clock": self.clock,
                "routed": {n: [self.stack.plan.app, port] for n, port in world.SERVERS.items()},
                "out": str(self.directory / f"outcomes-{phase}-{name}.jsonl")}))
            with open(self.directory / "log" / f"load-{name}.log", "ab") as log:
                self.loads.append(subprocess.Popen(
                    ["ip", "netns", "exec", self.stack.lab.namespaces[short], "python3", ROOT / "tests/e2e/churn_load.py", settings],
                    stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(ROOT / "tools")}))

    def end_load(self):
        for p in self.loads:
            p.send_signal(signal.SIGTERM)
        for p in self.loads:
            p.wait(40)
        self.assertLess(abs(time.time() - time.monotonic() - self.clock), 0.05, "the machine's clock was set: nothing to compare")

    def churn(self, phase, seconds):
        self.begin_load(phase)
        time.sleep(1)
        drivers = world.Churn(self, f"{SEED}-{phase}", seconds)
        drivers.run(world.KINDS)
        time.sleep(LAG + 1)        # what it comes to is decided exactly
        self.end_load()
        self.assertEqual(drivers.failed, [])

    # ---- what programs hold while nothing is open

    def nothing_open(self):
        master, workers = self.stack.gateway.nginx_pids()
        wait_for(lambda: len(self.stack.gateway.nginx_pids()[1]) == 2, "workers of before to end", 60)
        wait_for(lambda: re.search(r"^0 live connections", self.stack.gateway.cli("diagnose ztna session list"), re.M),
                 "sessions to be forgotten", 60)
        wait_for(lambda: all(self.stack.ems.endpoint(uid)["online"] for uid in self.uids.values()), "all endpoints to be online", 60)

    def held(self):
        self.nothing_open()
        master, workers = self.stack.gateway.nginx_pids()
        out = {}
        for name, pids in {"EMS": [self.stack.lab.processes["ems"].pid], "gateway": [self.stack.lab.processes["gateway"].pid],
                           "nginx's master": [master], "nginx's workers": workers}.items():
            rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
            out[f"{name}: memory, kB"] = sum(int(re.search(r"^Pss:\s+(\d+)", r, re.M).group(1)) for r in rollups)
            out[f"{name}: open files"] = sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)
            out[f"{name}: threads"] = sum(len(os.listdir(f"/proc/{pid}/task")) for pid in pids)
        gw = self.stack.lab.namespaces["gw"]
        out["records in shared memory"] = self.stack.gateway.cli("diagnose endpoint ec-shm list").count("Record #")
        table = json.loads(subprocess.run(["ip", "netns", "exec", gw, "nft", "-j", "list", "table", "inet", "postern"],
                                          capture_output=True, text=True, check=True).stdout)["nftables"]
        out["rules of the firewall"] = sum("rule" in o for o in table)
        out["sets of the firewall"] = sum("set" in o for o in table)
        tracked = subprocess.run(["ip", "netns", "exec", gw, "conntrack", "-L", "-p", "tcp", "--state", "ESTABLISHED"],
                                 capture_output=True, text=True).stdout
        agents = self.stack.plan.agent.rpartition(".")[0]       # nginx's own, which it keeps, are tracked too
        out["tracked connections of endpoints to real servers"] = len(
            [1 for line in tracked.splitlines() if re.search(rf"ESTABLISHED src={re.escape(agents)}\.\d+ .*?dport=810[123] ", line)])
        for what, place in {"EMS": self.stack.ems.data, "gateway": self.stack.gateway.data, "runtime": self.stack.gateway.runtime_dir}.items():
            out[f"files of {what}"] = sum(1 for f in Path(place).rglob("*") if not f.is_dir() and "revision" not in str(f.relative_to(place)))
        return out

    # How much more there may be at the end than after the first quarter, and why.
    MORE = {
        ": memory": lambda before: before // 4 + 12000,     # history of three quarters in caches, allocators' slack; not per event
        "workers: open files": lambda before: 40,         # connections to real servers that are kept for the next request
        "open files": lambda before: 8,                   # a poll or an administrator's question under way
        "threads": lambda before: 2,
        "tracked connections": lambda before: 4,          # of clients that were gone before a packet could tell
        "files of": lambda before: 3,                     # a journal of the database, a log begun; revisions are kept on purpose
    }

    def compare_held(self, before, after):
        rows, wrong = [], []
        for name, a in before.items():
            b = after[name]
            more = next((f for what, f in self.MORE.items() if what in name), lambda _: 0)(a)
            rows.append(f"    {name:<52}{a:>10}{b:>10}   at most {a + more}")
            if b > a + more:
                wrong.append(f"{name}: {a} became {b}")
        print("\n    held while nothing is open                        after 1/4   at the end\n" + "\n".join(rows), flush=True)
        return wrong

    # ---- logs

    def changes(self):
        out, after = [], 0
        while True:
            page = self.stack.ems.api("GET", f"changes?limit=1000&after={after}")
            out += [(seconds_of(c["at"]), c["kind"], c["key"], c["change"]) for c in page["items"]]
            if not page["items"]:
                return out
            after = page["next_after"]

    def traffic(self):
        out = []
        for line in (self.stack.gateway.data / "traffic.log").read_text().splitlines():
            line = json.loads(line)
            if line["subtype"] != "ztna":
                continue    # of routed connections only their ends are told, which the probes see for themselves
            line["t"] = seconds_of(line["time"])
            out.append(line)
        return out

    def outcomes(self):
        out = []
        for path in sorted(self.directory.glob("outcomes-*.jsonl")):
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            self.assertEqual(lines[-1]["k"], "end", path)
            out += [r for r in lines if r["k"] != "end"]
        return out

    def test_every_decision_is_right_and_nothing_is_left(self):
        self.churn(1, SECONDS * FIRST)
        master, before = self.stack.gateway.nginx_pids()[0], self.held()
        self.churn(2, SECONDS * (1 - FIRST))
        after = self.held()
        self.assertEqual(self.stack.gateway.nginx_pids()[0], master, "nginx goes on, whatever becomes of the gateway")
        changes, lines, records = self.changes(), self.traffic(), self.outcomes()
        facts = World(replay(changes, {u: n for n, u in self.uids.items()}), self.config, self.away, self.stopped, self.dropped,
                      self.killed, self.reloads, self.deaths, world.POOLS, self.removed, self.uids)
        self.keep(facts, records, lines)
        verdict = judge(facts, records, lines)
        self.tell(verdict, changes, lines, records)
        leaks = self.compare_held(before, after)
        self.assertEqual(self.metric("log_lines_lost_total"), 0, "lines that the disk did not take")
        self.assertGreater(verdict.counts.get("exact", 0), SECONDS * 25, "too little was compared to mean anything")
        asked = sum(n for what, n in verdict.counts.items() if what.startswith(("allowed", "refused")))
        self.assertLess(verdict.counts.get("no answer", 0), asked / 20, "too many are left without an answer, whatever the reason")
        self.assertEqual(verdict.errors[:20], [], f"{len(verdict.errors)} wrong decisions")
        self.assertEqual(leaks, [])

    def metric(self, name):
        text = harness.https("GET", self.stack.gateway_host, self.stack.ports["gateway"], "/metrics",
                             headers={"Authorization": f"Bearer {self.token}"}, namespace=self.stack.from_ns).text
        return int(re.search(rf"^postern_gateway_{name}\S* (\d+)", text, re.M).group(1))

    def dropped_lines(self):
        return wait_for(lambda: (self.metric("events_dropped_total"),), "the gateway's metrics")[0]

    def keep(self, facts, records, lines):
        """For a person who reads what went wrong."""
        place = os.environ.get("POSTERN_CHURN_KEEP")
        if place:
            import pickle
            Path(place).write_bytes(pickle.dumps((facts, records, lines)))

    def tell(self, verdict, changes, lines, records):
        of_tags = sum(len(c[3]["tags"]) for c in changes if c[1] == "endpoint_tags")
        print(f"\n    seed {SEED}, {SECONDS:g} s: {len(changes)} changes in the EMS's history ({of_tags} of tags), {len(records)} outcomes at "
              f"clients, {len(lines)} lines in the traffic log, {verdict.counts.get('compared', 0)} decisions compared, "
              f"{verdict.counts.get('exact', 0)} of them where only one was right")
        for title, what in (("events", self.events), ("outcomes", verdict.counts), ("explained by", verdict.explained)):
            print(f"    {title}: " + ", ".join(f"{n} {k}" for k, n in sorted(what.items())))
        for what, (lag, who) in sorted(verdict.worst.items()):
            print(f"    worst, {what}: {lag:.3f} s ({who})")
        print(f"    worst, from an EMS that answers again to the connector: {self.back:.3f} s")
        for e in verdict.errors[:30]:
            print("    WRONG " + e)
        sys.stdout.flush()


class OracleItself(unittest.TestCase):
    """It finds what is planted in a log in which all is well."""

    def setUp(self):
        good, lost = State(True, True, False, frozenset("A")), State(True, True)
        self.facts = World({"e": [(0.0, State()), (1.0, good), (100.0, lost), (120.0, good)]}, {"need": [Version(0.0, (Policy(True, ("A",)),))],
                           "routed": [Version(0.0, (Policy(True, ("A",)),))]}, pools={"need": ("s1",)}, uids={"e": "U"})
        self.records = [
            {"e": "e", "k": "r1", "p": "need", "id": "a", "t0": 50.0, "t1": 50.01, "s": 200, "port": 1},
            {"e": "e", "k": "d1", "p": "need", "id": "b", "t0": 60.0, "t1": 60.01, "last": 100.05, "t2": 100.06, "s": 200, "n": 9, "port": 2,
             "end": "ended", "server": "s1"},
            {"e": "e", "k": "r1", "p": "need", "id": "c", "t0": 110.0, "t1": 110.01, "s": 403, "reason": "065", "port": 3},
            {"e": "e", "k": "t", "p": "routed", "id": "d", "t0": 70.0, "t1": 70.01, "last": 100.1, "t2": 101.1, "s": 200, "n": 9,
             "end": "silent", "server": "s1"}]
        self.lines = [self.line("a", 50.01, "accept", 1), self.line("b", 100.05, "cut", 2, reason="065"),
                      self.line("c", 110.005, "deny", 3, reason="065")]

    @staticmethod
    def line(who, t, action, port, **more):
        return {"path": f"/r/{who}", "t": t, "action": action, "srcport": port, "status": 200, "clientdeviceid": "U", "accessproxy": "need",
                **more}

    def errors(self, facts=None, records=None, lines=None):
        return judge(facts or self.facts, records or self.records, lines or self.lines).errors

    def planted(self, said, change):
        facts, records, lines = copy.deepcopy((self.facts, self.records, self.lines))
        change(facts, {r["id"]: r for r in records}, {line["path"][3:]: line for line in lines}, records, lines)
        found = self.errors(facts, records, lines)
        self.assertTrue(any(said in e for e in found), (said, found))

    def test_a_good_log_is_good(self):
        self.assertEqual(self.errors(), [])
        self.assertEqual(judge(self.facts, self.records, self.lines).counts["compared"], 7)

    def test_planted_errors_are_found(self):
        def moved(f, r, li, records, lines):
            r["a"].update(t0=110.0, t1=110.01)
            li["a"]["t"] = 110.01
        self.planted("let in against the policies", moved)
        self.planted("no line of a session", lambda f, r, li, records, lines: lines.remove(li["b"]))
        self.planted("no line of a refusal", lambda f, r, li, records, lines: lines.remove(li["c"]))
        self.planted("no line of a request", lambda f, r, li, records, lines: lines.remove(li["a"]))
        self.planted("reason 064 does not follow", lambda f, r, li, records, lines: li["b"].update(reason="064"))
        self.planted("the log says otherwise of a refusal", lambda f, r, li, records, lines: li["c"].update(reason="064"))

        def both(f, r, li, records, lines):
            li["c"]["reason"] = r["c"]["reason"] = "068"
        self.planted("reason 068 does not follow", both)
        self.planted("ended, and no line says that it was cut", lambda f, r, li, records, lines: li["b"].update(action="accept"))
        self.planted("after the cut", lambda f, r, li, records, lines: r["b"].update(last=101.8, t2=101.9))
        self.planted("open for", lambda f, r, li, records, lines: (r["b"].update(last=103.0, t2=103.1), li["b"].update(t=103.0)))
        self.planted("open for", lambda f, r, li, records, lines: r["d"].update(last=103.0, t2=104.0))
        self.planted("ended without a reason", lambda f, r, li, records, lines: r["d"].update(last=80.0, t2=81.0))
        self.planted("another endpoint", lambda f, r, li, records, lines: li["a"].update(clientdeviceid="V"))
        self.planted("another's answer", lambda f, r, li, records, lines: r["a"].update(wrong="asked as a, got b"))
        self.planted("no client asked", lambda f, r, li, records, lines: lines.append(self.line("z", 60.0, "accept", 9)))
        self.planted("several lines", lambda f, r, li, records, lines: lines.append(dict(li["a"])))
        self.planted("no answer", lambda f, r, li, records, lines: (r["a"].update(s=0), lines.remove(li["a"])))
        self.planted("no real server", lambda f, r, li, records, lines: r["a"].update(s=502))

        def refused(f, r, li, records, lines):
            r["c"].update(t0=130.0, t1=130.01)
            li["c"]["t"] = 130.005
        self.planted("reason 065 does not follow", refused)

        def revoked(f, r, li, records, lines):
            r["a"].update(t0=101.0, t1=101.01)
            li["a"]["t"] = 101.01
        with self.assertRaises(AssertionError):      # late by half of what is allowed
            self.planted("let in", revoked)

    def test_what_was_away_may_be_late_and_no_longer(self):
        def late(f, r, li, records, lines):
            f.away.append((99.0, 108.0))
            r["a"].update(t0=109.0, t1=109.01)
            li["a"]["t"] = 109.01
        with self.assertRaises(AssertionError):
            self.planted("let in", late)
        self.planted("let in against the policies", lambda f, r, li, records, lines: (
            late(f, r, li, records, lines), r["a"].update(t0=110.1, t1=110.11), li["a"].update(t=110.11)))

    def test_lines_may_be_missing_only_as_far_as_that_was_counted(self):
        def without(dropped):
            def change(f, r, li, records, lines):
                f.dropped.append(dropped)
                lines.remove(li["a"])
            return change
        with self.assertRaises(AssertionError):
            self.planted("line", without((49.0, 51.0, 1)))
        self.planted("no line of a request", without((49.0, 51.0, 0)))
        self.planted("no line of a request", without((40.0, 45.0, 1)))

        def two(f, r, li, records, lines):
            without((49.0, 51.0, 1))(f, r, li, records, lines)
            records.append(dict(r["a"], id="a2"))
        self.planted("more lines are missing", two)

        def no_answer_besides(f, r, li, records, lines):    # of that none is due
            without((49.0, 51.0, 1))(f, r, li, records, lines)
            f.reloads.append((50.0, 50.1))
            records.append(dict(r["a"], id="a2", s=0))
        with self.assertRaises(AssertionError):
            self.planted("", no_answer_besides)

    def test_what_a_client_reads_late_had_come_before(self):
        def late(begin, end):
            def change(f, r, li, records, lines):
                r["b"].update(last=103.0, t2=103.1)
                records.append({"e": "e", "k": "late", "t0": begin, "t1": end})
            return change
        with self.assertRaises(AssertionError):
            self.planted("the", late(100.1, 103.0))
        self.planted("after the cut", late(102.5, 103.0))
        self.planted("after the cut", late(100.1, 102.0))

    def test_a_server_that_dies_ends_what_was_its(self):
        def died(server, begin):
            def change(f, r, li, records, lines):
                f.deaths[server] = [(begin, begin + 1)]
                r["b"].update(last=90.0, t2=90.1)
                li["b"].update(action="accept", t=90.05)
            return change
        with self.assertRaises(AssertionError):
            self.planted("ended", died("s1", 90.0))
        self.planted("ended, and no line", died("s2", 90.0))
        self.planted("ended, and no line", died("s1", 80.0))

    def test_a_server_that_is_taken_out_ends_what_was_its(self):
        def removed(proxy, server, begin):
            def change(f, r, li, records, lines):
                f.removed.append((begin, begin + 1, proxy, server))
                li["b"].update(reason="022")
            return change
        with self.assertRaises(AssertionError):
            self.planted("reason", removed("need", "s1", 99.0))
        for wrong in (("need", "s2", 99.0), ("any", "s1", 99.0), ("need", "s1", 90.0), ("need", "s1", 101.0)):
            self.planted("reason 022 does not follow", removed(*wrong))

    def test_decisions(self):
        s = State(True, True, False, frozenset("A"), frozenset("B"))
        for policies, said in (((Policy(True, ("A",)),), None), ((Policy(True, ("B",)),), "069"), ((Policy(True, ("C",)),), "065"),
                               ((Policy(False, ("A",)), Policy(True)), "064"), ((Policy(False, ("B",)), Policy(True)), "069"),
                               ((Policy(False, ("C",)), Policy(True)), None), ((Policy(True, ("A", "B")),), None),
                               ((Policy(True, ("A", "B"), every=True),), "069"), ((Policy(True, enabled=False),), "061"), (None, "061")):
            self.assertEqual(decide(policies, s), said, policies)
        self.assertEqual(decide((Policy(True, ("A",)),), s, fresh=False), "070")
        self.assertEqual(decide((Policy(True),), s, fresh=False), None)
        self.assertEqual(decide((Policy(True),), State(True, False)), "067")
        self.assertEqual(decide((Policy(True),), State(True, True, True)), "068")

    def test_a_history_becomes_states(self):
        line = replay([(1, "endpoint", "U", {"event": "enrolled"}), (2, "endpoint", "U", {"event": "online"}),
                       (3, "endpoint_tags", "U", {"tags": [{"tag": "A", "before": "absent", "after": "has"},
                                                           {"tag": "B", "before": "absent", "after": "unknown"}]}),
                       (4, "endpoint", "V", {"event": "offline"}), (5, "endpoint", "U", {"event": "quarantined"}),
                       (6, "endpoint_tags", "U", {"tags": [{"tag": "A", "before": "has", "after": "absent"}]})], {"U": "e"})["e"]
        self.assertEqual(line[-1], (6, State(True, True, True, frozenset(), frozenset("B"))))
        self.assertEqual([t for t, _ in line], [0.0, 1, 2, 3, 5, 6])


if __name__ == "__main__":
    harness.main()
