"""A PostgreSQL of our own for the time of a benchmark: a new cluster in a temporary directory, no packaged service."""
import os
import pwd
import signal
import subprocess
from pathlib import Path

from lab import LabError, remove_tree, wait_for


def binaries():
    """Debian's newest, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


class Postgres:
    def __init__(self, directory):
        self.bin, self.directory = binaries(), Path(directory)
        self.process = None
        # It refuses to run as root.
        self.prefix = []
        self.directory.mkdir(mode=0o700)
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.directory, user.pw_uid, user.pw_gid)
            self.prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]

    def __enter__(self):
        data = self.directory / "data"
        made = subprocess.run([*self.prefix, self.bin / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-locale",
                               "-E", "UTF8"], capture_output=True, text=True, cwd="/")
        if made.returncode != 0:
            raise LabError(f"initdb: {made.stderr.strip()}")
        # As it comes: fsync and synchronous_commit are on.
        log = open(self.directory.parent / "postgres.log", "ab")
        self.process = subprocess.Popen([*self.prefix, self.bin / "postgres", "-D", data, "-k", self.directory, "-c",
                                         "listen_addresses="], stdout=log, stderr=log, cwd="/", start_new_session=True)
        log.close()
        try:
            wait_for(lambda: subprocess.run([self.bin / "pg_isready", "-q", "-h", self.directory]).returncode == 0,
                     "PostgreSQL to answer")
        except LabError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        remove_tree(self.directory)
