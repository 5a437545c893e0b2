"""What is known of a churn, and what may be decided by it: the EMS's history of each endpoint, what was configured, and what was
done to programs. Pure. Times are seconds since 1970, of one machine."""
import bisect
from dataclasses import dataclass, field, replace

# While all programs run: from the EMS's commit to the last decision by what was before. (Measured elsewhere in milliseconds; here
# two processors carry the programs, the load and the observers.)
LAG = 2.0
# A lease lasts 5 s from when the gateway last renewed it, which it does each second.
LEASE_FIRST, LEASE_LAST = 3.5, 5.5
# Between when a real server sent the last byte that came, and what nginx says of the end.
READING = 1.5
# A request that no real server took: each of its pool was dead within so long before it began or after it ended.
DEAD = 0.3
# Where servers are checked each 5 s, one that was dead at two checks in a row, so far apart, is taken for down...
CHECK_APART = (4.0, 7.0)
# ...until the next check, with as long as that may take.
CHECKED = 7.0
# So long after its EMS last confirmed what it knows a gateway goes on (as configured; the EMS may have just done so)...
THRESHOLD = 10.0
# ...or less by this: it asks for that each 5 s, and counts from when it asked.
HEARD_BEFORE = 6.0
# Between a moment from which nothing may be let through, and the last byte of before that a client reads.
LAST_BYTES = 0.5
# For an answer; longer than a gateway's lease and a real server's connect timeout.
PATIENCE = 12
# nginx closes idle connections when it reloads; a request may be on its way then.
RELOADING = 1.0
AFTER_REMOVAL = 7.0
# A worker writes the time at which it began its turn, and may be kept waiting in that.
TURN = 0.5


@dataclass(frozen=True)
class State:
    """An endpoint as the EMS has it."""
    registered: bool = False
    online: bool = False
    quarantined: bool = False
    has: frozenset = frozenset()
    unknown: frozenset = frozenset()
    known: bool = False      # it was enrolled, whatever has become of it


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
    identity = ("063" if state.known else "066" if fresh else "070") if not state.registered else "068" if state.quarantined else "067" if not state.online else None
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
            now = {"enrolled": lambda: replace(now, registered=True, known=True), "online": lambda: replace(now, online=True),
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
    silent: list = field(default_factory=list)         # (from, to, until the connector is connected again): the EMS stood still
    reloads: list = field(default_factory=list)        # (from, to): nginx was told to reload
    deaths: dict = field(default_factory=dict)         # server → [(from, to)]
    pools: dict = field(default_factory=dict)          # proxy → servers
    checked: frozenset = frozenset()                   # proxies whose servers the gateway checks
    removed: list = field(default_factory=list)        # (from, to, proxy, server or None: all): taken out of the configuration
    uids: dict = field(default_factory=dict)           # endpoint → uid
    led: dict = field(default_factory=dict)            # proxy → [(from, to)]: its real servers became others

    late: dict = field(default_factory=dict)           # client → (from, to): it stood still itself

    def __post_init__(self):
        self.times = {e: [t for t, _ in line] for e, line in self.states.items()}

    def states_in(self, endpoint, a, b):
        times, line = self.times[endpoint], self.states[endpoint]
        return {line[i][1] for i in range(max(bisect.bisect_right(times, a) - 1, 0), bisect.bisect_right(times, b))} or {line[0][1]}

    def policies_in(self, proxy, a, b):
        return {v.policies for v in self.config[proxy] if v.begin <= b and v.end >= a}

    def unvouched(self):
        """[(from, to)]: nobody vouches for an endpoint, for the gateway or its EMS has stood still for longer than that may be."""
        # The log cuts its times to milliseconds.
        return [(begin + LEASE_LAST, end - 0.002) for begin, end in self.stopped if begin + LEASE_LAST < end] + \
            [(begin + THRESHOLD + LAG, end - 0.002) for begin, end, _ in self.silent if begin + THRESHOLD + LAG < end]

    def freshness(self, a, b):
        if any(begin <= a and b <= end for begin, end in self.unvouched()):
            return {False}
        # From when it may be so, and until when.
        spans = [(begin + LEASE_FIRST, end) for begin, end in self.stopped] + self.killed + \
            [(begin + THRESHOLD - HEARD_BEFORE, back) for begin, _, back in self.silent] + \
            [(begin + THRESHOLD - HEARD_BEFORE, end) for begin, end in self.away if begin + THRESHOLD - HEARD_BEFORE < end]
        return {True} | {False for begin, end in spans if begin <= b and a <= end + LAG}

    def forgotten(self, a, b):
        """A gateway that was killed may not know for sure what its EMS told it last: until the EMS has told it again, it takes each
        endpoint of which that was for one that nobody knows."""
        for begin, end in self.killed:
            told = max([back for away, back in self.away if away <= begin <= back], default=end)
            if begin <= b and a <= max(end, told) + LAG:
                return {State()}
        return set()

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

    def outcomes(self, endpoint, proxy, a, b, lag=0.0):
        """What may be decided between two moments, by the states that were in force then or up to `lag` before."""
        fresh, states = self.freshness(a, b), self.states_in(endpoint, a - lag, b) | self.forgotten(a, b)
        return {decide(p, s, f) for p in self.policies_in(proxy, a - lag, b) for s in states for f in fresh}

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
            if right(self.outcomes(endpoint, proxy, a, b, d)):
                return d
        return None

    def denied_spans(self, endpoint, proxy, a, b):
        """[(from, to, reasons)] between a and b: nothing that may be in force lets the endpoint in."""
        marks = {a, b} | {t for t in self.times[endpoint] if a < t < b}
        for v in self.config[proxy]:
            marks |= {t for t in (v.begin, v.end) if a < t < b}
        for begin, end in self.stopped + self.killed:
            marks |= {t for t in (begin + LEASE_FIRST, begin + LEASE_LAST, end, end + LAG) if a < t < b}
        for begin, end, back in self.silent:
            marks |= {t for t in (begin + THRESHOLD - HEARD_BEFORE, begin + THRESHOLD + LAG, end, back + LAG) if a < t < b}
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
        for begin, end in reversed(self.late.get(client_of(endpoint), ())):
            if begin <= moment <= end + 0.2:
                moment = begin
        return moment

    def was_removed(self, proxy, server, moment):
        """The gateway ends what leads to a server that was taken out, and looks again for some seconds."""
        return any(p == proxy and (s is None or server in (s, None)) and begin <= moment <= end + AFTER_REMOVAL for begin, end, p, s in self.removed)

    def near(self, spans, a, b, slack):
        return any(begin - slack <= b and a <= end + slack for begin, end in spans)

    def unvouched_for(self, endpoint, proxy, a, b):
        """The longest time between a and b in which nobody vouches for the endpoint, and no policy lets in whom nobody vouches for."""
        longest = 0.0
        for begin, end in self.unvouched():
            x, y = max(a, begin), min(b, end)
            if x < y and None not in {decide(p, s, False) for p in self.policies_in(proxy, x - LAG, y)
                                      for s in self.states_in(endpoint, x - self.bound(x), y)}:
                longest = max(longest, y - x)
        return longest

    def dead(self, server, proxy, a, b):
        """May nobody have answered for this server between a and b?"""
        for begin, end in self.deaths.get(server, ()):
            known = end + DEAD
            if proxy in self.checked and self.two_checks_failed(server, begin, end):
                known = self.awake_for(end, CHECKED)
            if begin - DEAD <= b and a <= known:
                return True
        return False

    def two_checks_failed(self, server, begin, end):
        """May the later of them have been in this time? A gateway that stands still doesn't check."""
        for b, e in self.deaths[server]:
            if b <= begin and end - b >= CHECK_APART[0] and begin <= self.awake_for(e, CHECK_APART[1]):
                return True
        return False

    def awake_for(self, moment, seconds):
        """When the gateway has been awake for so many seconds since that moment."""
        then = moment + seconds
        for begin, end in sorted(self.stopped + self.killed):
            if begin <= then and moment <= end:
                then += end - max(begin, moment)
        return then

    def all_servers_dead(self, proxy, a, b):
        return all(self.dead(s, proxy, a, b) for s in self.pools[proxy])


def client_of(endpoint):
    """The client at which an endpoint's load ran: one that was enrolled again is another endpoint, "agent#2"; whoever has its address
    is "agent#address"."""
    return endpoint.partition("#")[0]


def by_address(states):
    """The states of whoever has a client's address: each one's from its enrolment on. `states`: of one after the other."""
    out = list(states[0])
    for line in states[1:]:
        begin = next((t for t, s in line if s.registered), float("inf"))
        out = [(t, s) for t, s in out if t < begin] + [(t, s) for t, s in line if t >= begin]
    return out
