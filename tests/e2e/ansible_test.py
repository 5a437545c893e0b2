"""Debian's own package `ansible`, unmodified, sets up a gateway, changes it and takes everything back: with the very
playbooks that docs/guide/ansible.md shows, and with those beside this file for what the guide only mentions."""
import json
import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

import harness
from harness import ROOT, https, stacks, wait_for

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
    letter = "y"

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        stack.make_tags()
        cls.token = stack.gateway.make_token("ansible")
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
        cls.uid = stack.enrol()

    # ---- running Ansible

    @property
    def facts(self):
        """What an administrator would have put into the inventory."""
        stack = self.stack
        return {"ansible_host": stack.gateway_host, "ansible_httpapi_port": stack.ports["gateway"],
                "ansible_httpapi_validate_certs": False, "ems_address": stack.ems_address,
                "ems_port": stack.ports["https"],
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
                       "SSL_CERT_FILE": self.stack.gateway.data / "factory.crt",
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

    # ---- what it does

    def test_1_sets_up_a_gateway(self):
        before = self.shown()
        first = self.play(GUIDE / "gateway.yml")
        self.assertEqual(first.changed, MAKING, first)
        made = self.shown()
        again = self.play(GUIDE / "gateway.yml")
        self.assertEqual((again.changed, again.stats["changed"]), ([], 0), again)
        self.assertEqual(self.shown(), made)


if __name__ == "__main__":
    harness.main()
