"""Network namespaces, processes and small clients: what ./run and the end-to-end tests stand on.

Everything made here carries the lab's name and is removed by Lab.close(); only processes started here are ended, by pid.
Standard library only.
"""
import contextlib
import ctypes
import errno
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(os.environ.get("POSTERN_BIN", ROOT / "build/release/bin"))


class LabError(Exception):
    """Something about this machine or a program that a person has to know."""


def checkout_id():
    """Six hex digits that tell this checkout from any other on the machine."""
    return hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]


def command_missing(command):
    return LabError(f"the command {command} is missing; `tools/setup run` installs what is needed")


def sh(*command, check=True, text=None):
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True)
    except FileNotFoundError:
        raise command_missing(command[0])
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def wait_for(condition, what, seconds=30.0, every=0.02):
    """The first true value of `condition()`. Exceptions count as not yet; the last one is told if time runs out."""
    end = time.monotonic() + seconds
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = None
        except (OSError, LabError, ValueError, KeyError, http.client.HTTPException, ssl.SSLError) as error:
            last = error
        if time.monotonic() > end:
            raise LabError(f"waited {seconds:g} s for {what}" + (f" (last: {last})" if last else ""))
        time.sleep(every)


def namespaces_allowed():
    """None, or why this machine refuses network namespaces. Whatever else is wrong is an error: not having the right is the
    only reason to go on without."""
    name = f"pst-probe-{os.getpid()}"
    try:
        made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError:
        raise command_missing("ip")
    if made.returncode != 0:
        said = made.stderr.strip() or f"ip netns add ended with {made.returncode}"
        if any(os.strerror(refusal) in said for refusal in (errno.EPERM, errno.EACCES)):
            return said
        raise LabError(f"a network namespace can't be made: {said}; see `ip netns list` and "
                       "/proc/sys/user/max_net_namespaces, or start ./run --no-namespaces")
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return None


_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def inside(namespace):
    """The calling thread's sockets are made in `namespace` (a name; None: here)."""
    if namespace is None:
        yield
        return
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(f"/run/netns/{namespace}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(there, 0x40000000) != 0:
            raise LabError(f"entering {namespace}: {os.strerror(ctypes.get_errno())}")
        yield
    finally:
        _libc.setns(here, 0x40000000)
        os.close(here)
        os.close(there)


class Process:
    """A program of the lab. Restarted when it dies, if asked to."""

    def __init__(self, lab, name, command, namespace=None, restart=False, env=None):
        self.lab, self.name, self.namespace, self.restart, self.env = lab, name, namespace, restart, env
        self.command = [str(part) for part in command]
        self.log = lab.directory / "log" / f"{name}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.stopping = False
        self.restarts = 0
        self.started_at = 0.0
        self.popen = None
        self.start()

    def start(self):
        prefix = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen(prefix + self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          start_new_session=True, env={**os.environ, **(self.env or {})})
        self.started_at = time.monotonic()

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def kill(self, how=signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.popen.pid, how)

    def stop(self, seconds=10):
        self.stopping = True
        if self.alive():
            self.kill(signal.SIGTERM)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                self.popen.wait()

    def tail(self, lines=20):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class Lab:
    def __init__(self, name, directory):
        self.name = name
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.processes = {}
        self.namespaces = {}
        self.links = []
        self._watch = None
        self._closing = threading.Event()

    # ---- namespaces

    def add_namespace(self, short):
        full = f"pst-{self.name}-{short}"
        sh("ip", "netns", "add", full)
        self.namespaces[short] = full
        self.ip(short, "link", "set", "lo", "up")
        return full

    def ip(self, short, *arguments):
        return sh("ip", "-n", self.namespaces[short], *arguments) if short else sh("ip", *arguments)

    def connect(self, a, a_interface, a_address, b, b_interface, b_address, b_mac=None, a_mac=None):
        """A veth pair between two namespaces; `None` is the host. Addresses as "10.0.1.1/24", or None."""
        temporary = [f"p{self.name}{len(self.links)}{end}" for end in "ab"]
        sh("ip", "link", "add", temporary[0], "type", "veth", "peer", "name", temporary[1])
        self.links.append(temporary[0])
        ends = ((a, a_interface, a_address, a_mac, temporary[0]), (b, b_interface, b_address, b_mac, temporary[1]))
        for short, interface, address, mac, made in ends:
            if short:
                sh("ip", "link", "set", made, "netns", self.namespaces[short])
            self.ip(short, "link", "set", made, "name", interface)
            if mac:
                self.ip(short, "link", "set", interface, "address", mac)
            if address:
                self.ip(short, "address", "add", address, "dev", interface)
            self.ip(short, "link", "set", interface, "up")
        if a is None or b is None:
            self.links[-1] = a_interface if a is None else b_interface
        else:
            self.links.pop()

    def add_bridge(self, short, bridge, address, ports):
        """Joins interfaces of a namespace to one segment."""
        self.ip(short, "link", "add", bridge, "type", "bridge", "forward_delay", "0")
        for port in ports:
            self.ip(short, "link", "set", port, "master", bridge)
        if address:
            self.ip(short, "address", "add", address, "dev", bridge)
        self.ip(short, "link", "set", bridge, "up")

    def sysctl(self, short, key, value):
        sh("ip", "netns", "exec", self.namespaces[short], "sh", "-c",
           f"echo {value} > /proc/sys/{key.replace('.', '/')}")

    # ---- processes

    def start(self, name, command, short=None, restart=False, env=None):
        namespace = self.namespaces.get(short) if short else None
        process = Process(self, name, command, namespace, restart, env)
        self.processes[name] = process
        return process

    def supervise(self, on_restart=lambda process: None, longest_pause=10):
        """Restarts programs that die: at once at first, then less and less often."""
        def watch():
            while not self._closing.wait(0.05):
                for process in list(self.processes.values()):
                    if process.stopping or not process.restart or process.alive():
                        continue
                    lived = time.monotonic() - process.started_at
                    if lived < min(0.2 * 2 ** min(process.restarts, 6), longest_pause) and process.restarts > 3:
                        continue
                    process.restarts = process.restarts + 1 if lived < 30 else 0
                    process.start()
                    on_restart(process)
        self._watch = threading.Thread(target=watch, daemon=True)
        self._watch.start()

    def call(self, short, *command, text=None, check=True, timeout=60):
        prefix = ["ip", "netns", "exec", self.namespaces[short]] if short else []
        done = subprocess.run(prefix + [str(c) for c in command], input=text, capture_output=True, text=True,
                              timeout=timeout)
        if check and done.returncode != 0:
            raise LabError(f"{' '.join(str(c) for c in command)}: {(done.stderr or done.stdout).strip()}")
        return done

    def close(self):
        self._closing.set()
        if self._watch:
            self._watch.join()
        for process in reversed(list(self.processes.values())):
            process.stop()
        for link in self.links:
            subprocess.run(["ip", "link", "del", link], capture_output=True)
        for full in self.namespaces.values():
            # What a program of ours left behind in its namespace (nginx is its own process) ends with it.
            for pid in sh("ip", "netns", "pids", full, check=False).split():
                with contextlib.suppress(ProcessLookupError, ValueError):
                    os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", full], capture_output=True)
        self.namespaces = {}


def remove_leftovers(name):
    """What an earlier lab of this very name left when it was killed."""
    for line in sh("ip", "netns", "list", check=False).splitlines():
        full = line.split()[0] if line.split() else ""
        if not full.startswith(f"pst-{name}-"):
            continue
        for pid in sh("ip", "netns", "pids", full, check=False).split():
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(pid), signal.SIGKILL)
        subprocess.run(["ip", "netns", "del", full], capture_output=True)
    for line in sh("ip", "-o", "link", "show", check=False).splitlines():
        interface = line.split(":")[1].strip().split("@")[0]
        if interface.startswith(f"p{name}"):
            subprocess.run(["ip", "link", "del", interface], capture_output=True)


def remove_programs(*directories):
    """Programs of an earlier ./run that was killed, where no namespace says whose they are: Postern's own, the application and
    nginx, started with files below `directories`. Whatever else has a file of them open is a person's and stays."""
    ours = {"postern-ems", "postern-gateway", "postern-agent"}
    left = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        text = command.replace("\0", " ")
        program = Path(command.partition("\0")[0]).name in ours or text.startswith("nginx: master process ") or \
            f" {ROOT}/tools/demo/app.py " in text
        if program and any(f" {directory}/" in text for directory in directories):
            left.append(int(entry.name))
    for how, seconds in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
        with contextlib.suppress(LabError):
            wait_for(lambda: not any(runs(pid) for pid in left), "an earlier run's programs to end", seconds)
        left = [pid for pid in left if runs(pid)]


def runs(pid):
    """Not a zombie either: whose child it is does not matter here."""
    try:
        return (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]) not in "ZX"
    except OSError:
        return False


# ---- clients

def tls_context(certificate=None, key=None, trust=None):
    """A client's context. Without `trust` (a PEM file) the server is not checked: for loopback and labs only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if trust:
        context.load_verify_locations(trust)
        context.verify_mode = ssl.CERT_REQUIRED
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


def connect(host, port, namespace=None, source=None, timeout=10):
    with inside(namespace):
        made = socket.create_connection((host, port), timeout=timeout, source_address=(source, 0) if source else None)
    # A request right behind the handshake would wait for its acknowledgement, which the server delays by 40 ms.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode(errors="replace")


def https(method, host, port, path, body=None, headers=None, certificate=None, key=None, namespace=None,
          server_name=None, timeout=10):
    """One request on a connection of its own."""
    with connect(host, port, namespace, timeout=timeout) as raw:
        with tls_context(certificate, key).wrap_socket(raw, server_hostname=server_name or host) as tls:
            connection = http.client.HTTPSConnection(server_name or host, port)
            connection.sock = tls
            data = None
            headers = dict(headers or {})
            if body is not None:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                headers.setdefault("Content-Type", "application/json")
            connection.request(method, path, body=data, headers=headers)
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())


def free_port(namespace=None, address="127.0.0.1"):
    with inside(namespace):
        with socket.socket() as s:
            s.bind((address, 0))
            return s.getsockname()[1]


def remove_tree(path):
    shutil.rmtree(path, ignore_errors=True)
