"""Debian's own package `ansible`, unmodified, sets up a gateway, changes it and takes everything back: with the very
playbooks that docs/guide/ansible.md shows, and with those beside this file for what the guide only mentions."""
import json
import os
import re
import shutil
import unittest

import harness
from harness import ROOT, https, wait_for
from lab import sh

GUIDE = ROOT / "docs/guide/ansible"
OURS = ROOT / "tests/e2e/ansible"

# Which of the guide's tasks make something; the one that accepts a certificate never says that it changed anything.
MAKING = ["Connector", "Addresses", "Service", "Virtual address", "Virtual host", "Access proxy",
          "Who may use the access proxy", "Who may go to the application without the proxy"]


class Run:
    """What a playbook said: its tasks in order, by name, and how often something changed."""

    def __init__(self, done):
        self.done = done
        try:
            said = json.loads(done.stdout[done.stdout.index("{"):])
        except ValueError:
            raise AssertionError(f"ansible-playbook said no JSON:\n{done.stdout}\n{done.stderr}")
        self.tasks = [(task["task"]["name"], next(iter(task["hosts"].values())))
                      for play in said["plays"] for task in play["tasks"]]
        self.stats = said["stats"]["gw1"]

    @property
    def changed(self):
        return [name for name, result in self.tasks if result.get("changed")]

    @property
    def failed(self):
        return [name for name, result in self.tasks if result.get("failed")]

    def result(self, name):
        return dict(self.tasks)[name]

    def __str__(self):
        return json.dumps(self.tasks, indent=1)[-4000:]


@unittest.skipIf(shutil.which("ansible-playbook") is None, "no ansible here (tools/setup test installs it)")
class Ansible(harness.StackTest):
    letter = "a"

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        stack.make_tags()
        cls.token = cls.follow_the_guide()
        cls.home = cls.directory / "ansible"
        cls.home.mkdir()
        # The EMS is behind the gateway: agents have to get there whatever Ansible does.
        stack.gateway.configure(f"""config system interface
    edit "port1"
        set role lan
    next
    edit "port2"
        set role dmz
    next
end
config firewall address
    edit "ems"
        set subnet {stack.plan.ems}/32
    next
end
config firewall service custom
    edit "EMS"
        set tcp-portrange {stack.ports['https']} {stack.ports['telemetry']}
    next
end
config firewall policy
    edit 100
        set srcintf "port1"
        set dstintf "port2"
        set srcaddr "all"
        set dstaddr "ems"
        set service "EMS"
        set action accept
    next
end
""")
        cls.give_certificate()
        cls.uid = stack.enrol()

    @classmethod
    def follow_the_guide(cls):
        """Types what the guide says about tokens, for the address that Ansible has here; gives the token."""
        commands = re.search(r"postern-gateway cli <<'END'\n(.*?)^END$", (ROOT / "docs/guide/ansible.md").read_text(), re.S | re.M)
        said = cls.stack.gateway.configure(commands[1].replace("192.0.2.7", cls.stack.plan.ems))
        return re.search(r"New API key: (\S+)", said)[1]

    @classmethod
    def give_certificate(cls):
        """The gateway's REST API presents a certificate for its address, from an authority that Ansible is told to trust."""
        authority, key, leaf = (cls.home / name for name in ("authority.pem", "gateway.key", "gateway.pem"))
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
           "/CN=Company CA", "-keyout", cls.home / "authority.key", "-out", authority)
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
           "/CN=gateway", "-addext", f"subjectAltName=IP:{cls.stack.gateway_host}", "-addext", "basicConstraints=critical,CA:FALSE",
           "-CA", authority, "-CAkey", cls.home / "authority.key", "-keyout", key, "-out", leaf)
        cls.stack.gateway.configure(f"""config certificate local
    edit "company"
        set certificate "{leaf.read_text()}"
        set private-key "{key.read_text()}"
    next
end
config system global
    set admin-server-cert "company"
end
""")

    # ---- running Ansible

    @property
    def facts(self):
        """What an administrator would have put into the inventory."""
        stack = self.stack
        return {"ansible_host": stack.gateway_host, "ansible_httpapi_port": stack.ports["gateway"],
                "ems_address": stack.ems_address, "ems_port": stack.ports["https"],
                "ems_fingerprint": stack.ems.fingerprint()["sha256"], "app_address": stack.app_address,
                "app_port": stack.ports["app"], "proxy_port": stack.ports["proxy"],
                "agents": f"{stack.plan.agents.network_address} {stack.plan.agents.netmask}",
                # The tests ask by address.
                "app_host": stack.plan.gateway_port1}

    def play(self, playbook, *options, token=None, check=True, **more):
        """Runs a playbook where the gateway can be reached. `check`: no task may fail."""
        environment = {"PATH": os.environ["PATH"], "HOME": self.home, "LC_ALL": "C.UTF-8",
                       "ANSIBLE_HOME": self.home, "ANSIBLE_LOCAL_TEMP": self.home / "tmp",
                       "ANSIBLE_PERSISTENT_CONTROL_PATH_DIR": self.home / "pc", "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
                       "ANSIBLE_PERSISTENT_CONNECT_TIMEOUT": "60", "ANSIBLE_NOCOLOR": "1",
                       "SSL_CERT_FILE": self.home / "authority.pem",
                       "GATEWAY_TOKEN": self.token if token is None else token}
        done = self.stack.lab.call("srv", "env", "-i", *[f"{name}={value}" for name, value in environment.items()],
                                   "ansible-playbook", "-i", GUIDE / "inventory.yml", "-e",
                                   json.dumps({**self.facts, **more}), *options, playbook, check=False, timeout=120)
        run = Run(done)
        if check:
            self.assertEqual((done.returncode, run.failed), (0, []), f"{run}\n{done.stderr}")
        return run

    def shown(self):
        return self.stack.gateway.cli("show")

    def app(self, certificate=True, path="/"):
        """The application through the access proxy: the status of the answer."""
        agent = self.stack.agent
        shown = {"certificate": agent.certificate, "key": agent.key} if certificate else {}
        return https("GET", self.stack.plan.gateway_port1, self.stack.ports["proxy"], path,
                     namespace=self.stack.lab.namespaces["ep"], **shown).status

    def apply(self):
        return self.play(GUIDE / "gateway.yml")

    def check_connected(self):
        return "successful" in self.stack.gateway.cli("diagnose endpoint fctems test-connectivity 1")

    def setUp(self):
        """Nothing is left of the test before: what remove.yml does, in less time."""
        gateway = self.stack.gateway
        for table, keys in (("firewall policy", ["1"]), ("firewall proxy-policy", ["1", "2"]), ("firewall access-proxy", ["web"]),
                            ("firewall access-proxy-virtual-host", ["app"]), ("firewall vip", ["web"]),
                            ("firewall service custom", ["APP"]), ("firewall address", ["endpoints", "app"]),
                            ("endpoint-control fctems", ["1"]), ("system admin", ["auditor"]), ("system api-user", ["monitoring"])):
            there = re.findall(r'^    edit "?([^"\n]+)"?$', gateway.cli(f"show {table}"), re.M)
            gone = "".join(f'delete "{key}"\n' for key in keys if key in there)
            if gone:
                gateway.configure(f"config {table}\n{gone}end\n")
        self.empty = self.shown()

    # ---- what it does

    def test_sets_up_a_gateway_and_takes_everything_back(self):
        first = self.apply()
        self.assertEqual(first.changed, MAKING, first)
        made = self.shown()
        again = self.apply()
        self.assertEqual((again.changed, again.stats["changed"]), ([], 0), again)
        self.assertEqual(self.shown(), made)

        # The EMS's administrator lets the gateway in; the rest of the way is the gateway's own.
        serial = self.stack.gateway.serial()
        wait_for(lambda: [d for d in self.stack.ems.api("GET", "fabric-devices")["items"] if d["serial"] == serial],
                 "the gateway among the EMS's fabric devices")
        self.stack.ems.authorise(serial)
        wait_for(self.check_connected, "the fabric connector to be connected")
        wait_for(lambda: self.app() == 200, "the application to answer the agent's certificate")
        self.assertEqual(self.app(certificate=False), 403)
        wait_for(lambda: self.stack.plan.agent in self.stack.gateway.resolved("Telemetry-Connected"),
                 "the agent's address")

        read = self.play(GUIDE / "read.yml")
        self.assertEqual(read.changed, [])
        server = read.result("Configuration")["meta"][0]["results"][0]
        self.assertEqual((server["server"], server["https-port"]), (self.stack.ems_address, self.stack.ports["https"]))
        policies = read.result("Configuration")["meta"][1]["results"]
        self.assertEqual([sorted(policy) for policy in policies], [["name", "policyid", "ztna-ems-tag"]])
        summary = read.result("Summary")["msg"]
        self.assertEqual((summary["ems"], summary["policies"]), ("connected", ["connected"]))
        self.assertEqual(len(summary["endpoints"]), 1)
        tags = {tag["name"]: tag for tag in read.result("State")["meta"][3]["results"]}
        self.assertIn(self.stack.plan.agent, json.dumps(tags["EMS1_ZTNA_Telemetry-Connected"]))

        # Connected or not, with a certificate accepted meanwhile: what was asked for is still so.
        self.assertEqual(self.apply().changed, [])

        # One attribute: one task.
        commented = self.play(GUIDE / "gateway.yml", vip_comment="Changed")
        self.assertEqual(commented.changed, ["Virtual address"])
        denied = self.play(GUIDE / "gateway.yml", demanded_tag="EMS1_ZTNA_Vulnerable-Nothing")
        self.assertEqual(denied.changed, ["Virtual address", *MAKING[-2:]])
        wait_for(lambda: self.app() == 403, "the tag that nobody has to be demanded")

        removed = self.play(GUIDE / "remove.yml")
        self.assertEqual(sorted(removed.changed), sorted(["Firewall policy", "Proxy policy", "Access proxy", "Virtual host",
                                                          "Virtual address", "Service", "Addresses", "Connector"]))
        self.assertEqual(self.shown(), self.empty)
        self.assertEqual(self.play(GUIDE / "remove.yml").changed, [])

    def test_check_mode_tells_and_makes_nothing(self):
        would = self.play(GUIDE / "gateway.yml", "--check")
        checked = ["Connector", "Addresses", "Service", "Virtual address", *MAKING[-2:]]
        self.assertEqual(would.changed, checked, would)
        self.assertEqual(self.shown(), self.empty)
        self.apply()
        made = self.shown()
        self.assertEqual(self.play(GUIDE / "gateway.yml", "--check").changed, [])
        self.assertEqual(self.play(GUIDE / "gateway.yml", "--check", app_port=8081).changed, ["Service"])
        # The module compares nothing that stands behind an IPv4 address (extip) in the alphabet; what stands before, it does.
        self.assertEqual(self.play(GUIDE / "gateway.yml", "--check", vip_comment="Other").changed, ["Virtual address"])
        gone = self.play(GUIDE / "remove.yml", "--check")
        self.assertEqual(gone.changed, ["Firewall policy", "Proxy policy", "Virtual address", "Service", "Addresses",
                                        "Connector"])
        self.assertEqual(self.shown(), made)

    def test_a_wrong_value_is_named_with_what_is_allowed(self):
        self.apply()
        made = self.shown()
        wrong = self.play(OURS / "wrong.yml", check=False)
        self.assertEqual(wrong.failed, [name for name, _ in wrong.tasks], wrong)
        said = [result["meta"]["cli_error"] for _, result in wrong.tasks]
        for text, parts in zip(said, (("call-timeout", '"181"', "1 to 180"), ("srcaddr", "nobody", "firewall address"),
                                      ("subnet", "10.0.1.7/32", "10.0.1.0/24"), ("type", '"static-nat"', "access-proxy"),
                                      ("firewall vip web", "firewall access-proxy web"))):
            for part in parts:
                self.assertIn(part, text)
        self.assertEqual(self.shown(), made)

    def test_members_and_order(self):
        self.apply()
        made = self.shown()
        added = self.play(OURS / "members.yml", member_state="present")
        self.assertEqual(added.changed, ["A tag", "A server"], added)
        self.assertIn('set ztna-ems-tag "EMS1_ZTNA_Telemetry-Connected" "EMS1_ZTNA_Vulnerable-Device"', self.shown())
        self.assertEqual(self.play(OURS / "members.yml", member_state="present").changed, [])
        self.assertEqual(self.play(OURS / "members.yml", member_state="absent").changed, ["A tag", "A server"])
        self.assertEqual(self.play(OURS / "members.yml", member_state="absent", check=False).failed, ["A tag"])
        self.assertEqual(self.shown(), made)

        moved = self.play(OURS / "move.yml")
        self.assertEqual(moved.changed, ["A second proxy policy", "Move the proxy policy", "Move the firewall policy"])
        self.assertEqual(re.findall(r"^    edit (\d+)", self.stack.gateway.cli("show firewall proxy-policy"), re.M), ["2", "1"])
        self.assertEqual(re.findall(r"^    edit (\d+)", self.stack.gateway.cli("show firewall policy"), re.M), ["1", "100"])
        again = self.play(OURS / "move.yml")
        self.assertEqual(again.changed, ["Move the proxy policy"])
        self.assertIs(again.result("Move the proxy policy")["meta"]["revision_changed"], False)

    def test_name_and_password_sign_in_as_well(self):
        password = self.stack.gateway.password()
        signed_in = self.play(GUIDE / "gateway.yml", token="", ansible_user="admin", ansible_password=password)
        self.assertEqual(signed_in.changed, MAKING)
        refused = self.play(GUIDE / "gateway.yml", token="", check=False, ansible_user="admin",
                            ansible_password="not the password")
        self.assertIn("Wrong credentials", str(refused))
        self.assertIn("Invalid access token", str(self.play(GUIDE / "gateway.yml", token="no-token", check=False)))

    def test_accounts_that_may_only_look(self):
        gateway, secret = self.stack.gateway, {"auditor_password": "a long enough secret"}
        made = self.play(OURS / "accounts.yml", state="present", **secret)
        self.assertEqual(made.changed, ["A program", "A person"])
        self.assertEqual(self.play(OURS / "accounts.yml", state="present", **secret).changed, [])
        token = gateway.make_token("monitoring")
        elsewhere = self.play(GUIDE / "read.yml", token=token, check=False)
        self.assertIn("may not be used from", str(elsewhere))
        gateway.configure("config system api-user\nedit monitoring\nconfig trusthost\ndelete 1\nend\nnext\nend\n")
        self.apply()
        made = self.shown()
        self.assertEqual(self.play(GUIDE / "read.yml", token=token).failed, [])
        refused = self.play(GUIDE / "gateway.yml", token=token, check=False)
        self.assertEqual(refused.failed, ["Connector"])
        self.assertIn("may look, but not change anything", str(refused))
        self.assertEqual(self.shown(), made)
        self.assertEqual(self.play(OURS / "accounts.yml", state="absent", **secret).changed, ["A program", "A person"])


if __name__ == "__main__":
    harness.main()
