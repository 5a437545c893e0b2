"""Saying why, to those who watch many gateways: what a monitoring system scrapes, what a log server gets."""
import os
import re
import shutil
import signal
import subprocess
import time

import harness
from harness import https, open_download, open_tls, wait_for
from log_server import LogServer

MARKED = """config firewall proxy-policy
    edit 11
        set name "only-marked"
        set access-proxy "marked"
        set ztna-ems-tag "EMS1_ZTNA_Marked"
        set action accept
        set logtraffic all
    next
end
"""
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)')


def parse(text):
    """As a scraper reads it: each family has its help and its type before its samples, no series stands there twice."""
    samples, types, helped = {}, {}, set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in helped, line
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name in helped and name not in types, line
            types[name] = family = kind
            family = name
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            allowed = {family} | ({family + end for end in ("_bucket", "_sum", "_count")}
                                  if types[family] == "histogram" else set())
            assert name in allowed, f"{name} stands under {family}"
            key = (name, tuple(sorted(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', labels or ""))))
            assert key not in samples, line
            samples[key] = float(value)
    return samples, types


class SayingWhy(harness.StackTest):
    letter = "1"

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        stack.gateway.configure(stack.access_proxy("marked", 9445) + MARKED)
        cls.program = cls.directory / f"mark{cls.name}"
        shutil.copy("/bin/sleep", cls.program)
        stack.ems.put_tag({"name": "Marked", "message": "Start the mark.", "rules": [
            {"id": 1, "os": "linux", "type": "running-process", "processes": [cls.program.name]}]})
        cls.token = stack.gateway.make_token("monitoring")
        cls.uid = stack.enrol()
        stack.wait_evaluated(cls.uid)

    def raw(self, path="/metrics", token=None, headers=None):
        headers = dict(headers or {}, **({"Authorization": f"Bearer {token}"} if token else {}))
        return https("GET", self.stack.gateway_host, self.stack.ports["gateway"], path, headers=headers,
                     namespace=self.stack.from_ns)

    def scrape(self):
        reply = self.raw(token=self.token)
        self.assertEqual(reply.status, 200, reply.text[:300])
        return parse(reply.text)[0]

    @staticmethod
    def value(samples, name, **labels):
        return samples.get((name, tuple(sorted(labels.items()))))

    def get(self, port=9445, path="/"):
        agent = self.stack.agent
        return https("GET", self.stack.plan.gateway_port1, port, path, certificate=agent.certificate, key=agent.key,
                     namespace=self.stack.lab.namespaces["ep"])

    def mark(self):
        """Lets the endpoint in at `marked`, until its process ends."""
        process = subprocess.Popen([self.program, "600"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for(lambda: self.get().status == 200, "access with the mark", 20)
        return process

    # ---- metrics

    def test_1_metrics_are_for_those_who_may_look(self):
        self.assertEqual(self.raw().status, 401)
        self.assertEqual(self.raw(token="wrong").status, 401)
        reply = self.raw(token=self.token)
        self.assertEqual(reply.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        plain, types = parse(reply.text)
        self.assertEqual(types["postern_gateway_decisions_total"], "counter")
        self.assertEqual(types["postern_gateway_change_cut_seconds"], "histogram")
        opened = self.raw(token=self.token, headers={"Accept": "application/openmetrics-text; version=1.0.0"})
        self.assertTrue(opened.headers["Content-Type"].startswith("application/openmetrics-text"))
        self.assertTrue(opened.text.endswith("# EOF\n"))
        # What clients send never becomes a series.
        for n in range(5):
            self.get(path=f"/no-such-{n}")
        self.assertEqual(set(self.scrape()), set(plain))

    def test_2_what_the_gateway_is_and_holds(self):
        s = self.scrape()
        version = self.stack.gateway.cli("get system status")
        self.assertEqual([v for (name, labels), v in s.items() if name == "postern_gateway_build_info"
                          and dict(labels)["version"] in version], [1])
        self.assertEqual(self.value(s, "postern_gateway_connector_up", connector="1"), 1)
        self.assertEqual(self.value(s, "postern_gateway_connector_stale", connector="1"), 0)
        self.assertLess(self.value(s, "postern_gateway_connector_silence_seconds", connector="1"), 15)
        self.assertEqual(self.value(s, "postern_gateway_records", connector="1"), 1)
        self.assertEqual(self.value(s, "postern_gateway_ec_shm_slots"), 1)
        self.assertLess(self.value(s, "postern_gateway_lease_age_seconds"), 5)
        self.assertEqual(self.value(s, "postern_gateway_part_healthy", part="Access proxies"), 1)
        self.assertGreater(self.value(s, "postern_gateway_nft_transactions_total"), 0)
        self.assertEqual(self.value(s, "postern_gateway_nft_transactions_failed_total"), 0)
        self.assertGreater(self.value(s, "postern_gateway_config_revision"), 0)
        self.assertGreater(self.value(s, "process_resident_memory_bytes"), 1e6)
        self.assertGreater(self.value(s, "process_cpu_seconds_total"), 0)
        self.assertGreater(self.value(s, "process_open_fds"), 5)
        self.assertLess(abs(self.value(s, "process_start_time_seconds") - time.time()), 600)

    def test_2_requests_of_real_servers(self):
        app = f"{self.stack.app_address}:{self.stack.ports['app']}"

        def told():
            s, of = self.scrape(), {"access_proxy": "web", "api_gateway": "1", "server": app}
            return [self.value(s, f"postern_gateway_real_server_{what}", **of) for what in ("requests_total", "failures_total", "requests_in_use")]
        before = told()
        for _ in range(3):
            self.assertEqual(self.get(self.stack.ports["proxy"]).status, 200)
        wait_for(lambda: told() == [before[0] + 3, before[1], 0], "the requests to be counted")

    def test_3_from_the_fact_to_the_cut(self):
        process = self.mark()
        before = self.scrape()
        agent, plan = self.stack.agent, self.stack.plan
        tls = open_tls(plan.gateway_port1, 9445, self.stack.lab.namespaces["ep"], agent.certificate, agent.key)
        stream = open_download(tls, f"{plan.gateway_port1}:9445", every=1)
        self.addCleanup(stream.close)
        live = ("postern_gateway_live_sessions", (("access_proxy", "marked"), ("kind", "http1")))
        wait_for(lambda: self.scrape()[live] >= 1, "the live session")
        listed = self.stack.gateway.cli("diagnose ztna session list marked")
        self.assertIn(f"\n  Endpoint: {self.uid} (", listed)
        self.assertRegex(listed, r"(?m)^marked: 1 connection from \S+$")
        self.assertNotIn(self.uid, self.stack.gateway.cli("diagnose ztna session list no-such-proxy"))
        process.kill()
        stream.wait_end()

        def counted():
            after = self.scrape()
            more = {key: after[key] - before.get(key, 0) for key in after}
            return more if self.value(more, "postern_gateway_decisions_total", action="cut", reason="missing_tag") else None
        more = wait_for(counted, "the cut to be counted")
        self.assertEqual(self.value(more, "postern_gateway_decisions_total", action="cut", reason="missing_tag"), 1)
        took = {}
        for since in ("fact", "ems", "gateway"):
            self.assertGreaterEqual(self.value(more, "postern_gateway_change_published_seconds_count", since=since), 1)
            self.assertEqual(self.value(more, "postern_gateway_change_cut_seconds_count", since=since), 1, since)
            self.assertEqual(self.value(more, "postern_gateway_change_cut_seconds_bucket", since=since, le="+Inf"), 1)
            self.assertEqual(self.value(more, "postern_gateway_change_cut_seconds_bucket", since=since, le="5.0"), 1)
            took[since] = self.value(more, "postern_gateway_change_cut_seconds_sum", since=since)
        # One machine, one clock: who heard of it later took less time.
        self.assertGreaterEqual(took["fact"], took["ems"])
        self.assertGreaterEqual(took["ems"], took["gateway"])
        wait_for(lambda: self.scrape()[live] == 0, "the end of the session")
        print(f"    from the fact to the cut: {took['fact'] * 1000:.0f} ms, from the EMS {took['ems'] * 1000:.0f} ms, "
              f"from this gateway {took['gateway'] * 1000:.0f} ms")
        self.get()
        wait_for(lambda: self.value(self.scrape(), "postern_gateway_decisions_total", action="deny", reason="missing_tag"),
                 "the denial to be counted")

    # ---- syslog

    def log_to(self, reliable, port=0, more=""):
        """A server behind the gateway's second port, which gets the log from now on."""
        stack = self.stack
        server = LogServer(stack.plan.ems, stack.lab.namespaces["srv"], reliable, port)
        self.addCleanup(server.close)
        self.configure_log(server.port, reliable, more)
        self.addCleanup(stack.gateway.configure, "config log syslogd setting\nset status disable\nend\n")
        return server

    def configure_log(self, port, reliable, more=""):
        self.stack.gateway.configure(
            f"config log syslogd setting\nset status enable\nset server {self.stack.plan.ems}\nset port {port}\n"
            f"set mode {'reliable' if reliable else 'udp'}\n{more}end\n")

    def denied(self, path="/"):
        """The id of a denial of now."""
        reply = self.get(path=path)
        self.assertEqual(reply.status, 403, reply.text[:300])
        return re.search(r"<code>(.*?)</code>", reply.text).group(1)

    def assert_the_denial(self, m, path="/"):
        self.assertEqual((m.severity, m.application, m.id, m.element), (4, "postern-gateway", "ztna-deny", "ztna@32473"))
        self.assertEqual((m["action"], m["reason"], m["reason_name"]), ("deny", "065", "missing_tag"))
        self.assertEqual((m["policyname"], m["accessproxy"]), ("only-marked", "marked"))
        self.assertEqual(m.fields["tag"], ["EMS1_ZTNA_Marked"])
        self.assertEqual((m["path"], m["clientdeviceid"]), (path, self.uid))
        self.assertIn("lacks a tag", m.text)

    def test_4_denials_and_cuts_reach_a_log_server(self):
        for reliable in (False, True):
            with self.subTest(reliable=reliable):
                server = self.log_to(reliable, more="set facility local3\n")
                path = '/a"]x'    # what would end a value
                denial = self.denied(path)
                m = wait_for(lambda: server.of(denial), "the denial at the log server")
                self.assertEqual(m.facility, 19)
                self.assert_the_denial(m, path)
                process = self.mark()
                wait_for(lambda: any(m.id == "ztna-accept" and m["status"] == "200" for m in server.messages),
                         "what was let through")
                agent, plan = self.stack.agent, self.stack.plan
                tls = open_tls(plan.gateway_port1, 9445, self.stack.lab.namespaces["ep"], agent.certificate, agent.key)
                stream = open_download(tls, f"{plan.gateway_port1}:9445", every=1)
                self.addCleanup(stream.close)
                process.kill()
                process.wait()
                stream.wait_end()
                cut = wait_for(lambda: next((m for m in list(server.messages) if m.id == "ztna-cut"), None), "the cut")
                self.assertEqual((cut["reason_name"], cut["path"]), ("missing_tag", "/download"))
                self.assertEqual(cut.fields["tag"], ["EMS1_ZTNA_Marked"])
                self.assertIn("Syslog: OK", self.health())
                sent = self.value(self.scrape(), "postern_gateway_syslog_messages_total", outcome="sent")
                self.assertGreaterEqual(sent, 3)

    def test_8_a_decision_is_taken_apart(self):
        denial = self.denied()
        text = wait_for(lambda: self.stack.gateway.cli(f"diagnose ztna decision {denial.lower()}"), "the decision")
        self.assertIn(f"Denial: {denial}\n", text)
        self.assertIn("\nDecision: refused, 065 (missing_tag): ", text)
        self.assertIn("\nEndpoint has, of the tags that policies name: EMS1_ZTNA_Telemetry-Connected", text)
        self.assertRegex(text, r"\nPolicy 11 \(only-marked\), accept: does not match: .*: EMS1_ZTNA_Marked\n")
        self.mark()
        text = self.stack.gateway.cli(f"diagnose ztna decision {denial}")
        self.assertIn("\nReason: 065 (missing_tag)\n", text)     # then
        self.assertIn("\nDecision: let through by policy 11 (only-marked)\n", text)
        self.assertIn("\nPolicy 11 (only-marked), accept: matches, and lets it through\n", text)

    def health(self):
        return re.sub(r" +", " ", self.stack.gateway.cli("get system status"))

    def test_5_names_stay_here_if_so_configured(self):
        server = self.log_to(True)
        self.stack.gateway.configure("config log setting\nset user-anonymize enable\nend\n")
        self.addCleanup(self.stack.gateway.configure, "config log setting\nset user-anonymize disable\nend\n")
        denial = self.denied()
        m = wait_for(lambda: server.of(denial), "the denial at the log server")
        self.assertNotIn("clientdeviceid", m)
        self.assertNotIn("clientdevicename", m)
        self.assertIn("clientcert_sha256", m)

    def test_6_a_log_server_that_is_away_holds_nothing_up(self):
        server = self.log_to(True)
        first = self.denied()
        wait_for(lambda: server.of(first), "the first denial")
        server.close()
        meanwhile = [self.denied() for _ in range(20)]
        wait_for(lambda: "Syslog: FAILED" in self.health(), "the trouble to be told")
        self.assertIn(f"TCP {self.stack.plan.ems} port {server.port}", self.health())
        self.assertEqual(self.value(self.scrape(), "postern_gateway_part_healthy", part="Syslog"), 0)
        # It comes back: what waited is there, in its order.
        again = LogServer(self.stack.plan.ems, self.stack.lab.namespaces["srv"], True, server.port)
        self.addCleanup(again.close)
        wait_for(lambda: again.of(meanwhile[-1]), "the last of what waited", 30)
        seen = [m["id"] for m in again.messages if "id" in m and m["id"] in meanwhile]
        self.assertEqual(seen, meanwhile[-len(seen):])
        self.assertGreaterEqual(len(seen), len(meanwhile) - 1)     # TCP may have taken one for a server that was gone
        wait_for(lambda: "Syslog: OK" in self.health(), "that it is well again")
        self.assertEqual(self.value(self.scrape(), "postern_gateway_syslog_messages_total", outcome="dropped"), 0)

    def test_9_who_rotates_the_traffic_log_loses_nothing(self):
        gateway = self.stack.gateway
        log = gateway.data / "traffic.log"
        before = self.denied()
        wait_for(lambda: before in log.read_text(), "the first denial")
        moved = log.rename(log.with_suffix(".moved"))
        self.addCleanup(moved.unlink)
        os.kill(gateway.process.pid, signal.SIGHUP)
        wait_for(log.exists, "a new log")
        after = self.denied()
        wait_for(lambda: after in log.read_text(), "the denial in the new log")
        self.assertNotIn(after, moved.read_text())
        self.assertIn(after, gateway.cli(f"diagnose ztna denial {after}"))
        log.unlink()                                               # and nobody says so
        wait_for(log.exists, "another new log")
        self.assertIn("Traffic log: OK", self.health())

    def test_9_what_workers_need_and_somebody_removed_is_told(self):
        for name in ("module.sock", "policies", "ec-shm"):
            path = self.stack.gateway.runtime_dir / "shm" / name
            away = path.rename(path.with_suffix(".away"))
            try:
                self.assertIn(f"Access proxies: FAILED: {name} of the runtime directory's shm is gone", self.health())
            finally:
                away.rename(path)
            self.assertIn("Access proxies: OK", self.health())

    def test_7_without_a_server_it_can_not_be_enabled(self):
        with self.assertRaises(harness.LabError) as refused:
            self.stack.gateway.configure("config log syslogd setting\nunset server\nset status enable\nend\n")
        self.assertIn("log syslogd setting: status: enable needs a server", str(refused.exception))


if __name__ == "__main__":
    harness.main()
