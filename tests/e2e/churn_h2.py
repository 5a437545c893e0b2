"""One connection of HTTP/2 in the churn test's load: short requests, a download and a call by gRPC beside them."""
import asyncio
import json
import struct

from churn_facts import PATIENCE
from http2_client import (ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, LARGEST_WINDOW, PING, PREFACE, RST_STREAM, SETTINGS,
                          WINDOW_UPDATE, frame, literal, status_of)

LASTING = ("d2", "g")
REFUSED_STREAM = 7       # nothing has been done, it may be asked again
# "grpc-status" as HPACK's Huffman code has it (RFC 7541, appendix B): value and bits of each letter.
CODES = {"g": (0x26, 6), "r": (0x2c, 6), "p": (0x2b, 6), "c": (0x4, 5), "-": (0x16, 6), "s": (0x8, 5), "t": (0x9, 5), "a": (0x3, 5),
         "u": (0x2d, 6)}


def huffman(text):
    bits = "".join(f"{CODES[c][0]:0{CODES[c][1]}b}" for c in text)
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


GRPC_STATUS = huffman("grpc-status")


def grpc_status(block):
    """The number that a block of headers or trailers tells, or None. Numbers so short are never coded."""
    for name in (GRPC_STATUS, b"grpc-status"):
        at = block.find(name)
        if at >= 0:
            at += len(name)
            return int(block[at + 1:at + 1 + (block[at] & 0x7F)])
    return None


def message(data):
    """A message of gRPC."""
    return b"\0" + struct.pack(">I", len(data)) + data


class Http2(asyncio.Protocol):
    def __init__(self, load, proxy, who):
        self.load, self.proxy, self.e = load, proxy, who
        self.buffer, self.streams, self.next, self.usable = b"", {}, 1, True
        self.lasting = dict.fromkeys(LASTING)        # which stream is the one of its kind

    def connection_made(self, transport):
        self.transport = transport
        self.port = (transport.get_extra_info("sockname") or (None, None))[1]
        transport.write(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, LARGEST_WINDOW)) +
                        frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", LARGEST_WINDOW - 65535)))

    def ask(self, kind, until=None):
        who = self.load.name(kind)
        stream = {"e": self.e, "k": kind, "p": self.proxy, "id": who, "t0": self.load.now(), "port": self.port, "s": 0, "body": b"", "until": until,
                  "last": None, "wrong": None, "n": 0, "server": None}
        self.streams[self.next] = stream
        if kind in LASTING:
            self.lasting[kind] = self.next
        fields = [(":method", "POST" if kind == "g" else "GET"), (":scheme", "https"), (":authority", f"{self.load.s['gateway']}"),
                  (":path", f"/churn.Calls/{who}" if kind == "g" else f"/{kind[0]}/{who}")]
        fields += [("content-type", "application/grpc"), ("te", "trailers")] if kind == "g" else [("accept", "application/json")]
        block = b"".join(literal(n, v) for n, v in fields)
        if kind == "g":
            self.transport.write(frame(HEADERS, END_HEADERS, self.next, block) + frame(DATA, END_STREAM, self.next, message(b"")))
        else:
            self.transport.write(frame(HEADERS, END_HEADERS | END_STREAM, self.next, block))
        self.next += 2

    def tick(self):
        now = self.load.now()
        for number, stream in list(self.streams.items()):
            if stream["until"] is not None and now >= stream["until"] and stream["s"] == 200:
                self.transport.write(frame(RST_STREAM, 0, number, struct.pack(">I", 8)))
                self.over(number, "we closed")
            elif now > stream["t0"] + PATIENCE and stream["s"] == 0:
                self.over(number, "no answer")

    async def linger(self):
        end = self.load.now() + 20
        while not self.load.stopping and self.streams and self.load.now() < end:
            self.tick()
            await asyncio.sleep(0.05)
        self.close()

    def close(self):
        for number in list(self.streams):
            self.over(number, "we closed")
        self.transport.close()

    def over(self, number, end):
        stream = self.streams.pop(number)
        for kind, of in self.lasting.items():
            if of == number:
                self.lasting[kind] = None
        body = stream.pop("body")
        stream.pop("until")
        short = stream["k"] == "r2"
        if short and stream["s"] == 200:
            stream["wrong"], stream["server"] = self.load.check(body.decode(), stream["id"])
        reason = None
        if stream["s"] == 403 and end == "complete" and stream["k"] != "g":
            reason = self.load.reason(403, body)
        if not short and stream["s"] == 200:
            self.load.write(**stream, t2=self.load.now(), reason=reason, end=end)
        elif end != "we closed" or stream["s"] != 0:
            if end != "complete":
                stream["s"] = 0
            self.load.write(**stream, reason=reason, end=end)

    @staticmethod
    def lines(kind, body):
        """What is whole of a body: its lines, or its messages, and the rest."""
        if kind == "d2":
            whole, end, rest = body.rpartition(b"\n")
            return (whole + end).decode("latin-1"), rest
        whole = b""
        while len(body) >= 5 and len(body) >= 5 + (size := int.from_bytes(body[1:5], "big")):
            whole, body = whole + body[5:5 + size], body[5 + size:]
        return whole.decode("latin-1"), body

    def data_received(self, data):
        self.buffer += data
        while len(self.buffer) >= 9 and len(self.buffer) >= 9 + (size := int.from_bytes(self.buffer[:3], "big")):
            kind, flags, number = self.buffer[3], self.buffer[4], int.from_bytes(self.buffer[5:9], "big") & 0x7FFFFFFF
            payload, self.buffer = self.buffer[9:9 + size], self.buffer[9 + size:]
            self.take(kind, flags, number, payload)

    def take(self, kind, flags, number, payload):
        stream = self.streams.get(number)
        if kind == SETTINGS and not flags & ACK:
            self.transport.write(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.transport.write(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            self.usable = False
            # Streams that the server never took up count as not asked.
            for unseen in [n for n in self.streams if n > struct.unpack(">I", payload[:4])[0] & 0x7FFFFFFF]:
                self.over(unseen, "goaway")
        elif kind == DATA and payload:
            size = struct.pack(">I", len(payload))
            self.transport.write(frame(WINDOW_UPDATE, 0, 0, size) +
                                 (frame(WINDOW_UPDATE, 0, number, size) if not flags & END_STREAM else b""))
        if stream is None:
            return
        now = self.load.now()
        if kind == RST_STREAM:
            return self.over(number, "goaway" if struct.unpack(">I", payload)[0] == REFUSED_STREAM else "ended")
        if kind == HEADERS and stream["s"] == 0:
            stream["s"], stream["t1"], stream["last"] = status_of(payload), now, now
            if stream["k"] == "g" and flags & END_STREAM:        # a status and nothing else
                stream["told"] = grpc_status(payload)
                stream["s"] = 502 if stream["told"] == 14 else 403
        elif kind == HEADERS and stream["k"] == "g":
            stream["told"] = grpc_status(payload)
            return self.over(number, "told" if stream["told"] != 0 else "complete")
        if kind == DATA and payload:
            stream["last"], stream["n"] = now, stream["n"] + len(payload)
            stream["t1"] = stream["t1"] if stream["k"] in LASTING else now
            if stream["k"] in LASTING and stream["s"] == 200:
                lines, stream["body"] = self.lines(stream["k"], stream["body"] + payload)
                wrong, server = self.load.check(lines, stream["id"])
                stream["wrong"], stream["server"] = stream["wrong"] or wrong, server or stream["server"]
                stream["last"] = min(stream["last"], self.load.sent or stream["last"])
            else:
                stream["body"] += payload
        if flags & END_STREAM:
            self.over(number, "complete")

    def connection_lost(self, error):
        self.usable = False
        for number in list(self.streams):
            self.over(number, "we closed" if self.load.stopping else "ended")
