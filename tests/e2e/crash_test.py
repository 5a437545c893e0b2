"""Programs killed at any moment of the walk come back and have lost nothing that was acknowledged; a gateway that stops, denies."""
import os
import random
import shutil
import signal
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

import harness
from harness import LabError, connect, https, open_download, open_tls, wait_for

ROUNDS = 20


class Crashes(harness.StackTest):
    letter = "c"

    @classmethod
    def set_up(cls, stack):
        # Offline only after the slowest restart of this test: a killed EMS or agent must not look like a lost endpoint.
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.program = cls.directory / f"mark{cls.name}"
        shutil.copy("/bin/sleep", cls.program)
        stack.ems.put_tag({"name": "Marked", "message": "Start the mark.", "rules": [
            {"id": 1, "os": "linux", "type": "running-process", "processes": [cls.program.name]}]})
        stack.gateway.configure('config firewall proxy-policy\nedit 2\nset ztna-ems-tag "EMS1_ZTNA_Marked"\nnext\nend\n')
        cls.mark = None
        cls.uid = stack.enrol()
        cls.set_mark(True)
        stack.wait_evaluated(cls.uid)
        # Killing has to look like dying: the supervisor starts what died again, as ./run does.
        stack.lab.supervise(longest_pause=0.2)
        cls.random = random.Random(int(os.environ.get("POSTERN_SEED", "20261125")))

    @classmethod
    def set_mark(cls, running):
        if running and cls.mark is None:
            cls.mark = subprocess.Popen([cls.program, "900"])
        elif not running and cls.mark is not None:
            cls.mark.kill()
            cls.mark.wait()
            cls.mark = None

    @classmethod
    def tear_down(cls):
        if getattr(cls, "mark", None) is not None:
            cls.set_mark(False)
        super().tear_down()

    def get(self):
        return https("GET", self.stack.plan.gateway_port1, self.stack.ports["proxy"], "/",
                     certificate=self.stack.agent.certificate, key=self.stack.agent.key,
                     namespace=self.stack.lab.namespaces["ep"])

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

    def settle(self, marked):
        wait_for(lambda: self.converged(marked), f"everybody to agree that the endpoint is {'' if marked else 'not '}marked", 60)

    def pid_of(self, what):
        if what == "nginx worker":
            return self.random.choice(self.stack.gateway.nginx_pids()[1])
        process = self.stack.lab.processes[what]
        wait_for(process.alive, f"{what} to run")
        return process.pid

    def rounds(self, what):
        """Kills `what` at a random moment around a change of posture, and an acknowledged change at the EMS beside it."""
        for number in range(ROUNDS):
            marked = number % 2 == 0
            acknowledged = []
            writing = threading.Event()

            def write():
                # Acknowledged or not: what was, must be there afterwards.
                while not writing.is_set():
                    name = f"T{number}-{len(acknowledged)}"
                    try:
                        self.stack.ems.put_tag({"name": name, "rules": [
                            {"id": 1, "os": "linux", "type": "file", "paths": ["/" + name]}]})
                    except (OSError, LabError, ValueError):
                        return
                    acknowledged.append(name)
            writer = threading.Thread(target=write)
            writer.start()
            moment = self.random.uniform(0, 0.08)
            victim = self.pid_of(what)
            killer = threading.Timer(moment, lambda: os.kill(victim, signal.SIGKILL))
            killer.start()
            self.set_mark(marked)
            killer.join()
            writing.set()
            writer.join()
            with self.subTest(killed=what, round=number, after_ms=round(moment * 1000)):
                # It comes back, and then everybody agrees.
                wait_for(lambda: not Path(f"/proc/{victim}").exists() and self.pid_of(what) != victim, f"a new {what}")
                wait_for(lambda: self.stack.agent.status()["connected"], "the agent to be connected")
                self.settle(marked)
                known = {t["name"] for t in self.all_tags()}
                self.assertLessEqual(set(acknowledged), known, "an acknowledged tag is gone")
                for name in known:
                    if name.startswith("T"):
                        if name not in ("Telemetry-Connected",):
                            self.stack.ems.api("DELETE", "tags/" + urllib.parse.quote(name))

    def all_tags(self):
        items, cursor = [], None
        while True:
            page = self.stack.ems.api("GET", "tags?limit=1000" + (f"&cursor={urllib.parse.quote(cursor)}" if cursor else ""))
            items += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return items

    def setUp(self):
        self.set_mark(True)
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
            os.kill(self.stack.lab.processes["gateway"].pid, signal.SIGKILL)
            wait_for(lambda: self.stack.gateway.resolved("Marked") == ["10.0.1.2"], "the kept records to be in force again")
            wait_for(lambda: self.get().status == 200, "access by the kept records")
        finally:
            os.kill(ems.pid, signal.SIGCONT)
        self.settle(True)

    def test_a_stopped_gateway_denies_and_allows_again_when_it_goes_on(self):
        gateway = self.stack.lab.processes["gateway"]
        ep = self.stack.lab.namespaces["ep"]
        plan, ports = self.stack.plan, self.stack.ports
        connect(plan.app, ports["app"], ep, timeout=3).close()
        session = open_download(open_tls(plan.gateway_port1, ports["proxy"], ep, self.stack.agent.certificate,
                                         self.stack.agent.key), "app")
        os.kill(gateway.pid, signal.SIGSTOP)
        try:
            wait_for(lambda: "<small>Reason</small>070" in self.get().text, "the proxy to deny as stale", 30)
            session.wait_end()
            def shut():
                try:
                    connect(plan.app, ports["app"], ep, timeout=0.5).close()
                    return False
                except OSError:
                    return True
            wait_for(shut, "the firewall's lease to run out", 30)
        finally:
            os.kill(gateway.pid, signal.SIGCONT)
        wait_for(lambda: self.get().status == 200, "the proxy to allow again", 30)
        wait_for(lambda: connect(plan.app, ports["app"], ep, timeout=0.5).close() is None, "the firewall to pass again", 30)

    def test_ems_away_past_the_threshold_denies_and_says_so(self):
        self.stack.gateway.configure("config endpoint-control fctems\nedit 1\nset out-of-sync-threshold 10\nnext\nend\n")
        ems = self.stack.lab.processes["ems"]
        os.kill(ems.pid, signal.SIGSTOP)
        away = time.monotonic()
        try:
            self.assertEqual(self.get().status, 200, "what is cached stays valid for a while")
            wait_for(lambda: "<small>Reason</small>070" in self.get().text, "the proxy to deny as stale", 60)
            self.assertGreater(time.monotonic() - away, 5, "not before the threshold")
            wait_for(lambda: "Stale since:" in self.stack.gateway.cli("diagnose test application fcnacd 2"), "the CLI to say so")
            self.assertEqual(self.stack.gateway.resolved("Marked"), [], "no address resolves by what is stale")
        finally:
            os.kill(ems.pid, signal.SIGCONT)
        self.settle(True)
        self.assertNotIn("Stale since:", self.stack.gateway.cli("diagnose test application fcnacd 2"))
        self.stack.gateway.configure("config endpoint-control fctems\nedit 1\nset out-of-sync-threshold 180\nnext\nend\n")


if __name__ == "__main__":
    harness.main()
