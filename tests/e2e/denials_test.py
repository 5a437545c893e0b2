"""Who the access proxy lets in and whom it refuses, each for its own reason on the page and in the log."""
import json
import re
import shutil
import sqlite3
import subprocess
import types

import harness
from careless import Careless
from harness import https, open_tls, stacks, wait_for

# Three more access proxies: one in front of a careless application, one whose policy forbids a tag that the test can
# give and take, one that demands a tag that can't be told.
POLICIES = """config firewall proxy-policy
    edit 11
        set access-proxy "no-mark"
        set ztna-ems-tag "EMS1_ZTNA_Marked"
        set action deny
    next
    edit 12
        set access-proxy "no-mark"
        set ztna-ems-tag "EMS1_ZTNA_Telemetry-Connected"
        set action accept
    next
    edit 13
        set access-proxy "judged"
        set ztna-ems-tag "EMS1_ZTNA_Vulnerable-Device"
        set ztna-ems-tag-negate enable
        set action accept
    next
    edit 14
        set access-proxy "careless"
        set ztna-ems-tag "EMS1_ZTNA_Telemetry-Connected"
        set action accept
    next
end
"""


def openssl(*arguments, cwd):
    done = subprocess.run(["openssl", *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(map(str, arguments))}: {done.stderr}")
    return done.stdout


class Denials(harness.StackTest):
    letter = "d"

    @classmethod
    def set_up(cls, stack):
        # 170 s: issued five minutes back, so that clocks may differ, a certificate renews itself after 13 s.
        stack.ems.command += ["--keepalive", "1", "--offline-timeout", "4", "--client-certificate-life", "170"]
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.careless = Careless(stack.app_address, stack.lab.namespaces["srv"])
        cls.addClassCleanup(cls.careless.close)
        stack.gateway.configure(
            stack.access_proxy("no-mark", 9445) + stack.access_proxy("judged", 9446) +
            stacks.ACCESS_PROXY.format(name="careless", port=9447, listen="0.0.0.0", app=stack.app_address,
                                       app_port=cls.careless.port) + POLICIES)
        cls.program = cls.directory / f"mark{cls.name}"
        shutil.copy("/bin/sleep", cls.program)
        stack.ems.put_tag({"name": "Marked", "message": "End the mark.", "rules": [
            {"id": 1, "os": "linux", "type": "running-process", "processes": [cls.program.name]}]})
        cls.uid = stack.enrol()
        stack.wait_evaluated(cls.uid)

    def get(self, proxy="proxy", certificate=None, key=None, namespace="ep", host=None, path="/"):
        port = proxy if isinstance(proxy, int) else self.stack.ports[proxy]
        return https("GET", host or self.stack.plan.gateway_port1, port, path, certificate=certificate, key=key,
                     namespace=self.stack.lab.namespaces[namespace])

    def mine(self, proxy="proxy", agent=None, **options):
        agent = agent or self.stack.agent
        return self.get(proxy, agent.certificate, agent.key, **options)

    def log_line(self, denial_id):
        """The gateway's record of a denial: what a help desk sees under the id."""
        def find():
            for line in reversed((self.stack.gateway.data / "traffic.log").read_text().splitlines()):
                if denial_id in line:
                    return json.loads(line)
            return None
        return wait_for(find, f"denial {denial_id} in the log")

    def assert_denied(self, reply, code, name, detail=None):
        self.assertEqual(reply.status, 403, reply.text[:300])
        self.assertEqual(re.search(r"<small>Reason</small>(\d+)", reply.text).group(1), code)
        denial_id = re.search(r"<code>(.*?)</code>", reply.text).group(1)
        logged = self.log_line(denial_id)
        self.assertEqual((logged["reason"], logged["reason_name"]), (code, name))
        self.assertIn(f"\nReason: {code} ({name})\n", self.stack.gateway.cli(f"diagnose ztna denial {denial_id.lower()}"))
        if detail is not None:
            self.assertEqual(logged["detail"], detail)
            # The client has its id; what exactly is wrong with a certificate is the help desk's.
            self.assertNotIn(detail, reply.text)
        return reply

    def assert_allowed(self, reply):
        self.assertEqual(reply.status, 200, reply.text[:600])
        self.assertIn("protected application", reply.text)

    def wait_allowed(self, proxy="proxy", agent=None, **options):
        wait_for(lambda: self.mine(proxy, agent, **options).status == 200, "access")

    def wait_reason(self, code, proxy="proxy", agent=None, **options):
        return wait_for(lambda: (lambda r: r if f"<small>Reason</small>{code}" in r.text else None)(
            self.mine(proxy, agent, **options)), f"a denial for reason {code}")

    # ---- allowed

    def test_allowed_with_the_tag(self):
        reply = self.mine()
        self.assert_allowed(reply)
        log = self.stack.gateway.data / "traffic.log"
        wait_for(lambda: '"action":"accept","policyid":2,"policyname":"connected"' in log.read_text(), "the log to say so")

    def test_allowed_with_a_renewed_certificate(self):
        def serial():
            return subprocess.run(["openssl", "x509", "-in", self.stack.agent.certificate, "-noout", "-serial"],
                                  capture_output=True, text=True, check=True).stdout.strip().split("=")[1]
        first, key = serial(), self.stack.agent.key.read_bytes()
        wait_for(lambda: serial() != first, "the agent to renew its certificate", 40)
        self.assertEqual(self.stack.agent.key.read_bytes(), key, "renewed for the same key")
        wait_for(lambda: self.stack.ems.endpoint(self.uid)["client_cert_sn"] == serial(), "the EMS to name the new one")
        self.wait_allowed()
        wait_for(lambda: f"Client cert SN: {serial()}\n" in self.stack.gateway.cli("diagnose endpoint ec-shm list"),
                 "the gateway to name the new one")

    def test_a_request_hidden_in_a_body_is_answered_to_nobody_else(self):
        self.wait_allowed(9447)
        hidden = b"GET /smuggled HTTP/1.1\r\nX-Smuggled: "
        chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden)
        agent, host = self.stack.agent, self.stack.plan.gateway_port1
        for head, body in (("Content-Length: %d\r\n" % len(hidden), hidden), ("Transfer-Encoding: chunked\r\n", chunked),
                           ("Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: %d\r\n" % len(hidden), hidden)):
            with self.subTest(head=head):
                # In one piece, so that all of the body has gone to the application when its answer comes.
                with open_tls(host, 9447, self.stack.lab.namespaces["ep"], agent.certificate, agent.key) as attacker:
                    attacker.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n{head}\r\n".encode() + body)
                    self.assertIn(b" 200 ", harness.read_head(attacker))
                for _ in range(8):
                    reply = self.mine(9447)
                    self.assertEqual(reply.text.split("\r\n")[0], "GET / HTTP/1.1")
                    self.assertNotIn("X-Smuggled", reply.text)

    # ---- who are you?

    def test_without_certificate(self):
        reply = self.assert_denied(self.get(), "002", "empty_certificate")
        # Whoever has not shown who he is learns no name of a tag or a policy.
        self.assertNotIn("Telemetry", reply.text)
        self.assertNotIn("connected", reply.text.replace("connection", ""))

    def test_foreign_certificate(self):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "foreign.key",
                "-out", "foreign.pem", "-days", "2", "-subj", "/CN=foreign", "-addext", "extendedKeyUsage=clientAuth",
                cwd=self.directory)
        self.assert_denied(self.get(certificate=self.directory / "foreign.pem", key=self.directory / "foreign.key"),
                           "001", "invalid_certificate", "self-signed certificate")
        # The same, of an authority that nobody here knows: its name in the certificate helps nothing.
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "other-ca.key",
                "-out", "other-ca.pem", "-days", "2", "-subj", "/CN=Other CA", cwd=self.directory)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "issued.key", "-out",
                "issued.csr", "-subj", f"/CN={self.uid}", cwd=self.directory)
        openssl("x509", "-req", "-in", "issued.csr", "-CA", "other-ca.pem", "-CAkey", "other-ca.key", "-CAcreateserial",
                "-days", "2", "-out", "issued.pem", cwd=self.directory)
        self.assert_denied(self.get(certificate=self.directory / "issued.pem", key=self.directory / "issued.key"),
                           "001", "invalid_certificate", "unable to verify the first certificate")

    def test_expired_certificate(self):
        """Signed by the very ZTNA CA, whose key the test takes out of the EMS's database, and a day too old."""
        for file in self.stack.ems.data.glob("ems.db*"):    # the EMS holds its own for itself
            shutil.copy(file, self.directory / ("copy-" + file.name))
        with sqlite3.connect(self.directory / "copy-ems.db") as database:
            table = next(t for (t,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
                         if "meta" in t)
            rows = [tuple(map(str, (v.decode(errors="replace") if isinstance(v, bytes) else v for v in row)))
                    for row in database.execute(f"SELECT * FROM {table}")]  # noqa: S608
        pem = next(part for row in rows if "ztna_ca" in row for part in row if "BEGIN" in part)
        (self.directory / "ca.pem").write_text(pem)
        (self.directory / "index.txt").write_text("")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "old.key",
                "-out", "old.csr", "-subj", "/CN=OLD", cwd=self.directory)
        (self.directory / "ca.conf").write_text(
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nrand_serial=yes\nnew_certs_dir=.\ndefault_md=sha256\n"
            "policy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\nextendedKeyUsage=clientAuth\n")
        openssl("ca", "-batch", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.pem", "-in", "old.csr", "-out",
                "old.pem", "-notext", "-startdate", "20200101000000Z", "-enddate", "20200102000000Z", cwd=self.directory)
        self.assert_denied(self.get(certificate=self.directory / "old.pem", key=self.directory / "old.key"),
                           "001", "invalid_certificate", "certificate has expired")

    def test_not_met_yet_then_unknown_then_revoked(self):
        """An endpoint whose way out is not this gateway: it is not shared, so the gateway asks the EMS on demand."""
        lab, plan = self.stack.lab, self.stack.plan
        lab.add_namespace("far")
        lab.connect("far", "eth0", "10.0.3.2/24", "srv", "far0", "10.0.3.1/24")
        lab.ip("far", "route", "add", "default", "via", "10.0.3.1")
        lab.sysctl("srv", "net.ipv4.ip_forward", 1)
        lab.ip("gw", "route", "add", "10.0.3.0/24", "via", plan.ems)
        far = stacks.Agent(lab, self.directory / "far", self.stack.runtime / "far", "far", "far").start()
        uid = self.stack.enrol(far)
        wait_for(lambda: "Telemetry-Connected" in self.stack.ems.endpoint(uid)["tags"], "the far endpoint's tag")
        self.assertNotIn(uid, self.stack.gateway.cli("diagnose endpoint ec-shm list"), "it is not shared")
        # Copies: an agent that is told that its certificate counts no more destroys it.
        held = types.SimpleNamespace(certificate=self.directory / "held.pem", key=self.directory / "held.key")
        shutil.copy(far.certificate, held.certificate)
        shutil.copy(far.key, held.key)
        way = {"agent": held, "namespace": "far", "host": plan.gateway_port2}
        self.assert_allowed(self.mine(**way))
        # Matched by its connection, and in no resolved address: nobody has asked the network for it.
        self.assertIn(uid, self.stack.gateway.cli("diagnose endpoint ec-shm list"))
        self.assertNotIn("10.0.3.2", self.stack.gateway.cli("diagnose firewall dynamic list"))

        self.stack.ems.api("POST", f"endpoints/{uid}/revoke", {})
        self.wait_reason("063", **way)
        self.assert_denied(self.mine(**way), "063", "revoked")
        far.process.stop()
        self.stack.ems.api("DELETE", f"endpoints/{uid}")
        # Its certificate is still of our CA and in date, and nobody knows it.
        self.wait_reason("066", **way)
        self.assert_denied(self.mine(**way), "066", "unknown_endpoint")

    def test_revoked_behind_the_gateway(self):
        """It was shared because this gateway is its way out; revoked, it has that reason and not `unknown`."""
        second = stacks.Agent(self.stack.lab, self.directory / "second", self.stack.runtime / "second",
                              self.stack.agent.short, "second").start()
        uid = self.stack.enrol(second)
        held = types.SimpleNamespace(certificate=self.directory / "second.pem", key=self.directory / "second.key")
        shutil.copy(second.certificate, held.certificate)
        shutil.copy(second.key, held.key)
        wait_for(lambda: "Telemetry-Connected" in self.stack.ems.endpoint(uid)["tags"], "the second endpoint's tag")
        wait_for(lambda: self.mine(agent=held).status == 200, "the second agent's certificate is allowed")
        self.stack.ems.api("POST", f"endpoints/{uid}/revoke", {})
        self.wait_reason("063", agent=held)
        self.assert_denied(self.mine(agent=held), "063", "revoked")
        second.process.stop()
        self.stack.ems.api("DELETE", f"endpoints/{uid}")

    # ---- how are you?

    def test_tag_gone(self):
        tag = dict(stacks.TELEMETRY_CONNECTED, rules=[{"id": 1, "os": "linux", "type": "ems-management"},
                                                      {"id": 2, "os": "linux", "type": "file", "paths": ["/nowhere/at/all"]}])
        self.stack.ems.put_tag(tag)
        try:
            self.wait_reason("065")
            reply = self.assert_denied(self.mine(), "065", "missing_tag")
            self.assertIn(stacks.TELEMETRY_CONNECTED["message"], reply.text)
            self.assertNotIn("EMS1_ZTNA", reply.text)
        finally:
            self.stack.ems.put_tag(stacks.TELEMETRY_CONNECTED)
        self.wait_allowed()

    def test_deny_tag_present(self):
        self.wait_allowed(9445)
        mark = subprocess.Popen([self.program, "600"])
        try:
            self.wait_reason("064", 9445)
            reply = self.assert_denied(self.mine(9445), "064", "forbidden_tag")
            self.assertIn("End the mark.", reply.text)
        finally:
            mark.kill()
            mark.wait()
        self.wait_allowed(9445)

    def test_tag_unknown(self):
        """Without a vulnerability scan nobody can say whether the device is vulnerable: unknown never grants, never spares."""
        def judged():
            endpoint = self.stack.ems.endpoint(self.uid)
            return "Vulnerable-Device" in endpoint["unknown_tags"], endpoint["vulnerabilities"] is not None

        # On a machine with nothing but findings without a severity it is unknown with a scan, too.
        before = judged()
        self.stack.ems.api("PUT", "profiles/Default", {"show_security_posture_tag": True, "vulnerability_scan": False})
        try:
            wait_for(lambda: judged() == (True, False), "the tag to be unknown")
            self.wait_reason("069", 9446)
            self.assert_denied(self.mine(9446), "069", "posture_unknown")
            self.assert_denied(self.mine("strict"), "069", "posture_unknown")
            self.assert_allowed(self.mine())
        finally:
            self.stack.ems.api("PUT", "profiles/Default", {"show_security_posture_tag": True, "vulnerability_scan": True})
        wait_for(lambda: judged() == before, "the scan to count again")

    def test_quarantined(self):
        self.stack.ems.api("POST", f"endpoints/{self.uid}/quarantine", {"reason": "found on a list"})
        try:
            self.wait_reason("068")
            reply = self.assert_denied(self.mine(), "068", "quarantined")
            self.assertNotIn("found on a list", reply.text)
        finally:
            self.stack.ems.api("POST", f"endpoints/{self.uid}/unquarantine", {})
        self.wait_allowed()

    def test_offline(self):
        agent = self.stack.agent.process
        agent.stop()
        self.wait_reason("067")
        self.assert_denied(self.mine(), "067", "offline")
        agent.stopping = False
        agent.start()
        self.wait_allowed()


if __name__ == "__main__":
    harness.main()
