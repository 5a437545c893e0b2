"""What changes at an endpoint is at the EMS because the kernel told of it. Nothing here waits for a timer: the agent
says of each of these sources that it has events, so it does not look at them; the inventory's interval is an hour."""
import os
import struct
import time

import harness
from harness import wait_for

OS_RELEASE = 'ID=debian\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nPRETTY_NAME="{}"\n'
PACKAGE = "Package: {0}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {1}\n\n"
OTHER_GATEWAY = "10.0.1.77"
WAY_TO_EMS = "10.0.1.78"      # leads to the gateway, whom nobody has to ask for it


def login(user, line, at):
    """utmp(5) as glibc writes it: one session of a person."""
    return struct.pack("hi32s4s32s256shhiii36x", 7, os.getpid(), line.encode(), b"", user.encode(), b"", 0, 0, 0, at, 0)


def start():
    """What init writes into utmp when the machine starts: without it nobody keeps these records."""
    with open("/proc/stat") as stat:
        at = next(int(line.split()[1]) for line in stat if line.startswith("btime "))
    return struct.pack("hi32s4s32s256shhiii36x", 2, 0, b"~", b"~~", b"reboot", b"", 0, 0, 0, at, 0)


class Events(harness.StackTest):
    letter = "v"

    @classmethod
    def set_up(cls, stack):
        cls.files = cls.directory / "endpoint"
        for name in ("run", "log", "lib/dpkg", "lib/AccountsService/icons", "usr"):
            (cls.files / name).mkdir(parents=True)
        (cls.files / "usr/os-release").write_text(OS_RELEASE.format("Debian GNU/Linux 12 (bookworm)"))
        (cls.files / "run/utmp").write_bytes(start())
        (cls.files / "log/wtmp").write_bytes(b"")
        cls.install([("postern-fixture", "1")])
        # In a mount namespace of its own the agent has these files where they belong, and nobody else sees them there.
        binds = " && ".join(f"mount --bind {cls.files / name} {place}" for name, place in (
            ("run", "/run"), ("log", "/var/log"), ("lib", "/var/lib"), ("usr/os-release", "/usr/lib/os-release")))
        stack.agent.runtime_dir = cls.directory / "agent-run"
        stack.agent.command = ["unshare", "--mount", "sh", "-ec", f'{binds} && exec "$@"', "sh",
                               harness.stacks.BIN / "postern-agent", "run", "--data-dir", stack.agent.data,
                               "--runtime-dir", stack.agent.runtime_dir]
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.uid = stack.enrol()
        stack.wait_evaluated(cls.uid)

    @classmethod
    def install(cls, packages):
        """As dpkg does it: the whole database anew, put in the old one's place."""
        new = cls.files / "lib/dpkg/status-new"
        new.write_text("".join(PACKAGE.format(*package) for package in packages))
        new.rename(cls.files / "lib/dpkg/status")

    def setUp(self):
        sources = {s["name"]: s for s in self.stack.agent.status()["sources"]}
        for name in ("files", "os", "users", "avatar", "network", "packages", "protection"):
            self.assertTrue(sources[name]["events"], f"{name}: {sources[name]}")
        self.assertEqual(self.stack.ems.api("GET", "profiles/Default")["inventory_interval_s"], 3600)

    def fact(self, key):
        items = self.stack.ems.api("GET", f"endpoints/{self.uid}/facts?limit=1000")["items"]
        return next(item for item in items if item["key"] == key)

    def value(self, key):
        return self.fact(key).get("value")

    def wait_fact(self, key, condition, what):
        wait_for(lambda: condition(self.value(key)), what, 20)

    def record(self):
        return self.stack.gateway.cli("diagnose endpoint ec-shm list").splitlines()

    # ---- the network

    @staticmethod
    def addresses(interfaces):
        return [address for interface in interfaces for address in interface["addresses"]]

    def test_an_address_comes_and_goes(self):
        ip = lambda what: self.stack.lab.ip("ep", "address", what, "10.0.1.200/24", "dev", "eth0")  # noqa: E731
        self.assertNotIn("10.0.1.200", self.addresses(self.value("net.interfaces")))
        ip("add")
        try:
            self.wait_fact("net.interfaces", lambda v: "10.0.1.200" in self.addresses(v), "the new address at the EMS")
        finally:
            ip("del")
        self.wait_fact("net.interfaces", lambda v: "10.0.1.200" not in self.addresses(v), "its end")

    def test_the_default_gateway_changes(self):
        plan, ip = self.stack.plan, lambda *route: self.stack.lab.ip("ep", "route", *route)

        def gateways(routes):
            return [route["gateway_ip"] for route in routes]
        self.assertEqual(gateways(self.value("net.routes")), [plan.gateway_port1])
        ip("add", str(plan.servers), "via", plan.gateway_port1)    # the way to the EMS stays
        try:
            ip("replace", "default", "via", OTHER_GATEWAY)
            self.wait_fact("net.routes", lambda v: gateways(v) == [OTHER_GATEWAY], "the other gateway at the EMS")
            ip("del", "default")
            self.wait_fact("net.routes", lambda v: v == [], "no gateway at the EMS")
        finally:
            ip("replace", "default", "via", plan.gateway_port1)
        self.wait_fact("net.routes", lambda v: gateways(v) == [plan.gateway_port1], "the gateway as it was")
        ip("del", str(plan.servers))

    def test_the_gateways_neighbour_entry_is_flushed(self):
        # Nothing has changed, and nobody is told otherwise before the gateway answers.
        plan, lab = self.stack.plan, self.stack.lab
        self.wait_fact("net.routes", lambda v: v and v[0].get("gateway_mac"), "the gateway's card at the EMS")
        mac = self.value("net.routes")[0]["gateway_mac"]
        wait_for(lambda: f"FortiClient UID: {self.uid}" in self.record(), "the endpoint's record at the gateway", 20)

        def unchanged():
            self.assertEqual([route.get("gateway_mac") for route in self.value("net.routes")], [mac])
            self.assertIn(f"FortiClient UID: {self.uid}", self.record())

        def entry():
            return lab.ip("ep", "neigh", "show", plan.gateway_port1)
        # The way to the EMS stays open while the gateway answers nobody's question for it, so that the agent could
        # tell of a gateway it knows nothing of.
        lab.ip("ep", "neigh", "add", WAY_TO_EMS, "lladdr", mac, "dev", "eth0", "nud", "permanent")
        lab.ip("ep", "route", "add", str(plan.servers), "via", WAY_TO_EMS)
        unknown = 0
        try:
            for _ in range(10):
                lab.sysctl("gw", "net.ipv4.conf.port1.arp_ignore", 8)
                # Not checked: it gives up on an entry that is asked for again as fast as it is flushed.
                lab.call("ep", "ip", "neigh", "flush", "all", check=False)
                until = time.monotonic() + 0.3      # well within the agent's patience
                while time.monotonic() < until:
                    unchanged()
                unknown += "lladdr" not in entry()  # else the gateway has asked for the endpoint, which tells as well
                lab.sysctl("gw", "net.ipv4.conf.port1.arp_ignore", 0)
                wait_for(lambda: "lladdr" in entry(), "the gateway's answer", 20)
                unchanged()
        finally:
            lab.sysctl("gw", "net.ipv4.conf.port1.arp_ignore", 0)
            lab.ip("ep", "route", "del", str(plan.servers))
            lab.ip("ep", "neigh", "del", WAY_TO_EMS, "dev", "eth0")
        self.assertGreater(unknown, 0)
        unchanged()

    # ---- files

    def tags(self):
        return self.stack.ems.endpoint(self.uid)["tags"]

    def test_a_package_is_installed_and_the_tag_judged_again(self):
        def scanned():
            return self.stack.ems.endpoint(self.uid)["vulnerabilities"]
        self.assertNotIn("Vulnerable-Device", self.tags())
        before = self.value("package.inventory")
        self.install([("postern-fixture", "1"), ("bash", "4.3-9")])      # CVE-2014-6271
        try:
            wait_for(lambda: "Vulnerable-Device" in self.tags(), "the tag of a vulnerable device", 20)
            self.assertNotEqual(self.value("package.inventory"), before)
            self.assertGreater(scanned()["high"], 0)
        finally:
            self.install([("postern-fixture", "1")])
        wait_for(lambda: "Vulnerable-Device" not in self.tags(), "the tag to go with the package", 20)
        self.assertEqual(self.value("package.inventory"), before)

    def test_the_system_is_upgraded(self):
        release = self.files / "usr/os-release"
        try:
            release.write_text(OS_RELEASE.format("Debian GNU/Linux 12 (upgraded)"))
            self.wait_fact("os.version", lambda v: v and "(upgraded)" in v, "the new version at the EMS")
        finally:
            release.write_text(OS_RELEASE.format("Debian GNU/Linux 12 (bookworm)"))
        self.wait_fact("os.version", lambda v: v and "(bookworm)" in v, "the version as it was")

    def test_a_user_logs_in_and_gets_a_picture(self):
        self.assertEqual(self.value("user.logged_in"), [])
        self.assertFalse(self.fact("avatar.source")["known"])
        self.assertIn("Avatar source:", self.record())
        session = login("alice", "tty1", int(time.time()))
        for place in ("run/utmp", "log/wtmp"):
            with open(self.files / place, "ab") as out:
                out.write(session)
        self.wait_fact("user.logged_in", lambda v: v == ["alice"], "the user at the EMS")
        self.wait_fact("user.last_login", lambda v: v == "alice", "the last user at the EMS")
        picture = self.files / "lib/AccountsService/icons/alice"
        picture.write_bytes(b"a picture")
        self.wait_fact("avatar.source", lambda v: v == "OS", "the picture's source at the EMS")
        wait_for(lambda: "Avatar source: OS" in self.record(), "the record to say so", 20)
        picture.unlink()
        self.wait_fact("avatar.source", lambda v: v is None, "the picture's end")
        self.assertEqual(self.fact("avatar.source")["unknown_reason"], "unsupported")
        (self.files / "run/utmp").write_bytes(start())
        self.wait_fact("user.logged_in", lambda v: v == [], "the end of the session")

    # ---- what protects it

    def test_a_firewall_is_switched_on(self):
        nft = lambda text: self.stack.lab.call("ep", "nft", text)  # noqa: E731
        self.assertFalse(self.value("feature.fw"))
        nft("add table inet guard; add chain inet guard input { type filter hook input priority 0; policy accept; }; "
            "add rule inet guard input tcp dport 23 drop")
        try:
            self.wait_fact("feature.fw", lambda v: v is True, "the firewall at the EMS")
        finally:
            nft("delete table inet guard")
        self.wait_fact("feature.fw", lambda v: v is False, "its end")


if __name__ == "__main__":
    harness.main()
