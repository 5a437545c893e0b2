"""Frames of HTTP/2 without end, each cheap for who sends it. Bounded means: the connection is ended before MOST bytes, or what it asks
for is served as slowly as the client's own limits make it, and another client is answered meanwhile."""
import dataclasses
import itertools
import select
import socket
import ssl
import time

from confusion.cases_http2 import head, stream
from confusion.wire import (CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, connect_from,
                            frame)

MOST, SECONDS, SLOW = 24 << 20, 8, 3.0


def continuations(payload):
    yield frame(HEADERS, END_STREAM, 1, block(head()))
    while True:
        yield frame(CONTINUATION, 0, 1, payload) * 64


def every_stream(make):
    for n in itertools.count(1, 2):
        yield make(n)


# By name: the frames, and whether the connection has to be ended (else it may go on, one way or the other).
FLOODS = {
    "continuations of nothing": (lambda: continuations(b""), True),
    "continuations of headers": (lambda: continuations(block([("x", "y" * 1000)])), True),
    "continuations of one field without end": (lambda: continuations(b"\xff" * 1000), True),
    "streams reset as fast as made": (lambda: every_stream(lambda n: stream(head(), number=n) + frame(RST_STREAM, 0, n, bytes(4))), True),
    "streams that the server is made to reset": (
        lambda: every_stream(lambda n: stream(head(), number=n) + frame(WINDOW_UPDATE, 0, n, b"\x7f\xff\xff\xff")), True),
    "pings": (lambda: (frame(PING, payload=bytes(8)) * 64 for _ in itertools.count()), True),
    "settings": (lambda: (frame(SETTINGS) * 64 for _ in itertools.count()), True),
    "windows": (lambda: (frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1") * 64 for _ in itertools.count()), True),
    "small answers that nobody reads": (lambda: every_stream(lambda n: stream(head(path="/early"), number=n)), False),
}


@dataclasses.dataclass
class Outcome:
    sent: int = 0
    how: str = ""
    slowest: float = 0.0
    wrong: list = dataclasses.field(default_factory=list)


def run(flood, port, context, another):
    """`another`: asks as another client; what is wrong, or None."""
    frames, must_end = flood
    out = Outcome()
    sock = connect_from("127.29.0.1", port, context, "app.example")
    sock.setblocking(False)
    data, source = PREFACE + frame(SETTINGS), frames()
    end, asked = time.monotonic() + SECONDS, time.monotonic()
    reads = must_end or None
    try:
        while out.sent < MOST and time.monotonic() < end:
            if len(data) < 65536:
                data += b"".join(itertools.islice(source, 64))
            try:
                done = sock.send(data[:65536])
                out.sent, data = out.sent + done, data[done:]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                select.select([sock] if reads else [], [sock], [], 0.05)
            if reads:
                try:
                    if not sock.recv(65536):
                        raise ConnectionError("closed")
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    pass
            if time.monotonic() > asked + 0.3:
                asked = time.monotonic()
                problem = another()
                out.slowest = max(out.slowest, time.monotonic() - asked)
                if problem:
                    out.wrong.append(problem)
        out.how = "not ended"
        if must_end:
            out.wrong.append(f"not ended after {out.sent} bytes and {SECONDS} s")
    except (ConnectionError, ssl.SSLError, socket.timeout) as error:
        out.how = f"ended ({type(error).__name__})"
    finally:
        sock.close()
    if out.slowest > SLOW:
        out.wrong.append(f"another client waited {out.slowest:.1f} s")
    problem = another()
    if problem:
        out.wrong.append(f"afterwards: {problem}")
    return out
