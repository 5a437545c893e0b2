"""A syslog server of a test, in a network namespace: RFC 5424 over UDP, or over TCP with octet counting."""
import re
import socket
import threading

from lab import inside

HEADER = re.compile(r"<(\d{1,3})>1 (\S+) (\S+) (\S+) (\S+) (\S+) \[(\S+)((?: [^\s=\]\"]+=\"(?:[^\"\\\]]|\\[\"\\\]])*\")*)\] (.*)", re.S)
PARAMETER = re.compile(r' ([^\s=\]"]+)="((?:[^"\\\]]|\\["\\\]])*)"')


class Message:
    def __init__(self, data):
        match = HEADER.fullmatch(data.decode())
        if match is None:
            raise ValueError(f"not as RFC 5424 has it: {data!r}")
        priority, self.time, self.host, self.application, self.process, self.id, self.element, parameters, self.text = \
            match.groups()
        self.facility, self.severity = divmod(int(priority), 8)
        self.fields = {}
        for name, value in PARAMETER.findall(parameters):
            self.fields.setdefault(name, []).append(re.sub(r'\\(["\\\]])', r"\1", value))

    def __getitem__(self, name):
        return self.fields[name][0]

    def __contains__(self, name):
        return name in self.fields


class LogServer:
    def __init__(self, address, namespace, reliable, port=0):
        self.messages, self.connections = [], []
        with inside(namespace):
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM if reliable else socket.SOCK_DGRAM)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind((address, port))
        if reliable:
            self.socket.listen()
        self.port = self.socket.getsockname()[1]
        self.reliable = reliable
        threading.Thread(target=self.accept if reliable else self.receive, daemon=True).start()

    def receive(self):
        while True:
            try:
                data = self.socket.recv(65536)
            except OSError:
                return
            if not data:
                return
            self.messages.append(Message(data))

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.read, args=(connection,), daemon=True).start()

    def read(self, connection):
        with connection.makefile("rb") as stream:
            while True:
                length = b""
                try:
                    while not length.endswith(b" "):
                        byte = stream.read(1)
                        if not byte:
                            return
                        length += byte
                    self.messages.append(Message(stream.read(int(length))))
                except OSError:
                    return

    def of(self, denial_id):
        return next((m for m in list(self.messages) if "id" in m and m["id"] == denial_id), None)

    def close(self):
        for sock in [self.socket, *self.connections]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
