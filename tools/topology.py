"""The small network that ./run and the end-to-end tests build: endpoint, gateway, servers, with the addresses of the
reference walk: 10.0.1.2 behind port1 of the gateway."""
import ipaddress
import json

import lab as lab_module
from lab import LabError, sh

AGENT_MAC = "02:09:0f:00:01:02"


def used_on_host():
    """Networks that this host has addresses in or routes to, the default route apart."""
    networks = []
    for line in sh("ip", "-4", "-o", "address", "show").splitlines():
        networks.append(ipaddress.ip_interface(line.split()[3]).network)
    for line in sh("ip", "-4", "route", "show").splitlines():
        first = line.split()[0]
        if first not in ("default", "unreachable", "blackhole", "prohibit", "broadcast", "local"):
            networks.append(ipaddress.ip_network(first, strict=False))
    return networks


class Plan:
    """Which addresses everybody has, inside one /16."""

    def __init__(self, net="10.0.0.0/16", checkout="000000"):
        try:
            self.net = ipaddress.ip_network(net)
        except ValueError as error:
            raise LabError(f"--net {net}: {error}")
        if self.net.version != 4 or self.net.prefixlen > 16:
            raise LabError(f"--net {net}: an IPv4 network of /16 or larger is needed, such as 10.77.0.0/16")
        base = int(self.net.network_address)
        self.agents = ipaddress.ip_network((base + (1 << 8), 24))
        self.servers = ipaddress.ip_network((base + (2 << 8), 24))
        self.links = ipaddress.ip_network((base + (255 << 8), 24))
        self.gateway_port1 = str(self.agents[1])
        self.agent = str(self.agents[2])
        self.agent2 = str(self.agents[3])
        self.gateway_port2 = str(self.servers[1])
        self.ems = str(self.servers[10])
        self.app = str(self.servers[20])
        self.checkout = checkout

    def pick_links(self):
        """Two free /30s for the host's ways to the gateway and to the servers."""
        used = used_on_host()
        for segment in (self.agents, self.servers):
            for network in used:
                if network.overlaps(segment):
                    raise LabError(f"{segment} is in use on this host ({network}); choose another with --net CIDR")
        subnets = list(self.links.subnets(new_prefix=30))
        start = int(self.checkout, 16) % len(subnets)
        free = [s for s in subnets[start:] + subnets[:start] if not any(s.overlaps(u) for u in used)]
        if len(free) < 2:
            raise LabError(f"{self.links} is in use on this host; choose another network with --net CIDR")
        return free[0], free[1]


def build(lab, plan, second_endpoint=False, host_links=True):
    """Namespaces ep, gw, srv (and ep2), joined. Returns (host's address of the gateway, of the servers) or None."""
    for short in ["ep", "gw", "srv"] + (["ep2"] if second_endpoint else []):
        lab.add_namespace(short)
    lab.sysctl("gw", "net.ipv4.ip_forward", 1)
    if second_endpoint:
        # Both endpoints on one segment: the gateway's port1 is a bridge.
        lab.connect("gw", "lan1", None, "ep", "eth0", f"{plan.agent}/24", b_mac=AGENT_MAC)
        lab.connect("gw", "lan2", None, "ep2", "eth0", f"{plan.agent2}/24")
        lab.add_bridge("gw", "port1", f"{plan.gateway_port1}/24", ["lan1", "lan2"])
        lab.ip("ep2", "route", "add", "default", "via", plan.gateway_port1)
    else:
        lab.connect("gw", "port1", f"{plan.gateway_port1}/24", "ep", "eth0", f"{plan.agent}/24", b_mac=AGENT_MAC)
    lab.ip("ep", "route", "add", "default", "via", plan.gateway_port1)
    lab.connect("gw", "port2", f"{plan.gateway_port2}/24", "srv", "eth0", f"{plan.ems}/24")
    lab.ip("srv", "address", "add", f"{plan.app}/24", "dev", "eth0")
    lab.ip("srv", "route", "add", "default", "via", plan.gateway_port2)
    if not host_links:
        return None
    to_gateway, to_servers = plan.pick_links()
    lab.connect(None, f"pst{lab.name}g", f"{to_gateway[1]}/30", "gw", "mgmt", f"{to_gateway[2]}/30")
    lab.connect(None, f"pst{lab.name}s", f"{to_servers[1]}/30", "srv", "mgmt", f"{to_servers[2]}/30")
    return str(to_gateway[2]), str(to_servers[2])


def write_json(path, value, mode=0o600):
    import os
    temporary = f"{path}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "w") as out:
        json.dump(value, out, indent=2)
        out.write("\n")
    os.chmod(temporary, mode)
    os.replace(temporary, path)


__all__ = ["Plan", "build", "used_on_host", "write_json", "AGENT_MAC", "lab_module"]
