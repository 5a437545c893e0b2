"""Requests as bytes, right or wrong: HTTP/1.1 as text, HTTP/2 as frames; and just enough reading to know how each was answered."""
import socket
import ssl
import struct

MOST = 1 << 20     # of an answer

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED = 0x1, 0x4, 0x8


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def integer(value, bits, first=0):
    """RFC 7541 §5.1."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = bytes([first | most]), value - most
    while value >= 128:
        out, value = out + bytes([value % 128 | 128]), value // 128
    return out + bytes([value])


def field(name, value):
    """A header as it is: never indexed, without Huffman's code."""
    name, value = (x if isinstance(x, bytes) else x.encode("latin1") for x in (name, value))
    return b"\x10" + integer(len(name), 7) + name + integer(len(value), 7) + value


def block(headers):
    return b"".join(field(name, value) for name, value in headers)


class Answer:
    """How a request ended for its client: a status, or 0 with the reason."""

    def __init__(self, status=0, body=b"", how="answered"):
        self.status, self.body, self.how = status, body, how

    def __repr__(self):
        return f"{self.status or self.how}"


def read_http1(sock, method="GET"):
    """One answer, interim ones skipped."""
    stream = sock.makefile("rb")
    try:
        while True:
            line = stream.readline(MOST)
            if not line:
                return Answer(how="closed")
            if not line.startswith(b"HTTP/"):       # HTTP/0.9
                return Answer(200, line + stream.read(MOST), "no head")
            status = int(line.split()[1])
            headers = {}
            while (header := stream.readline(MOST).strip()):
                name, _, value = header.partition(b":")
                headers[name.lower()] = value.strip()
            if status >= 200 or status == 101:
                break
        if status in (101, 204, 304) or method == "HEAD":
            return Answer(status)
        if headers.get(b"transfer-encoding") == b"chunked":
            body = b""
            while (size := int(stream.readline(100).strip() or b"0", 16)):
                body += stream.read(min(size, MOST))
                stream.readline(100)
            stream.readline(100)
            return Answer(status, body)
        if b"content-length" in headers:
            return Answer(status, stream.read(min(int(headers[b"content-length"]), MOST)))
        return Answer(status, stream.read(MOST))
    except TimeoutError:
        return Answer(how="held")
    except (ConnectionError, ssl.SSLError):
        return Answer(how="closed")


def exactly(sock, size):
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def read_http2(sock, stream=1):
    """The end of one stream, or of the connection."""
    answer, total = Answer(how="closed"), 0
    try:
        while total < MOST:
            head = exactly(sock, 9)
            size, kind, flags, of = int.from_bytes(head[:3], "big"), head[3], head[4], int.from_bytes(head[5:], "big")
            payload = exactly(sock, size)
            total += size
            if kind == GOAWAY and not answer.status:
                answer.how = "goaway"
                if int.from_bytes(payload[4:8], "big"):
                    return answer
            if of != stream:
                continue
            if kind == RST_STREAM:
                answer.how = "reset"
                return answer
            if kind == HEADERS and not answer.status:
                answer.status, answer.how = status_of(payload), "answered"
            if kind == DATA:
                answer.body += payload
            if flags & END_STREAM and kind in (HEADERS, DATA):
                return answer
    except TimeoutError:
        answer.how = "held"
    except (ConnectionError, ssl.SSLError):
        pass
    return answer


def status_of(payload):
    """nginx puts :status first: whole in the static table, or as a value of entry 8."""
    whole = {0x88: 200, 0x89: 204, 0x8a: 206, 0x8b: 304, 0x8c: 400, 0x8d: 404, 0x8e: 500}
    if payload[0] in whole:
        return whole[payload[0]]
    return int(payload[2:5])


def put(sock, data):
    """All of it, or as much as the peer takes before it closes."""
    try:
        sock.sendall(data)
    except (ConnectionError, ssl.SSLError, TimeoutError):
        pass


def connect_from(source, port, context, name=None, session=None, timeout=10):
    raw = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(raw, server_hostname=name, session=session)
