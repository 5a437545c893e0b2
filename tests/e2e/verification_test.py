"""The walk's whole section on verification by CLI with several EMSs at once, and for each row of the table of matched
endpoints and resolved addresses what `diagnose endpoint why` says. The table's router is a real one."""
import hashlib
import json
import re
import ssl
import subprocess
import threading

import harness
from harness import https, stacks, wait_for
from several_ems import FurtherEms

SECOND_PORTS, THIRD_PORTS = (8543, 8113), (8643, 8213)

# The ways to the further EMSs for their agents, and to all of them from behind the router.
WAYS = """config firewall service custom
    edit "EMS2"
        set tcp-portrange {second[0]} {second[1]}
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
    edit 6
        set srcintf "port3"
        set dstintf "port2"
        set srcaddr "all"
        set dstaddr "ems"
        set service "EMS"
        set action accept
    next
end
"""

CONTEXT = """FortiClient EMS number {slot}:
name(id): {name}({slot}) confirmed: yes
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

DYNAMIC = """CMDB name: EMS{slot}_ZTNA_{tag}
TAG name: {tag}
EMS{slot}_ZTNA_{tag}: ID({id})
{addresses}Total IP dynamic range blocks: 0.
Total IP dynamic addresses: {count}.
"""

FAR = "10.0.5.2"


def flat(text):
    """Without the line breaks of the wrapping."""
    return " ".join(text.split())


class Verification(harness.StackTest):
    letter = "f"
    options = {"second_endpoint": True}

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        lab = stack.lab
        for short in ("far", "rtr"):
            lab.add_namespace(short)
        lab.connect("far", "eth0", f"{FAR}/24", "rtr", "lan", "10.0.5.1/24")
        lab.connect("rtr", "wan", "10.0.4.2/24", "gw", "port3", "10.0.4.1/24")
        lab.sysctl("rtr", "net.ipv4.ip_forward", 1)
        lab.ip("far", "route", "add", "default", "via", "10.0.5.1")
        lab.ip("rtr", "route", "add", "default", "via", "10.0.4.1")
        lab.ip("gw", "route", "add", "10.0.5.0/24", "via", "10.0.4.2")
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        stack.gateway.configure(WAYS.format(second=SECOND_PORTS))
        cls.second = FurtherEms(stack, cls.directory, "ems2", *SECOND_PORTS)
        cls.second.put_tag(stacks.TELEMETRY_CONNECTED)
        cls.second.connect(stack, 2, "Second")
        cls.third = FurtherEms(stack, cls.directory, "ems7", *THIRD_PORTS)
        cls.third.put_tag({**stacks.TELEMETRY_CONNECTED, "name": "Third-Only"})
        cls.third.connect(stack, 7, "Third")
        cls.emss = {1: ("EMS", stack.ems), 2: ("Second", cls.second), 7: ("Third", cls.third)}

        cls.uid = stack.enrol()
        cls.agent2 = stacks.Agent(lab, cls.directory / "agent2", stack.runtime / "agent2", "ep2", "agent2").start()
        cls.agent2.enrol(cls.second.invite())
        cls.far = stacks.Agent(lab, cls.directory / "far", stack.runtime / "far", "far", "far").start()
        cls.far_uid = stack.enrol(cls.far)
        wait_for(lambda: "Telemetry-Connected" in stack.ems.endpoint(cls.far_uid)["tags"], "the far endpoint's tag", 60)
        stack.wait_evaluated(cls.uid)
        wait_for(lambda: stack.plan.agent2 in stack.gateway.resolved("Telemetry-Connected", slot=2),
                 "the second endpoint among the second EMS's addresses", 60)

    # ---- what the tests ask

    def cli(self, command):
        return self.stack.gateway.cli(command)

    def why(self, word):
        return flat(self.cli(f"diagnose endpoint why {word}"))

    def refused(self, command):
        with self.assertRaises(harness.LabError) as caught:
            self.cli(command)
        return str(caught.exception)

    def matched(self):
        return re.findall(r"^FortiClient UID: (.*)$", self.cli("diagnose endpoint ec-shm list"), re.M)

    def resolved(self):
        return set(re.findall(r"^ADDR\((.*)\)$", self.cli("diagnose firewall dynamic list"), re.M))

    def share(self, mode):
        self.stack.ems.api("PATCH", f"fabric-devices/{self.stack.gateway.serial()}", {"endpoint_sharing": mode})

    @staticmethod
    def leaf(agent):
        pem = agent.certificate.read_text()
        end = "-----END CERTIFICATE-----"
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[:pem.index(end) + len(end)] + "\n")).hexdigest()

    def key_of(self, ems):
        """What an EMS's ZTNA key begins with, as openssl says."""
        ca = self.directory / "ztna.pem"
        ca.write_text(ems.api("GET", "ems")["ztna_ca"])
        return subprocess.run(
            f"openssl x509 -in {ca} -pubkey -noout | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r",
            shell=True, capture_output=True, text=True, check=True).stdout[:12]

    def router_mac(self):
        return self.stack.lab.call("rtr", "cat", "/sys/class/net/lan/address").stdout.strip()

    # ---- the walk's commands

    def test_1_connectivity_of_each(self):
        for slot in self.emss:
            self.assertEqual(self.cli(f"diag endpoint fctems test-connectivity {slot}"), "Connection test was successful.\n")
        self.assertIn("EMS 3 is not configured", self.refused("diag endpoint fctems test-connectivity 3"))

    def test_2_contexts_of_all(self):
        keys = {slot: self.key_of(ems) for slot, (_, ems) in self.emss.items()}
        self.assertEqual(len(set(keys.values())), 3, "each EMS has a key of its own")
        self.assertEqual(self.cli("diag test application fcnacd 2"), "EMS context status:\n" + "".join(
            CONTEXT.format(slot=slot, name=name, serial=ems.serial(), key=keys[slot])
            for slot, (name, ems) in self.emss.items()))

    def test_3_records_of_both_and_filters(self):
        plan = self.stack.plan
        listed = self.cli("diagnose endpoint ec-shm list")
        records = listed.split("Record #")[1:]
        self.assertEqual(len(records), 2)
        # The walk's labels, in its order, in each record.
        wanted = (harness.ROOT / "tests/golden/ec-shm-list.txt").read_text().splitlines()[1:]

        def labels(lines):
            return [re.split(r"[:=]", line)[0] for line in lines]
        for record in records:
            self.assertEqual(labels(record.splitlines()[1:]), labels(wanted))
        first, second = records
        for record, ems, uid, ip in ((first, self.stack.ems, self.uid, plan.agent),
                                     (second, self.second, self.agent2.uid(), plan.agent2)):
            self.assertIn(f"\nIP Address = {ip}\n", record)
            self.assertIn(f"\nEMS serial number: {ems.serial()}\n", record)
            self.assertIn(f"\nFortiClient UID: {uid}\n", record)
            self.assertIn(f"\nClient cert SN: {ems.endpoint(uid)['client_cert_sn']}\n", record)
            self.assertIn(f"\n- Interface:port1, VDOM:root (0), SN: {self.stack.gateway.serial()}\n", record)
        mac2 = re.search(r"^MAC Address = (.*)$", second, re.M).group(1)
        tenant = "0" * 32
        only_second = "Record #" + second.replace("1:", "0:", 1)
        for words in ((plan.agent2,), (mac2,), (self.second.serial(),), (self.agent2.uid(),), (plan.agent2, mac2),
                      (mac2, plan.agent2), (self.second.serial(), tenant, mac2), (plan.agent2, "-", self.second.serial()),
                      (tenant, self.second.serial(), plan.agent2, mac2)):
            self.assertEqual(self.cli("diagnose endpoint ec-shm list " + " ".join(words)), only_second, words)
        self.assertEqual(self.cli(f"diagnose endpoint ec-shm list {tenant}"), listed)
        # Each alone fits somebody, both together nobody.
        self.assertEqual(self.cli(f"diagnose endpoint ec-shm list {plan.agent} {self.second.serial()}"), "")
        self.assertIn('"port1" is not a filter; allowed: an IP address', self.refused("diagnose endpoint ec-shm list port1"))

    def test_4_addresses_of_all(self):
        plan = self.stack.plan
        owners = {1: (plan.agent, self.stack.ems.endpoint(self.uid)["tags"]),
                  2: (plan.agent2, self.second.endpoint(self.agent2.uid())["tags"]), 7: ("", [])}
        wanted = {}
        for slot, (_, ems) in self.emss.items():
            address, held = owners[slot]
            for tag in sorted(ems.api("GET", "tags")["items"], key=lambda tag: tag["id"]):
                has = tag["name"] in held
                wanted[f"EMS{slot}_ZTNA_{tag['name']}"] = DYNAMIC.format(
                    slot=slot, tag=tag["name"], id=tag["id"], addresses=f"ADDR({address})\n" if has else "", count=int(has))
        self.assertIn("EMS2_ZTNA_Telemetry-Connected", wanted)
        self.assertIn("EMS7_ZTNA_Third-Only", wanted)
        self.assertEqual(self.cli("diagnose firewall dynamic list"), "".join(wanted.values()))
        for name in ("EMS2_ZTNA_Telemetry-Connected", "EMS7_ZTNA_Third-Only"):
            self.assertEqual(self.cli(f"diagnose firewall dynamic list {name}"), wanted[name])
        self.assertEqual(self.cli("diagnose firewall dynamic list Telemetry-Connected"),
                         wanted["EMS1_ZTNA_Telemetry-Connected"] + wanted["EMS2_ZTNA_Telemetry-Connected"])
        self.assertIn('there is no dynamic address "EMS2_ZTNA_Third-Only"',
                      self.refused("diagnose firewall dynamic list EMS2_ZTNA_Third-Only"))

    # ---- what the connectors hold and do

    def test_5_caches_and_look_ups(self):
        plan, serial = self.stack.plan, self.stack.gateway.serial()
        cache = self.cli("diagnose test application fcnacd 7")
        entry = cache[cache.index("#ID:1\n"):]
        self.assertIn(f"UID: {self.agent2.uid()}\nEMS: {self.second.serial()} {'0' * 32}\nState: sysinfo:1, tag:1, tagsz:2, "
                      "out-of-sync:0, ref:0\n", entry)
        self.assertRegex(entry, rf"\nonline: Yes\nSub TS: \w+ .*\nRoute IP:{plan.agent2}, vdom:root\(0\)\n"
                                r"idx:0, ttdl:1 name:Telemetry-Connected\nidx:1, ttdl:1 name:all_registered_clients\n$")
        routes = self.cli("diagnose test application fcnacd 8")
        for number, (uid, ip) in enumerate(((self.uid, plan.agent), (self.agent2.uid(), plan.agent2))):
            self.assertRegex(routes, rf"\n{number}: uid:{uid}\n- IP:{ip}, MAC: [0-9a-f:]{{17}}, VPN: no\n"
                                     rf"- Interface:port1, VDOM:root \(0\), SN: {serial}\n")
        self.assertEqual(self.cli("diagnose test application fcnacd 33"),
                         f"Gateway VPN Cache:\nGateway IPv4 Cache:\n0: root_{plan.agent}: {self.uid}\n"
                         f"1: root_{plan.agent2}: {self.agent2.uid()}\nGateway IPv6 Cache:\n")
        short = self.cli(f"diagnose endpoint lls-comm send ztna find-ip-vdom {plan.agent2} root")
        self.assertTrue(short.startswith(f"UID: {self.agent2.uid()}\n"), short)
        self.assertEqual(self.cli(f"diagnose wad dev query-by uid {self.agent2.uid()} {self.second.serial()} {'0' * 32}"), short)
        told = self.cli("diagnose endpoint fctems json gateway-mac-request")
        interfaces = {i["name"]: i for i in json.loads(told)["interfaces"]}
        self.assertEqual(interfaces["port1"]["addresses"][0], f"{plan.gateway_port1}/24")
        for name in ("port1", "port2", "port3"):
            kernel = self.stack.lab.call("gw", "cat", f"/sys/class/net/{name}/address").stdout.strip()
            self.assertEqual(interfaces[name]["mac"], kernel)

    def test_6_asked_anew_and_connected_anew(self):
        before = self.cli("diagnose endpoint ec-shm list"), self.cli("diagnose firewall dynamic list")
        host, port = self.stack.plan.gateway_port1, self.stack.ports["proxy"]
        session = harness.open_download(harness.open_tls(host, port, self.stack.lab.namespaces["ep"], self.stack.agent.certificate,
                                                         self.stack.agent.key), host)
        self.addCleanup(session.close)
        for number, verb in ((5, "answered"), (99, "connected again")):
            answers, stop = [], threading.Event()

            def ask():
                while not stop.is_set():
                    answers.append(https("GET", host, port, "/", certificate=self.stack.agent.certificate,
                                         key=self.stack.agent.key, namespace=self.stack.lab.namespaces["ep"]).status)
            visitor = threading.Thread(target=ask)
            visitor.start()
            try:
                said = self.cli(f"diagnose test application fcnacd {number}")
            finally:
                stop.set()
                visitor.join()
            lines = [line for line in said.splitlines() if line.startswith("EMS ")]
            for (slot, (name, _)), line, (endpoints, tags) in zip(self.emss.items(), lines, ((1, 3), (1, 2), (0, 2)), strict=True):
                self.assertRegex(line, rf"^EMS {slot} \({name}\): {verb} after \d+\.\d ms: endpoints {endpoints}, tags {tags}, "
                                       r"revision \d+$")
            self.assertEqual(set(answers), {200}, f"access while {number} runs")
            self.assertEqual((self.cli("diagnose endpoint ec-shm list"), self.cli("diagnose firewall dynamic list")), before)
        session.wait_bytes()
        self.assertTrue(session.open, "a session that was open goes on")
        self.assertIn("99. Restart", self.cli("diagnose test application fcnacd 98"))

    # ---- the table's rows

    def test_7a_adjacent(self):
        plan = self.stack.plan
        for slot, name, uid, ip in ((1, "EMS", self.uid, plan.agent), (2, "Second", self.agent2.uid(), plan.agent2)):
            wait_for(lambda: "Live sessions: 0" in self.why(ip), "the sessions of the tests before to have ended")
            said = self.why(ip)
            self.assertIn(f"({uid}) of EMS {slot} ({name}) is a matched endpoint, and {ip} is resolved.", said)
            self.assertIn("Matched endpoint: yes its default gateway is port1 ", said.replace(
                "it has come through an access proxy with its certificate and ", ""))
            self.assertRegex(said, rf"{ip}: resolved: its own hardware address [0-9a-f:]{{17}} answers for it on port1")
            self.assertIn(f"EMS{slot}_ZTNA_Telemetry-Connected: has it; matched: yes; resolved: {ip}", said)
            self.assertNotIn(f"EMS{3 - slot}_ZTNA", said, "the other EMS's tags are not this endpoint's")
            # By its UID and its certificates it is the same one, and never the other EMS's.
            serial = (self.stack.ems if slot == 1 else self.second).endpoint(uid)["client_cert_sn"]
            agent = self.stack.agent if slot == 1 else self.agent2
            colons = ":".join(serial[i:i + 2] for i in range(0, len(serial), 2))
            for word in (uid, serial, colons, self.leaf(agent)):
                self.assertEqual(self.why(word), said, word)
        self.assertIn("EMS1_ZTNA_Vulnerable-Device: has it; matched: yes; resolved: 10.0.1.2" if "Vulnerable-Device" in
                      self.stack.ems.endpoint(self.uid)["tags"] else "EMS1_ZTNA_Vulnerable-Device: does not have it",
                      self.why(plan.agent))

    def test_7b_behind_a_router_by_default(self):
        self.assertNotIn(self.far_uid, self.matched())
        self.assertNotIn(FAR, self.resolved())
        said = self.why(FAR)
        self.assertIn(f"No EMS has told this gateway of an endpoint with the address {FAR}: it is neither a matched endpoint "
                      "nor a resolved address.", said)
        self.assertIn("It is on no network of this gateway: who has it is behind a router.", said)
        self.assertIn("EMS 1 (EMS): connected; tells of 1 endpoint: behind this gateway 1, ", said)
        self.assertIn("the EMS shares only endpoints that are connected to this gateway. That is the default.", said)
        self.assertIn(f"an endpoint with the UID {self.far_uid}: it is neither", self.why(self.far_uid))
        # Its EMS can be asked by its certificate, and asking puts it into no list.
        said = self.why(self.leaf(self.far))
        self.assertIn(f"EMS 1 (EMS): it is a valid certificate of endpoint {self.far_uid}", said)
        for other in ("EMS 2 (Second)", "EMS 7 (Third)"):
            self.assertIn(f"{other}: it does not know this certificate", said)
        self.assertNotIn(self.far_uid, self.matched())
        self.assertIn("No EMS has told", self.why(self.far_uid))
        self.assertIn("EMS 1 (EMS): it does not know this certificate", self.why("ab" * 32))

    def test_7c_behind_a_router_and_shared_with_all(self):
        self.share("all")
        try:
            wait_for(lambda: FAR in self.resolved(), "the far endpoint's address")
            self.assertNotIn(self.far_uid, self.matched())
            said = self.why(FAR)
            self.assertIn(f"({self.far_uid}) of EMS 1 (EMS) is not a matched endpoint, but {FAR} is resolved.", said)
            self.assertIn("Matched endpoint: no this gateway is not its default gateway, and it has not come through an access "
                          "proxy: the EMS shares it because it shares all endpoints with this gateway its default gateway, "
                          f"10.0.5.1 with the hardware address {self.router_mac()}, is not this gateway", said)
            self.assertIn(f"{FAR}: resolved: it is not on a network of this gateway, but its telemetry comes from it", said)
            self.assertIn(f"EMS1_ZTNA_Telemetry-Connected: has it; matched: no; resolved: {FAR}", said)
        finally:
            self.share("connected")
        wait_for(lambda: FAR not in self.resolved(), "the far endpoint's address to be gone")
        self.assertIn("No EMS has told", self.why(FAR))

    def test_7d_shared_with_all_behind_an_address_translator(self):
        """An address that is not adjacent is a claim: it counts only where the telemetry comes from it."""
        lab = self.stack.lab
        lab.call("rtr", "nft", "-f", "-", text="table ip nat { chain out { type nat hook postrouting priority srcnat; "
                                               "oifname \"wan\" masquerade; }; }\n")
        try:
            self.share("all")
            self.far.process.stop()
            self.far.start()
            wait_for(lambda: f"{FAR}: not resolved: its telemetry comes from 10.0.4.2" in self.why(self.far_uid),
                     "the translated telemetry to be told", 60)
            self.assertNotIn(FAR, self.resolved())
            self.assertNotIn(self.far_uid, self.matched())
            said = self.why(FAR)
            self.assertIn(f"({self.far_uid}) of EMS 1 (EMS) is not a matched endpoint, and none of its addresses is resolved.", said)
            self.assertIn("An address translator or proxy stands between the endpoint and its EMS", said)
            self.assertIn("It does not have the address 10.0.4.2 itself: its telemetry comes from there", self.why("10.0.4.2"))
        finally:
            lab.call("rtr", "nft", "delete", "table", "ip", "nat")
            self.share("connected")
            self.far.process.stop()
            self.far.start()
        wait_for(lambda: self.stack.ems.endpoint(self.far_uid)["online"], "the far endpoint to be back", 60)

    def test_7e_through_an_access_proxy_only(self):
        reply = https("GET", "10.0.4.1", self.stack.ports["proxy"], "/", certificate=self.far.certificate, key=self.far.key,
                      namespace=self.stack.lab.namespaces["far"])
        self.assertEqual(reply.status, 200, reply.text[:300])
        self.assertIn(self.far_uid, self.matched())
        self.assertNotIn(FAR, self.resolved())
        said = self.why(self.far_uid)
        self.assertIn(f"({self.far_uid}) of EMS 1 (EMS) is a matched endpoint; none of its addresses is resolved.", said)
        self.assertIn("Matched endpoint: yes it has come through an access proxy with its certificate its default gateway, "
                      f"10.0.5.1 with the hardware address {self.router_mac()}, is not this gateway", said)
        self.assertIn(f"Resolved addresses: none {FAR}: not resolved: the EMS tells of this endpoint only because it came "
                      "through an access proxy", said)
        self.assertIn("EMS1_ZTNA_Telemetry-Connected: has it; matched: yes; resolved: no", said)
        self.assertIn("Policies by address (config firewall policy) can't let it in", said)
        self.assertEqual(self.why(self.leaf(self.far)), said)

    def test_8_what_is_not_known(self):
        self.assertIn('No EMS has told this gateway of an endpoint called "nobody-here"', self.why("nobody-here"))
        self.assertIn(f"{self.stack.plan.gateway_port1} is this gateway's own, on port1", self.why(self.stack.plan.gateway_port1))
        self.assertIn("It is that of an EMS, a next hop or a real server", self.why(self.stack.plan.ems))
        # All three agents run on one machine: its name means several.
        host = self.stack.ems.endpoint(self.uid)["host_name"]
        self.assertRegex(self.refused(f"diagnose endpoint why {host}"), rf'endpoints are called "{host}"; give the UID of one: ')
        # One EMS goes: the other's answers stay, and the reason is told.
        self.third.process.stop()
        wait_for(lambda: "EMS 7 (Third): connecting" in self.why("nobody-here"), "the third connector to be down")
        said = self.cli("diagnose test application fcnacd 5")
        self.assertRegex(said, r"\nEMS 2 \(Second\): answered after .*\nEMS 7 \(Third\): connecting; diagnose endpoint fctems "
                               r"test-connectivity 7 says why\n$")
        self.assertIn("EMS 7 (Third): not asked: connecting", self.why("cd" * 32))

    def test_9_two_emss_know_one_address(self):
        """A second agent at 10.0.1.2, enrolled at the other EMS: who has the address keeps it, and each is told so."""
        stack, ip = self.stack, self.stack.plan.agent
        twin = stacks.Agent(stack.lab, self.directory / "twin", stack.runtime / "twin", "ep", "twin").start()
        twin.enrol(self.second.invite())
        uid = twin.uid()
        wait_for(lambda: uid in self.matched(), "the twin at the gateway", 60)
        wait_for(lambda: "Telemetry-Connected" in self.second.endpoint(uid)["tags"], "the twin's tag", 60)
        said = self.why(ip)
        self.assertTrue(said.startswith(f"2 endpoints fit. {ip} is resolved to {self.uid} of EMS 1."), said)
        self.assertIn(f"({self.uid}) of EMS 1 (EMS) is a matched endpoint, and {ip} is resolved.", said)
        self.assertIn(f"({uid}) of EMS 2 (Second) is a matched endpoint; none of its addresses is resolved.", said)
        self.assertIn(f"{ip}: not resolved: another endpoint claims it: {self.uid} of EMS 1", said)
        wait_for(lambda: "EMS2_ZTNA_Telemetry-Connected: has it; matched: yes; resolved: no" in self.why(uid), "its tag")
        self.assertNotIn(ip, stack.gateway.resolved("Telemetry-Connected", slot=2))
        self.assertEqual(stack.gateway.resolved("Telemetry-Connected"), [ip])
        # Each certificate is that of its own endpoint.
        self.assertIn(f"({self.uid}) of EMS 1", self.why(self.leaf(stack.agent)))
        self.assertIn(f"({uid}) of EMS 2", self.why(self.leaf(twin)))
        self.assertNotIn(self.uid + ")", self.why(self.leaf(twin)))


if __name__ == "__main__":
    harness.main()
