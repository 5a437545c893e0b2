#!/usr/bin/env python3
"""Starts the whole of Postern on this machine, connected as an administrator would, until Ctrl-C. See ./run --help."""
import argparse
import fcntl
import json
import os
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import stack as stacks
from lab import BIN, ROOT, LabError, checkout_id, namespaces_allowed
from topology import write_json

VAR = ROOT / "var"


def say(text=""):
    print(text, flush=True)


def step(text):
    say(f"  {text}")


def arguments():
    parser = argparse.ArgumentParser(
        prog="./run", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Builds and starts all of Postern on this machine: EMS, gateway with nginx, this machine's agent, and a\n"
                    "small web application to protect. Ctrl-C stops all of it and leaves nothing behind.",
        epilog="The gateway and the agent live in network namespaces of their own; this host's routes and firewall stay as\n"
               "they are. What runs where, and the passwords, stand in var/run.json.")
    parser.add_argument("--blank", action="store_true",
                        help="start the same programs with nothing connected, enrolled or configured")
    parser.add_argument("--net", default="10.0.0.0/16", metavar="CIDR",
                        help="IPv4 network of /16 or larger to take the addresses from (default: %(default)s)")
    parser.add_argument("--no-namespaces", action="store_true",
                        help="everything on loopback, without IP/MAC control")
    ports = parser.add_argument_group("ports", "In their namespaces the programs have those below; on loopback free ones are "
                                               "chosen.")
    for what, (option, meaning) in stacks.PORT_OPTIONS.items():
        ports.add_argument(option, type=port, metavar="PORT", dest=f"port_{what}",
                           help=f"{meaning} (in a namespace: {stacks.PORTS[what]})")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)   # only says whether it could start
    return parser.parse_args()


def port(text):
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text}: a port is a number from 1 to 65535")
    return int(text)


def only_one():
    """Two of the same checkout would share namespaces and files."""
    VAR.mkdir(exist_ok=True)
    lock = open(VAR / ".lock", "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LabError(f"./run is running already in {ROOT}; stop it first (Ctrl-C there)")
    return lock


def run_pids(s):
    pids = {name: process.pid for name, process in s.lab.processes.items()}
    # A process of its own, which the gateway starts, and starts again.
    try:
        pids["nginx"] = s.gateway.nginx_pids()[0]
    except (OSError, ValueError):
        pids["nginx"] = None    # it does not run at this moment
    return pids


def run_json(s, token, uid):
    gateway_token = s.gateway_token if hasattr(s, "gateway_token") else None
    # What a client verifies the EMS's HTTPS against: the selected certificate's own chain.
    return {
        "bin_dir": str(BIN),
        "ems": {"url": f"https://{s.ems_host}:{s.ports['https']}", "serial": s.ems.serial(), "admin_user": "admin",
                "admin_password": s.ems.password, "api_token": token, "web_cert": str(s.directory / "ems-web.pem"),
                "data_dir": str(s.ems.data)},
        "gateway": {"url": s.url("gateway"), "serial": s.gateway.serial(), "admin_user": "admin",
                    "admin_password": s.gateway.password(), "api_token": gateway_token, "cli": s.gateway.cli_argv,
                    "access_proxy": s.url("proxy") + "/" if uid else None,
                    "access_proxy_strict": s.url("strict") + "/" if uid else None, "data_dir": str(s.gateway.data)},
        "agent": {"uid": uid, "cli": [*s.agent.cli_argv, "--runtime-dir", str(s.agent.runtime_dir)],
                  "client_cert": str(s.agent.certificate) if uid else None,
                  "client_key": str(s.agent.key) if uid else None,
                  "netns": s.lab.namespaces.get("ep")},
        "app": {"url": f"http://{s.app_address}:{s.ports['app']}/"},
        "pids": run_pids(s),
    }


def trust_file(s):
    """The EMS's web server certificate as PEM, for `curl --cacert`."""
    certificate = s.ems.fingerprint()
    (s.directory / "ems-web.pem").write_text(certificate["certificate"])


def connect_everything(s):
    step("connecting the gateway to the EMS (certificate accepted by fingerprint, gateway authorised)")
    s.connect_fabric()
    step("tags Vulnerable-Device and Telemetry-Connected; profile shows tags to the user")
    s.make_tags()
    step("access proxies and policies")
    s.protect()
    step("enrolling this machine's agent")
    uid = s.enrol()
    step("matching this machine's packages, evaluating tags")
    return uid, s.wait_evaluated(uid)


def tell(s, values, endpoint):
    ems, gateway, agent = values["ems"], values["gateway"], values["agent"]
    say()
    say(f"EMS        {ems['url']}   user admin   password {ems['admin_password']}")
    say(f"Gateway    {gateway['url']}   user admin   password {gateway['admin_password']}")
    say(f"Command line of the gateway:   {' '.join(gateway['cli'])}")
    if endpoint is None:
        say()
        say("Nothing is connected, enrolled or configured. Next: the connector (config endpoint-control fctems), then")
        say("execute fctems verify 1, then authorise the gateway on the EMS. docs/guide/by-hand.md goes the whole way.")
        return
    v = endpoint["vulnerabilities"]
    say()
    say(f"Endpoint   {endpoint['host_name']}  UID {agent['uid']}  {endpoint['ip'] or ''}")
    say(f"  tags             {', '.join(endpoint['tags']) or 'none'}"
        + (f"   unknown: {', '.join(endpoint['unknown_tags'])}" if endpoint["unknown_tags"] else ""))
    say(f"  vulnerabilities  critical {v['critical']}, high {v['high']}, medium {v['medium']}, low {v['low']}, "
        f"info {v['info']}, unknown {v['unknown']}")
    say()
    say("Try:")
    say(f"  curl -k --cert {agent['client_cert']} --key {agent['client_key']} {gateway['access_proxy']}")
    say(f"  curl -k {gateway['access_proxy']}            (without a certificate: refused, and told why)")
    cli = " ".join(gateway["cli"])
    say(f"  {cli} -c 'diagnose endpoint ec-shm list'")
    say(f"  {cli} -c 'diagnose firewall dynamic list'")
    say(f"  {' '.join(agent['cli'])} status")
    say(f"  {BIN / 'postern'} --run-json {VAR / 'run.json'} why {endpoint['host_name']} Telemetry-Connected")


def main():
    args = arguments()
    try:
        lock = only_one()
    except LabError as error:
        say(f"./run: {error}")
        return 1
    if args.check:
        return 0
    name = checkout_id()
    refused = None if not args.no_namespaces else "switched off by --no-namespaces"
    if os.geteuid() != 0 and refused is None:
        refused = "making them needs root"
    try:
        stacks.remove_traces(name, VAR)
        refused = refused or namespaces_allowed()
    except LabError as error:
        say(f"./run: {error}")
        return 1
    if refused:
        say(f"Network namespaces are not to be had ({refused}): everything runs on loopback, without IP/MAC control.")

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())

    s = None
    try:
        given = {what: getattr(args, f"port_{what}") for what in stacks.PORTS if getattr(args, f"port_{what}")}
        s = stacks.Stack(name, VAR, args.net, namespaces=not refused, ports=given)
        say("Starting")
        s.start_programs()
        s.ems.sign_in()
        trust_file(s)
        s.gateway_token = s.gateway.make_token()
        uid = endpoint = None
        if not args.blank:
            uid, endpoint = connect_everything(s)
        told = run_json(s, s.ems.token, uid)
        write_json(VAR / "run.json", told)
        s.lab.supervise()
        tell(s, json.loads((VAR / "run.json").read_text()), endpoint)
        say()
        say("READY")
        # A program that dies is started again, and its new process id is told.
        while not stop.wait(0.2):
            now = {**told, "pids": run_pids(s)}
            if now != told:
                told = now
                write_json(VAR / "run.json", told)
        say("Stopping")
        return 0
    except LabError as error:
        say(f"./run: {error}")
        if s is not None:
            for process in s.lab.processes.values():
                if not process.alive():
                    say(f"--- {process.name} ended; its last lines:\n{process.tail()}")
        return 1
    finally:
        if s is not None:
            s.close()
        stacks.remove_traces(name, VAR)
        lock.close()


if __name__ == "__main__":
    sys.exit(main())
