#!/usr/bin/env python3
"""Measures Postern beside its peers in one run. See ./bench --help."""
import argparse
import importlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "benchmarks")]

import machine  # noqa: E402
from catalogue import METRICS, empty_row  # noqa: E402
from lab import LabError, checkout_id  # noqa: E402

RESULTS = ROOT / "benchmarks/results"
PROGRAMS = ROOT / "build/release/benchmarks"
IDLE_ENOUGH = 0.95


@dataclass
class Context:
    """What a benchmark is given."""
    programs: Path
    rounds: int | None      # None: as many as its definition says
    keep: bool
    quiet: bool

    @property
    def trial(self):
        """Only to see that it works."""
        return self.rounds is not None

    def name(self, letter):
        """Of what is started: a trial, as a test makes it, does not meet a benchmark."""
        return checkout_id() + (letter.upper() if self.trial else letter)

    def say(self, text):
        if not self.quiet:
            print(f"  {text}", file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(
        prog="./bench", description="Measures Postern beside its peers, in one run on one machine, and prints a table.",
        epilog="NAME is a benchmark (revocation) or a metric (P2); without one all are run. Figures are those of this machine "
               "at this moment: compare ratios, and run it on an idle machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a benchmark or a metric; see --list")
    parser.add_argument("--list", action="store_true", help="list benchmarks and metrics and stop")
    parser.add_argument("--json", action="store_true", help="print the JSON that is written, instead of the table")
    parser.add_argument("--rounds", type=int, metavar="N",
                        help="measure N times only, to see that it works: compared with no target and not written down")
    parser.add_argument("--no-build", action="store_true", help="measure what is built already")
    parser.add_argument("--keep", action="store_true", help="keep logs and data of what was started")
    return parser.parse_args()


def benchmarks():
    return list(dict.fromkeys(m.benchmark for m in METRICS if m.benchmark and available(m.benchmark)))


def available(benchmark):
    return (ROOT / f"benchmarks/{benchmark}.py").exists()


def chosen(names):
    out = []
    for name in names:
        metric = next((m for m in METRICS if m.id.lower() == name.lower()), None)
        benchmark = metric.benchmark if metric else name
        if metric and (not benchmark or not available(benchmark)):
            raise LabError(f"{metric.id} ({metric.name}) is not built yet")
        if benchmark not in benchmarks():
            raise LabError(f"there is no benchmark or metric called '{name}'; ./bench --list shows them")
        if benchmark not in out:
            out.append(benchmark)
    return out or benchmarks()


def show_list():
    for benchmark in benchmarks():
        print(f"{benchmark:12} {', '.join(m.id for m in METRICS if m.benchmark == benchmark)}")
    print()
    for m in METRICS:
        by = m.benchmark if m.benchmark and available(m.benchmark) else "not built yet"
        print(f"{m.id:4} {m.name} [{m.unit}]; {m.target}; {by}")


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"


def print_table(rows):
    head = ["id", "what", "unit", "ours", "peer", "ours/peer", "target", "met"]
    lines = [[r["id"], r["name"], r["unit"], number(r["ours"]), number(r["peer"]), number(r["ratio"]), r["target"],
              {True: "yes", False: "NO", None: "-"}[r["met"]]] for r in rows]
    widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
    right = {3, 4, 5}
    for line in [head, *lines]:
        print("  ".join(c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths))).rstrip())
    print()
    for r in rows:
        if r["ours"] is not None:
            print(f"{r['id']}: beside {r['peer_name']}" + (f". {r['note']}" if r["note"] else ""))
            for name, stage in r["detail"].get("stages", {}).items():
                print(f"    {name}: p50 {stage['p50']} ms, p99 {stage['p99']} ms, worst {stage['worst']} ms")


def main():
    args = arguments()
    if args.list:
        show_list()
        return 0
    # Ended from outside, it still takes down what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        names = chosen(args.names)
        modules = [importlib.import_module(name) for name in names]
        targets = list(dict.fromkeys(t for module in modules for t in module.TARGETS))
        if not args.no_build and subprocess.run([ROOT / "tools/build", *targets], stdout=sys.stderr).returncode != 0:
            return 1
        rows, failed = measure(names, modules, args)
    except LabError as error:
        print(f"./bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return report(rows, failed, args)


def measure(names, modules, args):
    found, failed, idle = [], [], {}
    context = Context(PROGRAMS, args.rounds, args.keep, args.json)
    for name, module in zip(names, modules):
        idle[name] = machine.idle_share()
        busy = idle[name] < IDLE_ENOUGH
        print(f"{name}" + (f" (something else is running: {1 - idle[name]:.0%} of the CPUs was busy before)" if busy else ""),
              file=sys.stderr, flush=True)
        try:
            figures = module.run(context)
        except LabError as error:
            print(f"./bench: {name}: {error}", file=sys.stderr)
            failed.append(name)
            continue
        for figure in figures:
            row = figure.row()
            if busy:
                row["note"] = "; ".join(filter(None, [row["note"], f"measured under load ({1 - idle[name]:.0%} busy before)"]))
            if args.rounds:
                row["met"] = None
            found.append(row)
    rows = []
    for m in METRICS:
        own = [r for r in found if r["id"].partition(".")[0] == m.id]
        built = m.benchmark and available(m.benchmark)
        why = "not built yet" if not built else "failed" if m.benchmark in failed else "not run this time"
        rows += own or [empty_row(m, why)]
    return rows, failed


def report(rows, failed, args):
    result = {"machine": machine.describe(), "commit": machine.commit(ROOT), "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
              "metrics": rows}
    text = json.dumps(result, indent=1) + "\n"
    if not args.rounds:
        RESULTS.mkdir(parents=True, exist_ok=True)
        temporary = RESULTS / "latest.json.tmp"
        temporary.write_text(text)
        temporary.replace(RESULTS / "latest.json")
    if args.json:
        print(text, end="")
    else:
        print_table(rows)
        print("Not written: a trial" if args.rounds else f"Written to {(RESULTS / 'latest.json').relative_to(ROOT)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
