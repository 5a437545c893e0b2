#!/usr/bin/env python3
"""A real server for the churn test: whoever asks gets the last part of the path back, with this server's name, so that nobody
can take another's answer for its own, and with the time: what a slow client reads late was sent before. Standard library only.

Usage: churn_app.py HOST PORT NAME       /r/<id>: one line    /d/<id>: a line each 100 ms    /w/<id>: the same as WebSocket
       /t/<id>: the same without HTTP
"""
import asyncio
import base64
import hashlib
import signal
import sys
import time

EVERY = 0.1
MAX_HEAD = 16384


class Connection(asyncio.Protocol):
    name = ""

    def connection_made(self, transport):
        self.transport, self.buffer, self.streaming = transport, b"", None

    def connection_lost(self, _):
        if self.streaming:
            self.streaming.cancel()

    def data_received(self, data):
        if self.streaming:
            return
        self.buffer += data
        while b"\r\n\r\n" in self.buffer and not self.streaming:
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            self.answer(head.decode("latin-1"))
        if len(self.buffer) > MAX_HEAD:
            self.transport.close()

    def answer(self, head):
        lines = head.split("\r\n")
        path = lines[0].split(" ")[1]
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        kind, _, who = path[1:].partition("/")
        self.line = f"{who} {self.name}"
        if kind == "d":
            self.transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            self.more(self.chunk)
        elif kind == "w":
            accept = base64.b64encode(hashlib.sha1((headers["sec-websocket-key"] +
                                                    "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
            self.transport.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                 f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
            self.more(lambda text: bytes([0x81, len(text)]) + text)
        elif kind == "t":
            self.more(bytes)
        else:
            body = f"{self.line} {time.time():.3f}\n".encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    @staticmethod
    def chunk(text):
        return b"%x\r\n%s\r\n" % (len(text), text)

    def more(self, pack):
        if self.transport.is_closing():
            return
        self.transport.write(pack(f"{self.line} {time.time():.3f}\n".encode()))
        self.streaming = asyncio.get_running_loop().call_later(EVERY, self.more, pack)


async def main(host, port, name):
    Connection.name = name
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(Connection, host, int(port), backlog=256, reuse_address=True)
    await ended.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
