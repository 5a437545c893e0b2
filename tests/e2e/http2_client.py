"""A client of HTTP/2 as tests need it: streams of one TLS connection, read in the background. Request headers go out as
literals; of answers only the status is read. Standard library only."""
import select
import ssl
import struct
import threading
import time

from lab import LabError, connect, tls_context, wait_for

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
LARGEST_WINDOW = 0x7FFFFFFF
# The static table's entries of :status (RFC 7541, appendix A).
STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
# Digits in the Huffman code of HPACK (RFC 7541, appendix B): value and bits.
HUFFMAN = {(0x0, 5): "0", (0x1, 5): "1", (0x2, 5): "2", (0x19, 6): "3", (0x1a, 6): "4", (0x1b, 6): "5", (0x1c, 6): "6",
           (0x1d, 6): "7", (0x1e, 6): "8", (0x1f, 6): "9"}


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header field without indexing, its name spelled out; both shorter than 127 bytes."""
    name, value = name.encode(), value.encode()
    assert len(name) < 127 and len(value) < 127
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def digits(data):
    """Digits in Huffman's code."""
    bits, out, value, size = "".join(f"{b:08b}" for b in data), "", 0, 0
    for bit in bits:
        value, size = value << 1 | int(bit), size + 1
        if (value, size) in HUFFMAN:
            out, value, size = out + HUFFMAN[value, size], 0, 0
    return out


def status_of(block):
    """The status that a header block begins with."""
    if block[0] & 0x80:
        return STATUS[block[0] & 0x7F]
    # A literal whose name is that of an entry of :status.
    length, coded = block[1] & 0x7F, block[1] & 0x80
    text = block[2:2 + length]
    return int(digits(text) if coded else text)


class H2Stream:
    """One request. `ended`: None while it is open, "" when it ended as it should, else how."""

    def __init__(self, number):
        self.number = number
        self.status = None
        self.trailers = False      # a second block of headers came
        self.received = 0
        self.last_byte = None
        self.ended = None

    @property
    def open(self):
        return self.ended is None

    def wait_status(self, seconds=20):
        wait_for(lambda: self.status is not None or not self.open, f"the answer on stream {self.number}", seconds, every=0.002)
        return self.status

    def wait_bytes(self, more=1, seconds=20):
        start = self.received
        wait_for(lambda: self.received >= start + more or not self.open, f"bytes on stream {self.number}", seconds, every=0.005)
        if not self.open:
            raise LabError(f"stream {self.number} ended instead: {self.ended!r}")

    def wait_end(self, seconds=20):
        wait_for(lambda: not self.open, f"stream {self.number} to end", seconds, every=0.002)
        return self.ended


class H2Connection:
    """Frames are bounded by what the peer may send (16 KiB); windows are never short."""

    def __init__(self, host, port, namespace, certificate=None, key=None):
        context = tls_context(certificate, key)
        context.set_alpn_protocols(["h2"])
        self.authority = f"{host}:{port}"
        self.sock = context.wrap_socket(connect(host, port, namespace, timeout=10))
        if self.sock.selected_alpn_protocol() != "h2":
            raise LabError("the server does not speak HTTP/2")
        self.sock.setblocking(False)
        self.streams, self.next, self.ended, self.goaway = {}, 1, None, None
        self.lock = threading.Lock()
        self.send(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, LARGEST_WINDOW)) +
                  frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", LARGEST_WINDOW - 65535)))
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def send(self, data):
        """One thread at a time may use a TLS connection, also for reading."""
        while data:
            try:
                with self.lock:
                    data = data[self.sock.send(data):]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                select.select([], [self.sock], [], 1)

    def receive(self):
        while True:
            try:
                with self.lock:
                    return self.sock.recv(65536)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                select.select([self.sock], [], [], 1)

    def request(self, path, method="GET", headers=(), end=True):
        stream = H2Stream(self.next)
        self.next += 2
        self.streams[stream.number] = stream
        fields = [(":method", method), (":scheme", "https"), (":authority", self.authority), (":path", path), *headers]
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream.number,
                        b"".join(literal(n, v) for n, v in fields)))
        return stream

    def body(self, stream, data, end=False):
        self.send(frame(DATA, END_STREAM if end else 0, stream.number, data))

    @property
    def open(self):
        return self.ended is None

    def close(self):
        try:
            self.sock.shutdown(2)
        except OSError:
            pass
        self.thread.join(5)
        self.sock.close()

    def _read(self):
        buffer = b""
        try:
            while True:
                data = self.receive()
                if not data:
                    return self._over("closed")
                buffer += data
                while len(buffer) >= 9 and len(buffer) >= 9 + (size := int.from_bytes(buffer[:3], "big")):
                    kind, flags, number = buffer[3], buffer[4], int.from_bytes(buffer[5:9], "big") & 0x7FFFFFFF
                    self._take(kind, flags, number, buffer[9:9 + size])
                    buffer = buffer[9 + size:]
        except (OSError, ValueError) as error:
            self._over(str(error) or type(error).__name__)

    def _over(self, how):
        self.ended = how
        for stream in self.streams.values():
            if stream.open:
                stream.ended = f"connection {how}"

    def _take(self, kind, flags, number, payload):
        stream = self.streams.get(number)
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.send(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            self.goaway = struct.unpack(">I", payload[4:8])[0]
        elif stream is None:
            return
        elif kind == RST_STREAM:
            stream.ended = f"reset {struct.unpack('>I', payload)[0]}"
        elif kind == HEADERS and stream.status is None:
            stream.status = status_of(payload)
        elif kind == HEADERS:
            stream.trailers = True
        elif kind == DATA and payload:
            stream.received += len(payload)
            stream.last_byte = time.monotonic()
            # What was read is given back, so that no window ever runs out.
            size = struct.pack(">I", len(payload))
            self.send(frame(WINDOW_UPDATE, 0, 0, size))
            if not flags & END_STREAM:
                self.send(frame(WINDOW_UPDATE, 0, number, size))
        if stream is not None and kind in (DATA, HEADERS) and flags & END_STREAM:
            stream.ended = ""
