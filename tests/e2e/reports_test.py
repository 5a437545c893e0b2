"""The way back: what the access proxies did reaches the EMS, where its administrators see it per fabric device."""
import harness
from harness import https, open_download, open_tls, wait_for


class Reports(harness.StackTest):
    letter = "r"

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.serial = stack.gateway.serial()
        cls.uid = stack.enrol()
        stack.wait_evaluated(cls.uid)

    def device(self):
        return self.stack.ems.api("GET", f"fabric-devices/{self.serial}")

    def wait_device(self, what, fits):
        """The device once it is as wanted; a report comes within a second of a change."""
        found = []

        def look():
            found[:] = [self.device()]
            return fits(found[0])

        wait_for(look, what, 20)
        return found[0]

    def proxy(self, certificate=True):
        agent = self.stack.agent
        return open_tls(self.stack.plan.gateway_port1, self.stack.ports["proxy"], self.stack.lab.namespaces["ep"],
                        agent.certificate if certificate else None, agent.key if certificate else None)

    def test_1_sessions_and_decisions_are_seen_at_the_ems(self):
        before = self.wait_device("a first report", lambda d: d["reported_at"] is not None)
        self.assertEqual(before["live_sessions"], 0)
        self.assertTrue(before["decisions"]["since"])
        host = f"{self.stack.plan.gateway_port1}:{self.stack.ports['proxy']}"
        stream = open_download(self.proxy(), host)
        try:
            self.wait_device("a live session", lambda d: d["live_sessions"] == 1)
            reply = https("GET", self.stack.plan.gateway_port1, self.stack.ports["proxy"], "/",
                          namespace=self.stack.lab.namespaces["ep"])
            self.assertEqual(reply.status, 403, reply.text[:300])
            denied = before["decisions"]["denied"]
            self.wait_device("a denial", lambda d: d["decisions"]["denied"] == denied + 1)
            # Quarantined: what is open is cut, and counted.
            self.stack.ems.api("POST", f"endpoints/{self.uid}/quarantine", {"reason": "reports"})
            stream.wait_end()
            cut = before["decisions"]["cut"]
            self.wait_device("the cut", lambda d: d["decisions"]["cut"] == cut + 1 and d["live_sessions"] == 0)
        finally:
            stream.close()
            self.stack.ems.api("POST", f"endpoints/{self.uid}/unquarantine", {})

    def test_2_nobody_knows_of_a_gateway_that_is_away(self):
        self.stack.gateway.process.stop()
        device = self.wait_device("the gateway to be away", lambda d: not d["connected"])
        for unknown in ("live_sessions", "decisions", "reported_at"):
            self.assertIsNone(device[unknown])
        self.stack.gateway.start()
        device = self.wait_device("its report", lambda d: d["reported_at"] is not None)
        self.assertEqual(device["decisions"]["denied"], 0)     # of a process that has just begun


if __name__ == "__main__":
    harness.main()
