"""One thing that a client may send, and how it would be read if it were let through."""
import dataclasses

HOST = "app.example"


@dataclasses.dataclass(frozen=True)
class Case:
    family: str
    name: str
    data: bytes
    body: bytes = b""          # of the request, by the one reading that counts if it is not refused
    http2: bool = False
    sni: str | None = HOST
    refused: bool = False      # must be: not even its plain reading may reach an application
    passes: bool = False       # must not be refused: the check that refusing all is no way to pass
    waits: bool = False        # asks for more bytes that never come: the client goes away
    more: bytes = b""          # sent when the first answer is here, on the same connection
    method: str = "GET"        # of an answer's reader
    tls12: bool = False
    resumes: str | None = None    # a session that was begun with this name in the handshake

    @property
    def id(self):
        return f"{self.family}: {self.name}"


# What a client hides for somebody else's connection. Nobody wrote this source address but the client.
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: app.example\r\nX-Forwarded-For: 192.0.2.66\r\nX-Hidden: "


def request(line="GET / HTTP/1.1", headers=(), body=b"", host=HOST, end=b"\r\n"):
    """`headers`: lines, as text or bytes. `end`: of the head."""
    lines = [line, *([f"Host: {host}"] if host is not None else []), *headers]
    return b"".join((x if isinstance(x, bytes) else x.encode("latin1")) + b"\r\n" for x in lines) + end + body
