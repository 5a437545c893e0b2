"""What must have been decided, by the logs alone: the EMS's history of each endpoint, what was configured and done to programs,
the gateway's traffic log, and what clients saw. Pure: the tests of the oracle itself plant errors in such a log.

Times are seconds since 1970, of one machine. A decision is right if it follows from a state that was in force at the moment of the
decision, or a bounded time before: the *lag*, of which the least that explains a decision is kept and reported.
"""
import bisect
from dataclasses import dataclass, field, replace

# While all programs run: from the EMS's commit to the last decision by what was before. (Measured elsewhere in milliseconds; here
# two processors carry the programs, the load and the observers.)
LAG = 2.0
# A lease lasts 5 s from when the gateway last renewed it, which it does each second.
LEASE_FIRST, LEASE_LAST = 3.5, 5.5
# Between when a real server sent the last byte that came, and what nginx says of the end.
READING = 1.5
# nginx takes a real server for dead for 10 s; and for 10 more, if what it then tries with it is a session that lasts.
DEAD = 21.5
# nginx closes idle connections when it reloads; a request may be on its way then.
RELOADING = 1.0
AFTER_REMOVAL = 7.0


@dataclass(frozen=True)
class State:
    """An endpoint as the EMS has it."""
    registered: bool = False
    online: bool = False
    quarantined: bool = False
    has: frozenset = frozenset()
    unknown: frozenset = frozenset()


@dataclass(frozen=True)
class Policy:
    accept: bool
    tags: tuple = ()
    every: bool = False      # all of them, else any
    enabled: bool = True


@dataclass
class Version:
    """A proxy's policies (None: the proxy does not exist), in force at the earliest from `begin` on; `end`: the latest moment."""
    begin: float
    policies: tuple | None
    end: float = float("inf")


def decide(policies, state, fresh=True):
    """None: let in; else the reason, of the gateway's documented ones."""
    if policies is None:
        return "061" if fresh else "070"
    identity = "063" if not state.registered else "068" if state.quarantined else "067" if not state.online else None
    posture = identity or (None if fresh else "070")
    first = None
    for p in policies:
        if not p.enabled:
            continue
        if not p.tags:
            return identity if p.accept else identity or "062"
        if posture:
            if not p.accept:
                return posture
            first = first or posture
            continue
        holds = all if p.every else any
        if p.accept:
            if holds(t in state.has for t in p.tags):
                return None
            first = first or ("069" if holds(t in state.has or t in state.unknown for t in p.tags) else "065")
        elif holds(t in state.has for t in p.tags):
            return "064"
        elif holds(t in state.has or t in state.unknown for t in p.tags):
            return "069"
    return first or identity or "061"


def replay(changes, uids):
    """{endpoint: [(time, State), …]} from the EMS's changes [(time, kind, key, change), …], ascending. `uids`: uid → endpoint."""
    out = {name: [(0.0, State())] for name in uids.values()}
    for at, kind, key, change in changes:
        line = out.get(uids.get(key))
        if line is None or not change:
            continue
        now = line[-1][1]
        if kind == "endpoint":
            event = change.get("event")
            now = {"enrolled": lambda: replace(now, registered=True), "online": lambda: replace(now, online=True),
                   "offline": lambda: replace(now, online=False), "quarantined": lambda: replace(now, quarantined=True),
                   "released": lambda: replace(now, quarantined=False), "revoked": lambda: replace(now, registered=False),
                   "deregistered": lambda: replace(now, registered=False)}.get(event, lambda: now)()
        elif kind == "endpoint_tags":
            has, unknown = set(now.has), set(now.unknown)
            for t in change["tags"]:
                has.discard(t["tag"])
                unknown.discard(t["tag"])
                if t["after"] == "has":
                    has.add(t["tag"])
                elif t["after"] == "unknown":
                    unknown.add(t["tag"])
            now = replace(now, has=frozenset(has), unknown=frozenset(unknown))
        if now != line[-1][1]:
            line.append((max(at, line[-1][0]), now))
    return out


@dataclass
class World:
    """What is known of a run."""
    states: dict                                       # endpoint → [(time, State)]
    config: dict                                       # proxy → [Version]
    away: list = field(default_factory=list)           # (from, to): EMS or gateway killed, until the connector is connected again
    stopped: list = field(default_factory=list)        # (from, to): the gateway stood still
    dropped: list = field(default_factory=list)        # (from, to, lines): for which nginx found no room meanwhile, as it counted
    killed: list = field(default_factory=list)         # (from, to): the gateway was killed, until it answers
    reloads: list = field(default_factory=list)        # (from, to): nginx was told to reload
    deaths: dict = field(default_factory=dict)         # server → [(from, to)]
    pools: dict = field(default_factory=dict)          # proxy → servers
    removed: list = field(default_factory=list)        # (from, to, proxy, server): taken out of the configuration
    uids: dict = field(default_factory=dict)           # endpoint → uid

    late: dict = field(default_factory=dict)           # endpoint → (from, to): its client itself stood still

    def __post_init__(self):
        self.times = {e: [t for t, _ in line] for e, line in self.states.items()}

    def states_in(self, endpoint, a, b):
        times, line = self.times[endpoint], self.states[endpoint]
        return {line[i][1] for i in range(max(bisect.bisect_right(times, a) - 1, 0), bisect.bisect_right(times, b))} or {line[0][1]}

    def policies_in(self, proxy, a, b):
        return {v.policies for v in self.config[proxy] if v.begin <= b and v.end >= a}

    def freshness(self, a, b):
        out = set()
        for begin, end in self.stopped:
            if begin + LEASE_LAST <= a and b <= end:
                return {False}
            if begin + LEASE_FIRST <= b and a <= end + LAG:
                out.add(False)
        for begin, end in self.killed:
            if begin <= b and a <= end + LAG:
                out.add(False)
        return out | {True}

    def bound(self, moment):
        """By how much a decision may be late at this moment."""
        first, again = moment - LAG, True
        while again:
            again = False
            for begin, end in self.away:
                # What was committed while nobody could hear of it, or just before.
                if begin <= moment and first <= end and begin - LAG < first:
                    first, again = begin - LAG, True
        return moment - first

    def outcomes(self, endpoint, proxy, a, b):
        """What may be decided by the states that were in force between two moments."""
        fresh = self.freshness(a, b)
        return {decide(p, s, f) for p in self.policies_in(proxy, a, b) for s in self.states_in(endpoint, a, b) for f in fresh}

    def lag_of(self, endpoint, proxy, a, b, right):
        """The least lag by which `right(outcomes)` holds for a decision made between a and b; None: none up to the bound."""
        bound = self.bound(a)
        marks = {0.0, bound}
        for t in self.times[endpoint]:
            if a - bound <= t <= a:
                marks.add(a - t + 1e-6)
        for v in self.config[proxy]:
            for t in (v.begin, v.end):
                if a - bound <= t <= a:
                    marks.add(a - t + 1e-6)
        for d in sorted(m for m in marks if m <= bound):
            if right(self.outcomes(endpoint, proxy, a - d, b)):
                return d
        return None

    def denied_spans(self, endpoint, proxy, a, b):
        """[(from, to, reasons)] between a and b: nothing that may be in force lets the endpoint in."""
        marks = {a, b} | {t for t in self.times[endpoint] if a < t < b}
        for v in self.config[proxy]:
            marks |= {t for t in (v.begin, v.end) if a < t < b}
        for begin, end in self.stopped + self.killed:
            marks |= {t for t in (begin + LEASE_FIRST, begin + LEASE_LAST, end, end + LAG) if a < t < b}
        marks, out = sorted(marks), []
        for x, y in zip(marks, marks[1:]):
            middle = (x + y) / 2
            found = self.outcomes(endpoint, proxy, middle, middle)
            if None in found:
                continue
            if out and out[-1][1] == x:
                out[-1] = (out[-1][0], y, out[-1][2] | found)
            else:
                out.append((x, y, found))
        return out

    def came(self, endpoint, moment):
        """When what a client read at this moment may have come at the earliest."""
        for begin, end in reversed(self.late.get(endpoint, ())):
            if begin <= moment <= end + 0.2:
                moment = begin
        return moment

    def was_removed(self, proxy, server, moment):
        """The gateway ends what leads to a server that was taken out, and looks again for some seconds."""
        return any(p == proxy and server in (s, None) and begin <= moment <= end + AFTER_REMOVAL for begin, end, p, s in self.removed)

    def near(self, spans, a, b, slack):
        return any(begin - slack <= b and a <= end + slack for begin, end in spans)

    def all_servers_dead(self, proxy, a, b):
        return all(self.near([(x, y + DEAD) for x, y in self.deaths.get(s, ())], a, b, 0.3) for s in self.pools[proxy])


class Verdict:
    def __init__(self):
        self.errors, self.counts, self.worst, self.explained = [], {}, {}, {}
        self.missing = {}      # of each time in which lines were dropped: how many are not there

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def excuse(self, why):
        self.explained[why] = self.explained.get(why, 0) + 1

    def late(self, what, lag, record, disturbed):
        what += f" ({disturbed})" if disturbed else ""
        if lag > self.worst.get(what, (-1, None))[0]:
            self.worst[what] = (lag, record.get("id"))

    def wrong(self, what, *of):
        self.errors.append(f"{what}: {', '.join(str(o) for o in of)}")


def judge(world, records, lines):
    """The Verdict on what clients recorded and what the traffic log says: each by the world, and against each other."""
    v = Verdict()
    logged = {}
    for r in records:
        if r["k"] == "late":
            world.late.setdefault(r["e"], []).append((r["t0"], r["t1"]))
    for line in lines:
        logged.setdefault(line["path"].rpartition("/")[2], []).append(line)
    seen = set()
    for r in records:
        if r["k"] in ("!",):
            v.wrong("the load failed", r)
        if r.get("wrong"):
            v.wrong("another's answer", r)
        if r["k"] == "late":
            v.count("times that a client itself stood still")
        elif r["k"] == "t":
            judge_routed(world, v, r)
        elif r["k"] == "c":
            judge_connect(world, v, r)
        elif "id" in r:
            if r["id"] in seen:
                v.wrong("two records of one request", r)
            seen.add(r["id"])
            judge_request(world, v, r, logged.get(r["id"], []))
    for who, of in logged.items():
        if who not in seen:
            v.wrong("the log has what no client asked", of[0])
    for begin, _, lines in world.dropped:
        if v.missing.get(begin, 0) > lines:
            v.wrong("more lines are missing than were counted as dropped", v.missing[begin], lines)
    return v


def judge_connect(world, v, r):
    """Nobody listened: an access proxy that was not there."""
    v.count("connection refused")
    if None in world.policies_in(r["p"], r["t0"] - LAG, r["t1"]):
        return v.excuse("the access proxy was not there")
    if cut_off(world, r, r["t0"], r["t1"]):
        return v.excuse("connection lost by revocation or reload")
    v.wrong("nobody listened", r)


def disturbed(world, a):
    """Which program was not there to tell of changes, or None."""
    if world.near(world.stopped, a, a, LEASE_LAST):
        return "the gateway stood still: its lease has to run out first"
    if world.bound(a) > LAG or world.near(world.killed, a, a, LEASE_LAST):
        return "EMS or gateway had been killed: until they are connected again"
    return None


def cut_off(world, r, a, b):
    """May a connection end without a word about one request? Where nginx reloads, or the endpoint itself is refused."""
    if world.near(world.reloads, a, b, RELOADING):
        return True
    return any(decide((Policy(True),), s) is not None for s in world.states_in(r["e"], a - world.bound(a), b)) or \
        False in world.freshness(a - LAG, b) or None in world.policies_in(r["p"], a - LAG, b)


def no_line(world, v, r, what):
    """A line was due when this ended, and is missing."""
    due = r.get("t2", r.get("t1", r["t0"]))
    if world.near(world.killed, due, due, LAG):
        return v.excuse("lines lost with the gateway")
    for begin, end, lines in world.dropped:
        if lines > 0 and begin <= due <= end + LAG:
            v.missing[begin] = v.missing.get(begin, 0) + 1
            return v.excuse("lines dropped, and counted, while the gateway stood still")
    return v.wrong(f"no line of {what}", r)


def judge_request(world, v, r, of):
    e, p, stream = r["e"], r["p"], r["k"] in ("d1", "d2", "w")
    status = r["s"]
    for line in of:
        if line.get("clientdeviceid") not in (world.uids[e], None):
            v.wrong("the log names another endpoint", line, r)
        if line.get("accessproxy") not in (p, None) or line.get("srcport") != r["port"]:
            v.wrong("the log names another access proxy or connection", line, r)
        if r["t0"] - 0.05 > line["t"]:
            v.wrong("the log is earlier than the request", line, r)
    last_line = of[-1] if of else None
    if len(of) > 1:
        v.wrong("several lines of one request", *of)
    if status == 403:
        v.count(f"refused {r['reason']}")
        if last_line is None:
            return no_line(world, v, r, "a refusal")
        if (last_line["action"], last_line["reason"]) != ("deny", r["reason"]):
            return v.wrong("the log says otherwise of a refusal", last_line, r)
        return timed(world, v, r, last_line["t"], last_line["t"], r["reason"], "to be let in again, or for another reason")
    if status in (502, 504):
        v.count(f"no real server {status}")
        admitted(world, v, r, r["t0"], r["t1"])
        if not world.all_servers_dead(p, r["t0"], r["t1"]):
            v.wrong("no real server answered, though not all of them had died", r)
        return no_line(world, v, r, "a failure") if last_line is None else None
    if status in (200, 101):
        v.count("allowed " + r["k"])
        begun = r["t1"]
        admitted(world, v, r, r["t0"], begun)
        if stream:
            return judge_stream(world, v, r, last_line)
        if last_line is None:
            return no_line(world, v, r, "a request")
        if last_line["action"] == "cut" or (last_line["action"] == "accept" and last_line.get("status") == 200):
            return None
        return v.wrong("the log says otherwise of a request", last_line, r)
    if status == 0:
        v.count("no answer")
        if last_line is not None and last_line["action"] == "cut":
            return timed(world, v, r, last_line["t"], last_line["t"], last_line["reason"], "to cut")
        if last_line is not None and last_line["action"] == "deny":
            timed(world, v, r, last_line["t"], last_line["t"], last_line["reason"], "to be let in again, or for another reason")
            if cut_off(world, r, r["t0"], r.get("t1", r["t0"])):
                return v.excuse("a refusal that a client did not read to its end")
        elif cut_off(world, r, r["t0"], r.get("t1", r["t0"] + 12)):
            return v.excuse("connection lost by revocation or reload")
        return v.wrong("no answer", r, last_line)
    return v.wrong("an unexpected status", r, last_line)


def timed(world, v, r, a, b, reason, what):
    if reason == "022" and what == "to cut" and world.was_removed(r["p"], r.get("server"), a):
        return v.excuse("its real server was taken out of the configuration")
    lag = world.lag_of(r["e"], r["p"], a, b, lambda found: reason in found)
    if lag is None:
        return v.wrong(f"reason {reason} does not follow", r, f"allowed would be {world.outcomes(r['e'], r['p'], a - world.bound(a), b)}")
    compared(world, v, r, a, b)
    v.late(what, lag, r, disturbed(world, a))
    return None


def compared(world, v, r, a, b):
    """Exact: nothing had changed for so long that only one decision was right."""
    v.count("compared")
    if len(world.outcomes(r["e"], r["p"], a - world.bound(a), b)) == 1:
        v.count("exact")


def admitted(world, v, r, a, b):
    """Let in between two moments."""
    lag = world.lag_of(r["e"], r["p"], a, b, lambda found: None in found)
    if lag is None:
        return v.wrong("let in against the policies", r,
                       f"they say {world.outcomes(r['e'], r['p'], a - world.bound(a), b)} within {world.bound(a):.1f} s")
    compared(world, v, r, a, b)
    v.late("from a loss to the last that was let in", lag, r, disturbed(world, a))
    return None


def survived(world, v, r, begun, last):
    """Nothing flows for longer than the bound in which nothing lets the endpoint in."""
    last = max(world.came(r["e"], last), begun)
    for x, y, _ in world.denied_spans(r["e"], r["p"], begun, last):
        v.late("from a loss to the last byte of what was open", y - x, r, disturbed(world, x) or disturbed(world, y))
        if y - x > world.bound(y):
            v.wrong(f"open for {y - x:.2f} s after the loss", r)
    v.count("compared")


def judge_stream(world, v, r, line):
    survived(world, v, r, r["t1"], r["last"])
    if line is not None and line["action"] == "cut":
        v.count(f"cut {line['reason']}")
        if world.came(r["e"], r["last"]) > line["t"] + READING:
            v.wrong(f"bytes {r['last'] - line['t']:.2f} s after the cut", r, line)
        if r["end"] == "complete":
            v.wrong("cut, and yet complete", r, line)
        return timed(world, v, r, line["t"], line["t"], line["reason"], "to cut")
    if line is None:
        return no_line(world, v, r, "a session")
    if line["action"] != "accept":
        return v.wrong("the log says otherwise of a session", r, line)
    if r["end"] == "we closed":
        return None
    if world.near(world.deaths.get(r["server"], ()), line["t"], line["t"], 1.0):
        return v.excuse("its real server died")
    if r["server"] is None and world.near([d for of in world.deaths.values() for d in of], line["t"], line["t"], 1.0):
        return v.excuse("its real server died before it said a word")
    return v.wrong("ended, and no line says that it was cut", r, line)


def judge_routed(world, v, r):
    """A connection through the firewall: nobody is told anything."""
    if r["s"] == 0 and r["end"] == "refused":
        v.count("routed: server away")
        if not world.near(world.deaths.get(r["server"], ()), r["t0"], r["t1"], 0.3):
            v.wrong("refused, though the server was there", r)
        return None
    if r["s"] == 0:
        v.count("routed: shut")
        lag = world.lag_of(r["e"], r["p"], r["t0"], r["t1"], lambda found: found - {None})
        if lag is None:
            return v.wrong("the firewall let nobody in, though the policies do", r)
        v.late("until the firewall lets in again", lag, r, disturbed(world, r["t0"]))
        return compared(world, v, r, r["t0"], r["t1"])
    v.count("routed: open")
    admitted(world, v, r, r["t0"], r["t1"])
    survived(world, v, r, r["t1"], r["last"])
    if world.came(r["e"], r["t2"]) < r["t2"]:
        return v.excuse("silent because its client itself stood still")
    if r["end"] == "we closed" or world.near(world.deaths.get(r["server"], ()), r["last"], r["t2"], 1.0):
        return None
    lag = world.lag_of(r["e"], r["p"], min(r["last"], world.came(r["e"], r["t2"])), r["t2"], lambda found: found - {None})
    if lag is None:
        return v.wrong("a routed connection ended without a reason", r)
    return v.count("routed: silenced")
