#!/usr/bin/env python3
"""The load of one endpoint in the churn test: requests on kept connections over HTTP/1.1 and HTTP/2, downloads, calls by gRPC,
WebSockets, forwarded TCP and connections through the firewall, all the time until SIGTERM. Writes one line of JSON per outcome,
with times of one clock. Where the endpoint is enrolled again, it goes over to its new certificate, and tries the old one now and
then.

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
import sys
import time

from churn_facts import PATIENCE
from churn_h2 import Http2
from harness import websocket_binary

SILENT = 1.0             # nothing came through the firewall for so long: a line is due each 100 ms


class Identity:
    """As whom a connection is made."""

    def __init__(self, told):
        self.name = told["endpoint"]
        self.http1, self.http2 = self.context(told), self.context(told)
        self.http2.set_alpn_protocols(["h2"])

    @staticmethod
    def context(told):
        out = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        out.check_hostname, out.verify_mode = False, ssl.CERT_NONE
        out.load_cert_chain(told["certificate"], told["key"])
        return out


class Load:
    def __init__(self, settings):
        self.s = settings
        self.offset = settings["clock"]          # from the machine's monotonic clock to the clock of the logs
        self.out = open(settings["out"], "a", buffering=1)
        self.random = random.Random(settings["seed"])
        self.numbers = itertools.count()
        self.stopping = False
        self.identities = []                     # of which the last one counts
        self.look()

    def look(self):
        """At who the endpoint is by now."""
        with open(self.s["identity"]) as file:
            told = json.load(file)
        if not self.identities or told["endpoint"] != self.identities[-1].name:
            self.identities.append(Identity(told))

    def identity(self):
        old = len(self.identities) > 1 and self.random.random() < 0.15
        return self.identities[-2 if old else -1]

    def now(self):
        return time.monotonic() + self.offset

    def name(self, kind):
        return f"{self.s['endpoint']}-{kind}-{self.s['phase']}-{next(self.numbers)}"

    def write(self, **record):
        self.out.write(json.dumps(record) + "\n")

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

    async def open(self, proxy, identity):
        port = self.s["proxies"][proxy]
        return await asyncio.wait_for(asyncio.open_connection(self.s["gateway"], port, ssl=identity.http1), PATIENCE)

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
        """A connection, and whose; or None after a pause: nobody listens there (now)."""
        t0, identity = self.now(), self.identity()
        try:
            reader, writer = await self.open(proxy, identity)
            return reader, writer, writer.get_extra_info("sockname")[1], identity.name
        except (OSError, asyncio.TimeoutError, EOFError, TypeError) as error:     # TypeError: ended in the same moment
            if not self.stopping:
                self.write(e=identity.name, k="c", p=proxy, t0=t0, t1=self.now(), end=type(error).__name__)
            await self.pause(0.15, 0.4)
            return None

    async def requests(self, proxy):
        connection, before = None, False
        while not self.stopping:
            if connection is None:
                connection = await self.connected(proxy)
                before = False
                continue
            reader, writer, port, e = connection
            if reader.at_eof() or e != self.identities[-1].name and self.random.random() < 0.2:
                writer.close()          # closed meanwhile, as a kept connection may be, or not ours any more
                connection = None
                continue
            who, t0 = self.name("r1"), self.now()
            record = {"e": e, "k": "r1", "p": proxy, "id": who, "t0": t0, "kept": before, "port": port}
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

    def question(self, kind, who):
        """The request that opens a stream, and whatever goes with it."""
        path = f"/{kind[0]}/{who}"
        more, record = "", {}
        if kind == "f":
            server = self.random.choice(list(self.s["routed"]))
            address, port = self.s["routed"][server]
            path = f"/tcp/{who}?address={address}&port={port}"
            record = {"server": server, "to": f"{address}:{port}"}
            more = "Sec-WebSocket-Protocol: postern-tcp\r\n"
        if kind in ("w", "f"):
            more += "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + \
                base64.b64encode(os.urandom(16)).decode() + "\r\n"
        return f"GET {path} HTTP/1.1\r\nHost: {self.s['gateway']}\r\nAccept: application/json\r\n{more}\r\n".encode(), record

    async def streams(self, proxy, kind):
        """Downloads, WebSockets or forwarded TCP, one after the other, each until it is cut or has lasted for a while."""
        connection = None
        while not self.stopping:
            if connection is None:
                connection = await self.connected(proxy)
                continue
            reader, writer, port, e = connection
            if reader.at_eof():         # closed meanwhile, as a kept connection may be
                writer.close()
                connection = None
                continue
            who, t0 = self.name(kind), self.now()
            question, more = self.question(kind, who)
            record = {"e": e, "k": kind, "p": proxy, "id": who, "t0": t0, "port": port, **more}
            try:
                writer.write(question)
                status, headers = await self.head(reader)
                if status not in (200, 101):
                    body = await self.body(reader, headers)
                    self.write(**record, t1=self.now(), s=status, reason=self.reason(status, body))
                    if headers.get("connection") == "close" or e != self.identities[-1].name:
                        raise EOFError
                    await self.pause(0.2, 0.5)
                    continue
                if kind == "f":
                    writer.write(websocket_binary(f"GET /t/{who} HTTP/1.1\r\n\r\n".encode()))
            except (OSError, asyncio.TimeoutError, EOFError, ValueError) as error:
                if not isinstance(error, EOFError) or type(error) is not EOFError:
                    self.write(**record, t1=self.now(), s=0, end=type(error).__name__)
                writer.close()
                connection = None
                await self.pause(0.2, 0.5)
                continue
            self.write(**{**record, "t1": self.now(), "s": status, **await self.follow(reader, writer, who, kind)})
            connection = None
            await self.pause(0.05, 0.2)
        if connection is not None:
            connection[1].close()

    async def follow(self, reader, writer, who, kind):
        until = self.now() + self.random.choice((3, 8, 30, 300))
        last, size, wrong, server, text, rest = self.now(), 0, None, None, "", b""
        end = "we closed"
        try:
            while not self.stopping and self.now() < until:
                try:
                    if kind in ("w", "f"):
                        first, data = await self.websocket_frame(reader)
                        if first == 0x88:
                            end = "ended"
                            text = f"close {int.from_bytes(data[:2], 'big')}"
                            break
                        if first & 0x0F > 8:  # a ping
                            continue
                        if kind == "f":       # bytes of a stream: frames mean nothing
                            whole, at, rest = (rest + data).rpartition(b"\n")
                            data = whole + at
                    else:
                        count = int(await asyncio.wait_for(reader.readline(), 0.5) or b"x", 16)
                        data = (await reader.readexactly(count + 2))[:-2]
                        if count == 0:
                            end = "complete"
                            break
                except asyncio.TimeoutError:
                    continue
                last, size = self.now(), size + len(data)
                wrong_now, told = self.check(data.decode("latin-1"), who)
                server = told or server
                last = min(last, self.sent or last)
                wrong = wrong or wrong_now
        except (OSError, EOFError, ValueError) as error:
            end = "ended"
            text = type(error).__name__
        t2 = self.now()
        writer.transport.abort() if end == "ended" else writer.close()
        return {"last": last, "t2": t2, "n": size, "end": end, "how": text, "wrong": wrong, **({"server": server} if kind != "f" else {})}

    @staticmethod
    async def websocket_frame(reader):
        """Only its beginning may take long: what was read is not put back."""
        head = await asyncio.wait_for(reader.readexactly(2), 0.5)
        size = head[1] & 127
        if size == 126:
            size = int.from_bytes(await reader.readexactly(2), "big")
        return head[0], await reader.readexactly(size)

    # ---- through the firewall

    async def routed(self):
        target, names = self.s["routed"], list(self.s["routed"])
        while not self.stopping:
            server = self.random.choice(names)
            who, t0 = self.name("t"), self.now()
            record = {"e": f"{self.s['endpoint']}#address", "k": "t", "p": "routed", "id": who, "t0": t0, "server": server}
            try:
                reader, writer = await asyncio.wait_for(asyncio.open_connection(*target[server]), 0.9)
            except (OSError, asyncio.TimeoutError) as error:
                refused, t1 = isinstance(error, ConnectionRefusedError), self.now()
                # Where this program itself got no processor, the connection may have been made, and nobody looked.
                if refused or t1 - t0 < 1.2:
                    self.write(**record, t1=t1, s=0, end="refused" if refused else type(error).__name__)
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
            t0, identity = self.now(), self.identity()
            try:
                loop = asyncio.get_running_loop()
                _, h2 = await asyncio.wait_for(loop.create_connection(
                    lambda: Http2(self, proxy, identity.name), self.s["gateway"], self.s["proxies"][proxy], ssl=identity.http2), PATIENCE)
            except (OSError, asyncio.TimeoutError, EOFError) as error:
                if not self.stopping:
                    self.write(e=identity.name, k="c", p=proxy, t0=t0, t1=self.now(), end=type(error).__name__)
                await self.pause(0.15, 0.4)
                continue
            next_request, begin = self.now(), dict.fromkeys(h2.lasting, self.now())
            while not self.stopping and h2.usable:
                if identity is not self.identities[-1] and self.random.random() < 0.01:
                    break               # not ours any more, which it may go on being told for a while
                for kind, of in h2.lasting.items():
                    if of is None and self.now() >= begin[kind]:
                        h2.ask(kind, self.now() + self.random.choice((3, 8, 30, 300)))
                        begin[kind] = self.now() + 0.4
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
            self.look()
            if self.now() - before > 0.25:
                self.write(e=self.s["endpoint"], k="late", t0=before, t1=self.now())

    async def run(self):
        loop = asyncio.get_running_loop()
        for s in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(s, lambda: setattr(self, "stopping", True))
        tasks = [asyncio.ensure_future(self.routed()), asyncio.ensure_future(self.pulse())]
        for proxy in self.s["proxies"]:
            tasks += [asyncio.ensure_future(t) for t in (self.requests(proxy), self.streams(proxy, "d1"),
                                                         self.streams(proxy, "w"), self.streams(proxy, "f"),
                                                         self.http2(proxy))]
        done = await asyncio.gather(*tasks, return_exceptions=True)
        for failed in done:
            if isinstance(failed, BaseException):
                self.write(e=self.s["endpoint"], k="!", error=repr(failed))
        self.write(k="end", t1=self.now())


if __name__ == "__main__":
    with open(sys.argv[1]) as settings:
        asyncio.run(Load(json.load(settings)).run())
