"""Two EMSs at one gateway, in slots 1 and 2: records, tags and denials of each stay its own."""
import re

import harness
from harness import https, stacks, wait_for
from several_ems import FurtherEms

HTTPS_PORT, TELEMETRY_PORT = 8543, 8113

# Who may pass the access proxy of those whom the second EMS vouches for, and the way to that EMS for its agents.
SECOND = """config firewall proxy-policy
    edit 22
        set access-proxy "second"
        set ztna-ems-tag "EMS2_ZTNA_Telemetry-Connected"
        set action accept
    next
end
config firewall service custom
    edit "EMS2"
        set tcp-portrange {https_port} {telemetry_port}
    next
end
config firewall policy
    edit 5
        set srcintf "port1"
        set dstintf "port2"
        set srcaddr "endpoints"
        set dstaddr "ems"
        set service "EMS2"
        set action accept
    next
end
"""


class TwoEms(harness.StackTest):
    letter = "m"
    options = {"second_endpoint": True}

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.second = FurtherEms(stack, cls.directory, "ems2", HTTPS_PORT, TELEMETRY_PORT)
        cls.second.put_tag(stacks.TELEMETRY_CONNECTED)
        gateway = stack.gateway
        # Before it is connected, its tag is a name that nobody has shared: said, and no error.
        cls.said = gateway.configure(stack.access_proxy("second", 9447) +
                                     SECOND.format(https_port=HTTPS_PORT, telemetry_port=TELEMETRY_PORT))
        cls.second.connect(stack, 2, "Second")
        cls.uid = stack.enrol()
        stack.wait_evaluated(cls.uid)
        cls.agent2 = stacks.Agent(stack.lab, cls.directory / "agent2", stack.runtime / "agent2", "ep2", "agent2").start()
        cls.agent2.enrol(cls.second.invite())
        wait_for(lambda: stack.plan.agent2 in gateway.resolved("Telemetry-Connected", slot=2),
                 "the second endpoint among the second EMS's addresses", 60)

    def get(self, port, agent, namespace):
        return https("GET", self.stack.plan.gateway_port1, port, "/", certificate=agent.certificate, key=agent.key,
                     namespace=self.stack.lab.namespaces[namespace])

    def health(self):
        return dict(line.split(": ", 1) for line in self.stack.gateway.cli("get system status").splitlines())

    def records(self):
        """UID → EMS serial number, as the gateway lists them."""
        text = self.stack.gateway.cli("diagnose endpoint ec-shm list")
        return dict(zip(re.findall(r"^FortiClient UID: (.*)$", text, re.M), re.findall(r"^EMS serial number: (.*)$", text, re.M)))

    def test_1_each_has_its_own(self):
        gateway, plan = self.stack.gateway, self.stack.plan
        self.assertIn("Notice: firewall proxy-policy 22: no connected EMS has shared a tag EMS2_ZTNA_Telemetry-Connected",
                      self.said)
        self.assertNotEqual(self.stack.ems.serial(), self.second.serial())
        self.assertEqual(self.records(), {self.uid: self.stack.ems.serial(), self.agent2.uid(): self.second.serial()})
        self.assertEqual(gateway.resolved("Telemetry-Connected", slot=1), [plan.agent])
        self.assertEqual(gateway.resolved("Telemetry-Connected", slot=2), [plan.agent2])
        status = gateway.cli("diagnose test application fcnacd 2")
        for ems in (self.stack.ems, self.second):
            self.assertIn(ems.serial(), status)
        health = self.health()
        for part in ("Access proxies", "Firewall", "Kept records", "EMS 1", "EMS 2"):
            self.assertEqual(health[part], "OK")
        # A tag of the same name at the other EMS is another tag.
        self.assertEqual(self.get(self.stack.ports["proxy"], self.stack.agent, "ep").status, 200)
        self.assertEqual(self.get(9447, self.agent2, "ep2").status, 200)
        for reply in (self.get(9447, self.stack.agent, "ep"), self.get(self.stack.ports["proxy"], self.agent2, "ep2")):
            self.assertEqual(reply.status, 403, reply.text[:300])
        # A tag of one is lost: the other's stays.
        self.second.put_tag({**stacks.TELEMETRY_CONNECTED, "enabled": False})
        wait_for(lambda: self.get(9447, self.agent2, "ep2").status == 403, "the tag to be lost")
        self.assertEqual(self.get(self.stack.ports["proxy"], self.stack.agent, "ep").status, 200)
        self.second.put_tag(stacks.TELEMETRY_CONNECTED)
        wait_for(lambda: self.get(9447, self.agent2, "ep2").status == 200, "the tag to be back")

    def test_1_one_ems_takes_one_slot(self):
        stack, gateway = self.stack, self.stack.gateway
        gateway.configure('config endpoint-control fctems\nedit 7\nset status enable\n'
                          f'set server "{stack.ems_address}"\nset https-port {stack.ports["https"]}\nnext\nend\n')
        gateway.cli(f"execute fctems verify 7 {stack.ems.fingerprint()['sha256']}")
        wait_for(lambda: "stopped: the same EMS as EMS 1" in gateway.cli("diagnose test application fcnacd 2"),
                 "the second connector of one EMS to be stopped")
        wait_for(lambda: "successful" in gateway.cli("diagnose endpoint fctems test-connectivity 1"), "the first to be connected")
        with self.assertRaises(harness.LabError) as said:
            gateway.cli("diagnose endpoint fctems test-connectivity 7")
        self.assertIn("is that of EMS 1 already", str(said.exception))
        for _ in range(20):
            self.assertEqual(self.get(stack.ports["proxy"], stack.agent, "ep").status, 200)
        gateway.configure("config endpoint-control fctems\ndelete 7\nend\n")
        self.assertEqual(self.health()["EMS 1"], "OK")

    def test_2_one_goes_the_other_stays(self):
        gateway, plan = self.stack.gateway, self.stack.plan
        self.second.process.stop()
        wait_for(lambda: self.health()["EMS 2"].startswith("FAILED: "), "the second connector to be down")
        self.assertEqual(self.health()["EMS 1"], "OK")
        # An outage is no loss: what it said holds until the threshold.
        self.assertEqual(self.get(9447, self.agent2, "ep2").status, 200)
        gateway.configure("config endpoint-control fctems\ndelete 2\nend\n")
        wait_for(lambda: self.get(9447, self.agent2, "ep2").status == 403, "access by an EMS that was removed to end")
        self.assertEqual(self.records(), {self.uid: self.stack.ems.serial()})
        self.assertEqual(gateway.resolved("Telemetry-Connected", slot=2), [])
        self.assertEqual(gateway.resolved("Telemetry-Connected", slot=1), [plan.agent])
        self.assertEqual(self.get(self.stack.ports["proxy"], self.stack.agent, "ep").status, 200)
        self.assertNotIn("EMS 2", self.health())


if __name__ == "__main__":
    harness.main()
