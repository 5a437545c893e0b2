"""P5, P6, P7, P14: the tag engine on a million endpoints, beside the same tags as SQL; and what they take of memory."""
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from catalogue import Figure
from lab import ROOT, LabError, remove_tree
from machine import percentile
from programs import run_lines
from redis import Redis, installed as redis_installed

TARGETS = ["engine_bench", "engine_memory"]
ENDPOINTS, TAGS, ROUNDS, INCREMENTS, UNRELATED, DRAFTS, SAMPLE = 1_000_000, 500, 7, 100_000, 10_000, 200, 2_000
OBJECTS, TRIAL_OBJECTS = 20_000, 500
TRIAL_ENDPOINTS, TRIAL_TAGS, TRIAL_INCREMENTS, TRIAL_UNRELATED, TRIAL_DRAFTS, TRIAL_SAMPLE = 3_000, 60, 2_000, 50, 5, 20
DUCKDB = "@duckdb/node-api@1.5.6-r.1"
MODULES = ROOT / "build/bench-npm"


class Program:
    """Answers each line that it is told with a line of JSON."""

    def __init__(self, *command, core=None):
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self.name = Path(command[0]).name
        self.process = subprocess.Popen([*pin, *map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise LabError(self.process.stderr.read().strip() or f"{self.name} ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        return self.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def duckdb_modules(context):
    """Where DuckDB is installed: by npm, into build/."""
    modules = MODULES / "node_modules"
    version = DUCKDB.rpartition("@")[2]
    manifest = modules / "@duckdb/node-api/package.json"
    if manifest.exists() and json.loads(manifest.read_text())["version"] == version:
        return modules
    context.say(f"installing {DUCKDB} by npm into {MODULES.relative_to(ROOT)}")
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", MODULES, DUCKDB], capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"npm could not install {DUCKDB}: {done.stderr.strip()[-500:]}")
    return modules


@contextlib.contextmanager
def duckdb_beside(context, table):
    """DuckDB with the table loaded and its version; where this machine can't run it, None and why."""
    program = version = None
    try:
        if shutil.which("node") is None:
            raise LabError("node is missing: apt-get install nodejs npm")
        modules = duckdb_modules(context)
        context.say("loading DuckDB")
        program = Program("node", ROOT / "benchmarks/engine_duckdb.mjs", modules, table, core=0)
        version = program.read()["version"]
    except LabError as error:
        why = " ".join(str(error).split())
        context.say(f"not beside DuckDB: {why}")
        if program is not None:
            program.__exit__()
        yield None, why
        return
    with program:
        yield program, version


def run(context):
    # The table that DuckDB loads stands in memory.
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    directory = Path(tempfile.mkdtemp(prefix="postern-bench-", dir=where))
    try:
        return trial(context) if context.trial else measure(context, directory / "endpoints.csv")
    finally:
        remove_tree(directory)


def engine(context, endpoints, tags, *more):
    return Program(context.programs / "engine_bench", "--endpoints", endpoints, "--tags", tags, *more, core=0)


def trial(context):
    with engine(context, TRIAL_ENDPOINTS, TRIAL_TAGS) as ours:
        rounds = [ours.ask("full", "best") for _ in range(context.rounds)]
        ours.ask("check", TRIAL_SAMPLE)
        sqlite = ours.ask("sqlite", TRIAL_ENDPOINTS)
        what_if = ours.ask("what-if", TRIAL_DRAFTS)
        alone = ours.ask("increments", TRIAL_INCREMENTS)
        ours.ask("unrelated", TRIAL_UNRELATED)
        among = ours.ask("increments", TRIAL_INCREMENTS)
    name = "SQLite in memory with the same rules as SQL"
    return [Figure("P5", rounds[-1]["ms"], sqlite["ms"], peer_name=name), increments(alone, among, TRIAL_UNRELATED),
            Figure("P7", what_if["p99_ms"], sqlite["ms"] / TRIAL_TAGS, peer_name=name),
            *memory(context, TRIAL_ENDPOINTS, TRIAL_TAGS, TRIAL_OBJECTS)]


def memory(context, endpoints, tags, objects, commands=None):
    """`commands`: a file for redis."""
    [found] = run_lines([context.programs / "engine_memory", "--endpoints", endpoints, "--tags", tags, "--objects", objects,
                         *(["--redis", commands] if commands else [])])
    figures = [Figure("P14", found["bytes"], found["objects_bytes"], found["bytes"] <= 512,
                      peer_name="the same facts and tags as FactMap and TagSets hold them",
                      note=f"{endpoints:,} endpoints with {found['facts']} facts each and {tags} tags, by what the kernel gave; counted: "
                           f"values {found['values']:.0f}, which facts and when {found['rows']:.0f}, codes and planes "
                           f"{found['columns']:.0f} B; at the gateway: not measured here", detail=found)]
    if commands:
        with Redis() as redis:
            before = redis.used_memory()
            redis.load(commands, objects)
            each = (redis.used_memory() - before) / objects
        figures.append(Figure("P14.redis", found["bytes"], each, peer_name="a redis hash per endpoint with the same fields",
                              target="none of its own"))
    return figures


def increments(alone, among, unrelated):
    flat = among["p99_us"] <= 1.2 * alone["p99_us"]
    return Figure("P6", alone["p99_us"], alone["all_p50_us"], alone["p99_us"] <= 5 and flat,
                  peer_name="evaluating all of the endpoint's tags from its facts, row by row, p50",
                  note=f"p50 {alone['p50_us']:.2f} us, worst {alone['worst_us']:.0f} us; with {unrelated:,} unrelated tags more: "
                       f"p99 {among['p99_us']:.2f} us; {alone['tags_judged']:.1f} tags judged and {alone['tags_changed']:.1f} "
                       "changed per fact",
                  detail={"alone": alone, "among_many": among})


def measure(context, table):
    context.say(f"{ENDPOINTS:,} endpoints, {TAGS} tags")
    with engine(context, ENDPOINTS, TAGS, "--table", table) as ours:
        sets = {name: [] for name in ours.ask("sets")["sets"]}
        best = ours.ask("full", "best")["set"]
        ours.ask("check", SAMPLE)
        counts = ours.ask("counts")["counts"]
        with duckdb_beside(context, table) as (duckdb, version):
            if duckdb and duckdb.ask("counts")["counts"] != counts:
                raise LabError("the engine and DuckDB do not find the same endpoints")
            context.say("measuring in turns" if duckdb else "measuring")
            peer = []
            for _ in range(context.rounds or ROUNDS):
                for name, figures in sets.items():
                    figures.append(ours.ask("full", name)["ms"])
                if duckdb:
                    peer.append(duckdb.ask("full")["ms"])
            what_if = ours.ask("what-if", DRAFTS)
            one = percentile([duckdb.ask("one", n)["ms"] for n in range(0, TAGS, TAGS // 50)], 0.5) if duckdb else None
        context.say("SQLite: a minute or more")
        sqlite = ours.ask("sqlite", ENDPOINTS)["ms"]
        anew = ours.ask("anew")
        context.say("one fact at a time")
        alone = ours.ask("increments", INCREMENTS)
        ours.ask("unrelated", UNRELATED)
        among = ours.ask("increments", INCREMENTS)
    medians = {name: percentile(figures, 0.5) for name, figures in sets.items()}
    worst = max(sets[best])
    if peer:
        ratio, peer_ms = percentile([a / b for a, b in zip(sets[best], peer)], 0.5), percentile(peer, 0.5)
        duck = f"DuckDB {version}, one thread, in memory, the same rules as SQL"
        met = worst <= 80 and ratio <= 0.1 and medians[best] <= sqlite / 100
        checked = "DuckDB's by counts and sums, to SQLite's by counts"
    else:
        # Without a peer nobody can say that the target is met.
        ratio, peer_ms, met, checked = None, None, None, "SQLite's by counts"
        duck = f"no DuckDB ({version})"
    figures = [Figure("P5", medians[best], peer_ms, met, peer_name=duck, ratio=ratio,
                      note=f"with {best}; worst round {worst:.1f} ms; every endpoint's state equal to {checked}, and on {SAMPLE:,} "
                           "endpoints to plain code; when all facts have changed, so that all is written and counted anew: "
                           f"{anew['ms']:.0f} ms",
                      detail={"rounds": sets, "duckdb": peer, "anew": anew}),
               Figure("P5.sqlite", medians[best], sqlite, peer_name="SQLite in memory with the same rules as SQL", target=">= 100x",
                      met=medians[best] <= sqlite / 100, note="each tag's counts of all endpoints are those of the engine")]
    figures += [Figure(f"P5.{name}", median, peer_ms, peer_name=duck, name=f"P5 with {name}", target="none of its own")
                for name, median in medians.items() if name != best]
    figures += [increments(alone, among, UNRELATED),
                Figure("P7", what_if["p99_ms"], one, what_if["p99_ms"] <= 20, peer_name=f"counting one tag in {duck}, median" if peer else duck,
                       note=f"p50 {what_if['p50_ms']:.2f} ms, worst {what_if['worst_ms']:.2f} ms of {DRAFTS} drafts; the endpoints that "
                            "gain, lose and become unknown, not only their number", detail={"what_if": what_if})]
    context.say("memory")
    figures += memory(context, ENDPOINTS, TAGS, OBJECTS, table.with_suffix(".redis") if redis_installed() else None)
    return figures
