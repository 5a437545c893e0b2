"""P23: one firewall policy among 5,000 moves to another place: until the gateway has answered, and so validated it, kept it
durably and put it into force.

The peer is `nft -f` with the same rules as one transaction. Nothing is validated or kept there. Both in one network namespace, in
turns.
"""
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import stack as stacks
from catalogue import Figure
from lab import Lab, LabError, namespaces_allowed, remove_leftovers
from machine import percentile

TARGETS = ["postern-gateway", "ngx_http_postern_module"]
LETTER = "p"
ROUNDS, POLICIES, TRIAL_POLICIES = 9, 5000, 50


def address(number):
    return f"10.{20 + number // 65536}.{number // 256 % 256}.{number % 256}"


def configuration(policies):
    lines = ["config firewall address"]
    for n in range(2 * policies):
        lines += [f'edit "a{n}"', f"set subnet {address(n)}/32", "next"]
    lines += ["end", "config firewall policy"]
    for n in range(policies):
        lines += [f"edit {n + 1}", 'set srcintf "any"', 'set dstintf "any"', f'set srcaddr "a{2 * n}"', f'set dstaddr "a{2 * n + 1}"',
                  'set service "HTTPS"', "set action accept", "next"]
    return "\n".join([*lines, "end", ""])


def ruleset(order):
    """Both directions, as the gateway judges them."""
    out = ["add table inet peer", "delete table inet peer", "table inet peer {"]
    for name, source, destination, port in (("original", "saddr", "daddr", "dport"), ("reply", "daddr", "saddr", "sport")):
        out.append(f"  chain {name} {{")
        out += [f"    ip {source} {address(2 * n)} ip {destination} {address(2 * n + 1)} tcp {port} 443 accept" for n in order]
        out.append("  }")
    return "\n".join([*out, "}", ""])


def run(context):
    refused = namespaces_allowed()
    if refused:
        raise LabError(f"network namespaces are needed: {refused}")
    policies = TRIAL_POLICIES if context.trial else POLICIES
    directory = Path(tempfile.mkdtemp(prefix="postern-bench-", dir="/var/tmp"))
    name = context.name(LETTER)
    remove_leftovers(name)
    lab = Lab(name, directory)
    try:
        directory.chmod(0o755)
        lab.add_namespace("gw")
        gateway = stacks.Gateway(lab, directory / "gateway", directory / "run/gateway", restart=False)
        gateway.runtime_dir.parent.mkdir()
        gateway.runtime_dir.parent.chmod(0o755)
        gateway.start()
        context.say(f"{policies:,} policies")
        lab.call(None, *gateway.cli_argv, text=configuration(policies))
        order, ours, peer = list(range(policies)), [], []
        for number in range(context.rounds or ROUNDS):
            first, third = order[0] + 1, order[2] + 1
            order[:3] = [order[1], order[2], order[0]]
            began = time.monotonic()
            lab.call(None, *gateway.cli_argv, text=f"config firewall policy\nmove {first} after {third}\nend\n")
            ours.append((time.monotonic() - began) * 1000)
            rules = directory / "peer.nft"
            rules.write_text(ruleset(order))
            began = time.monotonic()
            subprocess.run(["ip", "netns", "exec", lab.namespaces["gw"], "nft", "-f", rules], check=True)
            peer.append((time.monotonic() - began) * 1000)
            context.say(f"round {number + 1}: {ours[-1]:,.0f} ms, nft {peer[-1]:,.0f} ms")
        status = lab.call(None, *gateway.cli_argv, "-c", "get system status").stdout
        if "Firewall: OK" not in status:
            raise LabError(f"the policies are not in force:\n{status}")
    finally:
        lab.close()
        shutil.rmtree(directory, ignore_errors=True)
    p50, p50_peer = percentile(ours, 0.5), percentile(peer, 0.5)
    met = None if context.trial else p50 <= 2 * p50_peer
    return [Figure("P23", p50, p50_peer, met, detail={"policies": policies, "ours_ms": ours, "peer_ms": peer})]
