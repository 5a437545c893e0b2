"""P1 and P2: a process that a policy demands ends, or a file that it forbids appears, on a real endpoint behind a real
gateway; how long until requests are refused (P1), and until the last byte of an open download (P2)?

Everything is the real thing: postern-ems on SQLite, postern-gateway with nginx, postern-agent, each in its own network
namespace, and a client that shows the agent's certificate. Beside it, in turns: what committing the same rows to
PostgreSQL with a NOTIFY costs until a listener has it.
"""
import contextlib
import shutil
import tempfile
from pathlib import Path

import mixed
import stack as stacks
from catalogue import Figure
from lab import LabError, namespaces_allowed, remove_tree, wait_for
from machine import percentile
from postgres import Postgres, binaries
from programs import run_lines

TARGETS = ["postern-ems", "postern-gateway", "postern-agent", "ngx_http_postern_module", "stream_app", "commit_peer",
           "revocation_client", *mixed.TARGETS]
LETTER = "r"
PORT = 9447

CHANGES = 200            # for P2
DECISIONS = 100          # for P1
BLOCK = 20               # ours and the peer take turns

POLICIES = """config firewall proxy-policy
    edit 101
        set access-proxy "bench"
        set ztna-ems-tag "EMS1_ZTNA_Forbidden"
        set action deny
    next
    edit 102
        set access-proxy "bench"
        set ztna-ems-tag "EMS1_ZTNA_Required"
        set action accept
    next
end
"""


class BenchStack(stacks.Stack):
    """The stack of ./run and the tests, with an application that sends each millisecond."""

    def __init__(self, programs, *arguments, **options):
        self.programs = programs
        super().__init__(*arguments, **options)

    def start_app(self):
        ready = self.directory / "app.port"
        self.lab.start("app", [self.programs / "stream_app", "--address", self.app_address, "--port", self.ports["app"],
                               "--ready", ready], self.short("srv"))
        wait_for(ready.exists, "the application to listen", 20)
        mixed.start_app(self, self.programs, wait_for)


class Revocation:
    def __init__(self, directory, programs, name):
        self.directory, self.programs = Path(directory), programs
        stacks.remove_traces(name, self.directory)
        self.stack = BenchStack(programs, name, self.directory, host_links=False, restart=False)
        try:
            self.set_up()
        except BaseException:
            self.close()
            raise

    def set_up(self):
        stack = self.stack
        self.program = self.directory / f"req{stack.lab.name}"
        shutil.copy("/bin/sleep", self.program)
        self.file = self.directory / "forbidden"
        stack.start_programs()
        stack.ems.sign_in()
        stack.connect_fabric()
        stack.make_tags()
        stack.ems.put_tag({"name": "Required", "rules": [
            {"id": 1, "os": "linux", "type": "running-process", "processes": [self.program.name]}]})
        stack.ems.put_tag({"name": "Forbidden", "rules": [
            {"id": 1, "os": "linux", "type": "file", "paths": [str(self.file)]}]})
        stack.protect()
        stack.gateway.configure(stack.access_proxy("bench", PORT) + POLICIES + mixed.configuration(stack))
        stack.wait_evaluated(stack.enrol())

    def client(self, measure, changes):
        stack = self.stack
        command = [self.programs / "revocation_client", "--measure", measure, "--changes", changes,
                   "--address", stack.plan.gateway_port1, "--port", PORT, "--certificate", stack.agent.certificate,
                   "--key", stack.agent.key, "--program", self.program, "--file", self.file,
                   "--namespace", stack.lab.namespaces["ep"], "--watch-namespace", stack.lab.namespaces["gw"],
                   "--telemetry-port", stack.ports["telemetry"], "--fabric-port", stack.ports["https"]]
        return run_lines(command)

    def close(self):
        self.stack.close()


def stages(samples, effect="cut_us"):
    """Where the time goes, in ms: the steps between what was seen on the wire."""
    steps = [("agent: change until its report is on the wire", None, "report_us"),
             ("EMS: report until the delta is on the wire", "report_us", "delta_us"),
             ("EMS: report until it is acknowledged (committed)", "report_us", "ack_us"),
             ("gateway and nginx: delta until the connection is ended" if effect == "cut_us" else
              "gateway and nginx: delta until a request is refused", "delta_us", effect)]
    out = {}
    for name, start, end in steps:
        took = [(s[end] - (s[start] if start else 0)) / 1000 for s in samples if end in s and (not start or start in s)]
        if took:
            out[name] = {"p50": round(percentile(took, 0.5), 3), "p99": round(percentile(took, 0.99), 3),
                         "worst": round(max(took), 3), "seen": len(took)}
    return out


def summary(values):
    return {"p50": round(percentile(values, 0.5), 3), "p90": round(percentile(values, 0.9), 3),
            "p99": round(percentile(values, 0.99), 3), "worst": round(max(values), 3), "samples": len(values)}


def run(context):
    refused = namespaces_allowed()
    if refused:
        raise LabError(f"network namespaces are not to be had here: {refused}")
    changes, decisions = (context.rounds, context.rounds) if context.rounds else (CHANGES, DECISIONS)
    # /var/tmp lies on a disk where /tmp may be memory: a commit has to reach a disk, ours as the peer's.
    directory = Path(tempfile.mkdtemp(prefix="postern-bench-", dir="/var/tmp"))
    try:
        with contextlib.ExitStack() as cleanup:
            directory.chmod(0o711)
            if binaries():
                server = cleanup.enter_context(Postgres(directory / "pg"))
                peer_name = "the same rows committed to PostgreSQL with NOTIFY, until a listener has them"
                peer_command = [context.programs / "commit_peer", "--postgres", server.directory]
            else:
                peer_name = "the same rows committed to SQLite (WAL, synchronous=FULL); PostgreSQL is not installed"
                peer_command = [context.programs / "commit_peer", "--sqlite", directory / "peer.db"]
            context.say("starting EMS, gateway, agent and application")
            lab = Revocation(directory / "stack", context.programs, context.name(LETTER))
            cleanup.callback(lab.close)
            cuts, decided, peer = [], [], []
            while len(cuts) < changes or len(decided) < decisions:
                if len(cuts) < changes:
                    cuts += lab.client("cut", min(BLOCK, changes - len(cuts)))
                if len(decided) < decisions:
                    decided += lab.client("decision", min(BLOCK // 2, decisions - len(decided)))
                peer += [s["us"] / 1000 for s in run_lines([*peer_command, "--rounds", BLOCK])]
                context.say(f"{len(cuts)} sessions cut, {len(decided)} requests refused")
            sessions = mixed.TRIAL_SESSIONS if context.trial else mixed.SESSIONS
            many = mixed.measure(lab, context.rounds or mixed.CHANGES, sessions)
            context.say(f"{sum(len(c['sessions']) for c in many)} sessions of mixed kinds ended by {len(many)} changes")
    finally:
        if context.keep:
            context.say(f"logs and data: {directory}")
        else:
            remove_tree(directory)
    return figures(cuts, decided, peer, peer_name) + mixed.figures(
        many, sessions, summary, stages, percentile([s["us"] / 1000 for s in decided], 0.99), context.trial)


def figures(cuts, decided, peer, peer_name):
    cut = [s["us"] / 1000 for s in cuts]
    decision = [s["us"] / 1000 for s in decided]
    detail = {"all": summary(cut), "end_of_connection": summary([s["end_us"] / 1000 for s in cuts]), "stages": stages(cuts),
              "ended_by": {}}
    for kind in ("process", "file"):
        of_kind = [s["us"] / 1000 for s in cuts if s["change"] == kind]
        if of_kind:
            detail[kind] = summary(of_kind)
    for s in cuts:
        detail["ended_by"][s["how"]] = detail["ended_by"].get(s["how"], 0) + 1
    p1_50, p1_99 = percentile(decision, 0.5), percentile(decision, 0.99)
    peer_50, peer_99 = percentile(peer, 0.5), percentile(peer, 0.99)
    p2_50, p2_99 = percentile(cut, 0.5), percentile(cut, 0.99)
    enough = len(cut) >= CHANGES and len(decision) >= DECISIONS
    few = "" if enough else f"only {len(cut)} and {len(decision)} changes"
    quiet = "one endpoint; the background of 1,000 reports/s of its definition is not built yet"
    note = "; ".join(filter(None, [quiet, few]))
    return [
        Figure("P1", p1_50, peer_50, None, peer_name=peer_name, note=note,
               detail={"ours": summary(decision), "peer": summary(peer), "stages": stages(decided, "us")}),
        Figure("P1.p99", p1_99, peer_99, None, name="the same, p99", peer_name=peer_name, target="p99 <= 25 ms and <= 3x",
               note=note),
        Figure("P2", p2_99, p1_99, p2_99 <= p1_99 + 5 if enough else None, detail=detail, note="; ".join(filter(None, [
            few, "the client saw the connection end at p50 {p50:.1f}, p99 {p99:.1f} ms".format(**detail["end_of_connection"])]))),
        Figure("P2.p50", p2_50, peer_50, p2_50 <= 20 if enough else None,
               name="change until the last byte of an open session, p50", peer_name=peer_name, target="p50 <= 20 ms",
               note=few),
        Figure("P2.p99", p2_99, peer_99, p2_99 <= 60 if enough else None,
               name="change until the last byte of an open session, p99", peer_name=peer_name, target="p99 <= 60 ms",
               note=few),
    ]
