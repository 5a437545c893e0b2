"""./run as a newcomer starts it: READY, run.json as the contract says, and nothing left after Ctrl-C."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import unittest
import unittest.mock
from pathlib import Path

import harness
from harness import ROOT, LabError, checkout_id, https, namespaces_allowed, wait_for
from lab import runs

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

    def __init__(self, *arguments, **environment):
        self.process = subprocess.Popen([sys.executable, ROOT / "tools/run.py", *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL,
                                        env={**os.environ, **environment})
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

    def kill(self):
        """As somebody does who is in a hurry: it has no chance to remove anything."""
        self.process.kill()
        self.process.wait()
        self.thread.join(10)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        self.thread.join(10)
        return self.process.returncode


def refused(*arguments, prefix=(), **environment):
    """A ./run that ends before it has started anything."""
    return subprocess.run([*prefix, sys.executable, ROOT / "tools/run.py", *arguments], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **environment})


def resolved(listed):
    """What `diagnose firewall dynamic list` prints: tag → addresses."""
    return {tag: re.findall(r"ADDR\((.*)\)", block) for tag, block in
            re.findall(r"^TAG name: (.*)\n((?:(?!CMDB).*\n)*)", listed, re.M)}


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


@contextlib.contextmanager
def fake_ip(script):
    """A PATH on which `ip netns add` does what the script says, and all else is as it is."""
    real = shutil.which("ip")
    with tempfile.TemporaryDirectory() as directory:
        fake = Path(directory) / "ip"
        fake.write_text(f'#!/bin/sh\nif [ "$1 $2" = "netns add" ]; then\n{script}\nfi\nexec {real} "$@"\n')
        fake.chmod(0o755)
        yield f"{directory}:{os.environ['PATH']}"


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
            # Exactly this address in the tags that the agent holds, and none in the others.
            tags = {tag["name"] for tag in https("GET", *host_port(ems["url"]), "/api/v1/tags", headers={
                "Authorization": "Bearer " + ems["api_token"]}).json()["items"]}
            self.assertLessEqual({"all_registered_clients", "Telemetry-Connected"}, set(endpoint["tags"]))
            self.assertEqual(resolved(listed), {tag: ["10.0.1.2"] if tag in endpoint["tags"] else [] for tag in tags})
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
            self.walk_by_hand()
        finally:
            status = run.stop()
        self.assertEqual(status, 0)
        self.assert_nothing_left(values, interfaces)

    def walk_by_hand(self):
        """docs/guide/by-hand.md as it is printed, but for the addresses and this host's name."""
        text = (ROOT / "docs/guide/by-hand.md").read_text().replace("10.0.", "10.88.")
        text = re.sub(r"\bvm\b", socket.gethostname(), text)
        prelude, *blocks = re.findall(r"```\n(.*?)```", text, re.S)
        said = ""
        for block in blocks:
            for command, output in re.findall(r"^\$ ([^\n]*<<'END'\n(?:(?!END\n).*\n)*END\n|.*\n)((?:(?!\$ ).*\n)*)", block, re.M):
                if re.match(r"[A-Z]+=", command):
                    prelude += command
                    continue
                # What follows from a command reaches the others a moment later.
                expected = [line for line in output.splitlines() if line and "…" not in line and "  " not in line and
                            not line.startswith(("...", "PGW", "For one endpoint"))]
                done = None

                def succeeds():
                    nonlocal done
                    done = subprocess.run(["bash", "-c", prelude + command], cwd=ROOT, capture_output=True, text=True)
                    return done.returncode == 0 and all(line in done.stdout for line in expected)
                try:
                    wait_for(succeeds, command, 30)
                except LabError as error:
                    raise AssertionError(f"{error}\n{done.stdout}{done.stderr}\nexpected: {expected}") from None
                said += done.stdout
        self.assertIn("You reached the protected application", said)
        self.assertIn("is released from quarantine", said)
        # After --blank most of run.json is empty: the page reads nothing from there that is not.
        values = json.loads(RUN_JSON.read_text())
        for part, key in re.findall(r"run \"\['(\w+)'\]\['(\w+)'\]\"", text):
            self.assertIsNotNone(values[part][key], f"{part} {key}")

    def test_what_a_killed_one_left_is_removed(self):
        interfaces = set(os.listdir("/sys/class/net"))
        first = Run("--blank")
        first.kill()
        self.assertTrue(Path(f"/proc/{first.values['pids']['ems']}").exists(), "its programs run on")
        second = Run("--blank", "--gateway-port", "8555")
        try:
            self.assertEqual(host_port(second.values["gateway"]["url"])[1], 8555)
            for name, pid in first.values["pids"].items():
                self.assertFalse(runs(pid), f"{name} of the first")
            self.assertNotEqual(second.values["ems"]["serial"], first.values["ems"]["serial"])
        finally:
            status = second.stop()
        self.assertEqual(status, 0)
        self.assert_nothing_left(second.values, interfaces)

    def test_without_namespaces(self):
        """All on loopback, at ports that were given, and at free ones; and what is left when it is killed."""
        interfaces = set(os.listdir("/sys/class/net"))
        ports = free_ports(3)
        first = Run("--no-namespaces", "--ems-port", str(ports[0]), "--gateway-port", str(ports[1]), "--proxy-port", str(ports[2]))
        values = first.values
        try:
            self.assert_contract(values)
            self.assertIn("switched off by --no-namespaces", "\n".join(first.lines))
            self.assertIsNone(values["agent"]["netns"])
            self.assertEqual([values["ems"]["url"], values["gateway"]["url"], values["gateway"]["access_proxy"]], [
                f"https://127.0.0.1:{ports[0]}", f"https://127.0.0.1:{ports[1]}", f"https://127.0.0.1:{ports[2]}/"])
            used = {host_port(url) for url in (values["ems"]["url"], values["gateway"]["url"], values["gateway"]["access_proxy"],
                                               values["gateway"]["access_proxy_strict"], values["app"]["url"])}
            self.assertEqual(len(used), 5, "each at a port of its own")
            page = subprocess.run(["curl", "-sk", "--cert", values["agent"]["client_cert"], "--key",
                                   values["agent"]["client_key"], values["gateway"]["access_proxy"]], capture_output=True,
                                  text=True).stdout
            self.assertIn("protected application", page)
            stranger = subprocess.run(["curl", "-sk", values["gateway"]["access_proxy"]], capture_output=True, text=True).stdout
            self.assertIn("<small>Reason</small>002", stranger)
            left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
            self.assertNotIn(f"pst-{checkout_id()}-", left)
        finally:
            first.kill()
        # Where it may not make namespaces it says so, and does without them.
        with fake_ip('echo "mount --make-shared /run/netns failed: Operation not permitted" >&2; exit 1') as path:
            second = Run("--blank", PATH=path)
        try:
            self.assertIn("make-shared /run/netns failed: Operation not permitted", "\n".join(second.lines))
            self.assertIn("everything runs on loopback, without IP/MAC control", "\n".join(second.lines))
            for name, pid in values["pids"].items():
                self.assertFalse(runs(pid), f"{name} of the first")
        finally:
            status = second.stop()
        self.assertEqual(status, 0)
        self.assert_nothing_left(second.values, interfaces)

    def assert_refused(self, told, *arguments, code=1, **options):
        done = refused(*arguments, **options)
        self.assertEqual(done.returncode, code, arguments)
        for part in told:
            self.assertIn(part, done.stdout + done.stderr)
        self.assertNotIn("Traceback", done.stdout + done.stderr)
        self.assertFalse(RUN_JSON.exists())

    def test_it_builds_every_program_that_is_named(self):
        """In a checkout where ./test never ran, too."""
        built = re.search(r"^tools/build (.+)$", (ROOT / "run").read_text(), re.M).group(1).split()
        named = set(re.findall(r"\bbin/(postern[a-z-]*)", (ROOT / "README.md").read_text()))
        named |= set(re.findall(r"BIN / \"(postern[a-z-]*)\"", (ROOT / "tools/stack.py").read_text()))
        self.assertLessEqual({"postern", "postern-ems", "postern-gateway", "postern-agent"}, named)
        self.assertLessEqual(named, set(built))

    def test_help_names_every_option(self):
        told = refused("--help")
        self.assertEqual(told.returncode, 0)
        for option in ("--blank", "--net CIDR", "--no-namespaces", "--ems-port PORT", "--telemetry-port PORT",
                       "--gateway-port PORT", "--proxy-port PORT", "--strict-port PORT", "--app-port PORT"):
            self.assertIn(option, told.stdout)

    def test_refusals(self):
        self.assert_refused(["/16 or larger"], "--net", "10.0.0.0/24")
        self.assert_refused(["--net nonsense"], "--net", "nonsense")
        self.assert_refused(["--proxy-port and --strict-port are both 9444"], "--proxy-port", "9444")
        for text in ("0", "65536", "-1", "http", "٣"):
            for check in ((), ("--check",)):    # what ./run asks before it builds
                self.assert_refused(["a port is a number from 1 to 65535"], f"--ems-port={text}", *check, code=2)
        self.assertEqual(refused("--check", "--blank").returncode, 0)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.assert_refused([f"--telemetry-port {port}: can't listen at 127.0.0.1:{port}: Address already in use",
                                 "give another port"], "--no-namespaces", "--telemetry-port", str(port))

    def test_a_subnet_in_use_is_refused(self):
        interfaces = set(os.listdir("/sys/class/net"))
        # A host of the test's own, which has an address in the way.
        host = f"pst-{checkout_id()}u-host"
        subprocess.run(["ip", "netns", "add", host], check=True)
        try:
            for command in (["link", "set", "lo", "up"], ["address", "add", "10.71.1.7/24", "dev", "lo"]):
                subprocess.run(["ip", "-n", host, *command], check=True)
            self.assert_refused(["10.71.1.0/24 is in use on this host (10.71.1.0/24); choose another with --net CIDR"],
                                "--net", "10.71.0.0/16", prefix=["nsenter", f"--net=/run/netns/{host}"])
        finally:
            subprocess.run(["ip", "netns", "del", host], check=True)
        left = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
        self.assertNotIn(f"pst-{checkout_id()}-", left)
        self.assertEqual(set(os.listdir("/sys/class/net")), interfaces)

    def test_only_a_missing_right_is_a_refusal(self):
        for said in ("mount --make-shared /run/netns failed: Operation not permitted", "mkdir /run/netns failed: Permission denied"):
            with fake_ip(f'echo "{said}" >&2; exit 1') as path, unittest.mock.patch.dict(os.environ, PATH=path):
                self.assertEqual(namespaces_allowed(), said)
        # Anything else is wrong with this machine, and a person has to know.
        with fake_ip('echo "Failed to create a new network namespace: No space left on device" >&2; exit 1') as path:
            self.assert_refused(["No space left on device", "max_net_namespaces", "--no-namespaces"], "--blank", PATH=path)
        with tempfile.TemporaryDirectory() as empty:
            self.assert_refused(["the command ip is missing", "tools/setup run"], "--blank", PATH=empty)


if __name__ == "__main__":
    harness.main()
