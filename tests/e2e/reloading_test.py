"""What a reload of nginx finds halfway: a connection whose handshake is under way then stays with a worker that ends and doesn't know
what is configured since. Its client is sent elsewhere, and nothing it asks fails for good."""
import json
import os
import re
import signal
import ssl
import struct

import harness
from harness import accepting, connect, tls_context, wait_for
from http2_client import (ACK, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, SETTINGS, frame, literal, status_of)

REFUSED_STREAM = 7


class Halfway:
    """A TLS connection that has said hello, and no more."""

    def __init__(self, host, port, namespace, certificate, key, protocol):
        context = tls_context(certificate, key)
        context.set_alpn_protocols([protocol])
        self.sock = connect(host, port, namespace, timeout=10)
        self.come, self.go = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.come, self.go)
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        self.flush()
        self.come.write(self.sock.recv(65536))       # the worker has it, and waits

    def flush(self):
        if self.go.pending:
            self.sock.sendall(self.go.read())

    def until_done(self, step):
        while True:
            try:
                out = step()
                self.flush()
                return out
            except ssl.SSLWantReadError:
                self.flush()
                data = self.sock.recv(65536)
                if not data:
                    return b""
                self.come.write(data)

    def finish(self):
        self.until_done(self.tls.do_handshake)
        return self

    def send(self, data):
        self.tls.write(data)
        self.flush()

    def read(self):
        """b"": it has ended."""
        try:
            return self.until_done(lambda: self.tls.read(65536))
        except (ssl.SSLZeroReturnError, ConnectionError):
            return b""

    def close(self):
        self.sock.close()


class Http2:
    def __init__(self, connection, authority):
        self.connection, self.authority, self.next = connection, authority, 1
        self.answers, self.goaway, self.buffer, self.ended = {}, None, b"", False
        connection.send(PREFACE + frame(SETTINGS, 0, 0))

    def ask(self, *paths):
        """In one go. The numbers of the streams."""
        out, numbers = b"", []
        for path in paths:
            fields = ((":method", "GET"), (":scheme", "https"), (":authority", self.authority), (":path", path))
            out += frame(HEADERS, END_HEADERS | END_STREAM, self.next, b"".join(literal(n, v) for n, v in fields))
            numbers.append(self.next)
            self.next += 2
        self.connection.send(out)
        return numbers

    def until(self, done):
        while not done() and not self.ended:
            data = self.connection.read()
            self.ended = not data
            self.buffer += data
            while len(self.buffer) >= 9 and len(self.buffer) >= 9 + (size := int.from_bytes(self.buffer[:3], "big")):
                kind, flags, number = self.buffer[3], self.buffer[4], int.from_bytes(self.buffer[5:9], "big")
                payload, self.buffer = self.buffer[9:9 + size], self.buffer[9 + size:]
                if kind == SETTINGS and not flags & ACK:
                    self.connection.send(frame(SETTINGS, ACK, 0))
                elif kind == GOAWAY:
                    self.goaway = struct.unpack(">II", payload[:8])
                elif kind == RST_STREAM:
                    self.answers[number] = ("reset", struct.unpack(">I", payload)[0])
                elif kind == HEADERS and number not in self.answers:
                    self.answers[number] = ("status", status_of(payload))


class Reloading(harness.StackTest):
    letter = "9"

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        stack.wait_evaluated(stack.enrol())
        cls.port = stack.ports["proxy"]
        wait_for(lambda: cls.status() == 200, "access")

    @classmethod
    def status(cls):
        return harness.https("GET", cls.stack.plan.gateway_port1, cls.port, "/", certificate=cls.stack.agent.certificate,
                             key=cls.stack.agent.key, namespace=cls.stack.lab.namespaces["ep"]).status

    def halfway(self, protocol):
        out = Halfway(self.stack.plan.gateway_port1, self.port, self.stack.lab.namespaces["ep"], self.stack.agent.certificate,
                      self.stack.agent.key, protocol)
        self.addCleanup(out.close)
        return out

    def http2(self, connection):
        return Http2(connection.finish(), f"{self.stack.plan.gateway_port1}:{self.port}")

    def old_workers(self):
        return set(self.stack.gateway.nginx_pids()[1])

    def left(self, old):
        wait_for(lambda: not any(accepting(pid) for pid in old), "the workers of before to end")

    def lead_to(self, port, status):
        """To the application, or to a port of its machine where nobody listens: another pool, which new connections know at the end."""
        old = self.old_workers()
        self.stack.gateway.configure('config firewall access-proxy\nedit "web"\nconfig api-gateway\nedit 1\nconfig realservers\nedit 1\n'
                                     f"set port {port}\nnext\nend\nnext\nend\nnext\nend\n")
        self.left(old)
        wait_for(lambda: self.status() == status, "the other real server")

    def line_of(self, reference):
        def found():
            lines = map(json.loads, (self.stack.gateway.data / "traffic.log").read_text().splitlines())
            return next((line for line in lines if line.get("id") == reference), None)
        return wait_for(found, f"a line of the traffic log about {reference}")

    def test_1_a_client_of_http2_is_told_to_go(self):
        connection, old = self.halfway("h2"), self.old_workers()
        os.kill(self.stack.gateway.nginx_pids()[0], signal.SIGHUP)
        self.left(old)
        http2 = self.http2(connection)
        first, = http2.ask("/")
        http2.until(lambda: first in http2.answers and http2.goaway)
        self.assertEqual(http2.answers[first], ("status", 200), "it was asked before it was told")
        self.assertEqual(http2.goaway, (first, 0))
        http2.ask("/")
        http2.until(lambda: False)       # what is asked after that is not taken up, and the connection ends
        self.assertEqual(list(http2.answers), [first])
        wait_for(lambda: not old & self.old_workers(), "the worker to end")

    def test_2_what_it_cannot_serve_is_asked_of_another(self):
        connection, other = self.halfway("h2"), self.halfway("http/1.1")
        self.addCleanup(self.lead_to, self.stack.ports["app"], 200)
        self.lead_to(9, 502)
        http2 = self.http2(connection)
        streams = http2.ask("/", "/a", "/b")
        http2.until(lambda: len(http2.answers) == len(streams) and http2.goaway)
        self.assertEqual(http2.answers, dict.fromkeys(streams, ("reset", REFUSED_STREAM)))
        other.finish().send(f"GET / HTTP/1.1\r\nHost: {http2.authority}\r\n\r\n".encode())
        answer = b""
        while data := other.read():
            answer += data
        self.assertEqual(answer.split(b" ", 2)[1], b"503", answer[:300])
        # Who asks the help desk has a reference, and the log says why.
        reference = re.search(rb"\r\nX-Postern-Reference: (\S+)", answer)
        self.assertTrue(reference, answer)
        line = self.line_of(reference.group(1).decode())
        self.assertEqual((line["status"], line["policyid"] != 0), (503, True), line)
        self.assertIn("configuration of before", line["detail"])

    def test_3_a_long_answer_goes_on_and_its_connection_ends_with_it(self):
        connection, old = self.halfway("h2"), self.old_workers()
        os.kill(self.stack.gateway.nginx_pids()[0], signal.SIGHUP)
        self.left(old)
        http2 = self.http2(connection)
        first, = http2.ask("/download?seconds=1&every=50")
        http2.until(lambda: first in http2.answers and http2.goaway)
        self.assertEqual(http2.answers[first], ("status", 200))
        http2.until(lambda: False)
        wait_for(lambda: not old & self.old_workers(), "the worker to end")

    def setUp(self):
        self.addCleanup(self.nginx_lives)        # last, after what a test has opened is closed

    def nginx_lives(self):
        wait_for(lambda: len(self.old_workers()) == 2, "workers of before to end", 30)
        log = (self.stack.gateway.runtime_dir / "nginx/state/error.log").read_text()
        self.assertNotIn("[alert]", log)

    def test_4_workers_that_do_not_answer_are_told_apart_from_none_that_ended(self):
        connection = self.halfway("http/1.1").finish()
        connection.send(f"GET /download?seconds=600&every=50 HTTP/1.1\r\nHost: {self.stack.plan.gateway_port1}\r\n\r\n".encode())
        self.assertEqual(connection.read().split(b" ", 2)[1], b"200")
        workers = self.old_workers()
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        try:
            said = self.stack.gateway.cli("diagnose ztna session clear all")
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGCONT)
        self.assertEqual(said, "0 connections ended, as far as is known.\n2 of nginx's workers did not answer: diagnose ztna session list "
                               "shows what is still open.\n")
        while connection.read():         # the order was given, and is followed late
            pass
        self.assertEqual(self.stack.gateway.cli("diagnose ztna session clear all").strip(), "0 connections ended.")


if __name__ == "__main__":
    harness.main()
