"""Postern's programs on the small network of topology.py: started, connected and asked as an administrator would.

./run, the end-to-end tests and the benchmarks stand on this. Nothing here knows a program's inside: what is not on a
command line, in the REST API or in a documented file does not exist for it. Standard library only.
"""
import json
import os
import re
import shutil
import socket
import stat
import tempfile
from pathlib import Path

import topology
from lab import BIN, ROOT, Lab, LabError, free_port, https, remove_leftovers, remove_programs, remove_tree, wait_for

HTTPS_PORT, TELEMETRY_PORT = 8443, 8013
GATEWAY_API_PORT = 8444
# Where the programs listen in namespaces of their own, where every port is free. On loopback free ones are chosen.
PORTS = {"https": HTTPS_PORT, "telemetry": TELEMETRY_PORT, "gateway": GATEWAY_API_PORT, "proxy": 9443, "strict": 9444,
         "app": 8080}
# ./run's option for each, and what it is for.
PORT_OPTIONS = {"https": ("--ems-port", "EMS: pages, REST API and gateways"), "telemetry": ("--telemetry-port", "EMS: agents"),
                "gateway": ("--gateway-port", "gateway: REST API"), "proxy": ("--proxy-port", "access proxy"),
                "strict": ("--strict-port", "access proxy that also forbids vulnerable devices"),
                "app": ("--app-port", "the protected application")}
SAMPLE_FEED = ROOT / "data/osv-debian-12-sample.jsonl.gz"

TELEMETRY_CONNECTED = {
    "name": "Telemetry-Connected", "kind": "security", "enabled": True,
    "message": "Start the Postern agent and connect it to your EMS.",
    "comment": "The agent is installed and its telemetry is connected.",
    "rules": [{"id": 1, "os": "linux", "type": "ems-management"}],
}
VULNERABLE_DEVICE = {
    "name": "Vulnerable-Device", "kind": "security", "enabled": True,
    "message": "Install the pending security updates, then check again.",
    "comment": "At least one finding of high severity or above.",
    "rules": [{"id": 1, "os": "linux", "type": "vulnerable-devices", "severity": "high"}],
}


class ApiError(LabError):
    def __init__(self, reply, what):
        self.reply, self.status = reply, reply.status
        try:
            error = reply.json()["error"]
            self.code, self.message = error["code"], error["message"]
        except (ValueError, KeyError, TypeError):
            self.code, self.message = "", reply.text[:200]
        super().__init__(f"{what}: {reply.status} {self.code}: {self.message}")


class Ems:
    def __init__(self, lab, directory, short="srv", address="0.0.0.0", https_port=HTTPS_PORT,
                 telemetry_port=TELEMETRY_PORT, public=(), names=(), feeds=(SAMPLE_FEED,), restart=True, wrap=()):
        self.lab, self.short, self.data = lab, short, Path(directory)
        self.command = [*wrap, BIN / "postern-ems", "run", "--data-dir", self.data, "--listen", f"{address}:{https_port}",
                        "--telemetry-listen", f"{address}:{telemetry_port}", "--keep-initial-password"]
        for name in public:
            self.command += ["--public-address", name]
        for name in names:
            self.command += ["--server-name", name]
        for feed in feeds:
            self.command += ["--feed", feed]
        self.restart = restart
        self.process = None
        self.host, self.namespace = None, None   # where the API is asked
        self.token = None
        self.password = None

    def start(self, host, namespace=None):
        self.host, self.namespace = host, namespace
        self.process = self.lab.start("ems", self.command, self.short, restart=self.restart)
        self.ready()
        self.password = (self.data / "initial-password").read_text().strip()
        return self

    def runtime(self):
        return json.loads((self.data / "runtime.json").read_text())

    def ready(self):
        def answers():
            if not self.process.alive():
                raise LabError(f"postern-ems ended:\n{self.process.tail()}")
            runtime = self.runtime()
            self.port, self.telemetry_port = runtime["https_port"], runtime["telemetry_port"]
            return runtime["pid"] == self.process.pid and self.raw("GET", "/api/v1/openapi.json").status == 200
        wait_for(answers, "postern-ems to answer", 60)

    def raw(self, method, path, body=None, headers=None, timeout=10):
        return https(method, self.host, self.port, path, body, headers, namespace=self.namespace, timeout=timeout)

    def api(self, method, path, body=None, timeout=10):
        """The answer's JSON, None if it has none. Raises ApiError."""
        reply = self.raw(method, "/api/v1/" + path, body, {"Authorization": f"Bearer {self.token}"}, timeout)
        if reply.status >= 300:
            raise ApiError(reply, f"{method} {path}")
        return reply.json() if reply.body else None

    def sign_in(self):
        """Signs in as admin and makes an API token."""
        reply = self.raw("POST", "/api/v1/auth/signin", {"name": "admin", "password": self.password})
        if reply.status != 200:
            raise ApiError(reply, "signing in")
        headers = {"Cookie": reply.headers["Set-Cookie"].split(";")[0], "X-CSRF-Token": reply.json()["csrf_token"]}
        made = self.raw("POST", "/api/v1/tokens", {"name": "run"}, headers)
        if made.status not in (200, 201):
            raise ApiError(made, "making an API token")
        self.token = made.json()["token"]
        return self

    def serial(self):
        return self.runtime()["serial"]

    def invite(self, uses=1, seconds=3600, note=""):
        return self.api("POST", "invitations", {"max_uses": uses, "expires_in": seconds, "note": note})["invitation"]

    def put_tag(self, tag):
        return self.api("PUT", f"tags/{tag['name']}", tag)

    def endpoint(self, uid):
        return self.api("GET", f"endpoints/{uid}")

    def authorise(self, serial, **change):
        return self.api("PATCH", f"fabric-devices/{serial}", {"authorized": True, **change})

    def fingerprint(self):
        """SHA-256 of the web server certificate, from the EMS's own side: what an administrator compares with."""
        for certificate in self.api("GET", "certificates/server")["items"]:
            if certificate["selected"]:
                return certificate
        raise LabError("no web server certificate is selected")


def module_for_nginx(runtime):
    """nginx's module where nginx's own user can load it. A checkout may be where that user may not look, such as in root's
    home: then a copy in `runtime`, or, where programs may not be in there, in a folder beside other temporary files."""
    module = BIN / "ngx_http_postern_module.so"
    if all(folder.stat().st_mode & stat.S_IXOTH for folder in module.parents):
        return module
    place = runtime if not os.statvfs(runtime).f_flag & os.ST_NOEXEC else elsewhere(runtime)
    place.mkdir(mode=0o755, exist_ok=True)
    copy = place / module.name
    shutil.copyfile(module, copy)
    copy.chmod(0o644)
    return copy


def elsewhere(runtime):
    return Path("/var/tmp") / runtime.name


class Gateway:
    def __init__(self, lab, directory, runtime, short="gw", firewall=True, api="0.0.0.0", api_port=GATEWAY_API_PORT,
                 restart=True, workers=2, name="gateway"):
        self.lab, self.short, self.name = lab, short, name
        self.data, self.runtime_dir = Path(directory), Path(runtime)
        self.command = [BIN / "postern-gateway", "run", "--data-dir", self.data, "--runtime-dir", self.runtime_dir,
                        "--module", module_for_nginx(self.runtime_dir.parent), "--nginx-workers", workers,
                        "--api-listen", f"{api}:{api_port}"]
        if not firewall:
            self.command.append("--no-firewall")
        self.restart = restart
        self.process = None
        self.cli_argv = [str(BIN / "postern-gateway"), "cli", "--runtime-dir", str(self.runtime_dir)]

    def start(self):
        self.process = self.lab.start(self.name, self.command, self.short, restart=self.restart)
        self.ready()
        return self

    def kept(self):
        """What its EMSs told last is on disk: killed now, it begins with that."""
        wait_for(lambda: list(self.data.glob("ems*.view")) and not list(self.data.glob("ems*.view.since*")),
                 "the gateway to keep what it was told")

    def ready(self):
        def answers():
            if not self.process.alive():
                raise LabError(f"postern-gateway ended:\n{self.process.tail()}")
            return self.cli("get system status")
        wait_for(answers, "postern-gateway to answer", 60)

    def cli(self, *commands):
        """The output. Raises LabError with the one line that says what failed."""
        arguments = [part for command in commands for part in ("-c", command)]
        return self.lab.call(None, *self.cli_argv, *arguments).stdout

    def configure(self, text):
        return self.lab.call(None, *self.cli_argv, text=text).stdout

    def runtime(self):
        return json.loads((self.runtime_dir / "runtime.json").read_text())

    def serial(self):
        return self.runtime()["serial"]

    def password(self):
        return (self.data / "initial-password").read_text().strip()

    def resolved(self, tag, slot=1):
        """Addresses of a tag's dynamic address, as the command line prints them."""
        text = self.cli("diagnose firewall dynamic list")
        block = re.search(rf"^EMS{slot}_ZTNA_{re.escape(tag)}: ID\(\d+\)\n((?:ADDR\(.*\)\n)*)", text, re.M)
        return re.findall(r"ADDR\((.*)\)", block.group(1)) if block else []

    def make_token(self, name="run"):
        """A token for the REST API."""
        return self.cli(f"execute api-user generate-key {name}").split()[-1]

    def nginx_pids(self):
        """Master and workers of this gateway's nginx, from the kernel."""
        master = int((self.runtime_dir / "nginx/state/nginx.pid").read_text())
        return master, [int(p) for p in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


class Agent:
    def __init__(self, lab, directory, runtime, short="ep", name="agent", restart=True):
        self.lab, self.short, self.name = lab, short, name
        self.data, self.runtime_dir = Path(directory), Path(runtime)
        self.command = [BIN / "postern-agent", "run", "--data-dir", self.data, "--runtime-dir", self.runtime_dir]
        self.restart = restart
        self.process = None
        self.cli_argv = [str(BIN / "postern-agent")]

    def start(self):
        self.process = self.lab.start(self.name, self.command, self.short, restart=self.restart)
        wait_for(self.status, "postern-agent to answer", 30)
        return self

    def call(self, command, *arguments, **options):
        return self.lab.call(None, *self.cli_argv, command, "--runtime-dir", self.runtime_dir, *arguments, **options)

    def status(self):
        return json.loads(self.call("status", "--json").stdout)

    def enrol(self, invitation):
        self.call("enrol", "-", text=invitation + "\n")
        return self

    def uid(self):
        return self.status()["uid"]

    @property
    def certificate(self):
        return self.data / "client.pem"

    @property
    def key(self):
        return self.data / "client.key"


def settled_vulnerabilities(endpoint):
    return endpoint.get("vulnerabilities") and endpoint["vulnerabilities"].get("scanned_at")


CONNECTOR = """config endpoint-control fctems
    edit 1
        set status enable
        set name "EMS"
        set server "{server}"
        set https-port {port}
    next
end
"""

# An access proxy in front of one application; who may pass is up to the policies.
ACCESS_PROXY = """config firewall vip
    edit "{name}"
        set extip {listen}
        set extport {port}
    next
end
config firewall access-proxy
    edit "{name}"
        set vip "{name}"
        config api-gateway
            edit 1
                config realservers
                    edit 1
                        set ip {app}
                        set port {app_port}
                    next
                end
            next
        end
    next
end
"""

# One that forwards TCP, to what is said of its real server and at these ports.
TCP_FORWARDING = """config firewall vip
    edit "{name}"
        set extip {listen}
        set extport {port}
    next
end
config firewall access-proxy
    edit "{name}"
        set vip "{name}"
        config api-gateway
            edit 1
                set url-map "/tcp"
                set service tcp-forwarding
                config realservers
                    edit 1
                        set {server}
                        set mappedport {mapped}
                    next
                end
            next
        end
    next
end
config firewall proxy-policy
    edit {policy}
        set access-proxy "{name}"
{who}        set action accept
        set logtraffic all
    next
end
"""


def tcp_forwarding(port, *mapped, server="ip 127.0.0.1", listen="127.0.0.1", name="tcp", policy=21, tag="Telemetry-Connected"):
    """The configuration of an access proxy at `port` that forwards TCP by /tcp, to `mapped` ports. `tag` None: whoever it is."""
    return TCP_FORWARDING.format(name=name, listen=listen, port=port, server=server, mapped=" ".join(map(str, mapped)), policy=policy,
                                 who=f'        set ztna-ems-tag "EMS1_ZTNA_{tag}"\n' if tag else "")


# Who may pass the two access proxies of the protected application.
PROXY_POLICIES = """config firewall proxy-policy
    edit 1
        set name "not-vulnerable"
        set access-proxy "web-strict"
        set ztna-ems-tag "EMS1_ZTNA_Vulnerable-Device"
        set action deny
    next
    edit 2
        set name "connected"
        set access-proxy "web" "web-strict"
        set ztna-ems-tag "EMS1_ZTNA_Telemetry-Connected"
        set action accept
        set logtraffic all
    next
end
"""

# No source or destination translation: the EMS sees the endpoint's own address.
FIREWALL = """config system interface
    edit "port1"
        set alias "endpoints"
        set role lan
    next
    edit "port2"
        set alias "servers"
        set role dmz
    next
end
config firewall address
    edit "endpoints"
        set subnet {agents}
    next
    edit "ems"
        set subnet {ems}/32
    next
    edit "app"
        set subnet {app}/32
    next
end
config firewall service custom
    edit "EMS"
        set tcp-portrange {https_port} {telemetry_port}
    next
    edit "APP"
        set tcp-portrange {app_port}
    next
end
config firewall policy
    edit 1
        set name "to-the-ems"
        set srcintf "port1"
        set dstintf "port2"
        set srcaddr "endpoints"
        set dstaddr "ems"
        set service "EMS"
        set action accept
    next
    edit 2
        set name "connected-to-app"
        set srcintf "port1"
        set dstintf "port2"
        set srcaddr "endpoints"
        set dstaddr "app"
        set service "APP"
        set action accept
        set ztna-status enable
        set ztna-ems-tag "EMS1_ZTNA_Telemetry-Connected"
    next
end
"""


def choose_ports(given, free=None):
    """Who listens where. `given` of ./run's options come first; the others are those of PORTS, or whatever `free()` finds.
    LabError: two of them alike."""
    chosen = {}
    for what in sorted(PORTS, key=lambda what: what not in given):
        port = given.get(what) or (free() if free else PORTS[what])
        while free and what not in given and port in chosen.values():
            port = free()
        for other, theirs in chosen.items():
            if port == theirs:
                raise LabError(f"{PORT_OPTIONS[other][0]} and {PORT_OPTIONS[what][0]} are both {port}; give them different ports")
        chosen[what] = port
    return chosen


def check_free(given, address):
    """LabError: another program listens at a port that was asked for."""
    for what, port in given.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)    # a connection that has ended takes no port
            try:
                probe.bind((address, port))
            except OSError as error:
                raise LabError(f"{PORT_OPTIONS[what][0]} {port}: can't listen at {address}:{port}: {error.strerror}; give "
                               "another port, or none and a free one is chosen")


class Stack:
    """EMS, gateway, one agent and the application. `namespaces` False: all on loopback, without IP/MAC control. `ports` is
    what PORTS names, where a person wants another one."""

    def __init__(self, name, directory, net="10.0.0.0/16", namespaces=True, second_endpoint=False, host_links=True,
                 restart=True, feeds=(SAMPLE_FEED,), ports=None):
        ports = ports or {}
        self.ports = choose_ports(ports, None if namespaces else free_port)
        self.lab = Lab(name, directory)
        self.directory = Path(directory)
        # nginx's own user has to reach its files below the runtime directory.
        self.directory.chmod(self.directory.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        self.namespaces = namespaces
        self.plan = topology.Plan(net, name[:6] if re.fullmatch(r"[0-9a-f]{6}.*", name) else "000000")
        if namespaces:
            hosts = topology.build(self.lab, self.plan, second_endpoint, host_links)
            self.gateway_host, self.ems_host = hosts if hosts else (self.plan.gateway_port2, self.plan.ems)
            # Without links the host asks from inside: tests of the network itself need no way in.
            self.from_ns = None if hosts else self.lab.namespaces["srv"]
            self.ems_address, self.app_address, any_address = self.plan.ems, self.plan.app, "0.0.0.0"
        else:
            self.gateway_host = self.ems_host = self.ems_address = self.app_address = any_address = "127.0.0.1"
            self.from_ns = None
            check_free(ports, "127.0.0.1")
        short = (lambda s: s) if namespaces else (lambda s: None)
        d = self.directory
        self.ems = Ems(self.lab, d / "ems", short("srv"), any_address, self.ports["https"], self.ports["telemetry"],
                       public=[f"{self.ems_address}:{self.ports['telemetry']}"], names=[self.ems_host, self.ems_address],
                       feeds=feeds, restart=restart)
        # Short names: a socket's path holds 107 bytes, however deep the checkout lies.
        self.runtime = runtime_directory(name)
        self.runtime.mkdir(mode=0o755)
        self.gateway = Gateway(self.lab, d / "gateway", self.runtime / "gateway", short("gw"), firewall=namespaces,
                               api=self.gateway_host, api_port=self.ports["gateway"], restart=restart)
        self.agent = Agent(self.lab, d / "agent", self.runtime / "agent", short("ep"), restart=restart)
        self.short = short

    def start_app(self):
        ready = self.directory / "app.port"
        ready.unlink(missing_ok=True)
        self.lab.start("app", ["python3", ROOT / "tools/demo/app.py", self.app_address, self.ports["app"], ready],
                       self.short("srv"), restart=True)
        wait_for(ready.exists, "the application to listen", 20)

    def start_programs(self):
        self.start_app()
        self.ems.start(self.ems_host, self.from_ns)
        self.gateway.start()
        self.agent.start()

    def connect_fabric(self, gateway=None):
        """Connector, certificate, authorise, connected."""
        gateway = gateway or self.gateway
        gateway.configure(CONNECTOR.format(server=self.ems_address, port=self.ports["https"]))
        fingerprint = self.ems.fingerprint()["sha256"]
        gateway.cli(f"execute fctems verify 1 {fingerprint}")
        serial = gateway.serial()
        wait_for(lambda: [d for d in self.ems.api("GET", "fabric-devices")["items"]
                          if d["serial"] == serial and d["state"] == "pending"],
                 "the gateway among the EMS's fabric devices")
        self.ems.authorise(serial)
        wait_for(lambda: "successful" in gateway.cli("diagnose endpoint fctems test-connectivity 1"),
                 "the fabric connector to be connected")

    def make_tags(self):
        self.ems.put_tag(VULNERABLE_DEVICE)
        self.ems.put_tag(TELEMETRY_CONNECTED)
        self.ems.api("PUT", "profiles/Default", {"show_security_posture_tag": True})

    def access_proxy(self, name, port):
        """The configuration of an access proxy at `port`, in front of the application."""
        return ACCESS_PROXY.format(name=name, port=port, listen="0.0.0.0" if self.namespaces else "127.0.0.1",
                                   app=self.app_address, app_port=self.ports["app"])

    def protect(self):
        self.gateway.configure(self.access_proxy("web", self.ports["proxy"]) +
                               self.access_proxy("web-strict", self.ports["strict"]) + PROXY_POLICIES)
        if self.namespaces:
            self.gateway.configure(FIREWALL.format(agents=self.plan.agents, ems=self.plan.ems, app=self.plan.app,
                                                   https_port=self.ports["https"], telemetry_port=self.ports["telemetry"],
                                                   app_port=self.ports["app"]))

    def enrol(self, agent=None):
        agent = agent or self.agent
        agent.enrol(self.ems.invite(note="this machine"))
        wait_for(lambda: agent.status()["registered"] and agent.status()["connected"], "the agent to be connected")
        return agent.uid()

    def wait_evaluated(self, uid):
        """Registered, its packages matched, the tags evaluated, and at the gateway what follows from them."""
        def at_the_ems():
            endpoint = self.ems.endpoint(uid)
            judged = set(endpoint["tags"]) | set(endpoint["unknown_tags"])
            return endpoint if endpoint["online"] and settled_vulnerabilities(endpoint) and \
                "Telemetry-Connected" in judged else None
        endpoint = wait_for(at_the_ems, "the agent's packages to be matched and its tags evaluated", 60)
        if self.namespaces:
            wait_for(lambda: all(self.plan.agent in self.gateway.resolved(tag) for tag in endpoint["tags"]),
                     f"{self.plan.agent} in the resolved addresses of {', '.join(endpoint['tags'])}", 60)
        return endpoint

    def url(self, what):
        host = self.gateway_host if what in ("proxy", "strict", "gateway") else self.ems_host
        return f"https://{host}:{self.ports[what]}"

    def close(self):
        self.lab.close()
        remove_tree(self.runtime)
        remove_tree(elsewhere(self.runtime))


def runtime_directory(name):
    return Path("/run" if os.access("/run", os.W_OK) else tempfile.gettempdir()) / f"postern-{name}"


def remove_traces(name, directory):
    """What an earlier stack of this very name left: processes in its namespaces, links, its own files."""
    remove_leftovers(name)
    remove_programs(Path(directory), runtime_directory(name))
    remove_tree(runtime_directory(name))
    remove_tree(elsewhere(runtime_directory(name)))
    for child in ("ems", "gateway", "agent", "log"):
        remove_tree(Path(directory) / child)
    for child in ("run.json", "app.port", "ems-web.pem"):
        (Path(directory) / child).unlink(missing_ok=True)
