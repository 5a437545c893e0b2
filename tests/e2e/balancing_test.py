"""Real servers that come and go while requests flow: who takes them by which method, what their health checks do, and that
nginx is never reloaded for it."""
import http.client
import json
import socket
import ssl
import threading
import time

import harness
from harness import wait_for
from lab import inside
from lone import LoneGatewayTest
from tls_server import Authority, TlsServer

# Checks come faster than an administrator gets them, and a server is held down for less long.
INTERVAL, HOLDDOWN = 150, 1500

PROXY = """config firewall vip
    edit "web"
        set extip 10.0.1.1
        set extport 9443
    next
end
config firewall access-proxy
    edit "web"
        set vip "web"
        set empty-cert-action accept
        config api-gateway
            edit 1
                {gateway}
                config realservers
                    {servers}
                end
            next
        end
    next
end
config firewall proxy-policy
    edit 1
        set access-proxy "web"
        set action accept
        set logtraffic all
    next
end
"""


class Application:
    """A real server that says who it is. It can be stopped, and started again at the same port."""

    def __init__(self, name, namespace, address="10.0.1.2"):
        self.name, self.namespace, self.address = name, namespace, address
        self.status, self.headers = 200, {}
        self.seen = []
        self.hold = None        # an Event for which answers wait
        self.go_on = None       # an event: it is waited for in the middle of each answer
        self.port = 0
        self.start()

    def start(self):
        with inside(self.namespace):
            family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
            self.listener = socket.create_server((self.address, self.port), family=family, reuse_port=True)
        self.port = self.listener.getsockname()[1]
        self.open = set()
        threading.Thread(target=self.accept, args=(self.listener, self.open), daemon=True).start()
        return self

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept(self, listener, open_ones):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_ones.add(connection)
            threading.Thread(target=self.serve, args=(connection, open_ones), daemon=True).start()

    def serve(self, connection, open_ones):
        try:
            with connection, connection.makefile("rb") as lines:
                while (first := lines.readline()):
                    headers = {}
                    while (line := lines.readline().strip()):
                        name, _, value = line.decode('latin1').partition(":")
                        headers[name.lower()] = value.strip()
                    lines.read(int(headers.get("content-length", 0)))
                    if headers.get("user-agent") != "postern-health":
                        self.seen.append((first.decode('latin1').split(' ')[0], headers))
                        if self.hold:
                            self.hold.wait(30)
                    body = json.dumps({"server": self.name, "port": self.port, "host": headers.get("host"),
                                       "forwarded": headers.get("x-forwarded-host")}).encode()
                    more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
                    answer = f"HTTP/1.1 {self.status} Said\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body
                    if self.go_on:
                        connection.sendall(answer[:-1])
                        self.go_on.wait(60)
                        answer = answer[-1:]
                    connection.sendall(answer)
        except OSError:
            pass
        finally:
            open_ones.discard(connection)


class Balancing(LoneGatewayTest):
    letter = "n"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gateway.process.stop()
        cls.gateway.command += ["--health-interval-ms", INTERVAL, "--holddown-ms", HOLDDOWN]
        cls.gateway.command[cls.gateway.command.index("--nginx-workers") + 1] = 1
        cls.gateway.start()
        cls.far = cls.lab.namespaces["far"]

    def setUp(self):
        self.applications = []

    def tearDown(self):
        for application in self.applications:
            try:
                application.stop()
            except OSError:
                pass

    def application(self, name, address="10.0.1.2"):
        self.applications.append(Application(name, self.far, address))
        return self.applications[-1]

    def two(self):
        return self.application("a"), self.application("b")

    def publish(self, servers, method="weighted", more="", check="tcp-connect", service="http", host="app.example"):
        """`servers`: (application, lines), others than before. Each is checked, unless `check` is empty. Returns when
        requests for `host` reach them; without one, at once."""
        checked = f"set health-check enable\nset health-check-proto {check}\n" if check else ""
        text = "\n".join(f"edit {number}\nset ip {getattr(server, 'address', '10.0.1.2')}\nset port {server.port}\n"
                         f"{checked}{lines}\nnext" for number, (server, lines) in enumerate(servers, 1))
        gateway = f"set service {service}\nset ldb-method {method}\n{more}"
        text = PROXY.format(gateway=gateway, servers=text)
        if "web" in self.gateway.cli("show firewall access-proxy"):
            text = text.replace("config api-gateway\n", "config api-gateway\ndelete 1\n")
        self.gateway.configure(text)
        ports = {server.port for server, _ in servers}

        def ready():
            try:
                answer = self.ask(host)
                return answer.status == 200 and (service == "https" or json.loads(answer.text).get("port") in ports)
            except OSError:
                return False
        if host:
            wait_for(ready, "the access proxy to lead to these servers", 30)
        if check:
            wait_for(lambda: "not made yet" not in self.list(), "every server to be checked")

    def list(self, *words):
        return self.gateway.cli(" ".join(["diagnose ztna real-server list", *words]))

    def state(self, application):
        return self.list(f"{getattr(application, 'address', '10.0.1.2')}:{application.port}"
                         if ":" not in getattr(application, "address", "") else f"[{application.address}]:{application.port}")

    def wait_state(self, application, state):
        wait_for(lambda: f"): {state}" in self.state(application), f"{application.name} to be {state}", 20)

    def ask(self, host="app.example", method="GET", body=None, connection=None):
        own = connection is None
        if own:
            connection = self.front()
        try:
            connection.request(method, "/", body=body, headers={"Host": host, "Accept": "application/json"})
            answer = connection.getresponse()
            answer.text = answer.read().decode()
            return answer
        finally:
            if own:
                connection.close()

    def who(self, **more):
        answer = self.ask(**more)
        return json.loads(answer.text)["server"] if answer.status == 200 else answer.status

    def shares(self, requests, **more):
        connection = self.front()
        out = {}
        for _ in range(requests):
            name = self.who(connection=connection, **more)
            out[name] = out.get(name, 0) + 1
        connection.close()
        return out

    def workers(self):
        text = (self.gateway.runtime_dir / "nginx/state/nginx.pid").read_text().strip()
        return text, sorted(open(f"/proc/{text}/task/{text}/children").read().split())

    def test_01_weighted_and_round_robin(self):
        a, b = self.two()
        self.publish([(a, "set weight 3"), (b, "")])
        self.assertEqual(self.shares(40), {"a": 30, "b": 10})
        a, b = self.two()
        self.publish([(a, "set weight 3"), (b, "")], "round-robin")
        self.assertEqual(self.shares(40), {"a": 20, "b": 20})

    def test_02_first_alive_and_no_reload(self):
        a, b = self.two()
        self.publish([(a, "set holddown-interval disable"), (b, "")], "first-alive")
        self.wait_state(a, "up")
        self.assertEqual(self.shares(5), {"a": 5})
        before = self.workers()
        a.stop()
        self.wait_state(a, "down")
        self.assertEqual(self.shares(5), {"b": 5})
        a.start()
        self.wait_state(a, "up")
        wait_for(lambda: self.who() == "a", "the first one to take requests again", 20)
        self.assertEqual(self.workers(), before, "nginx was not reloaded")
        log = self.gateway.process.tail(400)
        self.assertIn(f"real server 10.0.1.2:{a.port} is down", log)
        self.assertIn(f"real server 10.0.1.2:{a.port} is up", log)

    def test_03_static_stays_with_its_server(self):
        three = [self.application(name) for name in "abc"]
        self.publish([(server, "set holddown-interval disable") for server in three], "static")
        mine = self.who()
        self.assertEqual(self.shares(10), {mine: 10})
        held = next(server for server in three if server.name == mine)
        other = next(server for server in three if server.name != mine)
        other.stop()
        self.wait_state(other, "down")
        self.assertEqual(self.shares(5), {mine: 5}, "somebody else's going moves nobody")
        held.stop()
        self.wait_state(held, "down")
        self.assertNotIn(self.who(), (mine, other.name))
        held.start()
        self.wait_state(held, "up")
        wait_for(lambda: self.who() == mine, "the client to come back", 20)

    def test_04_http_host(self):
        a, b = self.two()
        self.publish([(a, "set http-host A.example"), (b, "set http-host b.example:8080")], "http-host", host="a.example")
        self.assertEqual(self.shares(4, host="a.example"), {"a": 4})
        self.assertEqual(self.shares(4, host="b.example"), {"b": 4})
        answer = self.ask(host="c.example")
        self.assertEqual((answer.status, answer.headers["X-Postern-Reason"]), (502, "022"))

    def test_05_standby(self):
        a, b = self.two()
        self.publish([(a, "set status standby\nset holddown-interval disable"), (b, "set holddown-interval disable")])
        self.assertEqual(self.shares(4), {"b": 4})
        self.assertIn("waits for the active ones to fail", self.state(a))
        b.stop()
        self.wait_state(b, "down")
        self.assertEqual(self.shares(4), {"a": 4})
        b.start()
        self.wait_state(b, "up")
        wait_for(lambda: self.who() == "b", "the active one to take over", 20)

    def test_06_all_down(self):
        a, _ = self.two()
        self.publish([(a, "")])
        self.wait_state(a, "up")
        a.stop()
        self.wait_state(a, "down")
        answer = self.ask()
        self.assertEqual((answer.status, answer.headers["X-Postern-Reason"]), (502, "022"))
        line = self.logged(answer.headers)
        self.assertEqual((line["reason"], line["reason_name"], line["status"]), ("022", "no_real_server", 502))
        self.assertIn("all are down", line["detail"])
        self.assertIn("all real servers are down", self.gateway.cli("get system status"))

    def test_07_holddown(self):
        a, b = self.two()
        self.publish([(a, ""), (b, "")], "first-alive")
        self.wait_state(a, "up")
        a.stop()
        self.wait_state(a, "down")
        began = time.monotonic()
        a.start()
        self.wait_state(a, "held down")
        self.assertEqual(self.who(), "b")
        self.wait_state(a, "up")
        self.assertGreaterEqual(time.monotonic() - began, HOLDDOWN / 1000)

    def test_08_checks_by_http(self):
        a, b = self.two()
        self.publish([(a, "set holddown-interval disable"), (b, "")], "first-alive", check="http")
        self.wait_state(a, "up")
        a.status = 503
        self.wait_state(a, "down")
        self.assertIn("HTTP 503", self.state(a))
        self.assertEqual(self.who(), "b")
        a.status = 404
        self.wait_state(a, "up")

    def test_09_checks_by_ping(self):
        class Nobody:
            name, address, port = "nobody", "10.0.1.77", 80
        a = self.application("a")
        self.publish([(Nobody, ""), (a, "")], "first-alive", check="ping")
        self.wait_state(a, "up")
        self.wait_state(Nobody, "down")
        self.assertEqual(self.who(), "a")

    def test_10_checks_over_tls(self):
        authority = Authority(self.directory)
        server = TlsServer("10.0.1.2", self.far, {"app.internal": authority.issue("app.internal")})
        server.name = "tls"
        for check in ("tcp-connect", "http"):
            self.publish([(server, "set verify-cert disable\nset http-host app.internal")], check=check, service="https")
            self.wait_state(server, "up")
        self.assertEqual(json.loads(self.ask().text)["name"], "app.internal", "asked for by the server's own name")
        plain = self.application("plain")
        self.publish([(plain, "set verify-cert disable")], service="https", host=None)
        self.wait_state(plain, "down")

    def test_11_no_idempotent_request_fails_when_one_of_two_dies(self):
        a, b = self.two()
        self.publish([(a, "set holddown-interval disable"), (b, "set holddown-interval disable")], "round-robin")
        outcomes, ended = [], threading.Event()

        def flow():
            while not ended.is_set():
                connection = self.front()
                for _ in range(200):
                    outcomes.append(self.who(connection=connection))
                connection.close()
        clients = [threading.Thread(target=flow) for _ in range(4)]
        for client in clients:
            client.start()
        for _ in range(3):
            for server in (a, b):
                for each in (a, b):
                    self.wait_state(each, "up")
                server.stop()
                self.wait_state(server, "down")
                server.start()
        ended.set()
        for client in clients:
            client.join()
        self.assertGreater(len(outcomes), 100)
        self.assertEqual({outcome for outcome in outcomes} - {"a", "b"}, set(), f"of {len(outcomes)} requests")

    def test_12_without_checks_a_connection_that_fails_tries_the_next(self):
        a, b = self.two()
        self.publish([(a, ""), (b, "")], "round-robin", check="")
        a.stop()
        self.assertEqual(self.shares(10), {"b": 10})
        self.assertEqual(self.shares(3, method="POST", body="x"), {"b": 3}, "it was not sent to the one that is gone")
        self.assertIn("Check: none", self.list())

    def test_13_a_server_that_is_taken_out_gets_no_more_requests_on_kept_connections(self):
        a, b = self.two()
        self.publish([(a, ""), (b, "")], "round-robin")
        connection = self.front()
        self.assertEqual({self.who(connection=connection) for _ in range(4)}, {"a", "b"})
        self.gateway.configure('config firewall access-proxy\nedit web\nconfig api-gateway\nedit 1\nconfig realservers\n'
                               'edit 1\nset status disable\nnext\nend\nnext\nend\nnext\nend\n')
        seen = len(a.seen)
        for _ in range(20):
            try:
                self.assertEqual(self.who(connection=connection), "b")
            except (http.client.HTTPException, ssl.SSLError, OSError):
                connection = self.front()  # nginx has taken the new configuration
        self.assertEqual(len(a.seen), seen)

    def under_way_to(self, application):
        """An answer that has begun, to a client without a certificate."""
        connection = self.front()
        connection.request("GET", "/", headers={"Host": "app.example"})
        answer = connection.getresponse()
        self.assertEqual(len(answer.read(5)), 5, application.name)
        connection.sock.settimeout(20)
        return answer

    def change_first(self, line):
        self.gateway.configure('config firewall access-proxy\nedit web\nconfig api-gateway\nedit 1\nconfig realservers\n'
                               f'edit 1\n{line}\nnext\nend\nnext\nend\nnext\nend\n')

    def test_14_what_goes_on_to_a_server_that_is_taken_out_ends_also_for_clients_without_a_certificate(self):
        for how in ("at once", "after another change of its API gateway", "while the gateway is away"):
            with self.subTest(how=how):
                a, b = self.two()
                self.publish([(a, ""), (b, "")], "first-alive")
                self.wait_state(a, "up")
                a.go_on = b.go_on = threading.Event()
                self.addCleanup(a.go_on.set)
                answer = self.under_way_to(a)
                if how.startswith("after"):
                    self.change_first("set weight 7")
                if how.startswith("while"):
                    self.gateway.process.kill()
                    wait_for(lambda: not self.gateway.process.alive(), "the gateway to end")
                    config = self.gateway.data / "gateway.conf"
                    text, port = config.read_text(), f"set port {a.port}\n"
                    self.assertEqual(text.count(port), 1)
                    config.write_text(text.replace(port, port + "set status disable\n"))
                    self.gateway.start()
                    self.assertIn("disable", self.gateway.cli("show firewall access-proxy web"))
                else:
                    self.change_first("set status disable")
                with self.assertRaises((OSError, http.client.HTTPException)) as caught:
                    answer.read()
                self.assertNotIsInstance(caught.exception, TimeoutError)
                a.go_on.set()

    def test_15_translate_host(self):
        a = self.application("a")
        a.headers = {"Location": f"http://app.internal:{a.port}/next?x", "Set-Cookie": "s=1; Domain=app.internal; Path=/"}
        self.publish([(a, "set http-host App.internal")])
        answer = self.ask(host="shop.example:9443")
        said = json.loads(answer.text)
        self.assertEqual((said["host"], said["forwarded"]), ("app.internal", "shop.example:9443"))
        self.assertEqual(answer.headers["Location"], "https://shop.example:9443/next?x")
        self.assertEqual(answer.headers["Set-Cookie"], "s=1; Domain=shop.example; Path=/")
        a = self.application("a")
        a.headers = {"Location": "http://app.internal/"}
        self.publish([(a, "set http-host app.internal\nset translate-host disable")])
        answer = self.ask(host="shop.example")
        self.assertEqual(json.loads(answer.text)["host"], "shop.example")
        self.assertIn("app.internal", answer.headers["Location"])

    def test_16_another_gateway_goes_on_with_what_is_known(self):
        a, b = self.two()
        self.publish([(a, ""), (b, "")], "first-alive")
        self.wait_state(a, "up")
        a.stop()
        self.wait_state(a, "down")
        before = self.workers()
        self.gateway.process.kill()
        wait_for(lambda: not self.gateway.process.alive(), "the gateway to end")
        self.assertEqual(self.who(), "b", "with the gateway away, what it said last holds")
        self.gateway.start()
        self.wait_state(a, "down")
        self.assertEqual(self.workers()[0], before[0])

    def counted(self, application):
        return self.state(application).split("    Requests: ")[1].splitlines()[0]

    def test_16_requests_are_counted(self):
        a, b = self.two()
        self.publish([(a, ""), (b, "")], "round-robin", check="", host=None)
        wait_for(lambda: self.who() in ("a", "b"), "the access proxy to lead to these servers")
        asked = len(a.seen) + len(b.seen)
        self.shares(20)
        wait_for(lambda: self.counted(a) == f"{len(a.seen)}, 0 failed, 0 now", "what a got")
        wait_for(lambda: self.counted(b) == f"{len(b.seen)}, 0 failed, 0 now", "what b got")
        self.assertEqual(len(a.seen) + len(b.seen), asked + 20)
        # One that is under way.
        a.hold = b.hold = threading.Event()
        waiting = threading.Thread(target=self.ask)
        waiting.start()
        wait_for(lambda: "1 now" in self.counted(a) + self.counted(b), "the request that waits to be told")
        a.hold.set()
        waiting.join()
        a.hold = b.hold = None
        wait_for(lambda: "1 now" not in self.counted(a) + self.counted(b), "it to have ended")
        # One that can't be reached, and is passed over.
        a.stop()
        self.assertEqual(self.shares(5), {"b": 5})
        wait_for(lambda: ", 1 failed, 0 now" in self.counted(a), "the failure to be told")
        requests = self.counted(a)
        # Both ends may begin anew: what workers that live on counted is told again, and nothing twice.
        self.gateway.process.kill()
        wait_for(lambda: not self.gateway.process.alive(), "the gateway to end")
        self.gateway.start()
        wait_for(lambda: self.counted(a) == requests, "the same counts at the next gateway")
        self.gateway.configure("config system global\nset hostname counted\nend\n")
        self.assertEqual(self.counted(a), requests)


if __name__ == "__main__":
    harness.main()
