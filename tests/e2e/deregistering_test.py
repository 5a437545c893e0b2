"""An endpoint that deregisters itself: a copy of its certificate is let in no more once the command has ended, what it holds open
is cut, and nothing of that is undone by a crash of the EMS. Who cannot tell the EMS is told so and stays."""
import re
import signal
import time

import harness
from confusion.wire import connect_from, put, read_http1
from harness import LabError, open_download, open_websocket, tls_context, wait_for
from own_agents import OwnAgents


class Deregistering(OwnAgents):
    letter = "x"

    def ask(self, held):
        """Status and body of one request on a connection of its own, with a full handshake."""
        with connect_from("127.0.0.1", self.stack.ports["proxy"], tls_context(*held)) as connection:
            put(connection, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = read_http1(connection)
            return answer.status, answer.body

    def start_ems(self):
        self.stack.ems.process.start()
        self.stack.ems.ready()

    def test_a_copied_certificate_passes_no_more(self):
        agent, uid = self.agent("leaver")
        held = self.copy(agent, "leaver")
        wait_for(lambda: self.ask(held)[0] == 200, "access")
        download = self.open(open_download, held)
        download.wait_bytes()
        socket = self.open(open_websocket, held)
        began = time.monotonic()
        said = agent.call("deregister").stdout
        returned = time.monotonic()
        self.assertIn("the EMS has stored it", said)
        # It has the gateway's time from the acknowledgement on, no more: nothing is asked and no timeout waited for.
        download.wait_end(5)
        socket.wait_end(5)
        cut = (download.last_byte or began) - began
        wait_for(lambda: self.ask(held)[0] == 403, "the copy to be refused", 5, every=0.005)
        refused = time.monotonic() - returned
        print(f"the command took {(returned - began) * 1000:.0f} ms; the download's last byte came {cut * 1000:.0f} ms after it "
              f"began; a new connection was refused {refused * 1000:.0f} ms after it had ended")
        self.assertLess(refused, 1)
        status, body = self.ask(held)
        self.assertEqual(status, 403)
        self.assertIn(b"no longer registered", body)
        denial = re.search(rb"<code>(.*?)</code>", body).group(1).decode()
        self.assertIn("\nReason: 063 (revoked)\n", self.stack.gateway.cli(f"diagnose ztna denial {denial.lower()}"))
        endpoint = self.stack.ems.endpoint(uid)
        self.assertEqual((endpoint["registered"], endpoint["online"]), (False, False))
        self.assertFalse(agent.certificate.exists() or agent.key.exists())
        # A crash right after the acknowledgement undoes nothing, neither here nor there.
        self.stack.ems.process.kill()
        self.start_ems()
        self.assertFalse(self.stack.ems.endpoint(uid)["registered"])
        self.assertEqual(self.ask(held)[0], 403)
        # The same machine enrols again, as another endpoint; that the old one left stays so.
        wait_for(lambda: self.stack.enrol(agent), "a new enrolment")
        fresh = self.copy(agent, "again")
        self.assertNotEqual(agent.uid(), uid)
        wait_for(lambda: self.ask(fresh)[0] == 200, "access by the new certificate")
        self.assertEqual(self.ask(held)[0], 403)

    def test_who_can_not_tell_the_ems_stays(self):
        agent, uid = self.agent("stranded")
        held = self.copy(agent, "stranded")
        wait_for(lambda: self.ask(held)[0] == 200, "access")
        self.stack.ems.process.stop()
        with self.assertRaises(LabError) as refused:
            agent.call("deregister")
        self.assertIn("nothing was changed", str(refused.exception))
        self.assertIn("--force", str(refused.exception))
        self.assertTrue(agent.status()["registered"] and agent.key.exists())
        # By force this machine forgets; that the copy is still good is said, with what to do.
        said = agent.call("deregister", "--force").stdout
        self.assertIn(f"postern deregister {uid}", said)
        self.assertFalse(agent.key.exists())
        self.assertFalse(agent.status()["registered"])
        self.start_ems()
        self.assertTrue(self.stack.ems.endpoint(uid)["registered"])
        self.assertEqual(self.ask(held)[0], 200)
        self.stack.ems.api("POST", f"endpoints/{uid}/deregister", {})
        # The gateway has to have found the EMS again.
        wait_for(lambda: self.ask(held)[0] == 403, "the copy to be refused", 60)

    def test_an_ems_that_heard_it_and_is_slow(self):
        agent, uid = self.agent("patient")
        held = self.copy(agent, "patient")
        wait_for(lambda: self.ask(held)[0] == 200, "access")
        self.stack.ems.process.kill(signal.SIGSTOP)
        try:
            with self.assertRaises(LabError) as refused:
                agent.call("deregister")
            self.assertIn("was told and has not answered", str(refused.exception))
            self.assertNotIn("nothing was changed", str(refused.exception))
            self.assertTrue(agent.status()["registered"])
        finally:
            self.stack.ems.process.kill(signal.SIGCONT)
        # It was in its way: as the command said, it takes effect.
        wait_for(lambda: not self.stack.ems.endpoint(uid)["registered"], "the EMS to read what waited")
        wait_for(lambda: not agent.status()["registered"] and not agent.key.exists(), "the agent to hear of it")
        wait_for(lambda: self.ask(held)[0] == 403, "the copy to be refused", 60)


if __name__ == "__main__":
    harness.main()
