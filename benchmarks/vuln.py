"""P22: a fleet matched again after a feed update, beside matching its distinct inventories anew."""
from catalogue import Figure
from lab import ROOT
from machine import percentile
from programs import run_lines

TARGETS = ["vuln_bench"]
STATUS = "/var/lib/dpkg/status"
FEED = ROOT / "data/osv-debian-12-sample.jsonl.gz"
HOSTS, INVENTORIES, ROWS, TOUCHED, ROUNDS = 10_000, 500, 40_000, 100, 5
TRIAL_HOSTS, TRIAL_INVENTORIES = 200, 10


def run(context):
    hosts, inventories = (TRIAL_HOSTS, TRIAL_INVENTORIES) if context.trial else (HOSTS, INVENTORIES)
    rounds = run_lines([context.programs / "vuln_bench", "--status", STATUS, "--feed", FEED, "--inventories", inventories,
                        "--hosts", hosts, "--rows", ROWS, "--touched", TOUCHED, "--rounds", context.rounds or ROUNDS])

    def median(name):
        return percentile([r[name] for r in rounds], 0.5)

    worst = max(r["ours_ms"] for r in rounds)
    return [Figure("P22", median("ours_ms"), median("peer_ms"), worst <= 1000,
                   ratio=percentile([r["ours_ms"] / r["peer_ms"] for r in rounds], 0.5),
                   note=f"worst round {worst:.1f} ms; {hosts:,} hosts, {inventories:,} inventories, {median('rows'):,.0f} "
                        f"advisories, {median('changed_inventories'):,.0f} inventories with other counts; every host's result "
                        f"equal to the peer's; with a memory the peer needs {median('full_ms'):.0f} ms; reading the feed takes "
                        f"{median('feed_ms'):.0f} ms more; the fleet takes {median('fleet_mb'):.0f} MB",
                   detail={"rounds": rounds})]
