"""Each kind of session against each reason for which it has to end, opened before and after a reload of nginx. What goes on,
what ends, and what the log says of it; as a table."""
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import harness
from harness import LabError, accepting, stacks, wait_for
from mark import Mark
from session_kinds import KINDS, Http1Kept, Http2, Routed, Way

PORT, LASTING = 9445, 9446
PYTHON = "/usr/bin/python3"     # Debian's, which has the library of gRPC
PEER = Path(__file__).with_name("grpc_peer.py")

# Beside the application: TCP to it, calls to a server beside it, and calls to a server that another policy leads to.
GATEWAYS = """config firewall access-proxy
    edit "{name}"
        config api-gateway
            edit 2
                set url-map "/tcp"
                set service tcp-forwarding
                config realservers
                    edit 1
                        set ip {app}
                        set port {app_port}
                    next
                end
            next
            edit 3
                set url-map "/lab.Kinds/"
                config realservers
                    edit 1
                        set ip {app}
                        set port {calls}
                    next
                end
            next
            edit 4
                set url-map "/lab.Free/"
                config realservers
                    edit 1
                        set ip {free}
                        set port {calls}
                    next
                end
            next
        end
    next
end
"""
POLICIES = """config firewall proxy-policy
    edit 20
        set name "forbidden"
        set access-proxy "kinds"
        set dstaddr "app"
        set ztna-ems-tag "EMS1_ZTNA_Has-File"
        set action deny
    next
    edit 21
        set name "marked"
        set access-proxy "kinds"
        set dstaddr "app"
        set ztna-ems-tag "EMS1_ZTNA_Marked"
        set action accept
    next
    edit 23
        set name "free"
        set access-proxy "kinds"
        set dstaddr "ems"
        set ztna-ems-tag "EMS1_ZTNA_Telemetry-Connected"
        set action accept
    next
    edit 22
        set name "lasting"
        set access-proxy "lasting"
        set ztna-ems-tag "EMS1_ZTNA_Telemetry-Connected"
        set action accept
    next
end
config firewall policy
    edit 2
        set ztna-ems-tag "EMS1_ZTNA_Marked"
    next
    edit 4
        set name "forbidden"
        set srcintf "port1"
        set dstintf "port2"
        set srcaddr "endpoints"
        set dstaddr "app"
        set service "APP"
        set ztna-status enable
        set ztna-ems-tag "EMS1_ZTNA_Has-File"
        set action deny
    next
    move 4 before 2
end
"""


class SessionKinds(harness.StackTest):
    letter = "k"
    options = {"second_endpoint": True}
    rows = []

    @classmethod
    def set_up(cls, stack):
        base = list(stack.ems.command)
        # The first certificate is out of date after 160 s; its agent, stopped, counts as online for longer than that.
        stack.ems.command += ["--offline-timeout", "400", "--client-certificate-life", "160"]
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.mark = Mark(cls.directory, cls.name)
        cls.addClassCleanup(cls.mark.stop)
        cls.mark.put_tags(stack.ems)
        port_file = cls.directory / "calls.port"
        stack.lab.start("calls", [PYTHON, PEER, "server", port_file], "srv")
        wait_for(port_file.exists, "the server of calls to listen")
        stack.gateway.configure("".join(
            stack.access_proxy(name, port) + GATEWAYS.format(
                name=name, app=stack.app_address, app_port=stack.ports["app"], free=stack.plan.ems, calls=port_file.read_text())
            for name, port in (("kinds", PORT), ("lasting", LASTING))) + POLICIES)
        cls.mark.start()
        cls.begin_short_lived(stack)
        stack.ems.command = [*base, "--keepalive", "1", "--offline-timeout", "400"]
        cls.restart_ems()
        cls.uid = stack.enrol()
        stack.wait_evaluated(cls.uid)
        cls.way = Way(stack.lab.namespaces["ep"], stack.plan.gateway_port1, PORT, stack.agent.certificate, stack.agent.key,
                      (stack.plan.app, stack.ports["app"]))

    @classmethod
    def begin_short_lived(cls, stack):
        """Another endpoint, whose certificate stays as it is; and its sessions."""
        other = stacks.Agent(stack.lab, cls.directory / "agent2", stack.runtime / "agent2", "ep2", "agent2").start()
        uid = stack.enrol(other)
        wait_for(lambda: "Telemetry-Connected" in stack.ems.endpoint(uid)["tags"], "the second endpoint's tag")
        os.kill(other.process.pid, signal.SIGSTOP)
        cls.held = [cls.directory / "held.pem", cls.directory / "held.key"]
        shutil.copy(other.certificate, cls.held[0])
        shutil.copy(other.key, cls.held[1])
        text = subprocess.run(["openssl", "x509", "-in", cls.held[0], "-noout", "-enddate"], capture_output=True, text=True,
                              check=True).stdout
        cls.expires = time.mktime(time.strptime(text.strip().split("=")[1], "%b %d %H:%M:%S %Y GMT")) - time.timezone
        way = Way(stack.lab.namespaces["ep2"], stack.plan.gateway_port1, LASTING, *cls.held,
                  (stack.plan.app, stack.ports["app"]))
        wait_for(lambda: cls.status(way) == 200, "access of the second endpoint")
        cls.lasting_way = way

    @staticmethod
    def status(way):
        return harness.https("GET", way.host, way.port, "/", certificate=way.certificate, key=way.key,
                             namespace=way.namespace).status

    @classmethod
    def restart_ems(cls):
        process = cls.stack.lab.processes["ems"]
        process.stop()
        process.command = cls.stack.ems.command
        process.stopping = False
        process.start()
        cls.stack.ems.ready()
        wait_for(lambda: "successful" in cls.stack.gateway.cli("diagnose endpoint fctems test-connectivity 1"), "the connector")

    @classmethod
    def tear_down(cls):
        if cls.rows:
            print(cls.table())
        super().tear_down()

    # ---- the table

    @classmethod
    def table(cls):
        kinds = [k.name for k in KINDS]
        width = max(len(r[0]) for r in cls.rows) + 2
        lines = ["", "    what ends which session, opened before a reload of nginx / after it:",
                 "    " + "trigger".ljust(width) + "  ".join(k.ljust(19) for k in kinds)]
        for trigger, found in cls.rows:
            lines.append("    " + trigger.ljust(width) + "  ".join(found.get(k, "-").ljust(19) for k in kinds))
        return "\n".join(lines)

    # ---- one round

    def cut_lines(self, since, sessions):
        text = (self.stack.gateway.data / "traffic.log").read_bytes()[since:].decode()
        lines = [json.loads(line) for line in text.splitlines() if '"action":"cut"' in line]
        places = [(s.source, s.port) for s in sessions]
        return [line for line in lines if (line.get("srcip"), line.get("srcport")) in places]

    def reload(self):
        master, before = self.stack.gateway.nginx_pids()
        os.kill(master, signal.SIGHUP)
        # What those of before accept until they have heard of it would end with them.
        wait_for(lambda: len(set(self.stack.gateway.nginx_pids()[1]) - set(before)) == 2 and
                 not any(accepting(pid) for pid in before), "new workers to serve")

    def open_all(self, way, kinds=KINDS):
        sessions = []
        since = (self.stack.gateway.data / "traffic.log").stat().st_size
        for kind in kinds:
            try:
                session = kind(way)
            except LabError as error:
                # Nobody has begun to end anything yet: whoever did says why.
                told = (self.stack.gateway.data / "traffic.log").read_bytes()[since:].decode()
                raise LabError(f"{kind.name} did not begin: {error}; the traffic log since:\n{told}") from error
            self.addCleanup(session.close)
            sessions.append(session)
        return sessions

    def expect(self, trigger, sessions, since, reason, seconds=20, lease=False):
        """All of them end, and the log gives this reason for each that is in there. `lease`: what is routed only falls silent
        while nobody renews the kernel's lease, and goes on afterwards: nobody ended it."""
        found = {}
        for label, batch in sessions:
            for s in batch:
                with self.subTest(trigger=trigger, kind=s.name, opened=label):
                    how = s.wait_end(seconds)
                    why = "-"
                    if how != "the next request was refused" and "idle" not in s.name and not (how == "silent" and lease):
                        line = wait_for(lambda: next(iter(self.cut_lines(since, [s])), None),
                                        f"the log to say why {s.name} ended")
                        why = line["reason"]
                        self.assertEqual((line["reason"], line["reason_name"]), reason, line)
                    elif how == "the next request was refused":
                        why = "403"
                    else:
                        why = how
                    found[s.name] = " / ".join(filter(None, [found.get(s.name), why]))
        self.rows.append((trigger, found))

    def check_neighbours(self, sessions, stay):
        """Of an HTTP/2 connection just that stream ends which a policy concerns, or all of it with its endpoint."""
        for s in sessions:
            if not isinstance(s, Http2):
                continue
            if stay:
                s.neighbour.wait_bytes()
            else:
                s.neighbour.wait_end()

    def round(self, trigger, begin, reason, undo, seconds=20, neighbours=False):
        wait_for(lambda: self.status(self.way) == 200, "access", 40)
        wait_for(lambda: Routed(self.way).close() is None, "the way through the firewall", 40)
        # A kept connection without a request ends with the worker that had it.
        before = self.open_all(self.way, [k for k in KINDS if k is not Http1Kept])
        self.reload()
        after = self.open_all(self.way)
        for s in before + after:
            s.wait_live()
        since = (self.stack.gateway.data / "traffic.log").stat().st_size
        begin()
        try:
            self.expect(trigger, [("before", before), ("after", after)], since, reason, seconds)
            self.check_neighbours(before + after, neighbours)
            # Nobody gets in anew, either.
            self.assertEqual(self.status(self.way), 403)
        finally:
            undo()

    def configure(self, text):
        self.stack.gateway.configure(text)

    def both(self, line):
        """One change of both policies that let in."""
        self.configure(f"config firewall proxy-policy\nedit 21\n{line}\nnext\nend\n"
                       f"config firewall policy\nedit 2\n{line}\nnext\nend\n")

    # ---- the triggers

    def test_00_the_second_endpoints_sessions_are_open(self):
        type(self).lasting = [("before", [k(self.lasting_way) for k in KINDS if k not in (Http1Kept, Routed)])]
        self.reload()
        self.lasting.append(("after", [k(self.lasting_way) for k in KINDS if k is not Routed]))
        type(self).lasting_since = (self.stack.gateway.data / "traffic.log").stat().st_size

    def test_01_a_tag_is_lost(self):
        self.round("tag lost", self.mark.stop, ("065", "missing_tag"), self.mark.start, neighbours=True)

    def test_02_a_forbidden_tag_comes(self):
        self.round("forbidden tag", lambda: self.mark.file.write_text(""), ("064", "forbidden_tag"), self.mark.file.unlink,
                   neighbours=True)

    def test_03_a_policy_says_no(self):
        self.round("policy denies", lambda: self.both("set action deny"), ("064", "forbidden_tag"),
                   lambda: self.both("set action accept"), neighbours=True)

    def test_04_a_policy_is_switched_off(self):
        self.round("policy off", lambda: self.both("set status disable"), ("061", "no_policy"),
                   lambda: self.both("set status enable"), neighbours=True)

    def test_05_an_administrator_quarantines(self):
        self.round("quarantined", lambda: self.stack.ems.api("POST", f"endpoints/{self.uid}/quarantine", {}),
                   ("068", "quarantined"), lambda: self.stack.ems.api("POST", f"endpoints/{self.uid}/unquarantine", {}))

    def test_06_a_schedule_ends(self):
        end = time.localtime(time.time() + 75 if time.localtime().tm_sec > 40 else time.time() + 60)

        def begin():
            self.configure('config firewall schedule onetime\nedit "now"\nset start 00:00 2026/01/01\n'
                           f'set end {time.strftime("%H:%M %Y/%m/%d", end)}\nnext\nend\n')
            self.both('set schedule "now"')
        self.round("schedule ended", begin, ("061", "no_policy"), lambda: self.both("unset schedule"), 90,
                   neighbours=True)

    def test_06_real_servers_are_taken_out(self):
        """Policies let in to the new ones as to the old ones."""
        def lead_to(address):
            self.configure('config firewall access-proxy\nedit "kinds"\nconfig api-gateway\n' + "".join(
                f"edit {number}\nconfig realservers\nedit 1\nset ip {address}\nnext\nend\nnext\n" for number in (1, 2, 3)) +
                "end\nnext\nend\n")
        self.configure('config firewall proxy-policy\nedit 21\nappend dstaddr "ems"\nnext\nend\n')
        wait_for(lambda: self.status(self.way) == 200, "access", 40)
        kinds = [k for k in KINDS if k not in (Http1Kept, Routed)]
        before = self.open_all(self.way, kinds)
        self.reload()
        after = self.open_all(self.way, kinds)
        since = (self.stack.gateway.data / "traffic.log").stat().st_size
        lead_to(self.stack.plan.ems)
        try:
            self.expect("server taken out", [("before", before), ("after", after)], since, ("022", "no_real_server"))
            self.check_neighbours(before + after, True)
        finally:
            lead_to(self.stack.plan.app)
            self.configure('config firewall proxy-policy\nedit 21\nset dstaddr "app"\nnext\nend\n')

    def test_07_a_certificate_goes_out_of_date(self):
        left = self.expires - time.time()
        early = self.cut_lines(self.lasting_since, [s for _, batch in self.lasting for s in batch])
        self.assertTrue(left < 0 or not early, early)
        self.expect("certificate expired", self.lasting, self.lasting_since, ("001", "invalid_certificate"), max(left, 0) + 20)
        self.assertGreaterEqual(time.time(), self.expires)
        for _, batch in self.lasting:
            for s in batch:
                s.close()

    def test_08_the_ems_is_silent_past_the_threshold(self):
        def threshold(seconds):
            self.configure(f"config endpoint-control fctems\nedit 1\nset out-of-sync-threshold {seconds}\nnext\nend\n")
        ems = self.stack.lab.processes["ems"]
        threshold(10)

        def undo():
            os.kill(ems.pid, signal.SIGCONT)
            threshold(180)
        self.round("EMS silent", lambda: os.kill(ems.pid, signal.SIGSTOP), ("070", "stale"), undo, 40)

    def test_09_the_gateway_itself_is_silent(self):
        gateway = self.stack.lab.processes["gateway"]
        wait_for(lambda: self.status(self.way) == 200, "access", 40)
        before = self.open_all(self.way, [k for k in KINDS if k is not Http1Kept])
        self.reload()
        after = self.open_all(self.way)
        since = (self.stack.gateway.data / "traffic.log").stat().st_size
        os.kill(gateway.pid, signal.SIGSTOP)
        try:
            ends = {s: s.wait_end(20) for s in before + after}
        finally:
            os.kill(gateway.pid, signal.SIGCONT)
        for s, how in ends.items():
            s.wait_end = lambda seconds, how=how: how     # a new request would be let through again
        self.expect("gateway silent", [("before", before), ("after", after)], since, ("070", "stale"), lease=True)

    def test_10_the_endpoint_goes_offline(self):
        self.offline_after("400", "8")
        agent = self.stack.agent.process
        try:
            self.round("offline", lambda: os.kill(agent.pid, signal.SIGSTOP), ("067", "offline"),
                       lambda: os.kill(agent.pid, signal.SIGCONT))
        finally:
            # A moment in which this machine stands still must not end what others open.
            self.offline_after("8", "400")

    def offline_after(self, before, seconds):
        self.stack.ems.command = [seconds if c == before else c for c in map(str, self.stack.ems.command)]
        self.restart_ems()
        wait_for(lambda: self.stack.ems.endpoint(self.uid)["online"], "the endpoint to be online")

    def test_11_the_certificate_is_revoked(self):
        held = Way(self.way.namespace, self.way.host, PORT, self.directory / "mine.pem", self.directory / "mine.key", self.way.app)
        shutil.copy(self.way.certificate, held.certificate)     # the agent destroys what counts no more
        shutil.copy(self.way.key, held.key)
        type(self).way = held
        self.round("revoked", lambda: self.stack.ems.api("POST", f"endpoints/{self.uid}/revoke", {}), ("063", "revoked"),
                   lambda: None)


if __name__ == "__main__":
    harness.main()
