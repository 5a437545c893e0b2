"""Every metric that Postern holds itself to, P1 to P23: what is measured, beside what, and how far it has to get.

A metric is measured by a benchmark (a file of this folder); one without is not built yet and shows an empty figure, so
that nobody takes silence for success.
"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    id: str
    name: str
    unit: str
    peer_name: str
    target: str
    benchmark: str | None = None


METRICS = [
    Metric("P1", "posture change on the endpoint until the access proxy decides by it, p50", "ms",
           "the same rows committed to PostgreSQL with NOTIFY, until a listener has them",
           "p50 <= 5 ms and <= 2x, p99 <= 25 ms and <= 3x", "revocation"),
    Metric("P2", "tag lost until the last byte of an open session, p99", "ms", "P1's p99 in the same run",
           "p99 <= P1's p99 + 5 ms", "revocation"),
    Metric("P3", "changed reports made durable per CPU-second of the EMS", "1/s",
           "the same rows by UNNEST upserts through libpq", ">= 0.7x and >= 25,000/s"),
    Metric("P4", "keepalives without a change per second and core", "1/s", "nginx answering 204 over TLS",
           ">= 1.2x and >= 80,000/s"),
    Metric("P5", "evaluating 500 rules of two conditions for a million endpoints on one core", "ms",
           "SQLite and DuckDB with the same rules as SQL", "<= 80 ms, >= 100x SQLite, >= 10x DuckDB", "engine"),
    Metric("P6", "re-evaluating an endpoint after one fact changed, p99", "us", "evaluating all rules row by row",
           "p99 <= 5 us, whatever the number of unrelated rules", "engine"),
    Metric("P7", "what-if of a tag over a million endpoints, p99", "ms", "counting by SQL", "p99 <= 20 ms", "engine"),
    Metric("P8", "snapshot of a million endpoints until the first decision", "s", "redis loading its dump",
           "<= 1 s and >= 1.5x as fast"),
    Metric("P9", "deltas applied per second and core beside 10,000 decisions/s", "1/s",
           "redis with pipelined writes", ">= 1,000,000/s, >= 2x, readers never wait", "deltas"),
    Metric("P10", "decision from certificate to policy, random ones of a million endpoints, 1,000 policies on 50 proxies, "
           "mean", "ns", "two dependent misses of the memory, measured beside it", "<= 3x, p99 <= 1 us, no allocation",
           "decision"),
    Metric("P11", "proxied requests per CPU-second with client certificates, a tag policy and the access log", "1/s",
           "plain nginx with the same log", ">= 0.97x plain nginx, >= 3.5x auth_request, >= 1.03x HAProxy with a map", "proxy"),
    Metric("P12", "full handshakes with client certificates per CPU-second", "1/s", "HAProxy; plain nginx",
           ">= 1.5x HAProxy, >= 1x nginx; resumed >= 2x full", "proxy"),
    Metric("P13", "bulk data through the access proxy per CPU-second", "GB/s", "HAProxy", ">= 1x; added p99 at half load <= 0.8x", "bulk"),
    Metric("P14", "memory per endpoint with 500 tags at the EMS", "B", "a redis hash with the same fields",
           "<= 512 B; at the gateway <= 256 B and <= 0.5x", "engine"),
    Metric("P15", "memory per idle agent connection, kernel and process", "KB", "HAProxy; nginx", "<= 14 KB and <= 0.8x"),
    Metric("P16", "loading a million elements into nftables", "s", "nft -f",
           ">= 1.5x as fast; one element p99 <= 2x a bare transaction"),
    Metric("P17", "memory of an idle agent (PSS)", "MB", "zabbix-agent, node-exporter, collectd",
           "<= 8 MB, 0.05 % of a core, one wakeup a second; no growth while the EMS is away"),
    Metric("P18", "cold start of a gateway with a million endpoints in its cache", "ms", "HAProxy with a map of a million lines",
           "<= 500 ms; agent <= 30 ms; EMS <= 2.5 s"),
    Metric("P19", "CPU per report of the database with several EMS nodes", "x", "one node",
           "<= 1.1x; taken over in <= 5 s after kill -9, nothing lost"),
    Metric("P20", "100,000 agents back and current after all were dropped", "s", "what P12's rate allows", "<= 1.3x"),
    Metric("P21", "filter and sort of a million endpoints until the console has painted it, p95", "ms", "the SQL's own time",
           "p95 <= 150 ms, <= 2,000 DOM nodes"),
    Metric("P22", "10,000 hosts with 500 distinct inventories matched again after a feed update that touches 100 sources", "ms",
           "each distinct inventory matched anew, without a memory", "<= 1,000 ms, equal to matching everything anew", "vuln"),
    Metric("P23", "one firewall policy among 5,000 moved, until it is in force and kept, p50", "ms",
           "nft -f with the same rules", "<= 2x", "policies"),
]


def by_id(metric_id):
    return next(m for m in METRICS if m.id == metric_id)


@dataclass
class Figure:
    """What a benchmark found for one row of the table. Without `metric` it is a row of its own beside it (P2.p50)."""
    id: str
    ours: float | None
    peer: float | None = None
    met: bool | None = None       # None: measured, and not comparable with the target (the note says why)
    name: str | None = None       # the metric's, unless given
    unit: str | None = None
    peer_name: str | None = None
    target: str | None = None
    ratio: float | None = None
    note: str = ""
    detail: dict | None = None

    def row(self):
        metric = by_id(self.id.partition(".")[0])
        ratio = self.ratio
        if ratio is None and self.ours is not None and self.peer:
            ratio = self.ours / self.peer
        return {"id": self.id, "name": self.name or metric.name, "unit": self.unit or metric.unit, "ours": self.ours,
                "peer_name": self.peer_name or metric.peer_name, "peer": self.peer, "ratio": ratio,
                "target": self.target or metric.target, "met": self.met, "note": self.note, "detail": self.detail or {}}


def empty_row(metric, note):
    return Figure(metric.id, None, note=note).row()
