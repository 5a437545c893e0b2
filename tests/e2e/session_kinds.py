"""Open sessions of each kind, for tests of what ends them. Each has `name`, `source` and `port` (the client's, by which it is
found in the traffic log), `wait_live()`, `wait_end()` and `close()`."""
import time

from harness import (LabError, Stream, connect, open_download, open_tls, open_upgraded, open_websocket, read_head, wait_for,
                     websocket_binary, websocket_text)
from http2_client import H2Connection


class Way:
    """How an endpoint reaches an access proxy, and the application behind the gateway."""

    def __init__(self, namespace, host, port, certificate, key, app):
        self.namespace, self.host, self.port, self.certificate, self.key, self.app = namespace, host, port, certificate, key, app

    def http2(self):
        return H2Connection(self.host, self.port, self.namespace, self.certificate, self.key)

    @property
    def authority(self):
        return f"{self.host}:{self.port}"

    def tls(self):
        return open_tls(self.host, self.port, self.namespace, self.certificate, self.key)


class Streamed:
    """One that brings bytes without being asked."""

    def __init__(self, stream, sock):
        self.stream, (self.source, self.port) = stream, sock.getsockname()
        self.wait_live()

    @property
    def open(self):
        return self.stream.open

    def wait_live(self):
        self.stream.wait_bytes()

    def wait_end(self, seconds=20):
        return self.stream.wait_end(seconds)

    def close(self):
        self.stream.close()


class Http1(Streamed):
    name = "HTTP/1.1 answer"

    def __init__(self, way):
        sock = way.tls()
        super().__init__(open_download(sock, way.authority, 600), sock)


class WebSocket(Streamed):
    name = "WebSocket"

    def __init__(self, way):
        self.sock = way.tls()
        super().__init__(open_websocket(self.sock, way.authority), self.sock)

    def wait_live(self):
        before = self.stream.received
        self.sock.sendall(websocket_text("hello"))
        self.stream.wait_bytes(start=before)


class Http1Kept:
    """A kept connection between two requests: nothing to cut as long as the endpoint is itself welcome. It ends, or its next
    request is refused."""
    name = "HTTP/1.1 kept, idle"

    def __init__(self, way):
        self.way, self.sock = way, way.tls()
        self.source, self.port = self.sock.getsockname()
        self.wait_live()

    def ask(self):
        """The status of one more request; None: the connection has ended."""
        try:
            self.sock.sendall(f"GET /headers HTTP/1.1\r\nHost: {self.way.authority}\r\n\r\n".encode())
            head = read_head(self.sock)
            length = int(next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")))
            while length > 0:
                length -= len(self.sock.recv(length))
            return int(head.split()[1])
        except (OSError, LabError):
            return None

    def wait_live(self):
        status = self.ask()
        if status != 200:
            raise LabError(f"a kept connection got {status}")

    def wait_end(self, seconds=20):
        return wait_for(lambda: {403: "the next request was refused", None: "closed"}.get(self.ask()), "a refusal", seconds)

    def close(self):
        self.sock.close()


class TcpForwarding(Streamed):
    """To the application, as the agent does it (docs/protocol/tcp-forwarding.md), and in it a download."""
    name = "TCP forwarding"

    def __init__(self, way):
        sock = way.tls()
        host, port = way.app
        open_upgraded(sock, f"/tcp?address={host}&port={port}", way.authority, "postern-tcp")
        sock.sendall(websocket_binary(b"GET /download?seconds=600&every=5 HTTP/1.1\r\nHost: app\r\n\r\n"))
        super().__init__(Stream(sock), sock)


class Http2:
    name = "HTTP/2 stream"

    def __init__(self, way):
        self.connection = way.http2()
        self.source, self.port = self.connection.sock.getsockname()
        # On the same connection, to a server that another policy leads to.
        self.neighbour = call(self.connection, "/lab.Free/Tick")
        self.stream = self.connection.request("/download?seconds=600&every=5")
        if self.stream.wait_status() != 200:
            raise LabError(f"the stream was not allowed: {self.stream.status}, {self.stream.ended}")
        self.wait_live()

    @property
    def open(self):
        return self.stream.open

    def wait_live(self):
        self.stream.wait_bytes()

    def wait_end(self, seconds=20):
        how = self.stream.wait_end(seconds)
        if how == "":
            raise LabError("the stream ended as if it were complete")
        return how

    def close(self):
        self.connection.close()


class Grpc:
    name = "gRPC stream"

    def __init__(self, way):
        self.connection = way.http2()
        self.source, self.port = self.connection.sock.getsockname()
        self.stream = call(self.connection, "/lab.Kinds/Tick")
        self.wait_live()

    def wait_live(self):
        self.stream.wait_bytes()

    def wait_end(self, seconds=20):
        """With a status for the client's library, or with all of its connection."""
        how = self.stream.wait_end(seconds)
        if how == "" and not self.stream.trailers:
            raise LabError("the call ended without a status")
        return how or "told"

    def close(self):
        self.connection.close()


def call(connection, path):
    """A call of grpc_peer.py's server that goes on for as long as it may."""
    stream = connection.request(path, "POST", [("content-type", "application/grpc"), ("te", "trailers")], end=False)
    connection.body(stream, b"\0\0\0\0\0", end=True)
    if stream.wait_status() != 200:
        raise LabError(f"the call was not allowed: {stream.status}, {stream.ended}")
    stream.wait_bytes()
    return stream


class Routed:
    """A plain connection through the gateway's firewall. Nothing tells its ends: it falls silent."""
    name = "routed connection"

    def __init__(self, way):
        sock = connect(*way.app, way.namespace)
        sock.settimeout(60)
        self.source, self.port = sock.getsockname()
        self.stream = open_download(sock, "app", 600)
        self.wait_live()

    def wait_live(self):
        self.stream.wait_bytes()

    def wait_end(self, seconds=20):
        """Silent while its neighbours, each 5 ms, would have brought a hundred lines."""
        def silent():
            before = self.stream.received
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                if self.stream.received != before:
                    return False
                time.sleep(0.02)
            return True
        wait_for(silent, "the routed connection to fall silent", seconds)
        return "silent"

    def close(self):
        self.stream.close()


KINDS = [Http1, Http1Kept, Http2, WebSocket, Grpc, TcpForwarding, Routed]
