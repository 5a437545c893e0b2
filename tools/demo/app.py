#!/usr/bin/env python3
"""A small web application to protect: a page, a long download, an echoing WebSocket. Standard library only.

Usage: app.py HOST PORT [READY_FILE]     port 0: a free one, written to READY_FILE
"""
import base64
import hashlib
import http.server
import json
import struct
import sys
import time

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Payroll</title><link rel="icon" href="data:,">
<body style="font:16px/1.5 system-ui;margin:3rem auto;max-width:40rem">
<h1>Payroll</h1><p>You reached the protected application through the gateway.</p></body></html>
"""


MAX_BODY = 1 << 20


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.take_body()
        path, _, query = self.path.partition("?")
        if path == "/":
            self.reply(200, "text/html; charset=utf-8", PAGE.encode())
        elif path == "/headers":
            self.reply(200, "application/json", json.dumps(dict(self.headers)).encode())
        elif path == "/download":
            self.download(dict(p.split("=", 1) for p in query.split("&") if "=" in p))
        elif path == "/ws" and self.headers.get("Upgrade", "").lower() == "websocket":
            self.websocket()
        else:
            self.reply(404, "text/plain", b"nothing here\n")

    def take_body(self):
        """What is left unread would be taken for the next request: after a body that is not read, the connection ends."""
        length = self.headers.get("Content-Length", "0")
        known = "Transfer-Encoding" not in self.headers and length.isascii() and length.isdigit() and len(length) < 9
        if known and int(length) <= MAX_BODY:
            self.rfile.read(int(length))
        else:
            self.close_connection = True

    def reply(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def download(self, query):
        """`seconds` long, one numbered line every `every` milliseconds."""
        seconds = min(float(query.get("seconds", 30)), 600)
        every = max(int(query.get("every", 5)), 1) / 1000
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        end = time.monotonic() + seconds
        number = 0
        try:
            while time.monotonic() < end:
                line = b"%d\n" % number
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                number += 1
                time.sleep(every)
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def websocket(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                head = self.rfile.read(2)
                if len(head) < 2:
                    return
                opcode, length = head[0] & 15, head[1] & 127
                if length == 126:
                    length = struct.unpack(">H", self.rfile.read(2))[0]
                elif length == 127:
                    length = struct.unpack(">Q", self.rfile.read(8))[0]
                if length > 1 << 20:
                    return
                mask = self.rfile.read(4)
                data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(length)))
                if opcode == 8:
                    self.wfile.write(bytes([0x88, min(len(data), 125)]) + data[:125])
                    return
                if opcode in (1, 2):
                    size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data) & 0xFFFF)
                    self.wfile.write(bytes([0x80 | opcode]) + size + data[:65535])
        except OSError:
            pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    server = Server((sys.argv[1], int(sys.argv[2])), Handler)
    if len(sys.argv) > 3:
        with open(sys.argv[3], "w") as ready:
            ready.write(str(server.server_address[1]))
    server.serve_forever()
