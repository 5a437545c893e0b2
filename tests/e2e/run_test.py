"""./run as a newcomer starts it: READY, run.json as the contract says, and nothing left after Ctrl-C."""
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import unittest
from pathlib import Path

import harness
from harness import ROOT, LabError, checkout_id, https, namespaces_allowed, wait_for

KEYS = {
    "bin_dir": None,
    "ems": ["url", "serial", "admin_user", "admin_password", "api_token", "web_cert", "data_dir"],
    "gateway": ["url", "serial", "admin_user", "admin_password", "api_token", "cli", "access_proxy", "access_proxy_strict",
                "data_dir"],
    "agent": ["uid", "cli", "client_cert", "client_key", "netns"],
    "app": ["url"],
    "pids": None,
}
RUN_JSON = ROOT / "var/run.json"


class Run:
    """tools/run.py without the build that ./run does first, until it says READY."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([sys.executable, ROOT / "tools/run.py", *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL)
        self.lines = []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        wait_for(lambda: "READY" in self.lines or self.process.poll() is not None, "./run to be READY", 180, every=0.1)
        if "READY" not in self.lines:
            raise LabError("./run ended before READY:\n" + "\n".join(self.lines))
        self.values = json.loads(RUN_JSON.read_text())

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        self.thread.join(10)
        return self.process.returncode


def host_port(url):
    host, port = url.split("//")[1].rstrip("/").rsplit(":", 1)
    return host, int(port)


class RunTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        refused = namespaces_allowed()
        if refused:
            raise unittest.SkipTest(f"this kernel refuses network namespaces: {refused}")
        if RUN_JSON.exists():
            pid = json.loads(RUN_JSON.read_text())["pids"].get("ems", 0)
            if Path(f"/proc/{pid}").exists():
                raise unittest.SkipTest("./run is running in this checkout: stop it to test it")

    def assert_contract(self, values):
        self.assertEqual(stat.S_IMODE(RUN_JSON.stat().st_mode), 0o600)
        self.assertEqual(set(values), set(KEYS))
        for part, keys in KEYS.items():
            if keys:
                self.assertEqual(set(values[part]), set(keys), part)

    def assert_nothing_left(self, values, interfaces):
        self.assertFalse(RUN_JSON.exists())
        for name, pid in values["pids"].items():
            self.assertFalse(Path(f"/proc/{pid}").exists(), name)
        left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
        self.assertNotIn(f"pst-{checkout_id()}-", left)
        self.assertEqual(set(os.listdir("/sys/class/net")), interfaces)
        self.assertFalse(Path(f"/run/postern-{checkout_id()}").exists())
        self.assertEqual([p.name for p in (ROOT / "var").iterdir() if p.name != ".lock"], [])

    def test_ready(self):
        interfaces = set(os.listdir("/sys/class/net"))
        rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True).stdout
        run = Run()
        try:
            values = run.values
            self.assert_contract(values)
            self.assertEqual(run.lines[-1], "READY")
            self.assertEqual(subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True).stdout, rules,
                             "the host's own ruleset is untouched")
            ems, gateway, agent = values["ems"], values["gateway"], values["agent"]
            reply = https("GET", *host_port(ems["url"]), f"/api/v1/endpoints/{agent['uid']}",
                          headers={"Authorization": "Bearer " + ems["api_token"]})
            endpoint = reply.json()
            self.assertTrue(endpoint["registered"] and endpoint["online"])
            self.assertTrue(endpoint["vulnerabilities"]["scanned_at"])
            judged = endpoint["tags"] + endpoint["unknown_tags"]
            self.assertIn("Telemetry-Connected", endpoint["tags"])
            packages = https("GET", *host_port(ems["url"]), f"/api/v1/endpoints/{agent['uid']}/facts",
                             headers={"Authorization": "Bearer " + ems["api_token"]}).text
            self.assertIn("package.inventory", packages)
            self.assertTrue("Vulnerable-Device" in judged or endpoint["vulnerabilities"]["high"] +
                            endpoint["vulnerabilities"]["critical"] == 0)
            # Signing in with the password that it printed.
            self.assertEqual(https("POST", *host_port(ems["url"]), "/api/v1/auth/signin",
                                   {"name": ems["admin_user"], "password": ems["admin_password"]}).status, 200)
            self.assertEqual(https("GET", *host_port(gateway["url"]), "/api/v2/monitor/system/status",
                                   headers={"Authorization": "Bearer " + gateway["api_token"]}).status, 200)
            # curl as the README has it: by this host, with the certificate of the agent, the EMS verified by its own.
            page = subprocess.run(["curl", "-sk", "--cert", agent["client_cert"], "--key", agent["client_key"],
                                   gateway["access_proxy"]], capture_output=True, text=True).stdout
            self.assertIn("protected application", page)
            strict = subprocess.run(["curl", "-sk", "-o", "/dev/null", "-w", "%{http_code}", "--cert", agent["client_cert"],
                                     "--key", agent["client_key"], gateway["access_proxy_strict"]],
                                    capture_output=True, text=True).stdout
            vulnerable = "Vulnerable-Device" in judged
            self.assertEqual(strict, "403" if vulnerable else "200")
            self.assertEqual(subprocess.run(["curl", "-s", "--cacert", ems["web_cert"], ems["url"] + "/api/v1/openapi.json",
                                             "-o", "/dev/null"]).returncode, 0, "web_cert verifies the EMS")
            listed = subprocess.run([*gateway["cli"], "-c", "diagnose firewall dynamic list"], capture_output=True,
                                    text=True).stdout
            self.assertEqual(listed.count("ADDR(10.0.1.2)"), len(endpoint["tags"]))
            shown = subprocess.run([*agent["cli"], "status"], capture_output=True, text=True)
            self.assertEqual(shown.returncode, 0, shown.stderr)
            self.assertIn("Telemetry-Connected", shown.stdout)
            # A program that dies is started again, and run.json says which process it is now.
            os.kill(values["pids"]["agent"], signal.SIGKILL)
            wait_for(lambda: json.loads(RUN_JSON.read_text())["pids"]["agent"] != values["pids"]["agent"], "a new agent")
            # So is nginx, by the gateway.
            os.kill(values["pids"]["nginx"], signal.SIGKILL)
            wait_for(lambda: json.loads(RUN_JSON.read_text())["pids"]["nginx"] not in (values["pids"]["nginx"], None),
                     "a new nginx")
            # A second one in the same checkout is refused in one sentence and harms nothing.
            second = subprocess.run([sys.executable, ROOT / "tools/run.py"], capture_output=True, text=True, timeout=30)
            self.assertEqual(second.returncode, 1)
            self.assertIn("is running already", second.stdout + second.stderr)
            values = json.loads(RUN_JSON.read_text())
        finally:
            status = run.stop()
        self.assertEqual(status, 0)
        self.assert_nothing_left(values, interfaces)

    def test_blank(self):
        interfaces = set(os.listdir("/sys/class/net"))
        run = Run("--blank", "--net", "10.88.0.0/16")
        try:
            values = run.values
            self.assert_contract(values)
            for part, key in (("agent", "uid"), ("agent", "client_cert"), ("gateway", "access_proxy")):
                self.assertIsNone(values[part][key])
            listed = https("GET", *host_port(values["ems"]["url"]), "/api/v1/endpoints",
                           headers={"Authorization": "Bearer " + values["ems"]["api_token"]}).json()
            self.assertEqual(listed["items"], [])
            shown = subprocess.run([*values["gateway"]["cli"], "-c", "diagnose endpoint ec-shm list"], capture_output=True,
                                   text=True)
            self.assertEqual((shown.returncode, shown.stdout.count("Record #")), (0, 0))
        finally:
            status = run.stop()
        self.assertEqual(status, 0)
        self.assert_nothing_left(values, interfaces)

    def test_refusals(self):
        for arguments, told in ((["--net", "10.0.0.0/24"], "/16 or larger"), (["--net", "nonsense"], "--net nonsense")):
            done = subprocess.run([sys.executable, ROOT / "tools/run.py", *arguments], capture_output=True, text=True,
                                  timeout=60)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertIn(told, done.stdout)
            self.assertNotIn("Traceback", done.stdout + done.stderr)


if __name__ == "__main__":
    harness.main()
