"""A TLS session that is gone on with is no way around what has happened since it began."""
import ssl
import types

import harness
from confusion.wire import connect_from, put, read_http1
from harness import tls_context, wait_for
from own_agents import OwnAgents

VERSIONS = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}


class Resumption(OwnAgents):
    letter = "y"

    def enrol(self, name):
        """An agent of its own: what it was issued, and how a client shows that."""
        agent, uid = self.agent(name)
        held = types.SimpleNamespace(uid=uid)
        held.certificate, held.key = self.copy(agent, name)
        held.contexts = {}
        for version, number in VERSIONS.items():
            context = held.contexts[version] = tls_context(held.certificate, held.key)
            context.minimum_version = context.maximum_version = number
        return held

    def ask(self, context, session=None):
        """The status, whether the session was gone on with, and the session that the answer brought."""
        with connect_from("127.0.0.1", self.stack.ports["proxy"], context, session=session) as connection:
            put(connection, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return read_http1(connection).status, connection.session_reused, connection.session

    def sessions(self, held):
        """One that was let through, by version; that they can be gone on with is what this shows, too."""
        out = {}
        for version, context in held.contexts.items():
            wait_for(lambda: self.ask(context)[0] == 200, f"access by {version}")
            out[version] = self.ask(context)[2]
            status, reused, newer = self.ask(context, out[version])
            self.assertEqual((status, reused), (200, True), version)
            out[version] = newer or out[version]
        return out

    def check(self, held, sessions, what):
        for version, context in held.contexts.items():
            # A full handshake is refused: it has come to the gateway. From here on none may pass.
            wait_for(lambda: self.ask(context)[0] == 403, f"{what} at the gateway")
            status, reused, _ = self.ask(context, sessions[version])
            self.assertEqual((status, reused), (403, True), f"{version}, {what}")
            print(f"{what}: a resumed {version} session is refused")

    def test_quarantined(self):
        held = self.enrol("quarantined")
        sessions = self.sessions(held)
        self.stack.ems.api("POST", f"endpoints/{held.uid}/quarantine", {})
        self.check(held, sessions, "quarantined")
        self.stack.ems.api("POST", f"endpoints/{held.uid}/unquarantine", {})
        self.sessions(held)

    def test_revoked(self):
        held = self.enrol("revoked")
        sessions = self.sessions(held)
        self.stack.ems.api("POST", f"endpoints/{held.uid}/revoke", {})
        self.check(held, sessions, "revoked")

    def test_deregistered(self):
        held = self.enrol("deregistered")
        sessions = self.sessions(held)
        self.stack.ems.api("POST", f"endpoints/{held.uid}/deregister", {})
        self.check(held, sessions, "deregistered")


if __name__ == "__main__":
    harness.main()
