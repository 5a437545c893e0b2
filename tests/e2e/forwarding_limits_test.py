"""How many connections a gateway forwards where open files are few: one endpoint can't use up all, and who looks is told. And what is told of a
forwarder that ends again and again."""
import contextlib
import os
import signal

import harness
from harness import StackTest, open_tls, read_head, stacks, wait_for
from lab import free_port, sh

FILES = 512
# As src/gateway/forward/forwarder_limits.h has it.
MOST = (FILES - 128 - FILES // 8) // 2
MOST_OF_ONE = MOST // 4

EVERYBODY = """config firewall access-proxy
    edit "all"
        set empty-cert-action accept
    next
end
"""


class ForwardingLimits(StackTest):
    options = {"namespaces": False, "restart": False}
    letter = "7"

    @classmethod
    def set_up(cls, stack):
        stack.gateway.command = ["prlimit", f"--nofile={FILES}:{FILES}", *stack.gateway.command]
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        cls.port = stack.ports["strict"]
        stack.gateway.configure(stacks.tcp_forwarding(cls.port, stack.ports["app"]))
        cls.endpoints = []
        for n in range(5):
            agent = stacks.Agent(stack.lab, cls.directory / f"a{n}", stack.runtime / f"a{n}", None, f"a{n}", restart=False).start()
            cls.addClassCleanup(agent.process.stop)
            stack.enrol(agent)
            cls.endpoints.append((agent.certificate, agent.key))
        for held in cls.endpoints:
            wait_for(lambda held=held: cls.once(held) == "101", "to be let in")

    @classmethod
    def open(cls, held, port=None):
        """A request for a tunnel: status and connection. `held`: certificate and key, or nothing."""
        sock = open_tls("127.0.0.1", port or cls.port, None, *held)
        sock.sendall((f"GET /tcp?address=127.0.0.1&port={cls.stack.ports['app']} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                      "Sec-WebSocket-Protocol: postern-tcp\r\n\r\n").encode())
        return read_head(sock).split()[1].decode(), sock

    @classmethod
    def once(cls, held, port=None):
        try:
            status, sock = cls.open(held, port)
        except OSError:
            return None
        sock.close()
        return status

    def part(self):
        return next(line for line in self.stack.gateway.cli("get system status").splitlines() if "TCP forwarding" in line)

    def test_1_places(self):
        self.assertRegex(self.part(), rf"OK.* of {MOST} connections, {MOST_OF_ONE} at most of one endpoint.*limit on open files, {FILES}")
        self.assertIn("gateway.open_files", self.stack.gateway.process.tail(400))
        held = []
        self.addCleanup(lambda: [sock.close() for sock in held])

        def take(endpoint, count):
            for _ in range(count):
                status, sock = self.open(self.endpoints[endpoint])
                held.append(sock)
                if status != "101":
                    return status
            return "101"
        wait_for(lambda: "OK (0 of" in self.part() or " 0 of " in self.part(), "the first ones to have ended")
        self.assertEqual(take(0, MOST_OF_ONE), "101")
        self.assertEqual(take(0, 1), "429")
        # Others have theirs, the fourth the last ones.
        for endpoint in (1, 2, 3):
            self.assertEqual(take(endpoint, MOST_OF_ONE), "101", endpoint)
        self.assertNotIn("FAILED", self.part())
        self.assertEqual(take(4, 1), "503")
        wait_for(lambda: "FAILED" in self.part(), "the fullness to be told")
        self.assertRegex(self.part(), rf"{MOST} TCP connections are forwarded, and others were refused.*LimitNOFILE=36992")
        log = (self.stack.gateway.runtime_dir / "nginx/tcp/tcp.log").read_text()
        for event in ("forward.limited", "forward.full", "forward.full_of_one"):
            self.assertIn(f'"{event}"', log)
        # A place is free when its connection has ended.
        for sock in held[:10]:
            sock.close()
        wait_for(lambda: self.once(self.endpoints[4]) == "101", "a free place")

    def test_0_who_shows_what_nobody_vouches_for(self):
        """Where everybody may enter, such a certificate counts as none: else everybody would have as many accounts as they make certificates."""
        port = free_port()
        self.stack.gateway.configure(stacks.tcp_forwarding(port, self.stack.ports["app"], name="all", policy=22, tag=None) + EVERYBODY)
        shown = []
        for name in ("one", "two"):
            files = [self.directory / f"{name}.{end}" for end in ("pem", "key")]
            sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}",
               "-out", files[0], "-keyout", files[1])
            shown.append(files)
        wait_for(lambda: self.once(shown[0], port) == "101", "the open access proxy")
        wait_for(lambda: "OK (0 of" in self.part() or " 0 of " in self.part(), "the first ones to have ended")
        held = []
        self.addCleanup(lambda: [sock.close() for sock in held])
        for n in range(MOST_OF_ONE):
            status, sock = self.open(shown[n % 2] if n % 3 else (), port)
            held.append(sock)
            self.assertEqual(status, "101", n)
        for who in (*shown, ()):
            self.assertEqual(self.once(who, port), "429")
        self.assertEqual(self.once(self.endpoints[0]), "101")

    def test_0_whose_destination_is_taken_out_who_shows_none(self):
        """No session, of which the gateway would know: it ends with its destination all the same."""
        port = free_port()

        def lead_to(*ports):
            text = stacks.tcp_forwarding(port, self.stack.ports["app"], name="open", policy=23, tag=None) + EVERYBODY.replace('"all"', '"open"')
            self.stack.gateway.configure(text.replace(f"set mappedport {self.stack.ports['app']}", "set mappedport " + " ".join(map(str, ports))))

        other = free_port()
        lead_to(self.stack.ports["app"], other)
        wait_for(lambda: self.once((), port) == "101", "the open access proxy")
        status, sock = self.open((), port)
        self.addCleanup(sock.close)
        self.assertEqual(status, "101")
        lead_to(other)
        sock.settimeout(20)
        try:
            while sock.recv(4096):
                pass
        except ConnectionResetError:
            pass

    def forwarder(self):
        return int((self.stack.gateway.runtime_dir / "nginx/tcp/forwarder.pid").read_text().split()[0])

    def test_2_one_that_ends_again_and_again(self):
        for _ in range(2):
            pid = self.forwarder()
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda pid=pid: self.forwarder() != pid, "the forwarder to be started again")
            wait_for(lambda: self.once(self.endpoints[0]) == "101", "it to work")
        self.assertRegex(self.part(), r"FAILED.*ended by itself \(.*\) and is started again; see .*tcp\.log")

    def test_3_one_that_hangs(self):
        pid = self.forwarder()
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_for(lambda: "FAILED" in self.part() and "has not run for" in self.part(), "the silence to be told", 20)
            wait_for(lambda: self.forwarder() != pid, "another one", 60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        wait_for(lambda: self.once(self.endpoints[0]) == "101", "it to work")
        self.assertIn("forward.hangs", self.stack.gateway.process.tail(400))


if __name__ == "__main__":
    harness.main()
