"""P10: the decision itself, in a process with ec-shm and a policy table of full size, beside two dependent misses."""
import os
import tempfile
from pathlib import Path

from catalogue import Figure
from lab import remove_tree
from machine import percentile
from programs import run_lines

TARGETS = ["decision_bench"]
ENDPOINTS, DECISIONS, ROUNDS = 1_000_000, 1_000_000, 9
TRIAL_ENDPOINTS = 50_000


def run(context):
    # Where the gateway has it: in memory.
    where = "/run" if os.access("/run", os.W_OK) else None
    directory = Path(tempfile.mkdtemp(prefix="postern-bench-", dir=where))
    try:
        lines = run_lines([context.programs / "decision_bench", "--directory", directory / "shm", "--endpoints",
                           TRIAL_ENDPOINTS if context.trial else ENDPOINTS,
                           "--decisions", DECISIONS, "--rounds", context.rounds or ROUNDS])
    finally:
        remove_tree(directory)
    rounds, single = lines[:-1], lines[-1]
    ratios = [r["ours_ns"] / r["peer_ns"] for r in rounds]
    ours, peer = percentile([r["ours_ns"] for r in rounds], 0.5), percentile([r["peer_ns"] for r in rounds], 0.5)
    ratio = percentile(ratios, 0.5)
    met = ratio <= 3 and single["p99_ns"] <= 1000 and single["allocations"] == 0
    return [Figure("P10", ours, peer, met, ratio=ratio,
                   note=f"worst round {max(ratios):.2f}x; single decisions without the clock's {single['clock_ns']:.0f} ns: p99 "
                        f"{single['p99_ns']:.0f} ns, two misses {single['peer_p99_ns']:.0f}; {single['bytes_per_endpoint']:.0f} bytes in "
                        f"ec-shm per endpoint; "
                        f"{single['allocations']} allocations; {single['allowed']:.0%} allowed",
                   detail={"rounds": rounds, "single": single})]
