"""The seed's four commands print this machine's true values: compared with `ip`, /proc, os-release and `openssl`."""
import os
import platform
import re
import subprocess
from pathlib import Path

import harness
from harness import wait_for


def value(text, label):
    """The rest of the first line that begins with the label; fails when there is no such line."""
    for line in text.splitlines():
        if line.startswith(label):
            return line[len(label):].strip()
    raise AssertionError(f"no line begins with {label!r} in:\n{text}")


class LiveValues(harness.StackTest):
    letter = "l"

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.uid = stack.enrol()
        cls.endpoint = stack.wait_evaluated(cls.uid)
        cls.record = wait_for(lambda: (lambda t: t if cls.uid in t else None)(
            stack.gateway.cli("diagnose endpoint ec-shm list")), "the endpoint's record")

    def same(self, label, truth):
        self.assertEqual(value(self.record, label), str(truth), label)

    def test_connectivity(self):
        self.assertEqual(self.stack.gateway.cli("diagnose endpoint fctems test-connectivity 1"),
                         "Connection test was successful.\n")
        # Any unambiguous prefix of a word is that word, as the guide types it.
        self.assertEqual(self.stack.gateway.cli("diag endpoint fctems test-connectivity 1"),
                         "Connection test was successful.\n")

    def test_connector(self):
        text = self.stack.gateway.cli("diag test application fcnacd 2")
        labels = [line.split(":")[0].strip() for line in text.splitlines() if ":" in line]
        self.assertEqual(labels, [
            "EMS context status", "FortiClient EMS number 1", "name(id)", "is global", "interface vdom",
            "fetched-serial-number", "fetched-tenant-id", "user-data", "verified capabilities", "verified identity",
            "interface-selection-method", "verify-peer-method", "ztna-public-key", "Websocket status"])
        self.assertIn("name(id): EMS(1)", text)
        self.assertIn("confirmed: yes", text)
        self.assertIn(f"fetched-serial-number: {self.stack.ems.serial()}", text)
        self.assertIn("fetched-tenant-id: 00000000000000000000000000000000", text)
        self.assertIn("verified capabilities: true", text)
        self.assertIn("verified identity: true", text)
        self.assertIn("Websocket status: connected, oif: 0", text)
        # Derived from the ZTNA CA's key, never an address of memory.
        ca = self.directory / "ztna.pem"
        ca.write_text(self.stack.ems.api("GET", "ems")["ztna_ca"])
        digest = subprocess.run(
            f"openssl x509 -in {ca} -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r",
            shell=True, capture_output=True, text=True, check=True).stdout
        self.assertIn(f"ztna-public-key:0x{digest[:12]}", text.replace(": 0x", ":0x"))

    def test_record_of_the_network(self):
        mac = self.stack.lab.ip("ep", "-o", "link", "show", "eth0").split("link/ether ")[1].split()[0]
        self.same("IP Address =", "10.0.1.2")
        self.same("MAC Address =", mac)
        self.same("Gateway Interface:", "port1")
        self.same("Public IP address:", "10.0.1.2")
        self.same("Number of Routes:", "(1)")
        self.assertIn(f"- IP:10.0.1.2, MAC: {mac}, VPN: no", self.record)
        self.assertIn(f"- Interface:port1, VDOM:root (0), SN: {self.stack.gateway.serial()}", self.record)

    def test_record_of_the_machine(self):
        self.same("Host Name:", platform.node())
        release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
        self.assertIn(release["PRETTY_NAME"].strip('"'), value(self.record, "OS Version:"))
        self.assertIn(platform.release(), value(self.record, "OS Version:"))
        self.same("OS Type:", {"x86_64": "LINUX64", "aarch64": "LINUX_ARM64"}[platform.machine()])
        cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
        if cpu:
            self.same("CPU Model:", cpu.group(1).strip())
        total = int(re.search(r"^MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.M).group(1))
        self.same("Memory Size:", total // 1024)
        for label, name in (("Host Model:", "product_name"), ("Host Manufacturer:", "sys_vendor")):
            path = Path("/sys/class/dmi/id") / name
            self.same(label, path.read_text().strip() if path.exists() else "")

    def test_record_of_the_registration(self):
        serial = subprocess.run(["openssl", "x509", "-in", self.stack.agent.certificate, "-noout", "-serial"],
                                capture_output=True, text=True, check=True).stdout.strip().split("=")[1]
        self.same("Client cert SN:", serial)
        self.same("EMS serial number:", self.stack.ems.serial())
        self.same("EMS tenant id:", "0" * 32)
        self.same("Quarantined:", "no")
        self.same("Online status:", "online")
        self.same("Registration status:", "registered")
        self.same("FortiClient UID:", self.uid)
        v = self.endpoint["vulnerabilities"]
        self.same("Last vul statistic:", f"critical={v['critical']}, high={v['high']}, medium={v['medium']}, "
                                         f"low={v['low']}, info={v['info']}")

    def test_record_has_the_seeds_lines(self):
        golden = (harness.ROOT / "tests/golden/ec-shm-list.txt").read_text()
        def labels(text):
            first = text.split("Record #1")[0]
            return [re.split(r"[:=(]", line)[0].strip() for line in first.splitlines()
                    if line.strip() and not re.match(r"(- |Gateway Route)", line)]
        self.assertEqual(labels(self.record), labels(golden))

    def test_dynamic_addresses(self):
        text = self.stack.gateway.cli("diagnose firewall dynamic list")
        for tag in [t for t in self.endpoint["tags"] if t != "all_registered_clients"] + ["all_registered_clients"]:
            self.assertRegex(text, rf"CMDB name: EMS1_ZTNA_{tag}\nTAG name: {tag}\nEMS1_ZTNA_{tag}: ID\(\d+\)\n"
                                   r"ADDR\(10\.0\.1\.2\)\nTotal IP dynamic range blocks: 0\.\nTotal IP dynamic addresses: 1\.\n")
        nft = self.stack.lab.call("gw", "nft", "list", "ruleset").stdout
        for tag in self.endpoint["tags"]:
            if tag == "Telemetry-Connected":
                self.assertRegex(nft, rf'set EMS1_ZTNA_{tag} \{{[^}}]*10\.0\.1\.2')

    def test_counts_are_those_of_the_offline_scan(self):
        """The EMS and `postern-ems vuln scan` are one matcher: the same packages give the same findings."""
        out = subprocess.run([harness.stacks.BIN / "postern-ems", "vuln", "scan", "--root", "/", "--feed",
                              harness.stacks.SAMPLE_FEED, "--format", "json"], capture_output=True, text=True, check=True)
        import json
        found = json.loads(out.stdout)
        by_severity = {}
        for finding in found:
            by_severity.setdefault(finding["severity"], set()).add(finding["cve"])
        v = self.endpoint["vulnerabilities"]
        for severity in ("critical", "high", "medium", "low", "unknown"):
            self.assertEqual(v[severity], len(by_severity.get(severity, ())), severity)


if __name__ == "__main__":
    harness.main()
