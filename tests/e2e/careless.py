"""An application as careless as one can be: it never reads a body, so that its bytes become the next request, and keeps
every connection whatever it is asked. It answers with the head that it saw."""
import socket
import threading

from lab import inside


class Careless:
    def __init__(self, address, namespace):
        with inside(namespace):
            self.listener = socket.create_server((address, 0))
        self.port = self.listener.getsockname()[1]
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    @staticmethod
    def serve(connection):
        seen = b""
        try:
            while True:
                while b"\r\n\r\n" not in seen:
                    data = connection.recv(65536)
                    if not data:
                        return
                    seen += data
                head, seen = seen.split(b"\r\n\r\n", 1)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(head), head))
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()
