"""The four diagnosing commands print this machine's true values, in exactly their format: compared with what `ip`, `nft`, `last`,
`openssl`, /proc and the files under /etc say."""
import contextlib
import fcntl
import json
import os
import platform
import re
import shutil
import struct
import subprocess
import time
import unittest
from datetime import datetime
from pathlib import Path

import harness
from harness import LabError, wait_for
from lab import inside

RECORD = """Record #0:
IP Address = {ip}
MAC Address = {mac}
MAC list = {other_macs}
VDOM = root (0)
TOKEN VDOM = (-1)
EMS serial number: {ems_serial}
EMS tenant id: 00000000000000000000000000000000
Client cert SN: {certificate}
Public IP address: {ip}
Quarantined: no
Online status: online
Registration status: registered
On-net status:
Gateway Interface: {gateway_interface}
FortiClient version: {version}
AVDB version: {av_database}
FortiClient app signature version:
FortiClient vulnerability scan engine version: {version}
FortiClient UID: {uid}
Host Name: {host}
OS Type: {os_type}
OS Version: {os_version}
Host Description: {description}
Domain: {domain}
Last Login User: {last_user}
Owner:
Host Model: {model}
Host Manufacturer: {manufacturer}
CPU Model: {cpu}
Memory Size: {memory}
AV Feature: {av}
FW Feature: {fw}
WF Feature:
AS Feature:
VS Feature: {vs}
VN Feature: {vn}
Last vul message received time: {received}
Last vul scanned time: {scanned}
Last vul statistic: {statistic}
Avatar fingerprint:
Avatar source username:
Avatar source email:
Avatar source: {avatar}
Phone number:
Number of Routes: ({routes})
Gateway Route #0:
- IP:{ip}, MAC: {mac}, VPN: no
- Interface:{gateway_interface}, VDOM:root (0), SN: {gateway_serial}
"""

CONNECTOR = """EMS context status:
FortiClient EMS number 1:
name(id): EMS(1) confirmed: yes
is global: true
interface vdom: root
fetched-serial-number: {serial}
fetched-tenant-id: 00000000000000000000000000000000
user-data:
verified capabilities: true
verified identity: true
interface-selection-method: 0
verify-peer-method: 3
ztna-public-key:0x{key}
Websocket status: connected, oif: 0
"""

DYNAMIC = """CMDB name: EMS1_ZTNA_{tag}
TAG name: {tag}
EMS1_ZTNA_{tag}: ID({id})
{addresses}Total IP dynamic range blocks: 0.
Total IP dynamic addresses: {count}.
"""

# Who has logged in, beside whom this machine knows of: type, user, line, seconds before now.
LOGINS = ((7, "root", "tty1", 7200), (7, "bob", "pts/1", 3600), (7, "alice", "pts/0", 0), (8, "", "pts/1", 0))


def login_records():
    return b"".join(struct.pack("hi32s4s32s256shhiii36x", kind, 1, line.encode(), b"", user.encode(), b"", 0, 0, 0,
                                int(time.time()) - ago, 0) for kind, user, line, ago in LOGINS)


def local_time(iso):
    return time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp()))


class LiveValues(harness.StackTest):
    letter = "l"
    maxDiff = None

    @classmethod
    def set_up(cls, stack):
        cls.begun = time.time()
        cls.dress_the_endpoint(stack)
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.uid = stack.enrol()
        cls.endpoint = stack.wait_evaluated(cls.uid)

    @classmethod
    def dress_the_endpoint(cls, stack):
        """This machine's own files, and beside them what a bare machine has not: a description, a search domain, logins, an
        account with a picture, and more interfaces than one. Only the agent, in a mount namespace of its own, sees them in their places."""
        etc, log = cls.directory / "etc", cls.directory / "wtmp"
        shutil.copytree("/etc", etc, symlinks=True)
        (etc / "machine-info").write_text('CHASSIS=server\nPRETTY_HOSTNAME="Build machine, rack 7"\n')
        (etc / "resolv.conf").unlink(missing_ok=True)
        (etc / "resolv.conf").write_text("search lab.example example.org\nnameserver 192.0.2.1\n")
        home = cls.directory / "alice"
        home.mkdir()
        (home / ".face").write_bytes(b"a picture")
        with (etc / "passwd").open("a") as accounts:
            accounts.write(f"alice:x:54321:54321::{home}:/bin/sh\n")
        log.mkdir()
        known = Path("/var/log/wtmp")
        (log / "wtmp").write_bytes((known.read_bytes() if known.exists() else b"") + login_records())
        stack.agent.command = ["unshare", "--mount", "sh", "-ec",
                               f'mount --bind {etc} /etc; mount --bind {log} /var/log; exec "$@"', "sh", *stack.agent.command]
        stack.lab.ip("ep", "link", "add", "spare", "type", "veth", "peer", "name", "other")
        for interface in ("spare", "other"):
            stack.lab.ip("ep", "link", "set", interface, "up")

    def seen(self, *command, check=True):
        """What a command says where the agent lives: its network, its files."""
        done = subprocess.run(["nsenter", "--target", str(self.stack.agent.process.pid), "--mount", "--root", "--net", *command],
                              capture_output=True, text=True)
        if check:
            self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")
        return done.stdout

    # ---- what must be printed, told by others than the agent

    def protection(self):
        """The feature flags: what runs, what the ruleset does, which tunnels are up."""
        def runs(name, program):
            return Path(program).exists() and bool(self.seen("pgrep", "-x", name, check=False))
        databases = [p for p in (Path("/var/lib/clamav/daily.cld"), Path("/var/lib/clamav/daily.cvd")) if p.exists()]
        versions = [int(p.open("rb").read(512).split(b":")[2]) for p in databases]
        scanner = any(runs(*s) for s in (("wdavdaemon", "/opt/microsoft/mdatp/sbin/wdavdaemon"),
                                         ("falcon-sensor", "/opt/CrowdStrike/falcon-sensor"), ("ds_agent", "/opt/ds_agent/ds_agent")))
        filters = any(c.get("hook") == "input" and c["family"] in ("inet", "ip", "ip6") and (c["policy"] == "drop" or any(
            r["chain"] == c["name"] and r["table"] == c["table"] and r["family"] == c["family"] for r in rules))
            for ruleset in [json.loads(self.seen("nft", "-j", "list", "ruleset"))["nftables"]]
            for rules in [[o["rule"] for o in ruleset if "rule" in o]] for c in [o["chain"] for o in ruleset if "chain" in o])
        tunnels = [link for link in json.loads(self.seen("ip", "-j", "-d", "link", "show", "up"))
                   if link.get("linkinfo", {}).get("info_kind") in ("tun", "wireguard", "xfrm", "vti") and
                   "LOWER_UP" in link["flags"]]
        clients = any(Path(p).exists() for p in ("/usr/sbin/openvpn", "/usr/bin/wg", "/usr/sbin/openconnect",
                                                 "/usr/sbin/swanctl", "/usr/sbin/ipsec"))
        packages = len(self.seen("dpkg-query", "-W", "-f", "x").strip()) > 0
        return {"av_database": max(versions, default=""),
                "av": int(scanner or (bool(versions) and runs("clamd", "/usr/sbin/clamd"))),
                "fw": int(filters or runs("firewalld", "/usr/sbin/firewalld")), "vn": int(clients or bool(tunnels)),
                "vs": int(packages)}

    def network(self):
        links = [link for link in json.loads(self.seen("ip", "-j", "link", "show")) if link["link_type"] == "ether"]
        routes = json.loads(self.seen("ip", "-j", "route", "show", "default"))
        address = json.loads(self.seen("ip", "-j", "-4", "address", "show", routes[0]["dev"]))[0]
        behind = next(i["ifname"] for i in json.loads(self.stack.lab.ip("gw", "-j", "address", "show"))
                      if routes[0]["gateway"] in [a["local"] for a in i["addr_info"]])
        mac = next(link["address"] for link in links if link["ifname"] == routes[0]["dev"])
        return {"ip": address["addr_info"][0]["local"], "mac": mac, "routes": len(routes),
                "other_macs": ";".join(link["address"] for link in links if link["ifname"] != routes[0]["dev"]),
                "gateway_interface": behind}

    def machine(self):
        shell = self.seen("sh", "-c", '. /etc/os-release; echo "$PRETTY_NAME"; . /etc/machine-info; echo "$PRETTY_HOSTNAME"')
        name, description = shell.splitlines()
        cpu = re.search(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
        memory = re.search(r"^MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.M)
        dmi = {what: Path("/sys/class/dmi/id") / file for what, file in (("model", "product_name"), ("manufacturer", "sys_vendor"))}
        newest = next(line.split()[0] for line in self.seen("last", "-w").splitlines() if not line.startswith("reboot"))
        there = [line.split()[0] for line in self.seen("who").splitlines()]
        account = self.seen("getent", "passwd", there[-1] if there else newest, check=False).split(":")
        picture = len(account) > 5 and (Path(account[5]) / ".face").exists()
        return {"avatar": "OS" if picture else "", "host": platform.node(), "os_type": {"x86_64": "LINUX64", "aarch64": "LINUX_ARM64"}[platform.machine()],
                "os_version": f"{name}, 64-bit (kernel {platform.release()})", "description": description,
                "domain": re.search(r"^search (\S+)", self.seen("cat", "/etc/resolv.conf"), re.M).group(1), "last_user": newest,
                "cpu": cpu.group(1).strip() if cpu else "", "memory": int(memory.group(1)) // 1024,
                "version": self.seen(harness.stacks.BIN / "postern-agent", "--version").split()[-1],
                **{what: path.read_text().strip() if path.exists() else "" for what, path in dmi.items()}}

    def registration(self):
        serial = subprocess.run(["openssl", "x509", "-in", self.stack.agent.certificate, "-noout", "-serial"],
                                capture_output=True, text=True, check=True).stdout.strip().split("=")[1]
        v = self.stack.ems.endpoint(self.uid)["vulnerabilities"]
        return {"certificate": serial, "uid": self.uid, "ems_serial": self.stack.ems.serial(),
                "gateway_serial": self.stack.gateway.serial(), "received": local_time(v["received_at"]),
                "scanned": local_time(v["scanned_at"]),
                "statistic": ", ".join(f"{s}={v[s]}" for s in ("critical", "high", "medium", "low", "info"))}

    def truth(self):
        values = {**self.network(), **self.machine(), **self.protection(), **self.registration()}
        return re.sub(r" +$", "", RECORD.format(**values), flags=re.M)

    def record(self):
        return self.stack.gateway.cli("diagnose endpoint ec-shm list")

    def wait_line(self, line):
        wait_for(lambda: line + "\n" in self.record(), f"the record to say {line!r}")

    # ---- the commands

    def test_connectivity(self):
        self.assertEqual(self.stack.gateway.cli("diagnose endpoint fctems test-connectivity 1"),
                         "Connection test was successful.\n")
        # Any unambiguous prefix of a word is that word.
        self.assertEqual(self.stack.gateway.cli("diag endpoint fctems test-connectivity 1"),
                         "Connection test was successful.\n")

    def test_connector(self):
        # Derived from the ZTNA CA's key, never an address of memory.
        ca = self.directory / "ztna.pem"
        ca.write_text(self.stack.ems.api("GET", "ems")["ztna_ca"])
        digest = subprocess.run(
            f"openssl x509 -in {ca} -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r",
            shell=True, capture_output=True, text=True, check=True).stdout
        self.assertEqual(self.stack.gateway.cli("diag test application fcnacd 2"),
                         CONNECTOR.format(serial=self.stack.ems.serial(), key=digest[:12]))

    def test_record(self):
        truth = self.truth()
        for told in ("Host Description: Build machine, rack 7\n", "Domain: lab.example\n", "Last Login User: alice\n"):
            self.assertIn(told, truth, "what the agent was given is where others look too")
        self.assertRegex(truth, r"\nMAC list = [0-9a-f:]{17};[0-9a-f:]{17}\n")
        with contextlib.suppress(LabError):
            wait_for(lambda: self.record() == self.truth(), "the record", 10)
        self.assertEqual(self.record(), self.truth())

    def test_record_times_are_those_of_this_run(self):
        """The inventory came after the agent was started, and was matched after that, not in the future."""
        vulnerabilities = self.stack.ems.endpoint(self.uid)["vulnerabilities"]
        received, scanned = (datetime.fromisoformat(vulnerabilities[k].replace("Z", "+00:00")).timestamp()
                             for k in ("received_at", "scanned_at"))
        self.assertLessEqual(self.begun, received + 1)
        self.assertLessEqual(received, scanned + 0.001)
        self.assertLessEqual(scanned, time.time() + 1)

    def test_firewall_feature_follows_the_ruleset(self):
        self.wait_line(f"FW Feature: {self.protection()['fw']}")
        self.seen("nft", "add table inet guard; add chain inet guard input { type filter hook input priority 0; policy accept; }; "
                         "add rule inet guard input tcp dport 23 drop")
        try:
            self.assertEqual(self.protection()["fw"], 1)
            self.wait_line("FW Feature: 1")
        finally:
            self.seen("nft", "delete table inet guard")
        self.wait_line(f"FW Feature: {self.protection()['fw']}")

    @unittest.skipUnless(Path("/dev/net/tun").exists(), "this machine has no /dev/net/tun")
    def test_vpn_feature_follows_the_tunnels(self):
        before = self.protection()["vn"]
        self.wait_line(f"VN Feature: {before}")
        with inside(self.stack.lab.namespaces["ep"]):
            tunnel = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
            fcntl.ioctl(tunnel, 0x400454ca, struct.pack("16sH22x", b"vpn0", 0x1001))     # TUNSETIFF: tun, no extra head
        try:
            self.stack.lab.ip("ep", "link", "set", "vpn0", "up")
            self.assertEqual(self.protection()["vn"], 1)
            self.wait_line("VN Feature: 1")
        finally:
            os.close(tunnel)
        self.wait_line(f"VN Feature: {before}")

    def test_scan_feature_follows_the_profile(self):
        self.wait_line("VS Feature: 1")
        profile = {"show_security_posture_tag": True, "vulnerability_scan": False}
        self.stack.ems.api("PUT", "profiles/Default", profile)
        try:
            self.wait_line("VS Feature: 0")
            self.wait_line("FortiClient vulnerability scan engine version:")
        finally:
            self.stack.ems.api("PUT", "profiles/Default", {**profile, "vulnerability_scan": True})
        self.wait_line("VS Feature: 1")
        wait_for(lambda: self.stack.ems.endpoint(self.uid)["vulnerabilities"]["scanned_at"], "the packages to be matched again")
        wait_for(lambda: self.record() == self.truth(), "the record to be whole again")

    def test_why_an_endpoint_is_in_the_lists(self):
        said = self.stack.gateway.cli(f"diagnose endpoint record list {self.uid}")
        self.assertRegex(said, r"\nMatched endpoint: yes: its default gateway is \S+\nResolved address: 10\.0\.1\.2\n")
        self.assertIn("\nTag EMS1_ZTNA_Telemetry-Connected: the endpoint has it; matched: yes; resolved: 10.0.1.2\n", said)
        self.assertIn("No EMS has told", self.stack.gateway.cli("diagnose endpoint record list 10.9.9.9"))

    def test_dynamic_addresses(self):
        tags = {tag["id"]: tag["name"] for tag in self.stack.ems.api("GET", "tags")["items"]}
        self.assertIn("all_registered_clients", tags.values())
        held = self.stack.ems.endpoint(self.uid)["tags"]
        self.assertIn("Telemetry-Connected", held)
        listed = self.stack.gateway.cli("diagnose firewall dynamic list")
        numbers = [int(n) for n in re.findall(r"ID\((\d+)\)", listed)]
        self.assertEqual(sorted(numbers), sorted(tags))
        self.assertEqual(listed, "".join(DYNAMIC.format(
            tag=tags[number], id=number, addresses="ADDR(10.0.1.2)\n" if tags[number] in held else "",
            count=int(tags[number] in held)) for number in numbers))
        nft = self.stack.lab.call("gw", "nft", "list", "ruleset").stdout
        self.assertRegex(nft, r"set EMS1_ZTNA_Telemetry-Connected \{[^}]*10\.0\.1\.2")

    def test_counts_are_those_of_the_offline_scan(self):
        """The EMS and `postern-ems vuln scan` are one matcher: the same packages give the same findings."""
        out = subprocess.run([harness.stacks.BIN / "postern-ems", "vuln", "scan", "--root", "/", "--feed",
                              harness.stacks.SAMPLE_FEED, "--format", "json"], capture_output=True, text=True, check=True)
        found = json.loads(out.stdout)
        by_severity = {}
        for finding in found:
            by_severity.setdefault(finding["severity"], set()).add(finding["cve"])
        v = self.stack.ems.endpoint(self.uid)["vulnerabilities"]
        for severity in ("critical", "high", "medium", "low", "unknown"):
            self.assertEqual(v[severity], len(by_severity.get(severity, ())), severity)


if __name__ == "__main__":
    harness.main()
