"""A redis server of one's own for the time of a measurement: in memory, on a Unix socket, nothing written to disk."""
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from lab import LabError, remove_tree


def installed():
    return shutil.which("redis-server") is not None


class Redis:
    def __enter__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="postern-redis-"))
        path = self.directory / "socket"
        self.process = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no",
                                         "--dir", self.directory], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(200):
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                time.sleep(0.05)
        else:
            self.__exit__()
            raise LabError("redis-server does not answer")
        self.answers = self.socket.makefile("rb")
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.process.kill()
        self.process.wait()
        remove_tree(self.directory)

    def used_memory(self):
        self.socket.sendall(b"INFO memory\r\n")
        size = int(self.answers.readline()[1:])
        text = self.answers.read(size + 2).decode()
        return int(next(line for line in text.splitlines() if line.startswith("used_memory:")).split(":")[1])

    def load(self, commands, count):
        """A file with so many commands in redis' own form. Raises LabError for one that is refused."""
        with open(commands, "rb") as file:
            while part := file.read(1 << 16):
                self.socket.sendall(part)
        for _ in range(count):
            answer = self.answers.readline()
            if not answer.startswith(b":"):
                raise LabError(f"redis refused a command: {answer.decode(errors='replace').strip()}")
