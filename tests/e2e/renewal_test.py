"""An agent's certificate is renewed while something is open by the old one: it goes on, until the old one's end; a revocation in
between ends both."""
import time

import harness
from confusion.wire import connect_from, put, read_http1
from harness import open_download, open_websocket, tls_context, wait_for
from own_agents import OwnAgents

OVERLAP = 6   # seconds


class Renewal(OwnAgents):
    letter = "8"

    @classmethod
    def set_up(cls, stack):
        # Issued for 175 s, and valid from 300 s before: two thirds of that are over after 17 s, and again 17 s later.
        stack.ems.command += ["--client-certificate-life", "175", "--renewal-overlap", str(OVERLAP)]
        super().set_up(stack)

    def status(self, held):
        with connect_from("127.0.0.1", self.stack.ports["proxy"], tls_context(*held)) as connection:
            put(connection, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return read_http1(connection).status

    def certificates(self, uid):
        return self.stack.ems.endpoint(uid)["certificates"]

    def test_what_is_open_goes_on(self):
        (agent, uid), (other, other_uid) = self.agent("kept"), self.agent("revoked")
        old, other_old = self.copy(agent, "old"), self.copy(other, "other-old")
        for held in (old, other_old):
            wait_for(lambda held=held: self.status(held) == 200, "access")
        download, socket = self.open(open_download, old), self.open(open_websocket, old)
        lost = self.open(open_download, other_old)
        first = self.certificates(uid)[0]["serial"]

        # Both renew; the newer is used at once, and the older one gets its end.
        for each in (uid, other_uid):
            wait_for(lambda each=each: [c["ends_at"] is not None for c in self.certificates(each)] == [False, True],
                     "the newer certificate to be used", 40, every=0.05)
        renewed = time.monotonic()
        newest, before = self.certificates(uid)
        self.assertEqual(before["serial"], first)
        new, other_new = self.copy(agent, "new"), self.copy(other, "other-new")
        self.assertNotEqual(old[0].read_text(), new[0].read_text())
        self.assertEqual([self.status(held) for held in (old, new, other_old, other_new)], [200] * 4)
        download.wait_bytes()
        self.assertTrue(socket.open and lost.open)

        # A revocation ends both at once.
        self.stack.ems.api("POST", f"endpoints/{other_uid}/revoke", {})
        asked = time.monotonic()
        lost.wait_end(5)
        print(f"by the old certificate: cut {(lost.last_byte - asked) * 1000:.0f} ms after the revocation was acknowledged")
        for held in (other_old, other_new):
            wait_for(lambda held=held: self.status(held) == 403, "the revoked endpoint to be refused", 1, every=0.005)
        self.assertLess(time.monotonic() - renewed, OVERLAP - 1, "too slow to tell a revocation from the end of the overlap")
        self.assertEqual(self.status(old), 200)

        # The end comes by itself, no earlier and hardly later.
        download.wait_bytes()
        download.wait_end(OVERLAP + 5)
        lasted = download.last_byte - renewed
        print(f"by the other old certificate: open for {lasted:.1f} s after the renewal, of {OVERLAP}")
        self.assertGreater(lasted, OVERLAP - 2)
        self.assertLess(lasted, OVERLAP + 2)
        socket.wait_end(2)
        self.assertEqual((self.status(old), self.status(new)), (403, 200))
        wait_for(lambda: [c["serial"] for c in self.certificates(uid)] == [newest["serial"]], "the EMS to have one certificate", 5)


if __name__ == "__main__":
    harness.main()
