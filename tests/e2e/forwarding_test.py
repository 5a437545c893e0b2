"""TCP through an access proxy: ssh and psql over the agent's ZTNA destinations, unmodified. What ends them, and what doesn't."""
import contextlib
import hashlib
import os
import pwd
import resource
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import harness
from destinations import Destinations
from harness import accepting, connect, https, open_tls, wait_for

PORT = 9448
SSHD = "/usr/sbin/sshd"

ADDRESSES = """config firewall address
    edit "app-servers"
        set subnet {app}/32
    next
end
"""


class Echo:
    """Sends back what it was sent, as it comes; ends its direction when the client's has ended."""

    def __init__(self, address, namespace):
        from lab import inside
        with inside(namespace):
            self.listener = socket.create_server((address, 0))
        self.port = self.listener.getsockname()[1]
        self.ends = []      # how each connection ended: "fin" or the error's name
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            self.ends.append("fin")
        except OSError as error:
            self.ends.append(type(error).__name__)
        finally:
            sock.close()

    def close(self):
        self.listener.close()


class Greeting:
    """Speaks first, and keeps every connection."""

    def __init__(self, address, namespace):
        from lab import inside
        with inside(namespace):
            self.listener = socket.create_server((address, 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.kept = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.sendall(b"hello")
            self.kept.append(sock)

    def close(self):
        for sock in (self.listener, *self.kept):
            sock.close()


class Forwarding(Destinations, harness.StackTest):
    letter = "w"

    @classmethod
    def setUpClass(cls):
        # As a login shell or a service has it: the programs have to ask for more.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, soft), hard))
        try:
            super().setUpClass()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.uid = stack.enrol()
        stack.wait_evaluated(cls.uid)
        cls.app, cls.far = stack.app_address, stack.lab.namespaces["ep"]
        cls.user = pwd.getpwnam("postgres")     # neither program runs as root, and this user has a shell
        cls.echo = Echo(cls.app, stack.lab.namespaces["srv"])
        cls.addClassCleanup(cls.echo.close)
        cls.greeting = Greeting(cls.app, stack.lab.namespaces["srv"])
        cls.addClassCleanup(cls.greeting.close)
        cls.work = cls.directory / "servers"
        cls.work.mkdir(mode=0o755)
        os.chown(cls.work, cls.user.pw_uid, cls.user.pw_gid)
        cls.start_sshd(2222)
        cls.start_postgres(5433)
        cls.program = cls.directory / f"mark{cls.name}"
        shutil.copy("/bin/sleep", cls.program)
        cls.mark = None
        stack.ems.put_tag({"name": "Marked", "message": "Start the mark.", "rules": [
            {"id": 1, "os": "linux", "type": "running-process", "processes": [cls.program.name]}]})
        stack.gateway.configure(ADDRESSES.format(app=cls.app) + harness.stacks.tcp_forwarding(
            PORT, 2222, 5433, cls.echo.port, cls.greeting.port, 9, server='address "app-servers"', listen="0.0.0.0", tag="Marked"))
        cls.gateway_address = str(stack.plan.gateway_port1)
        ports = {"ssh": 2222, "sql": 5433, "echo": cls.echo.port, "greeting": cls.greeting.port, "closed": 9, "other": 23}
        shown = cls.fingerprint_of(cls.gateway_address, PORT)
        cls.listen_for([{"name": name, "host": cls.app, "port": port, "gateway": f"{cls.gateway_address}:{PORT}", "path": "/tcp",
                         "fingerprint": shown} for name, port in ports.items()])
        cls.set_mark(True)

    @classmethod
    def as_user(cls, *command):
        return ["setpriv", f"--reuid={cls.user.pw_uid}", f"--regid={cls.user.pw_gid}", "--clear-groups", *map(str, command)]

    @classmethod
    def start_sshd(cls, port):
        for name in ("host", "client"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", cls.work / name], check=True)
        shutil.copy(cls.work / "client.pub", cls.work / "authorized")
        (cls.work / "sshd_config").write_text(
            f"ListenAddress {cls.app}:{port}\nHostKey {cls.work}/host\nAuthorizedKeysFile {cls.work}/authorized\n"
            f"StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n")
        for path in cls.work.iterdir():
            os.chown(path, cls.user.pw_uid, cls.user.pw_gid)
        shutil.copy(cls.work / "client", cls.directory / "id")
        (cls.directory / "id").chmod(0o600)
        cls.stack.lab.start("sshd", cls.as_user(SSHD, "-D", "-e", "-f", cls.work / "sshd_config"), "srv")

    @classmethod
    def start_postgres(cls, port):
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))[-1].parent
        made = subprocess.run(cls.as_user(programs / "initdb", "-D", cls.work / "data", "-U", "postgres", "-A", "trust", "--no-locale",
                                          "-E", "UTF8"), capture_output=True, text=True, cwd="/")
        assert made.returncode == 0, made.stderr
        with open(cls.work / "data/pg_hba.conf", "a") as file:
            file.write("host all all 0.0.0.0/0 trust\n")
        cls.stack.lab.start("postgres", cls.as_user(programs / "postgres", "-D", cls.work / "data", "-k", cls.work, "-p", port, "-c",
                                                    f"listen_addresses={cls.app}"), "srv")
        wait_for(lambda: subprocess.run([programs / "pg_isready", "-q", "-h", cls.work, "-p", str(port)]).returncode == 0, "PostgreSQL")

    @classmethod
    def port_of(cls, name):
        return int(cls.destination(name)["listen"].rsplit(":", 1)[1])

    @classmethod
    def set_mark(cls, on):
        if on and cls.mark is None:
            cls.mark = cls.stack.lab.start("mark", [cls.program, "3600"], "ep")
        elif not on and cls.mark is not None:
            cls.mark.stop()
            cls.mark = None
        wait_for(lambda: cls.let_in() == on, f"to be {'let in' if on else 'refused'}")

    @classmethod
    def let_in(cls):
        try:
            with cls.open("echo") as sock:
                sock.sendall(b"?")
                return sock.recv(1) == b"?"
        except OSError:
            return False

    def setUp(self):
        self.set_mark(True)

    @classmethod
    def open(cls, name):
        return connect("127.0.0.1", cls.port_of(name), cls.far)

    def ssh(self, *command, via_listener=True, **options):
        how = ["-p", str(self.port_of("ssh")), "127.0.0.1"] if via_listener else \
            ["-o", f"ProxyCommand={self.stack.agent.cli_argv[0]} forward --runtime-dir {self.stack.agent.runtime_dir} %h %p",
             "-p", "2222", self.app]
        argv = ["ssh", "-F", "none", "-i", str(self.directory / "id"), "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-l", self.user.pw_name, *how, *command]
        from lab import inside
        with inside(self.far):
            return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    def session(self):
        """A shell over ssh that is known to answer."""
        shell = self.ssh("cat")
        self.assertTrue(self.alive(shell))
        return shell

    @staticmethod
    def alive(shell, word="hello"):
        try:
            shell.stdin.write(word + "\n")
            shell.stdin.flush()
            return shell.stdout.readline() == word + "\n"
        except OSError:
            return False

    def end(self, shell):
        """Ended by the other side: nothing is said or closed here."""
        code = shell.wait(20)
        err = shell.stderr.read()
        for end in (shell.stdin, shell.stdout, shell.stderr):
            with contextlib.suppress(OSError):
                end.close()
        return code, err

    def test_ssh_over_the_listener_and_as_its_proxy_command(self):
        for via_listener in (True, False):
            with self.subTest(via_listener=via_listener):
                shell = self.ssh("echo", "it works;", "id", "-un", via_listener=via_listener)
                out, err = shell.communicate(timeout=20)
                self.assertEqual((out, shell.returncode), (f"it works\n{self.user.pw_name}\n", 0), err)
        line = self.logged(service="tcp-forwarding", destination=f"{self.app}:2222", action="accept")
        self.assertEqual((line["status"], line["policyid"], line["accessproxy"]), (101, 21, "tcp"))
        self.assertGreater(line["sentbyte"], 500)

    def test_psql(self):
        from lab import inside
        with inside(self.far):
            done = subprocess.run(["psql", "-h", "127.0.0.1", "-p", str(self.port_of("sql")), "-U", "postgres", "-Atc",
                                   "select sum(i) from generate_series(1, 200000) i; select repeat('x', 3000000)"],
                                  capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual((lines[0], len(lines[1])), ("20000100000", 3000000))

    def test_a_large_copy_both_ways_with_half_close(self):
        size = 64 << 20
        block = os.urandom(1 << 20)
        sent, got, count = hashlib.sha256(), hashlib.sha256(), 0
        with self.open("echo") as sock:
            sock.settimeout(60)

            def send():
                for _ in range(size // len(block)):
                    sock.sendall(block)
                    sent.update(block)
                sock.shutdown(socket.SHUT_WR)
            sender = threading.Thread(target=send)
            sender.start()
            while data := sock.recv(1 << 20):
                got.update(data)
                count += len(data)
            sender.join()
        self.assertEqual((count, got.digest()), (size, sent.digest()))
        wait_for(lambda: self.echo.ends and self.echo.ends[-1] == "fin", "the server to see the end")

    def test_the_tag_is_lost_and_the_session_ends(self):
        shell = self.session()
        echo = self.open("echo")
        echo.sendall(b"x")
        self.assertEqual(echo.recv(1), b"x")
        ends = len(self.echo.ends)
        listed = self.stack.gateway.cli(f"diagnose ztna session list {self.app}:{self.echo.port}")
        self.assertIn(f"TCP forwarding to: {self.app}:{self.echo.port}", listed)
        self.assertIn(self.uid, listed)
        self.addCleanup(self.set_mark, True)
        self.mark.stop()
        type(self).mark = None
        code, err = self.end(shell)
        self.assertEqual(code, 255, err)
        with self.assertRaises(ConnectionResetError):
            while echo.recv(1):
                pass
        echo.close()
        wait_for(lambda: "ConnectionResetError" in self.echo.ends[ends:], "the server's connection to be reset")
        line = self.logged(service="tcp-forwarding", action="cut", destination=f"{self.app}:2222")
        self.assertEqual(line["reason_name"], "missing_tag")
        # From now on it is told why.
        refused = self.ssh("true", via_listener=False)
        code, err = self.end(refused)
        self.assertEqual(code, 255)
        self.assertIn("Start the mark.", err)
        told = self.destination("ssh")
        self.assertIn("Start the mark.", told["last_error"])
        self.assertIn(told["denial_id"], self.stack.gateway.cli(f"diagnose ztna denial {told['denial_id']}"))

    def test_a_thousand_connections_that_come_at_once(self):
        port, count = self.port_of("greeting"), 1000
        socks = []
        self.addCleanup(lambda: [sock.close() for sock in socks])
        from lab import inside
        with inside(self.far):
            for _ in range(count):
                sock = socket.socket()
                sock.setblocking(False)
                sock.connect_ex(("127.0.0.1", port))
                socks.append(sock)
        for number, sock in enumerate(socks):
            sock.settimeout(60)
            self.assertEqual(sock.recv(5), b"hello", f"connection {number}")
        self.assertEqual(self.destination("greeting")["open"], count)

    def reconfigure(self, text):
        """What nginx has to reload for; until no worker of before takes connections, which it could not serve."""
        old = self.stack.gateway.nginx_pids()[1]
        self.stack.gateway.configure(text)
        wait_for(lambda: not any(accepting(worker) for worker in old), "the workers of before to end")

    def test_what_comes_to_belong_to_another_api_gateway_ends(self):
        def first(lines, ports):
            return ('config firewall access-proxy\nedit "tcp"\nconfig api-gateway\n' + lines + 'edit 1\nset url-map "/tcp"\nconfig realservers\n'
                    f'edit 1\nset mappedport {" ".join(map(str, ports))}\nnext\nend\nnext\nend\nnext\nend\n')
        ports = [2222, 5433, self.echo.port, self.greeting.port, 9]
        other = (f'edit 2\nset url-map "/other"\nset service tcp-forwarding\nconfig realservers\nedit 1\nset address "app-servers"\n'
                 f'set mappedport {self.echo.port}\nnext\nend\nnext\n')
        web = 'edit 2\nset url-map "/"\nconfig realservers\nedit 1\nset ip 10.9.9.9\nset port 80\nnext\nend\nnext\n'
        moved = {"its destination": first(other, [p for p in ports if p != self.echo.port]),
                 "its path": first(web, ports).replace('set url-map "/tcp"', 'set url-map "/elsewhere"')}
        for what, change in moved.items():
            with self.subTest(what):
                echo = self.open("echo")
                self.addCleanup(echo.close)
                echo.sendall(b"x")
                self.assertEqual(echo.recv(1), b"x")
                self.reconfigure(change)
                try:
                    echo.settimeout(20)
                    with self.assertRaises(ConnectionResetError):
                        echo.recv(1)
                finally:
                    self.reconfigure(first("delete 2\n", ports))
                wait_for(self.let_in, "new connections")

    def test_what_is_not_configured_or_not_there_is_told(self):
        for name, what in (("other", "is not a destination of this application"), ("closed", "Connection refused")):
            with self.subTest(name), self.open(name) as sock:
                with self.assertRaises(ConnectionResetError):
                    sock.recv(1)
                self.assertIn(what, self.destination(name)["last_error"])
        self.assertEqual(self.logged(destination=f"{self.app}:23")["status"], 403)
        self.assertEqual(self.logged(destination=f"{self.app}:9")["status"], 502)

    def test_a_gateway_that_is_killed_and_a_reload_of_nginx_end_nothing(self):
        shell = self.session()
        gateway = self.stack.gateway
        forwarder = self.forwarder_pid()
        gateway.kept()
        self.restart(gateway.process)
        gateway.ready()
        self.assertTrue(self.alive(shell, "after the kill"))
        _, workers = gateway.nginx_pids()
        gateway.configure('config firewall vip\nedit "more"\nset extip 0.0.0.0\nset extport 9449\nnext\nend\n'
                          'config firewall access-proxy\nedit "more"\nset vip "more"\nnext\nend\n')
        wait_for(lambda: set(gateway.nginx_pids()[1]) - set(workers), "nginx to reload")
        self.assertTrue(self.alive(shell, "after the reload"))
        self.assertEqual(self.forwarder_pid(), forwarder)
        wait_for(self.let_in, "new connections")
        shell.stdin.close()
        self.assertEqual(shell.wait(20), 0)
        shell.stdout.close()
        shell.stderr.close()

    def test_a_forwarder_that_dies_comes_back(self):
        before = self.forwarder_pid()
        os.kill(before, 9)
        wait_for(lambda: self.forwarder_pid() not in (None, before), "another forwarder")
        wait_for(self.let_in, "new connections")

    def test_nobody_gets_past_the_decision(self):
        # Without a certificate: our page for that.
        reply = https("GET", self.gateway_address, PORT, f"/tcp?address={self.app}&port=2222", namespace=self.far)
        self.assertEqual(reply.status, 403)
        # With one, but naming destinations of its own.
        sock = open_tls(self.gateway_address, PORT, self.far, self.stack.agent.certificate, self.stack.agent.key)
        sock.sendall(f"GET /tcp?address={self.app}&port=23 HTTP/1.1\r\nHost: {self.gateway_address}\r\nUpgrade: websocket\r\n"
                     f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n"
                     f"Sec-WebSocket-Protocol: postern-tcp\r\nX-Postern-Destinations: {self.app} 23\r\n\r\n".encode())
        self.assertIn(b" 403 ", harness.read_head(sock))
        sock.close()
        # On the gateway's own machine.
        path = self.stack.gateway.runtime_dir / "nginx/tcp/tcp.sock"
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        script = f"import socket; socket.socket(socket.AF_UNIX).connect({str(path)!r})"
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "python3", "-c", script], capture_output=True, text=True)
        self.assertIn("PermissionError", done.stderr)

    def test_who_takes_nginx_over_gets_no_hold_of_the_gateway(self):
        folder = self.stack.gateway.runtime_dir / "nginx/tcp"
        worker = self.stack.gateway.nginx_pids()[1][0]
        user = os.stat(f"/proc/{worker}").st_uid
        self.assertNotEqual(user, 0)
        self.assertEqual((folder.stat().st_uid, folder.stat().st_mode & 0o777), (0, 0o710))
        self.assertEqual((folder / "tcp.sock").stat().st_uid, user)
        self.assertEqual(os.stat(f"/proc/{self.forwarder_pid()}").st_uid, user)
        before = {path.name: path.lstat().st_ino for path in folder.iterdir()}
        group = folder.stat().st_gid
        script = (f"cd {folder} || exit 0; rm -f tcp.sock tcp.log forwarder.pid; mkfifo tcp.log other; ln -s / link; "
                  "mv tcp.sock away; echo 1 1 > forwarder.pid; true > tcp.log; ls")
        done = subprocess.run(["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "sh", "-c", script],
                              capture_output=True, text=True)
        self.assertIn("Permission denied", done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual({path.name: path.lstat().st_ino for path in folder.iterdir()}, before)
        # As root it could be done: another process behind the socket is neither taken for the forwarder nor ended.
        before = self.forwarder_pid()
        victim = subprocess.Popen(["python3", "-c", "import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); "
                                   "print(flush=True); input()", str(self.directory / "victim.sock")],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(victim.communicate)
        victim.stdout.readline()
        (folder / "tcp.sock").unlink()
        (folder / "tcp.log").unlink()
        os.mkfifo(folder / "tcp.log")
        (folder / "tcp.sock").symlink_to(self.directory / "victim.sock")
        os.kill(before, 9)
        wait_for(lambda: "is no socket" in self.stack.gateway.process.tail(50), "the gateway to say what is wrong")
        self.stack.gateway.cli("get system status")
        self.assertIsNone(victim.poll())
        (folder / "tcp.sock").unlink()
        (folder / "tcp.log").unlink()
        wait_for(lambda: self.forwarder_pid() not in (None, before), "another forwarder")
        wait_for(self.let_in, "new connections")

    def test_listeners_stay_where_they_are(self):
        before = self.port_of("ssh")
        self.restart(self.stack.agent.process)
        wait_for(lambda: self.agent_answers() and self.destination("ssh")["listen"], "the agent")
        self.assertEqual(self.port_of("ssh"), before)
        wait_for(self.let_in, "connections after the agent's restart")

    @staticmethod
    def restart(process):
        process.kill()
        wait_for(lambda: not process.alive(), "it to be gone")
        process.start()

    def agent_answers(self):
        try:
            return bool(self.destinations())
        except Exception:   # noqa: BLE001  it is being started
            return False

    def forwarder_pid(self):
        path = str(self.stack.gateway.runtime_dir / "nginx/tcp/tcp.sock")
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and path in (entry / "cmdline").read_text().split("\0"):
                    return int(entry.name)
            except OSError:
                continue
        return None


if __name__ == "__main__":
    harness.main()
