"""Whose addresses a gateway is told: of those behind it, of all, or also of those behind another gateway. Two gateways at one
EMS, an endpoint behind each. What else is shared widens the resolved addresses; matched is whom a gateway met itself."""
import re

import harness
from harness import stacks, wait_for

# The way from the second gateway's endpoint to the EMS.
FAR = """config firewall address
    edit "ems"
        set subnet {ems}/32
    next
end
config firewall service custom
    edit "EMS"
        set tcp-portrange {https_port} {telemetry_port}
    next
end
config firewall policy
    edit 1
        set srcintf "port1"
        set dstintf "port2"
        set srcaddr "all"
        set dstaddr "ems"
        set service "EMS"
        set action accept
    next
end
"""


class Sharing(harness.StackTest):
    letter = "s"

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        lab = stack.lab
        for short in ("far", "gw2"):
            lab.add_namespace(short)
        lab.connect("far", "eth0", "10.0.3.2/24", "gw2", "port1", "10.0.3.1/24")
        lab.connect("gw2", "port2", "10.0.4.1/24", "srv", "far0", "10.0.4.10/24")
        lab.sysctl("gw2", "net.ipv4.ip_forward", 1)
        lab.ip("far", "route", "add", "default", "via", "10.0.3.1")
        lab.ip("gw2", "route", "add", "default", "via", "10.0.4.10")
        lab.ip("srv", "route", "add", "10.0.3.0/24", "via", "10.0.4.1")
        cls.second = stacks.Gateway(lab, cls.directory / "gateway2", stack.runtime / "gateway2", "gw2", name="gateway2",
                                    workers=1).start()
        cls.second.configure(FAR.format(ems=stack.plan.ems, https_port=stack.ports["https"],
                                        telemetry_port=stack.ports["telemetry"]))
        stack.connect_fabric()
        stack.connect_fabric(cls.second)
        stack.make_tags()
        stack.protect()
        cls.serials = [stack.gateway.serial(), cls.second.serial()]
        cls.near = stack.enrol()
        cls.far = stack.enrol(stacks.Agent(lab, cls.directory / "far", stack.runtime / "far", "far", "far").start())
        for uid in (cls.near, cls.far):
            wait_for(lambda: "Telemetry-Connected" in stack.ems.endpoint(uid)["tags"], "the endpoint's tag")

    def device(self, which):
        return self.stack.ems.api("GET", f"fabric-devices/{self.serials[which]}")

    def share(self, which, **what):
        return self.stack.ems.api("PATCH", f"fabric-devices/{self.serials[which]}", what)

    def matched(self, gateway):
        return set(re.findall(r"^FortiClient UID: (.*)$", gateway.cli("diagnose endpoint ec-shm list"), re.M))

    def wait_told(self, gateway, uids, addresses):
        """Exactly these records, and exactly these addresses in the tag that both endpoints have."""
        def told():
            now = self.matched(gateway), sorted(gateway.resolved("Telemetry-Connected"))
            if now != (set(uids), sorted(addresses)):
                raise harness.LabError(f"it lists {now}")
            return True
        wait_for(told, f"gateway to list {uids} and resolve {addresses}")

    def test_1_connected_on_both_sides_and_shared_by_default(self):
        for which, gateway in enumerate((self.stack.gateway, self.second)):
            self.assertEqual(gateway.cli("diagnose endpoint fctems test-connectivity 1"), "Connection test was successful.\n")
            self.assertIn("Websocket status: connected, oif: 0\n", gateway.cli("diagnose test application fcnacd 2"))
            device = self.device(which)
            self.assertEqual((device["state"], device["authorized"], device["connected"]), ("authorised", True, True))
            self.assertEqual((device["tag_kinds"], device["endpoint_sharing"], device["selected"]),
                             (["security"], "connected", []))
        # Each is told of those behind it, and of nobody else.
        self.wait_told(self.stack.gateway, [self.near], ["10.0.1.2"])
        self.wait_told(self.second, [self.far], ["10.0.3.2"])
        self.assertEqual([self.device(which)["shared_endpoints"] for which in (0, 1)], [1, 1])

    def test_2_all(self):
        self.share(0, endpoint_sharing="all")
        try:
            self.wait_told(self.stack.gateway, [self.near], ["10.0.1.2", "10.0.3.2"])
            self.wait_told(self.second, [self.far], ["10.0.3.2"])
            self.assertEqual([self.device(which)["shared_endpoints"] for which in (0, 1)], [2, 1])
        finally:
            self.share(0, endpoint_sharing="connected")
        self.wait_told(self.stack.gateway, [self.near], ["10.0.1.2"])

    def test_3_selected(self):
        try:
            # Nobody is selected: those behind it remain.
            self.share(1, endpoint_sharing="selected")
            self.wait_told(self.second, [self.far], ["10.0.3.2"])
            self.share(1, selected=[self.serials[0]])
            self.wait_told(self.second, [self.far], ["10.0.1.2", "10.0.3.2"])
            self.wait_told(self.stack.gateway, [self.near], ["10.0.1.2"])
            with self.assertRaises(stacks.ApiError) as caught:
                self.share(1, selected=["PGW0000000000000"])
            self.assertIn("there is no other fabric device PGW0000000000000", str(caught.exception))
            self.wait_told(self.second, [self.far], ["10.0.1.2", "10.0.3.2"])
        finally:
            self.share(1, endpoint_sharing="connected", selected=[])
        self.wait_told(self.second, [self.far], ["10.0.3.2"])


if __name__ == "__main__":
    harness.main()
