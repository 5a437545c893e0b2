"""Bad input at every door: a message that says what to do, and the state as it was."""
import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path

import harness
from harness import LabError, stacks, wait_for


class BadInput(harness.StackTest):
    letter = "b"

    @classmethod
    def set_up(cls, stack):
        # The EMS's disk is a small one, so that it can be full.
        cls.disk = cls.directory / "ems"
        cls.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", cls.disk], check=True)
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()    # also: the way to the EMS, for agents

    @classmethod
    def tear_down(cls):
        super_close = super().tear_down
        if cls.stack is not None:
            cls.stack.ems.process and cls.stack.ems.process.stop()
        subprocess.run(["umount", cls.disk], check=False)
        super_close()

    def agent(self, letter):
        """A fresh agent that nobody has enrolled, in the endpoint's namespace."""
        agent = stacks.Agent(self.stack.lab, self.directory / f"agent-{letter}", self.stack.runtime / f"agent-{letter}",
                             "ep", f"agent-{letter}").start()
        self.addCleanup(agent.process.stop)
        return agent

    def assert_refused(self, agent, invitation, *told):
        done = agent.call("enrol", "-", text=invitation + "\n", check=False)
        self.assertNotEqual(done.returncode, 0)
        # What takes longer than five seconds says so first.
        told = [line for line in done.stderr.strip().splitlines() if "has not answered for 5 seconds" not in line]
        self.assertEqual(len(told), 1, f"one clear line, not: {done.stderr}")
        for part in told:
            self.assertIn(part, done.stderr)
        self.assertFalse(agent.status()["registered"])

    def assert_api(self, status, part, method, path, body):
        with self.assertRaises(stacks.ApiError) as caught:
            self.stack.ems.api(method, path, body)
        self.assertEqual(caught.exception.status, status, caught.exception)
        self.assertIn(part, caught.exception.message)

    # ---- invitations

    def test_invitations(self):
        agent = self.agent("i")
        good = self.stack.ems.invite()
        self.assert_refused(agent, "hello", "invitation")
        self.assert_refused(agent, good[:-6], "invitation")
        made = self.stack.ems.api("POST", "invitations", {"max_uses": 1, "expires_in": 3600})
        wrong = made["invitation"].replace(made["code"], "".join(reversed(made["code"])))
        self.assert_refused(agent, wrong, "invitation")
        self.stack.ems.api("DELETE", f"invitations/{made['id']}")
        self.assert_refused(agent, made["invitation"], "invitation")
        agent.enrol(good)
        wait_for(lambda: agent.status()["connected"], "the agent to be connected")
        uid = agent.uid()
        # Spent: the second one is refused, and the first stays what it is.
        self.assert_refused(self.agent("j"), good, "used")
        done = agent.call("enrol", "-", text=good + "\n", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("registered", done.stderr)
        self.assertEqual(agent.uid(), uid)

    def test_unreachable_ems_and_wrong_port(self):
        agent = self.agent("u")
        invitation = self.stack.ems.invite()
        address = f"{self.stack.ems_address}:{self.stack.ports['telemetry']}"
        self.assertIn(address, invitation)
        self.assert_refused(agent, invitation.replace(address, f"{self.stack.ems_address}:9"), f"{self.stack.ems_address}:9")
        # The EMS's other port: there TLS speaks another protocol.
        self.assert_refused(agent, invitation.replace(address, f"{self.stack.ems_address}:{self.stack.ports['https']}"),
                            str(self.stack.ports["https"]))
        agent.enrol(invitation)

    # ---- the EMS's API

    def test_rules_and_logic(self):
        before = self.stack.ems.api("GET", "tags")
        rule = {"id": 1, "os": "linux", "type": "file", "paths": ["/x"]}
        for status, told, tag in (
                (400, "rule 7", {"name": "L", "rules": [rule], "logic": {"linux": "1 and 7"}}),
                (400, "logic", {"name": "L", "rules": [rule], "logic": {"linux": "1 and"}}),
                (400, "paths", {"name": "L", "rules": [{"id": 1, "os": "linux", "type": "file"}]}),
                (400, "paths", {"name": "L", "rules": [dict(rule, paths=["relative"])]}),
                (400, "type", {"name": "L", "rules": [dict(rule, type="phase-of-the-moon")]}),
                (400, "os", {"name": "L", "rules": [dict(rule, os="plan9")]}),
                (400, "severity", {"name": "L", "rules": [{"id": 1, "os": "linux", "type": "vulnerable-devices",
                                                          "severity": "awful"}]})):
            self.assert_api(status, told, "PUT", "tags/L", tag)
        self.assert_api(404, "", "GET", "tags/L", None)
        self.assertEqual(self.stack.ems.api("GET", "tags"), before)

    def test_api_input(self):
        reply = self.stack.ems.raw("PUT", "/api/v1/tags/L", b"{not json", {"Authorization": f"Bearer {self.stack.ems.token}",
                                                                         "Content-Type": "application/json"})
        self.assertEqual(reply.status, 400)
        self.assertIn("request_id", reply.json()["error"])
        self.assertEqual(self.stack.ems.raw("GET", "/api/v1/endpoints").status, 401)
        self.assert_api(404, "", "GET", "endpoints/" + "0" * 32, None)

    # ---- the gateway's configuration and connector

    def test_connector(self):
        gateway = self.stack.gateway
        before = gateway.cli("show")
        for commands, told in (
                (("config endpoint-control fctems", "edit 8"), "7"),
                (("config endpoint-control fctems", "edit 1", "set https-port 70000"), "65535"),
                (("config endpoint-control fctems", "edit 2", "set status enable", "next"), "server"),
                (("config firewall proxy-policy", "edit 1", 'set access-proxy "nobody"'), "nobody"),
                (("execute fctems verify 1 " + "00" * 32,), "another certificate"),
                (("execute fctems verify 5",), "5"),
                (("diagnose endpoint fctems test-connectivity 5",), "5"),
                (("frobnicate",), "frobnicate")):
            with self.assertRaises(LabError) as caught:
                gateway.cli(*commands)
            self.assertIn(told, str(caught.exception))
        self.assertEqual(gateway.cli("show"), before)

    def health(self, part):
        text = self.stack.gateway.cli("get system status")
        return next(line.split(": ", 1)[1] for line in text.splitlines() if line.startswith(part + ": "))

    def test_port_that_is_taken(self):
        gateway, port = self.stack.gateway, 9555
        self.assertEqual(self.health("Access proxies"), "OK")
        vip = "config firewall vip\nedit web-strict\nset extip {}\nset extport {}\nnext\nend\n"
        address, strict = self.stack.plan.gateway_port1, self.stack.ports["strict"]

        def answers(host, where):
            try:
                return harness.https("GET", host, where, "/", namespace=self.stack.lab.namespaces["gw"]).status
            except OSError:
                return None
        try:
            with harness.stacks.topology.lab_module.inside(self.stack.lab.namespaces["gw"]):
                taken = socket.create_server(("127.0.0.1", port))
            with taken:
                said = gateway.configure(vip.format("0.0.0.0", port))
                self.assertIn("Notice: access proxy web-strict: another program listens at 0.0.0.0 port 9555", said)
                wait_for(lambda: self.health("Access proxies").startswith(
                    "FAILED: access proxy web-strict: another program listens at 0.0.0.0 port 9555"), "the status to say so")
                self.assertEqual(answers("127.0.0.1", strict), 403, "what was in force goes on")
            wait_for(lambda: self.health("Access proxies") == "OK", "nginx to have it once it is free")
            wait_for(lambda: answers("127.0.0.1", port) == 403, "the access proxy at its new place")
            # From every address to one of them: nginx has to let go of the one before it takes the other.
            self.assertEqual(gateway.configure(vip.format(address, port)), "")
            wait_for(lambda: answers(address, port) == 403 and answers("127.0.0.1", port) is None, "the one address alone")
            self.assertEqual(self.health("Access proxies"), "OK")
        finally:
            gateway.configure(vip.format("0.0.0.0", strict))
        wait_for(lambda: answers("127.0.0.1", strict) == 403, "the access proxy where it was")

    def test_address_that_goes(self):
        gateway, inside, strict = self.stack.gateway, self.stack.lab.namespaces["gw"], self.stack.ports["strict"]
        address, other = "10.99.0.1", 9556
        vip = "config firewall vip\nedit web-strict\nset extip {}\nset extport {}\nnext\nend\n"
        web = "config firewall vip\nedit web\nset extport {}\nnext\nend\n"

        def answers(host, where):
            try:
                return harness.https("GET", host, where, "/", namespace=inside, timeout=2).status
            except OSError:
                return None

        def ip(verb):
            subprocess.run(["ip", "-n", inside, "address", verb, f"{address}/32", "dev", "lo"], check=True)
        ip("add")
        try:
            gateway.configure(vip.format(address, strict))
            wait_for(lambda: answers(address, strict) == 403, "the access proxy at an address of its own")
            ip("del")
            wait_for(lambda: f"no interface of this machine has the address {address}" in self.health("Access proxies"), "the status")
            gateway.configure(web.format(other))
            wait_for(lambda: answers("127.0.0.1", other) == 403, "another access proxy to move all the same")
            nginx = int((gateway.runtime_dir / "nginx/state/nginx.pid").read_text())
            os.kill(nginx, signal.SIGKILL)
            wait_for(lambda: answers("127.0.0.1", other) is None or int((gateway.runtime_dir / "nginx/state/nginx.pid").read_text()) != nginx,
                     "nginx to be gone")
            wait_for(lambda: answers("127.0.0.1", other) == 403, "nginx to come back without that address")
            # A gateway that is killed and comes back finds its nginx listening, and leaves it so.
            gateway.process.kill()
            gateway.process.popen.wait()
            gateway.start()
            self.assertEqual({answers("127.0.0.1", other) for _ in range(20)}, {403})
            ip("add")
            wait_for(lambda: answers(address, strict) == 403, "the access proxy once its address is back")
            self.assertEqual(self.health("Access proxies"), "OK")
        finally:
            gateway.configure(vip.format("0.0.0.0", strict) + web.format(self.stack.ports["proxy"]))
            subprocess.run(["ip", "-n", inside, "address", "del", f"{address}/32", "dev", "lo"], check=False, capture_output=True)
        wait_for(lambda: answers("127.0.0.1", strict) == 403, "the access proxy where it was")

    def test_what_others_use(self):
        gateway = self.stack.gateway
        for table, name, user in (("vip", "web", "firewall access-proxy web (vip)"),
                                  ("access-proxy", "web-strict", "firewall proxy-policy 1 (access-proxy); firewall "
                                                                 "proxy-policy 2 (access-proxy)")):
            with self.assertRaises(LabError) as caught:
                gateway.cli(f"config firewall {table}", f"delete {name}", "end")
            self.assertIn(f"firewall {table} {name}: is used by {user}", str(caught.exception))

    def test_connector_to_nowhere(self):
        gateway = self.stack.gateway
        gateway.configure("config endpoint-control fctems\nedit 3\nset status enable\nset name Nowhere\n"
                          f"set server {self.stack.ems_address}\nset https-port 9\nnext\nend\n")
        try:
            with self.assertRaises(LabError) as caught:
                gateway.cli("diagnose endpoint fctems test-connectivity 3")
            self.assertIn(":9", str(caught.exception))
            # The EMS's other port, where agents report: it answers, and no administrator is asked to trust what it shows.
            telemetry = self.stack.ports["telemetry"]
            gateway.configure(f"config endpoint-control fctems\nedit 3\nset https-port {telemetry}\nnext\nend\n")
            for command in ("execute fctems verify 3", "diagnose endpoint fctems test-connectivity 3"):
                with self.assertRaises(LabError) as caught:
                    gateway.cli(command)
                self.assertRegex(str(caught.exception), rf":{telemetry}\b.*(?i:\bport\b)")
            self.assertNotIn("certificate-fingerprint", gateway.cli("show endpoint-control fctems").split("edit 3")[1])
            gateway.configure("config endpoint-control fctems\nedit 3\n"
                              f"set https-port {self.stack.ports['https']}\nnext\nend\n")
            # Reached, and the administrator refuses what it shows: nothing is trusted.
            text = self.stack.lab.call(None, *gateway.cli_argv, "-c", "execute fctems verify 3", "-c", "n").stdout
            self.assertIn("not accepted", text)
            with self.assertRaises(LabError) as caught:
                gateway.cli("diagnose endpoint fctems test-connectivity 3")
            self.assertIn("execute fctems verify 3", str(caught.exception))
        finally:
            gateway.configure("config endpoint-control fctems\ndelete 3\nend\n")
        self.assertIn("successful", gateway.cli("diagnose endpoint fctems test-connectivity 1"))

    def test_changed_certificate_stops_and_asks(self):
        """Another web certificate at the EMS, of another issuer: the connector stops until an administrator looks."""
        d = self.directory
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                        d / "web.key", "-out", d / "web.pem", "-days", "30", "-subj", "/CN=ems.example", "-addext",
                        "subjectAltName=IP:" + self.stack.ems_address, "-addext", "extendedKeyUsage=serverAuth"],
                       check=True, capture_output=True)
        ems, gateway = self.stack.ems, self.stack.gateway
        old = ems.fingerprint()["name"]
        other = {"name": "other", "certificate": (d / "web.pem").read_text(), "private_key": (d / "web.key").read_text()}
        self.assert_api(400, "key", "POST", "certificates/server", dict(other, private_key=self.stack.agent.name))
        ems.api("POST", "certificates/server", other)
        ems.api("POST", "certificates/server/other/select", {})
        try:
            # In effect without a restart, for new connections; the standing one is made anew.
            shown = subprocess.run(f"ip netns exec {self.stack.lab.namespaces['gw']} openssl s_client -connect "
                                   f"{self.stack.ems_address}:{self.stack.ports['https']} </dev/null 2>/dev/null | "
                                   "openssl x509 -noout -subject", shell=True, capture_output=True, text=True).stdout
            self.assertIn("ems.example", shown)
            with self.assertRaises(LabError) as caught:
                gateway.cli("diagnose endpoint fctems test-connectivity 1")
            self.assertIn("another certificate", str(caught.exception))
            wait_for(lambda: "stopped: certificate changed" in gateway.cli("diagnose test application fcnacd 2"),
                     "the connector to stop and ask")
            gateway.cli(f"execute fctems verify 1 {ems.fingerprint()['sha256']}")
            wait_for(lambda: "successful" in gateway.cli("diagnose endpoint fctems test-connectivity 1"), "the connector")
            # Back again, and noticed again; what was accepted last is not what it shows.
            ems.api("POST", f"certificates/server/{old}/select", {})
            wait_for(lambda: "stopped: certificate changed" in gateway.cli("diagnose test application fcnacd 2"),
                     "the connector to stop and ask")
            ems.api("POST", "certificates/server/other/select", {})
            # It shows what was accepted: looking at it is enough to go on.
            gateway.cli("execute fctems verify 1")
            wait_for(lambda: "successful" in gateway.cli("diagnose endpoint fctems test-connectivity 1"), "the connector")
        finally:
            ems.api("POST", f"certificates/server/{old}/select", {})
            gateway.cli(f"execute fctems verify 1 {ems.fingerprint()['sha256']}")
            wait_for(lambda: "successful" in gateway.cli("diagnose endpoint fctems test-connectivity 1"), "the connector")

    # ---- a full disk

    def test_full_disk(self):
        ems = self.stack.ems
        agent = self.agent("f")
        agent.enrol(ems.invite())
        wait_for(lambda: agent.status()["connected"], "the agent to be connected")
        before = ems.api("GET", "tags")
        ballast = self.disk / "ballast"
        # Without a buffer, whose rest would fail once more when the file is closed.
        with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as out:
            while out.write(b"\0" * 65536):
                pass
        try:
            with self.assertRaises((stacks.ApiError, LabError)) as caught:
                for number in range(200):
                    ems.put_tag({"name": f"Full-{number}", "message": "x" * 200, "rules": [
                        {"id": 1, "os": "linux", "type": "file", "paths": [f"/{number}"]}]})
            self.assertGreaterEqual(caught.exception.status, 500)
            self.assertRegex(caught.exception.message, "(?i)disk|space|full")
            # What was refused is not there; what was acknowledged is; reading goes on.
            names = {t["name"] for t in ems.api("GET", "tags?limit=1000")["items"]}
            self.assertLessEqual({t["name"] for t in before["items"]}, names)
            self.assertTrue(ems.api("GET", "ems")["read_only"])
        finally:
            ballast.unlink()
        wait_for(lambda: ems.put_tag({"name": "After", "rules": [
            {"id": 1, "os": "linux", "type": "file", "paths": ["/after"]}]}) is not None, "writing to work again", 60)
        wait_for(lambda: not ems.api("GET", "ems")["read_only"], "the EMS to say so", 30)
        acknowledged = {t["name"] for t in ems.api("GET", "tags?limit=1000")["items"]}
        process = self.stack.lab.processes["ems"]
        process.kill()
        process.popen.wait(20)
        process.start()
        ems.ready()
        self.assertEqual({t["name"] for t in ems.api("GET", "tags?limit=1000")["items"]}, acknowledged)
        wait_for(lambda: agent.status()["connected"], "the agent to be back", 60)

    def test_full_disk_at_the_agent(self):
        disk = self.directory / "agent-k"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        agent, ballast = self.agent("k"), disk / "ballast"

        def fill():
            with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as out:
                while out.write(b"\0" * 4096):
                    pass

        def restart():
            agent.process.kill()
            agent.process.popen.wait(20)
            agent.process.start()
            wait_for(agent.status, "postern-agent to answer")

        made = self.stack.ems.api("POST", "invitations", {"max_uses": 1, "expires_in": 3600})

        def uses():
            items = self.stack.ems.api("GET", "invitations?limit=1000")["items"]
            return next(i["uses"] for i in items if i["id"] == made["id"])
        # No room for the key: nobody has been asked yet.
        fill()
        self.assert_refused(agent, made["invitation"], "client.key", "No space left on device")
        self.assertEqual(uses(), 0)
        # No room for the certificate: the invitation is spent, and the same machine may ask again.
        ballast.unlink()
        wrong = made["invitation"].replace(made["code"], "".join(reversed(made["code"])))
        self.assert_refused(agent, wrong, "invitation")    # it has its key now
        fill()
        self.assert_refused(agent, made["invitation"], "enrol again", "No space left on device")
        self.assertEqual(uses(), 1)
        restart()
        self.assertFalse(agent.status()["registered"], "nothing is half there")
        ballast.unlink()
        agent.enrol(made["invitation"])
        wait_for(lambda: agent.status()["connected"], "the agent to be connected")
        self.assertEqual(uses(), 1)
        # Enrolled, a full disk stops nothing.
        uid = agent.uid()
        fill()
        restart()
        wait_for(lambda: agent.status()["connected"], "the agent to be back")
        self.assertEqual(agent.uid(), uid)


if __name__ == "__main__":
    harness.main()
