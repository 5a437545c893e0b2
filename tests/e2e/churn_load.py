#!/usr/bin/env python3
"""The load of one endpoint in the churn test: requests on kept connections over HTTP/1.1 and HTTP/2, downloads, WebSockets and
connections through the firewall, all the time until SIGTERM. Writes one line of JSON per outcome, with times of one clock.

Usage: churn_load.py SETTINGS.json       (see churn_test.py)
"""
import asyncio
import base64
import itertools
import json
import os
import random
import signal
import ssl
import struct
import sys
import time

from http2_client import (ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, LARGEST_WINDOW, PING, PREFACE, RST_STREAM, SETTINGS,
                          WINDOW_UPDATE, frame, literal, status_of)

PATIENCE = 12            # for an answer; longer than a gateway's lease and a real server's connect timeout
SILENT = 1.0             # nothing came through the firewall for so long: a line is due each 100 ms


class Load:
    def __init__(self, settings):
        self.s = settings
        self.offset = settings["clock"]          # from the machine's monotonic clock to the clock of the logs
        self.out = open(settings["out"], "a", buffering=1)
        self.random = random.Random(settings["seed"])
        self.numbers = itertools.count()
        self.stopping = False
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        self.context.load_cert_chain(settings["certificate"], settings["key"])
        self.h2 = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.h2.check_hostname, self.h2.verify_mode = False, ssl.CERT_NONE
        self.h2.load_cert_chain(settings["certificate"], settings["key"])
        self.h2.set_alpn_protocols(["h2"])

    def now(self):
        return time.monotonic() + self.offset

    def name(self, kind):
        return f"{self.s['endpoint']}-{kind}-{self.s['phase']}-{next(self.numbers)}"

    def write(self, **record):
        self.out.write(json.dumps({"e": self.s["endpoint"], **record}) + "\n")

    async def pause(self, low, high):
        await asyncio.sleep(self.random.uniform(low, high))

    def check(self, text, who):
        """What is wrong with lines that have to be of `who`; the server that they came from, and when it sent the last."""
        server, self.sent = None, None
        for line in text.split("\n"):
            if not line:
                continue
            parts = line.split(" ")
            if len(parts) != 3 or parts[0] != who:
                return f"asked as {who}, got {line[:200]!r}", server
            server, self.sent = parts[1], float(parts[2])
        return None, server

    # ---- HTTP/1.1

    async def open(self, proxy):
        port = self.s["proxies"][proxy]
        return await asyncio.wait_for(asyncio.open_connection(self.s["gateway"], port, ssl=self.context), PATIENCE)

    @staticmethod
    async def head(reader):
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)).decode("latin-1").split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
        return int(head[0].split(" ")[1]), headers

    @staticmethod
    async def body(reader, headers):
        """An answer that ends."""
        if "content-length" in headers:
            return await asyncio.wait_for(reader.readexactly(int(headers["content-length"])), PATIENCE)
        out = b""
        while True:
            size = int(await asyncio.wait_for(reader.readline(), PATIENCE), 16)
            data = await asyncio.wait_for(reader.readexactly(size + 2), PATIENCE)
            if size == 0:
                return out
            out += data[:-2]

    @staticmethod
    def reason(status, body):
        if status == 403:
            return json.loads(body)["error"]["code"]
        return None

    async def connected(self, proxy):
        """A connection, or None after a pause: nobody listens there (now)."""
        t0 = self.now()
        try:
            reader, writer = await self.open(proxy)
            return reader, writer, writer.get_extra_info("sockname")[1]
        except (OSError, asyncio.TimeoutError, EOFError, TypeError) as error:     # TypeError: ended in the same moment
            if not self.stopping:
                self.write(k="c", p=proxy, t0=t0, t1=self.now(), end=type(error).__name__)
            await self.pause(0.15, 0.4)
            return None

    async def requests(self, proxy):
        connection, before = None, False
        while not self.stopping:
            if connection is None:
                connection = await self.connected(proxy)
                before = False
                continue
            reader, writer, port = connection
            if reader.at_eof():         # closed meanwhile, as a kept connection may be
                writer.close()
                connection = None
                continue
            who, t0 = self.name("r1"), self.now()
            record = {"k": "r1", "p": proxy, "id": who, "t0": t0, "kept": before,
                      "port": port}
            try:
                writer.write(f"GET /r/{who} HTTP/1.1\r\nHost: {self.s['gateway']}\r\nAccept: application/json\r\n\r\n".encode())
                status, headers = await self.head(reader)
                body = await self.body(reader, headers)
                wrong, server = self.check(body.decode(), who) if status == 200 else (None, None)
                self.write(**record, t1=self.now(), s=status, reason=self.reason(status, body), wrong=wrong, server=server)
                before = True
                if headers.get("connection") == "close":
                    writer.close()
                    connection = None
            except (OSError, asyncio.TimeoutError, EOFError, ValueError) as error:
                self.write(**record, t1=self.now(), s=0, end=type(error).__name__)
                writer.close()
                connection = None
            await self.pause(0.1, 0.4)
        if connection is not None:
            connection[1].close()

    async def streams(self, proxy, kind):
        """Downloads or WebSockets, one after the other, each until it is cut or has lasted for a while."""
        connection = None
        while not self.stopping:
            if connection is None:
                connection = await self.connected(proxy)
                continue
            reader, writer, port = connection
            if reader.at_eof():         # closed meanwhile, as a kept connection may be
                writer.close()
                connection = None
                continue
            who, t0 = self.name(kind), self.now()
            record = {"k": kind, "p": proxy, "id": who, "t0": t0, "port": port}
            more = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + \
                base64.b64encode(os.urandom(16)).decode() + "\r\n" if kind == "w" else ""
            try:
                writer.write(f"GET /{kind[0]}/{who} HTTP/1.1\r\nHost: {self.s['gateway']}\r\nAccept: application/json\r\n"
                             f"{more}\r\n".encode())
                status, headers = await self.head(reader)
                if status not in (200, 101):
                    body = await self.body(reader, headers)
                    self.write(**record, t1=self.now(), s=status, reason=self.reason(status, body))
                    if headers.get("connection") == "close":
                        raise EOFError
                    await self.pause(0.2, 0.5)
                    continue
            except (OSError, asyncio.TimeoutError, EOFError, ValueError) as error:
                if not isinstance(error, EOFError) or type(error) is not EOFError:
                    self.write(**record, t1=self.now(), s=0, end=type(error).__name__)
                writer.close()
                connection = None
                await self.pause(0.2, 0.5)
                continue
            self.write(**record, t1=self.now(), s=status, **await self.follow(reader, writer, who, kind))
            connection = None
            await self.pause(0.05, 0.2)
        if connection is not None:
            connection[1].close()

    async def follow(self, reader, writer, who, kind):
        until = self.now() + self.random.choice((3, 8, 30, 300))
        last, size, wrong, server, text = self.now(), 0, None, None, ""
        end = "we closed"
        try:
            while not self.stopping and self.now() < until:
                try:
                    if kind == "w":
                        head = await asyncio.wait_for(reader.readexactly(2), 0.5)
                        data = await reader.readexactly(head[1] & 127)
                    else:
                        count = int(await asyncio.wait_for(reader.readline(), 0.5) or b"x", 16)
                        data = (await reader.readexactly(count + 2))[:-2]
                        if count == 0:
                            end = "complete"
                            break
                except asyncio.TimeoutError:
                    continue
                last, size = self.now(), size + len(data)
                wrong_now, server = self.check(data.decode("latin-1"), who)
                last = min(last, self.sent or last)
                wrong = wrong or wrong_now
        except (OSError, EOFError, ValueError) as error:
            end = "ended"
            text = type(error).__name__
        t2 = self.now()
        writer.transport.abort() if end == "ended" else writer.close()
        return {"last": last, "t2": t2, "n": size, "end": end, "how": text, "wrong": wrong, "server": server}

    # ---- through the firewall

    async def routed(self):
        target, names = self.s["routed"], list(self.s["routed"])
        while not self.stopping:
            server = self.random.choice(names)
            who, t0 = self.name("t"), self.now()
            record = {"k": "t", "p": "routed", "id": who, "t0": t0, "server": server}
            try:
                reader, writer = await asyncio.wait_for(asyncio.open_connection(*target[server]), 0.9)
            except (OSError, asyncio.TimeoutError) as error:
                refused = isinstance(error, ConnectionRefusedError)
                self.write(**record, t1=self.now(), s=0, end="refused" if refused else type(error).__name__)
                await self.pause(0.2, 0.5)
                continue
            t1, last, size, wrong, end = self.now(), self.now(), 0, None, "we closed"
            until = t1 + self.random.choice((2, 6, 20))
            try:
                writer.write(f"GET /d/{who} HTTP/1.1\r\nHost: app\r\n\r\n".encode())
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SILENT)
                while not self.stopping and self.now() < until:
                    count = int(await asyncio.wait_for(reader.readline(), SILENT) or b"x", 16)
                    data = (await asyncio.wait_for(reader.readexactly(count + 2), SILENT))[:-2]
                    last, size = self.now(), size + count
                    wrong = wrong or self.check(data.decode(), who)[0]
                    last = min(last, self.sent or last)
            except asyncio.TimeoutError:
                end = "silent"
            except (OSError, EOFError, ValueError) as error:
                end = type(error).__name__
            t2 = self.now()
            writer.transport.abort()
            self.write(**record, t1=t1, s=200, last=last, t2=t2, n=size, end=end, wrong=wrong)
            await self.pause(0.05, 0.2)

    # ---- HTTP/2

    async def http2(self, proxy):
        """One connection: short requests, and a download beside them."""
        while not self.stopping:
            t0 = self.now()
            try:
                loop = asyncio.get_running_loop()
                _, h2 = await asyncio.wait_for(loop.create_connection(
                    lambda: Http2(self, proxy), self.s["gateway"], self.s["proxies"][proxy], ssl=self.h2), PATIENCE)
            except (OSError, asyncio.TimeoutError, EOFError) as error:
                if not self.stopping:
                    self.write(k="c", p=proxy, t0=t0, t1=self.now(), end=type(error).__name__)
                await self.pause(0.15, 0.4)
                continue
            next_download, next_request = self.now(), self.now()
            while not self.stopping and h2.usable:
                if h2.download is None and self.now() >= next_download:
                    h2.ask("d2", self.now() + self.random.choice((3, 8, 30, 300)))
                    next_download = self.now() + 0.4
                if self.now() >= next_request:
                    h2.ask("r2")
                    next_request = self.now() + self.random.uniform(0.25, 0.75)
                h2.tick()
                await asyncio.sleep(0.05)
            # What the server told to go: streams that are open go on, new ones take another connection.
            asyncio.ensure_future(h2.linger()) if not self.stopping else h2.close()
            await self.pause(0.05, 0.2)

    async def pulse(self):
        """Says when this very process stood still: what it read then had come before."""
        while not self.stopping:
            before = self.now()
            await asyncio.sleep(0.05)
            if self.now() - before > 0.25:
                self.write(k="late", t0=before, t1=self.now())

    async def run(self):
        loop = asyncio.get_running_loop()
        for s in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(s, lambda: setattr(self, "stopping", True))
        tasks = [asyncio.ensure_future(self.routed()), asyncio.ensure_future(self.pulse())]
        for proxy in self.s["proxies"]:
            tasks += [asyncio.ensure_future(t) for t in (self.requests(proxy), self.streams(proxy, "d1"),
                                                         self.streams(proxy, "w"), self.http2(proxy))]
        done = await asyncio.gather(*tasks, return_exceptions=True)
        for failed in done:
            if isinstance(failed, BaseException):
                self.write(k="!", error=repr(failed))
        self.write(k="end", t1=self.now())


class Http2(asyncio.Protocol):
    def __init__(self, load, proxy):
        self.load, self.proxy = load, proxy
        self.buffer, self.streams, self.next, self.usable, self.download = b"", {}, 1, True, None

    def connection_made(self, transport):
        self.transport = transport
        self.port = (transport.get_extra_info("sockname") or (None, None))[1]
        transport.write(PREFACE + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, LARGEST_WINDOW)) +
                        frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", LARGEST_WINDOW - 65535)))

    def ask(self, kind, until=None):
        who = self.load.name(kind)
        stream = {"k": kind, "p": self.proxy, "id": who, "t0": self.load.now(), "port": self.port, "s": 0, "body": b"", "until": until,
                  "last": None, "wrong": None, "n": 0, "server": None}
        self.streams[self.next] = stream
        if kind == "d2":
            self.download = self.next
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", f"{self.load.s['gateway']}"),
                  (":path", f"/{kind[0]}/{who}"), ("accept", "application/json")]
        self.transport.write(frame(HEADERS, END_HEADERS | END_STREAM, self.next, b"".join(literal(n, v) for n, v in fields)))
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
        if self.download == number:
            self.download = None
        body = stream.pop("body")
        stream.pop("until")
        short = stream["k"] == "r2"
        if short and stream["s"] == 200:
            stream["wrong"], stream["server"] = self.load.check(body.decode(), stream["id"])
        reason = None
        if stream["s"] == 403 and end == "complete":
            reason = self.load.reason(403, body)
        if not short and stream["s"] == 200:
            self.load.write(**stream, t2=self.load.now(), reason=reason, end=end)
        elif end != "we closed" or stream["s"] != 0:
            if end != "complete":
                stream["s"] = 0
            self.load.write(**stream, reason=reason, end=end)

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
            return self.over(number, "ended")
        if kind == HEADERS and stream["s"] == 0:
            stream["s"], stream["t1"], stream["last"] = status_of(payload), now, now
        if kind == DATA and payload:
            stream["last"], stream["n"] = now, stream["n"] + len(payload)
            stream["t1"] = stream["t1"] if stream["k"] == "d2" else now
            if stream["k"] == "d2" and stream["s"] == 200:
                *whole, rest = (stream["body"] + payload).split(b"\n")
                stream["body"] = rest
                wrong, server = self.load.check("\n".join(line.decode("latin-1") for line in whole), stream["id"])
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


if __name__ == "__main__":
    with open(sys.argv[1]) as settings:
        asyncio.run(Load(json.load(settings)).run())
