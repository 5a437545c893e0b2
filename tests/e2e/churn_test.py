"""Twelve hours' worth of what changes, dies and is reloaded, squeezed into two minutes under load: every decision agrees with an
oracle that replays the logs, and nothing is left over. POSTERN_SEED repeats a run; POSTERN_CHURN_SECONDS makes it shorter or longer."""
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
from churn_facts import LAG, THRESHOLD, Policy, Version, World, by_address, client_of, replay
from churn_oracle import judge
from harness import ROOT, stacks, wait_for

SEED = int(os.environ.get("POSTERN_SEED", "20261127"))
SECONDS = float(os.environ.get("POSTERN_CHURN_SECONDS", "106"))
ENDPOINTS = 6
CALLS_PYTHON = "/usr/bin/python3"     # Debian's, which has the library of gRPC
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
        cls.events, cls.given, cls.uids, cls.names, cls.back, cls.seventh = {}, {}, {}, {}, 0.0, False
        cls.away, cls.stopped, cls.killed, cls.reloads, cls.deaths, cls.dropped, cls.removed = [], [], [], [], {}, [], []
        cls.silent, cls.led = [], {}
        cls.more_endpoints(stack)
        stack.ems.command += ["--keepalive", "1", "--offline-timeout", "4"]
        stack.gateway.command += ["--records-at-once", "2"]     # so that what concerns all endpoints is a very large change
        if subprocess.run([CALLS_PYTHON, "-c", "import grpc"], capture_output=True, check=False).returncode != 0:
            raise unittest.SkipTest("python3-grpcio is not installed (tools/setup test)")
        super().set_up(stack)
        stack.connect_fabric()
        stack.gateway.configure(f"config endpoint-control fctems\nedit 1\nset out-of-sync-threshold {THRESHOLD:g}\nnext\nend\n")
        stack.ems.authorise(stack.gateway.serial(), tag_kinds=["security", "classification"])
        stack.protect()
        for name, port in world.SERVERS.items():
            stack.lab.start(name, ["python3", ROOT / "tests/e2e/churn_app.py", stack.plan.app, port, name], "srv", restart=True)
        stack.lab.start("calls", [CALLS_PYTHON, ROOT / "tests/e2e/churn_calls.py", stack.plan.app, world.CALLS, "calls"], "srv")
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
        for name, (agent, _) in cls.agents.items():
            cls.known_as(name, stack.enrol(agent))
        for name, uid in cls.uids.items():
            wait_for(lambda uid=uid: "Telemetry-Connected" in stack.ems.endpoint(uid)["tags"], f"{name} to be judged")

    @classmethod
    def known_as(cls, name, uid):
        """An agent is enrolled (again). Its certificate is copied, for it destroys what is revoked; its load takes it from there."""
        again = sum(1 for of in cls.names.values() if client_of(of) == name)
        e = name if again == 0 else f"{name}#{again + 1}"
        place = cls.directory / f"identity-{e}"
        shutil.copy(cls.agents[name][0].certificate, f"{place}.pem")
        shutil.copy(cls.agents[name][0].key, f"{place}.key")
        told = cls.directory / f"identity-{name}.json"
        told.with_suffix(".new").write_text(json.dumps({"endpoint": e, "certificate": f"{place}.pem", "key": f"{place}.key"}))
        told.with_suffix(".new").rename(told)
        cls.names[uid], cls.given[name], cls.uids[name] = e, set(), uid

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
        for i, (name, (_, short)) in enumerate(self.agents.items()):
            settings = self.directory / f"load-{phase}-{name}.json"
            settings.write_text(json.dumps({
                "endpoint": name, "phase": phase, "seed": SEED * 100 + i, "identity": str(self.directory / f"identity-{name}.json"),
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
        states = replay(changes, self.names)
        states |= {f"{client}#address": by_address([line for e, line in states.items() if client_of(e) == client]) for client in self.uids}
        facts = World(states, self.config, self.away, self.stopped, self.dropped, self.killed, self.silent, self.reloads, self.deaths,
                      world.POOLS, world.CHECKED, self.removed, {e: uid for uid, e in self.names.items()}, self.led)
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


if __name__ == "__main__":
    harness.main()
