"""Real servers over HTTPS: who is believed to be one, by which versions of TLS, and whose connection is used for what.
And which of several servers a path leads to."""
import json
import ssl

import harness
from harness import wait_for
from lab import Reply
from lone import LoneGatewayTest
from tls_server import Authority, TlsServer

PROXY = """config certificate remote
    edit "servers"
        set remote "{ca}"
    next
end
config firewall vip
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
                set service https
                set server-ca "servers"
                config realservers
                    edit 1
                        set ip 10.0.1.2
                        set port {port}
                    next
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


class RealServers(LoneGatewayTest):
    letter = "h"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.authority = Authority(cls.directory)
        cls.certificates = {name: cls.authority.issue(name) for name in ("app.example", "other.example")}
        cls.server = cls.serve()
        cls.as_at_first = PROXY.format(ca=cls.authority.certificate, port=cls.server.port)
        cls.gateway.configure(cls.as_at_first)
        cls.wait_ready()

    def restore(self):
        self.server = type(self).server
        self.gateway.configure('config firewall access-proxy\nedit "web"\nconfig api-gateway\n' +
                               ("delete 2\n" if "edit 2" in self.gateway.cli("show firewall access-proxy web") else "") +
                               "edit 1\nunset ssl-min-version\nunset ssl-max-version\nconfig realservers\nedit 1\n"
                               "unset verify-cert\nnext\nend\nnext\nend\nnext\nend\n" + self.as_at_first)
        self.wait_status(200)
        self.wait_status(502, "third.example")

    @classmethod
    def serve(cls, **versions):
        return TlsServer("10.0.1.2", cls.lab.namespaces["far"], cls.certificates, **versions)

    @classmethod
    def wait_ready(cls):
        def answers():
            try:
                return cls.ask("app.example").status == 200
            except OSError:
                return False
        wait_for(answers, "the access proxy")

    @staticmethod
    def request(connection, host, path="/", method="GET", body=None, **headers):
        connection.request(method, path, body=body, headers={"Host": host, **headers})
        answer = connection.getresponse()
        return Reply(answer.status, dict(answer.getheaders()), answer.read())

    @classmethod
    def ask(cls, host, path="/", **more):
        connection = cls.front()
        try:
            return cls.request(connection, host, path, **more)
        finally:
            connection.close()

    def change(self, lines, server=""):
        self.gateway.configure('config firewall access-proxy\nedit "web"\nconfig api-gateway\nedit 1\n' + lines +
                               (f"\nconfig realservers\nedit 1\n{server}\nnext\nend" if server else "") +
                               "\nnext\nend\nnext\nend\n")

    def wait_status(self, status, host="app.example", path="/"):
        wait_for(lambda: self.ask(host, path).status == status, f"status {status} for {host}{path}")

    def refused_because(self, host="app.example"):
        reply = self.ask(host, Accept="text/html")
        self.assertEqual(reply.status, 502)
        self.assertIn("The application doesn&#39;t answer", reply.text)
        line = self.logged(reply.headers)
        self.assertEqual((line["status"], line["action"]), (502, "accept"))
        self.assertTrue(line["detail"].startswith(f"10.0.1.2:{self.server.port}: "), line)
        return line["detail"].split(": ", 1)[1]

    def test_1_a_server_is_told_the_name_and_believed_by_its_certificate(self):
        seen = self.ask("APP.example:9443", "/a?b").json()
        self.assertEqual((seen["name"], seen["version"]), ("app.example", "TLSv1.3"))
        self.assertEqual(seen["line"], "GET /a?b HTTP/1.1")
        self.assertEqual(seen["headers"]["host"], "APP.example:9443")
        self.assertEqual(seen["headers"]["x-forwarded-proto"], "https")
        self.assertEqual(self.ask("other.example").json()["name"], "other.example")

    def test_2_a_certificate_for_another_name_is_not_enough(self):
        self.assertEqual(self.refused_because("third.example"), "certificate is not for third.example")

    def test_3_one_that_nobody_here_vouches_for_is_not_enough(self):
        self.addCleanup(self.restore)
        self.change("unset server-ca")
        self.wait_status(502)
        self.assertEqual(self.refused_because(), "certificate: unable to verify the first certificate")
        self.change("", "set verify-cert disable")
        self.wait_status(200)
        self.assertEqual(self.ask("third.example").status, 200)

    def test_4_connections_are_kept_for_one_name_each(self):
        connection = self.front()
        seen = [self.request(connection, name).json() for name in
                ("app.example", "app.example", "other.example", "app.example", "other.example")]
        self.assertEqual([s["name"] for s in seen],
                         ["app.example", "app.example", "other.example", "app.example", "other.example"])
        app, other = {s["connection"] for s in seen if s["name"] == "app.example"}, \
            {s["connection"] for s in seen if s["name"] == "other.example"}
        self.assertEqual((len(app), len(other)), (1, 1), seen)
        self.assertEqual(self.request(connection, "third.example").status, 502, "on a connection of another name")
        # With a body: on one of its own, as with plain servers.
        posted = self.request(connection, "app.example", method="POST", body="x" * 100).json()
        self.assertEqual(posted["body"], "x" * 100)
        self.assertNotIn(posted["connection"], app)
        self.assertEqual({self.request(connection, "app.example").json()["connection"]}, app)
        connection.close()

    def test_5_versions(self):
        self.addCleanup(self.restore)
        for version, least, wanted in ((ssl.TLSVersion.TLSv1_2, "tls-1.3", "tls-1.2"),
                                       (ssl.TLSVersion.TLSv1_1, "tls-1.2", "tls-1.1"),
                                       (ssl.TLSVersion.TLSv1, "tls-1.1", "tls-1.0")):
            server = self.serve(lowest=version, highest=version)
            self.change(f"set ssl-min-version {least}", f"set port {server.port}")
            self.wait_status(502)
            self.server = server
            self.assertEqual(self.refused_because(), "TLS handshake failed")
            self.change(f"set ssl-min-version {wanted}")
            self.wait_status(200)
            self.assertEqual(self.ask("app.example").json()["version"].lower().replace("v", "-"),
                             {"tls-1.0": "tls-1"}.get(wanted, wanted))
        newest = self.serve(lowest=ssl.TLSVersion.TLSv1_3)
        self.change("set ssl-min-version tls-1.2\nset ssl-max-version tls-1.2", f"set port {newest.port}")
        self.wait_status(502)
        self.change("unset ssl-max-version\nunset ssl-min-version")
        self.wait_status(200)
        with self.assertRaises(harness.LabError) as refused:
            self.change("set ssl-min-version tls-1.3\nset ssl-max-version tls-1.2")
        self.assertIn("ssl-min-version: tls-1.3 is not allowed; allowed: a version up to ssl-max-version, tls-1.2",
                      str(refused.exception))

    def test_6_a_websocket_goes_through(self):
        connection = self.front()
        connection.sock.sendall(b"GET /ws HTTP/1.1\r\nHost: app.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.sock.recv(4096)
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
        connection.sock.sendall(b"hello")
        self.assertEqual(connection.sock.recv(4096), b"hello")
        connection.close()

    def test_6b_a_stream_is_cut_when_its_policy_goes(self):
        connection = self.front()
        connection.sock.sendall(b"GET /stream HTTP/1.1\r\nHost: app.example\r\n\r\n")
        stream = harness.Stream(connection.sock)
        stream.wait_bytes(500)
        self.addCleanup(self.restore)
        self.gateway.configure('config firewall proxy-policy\nedit 1\nset action deny\nnext\nend\n')
        stream.wait_end(10)
        stream.close()
        self.assertEqual(self.ask("app.example").status, 403)

    def test_6c_http2(self):
        def curl(*arguments):
            got = self.lab.call("far", "curl", "-sk", "--http2", "-w", "\n%{http_version} %{http_code}", "--resolve",
                                "app.example:9443:10.0.1.1", "https://app.example:9443/two", *arguments).stdout
            body, _, outcome = got.rpartition("\n")
            return body, outcome
        for arguments, length in (((), None), (("--data-binary", "y" * 5000), "5000")):
            body, outcome = curl(*arguments)
            self.assertEqual(outcome, "2 200", (arguments, body, (self.gateway.runtime_dir / "nginx/state/error.log").read_text()[-1500:]))
            seen = json.loads(body)
            self.assertEqual((seen["name"], seen["headers"].get("content-length")), ("app.example", length))
            self.assertEqual(len(seen["body"]), int(length or 0))

    def test_6d_a_server_gives_the_gateway_no_orders(self):
        # nginx has headers by which an application chooses another location, or how fast it answers.
        reply = self.ask("app.example", "/orders")
        self.assertEqual((reply.status, reply.json()["line"]), (200, "GET /orders HTTP/1.1"))
        self.assertNotIn("X-Accel-Redirect", reply.headers)

    def test_7_a_regular_expression_chooses_the_server(self):
        self.addCleanup(self.restore)
        second = self.serve()
        self.gateway.configure('config firewall access-proxy\nedit "web"\nconfig api-gateway\nedit 2\n'
                               'set url-map "^/v[0-9]+/(users|groups)$"\nset url-map-type regex\n'
                               'set service https\nset server-ca "servers"\nconfig realservers\nedit 1\nset ip 10.0.1.2\n'
                               f"set port {second.port}\nnext\nend\nnext\nend\nnext\nend\n")
        third = self.serve(highest=ssl.TLSVersion.TLSv1_2)
        self.gateway.configure('config firewall access-proxy\nedit "web"\nconfig api-gateway\nedit 2\n'
                               f"set ssl-max-version tls-1.2\nconfig realservers\nedit 1\nset port {third.port}\n"
                               "next\nend\nnext\nend\nnext\nend\n")

        def version(path):
            return self.ask("app.example", path).json()["version"]
        wait_for(lambda: version("/v2/users") == "TLSv1.2", "the second mapping")
        for path, expected in (("/v10/groups", "TLSv1.2"), ("/v2/users?page=1", "TLSv1.2"), ("/v/users", "TLSv1.3"),
                               ("/x/v2/users", "TLSv1.3"), ("/v2/users/1", "TLSv1.3")):
            self.assertEqual(version(path), expected, path)
        with self.assertRaises(harness.LabError) as refused:
            self.gateway.configure('config firewall access-proxy\nedit "web"\nconfig api-gateway\nedit 2\n'
                                   'set url-map "(a"\nnext\nend\nnext\nend\n')
        self.assertIn('url-map: "(a" is not a regular expression that is taken: a ( is not closed', str(refused.exception))


if __name__ == "__main__":
    harness.main()
