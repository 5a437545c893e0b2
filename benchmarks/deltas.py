"""P9: changes of endpoints put into ec-shm beside decisions, and the same bytes written to redis in a pipeline."""
import os
import random
import tempfile
from pathlib import Path

import redis
from catalogue import Figure
from lab import remove_tree
from machine import percentile
from programs import run_lines

TARGETS = ["delta_bench"]
ENDPOINTS, DELTAS, ROUNDS, DECISIONS = 1_000_000, 3_000_000, 5, 10_000
TRIAL_ENDPOINTS, TRIAL_DELTAS = 20_000, 100_000
VALUE = 152     # what of an endpoint's slot is not its key


def redis_rate(endpoints, deltas):
    """Writes per CPU-second of redis; None without one. Its key is as long as a certificate's digest."""
    if not redis.installed():
        return None
    chance = random.Random(2)
    with tempfile.TemporaryDirectory() as directory, redis.Redis() as server:
        commands = Path(directory) / "commands"
        head = b"*4\r\n$8\r\nSETRANGE\r\n$32\r\n"
        with open(commands, "wb") as out:
            for _ in range(deltas):
                out.write(head + b"%032d" % chance.randrange(endpoints) + b"\r\n$1\r\n0\r\n$%d\r\n" % VALUE +
                          b"%0*d" % (VALUE, chance.getrandbits(64)) + b"\r\n")

        def spent():
            fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        server.load(commands, deltas)       # every key is there, as every endpoint is
        before = spent()
        server.load(commands, deltas)
        return deltas / (spent() - before)


def run(context):
    endpoints, deltas = (TRIAL_ENDPOINTS, TRIAL_DELTAS) if context.trial else (ENDPOINTS, DELTAS)
    directory = Path(tempfile.mkdtemp(prefix="postern-bench-", dir="/run" if os.access("/run", os.W_OK) else None))
    try:
        rounds = run_lines([context.programs / "delta_bench", "--directory", directory / "shm", "--endpoints", endpoints,
                            "--deltas", deltas, "--rounds", context.rounds or ROUNDS, "--decisions", DECISIONS])
    finally:
        remove_tree(directory)
    ours = percentile([r["per_cpu_second"] for r in rounds], 0.5)
    peer = redis_rate(endpoints, deltas // 3)
    waited = sum(r["waited"] for r in rounds)
    met = ours >= 1_000_000 and waited == 0 and peer is not None and ours >= 2 * peer
    return [Figure("P9", ours, peer, met,
                   note=f"into ec-shm, decoding not included; slowest round {min(r['per_cpu_second'] for r in rounds):,.0f}; "
                        f"{sum(r['decisions'] for r in rounds):,} decisions beside it, {waited} of them did not get a whole record; "
                        + ("redis: SETRANGE of as many bytes, per CPU-second" if peer else "there is no redis-server here"),
                   detail={"rounds": rounds})]
