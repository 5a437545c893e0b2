"""The reference walk, with its addresses: enrol, tag, resolved address, traffic; a tag lost cuts what is open; a tag back
lets it through again; and nobody else gets in by claiming 10.0.1.2."""
import contextlib
import json
import os
import signal
import socket
import unittest
from pathlib import Path

import harness
from harness import LabError, Stream, connect, open_download, open_tls, open_websocket, stacks, wait_for, websocket_text
from lab import inside
from mark import Mark
from rogue import Rogue

# Whoever has an address of the segment may send here, tags or not.
UNTAGGED_POLICY = """config firewall service custom
    edit "NOTES"
        set udp-portrange 5555
    next
end
config firewall policy
    edit 3
        set srcintf "port1"
        set dstintf "port2"
        set srcaddr "endpoints"
        set dstaddr "app"
        set service "NOTES"
        set action accept
    next
end
"""
MARK_POLICY = """config firewall policy
    edit 2
        set ztna-ems-tag "EMS1_ZTNA_Marked"
    next
end
config firewall proxy-policy
    edit 2
        set ztna-ems-tag "EMS1_ZTNA_Marked"
    next
end
"""


class Walk(harness.StackTest):
    letter = "3"
    options = {"second_endpoint": True}

    @classmethod
    def set_up(cls, stack):
        stack.ems.command += ["--keepalive", "1", "--offline-timeout", "6"]
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.mark = Mark(cls.directory, cls.name)
        cls.addClassCleanup(cls.mark.stop)
        cls.mark.put_tags(stack.ems)
        stack.gateway.configure(MARK_POLICY)
        cls.uid = stack.enrol()
        cls.mark.start()
        stack.wait_evaluated(cls.uid)
        cls.wait_resolved("Marked", True)

    @classmethod
    def wait_resolved(cls, tag, there):
        wait_for(lambda: (cls.stack.plan.agent in cls.stack.gateway.resolved(tag)) == there,
                 f"{cls.stack.plan.agent} to be {'in' if there else 'out of'} the resolved addresses of {tag}")

    def setUp(self):
        self.mark.start()
        self.wait_resolved("Marked", True)
        self.streams = []

    def tearDown(self):
        for stream in self.streams:
            stream.close()

    # ---- ways in

    @property
    def ep(self):
        return self.stack.lab.namespaces["ep"]

    def direct(self, timeout=5):
        """Through the gateway's firewall, without a proxy."""
        return connect(self.stack.plan.app, self.stack.ports["app"], self.ep, timeout=timeout)

    def direct_download(self):
        sock = self.direct()
        sock.settimeout(60)
        stream = open_download(sock, "app")
        self.streams.append(stream)
        return stream

    def proxy(self):
        return open_tls(self.stack.plan.gateway_port1, self.stack.ports["proxy"], self.ep, self.stack.agent.certificate,
                        self.stack.agent.key)

    def proxy_download(self):
        stream = open_download(self.proxy(), f"{self.stack.plan.gateway_port1}:{self.stack.ports['proxy']}")
        self.streams.append(stream)
        return stream

    def proxy_websocket(self):
        sock = self.proxy()
        stream = open_websocket(sock, f"{self.stack.plan.gateway_port1}:{self.stack.ports['proxy']}")
        self.streams.append(stream)
        before = stream.received
        sock.sendall(websocket_text("hello"))
        stream.wait_bytes(start=before)
        return stream

    def assert_no_way_in(self):
        with self.assertRaises(OSError):
            self.direct(timeout=1).close()

    # ---- the walk

    def test_resolved_address_and_traffic(self):
        for tag in ("all_registered_clients", "Telemetry-Connected", "Marked"):
            self.assertEqual(self.stack.gateway.resolved(tag), ["10.0.1.2"])
        self.direct_download().wait_bytes()
        self.proxy_download().wait_bytes()
        endpoint = self.stack.ems.endpoint(self.uid)
        self.assertEqual(endpoint["ip"], "10.0.1.2")
        self.assertTrue(endpoint["online"])
        # The agent tells its user, since the profile says so.
        self.assertIn("Telemetry-Connected", [t["name"] for t in self.stack.agent.status()["tags"]])

    def test_tag_lost_cuts_the_open_connection_through_the_firewall(self):
        stream = self.direct_download()
        stream.wait_bytes()
        self.mark.stop()
        self.wait_resolved("Marked", False)
        # While a new attempt waits in vain, the open one gets nothing either.
        self.assert_no_way_in()
        received = stream.received  # what was on its way has arrived
        self.assert_no_way_in()
        self.assertEqual(stream.received, received)
        conntrack = self.stack.lab.call("gw", "conntrack", "-L", "-s", self.stack.plan.agent, "-d", self.stack.plan.app,
                                        check=False).stdout
        self.assertNotIn("ESTABLISHED", conntrack)
        self.mark.start()
        self.wait_resolved("Marked", True)
        self.direct_download().wait_bytes()

    def test_tag_lost_cuts_download_and_websocket_at_the_proxy(self):
        download, websocket = self.proxy_download(), self.proxy_websocket()
        download.wait_bytes()
        self.mark.stop()
        download.wait_end()
        websocket.wait_end()
        with self.assertRaisesRegex(LabError, "403"):
            self.proxy_download()
        self.mark.start()
        self.wait_resolved("Marked", True)
        self.proxy_download().wait_bytes()
        self.proxy_websocket()

    def test_sessions_opened_before_a_reload_are_cut_too(self):
        download, websocket = self.proxy_download(), self.proxy_websocket()
        master, before = self.stack.gateway.nginx_pids()
        os.kill(master, signal.SIGHUP)
        wait_for(lambda: set(self.stack.gateway.nginx_pids()[1]) - set(before) and
                 self.proxy_download(), "new workers to serve")
        self.assertTrue(download.open and websocket.open, "a reload must not end sessions")
        download.wait_bytes()
        self.mark.stop()
        download.wait_end()
        websocket.wait_end()

    def test_a_file_that_appears_gives_a_tag_and_its_end_takes_it(self):
        self.wait_resolved("Has-File", False)
        self.mark.file.write_text("")
        self.wait_resolved("Has-File", True)
        self.mark.file.unlink()
        self.wait_resolved("Has-File", False)

    def test_offline_takes_every_set(self):
        """An agent that is silent past the offline timeout, and comes back."""
        download, direct = self.proxy_download(), self.direct_download()
        for stream in (download, direct):
            stream.wait_bytes()
        agent = self.stack.agent.process
        os.kill(agent.pid, signal.SIGSTOP)
        try:
            wait_for(lambda: not self.stack.ems.endpoint(self.uid)["online"], "the EMS to count the endpoint as offline")
            download.wait_end()
            for tag in ("all_registered_clients", "Telemetry-Connected", "Marked"):
                self.wait_resolved(tag, False)
            received = direct.received
            self.assert_no_way_in()
            self.assertEqual(direct.received, received)
            with self.assertRaisesRegex(LabError, "403"):
                self.proxy_download()
            self.assertIn("Online status: offline\n", self.stack.gateway.cli("diagnose endpoint ec-shm list"))
        finally:
            os.kill(agent.pid, signal.SIGCONT)
        for tag in ("all_registered_clients", "Telemetry-Connected", "Marked"):
            self.wait_resolved(tag, True)
        self.assertTrue(self.stack.ems.endpoint(self.uid)["online"])
        self.proxy_download().wait_bytes()
        self.direct_download().wait_bytes()

    def test_quarantine_takes_every_set(self):
        stream = self.proxy_download()
        self.stack.ems.api("POST", f"endpoints/{self.uid}/quarantine", {})
        stream.wait_end()
        self.wait_resolved("all_registered_clients", False)
        self.assert_no_way_in()
        self.stack.ems.api("POST", f"endpoints/{self.uid}/unquarantine", {})
        self.wait_resolved("all_registered_clients", True)
        self.proxy_download().wait_bytes()

    def test_trust_taken_back_denies_at_once(self):
        """An EMS that is away is waited for; one whose administrator refuses this gateway, or that ours distrusts, is not."""
        ems, gateway = self.stack.ems, self.stack.gateway
        serial, fingerprint = gateway.serial(), ems.fingerprint()["sha256"]

        def back():
            wait_for(lambda: "successful" in gateway.cli("diagnose endpoint fctems test-connectivity 1"), "the connector")
            self.wait_resolved("Marked", True)
            self.proxy_download().wait_bytes()

        def refuse():
            ems.api("PATCH", f"fabric-devices/{serial}", {"authorized": False})

        def remove():
            ems.api("DELETE", f"fabric-devices/{serial}")

        def authorise_again():
            wait_for(lambda: ems.api("GET", f"fabric-devices/{serial}")["connected"], "the gateway to be pending again")
            ems.authorise(serial)

        for take, give in ((refuse, lambda: ems.authorise(serial)), (remove, authorise_again),
                           (lambda: gateway.cli("execute fctems unverify 1"),
                            lambda: gateway.cli(f"execute fctems verify 1 {fingerprint}"))):
            stream = self.proxy_download()
            stream.wait_bytes()
            take()
            stream.wait_end()
            self.wait_resolved("all_registered_clients", False)
            self.assert_no_way_in()
            give()
            back()

    def test_a_second_endpoint_that_claims_the_address_gets_nothing(self):
        lab, plan = self.stack.lab, self.stack.plan
        # It has its own certificate, and claims 10.0.1.2 and the first one's hardware address on an interface of its own.
        lab.ip("ep2", "link", "add", "claim", "type", "veth", "peer", "name", "claim-peer")
        lab.ip("ep2", "link", "set", "claim", "address", stacks.topology.AGENT_MAC)
        lab.ip("ep2", "address", "add", f"{plan.agent}/32", "dev", "claim")
        lab.ip("ep2", "link", "set", "claim-peer", "up")
        lab.ip("ep2", "link", "set", "claim", "up")
        second = stacks.Agent(lab, self.directory / "agent2", self.stack.runtime / "agent2", "ep2", "agent2").start()
        try:
            uid = self.stack.enrol(second)
            # Both are one machine with one set of processes: it has the tags, and 10.0.1.3 is its own.
            wait_for(lambda: plan.agent2 in self.stack.gateway.resolved("Marked"), "the second endpoint's own address")
            seen = [i for i in self.stack.ems.api("GET", f"endpoints/{uid}/facts")["items"] if i["key"] == "net.interfaces"]
            self.assertIn("10.0.1.2", str(seen), "the claim has reached the EMS")
            self.assertEqual(sorted(self.stack.gateway.resolved("Marked")), ["10.0.1.2", "10.0.1.3"])
            # The claimant is quarantined: its own address goes, the first endpoint's stays.
            self.stack.ems.api("POST", f"endpoints/{uid}/quarantine", {})
            wait_for(lambda: self.stack.gateway.resolved("Marked") == ["10.0.1.2"], "the second one's address to go")
            self.direct_download().wait_bytes()
            # Packets that carry the first one's address from the second's interface do not pass.
            with self.assertRaises(OSError):
                connect(plan.app, self.stack.ports["app"], lab.namespaces["ep2"], source=plan.agent, timeout=1).close()
            self.direct_download().wait_bytes()
        finally:
            second.process.stop()
            self.stack.ems.api("POST", f"endpoints/{uid}/deregister", {})
            lab.ip("ep2", "link", "del", "claim")

    # ---- a rogue host on the segment, without any certificate

    @contextlib.contextmanager
    def rogue(self):
        """On the second endpoint's place. It has 10.0.1.2 on its card, so that its kernel answers ARP for it."""
        lab, plan = self.stack.lab, self.stack.plan
        link = json.loads(lab.ip("gw", "-j", "link", "show", "port1"))[0]
        rogue = Rogue(lab.namespaces["ep2"])
        lab.ip("ep2", "address", "add", f"{plan.agent}/32", "dev", "eth0")
        try:
            yield rogue, bytes.fromhex(link["address"].replace(":", ""))
        finally:
            lab.ip("ep2", "address", "del", f"{plan.agent}/32", "dev", "eth0")
            rogue.close()

    def neighbour(self, address):
        entries = json.loads(self.stack.lab.ip("gw", "-j", "neigh", "show", address, "dev", "port1"))
        return entries[0] if entries else {}

    def pinned(self):
        return [e["dst"] for e in json.loads(self.stack.lab.ip("gw", "-j", "neigh", "show", "proto", "80"))]

    def test_a_rogue_that_answers_arp_for_the_address_gets_nothing_and_takes_nothing(self):
        lab, plan = self.stack.lab, self.stack.plan
        direct, proxied = self.direct_download(), self.proxy_download()
        direct.wait_bytes()
        proxied.wait_bytes()
        with self.rogue() as (rogue, gateway_mac):
            # That its way of lying works shows at an address which nobody has confirmed.
            nobody = str(plan.agents[77])
            lab.ip("gw", "neigh", "replace", nobody, "lladdr", "02:00:00:00:00:77", "dev", "port1", "nud", "stale")
            rogue.claim(nobody, plan.agent2, plan.gateway_port1, gateway_mac)
            self.assertEqual(self.neighbour(nobody)["lladdr"], rogue.mac.hex(":"))

            rogue.claim(plan.agent, plan.agent2, plan.gateway_port1, gateway_mac)
            self.assertEqual(self.neighbour(plan.agent)["lladdr"], stacks.topology.AGENT_MAC)
            for stream in (direct, proxied):
                stream.wait_bytes()
            self.direct_download().wait_bytes()
            self.proxy_download().wait_bytes()
            self.assertEqual(self.stack.gateway.resolved("Marked"), ["10.0.1.2"])
            with self.assertRaises(OSError):
                connect(plan.app, self.stack.ports["app"], lab.namespaces["ep2"], source=plan.agent, timeout=1).close()

            # Nor while the gateway's process is away, or when it comes back.
            process = self.stack.gateway.process
            process.kill()
            process.popen.wait()
            rogue.claim(plan.agent, plan.agent2, plan.gateway_port1, gateway_mac)
            with rogue.lying(plan.agent, plan.gateway_port1, gateway_mac):
                process.start()
                self.stack.gateway.ready()
                self.wait_resolved("Marked", True)
            rogue.claim(plan.agent, plan.agent2, plan.gateway_port1, gateway_mac)
            self.assertEqual(self.pinned(), [plan.agent])
            wait_for(lambda: self.direct_download(), "a new connection through the firewall")
            wait_for(lambda: self.proxy_download(), "a new session at the proxy")
            self.assertEqual(self.stack.gateway.resolved("Marked"), ["10.0.1.2"])
            self.assertEqual(rogue.intercepted(plan.agent), 0)

    def test_a_rogue_that_sends_in_the_endpoints_name_is_not_heard(self):
        lab, plan, gateway = self.stack.lab, self.stack.plan, self.stack.gateway
        gateway.configure(UNTAGGED_POLICY)
        with inside(lab.namespaces["srv"]):
            app = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with inside(self.ep):
            endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            app.bind((plan.app, 5555))
            app.settimeout(20)
            endpoint.sendto(b"the endpoint's", (plan.app, 5555))
            self.assertEqual(app.recvfrom(100)[1][0], plan.agent)
            with self.rogue() as (rogue, gateway_mac):
                for _ in range(3):
                    rogue.send_udp(plan.agent, plan.app, 5555, b"in its name", gateway_mac)
                # This policy asks for no tag: under its own address the rogue is heard. All went the same way, in order.
                rogue.send_udp(plan.agent2, plan.app, 5555, b"its own", gateway_mac)
                self.assertEqual(app.recvfrom(100), (b"its own", (plan.agent2, 40000)))
            endpoint.sendto(b"the endpoint's", (plan.app, 5555))
            self.assertEqual(app.recvfrom(100)[1][0], plan.agent)
        finally:
            app.close()
            endpoint.close()
            gateway.configure("config firewall policy\ndelete 3\nend\n")

    def test_who_is_the_gateways_next_hop_takes_no_address(self):
        plan, lab = self.stack.plan, self.stack.lab
        self.wait_resolved("Marked", True)
        route = ["198.51.100.0/24", "via", plan.agent]
        lab.ip("gw", "route", "add", *route)
        try:
            self.wait_resolved("Marked", False)
            wait_for(lambda: self.pinned() == [], "the next hop's entry to be ordinary")
        finally:
            lab.ip("gw", "route", "del", *route)
        self.wait_resolved("Marked", True)
        wait_for(lambda: self.pinned() == [plan.agent], "the entry to be pinned again")

    def test_what_was_pinned_is_let_go(self):
        plan, ems, lab = self.stack.plan, self.stack.ems, self.stack.lab
        wait_for(lambda: self.pinned() == [plan.agent], "nobody else's entry to be pinned")
        self.assertEqual(self.neighbour(plan.agent)["state"], ["PERMANENT"])
        ems.api("POST", f"endpoints/{self.uid}/quarantine", {})
        try:
            wait_for(lambda: self.pinned() == [], "the entry of a quarantined endpoint to be ordinary again")
        finally:
            ems.api("POST", f"endpoints/{self.uid}/unquarantine", {})
        wait_for(lambda: self.pinned() == [plan.agent], "the entry to be pinned again")
        self.wait_resolved("Marked", True)
        # An administrator's entry outlives the gateway; the gateway's own do not.
        theirs = str(plan.agents[88])
        lab.ip("gw", "neigh", "replace", theirs, "lladdr", "02:00:00:00:00:88", "dev", "port1", "nud", "permanent")
        self.stack.gateway.process.stop()
        try:
            self.assertEqual(self.pinned(), [])
            self.assertEqual(self.neighbour(theirs)["state"], ["PERMANENT"])
        finally:
            self.stack.gateway.start()
            lab.ip("gw", "neigh", "del", theirs, "dev", "port1")
        self.wait_resolved("Marked", True)
        wait_for(lambda: self.proxy_download(), "the proxy to be back")
        self.assertEqual(self.pinned(), [plan.agent])


if __name__ == "__main__":
    harness.main()
