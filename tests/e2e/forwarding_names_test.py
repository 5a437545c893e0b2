"""TCP forwarding where IPv6 and names are: an access proxy at an IPv6 address, real servers at IPv6 addresses and by domain,
domains that a name server of the test tells, whose addresses change."""
import contextlib
import ipaddress
import os
import socket
import struct
import threading
import time
from pathlib import Path

import harness
from destinations import Destinations
from harness import connect, wait_for
from lab import inside

PORT6, PORT4 = 9451, 9452
PREFIX = "fd00:7057"
GATEWAY1, ENDPOINT = f"{PREFIX}:1::1", f"{PREFIX}:1::2"
GATEWAY2, FIRST, SECOND, IN_RANGE, DEAD = (f"{PREFIX}:2::{last}" for last in ("1", "21", "22", "31", "99"))

ADDRESSES = """config firewall address
    edit "six-hosts"
        set type iprange
        set start-ip {prefix}:2::30
        set end-ip {prefix}:2::3f
    next
end
"""

# Both families: {six} is "6" or nothing.
PROXY = """config firewall vip{six}
    edit "names"
        set extip {listen}
        set extport {port}
    next
end
config firewall access-proxy{six}
    edit "names"
        set vip "names"
        config api-gateway
            edit 1
                set url-map "/tcp"
                set service tcp-forwarding
                config realservers
                    edit 1
                        set ip {first}
                        set mappedport {served} {closed}
                    next
                    edit 2
                        set addr-type fqdn
                        set domain "db.example"
                        set mappedport {served}
                    next
                    edit 3
                        set addr-type fqdn
                        set domain "other.example"
                        set mappedport {served} {proxy}
                    next
                    edit 4
                        set address "six-hosts"
                        set mappedport {served}
                    next
                end
            next
        end
    next
end
config firewall proxy-policy
    edit {policy}
        set access-proxy{six} "names"
        set ztna-ems-tag "EMS1_ZTNA_Telemetry-Connected"
        set action accept
        set logtraffic all
    next
end
"""


class NameServer:
    """A small name server: answers A and AAAA of the names that it has, for no longer than the answer takes."""

    def __init__(self, address, namespace):
        self.names = {}         # name: addresses; None: nothing is answered
        self.asked = []
        with inside(namespace):
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sock.bind((address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                question, client = self.sock.recvfrom(1024)
            except OSError:
                return
            answer = self._answer(question)
            if answer is not None:
                self.sock.sendto(answer, client)

    def _answer(self, question):
        labels, at = [], 12
        while length := question[at]:
            labels.append(question[at + 1:at + 1 + length].decode())
            at += length + 1
        kind = struct.unpack("!H", question[at + 1:at + 3])[0]
        name = ".".join(labels).lower()
        self.asked.append((name, kind))
        if name in self.names and self.names[name] is None:
            return None
        wanted = {1: 4, 28: 6}.get(kind)
        parsed = [ipaddress.ip_address(a) for a in self.names.get(name, ())]
        answers = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(a.packed)) + a.packed for a in parsed if a.version == wanted)
        count = sum(a.version == wanted for a in parsed)
        flags = 0x8580 | (0 if name in self.names else 3)
        return question[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0) + question[12:at + 5] + answers

    def close(self):
        self.sock.close()


class Named:
    """Says who it is, then sends back what it is sent."""

    def __init__(self, name, address, port, namespace):
        self.name = name
        with inside(namespace):
            self.listener = socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with sock, contextlib.suppress(OSError):
            sock.sendall(self.name.encode() + b"\n")
            while data := sock.recv(65536):
                sock.sendall(data)

    def close(self):
        self.listener.close()


class ForwardingNames(Destinations, harness.StackTest):
    letter = "6"

    @classmethod
    def set_up(cls, stack):
        lab, cls.app = stack.lab, stack.app_address
        cls.far = lab.namespaces["ep"]
        for short, interface, address in (("gw", "port1", GATEWAY1), ("ep", "eth0", ENDPOINT), ("gw", "port2", GATEWAY2),
                                          ("srv", "eth0", FIRST), ("srv", "eth0", SECOND), ("srv", "eth0", IN_RANGE)):
            lab.ip(short, "address", "add", f"{address}/64", "dev", interface, "nodad")
        # What `ip netns exec` shows as /etc/resolv.conf.
        own = Path("/etc/netns") / lab.namespaces["gw"]
        own.mkdir(parents=True, exist_ok=True)
        cls.addClassCleanup(own.rmdir)
        (own / "resolv.conf").write_text(f"nameserver {cls.app}\noptions timeout:1 attempts:20\n")
        cls.addClassCleanup((own / "resolv.conf").unlink)
        cls.dns = NameServer(cls.app, lab.namespaces["srv"])
        cls.addClassCleanup(cls.dns.close)
        cls.served = 7007
        for name, address in (("four", cls.app), ("first", FIRST), ("second", SECOND), ("ranged", IN_RANGE)):
            cls.addClassCleanup(Named(name, address, cls.served, lab.namespaces["srv"]).close)
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.uid = stack.enrol()
        stack.wait_evaluated(cls.uid)
        same = {"first": FIRST, "served": cls.served, "closed": 9, "proxy": PORT6, "prefix": PREFIX}
        stack.gateway.configure((ADDRESSES + PROXY.format(six="6", listen=GATEWAY1, port=PORT6, policy=31, **same) +
                                 PROXY.format(six="", listen="0.0.0.0", port=PORT4, policy=32, **same)).replace("{prefix}", PREFIX))
        at6, at4 = (GATEWAY1, PORT6), (str(stack.plan.gateway_port1), PORT4)
        wanted = {"v6": (FIRST, cls.served, at6), "db6": ("db.example", cls.served, at6), "other6": ("Other.Example", cls.served, at6),
                  "ranged": (IN_RANGE, cls.served, at6), "gateway": ("other.example", PORT6, at6), "closed": (FIRST, 9, at6),
                  "outside": (SECOND, cls.served, at6), "v6over4": (FIRST, cls.served, at4), "db4": ("db.example", cls.served, at4)}
        cls.listen_for([
            {"name": name, "host": host, "port": port, "path": "/tcp", "fingerprint": cls.fingerprint_of(*at),
             "gateway": f"[{at[0]}]:{at[1]}" if ":" in at[0] else f"{at[0]}:{at[1]}",
             **({"listen": "[::1]:2266"} if name == "v6" else {})} for name, (host, port, at) in wanted.items()])
        wait_for(lambda: cls.ask("v6") == "first", "to be let in")

    @classmethod
    def open(cls, name):
        host, port = cls.destination(name)["listen"].rsplit(":", 1)
        sock = connect(host.strip("[]"), int(port), cls.far)
        sock.settimeout(20)
        return sock

    @classmethod
    def ask(cls, name):
        """Who answers there; None: it was reset."""
        try:
            with cls.open(name) as sock:
                return sock.makefile().readline().strip() or None
        except OSError:
            return None

    def says(self, name, who):
        """At once, and not after a while."""
        self.assertEqual(self.ask(name), who, self.destination(name))

    def refused(self, name, what):
        self.assertIsNone(self.ask(name))
        self.assertIn(what, self.destination(name)["last_error"])

    def test_ipv6_from_end_to_end(self):
        self.assertEqual(self.destination("v6")["listen"], "[::1]:2266")
        with self.open("v6") as sock:
            self.assertEqual(sock.getpeername()[0], "::1")
            lines = sock.makefile()
            self.assertEqual(lines.readline(), "first\n")
            block = os.urandom(1 << 20).hex()
            threading.Thread(target=lambda: sock.sendall(block.encode() + b"\n"), daemon=True).start()
            self.assertEqual(lines.readline(), block + "\n")
            listed = self.stack.gateway.cli(f"diagnose ztna session list [{FIRST}]:{self.served}")
            self.assertIn(f"TCP forwarding to: [{FIRST}]:{self.served}", listed)
        line = self.logged(destination=f"[{FIRST}]:{self.served}", policyid=31)
        self.assertEqual((line["srcip"], line["status"], line["service"]), (ENDPOINT, 101, "tcp-forwarding"))
        # A range of IPv6 addresses, and IPv6 behind an IPv4 listener.
        self.says("ranged", "ranged")
        self.says("v6over4", "first")
        self.assertEqual(self.logged(destination=f"[{FIRST}]:{self.served}", policyid=32)["srcip"], self.stack.plan.agent)

    def test_what_is_not_configured_or_not_there_is_told(self):
        self.refused("outside", "is not a destination of this application")
        self.refused("closed", "Connection refused")
        self.assertEqual(self.logged(destination=f"[{SECOND}]:{self.served}")["status"], 403)
        self.assertEqual(self.logged(destination=f"[{FIRST}]:9")["status"], 502)

    def test_a_domain_leads_where_its_name_server_says_now(self):
        for addresses, who in (([self.app], "four"), ([FIRST], "first"), ([SECOND], "second"), ([self.app], "four")):
            self.dns.names["db.example"] = addresses
            for name in ("db6", "db4"):
                self.says(name, who)
        self.assertEqual(self.logged(destination=f"db.example:{self.served}", policyid=32)["status"], 101)
        self.assertIn(("db.example", 28), self.dns.asked)

    def test_a_connection_stays_where_it_is_when_the_address_changes(self):
        self.dns.names["db.example"] = [FIRST]
        with self.open("db6") as sock:
            lines = sock.makefile()
            self.assertEqual(lines.readline(), "first\n")
            self.dns.names["db.example"] = [SECOND]
            self.says("db6", "second")
            sock.sendall(b"still here\n")
            self.assertEqual(lines.readline(), "still here\n")

    def test_an_address_that_does_not_answer_is_passed_over(self):
        # 127.0.0.1 is the gateway, and never connected to; the other one refuses, or nobody has it.
        self.dns.names["db.example"] = ["127.0.0.1", GATEWAY2, SECOND]
        self.says("db6", "second")
        self.dns.names["db.example"] = [DEAD, self.app]
        self.says("db6", "four")

    def test_a_name_never_leads_to_the_gateway(self):
        for addresses in (["127.0.0.1"], ["::1"], [GATEWAY1], [GATEWAY2], [self.stack.plan.gateway_port1], [f"::ffff:{self.stack.plan.gateway_port1}"],
                          ["0.0.0.0"], ["::"]):
            with self.subTest(addresses):
                self.dns.names["other.example"] = addresses
                self.assertIsNone(self.ask("gateway"))
                self.assertIn(self.destination("gateway")["last_error"] and self.logged(destination=f"other.example:{PORT6}")["status"], (403, 502))
        self.dns.names["other.example"] = [FIRST]
        wait_for(lambda: self.ask("other6") == "first", "the name to lead to another one")

    def test_a_name_that_nobody_knows_is_told_and_looked_up_again(self):
        self.dns.names.pop("db.example", None)
        wait_for(lambda: self.ask("db6") is None, "the name not to be known")
        self.assertIn("db.example", self.destination("db6")["last_error"])
        self.dns.names["db.example"] = [FIRST]
        wait_for(lambda: self.ask("db6") == "first", "the name to be known")

    def test_a_silent_name_server_holds_up_nothing_else(self):
        self.dns.names["other.example"] = None
        ended = []
        began = time.monotonic()
        waiting = threading.Thread(target=lambda: ended.append((self.ask("other6"), time.monotonic() - began)))
        waiting.start()
        wait_for(lambda: ("other.example", 1) in self.dns.asked, "the name server to be asked")
        self.dns.names["db.example"] = [FIRST]
        wait_for(lambda: self.ask("db6") == "first", "another name")
        self.says("v6", "first")
        self.assertFalse(ended)
        waiting.join()
        self.assertIsNone(ended[0][0])
        self.assertLess(ended[0][1], 15)
        self.assertIn("name", self.destination("other6")["last_error"])
        self.dns.names["other.example"] = [FIRST]
        wait_for(lambda: self.ask("other6") == "first", "the name server to be heard again")


if __name__ == "__main__":
    harness.main()
