"""Sends cases to a front and says of each whether it was refused, or understood by the application as by the front.

Each case comes from a source address of its own, which the front has to name in X-Forwarded-For: so each request that an
application saw belongs to a case, to a marked request between two cases, or to nobody, which is what must not be.
"""
import collections
import json
import re
import urllib.parse

from confusion.wire import Answer, connect_from, put, read_http1, read_http2

WAIT, LONGEST = 0.15, 20      # seconds for one that asks for more than it sends; for any other


def source_address(group, number):
    return f"127.{20 + group}.{number // 250}.{number % 250 + 1}"


def send(case, port, context, source):
    """The client's side of one case."""
    session = None
    try:
        if case.resumes:
            with connect_from(source, port, context, case.resumes) as first:
                put(first, f"GET /begin HTTP/1.1\r\nHost: {case.resumes}\r\nConnection: close\r\n\r\n".encode())
                read_http1(first)
                session = first.session
        sock = connect_from(source, port, context, case.sni, session, LONGEST)
    except OSError as error:
        return Answer(how=f"no handshake: {error}"), False
    with sock:
        put(sock, case.data)
        sock.settimeout(WAIT if case.waits else LONGEST)
        answer = read_http2(sock) if case.http2 else read_http1(sock, case.method)
        if case.more and answer.status:
            put(sock, case.more)
            answer = read_http1(sock)
        return answer, sock.session_reused


class Front:
    """`contexts`: TLS contexts of a client by (HTTP/2?, TLS 1.2?)."""

    def __init__(self, port, contexts, group):
        self.port, self.contexts, self.group = port, contexts, group
        self.marks, self.marker = 0, None
        self.mark_source = f"127.{20 + group}.255.1"

    def mark(self):
        """A request of another client's. What is wrong with its answer, or None."""
        self.marks += 1
        target = f"/mark/{self.marks}"
        for attempt in (1, 2):      # the front may have closed a connection that it kept
            if self.marker is None:
                self.marker = connect_from(self.mark_source, self.port, self.contexts[False, False], "app.example", timeout=LONGEST)
            put(self.marker, f"GET {target} HTTP/1.1\r\nHost: app.example\r\n\r\n".encode())
            answer = read_http1(self.marker)
            if answer.how != "closed":
                break
            self.close()
        if answer.status != 200:
            return f"another client's request was answered {answer}"
        try:
            seen = json.loads(answer.body)
        except ValueError:
            return f"another client got {answer.body[:80]!r}"
        if (seen["method"], seen["target"], seen["body"]) != ("GET", target, ""):
            return f"another client's {target} was answered as {seen['method']} {seen['target']}"
        return None

    def close(self):
        if self.marker is not None:
            self.marker.close()
            self.marker = None


class Outcome:
    def __init__(self, case, kind, source):
        self.case, self.kind, self.source = case, kind, source
        self.answer, self.seen, self.refusals, self.decided, self.findings = None, [], [], [], []

    @property
    def word(self):
        if self.findings:
            return "WRONG"
        if self.seen:
            return "alike"
        return "refused by the application" if self.refusals else "refused"


def run(cases, kind, front, back_ends, group):
    """One kind of application, one case after the other."""
    outcomes = {}
    for number, case in enumerate(cases):
        outcome = Outcome(case, kind, source_address(group, number))
        outcomes[outcome.source] = outcome
        outcome.answer, outcome.resumed = send(case, front.port, front.contexts[case.http2, case.tls12], outcome.source)
        wrong = front.mark()
        if wrong:
            outcome.findings.append(wrong)
            front.close()
        outcome.refusals = back_ends.refused_since(kind)
    front.close()
    return outcomes


# ---- what an application may make of a request

def header(record, name):
    return [value for key, value in record["headers"] if key.lower() == name]


def plain_host(host):
    host = host.lower()
    host = re.sub(r":\d*$", "", host)
    return host.removesuffix(".")


def readings(target):
    """A path as some application may read it: as it is, decoded, without dots, with slashes made one."""
    path = target.partition("?")[0].partition("#")[0]
    path = re.sub(r"^[a-z]+://[^/]*", "", path, flags=re.I) or "/"
    out, latest = {path}, path
    for step in (lambda p: urllib.parse.unquote(p, "latin1"), lambda p: p.replace("\\", "/"), lambda p: p.partition("\x00")[0],
                 lambda p: re.sub(r"//+", "/", p), without_dots):
        latest = step(latest)
        out.add(latest)
    return out


def without_dots(path):
    out = []
    for part in path.split("/"):
        if part == "..":
            out = out[:-1]
        elif part != ".":
            out.append(part)
    return "/" + "/".join(out).lstrip("/")


def place_of(host, path):
    """Where the gateway's mappings say that this request belongs, in words of the test's own."""
    if plain_host(host) == "tenant.example":
        return "tenant"
    # Of those that match the longest pattern.
    if re.search(r"^/v[0-9]+/", path):
        return "version"
    if path.startswith("/admin/"):
        return "admin"
    if "/secret" in path:
        return "secret"
    return "app"


UNTRUSTED = re.compile(r"(x-ssl-|ssl-client|x-client-(cert|verify|dn|ip)|client-cert|x-postern|x-original|x-rewrite|x-remote-user$|remote-user$"
                       r"|x-real-ip|forwarded$|proxy$|true-client|cf-connecting|x-cluster|x-tls-client|x-arr-|x-amzn-mtls)")


def judge_record(outcome, record, first):
    """What is wrong with one request that an application understood. `first`: of its connection."""
    wrong = outcome.findings.append
    case = outcome.case
    host = header(record, "host")
    if len(host) != 1:
        wrong(f"{len(host)} Host headers at the application: {host}")
        host = host or [""]
    for path in readings(record["target"]):
        if place_of(host[0], path) != record["place"]:
            wrong(f"{record['target']!r} of {host[0]!r} came to {record['place']}, and reads as {path!r}")
    if header(record, "x-forwarded-proto") != ["https"] or [plain_host(h) for h in header(record, "x-forwarded-host")] != [plain_host(host[0])]:
        wrong(f"forwarding headers: {[h for h in record['headers'] if h[0].lower().startswith('x-forwarded')]}")
    for name, value in record["headers"] + record["trailers"]:
        meant = re.sub(r"[_. \xad]", "-", name.lower()).rstrip("-")
        if UNTRUSTED.match(meant) or (meant.startswith("x-forwarded-") and ("spoofed" in value or re.search(r"[_. ]", name))):
            wrong(f"a client's own {name}: {value} came through")
        if meant in ("transfer-encoding", "te", "http2-settings", "trailer", "proxy-connection") and not (
                meant == "transfer-encoding" and value == "chunked"):
            wrong(f"{name}: {value} came through")
    if record.get("upgrade") not in (None, "websocket"):
        wrong(f"an upgrade to {record['upgrade']} came through")
    # One that is answered early, or whose client went away, has none that the application saw.
    expected = case.body if first and record["target"] != "/early" and not case.waits else None
    if expected is not None and record["body"].encode("latin1") != expected:
        wrong(f"the body was understood as {record['body'][:60]!r} and not as {expected[:60]!r}")


def matches(line, record):
    host = header(record, "host") or [""]
    path = urllib.parse.unquote(re.sub(r"^[a-z]+://[^/]*", "", record["target"].partition("?")[0], flags=re.I) or "/", errors="replace")
    logged = line.get("path", "/"), plain_host(line.get("hostname", ""))
    # The log says ? for a byte that is no ASCII.
    ascii_only = [re.sub(r"[^\x21-\x7e]+|\?+", "?", text) for text in (*logged, path, plain_host(host[0]))]
    # ... and only the beginning of what is long.
    return line.get("method") == record["method"] and all(
        said == meant or (len(said) >= 100 and meant.startswith(said)) for said, meant in zip(ascii_only[:2], ascii_only[2:]))


def judge(outcomes, records, lines, with_certificate=True):
    """Fills in the findings. `records`: all that applications of one kind understood; `lines`: the front's decisions."""
    stray = []
    for line in lines:
        if line.get("srcip") in outcomes:
            outcomes[line["srcip"]].decided.append(line)
    for record in records:
        source = header(record, "x-forwarded-for")
        if len(source) == 1 and source[0] in outcomes:
            outcomes[source[0]].seen.append(record)
        elif not (len(source) == 1 and source[0].endswith(".255.1") and record["target"].startswith("/mark/")):
            stray.append(record)
    for outcome in outcomes.values():
        case, seen, wrong = outcome.case, [r for r in outcome.seen if r["target"] != "/begin"], outcome.findings.append
        accepted = [line for line in outcome.decided if line["action"] in ("accept", "cut") and line.get("path") != "/begin"]
        for record in seen:
            judge_record(outcome, record, record is seen[0])
            same = next((line for line in accepted if matches(line, record)), None)
            if same is None:
                wrong(f"no decision for {record['method']} {record['target']} of {header(record, 'host')}; decided: "
                      f"{[(d['action'], d.get('method'), d.get('hostname'), d.get('path')) for d in outcome.decided]}")
            else:
                accepted.remove(same)
        if len(outcome.refusals) > len(accepted):
            wrong(f"the application saw more than was decided on: {outcome.refusals}")
        if not with_certificate and seen:
            wrong("reached an application without a certificate")
        if case.refused and seen:
            wrong(f"had to be refused, and was understood as {seen[0]['method']} {seen[0]['target']} of {header(seen[0], 'host')}")
        if case.passes and with_certificate and (not seen or outcome.answer.status >= 400):
            wrong(f"had to pass, and was answered {outcome.answer}")
        if case.resumes and outcome.answer.status and not outcome.resumed:
            outcome.new_session = True
        if outcome.answer.how == "held" and not case.waits:
            wrong(f"no answer in {LONGEST} s")
    return stray


def table(outcomes, kinds):
    """Family by kind of application: how many were refused and how many understood alike."""
    counts = collections.defaultdict(collections.Counter)
    for outcome in outcomes:
        counts[outcome.case.family][outcome.kind, outcome.word] += 1
    words = ("refused", "refused by the application", "alike", "WRONG")
    out = [f"{'':40}" + "".join(f"{kind:>24}" for kind in kinds),
           f"{'refused / by application / alike / wrong':40}"]
    for family in sorted(counts):
        out.append(f"{family:40}" + "".join(f"{' / '.join(str(counts[family][kind, word]) for word in words):>24}" for kind in kinds))
    return "\n".join(out)
