"""What people see of Postern without a console, in Debian's Chromium: the authorise page and the denial page."""
import json
import os
import shutil
import signal
import subprocess

import harness
from harness import ROOT, LabError, stacks, wait_for

BROWSER = ROOT / "tests/browser"


class Pages(harness.StackTest):
    letter = "p"
    options = {"host_links": True}

    @classmethod
    def set_up(cls, stack):
        if not (BROWSER / "node_modules/playwright-core").is_dir():
            done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=BROWSER, capture_output=True, text=True)
            if done.returncode != 0:
                raise LabError(f"npm ci in tests/browser: {done.stderr[-500:]}")
        super().set_up(stack)
        cls.program = cls.directory / f"mark{cls.name}"
        shutil.copy("/bin/sleep", cls.program)
        cls.mark = None
        # Kept only where somebody wants to look at them.
        cls.shots = os.environ.get("POSTERN_SCREENSHOTS", str(cls.directory / "shots"))

    @classmethod
    def tear_down(cls):
        if getattr(cls, "mark", None) is not None:
            cls.mark.kill()
            cls.mark.wait()
        super().tear_down()

    def drive(self, step, on_mend=None, **values):
        stack = {"ems": self.stack.url("https"), "password": self.stack.ems.password, "screenshots": self.shots,
                 "gateway_serial": self.stack.gateway.serial(), "proxy": self.stack.url("proxy") + "/", **values}
        process = subprocess.Popen(["node", BROWSER / "pages.mjs", step], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env={**os.environ, "POSTERN_STACK": json.dumps(stack)})
        said = []
        for line in process.stderr:
            said.append(line)
            if line.strip() == "MEND" and on_mend:
                on_mend()
        self.assertEqual(process.wait(120), 0, "".join(said)[-3000:])
        process.stdout.close()
        process.stderr.close()

    def test_1_authorise(self):
        gateway, ems = self.stack.gateway, self.stack.ems
        gateway.configure(stacks.CONNECTOR.format(server=self.stack.ems_address, port=self.stack.ports["https"]))
        text = gateway.cli(f"execute fctems verify 1 {ems.fingerprint()['sha256']}")
        device = wait_for(lambda: next((d for d in ems.api("GET", "fabric-devices")["items"] if d["state"] == "pending"), None),
                          "the gateway to be pending")
        with self.assertRaises(LabError) as caught:
            gateway.cli("diagnose endpoint fctems test-connectivity 1")
        self.assertIn(f"https://{self.stack.ems_address}:{self.stack.ports['https']}/fabric-authorization?"
                      f"serial={gateway.serial()}", str(caught.exception))
        self.assertIn("test-connectivity 1", text)
        self.drive("authorise", gateway_key=device["offered_key"]["sha256"])
        wait_for(lambda: "successful" in gateway.cli("diagnose endpoint fctems test-connectivity 1"), "the connector")
        self.assertEqual(ems.api("GET", f"fabric-devices/{gateway.serial()}")["state"], "authorised")

    def test_2_denial(self):
        stack = self.stack
        stack.make_tags()
        stack.protect()
        stack.ems.put_tag({"name": "Marked", "message": "Start the mark.", "rules": [
            {"id": 1, "os": "linux", "type": "running-process", "processes": [self.program.name]}]})
        stack.gateway.configure('config firewall proxy-policy\nedit 2\nset ztna-ems-tag "EMS1_ZTNA_Marked"\nnext\nend\n')
        uid = stack.enrol()
        stack.wait_evaluated(uid)

        type(self).uid = uid

        def mend():
            type(self).mark = subprocess.Popen([self.program, "600"])
        self.drive("denial", mend, certificate=str(stack.agent.certificate), key=str(stack.agent.key))

    def look(self, page, status, title, says, on_mend=None, certificate=True, focusable=("Check again", "Copy for the help desk")):
        mine = {"certificate": str(self.stack.agent.certificate), "key": str(self.stack.agent.key)} if certificate else {}
        self.drive("look", on_mend, page=page, status=status, title=title, says=says, opens=on_mend is not None, focusable=list(focusable),
                   **mine)

    def test_3_the_other_reasons(self):
        """Who nobody knows, who is kept out, what is nobody's fault: each says whose it is, and opens by itself where that can be."""
        stack, here = self.stack, self.stack.gateway_host
        refused = f"This device can\u2019t open {here} yet"
        self.look("no-certificate", 403, refused, ["This device has not said who it is", "Register this device with Postern."],
                  certificate=False)
        stack.ems.api("POST", f"endpoints/{self.uid}/quarantine", {})
        self.wait_for_reason("068")
        self.look("quarantined", 403, refused, ["This device is quarantined", "Contact your help desk"],
                  lambda: stack.ems.api("POST", f"endpoints/{self.uid}/unquarantine", {}))
        app = stack.lab.processes["app"]
        app.stopping = True
        app.kill()
        app.popen.wait()
        self.wait_for_status(502)
        self.look("no-real-server", 502, "The application doesn't answer", ["Try again in a moment.", "Reference"], app.start,
                  focusable=("Try again", "Copy for the help desk"))
        stack.gateway.configure("config endpoint-control fctems\nedit 1\nset out-of-sync-threshold 10\nnext\nend\n")
        ems = stack.lab.processes["ems"]
        os.kill(ems.pid, signal.SIGSTOP)
        try:
            self.wait_for_reason("070")
            self.look("ems-silent", 403, f"{here} can\u2019t be opened at the moment",
                      ["Devices can't be checked at the moment", "This is not your device's fault."], lambda: os.kill(ems.pid, signal.SIGCONT))
        finally:
            os.kill(ems.pid, signal.SIGCONT)
        certificate = self.directory / "mine.pem"
        key = self.directory / "mine.key"
        shutil.copy(stack.agent.certificate, certificate)
        shutil.copy(stack.agent.key, key)
        stack.ems.api("POST", f"endpoints/{self.uid}/revoke", {})
        wait_for(lambda: self.reason(certificate, key) == "063", "the gateway to hear of it")
        self.drive("look", page="revoked", status=403, title=refused, says=["This device is no longer registered"], opens=False,
                   focusable=["Check again", "Copy for the help desk"], certificate=str(certificate), key=str(key))

    def ask(self, certificate=None, key=None):
        agent = self.stack.agent
        return harness.https("GET", self.stack.gateway_host, self.stack.ports["proxy"], "/", certificate=certificate or agent.certificate,
                             key=key or agent.key)

    def reason(self, *identity):
        return self.ask(*identity).headers.get("X-Postern-Reason")

    def wait_for_reason(self, code):
        wait_for(lambda: self.reason() == code, f"reason {code}", 40)

    def wait_for_status(self, status):
        wait_for(lambda: self.ask().status == status, f"status {status}")


if __name__ == "__main__":
    harness.main()
