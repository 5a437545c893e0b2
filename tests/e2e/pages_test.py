"""What people see of Postern without a console, in Debian's Chromium: the authorise page and the denial page."""
import json
import os
import shutil
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

        def mend():
            type(self).mark = subprocess.Popen([self.program, "600"])
        self.drive("denial", mend, certificate=str(stack.agent.certificate), key=str(stack.agent.key))


if __name__ == "__main__":
    harness.main()
