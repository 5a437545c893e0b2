"""gRPC through an access proxy, by a real client and a real server: calls of each kind, and that just those end which a policy no
longer lets through."""
import json
import shutil
import subprocess
import threading
import unittest
from pathlib import Path

import harness
from harness import wait_for
from tls_server import Authority

PYTHON = "/usr/bin/python3"     # Debian's, which has the library
PEER = Path(__file__).with_name("grpc_peer.py")
PORT = 9450

CONFIG = """config certificate local
    edit "calls"
        set certificate "{certificate}"
        set private-key "{key}"
    next
end
config certificate remote
    edit "servers"
        set remote "{ca}"
    next
end
config firewall address
    edit "free-server"
        set subnet {free}/32
    next
    edit "marked-server"
        set subnet {marked}/32
    next
end
config firewall vip
    edit "calls"
        set extip 0.0.0.0
        set extport {listen}
        set ssl-certificate "calls"
    next
end
config firewall access-proxy
    edit "calls"
        set vip "calls"
        config api-gateway
            edit 1
                config realservers
                    edit 1
                        set ip {free}
                        set port {plain}
                    next
                end
            next
            edit 2
                set url-map "/lab.Marked/"
                config realservers
                    edit 1
                        set ip {marked}
                        set port {plain}
                    next
                end
            next
            edit 3
                set url-map "/lab.Secure/"
                set service https
                set server-ca "servers"
                config realservers
                    edit 1
                        set ip {free}
                        set port {secure}
                    next
                end
            next
            edit 4
                set url-map "/lab.Untrusted/"
                set service https
                config realservers
                    edit 1
                        set ip {free}
                        set port {secure}
                    next
                end
            next
        end
    next
end
config firewall proxy-policy
    edit 21
        set name "marked"
        set access-proxy "calls"
        set dstaddr "marked-server"
        set ztna-ems-tag "EMS1_ZTNA_Marked"
        set action accept
        set logtraffic all
    next
    edit 22
        set name "free"
        set access-proxy "calls"
        set dstaddr "free-server"
        set ztna-ems-tag "EMS1_ZTNA_Telemetry-Connected"
        set action accept
        set logtraffic all
    next
end
"""


class Client:
    """One process, one connection."""

    def __init__(self, test, certificate=None, key=None):
        stack = test.stack
        identity = [certificate, key] if certificate else []
        self.popen = subprocess.Popen(
            ["ip", "netns", "exec", stack.lab.namespaces["ep"], PYTHON, PEER, "client", f"{stack.plan.gateway_port1}:{PORT}",
             test.authority.certificate, "app.example", *map(str, identity)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        test.addCleanup(self.close)
        self.events = {}
        self.calls = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.popen.stdout:
            event = json.loads(line)
            self.events.setdefault(event["call"], []).append(event)

    def begin(self, path, kind, **more):
        self.calls += 1
        self.events[self.calls] = []
        self.popen.stdin.write(json.dumps({"call": self.calls, "path": path, "kind": kind, **more}) + "\n")
        self.popen.stdin.flush()
        return self.calls

    def last(self, call, event):
        return next((e for e in reversed(self.events[call]) if e["event"] == event), None)

    def end(self, call, seconds=20):
        return wait_for(lambda: self.last(call, "end"), f"the end of call {call}: {self.events[call][-1:]}", seconds)

    def call(self, path, kind="unary", **more):
        return self.end(self.begin(path, kind, **more))

    def flowing(self, call):
        last = self.last(call, "message")
        before = last["received"] if last else 0
        wait_for(lambda: (self.last(call, "message") or {}).get("received", 0) > before, f"call {call} to go on")

    def close(self):
        self.popen.kill()
        self.popen.wait()
        self.popen.stdin.close()
        self.popen.stdout.close()


class Grpc(harness.StackTest):
    letter = "g"

    @classmethod
    def set_up(cls, stack):
        if subprocess.run([PYTHON, "-c", "import grpc"], capture_output=True, check=False).returncode != 0:
            raise unittest.SkipTest("python3-grpcio is not installed (tools/setup test)")
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.authority = Authority(cls.directory)
        certificate, key = cls.authority.issue("app.example")
        for path in (certificate, key, cls.authority.certificate):
            path.chmod(0o644)
        marked = stack.plan.app.rsplit(".", 1)[0] + ".77"
        stack.lab.ip("srv", "address", "add", f"{marked}/24", "dev", "eth0")
        ports = {}
        for name, more in (("plain", []), ("secure", [certificate, key])):
            ready = cls.directory / f"{name}.port"
            stack.lab.start(f"grpc-{name}", [PYTHON, PEER, "server", ready, *more], "srv")
            wait_for(ready.exists, f"the {name} server")
            ports[name] = ready.read_text()
        stack.gateway.configure(CONFIG.format(certificate=certificate, key=key, ca=cls.authority.certificate, free=stack.plan.app,
                                              marked=marked, listen=PORT, **ports))
        cls.program = cls.directory / f"mark{cls.name}"
        shutil.copy("/bin/sleep", cls.program)
        stack.ems.put_tag({"name": "Marked", "message": "Start the mark.", "rules": [
            {"id": 1, "os": "linux", "type": "running-process", "processes": [cls.program.name]}]})
        cls.uid = stack.enrol()
        stack.wait_evaluated(cls.uid)

    def client(self):
        agent = self.stack.agent
        return Client(self, agent.certificate, agent.key)

    def mark(self, client):
        process = subprocess.Popen([self.program, "600"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for(lambda: client.call("/lab.Marked/Unary")["code"] == "OK", "the marked endpoint to be let in")
        return process

    def logged(self, **wanted):
        def found():
            text = (self.stack.gateway.data / "traffic.log").read_text()
            return [line for line in map(json.loads, text.splitlines()) if wanted.items() <= line.items()]
        return wait_for(found, f"a line with {wanted}")[-1]

    def test_1_calls(self):
        client = self.client()
        call = client.begin("/lab.Free/Unary", "unary", size=1000, timeout=20,
                            metadata=[("x-mine", "a b"), ("x-forwarded-for", "1.2.3.4"), ("x-ssl-client-verify", "SUCCESS")])
        end = client.end(call)
        self.assertEqual(end["code"], "OK", end)
        self.assertEqual(end["trailers"]["x-trailer"], "told at the end")
        seen = json.loads(client.last(call, "message")["text"])
        self.assertEqual((seen["size"], seen["metadata"]["x-mine"]), (1000, "a b"))
        self.assertEqual(seen["metadata"]["x-forwarded-for"], self.stack.plan.agent)
        self.assertNotIn("x-ssl-client-verify", seen["metadata"])
        self.assertTrue(15 < seen["left"] <= 20, "the deadline goes on to the server")
        failed = client.call("/lab.Free/Fail")
        self.assertEqual((failed["code"], failed["details"]), ("FAILED_PRECONDITION", "not like this: 100 %"))
        self.assertEqual(client.call("/lab.Free/Slow", timeout=0.3)["code"], "DEADLINE_EXCEEDED")
        self.assertEqual(client.call("/lab.Free/NoSuchThing")["code"], "UNIMPLEMENTED")
        self.assertEqual(self.logged(path="/lab.Free/Unary", action="accept")["kind"], "grpc")

    def test_2_large_streams(self):
        client = self.client()
        down = client.begin("/lab.Free/Bulk", "bulk", text="400")
        both = client.begin("/lab.Free/Chat", "chat", count=200, size=65536)
        for call, size in ((down, 400 * 65536), (both, 200 * 65536)):
            end = client.end(call, 60)
            self.assertEqual((end["code"], client.last(call, "received")["received"]), ("OK", size), end)

    def test_3_just_the_call_ends_whose_policy_is_lost(self):
        client = self.client()
        process = self.mark(client)
        marked, free = client.begin("/lab.Marked/Tick", "tick"), client.begin("/lab.Free/Tick", "tick")
        for call in (marked, free):
            client.flowing(call)
        listed = self.stack.gateway.cli("diagnose ztna session list calls grpc")
        self.assertRegex(listed, r"(?m)^calls: 1 connection from \S+\n  Session: [0-9a-f]{12} \(grpc\)$")
        before = self.stack.gateway.nginx_pids()
        self.stack.gateway.configure(self.stack.access_proxy("another", 9451))    # nginx is reloaded
        wait_for(lambda: self.stack.gateway.nginx_pids() != before, "nginx's reload")
        for call in (marked, free):
            client.flowing(call)
        process.kill()
        end = client.end(marked)
        self.assertEqual(end["code"], "PERMISSION_DENIED", end)
        line = self.logged(action="cut", path="/lab.Marked/Tick")
        self.assertEqual((line["reason"], line["kind"], line["policyname"]), ("065", "grpc", "marked"))
        self.assertIn(line["id"], end["details"])
        client.flowing(free)
        self.assertIsNone(client.last(free, "end"))

    def test_4_a_refusal_is_one_that_a_client_understands(self):
        client = self.client()
        end = wait_for(lambda: (lambda e: e if e["code"] != "OK" else None)(client.call("/lab.Marked/Unary")), "the refusal")
        self.assertEqual(end["code"], "PERMISSION_DENIED")
        line = self.logged(action="deny", id=end["details"].rsplit(" ", 1)[1])
        self.assertEqual((line["reason"], line["kind"]), ("065", "grpc"))
        decided = self.stack.gateway.cli(f"diagnose ztna decision {line['id']}")
        self.assertIn("Policy 22 (free), accept: does not match: the real servers behind this host and path are not within its "
                      "dstaddr", decided)
        self.assertEqual(client.call("/lab.Free/Unary")["code"], "OK", "on the same connection")
        self.assertEqual(client.call("/lab.Free//Unary")["code"], "INVALID_ARGUMENT")
        nobody = Client(self).call("/lab.Free/Unary")
        self.assertEqual(nobody["code"], "UNAUTHENTICATED", nobody)

    def test_5_an_administrator_ends_calls(self):
        client = self.client()
        self.mark(client)
        marked, free = client.begin("/lab.Marked/Tick", "tick"), client.begin("/lab.Free/Tick", "tick")
        for call in (marked, free):
            client.flowing(call)
        before = self.stack.gateway.nginx_pids()
        self.stack.gateway.configure(self.stack.access_proxy("yet-another", 9452))
        wait_for(lambda: self.stack.gateway.nginx_pids() != before, "nginx's reload")    # what shuts down is reached, too
        self.assertEqual(self.stack.gateway.cli("diagnose ztna session clear policy 21").strip(), "1 request ended.")
        self.assertEqual(client.end(marked)["code"], "PERMISSION_DENIED")
        line = self.logged(action="cut", reason="073", path="/lab.Marked/Tick")
        self.assertTrue(line["detail"].startswith("cleared by administrator "), line)
        client.flowing(free)
        self.assertEqual(self.stack.gateway.cli("diagnose ztna session clear policy 4711").strip(), "0 requests ended.")
        self.assertRegex(self.stack.gateway.cli(f"diagnose ztna session clear endpoint {self.uid}"), r"[1-9] connections? ended\.")
        self.assertNotEqual(client.end(free)["code"], "OK")

    def test_6_servers_that_speak_tls(self):
        client = self.client()
        call = client.begin("/lab.Secure/Unary", "unary")
        self.assertEqual(client.end(call)["code"], "OK")
        chat = client.begin("/lab.Secure/Chat", "chat", count=50, size=65536)
        self.assertEqual((client.end(chat)["code"], client.last(chat, "received")["received"]), ("OK", 50 * 65536))
        # A reload may have ended the connection meanwhile, which a client is told by the same status.
        end = wait_for(lambda: (lambda e: e if e["details"].startswith("Postern") else None)(client.call("/lab.Untrusted/Unary")),
                       "the gateway's word for it")
        self.assertEqual(end["code"], "UNAVAILABLE", end)
        line = self.logged(id=end["details"].rsplit(" ", 1)[1])
        self.assertIn("certificate: ", line["detail"])

    def test_7_who_is_signed_in(self):
        client = self.client()
        free = client.begin("/lab.Free/Tick", "tick")
        client.flowing(free)
        self.stack.gateway.configure('config user local\nedit "CORP\\\\nobody-here"\nnext\nend\nconfig user group\nedit "staff"\n'
                                     'set member "CORP\\\\nobody-here"\nnext\nend\n'
                                     'config firewall proxy-policy\nedit 22\nset groups "staff"\nnext\nend\n')
        end = client.end(free)
        self.assertEqual(end["code"], "PERMISSION_DENIED", end)
        line = self.logged(action="cut", path="/lab.Free/Tick", reason="074")
        self.assertEqual(line["tags"], ["group staff"])
        refused = client.call("/lab.Free/Unary")
        self.assertEqual(refused["code"], "PERMISSION_DENIED")
        self.assertIn("somebody else to sign in", refused["details"])
        self.assertNotIn("staff", refused["details"])
        decided = self.stack.gateway.cli(f"diagnose ztna decision {refused['details'].rsplit(' ', 1)[1]}")
        self.assertIn("Policy 22 (free), accept: does not match: the user signed in at the endpoint is not one that the policy names, "
                      "or is not known: group staff", decided)
        self.stack.gateway.configure("config firewall proxy-policy\nedit 22\nunset groups\nnext\nend\n")
        wait_for(lambda: client.call("/lab.Free/Unary")["code"] == "OK", "everybody to be let in again")


if __name__ == "__main__":
    harness.main()
