"""What groups, schedules, second groups of tags, IPv6 access proxies and given certificates do on a running gateway."""
import json
import ssl
import time

import harness
from harness import Stream, connect, https, open_tls, stacks, tls_context, wait_for

CONNECTOR = """config certificate remote
    edit "ems"
        set remote "{pem}"
    next
end
config endpoint-control fctems
    edit 1
        set status enable
        set server "{server}"
        set https-port {port}
        set certificate-remote "ems"
    next
end
"""

GROUPS = """config firewall address
    edit "elsewhere"
        set subnet 192.0.2.0/24
    next
end
config firewall addrgrp
    edit "inner"
        set member "endpoints"
    next
    edit "people"
        set member "elsewhere" "inner"
    next
end
config firewall service group
    edit "apps"
        set member "SSH" "APP"
    next
end
config firewall policy
    edit 2
        set srcaddr "people"
        set service "apps"
    next
end
config firewall proxy-policy
    edit 2
        set srcaddr "people"
    next
end
"""

# Anybody gets in, and reaches nothing but what this access proxy leads to.
OPEN = stacks.ACCESS_PROXY.replace('set vip "{name}"', 'set vip "{name}"\n        set empty-cert-action accept') + """config firewall proxy-policy
    edit {number}
        set access-proxy "{name}"
        set action accept
    next
end
"""

IPV6 = stacks.ACCESS_PROXY.replace("firewall vip", "firewall vip6").replace("firewall access-proxy", "firewall access-proxy6") + """config firewall proxy-policy
    edit 6
        set access-proxy6 "web"
        set ztna-ems-tag "EMS1_ZTNA_Telemetry-Connected"
        set action accept
    next
end
"""


class Configuration(harness.StackTest):
    letter = "0"

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        # Nobody says `execute fctems verify`: the certificate is in the configuration.
        with connect(stack.ems_host, stack.ports["https"], stack.from_ns) as raw:
            with tls_context().wrap_socket(raw, server_hostname=stack.ems_host) as tls:
                cls.pem = ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True))
        stack.gateway.configure(CONNECTOR.format(pem=cls.pem, server=stack.ems_address, port=stack.ports["https"]))
        serial = stack.gateway.serial()
        wait_for(lambda: [d for d in stack.ems.api("GET", "fabric-devices")["items"] if d["serial"] == serial],
                 "the gateway among the EMS's fabric devices")
        stack.ems.authorise(serial)
        stack.make_tags()
        stack.protect()
        stack.gateway.configure(GROUPS)
        cls.uid = stack.enrol()
        stack.wait_evaluated(cls.uid)
        cls.gateway = stack.gateway

    def get(self, path="/"):
        stack = self.stack
        return https("GET", stack.plan.gateway_port1, stack.ports["proxy"], path, certificate=stack.agent.certificate,
                     key=stack.agent.key, namespace=stack.lab.namespaces["ep"])

    def wait_status(self, status):
        wait_for(lambda: self.get().status == status, f"status {status}")

    def download(self, seconds):
        """One that goes on for so long, and has begun."""
        stack = self.stack
        tls = open_tls(stack.plan.gateway_port1, stack.ports["proxy"], stack.lab.namespaces["ep"], stack.agent.certificate,
                       stack.agent.key)
        tls.sendall(f"GET /download?seconds={seconds} HTTP/1.1\r\nHost: app\r\n\r\n".encode())
        stream = Stream(tls)
        stream.wait_bytes()
        return stream

    def policy(self, table, number, line):
        self.gateway.configure(f"config firewall {table}\nedit {number}\n{line}\nnext\nend\n")

    def reaches(self):
        """Does the endpoint get through the gateway to the application itself?"""
        try:
            connect(self.stack.app_address, self.stack.ports["app"], self.stack.lab.namespaces["ep"], timeout=0.5).close()
            return True
        except OSError:
            return False

    def test_1_a_given_certificate_is_accepted(self):
        wait_for(lambda: "successful" in self.gateway.cli("diagnose endpoint fctems test-connectivity 1"), "the connector")
        self.assertNotIn("certificate-fingerprint", self.gateway.cli("show endpoint-control fctems 1"))

    def test_2_groups_stand_for_what_they_hold(self):
        self.wait_status(200)
        wait_for(self.reaches, "the way through the gateway")
        self.gateway.configure('config firewall addrgrp\nedit "people"\nset member "elsewhere"\nnext\nend\n')
        self.wait_status(403)
        wait_for(lambda: not self.reaches(), "the way through the gateway to be closed")
        self.gateway.configure('config firewall addrgrp\nedit "people"\nset member "elsewhere" "inner"\nnext\nend\n'
                               'config firewall service group\nedit "apps"\nset member "SSH"\nnext\nend\n')
        self.wait_status(200)
        self.assertFalse(self.reaches())
        self.gateway.configure('config firewall service group\nedit "apps"\nset member "SSH" "APP"\nnext\nend\n')
        wait_for(self.reaches, "the way through the gateway")

    def test_3_of_two_groups_of_tags_both_are_needed(self):
        for tag, status in (("EMS1_ZTNA_Nobody", 403), ("EMS1_ZTNA_all_registered_clients", 200)):
            self.policy("proxy-policy", 2, f"set ztna-ems-tag-secondary {tag}")
            self.policy("policy", 2, f"set ztna-ems-tag-secondary {tag}")
            self.wait_status(status)
            wait_for(lambda: self.reaches() == (status == 200), f"the firewall to follow {tag}")
        self.policy("proxy-policy", 2, "unset ztna-ems-tag-secondary")
        self.policy("policy", 2, "unset ztna-ems-tag-secondary")

    def test_4_a_schedule_begins_and_ends_by_itself(self):
        self.wait_status(200)
        end = time.localtime(time.time() + 65 if time.localtime().tm_sec > 50 else time.time() + 60)
        self.gateway.configure('config firewall schedule onetime\nedit "now"\nset start 00:00 2026/01/01\n'
                               f'set end {time.strftime("%H:%M %Y/%m/%d", end)}\nnext\nend\n')
        self.policy("proxy-policy", 2, 'set schedule "now"')
        self.wait_status(200)
        stream = self.download(120)
        stream.wait_end(80)
        self.assertEqual((time.localtime().tm_hour, time.localtime().tm_min), (end.tm_hour, end.tm_min))
        self.assertEqual(self.get().status, 403)
        stream.close()
        self.policy("proxy-policy", 2, 'set schedule "none"')
        self.assertEqual(self.get().status, 403)
        self.policy("proxy-policy", 2, "unset schedule")
        self.wait_status(200)

    def test_5_policies_ask_by_which_interface_a_client_comes(self):
        stack = self.stack
        self.wait_status(200)
        stream = self.download(60)
        self.policy("proxy-policy", 2, "set srcintf port1 port2")
        self.wait_status(200)
        stream.wait_bytes()
        self.policy("proxy-policy", 2, "set srcintf port2")
        stream.wait_end(10)
        stream.close()
        self.assertEqual(self.get().status, 403)
        self.policy("proxy-policy", 2, "unset srcintf")
        self.wait_status(200)
        # What the gateway's own machine asks comes by no interface of the network, whichever address it uses.
        self.policy("proxy-policy", 2, "unset srcaddr")
        for line, there, here in (("unset srcintf", 200, 200), ("set srcintf port1", 200, 403), ("set srcintf lo", 403, 200)):
            self.policy("proxy-policy", 2, line)
            self.wait_status(there)
            answer = https("GET", stack.plan.gateway_port1, stack.ports["proxy"], "/", certificate=stack.agent.certificate,
                           key=stack.agent.key, namespace=stack.lab.namespaces["gw"])
            self.assertEqual(answer.status, here, line)
        self.policy("proxy-policy", 2, 'unset srcintf\nset srcaddr "people"')
        self.wait_status(200)
        # The virtual address's own interface counts for every policy.
        for line, status in (("set extintf port2", 403), ("set extintf port1", 200), ("unset extintf", 200)):
            self.policy("vip", "web", line)
            self.wait_status(status)

    def test_6_access_proxies_at_ipv6_addresses(self):
        stack = self.stack
        self.gateway.configure(IPV6.format(
            name="web", listen="::1", port=9449, app=stack.app_address, app_port=stack.ports["app"]))
        inside = stack.lab.namespaces["gw"]

        def status(**identity):
            try:
                return https("GET", "::1", 9449, "/", namespace=inside, **identity).status
            except OSError:
                return None
        def wait(wanted):
            known = {"certificate": stack.agent.certificate, "key": stack.agent.key}
            wait_for(lambda: status(**known) == wanted, f"status {wanted} at the IPv6 access proxy")
        wait(200)
        self.assertEqual(status(), 403)
        # Interfaces are told there, too.
        for name, wanted in (("port1", 403), ("lo", 200)):
            self.policy("proxy-policy", 6, f"set srcintf {name}")
            wait(wanted)

    def test_7_the_traffic_log_keeps_names_only_where_it_may(self):
        log = self.gateway.data / "traffic.log"

        def last():
            return json.loads(log.read_text().splitlines()[-1])
        for setting, named in (("enable", False), ("disable", True)):
            self.gateway.configure(f"config log setting\nset user-anonymize {setting}\nend\n")
            path = f"/log-{setting}"
            self.get(path)
            wait_for(lambda: last()["path"] == path, "the line of the request")
            self.assertEqual("clientdeviceid" in last(), named)
            self.assertEqual("clientdevicename" in last(), named)
            self.assertIn("clientcert_sha256", last())

    def test_8_a_certificate_that_is_none_is_refused(self):
        with self.assertRaises(harness.LabError) as refused:
            self.gateway.configure('config certificate remote\nedit "bad"\nset remote "-----BEGIN CERTIFICATE-----\nAAAA\n'
                                   '-----END CERTIFICATE-----"\nnext\nend\n')
        self.assertIn("certificate remote bad: remote: ", str(refused.exception))
        self.assertNotIn("bad", self.gateway.cli("show certificate remote"))

    def test_9_another_access_proxy_changes_nothing_of_those_that_are_there(self):
        stack = self.stack
        self.wait_status(200)
        stream = self.download(60)
        for number, (name, address) in enumerate((("aaa", "0.0.0.0"), ("aab", "192.0.2.1")), 81):
            self.gateway.configure(OPEN.format(name=name, listen=address, number=number, port=9450 + number,
                                               app=stack.app_address, app_port=stack.ports["app"]))
        inside = stack.lab.namespaces["ep"]

        def status(port):
            try:
                return https("GET", stack.plan.gateway_port1, port, "/", namespace=inside).status
            except OSError:
                return None
        wait_for(lambda: status(9450 + 81) == 200, "the access proxy that is open to all, beside one that can't be reached")
        self.assertEqual(status(stack.ports["proxy"]), 403, "who shows no certificate gets in there, and nowhere else")
        self.assertIn("no interface of this machine has the address 192.0.2.1", self.gateway.cli("get system status"))
        stack.ems.api("POST", f"endpoints/{self.uid}/quarantine", {"reason": "test"})
        stream.wait_end(10)
        stream.close()
        stack.ems.api("POST", f"endpoints/{self.uid}/unquarantine", {})
        self.wait_status(200)


if __name__ == "__main__":
    harness.main()
