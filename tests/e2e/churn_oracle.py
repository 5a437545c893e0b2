"""What must have been decided, by the logs alone: what is known of a run (churn_facts.py), the gateway's traffic log, and what clients
saw. Pure: the tests of the oracle itself (churn_oracle_test.py) plant errors in such a log.

A decision is right if it follows from a state that was in force at the moment of the decision, or a bounded time before: the *lag*,
of which the least that explains a decision is kept and reported.
"""
from churn_facts import DEAD, LAG, LAST_BYTES, LEASE_LAST, PATIENCE, READING, RELOADING, TURN, Policy, client_of, decide


# Downloads by HTTP/1.1 and HTTP/2, WebSockets, calls by gRPC, forwarded TCP.
KIND_OF_LINE = {"g": "grpc", "f": "tcp-forwarding"}
# What a client of gRPC is told: UNAUTHENTICATED where nobody can be asked for an endpoint, UNAVAILABLE without a server, else
# PERMISSION_DENIED.
STATUS = {"001": 16, "063": 16, "066": 16, "022": 14}
STREAMS = ("d1", "d2", "w", "g", "f")


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
            world.late.setdefault(client_of(r["e"]), []).append((r["t0"], r["t1"]))
    for line in lines:
        if "path" not in line:
            judge_idle(world, v, line)
            continue
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


def judge_idle(world, v, line):
    """A connection on which no request was under way is only ended, with a line, where all that it leads to is taken away."""
    v.count("ended while idle")
    if (line["action"], line["reason"]) != ("cut", "022") or not world.was_removed(line["accessproxy"], None, line["t"]):
        v.wrong("a line of no request", line)


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
    if world.near([(begin, back) for begin, _, back in world.silent], a, a, LAG):
        return "the EMS stood still: its threshold has to run out first"
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
    e, p, stream = r["e"], r["p"], r["k"] in STREAMS
    status = r["s"]
    for line in of:
        if line.get("clientdeviceid") not in (world.uids[e], None):
            v.wrong("the log names another endpoint", line, r)
        if line.get("accessproxy") not in (p, None) or line.get("srcport") != r["port"]:
            v.wrong("the log names another access proxy or connection", line, r)
        # What is refused is not led anywhere: a tunnel is a WebSocket then.
        if r["k"] in KIND_OF_LINE and line.get("kind") != KIND_OF_LINE[r["k"]] and (r["k"], line["action"]) != ("f", "deny"):
            v.wrong("the log takes it for a session of another kind", line, r)
        if r["k"] == "f" and line.get("destination", r["to"]) != r["to"]:
            v.wrong("the log names another destination", line, r)
        if r["t0"] - TURN > line["t"]:
            v.wrong("the log is earlier than the request", line, r)
    last_line = of[-1] if of else None
    if len(of) > 1:
        v.wrong("several lines of one request", *of)
    if status == 403:
        if last_line is None:
            return no_line(world, v, r, "a refusal")
        if r["k"] == "g" and last_line["action"] == "cut":      # before the application had said a word
            r = {**r, "last": r["t1"], "t2": r["t1"], "end": "told"}
            return judge_stream(world, v, r, last_line)
        if r["k"] == "g":      # a call is told a status of gRPC's
            r = {**r, "reason": last_line["reason"]}
            if r["told"] != STATUS.get(r["reason"], 7):
                v.wrong("a call is told the wrong status", r, last_line)
        v.count(f"refused {r['reason']}")
        if (last_line["action"], last_line["reason"]) != ("deny", r["reason"]):
            return v.wrong("the log says otherwise of a refusal", last_line, r)
        return timed(world, v, r, last_line["t"], last_line["t"], r["reason"], "to be let in again, or for another reason")
    if status in (502, 504):
        v.count(f"no real server {status}")
        admitted(world, v, r, r["t0"], r["t1"])
        if r["k"] == "f":
            if not world.near(world.deaths.get(r["server"], ()), r["t0"], r["t1"], DEAD):
                v.wrong("the destination is said to be away, and is not", r)
        elif not world.all_servers_dead(p, r["t0"], r["t1"]):
            v.wrong("no real server answered, though not all of them had died", r)
        return no_line(world, v, r, "a failure") if last_line is None else None
    # A worker of before gets half a second to hear of other real servers before policies lead to them, and may need longer.
    if status == 503 and (world.near(world.reloads, r["t0"], r["t0"], READING) or world.near(world.led.get(p, ()), r["t0"], r["t0"], READING)):
        return v.excuse("begun with a worker of before, which knows no more what is configured")
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
    if status == 0 and r.get("end") == "goaway":
        v.count("not taken up, may be asked again")
        if last_line is not None:
            v.wrong("said not to be taken up, and was", r, last_line)
        elif not cut_off(world, r, world.came(r["e"], r["t0"]), r["t0"] + PATIENCE):
            v.wrong("sent away without a reason", r)
        return None
    if status == 0:
        v.count("no answer")
        if last_line is not None and last_line["action"] == "cut":
            return timed(world, v, r, last_line["t"], last_line["t"], last_line["reason"], "to cut")
        if last_line is not None and last_line["action"] == "deny":
            timed(world, v, r, last_line["t"], last_line["t"], last_line["reason"], "to be let in again, or for another reason")
            if cut_off(world, r, r["t0"], r.get("t1", r["t0"])):
                return v.excuse("a refusal that a client did not read to its end")
        elif cut_off(world, r, r["t0"], r.get("t1", r["t0"] + PATIENCE)):
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
    unvouched = world.unvouched_for(r["e"], r["p"], begun, last)
    if unvouched > LAST_BYTES:
        v.wrong(f"open for {unvouched:.2f} s while nobody vouched for it", r)
    v.count("compared")


def judge_stream(world, v, r, line):
    survived(world, v, r, r["t1"], r["last"])
    if line is not None and line["action"] == "cut":
        v.count(f"cut {line['reason']}")
        if world.came(r["e"], r["last"]) > line["t"] + READING:
            v.wrong(f"bytes {r['last'] - line['t']:.2f} s after the cut", r, line)
        if r["end"] == "complete":
            v.wrong("cut, and yet complete", r, line)
        if r["end"] == "told" and r["told"] != STATUS.get(line["reason"], 7):
            v.wrong("a call is told the wrong status", r, line)
        return timed(world, v, r, line["t"], line["t"], line["reason"], "to cut")
    if line is None:
        return no_line(world, v, r, "a session")
    if line["action"] != "accept":
        return v.wrong("the log says otherwise of a session", r, line)
    if r["end"] == "we closed":
        return None
    # What ends a tunnel is told its client first, whose answer may be late.
    begun = min(world.came(r["e"], r["last"]), line["t"]) if r["k"] == "f" else line["t"]
    if world.near(world.deaths.get(r["server"], ()), begun, line["t"], 1.0):
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
