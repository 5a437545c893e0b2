"""P5 and P6: the tag engine on a number of endpoints that its row-wise evaluation can hold in memory."""
from catalogue import Figure
from machine import percentile
from programs import run_lines

TARGETS = ["engine_bench"]
ENDPOINTS, TRIAL_ENDPOINTS, ROUNDS = 10_000, 500, 5
MILLION = 1_000_000


def run(context):
    endpoints = TRIAL_ENDPOINTS if context.trial else ENDPOINTS
    lines = run_lines([context.programs / "engine_bench", "--endpoints", endpoints, "--rounds", context.rounds or ROUNDS])
    rounds, (alone, among_many) = lines[:-2], lines[-2:]
    scale = MILLION / endpoints

    def median(name):
        return percentile([r[name] for r in rounds], 0.5)

    ours, sqlite = median("ours_ms") * scale, median("sqlite_ms") * scale
    ratio = percentile([r["ours_ms"] / r["sqlite_ms"] for r in rounds], 0.5)
    full = Figure("P5", ours, sqlite, ours <= 80 and ratio <= 0.01, ratio=ratio, peer_name="SQLite in memory with the same rules as SQL",
                  note=f"measured with {endpoints:,} endpoints and scaled to a million; plain code over rows needs "
                       f"{median('rows_ms') * scale:,.0f} ms; results equal; DuckDB is no Debian package and is not measured",
                  detail={"endpoints": endpoints, "rounds": rounds})
    flat = among_many["p99_us"] <= 1.5 * alone["p99_us"]
    one = Figure("P6", alone["p99_us"], alone["all_p99_us"], alone["p99_us"] <= 5 and flat,
                 peer_name="the same engine evaluating all of the endpoint's tags",
                 note=f"p50 {alone['p50_us']:.2f} us; with {among_many['unrelated']:,} unrelated tags more: p99 "
                      f"{among_many['p99_us']:.2f} us; {alone['tags_read']:.1f} tags read the fact",
                 detail={"alone": alone, "among_many": among_many})
    return [full, one]
