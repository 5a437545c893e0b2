"""A real server that speaks TLS: it shows a certificate by the name that it is told, and answers with what it saw."""
import json
import socket
import ssl
import subprocess
import threading
import time

from lab import inside


class Authority:
    """A CA of the test's own, and certificates of its."""

    def __init__(self, directory):
        self.directory = directory
        self.certificate = directory / "servers-ca.pem"
        self.key = directory / "servers-ca.key"
        self._run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                  "-subj", "/CN=Servers CA", "-keyout", self.key, "-out", self.certificate)

    def issue(self, name):
        """Paths of certificate and key for this DNS name."""
        base = self.directory / name
        certificate, key, request = base.with_suffix(".pem"), base.with_suffix(".key"), base.with_suffix(".csr")
        extensions = base.with_suffix(".ext")
        extensions.write_text(f"subjectAltName=DNS:{name}\n")
        self._run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                  "-keyout", key, "-out", request)
        self._run("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                  "-days", "2", "-extfile", extensions, "-out", certificate)
        return certificate, key

    @staticmethod
    def _run(*command):
        subprocess.run(["openssl", *map(str, command)], check=True, capture_output=True)


class TlsServer:
    """`certificates`: by name, the first one also for names that it doesn't know. Versions are ssl.TLSVersion's."""

    def __init__(self, address, namespace, certificates, lowest=None, highest=None):
        self.contexts = {}
        for name, (certificate, key) in certificates.items():
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            if highest is not None and highest < ssl.TLSVersion.TLSv1_2:
                context.set_ciphers("DEFAULT:@SECLEVEL=0")
            if lowest is not None:
                context.minimum_version = lowest
            if highest is not None:
                context.maximum_version = highest
            context.load_cert_chain(certificate, key)
            context.sni_callback = self.told_name
            self.contexts[name] = context
        with inside(namespace):
            self.listener = socket.create_server((address, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def told_name(self, connection, name, _context):
        connection.told = name
        if name in self.contexts:
            connection.context = self.contexts[name]

    def accept(self):
        while True:
            connection, peer = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection, peer), daemon=True).start()

    def serve(self, raw, peer):
        try:
            with next(iter(self.contexts.values())).wrap_socket(raw, server_side=True) as connection:
                stream = connection.makefile("rb")
                while line := stream.readline():
                    headers = {}
                    while (header := stream.readline().strip()):
                        name, _, value = header.partition(b":")
                        headers[name.decode().lower()] = value.strip().decode()
                    if headers.get("upgrade") == "websocket":
                        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
                        while data := connection.recv(4096):
                            connection.sendall(data)
                        return
                    if line.startswith(b"GET /stream"):
                        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                        while True:
                            connection.sendall(b"x" * 100)
                            time.sleep(0.02)
                    length = int(headers.get("content-length", 0))
                    body = stream.read(length)
                    answer = json.dumps({"name": getattr(connection, "told", None), "version": connection.version(),
                                         "connection": peer[1], "line": line.decode().strip(), "headers": headers,
                                         "body": body.decode()}).encode()
                    orders = b"X-Accel-Redirect: /elsewhere\r\nX-Accel-Limit-Rate: 1\r\n" if line.startswith(b"GET /orders ") else b""
                    connection.sendall(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (orders, len(answer), answer))
        except (OSError, ValueError):
            pass
