"""What the end-to-end tests share: a stack of real programs per file, clients that hold connections open, and the report
that tools/run_tests.py reads. Standard library only."""
import base64
import fcntl
import json
import os
import socket
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import stack as stacks  # noqa: E402
from lab import LabError, checkout_id, connect, https, namespaces_allowed, remove_tree, tls_context, wait_for  # noqa: E402,F401


def alone_as(name):
    """Waits until no other test of this machine has network namespaces and a runtime directory of this name: whoever begins takes away
    what an earlier one has left. Until the process ends, which is for the kernel to see to."""
    file = open(Path(tempfile.gettempdir()) / f"postern-e2e-{name}.lock", "a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"another test runs as {name}: waiting for its end", file=sys.stderr, flush=True)
        fcntl.flock(file, fcntl.LOCK_EX)
    _alone.append(file)


_alone = []


class StackTest(unittest.TestCase):
    """A test file's stack, made once and removed with all that it started. Subclasses say how it is set up."""
    options = {}
    letter = "t"     # tells the test files of one checkout apart, also in names of at most 15 bytes: each has its own

    @classmethod
    def setUpClass(cls):
        refused = namespaces_allowed()
        if refused:
            raise unittest.SkipTest(f"this kernel refuses network namespaces: {refused}")
        cls.name = checkout_id() + cls.letter
        alone_as(cls.name)
        cls.directory = Path(tempfile.mkdtemp(prefix="postern-e2e-"))
        stacks.remove_traces(cls.name, cls.directory)
        cls.stack = None
        try:
            cls.stack = stacks.Stack(cls.name, cls.directory, **{"host_links": False, **cls.options})
            cls.set_up(cls.stack)
        except BaseException:
            cls.tear_down()
            raise

    @classmethod
    def set_up(cls, stack):
        stack.start_programs()
        stack.ems.sign_in()

    @classmethod
    def tearDownClass(cls):
        cls.tear_down()

    @classmethod
    def tear_down(cls):
        if cls.stack is not None:
            if os.environ.get("POSTERN_KEEP_LOGS"):
                print(f"logs: {cls.directory}/log")
            for process in cls.stack.lab.processes.values():
                cls.logs = getattr(cls, "logs", {})
                cls.logs[process.name] = process.tail(40)
            cls.stack.close()
        if not os.environ.get("POSTERN_KEEP_LOGS"):
            remove_tree(cls.directory)


class Stream:
    """Reads a connection in the background and keeps when its last byte came and how it ended."""

    def __init__(self, sock):
        self.sock = sock
        self.received = 0
        self.last_byte = None
        self.ended = None          # None: still open; "": closed; else the error
        self._tail = b""
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            try:
                data = self.sock.recv(65536)
            except OSError as error:
                self.ended = str(error) or type(error).__name__
                return
            if not data:
                self.ended = ""
                return
            self.received += len(data)
            self.last_byte = time.monotonic()
            self._tail = (self._tail + data)[-4096:]

    @property
    def tail(self):
        return self._tail

    @property
    def open(self):
        return self.ended is None

    def wait_bytes(self, more=1, seconds=20, start=None):
        """`start`: what was received before the question was sent, whose answer may be here already; else from now on."""
        if start is None:
            start = self.received
        wait_for(lambda: self.received >= start + more or not self.open, "bytes of a stream", seconds, every=0.005)
        if not self.open:
            raise LabError(f"the stream ended instead: {self.ended!r}")

    def wait_end(self, seconds=20):
        wait_for(lambda: not self.open, "the stream to end", seconds, every=0.001)
        return self.ended

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join(5)
        self.sock.close()


def accepting(worker):
    """Does this worker of nginx take connections yet?"""
    try:
        return b"shutting down" not in Path(f"/proc/{worker}/cmdline").read_bytes()
    except OSError:
        return False


def open_tls(host, port, namespace, certificate=None, key=None, timeout=10):
    raw = connect(host, port, namespace, timeout=timeout)
    tls = tls_context(certificate, key).wrap_socket(raw, server_hostname=None)
    tls.settimeout(60)
    return tls


def open_download(sock, host, seconds=120, every=5):
    """A long answer held open: sends the request, waits for 200, and goes on reading in the background."""
    sock.sendall(f"GET /download?seconds={seconds}&every={every} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    head = read_head(sock)
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise LabError(f"the download was not allowed: {head[:200]!r}")
    return Stream(sock)


def open_websocket(sock, host):
    """An accepted WebSocket at /ws, held open."""
    open_upgraded(sock, "/ws", host)
    return Stream(sock)


def open_upgraded(sock, path, host, protocol=None):
    """Asks for a WebSocket and waits until it is accepted."""
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall((f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
                  (f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else "") +
                  f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
    head = read_head(sock)
    if b" 101 " not in head.split(b"\r\n", 1)[0]:
        raise LabError(f"the WebSocket was not allowed: {head[:200]!r}")


def read_head(sock):
    head = b""
    while b"\r\n\r\n" not in head:
        data = sock.recv(1)
        if not data:
            raise LabError(f"the server closed after {head[:200]!r}")
        head += data
    return head


def websocket_text(text):
    return websocket_frame(0x81, text.encode())


def websocket_binary(data):
    return websocket_frame(0x82, data)


def websocket_frame(first, data):
    assert len(data) < 126
    mask = os.urandom(4)
    return bytes([first, 0x80 | len(data)]) + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(data))


class _Result(unittest.TextTestResult):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.passed, self.broken = [], []

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed.append(test.id().removeprefix("__main__."))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.broken.append(test.id().removeprefix("__main__."))

    def addError(self, test, err):
        super().addError(test, err)
        self.broken.append(str(test.id()).removeprefix("__main__."))
        for cls in StackTest.__subclasses__():
            for name, text in getattr(cls, "logs", {}).items():
                print(f"--- last lines of {name}:\n{text}", file=sys.stderr)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.broken.append(subtest.id().removeprefix("__main__."))


def main():
    """Runs the calling file's tests; POSTERN_TEST_REPORT names where the result goes as JSON."""
    program = unittest.main(module="__main__", exit=False, verbosity=2,
                            testRunner=unittest.TextTestRunner(resultclass=_Result, verbosity=2))
    result = program.result
    report = os.environ.get("POSTERN_TEST_REPORT")
    if report:
        Path(report).write_text(json.dumps({
            "passed": result.passed, "failed": result.broken,
            "skipped": [[t.id().removeprefix("__main__."), why] for t, why in result.skipped]}))
    sys.exit(0 if result.wasSuccessful() else 1)
