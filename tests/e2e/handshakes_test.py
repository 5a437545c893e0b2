"""What TLS offers beside a plain handshake is no way around a decision: renegotiation, early data, and tickets that were given at
another listener."""
import contextlib
import os
import re
import select
import ssl
import subprocess
import time

import harness
from confusion.wire import connect_from, put, read_http1
from harness import tls_context, wait_for
from own_agents import OwnAgents

VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}
OPEN = 9459

# A listener that asks nobody for a certificate, and one whose policy nobody fulfils.
MORE = """config firewall access-proxy
    edit "open"
        set client-cert disable
        set empty-cert-action accept
    next
end
config firewall proxy-policy
    edit 1
        set ztna-ems-tag "EMS1_ZTNA_Never"
        set access-proxy "web-strict"
        set action accept
    next
    edit 2
        set access-proxy "web"
    next
    edit 9
        set access-proxy "open"
        set action accept
        set logtraffic all
    next
end
"""


class Handshakes(OwnAgents):
    letter = "5"

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        from lab import free_port
        cls.port = {"web": stack.ports["proxy"], "strict": stack.ports["strict"], "open": free_port()}
        stack.gateway.configure(stack.access_proxy("open", cls.port["open"]) + MORE)
        stack.wait_evaluated(stack.enrol())
        cls.certificate, cls.key = cls.copy(stack.agent, "mine")
        cls.contexts = {(with_certificate, version): cls.context(with_certificate, number)
                        for with_certificate in (True, False) for version, number in VERSIONS.items()}
        wait_for(lambda: cls.ask("web", cls.contexts[True, "TLS 1.3"])[0] == 200, "access")
        wait_for(lambda: cls.ask("open", cls.contexts[False, "TLS 1.3"])[0] == 200, "access without a certificate")

    @classmethod
    def context(cls, with_certificate, version):
        out = tls_context(cls.certificate, cls.key) if with_certificate else tls_context()
        out.minimum_version = out.maximum_version = version
        return out

    @classmethod
    def ask(cls, listener, context, session=None):
        """The status, whether the session was gone on with, and the session that the answer brought."""
        with connect_from("127.0.0.1", cls.port[listener], context, session=session) as connection:
            put(connection, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return read_http1(connection).status, connection.session_reused, connection.session

    def test_a_ticket_counts_at_its_own_listener(self):
        """Whoever comes with that of another one is judged by the listener it comes to, as anybody is; whether the session goes on or not."""
        expected = {("web", True): 200, ("strict", True): 403, ("open", True): 200, ("web", False): 403, ("strict", False): 403, ("open", False): 200}
        rows = []
        for version in VERSIONS:
            for begun in self.port:
                for shown in (True, False):
                    context = self.contexts[shown, version]
                    first = self.ask(begun, context)
                    self.assertEqual(first[0], expected[begun, shown], (version, begun, shown))
                    for then in self.port:
                        status, reused, _ = self.ask(then, context, first[2])
                        rows.append(f"{version}, certificate {'shown' if shown else 'not shown'}, begun at {begun:6} then {then:6}: {status}"
                                    f"{', resumed' if reused else ''}")
                        with self.subTest(version=version, begun=begun, then=then, shown=shown):
                            self.assertEqual(status, expected[then, shown], rows[-1])
        print("\n    " + "\n    ".join(rows))

    def s_client(self, listener, *arguments, text, version="-tls1_2"):
        """What it says until it has an answer, or its connection has ended. It reads no answer once its input has ended."""
        process = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{self.port[listener]}", version, "-cert", self.certificate,
                                    "-key", self.key, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        os.set_blocking(process.stdout.fileno(), False)
        said, end = "", time.monotonic() + 20
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(text.encode())
            process.stdin.flush()
        while process.poll() is None and "HTTP/1.1 " not in said and time.monotonic() < end:
            select.select([process.stdout], [], [], 0.2)
            said += (process.stdout.read() or b"").decode(errors="replace")
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.wait(10)
        said += (process.stdout.read() or b"").decode(errors="replace")
        process.stdout.close()
        return said

    def lines_of(self, path):
        text = (self.stack.gateway.data / "traffic.log").read_text()
        return [line for line in text.splitlines() if f'"path":"{path}"' in line]

    def test_a_client_does_not_renegotiate(self):
        """"R" at the beginning of a line asks for it. The connection ends, or goes on as it was; what follows is not lost on the way."""
        for listener in ("web", "open"):
            said = self.s_client(listener, text="R\nGET /renegotiated HTTP/1.1\nHost: 127.0.0.1\n\n")
            self.assertIn("RENEGOTIATING", said)
            self.assertRegex(said, r"no renegotiation|unexpected eof|closed|errno|wrong|alert", said[-1500:])
            self.assertNotIn("HTTP/1.1 ", said)
        self.assertEqual(self.lines_of("/renegotiated"), [])
        self.assertEqual(self.ask("web", self.contexts[True, "TLS 1.2"])[0], 200)

    def test_nothing_is_taken_before_the_handshake_is_over(self):
        session, early = self.directory / "session", self.directory / "early"
        early.write_text("GET /early-data HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        said = self.s_client("web", "-sess_out", session, text="GET /first HTTP/1.1\nHost: 127.0.0.1\n\n", version="-tls1_3")
        self.assertIn("HTTP/1.1 404", said, said[-1500:])       # the application's: it was let through
        shown = subprocess.run(["openssl", "sess_id", "-in", session, "-noout", "-text"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(re.findall(r"Max Early Data: (\d+)", shown), ["0"], shown)
        said = self.s_client("web", "-sess_in", session, "-early_data", early, text="GET /late HTTP/1.1\nHost: 127.0.0.1\n\n", version="-tls1_3")
        self.assertIn("HTTP/1.1 404", said)
        wait_for(lambda: self.lines_of("/first"), "the line of the first")
        self.assertRegex(said, "Early data was (not sent|rejected)")
        wait_for(lambda: self.lines_of("/late"), "the line of the second")
        self.assertEqual(self.lines_of("/early-data"), [])


if __name__ == "__main__":
    harness.main()
