#!/usr/bin/python3
"""A gRPC server, or a client that is told what to do: for tests, as a program of its own, because Debian's Python has the
library. Messages are bytes.

    grpc_peer.py server <port file> [<certificate> <key>]
    grpc_peer.py client <host:port> <CA> <authority> [<certificate> <key>]

The client reads one JSON object a line and writes what comes of it likewise: {"call": n, "event": "message"|"end", …}."""
import json
import sys
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc


class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        method = details.method.rsplit("/", 1)[1]
        if method in ("Unary", "Fail", "Slow"):
            return grpc.unary_unary_rpc_method_handler(getattr(self, method.lower()))
        if method in ("Tick", "Bulk"):
            return grpc.unary_stream_rpc_method_handler(getattr(self, method.lower()))
        if method == "Chat":
            return grpc.stream_stream_rpc_method_handler(self.chat)
        return None

    @staticmethod
    def unary(request, context):
        seen = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        context.set_trailing_metadata((("x-trailer", "told at the end"),))
        return json.dumps({"size": len(request), "metadata": seen, "left": context.time_remaining()}).encode()

    @staticmethod
    def fail(_request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not like this: 100 %")

    @staticmethod
    def slow(_request, context):
        while context.is_active():
            time.sleep(0.02)
        return b""

    @staticmethod
    def tick(_request, context):
        while context.is_active():
            yield b"tick"
            time.sleep(0.02)

    @staticmethod
    def bulk(request, _context):
        for _ in range(int(request)):
            yield b"x" * 65536

    @staticmethod
    def chat(requests, _context):
        yield from requests


def serve(port_file, certificate=None, key=None):
    server = grpc.server(futures.ThreadPoolExecutor(64), handlers=[Handler()])
    if certificate:
        credentials = grpc.ssl_server_credentials([(Path(key).read_bytes(), Path(certificate).read_bytes())])
        port = server.add_secure_port("0.0.0.0:0", credentials)
    else:
        port = server.add_insecure_port("0.0.0.0:0")
    server.start()
    Path(port_file + ".new").write_text(str(port))
    Path(port_file + ".new").rename(port_file)
    server.wait_for_termination()


class Client:
    def __init__(self, target, ca, authority, certificate=None, key=None):
        credentials = grpc.ssl_channel_credentials(
            Path(ca).read_bytes(), Path(key).read_bytes() if key else None,
            Path(certificate).read_bytes() if certificate else None)
        self.channel = grpc.secure_channel(target, credentials, [("grpc.ssl_target_name_override", authority)])
        self.lock = threading.Lock()

    def say(self, **what):
        with self.lock:
            print(json.dumps(what), flush=True)

    def end(self, number, call):
        self.say(call=number, event="end", code=call.code().name, details=call.details(),
                 trailers={k: v for k, v in call.trailing_metadata() or () if isinstance(v, str)})

    def run(self, number, path, kind, text="", count=0, size=0, timeout=None, metadata=()):
        metadata = [tuple(pair) for pair in metadata]
        body = text.encode() or b"y" * size
        if kind == "unary":
            call = self.channel.unary_unary(path).future(body, timeout=timeout, metadata=metadata)
            try:
                self.say(call=number, event="message", text=call.result().decode())
            except grpc.RpcError:
                pass
        else:
            if kind == "chat":
                call = self.channel.stream_stream(path)(iter([body] * count), timeout=timeout)
            else:
                call = self.channel.unary_stream(path)(body, timeout=timeout)
            received = 0
            try:
                for message in call:
                    received += len(message)
                    if kind == "tick":
                        self.say(call=number, event="message", received=received)
            except grpc.RpcError:
                pass
            self.say(call=number, event="received", received=received)
        self.end(number, call)

    def follow(self):
        for line in sys.stdin:
            order = json.loads(line)
            threading.Thread(target=self.run, args=(order.pop("call"),), kwargs=order, daemon=True).start()


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve(*sys.argv[2:])
    else:
        Client(*sys.argv[2:]).follow()
