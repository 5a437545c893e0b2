"""`postern-ems vuln scan` beside Debian's own scanner, debsecan, on the same advisories and the same packages: both must
name the same (vulnerability, package) pairs. The advisories come as OSV records; here they are written anew in
debsecan's format and served to it on loopback. debsecan compares versions by libapt, so nothing of ours judges.

The kernel's packages are set apart by rule: debsecan counts whatever was built from the kernel's source (headers, perf),
Postern the running kernel and nothing else.
"""
import contextlib
import functools
import gzip
import http.server
import json
import random
import re
import shutil
import subprocess
import tempfile
import threading
import unittest
import zlib
from pathlib import Path
from typing import NamedTuple

import harness
from lab import BIN, ROOT

FEED = ROOT / "data/osv-debian-12-sample.jsonl.gz"
STATUS = "var/lib/dpkg/status"
RELEASE = "bookworm"
KERNEL = re.compile(r"linux(-\d[\d.]*|-signed-.*)?$")
REBUILD = re.compile(r"~deb\d+u\d+$")    # the suffix of a version rebuilt for a release: sorts before what it rebuilds


class Row(NamedTuple):
    cve: str
    source: str
    fixed: str


class Package(NamedTuple):
    name: str
    version: str
    source: str
    source_version: str

    def entry(self):
        return (f"Package: {self.name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {self.version}\n"
                f"Source: {self.source} ({self.source_version})\n\n")


def records():
    with gzip.open(FEED, "rt") as lines:
        return [json.loads(line) for line in lines]


def rows_of(record_list):
    """What the records say; anything that debsecan's format has no room for is an error, not left out."""
    out = []
    for record in record_list:
        for affected in record["affected"]:
            (ranges,) = affected["ranges"]
            introduced, fixed = ranges["events"]
            if affected["package"]["ecosystem"] != "Debian:12" or introduced != {"introduced": "0"} or "versions" in affected:
                raise ValueError(f"{record['id']} cannot be written for debsecan")
            (cve,) = record["upstream"]
            out.append(Row(cve, affected["package"]["name"], fixed["fixed"]))
    return out


def packages_of(status):
    out = []
    for stanza in re.split(r"\n\n+", status.strip()):
        fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", stanza, re.M))
        if "installed" not in fields.get("Status", "").split():
            continue
        source, version = re.fullmatch(r"(\S+)(?: \((.*)\))?", fields.get("Source") or fields["Package"]).groups()
        out.append(Package(fields["Package"], fields["Version"], source, version or fields["Version"]))
    return out


@functools.cache
def before(a, b):
    return subprocess.run(["dpkg", "--compare-versions", a, "lt", b]).returncode == 0


def in_unstable(row):
    """The version that a release's rebuild was made from."""
    return REBUILD.sub("", row.fixed)


def debsecan_text(rows, packages, per_release=True):
    """Debian's tracker gives the version of unstable that is free of a vulnerability, and those of the releases that are
    free of it too though they sort before. `per_release=False` leaves the latter out: the trap."""
    known = {}
    for name, version in [(r.source, r.fixed) for r in rows] + [(p.source, p.source_version) for p in packages]:
        known.setdefault(name, set()).add(version)
    text = ["VERSION 1"] + [f"{r.cve},,no description" for r in rows] + [""]
    for number, row in enumerate(rows):
        unstable, free = in_unstable(row), []
        if unstable != row.fixed and per_release:
            free = sorted(v for v in known[row.source] if not before(v, row.fixed) and before(v, unstable))
        text.append(f"{row.source},{number},S  F,{unstable},{' '.join(free)}")
    text += [""] + [f"{source}," for source in sorted(known)] + [""]
    return "\n".join(text) + "\n"


@contextlib.contextmanager
def served(text):
    """The URL under which debsecan finds `text`."""
    body = zlib.compress(text.encode())

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            good = self.path == f"/{RELEASE}"
            self.send_response(200 if good else 404)
            self.send_header("Content-Length", str(len(body) if good else 0))
            self.end_headers()
            if good:
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class Debsecan(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if shutil.which("debsecan") is None:
            raise AssertionError("debsecan is missing; `tools/setup test` installs it")
        cls.directory = Path(tempfile.mkdtemp(prefix="postern-debsecan-"))
        cls.addClassCleanup(shutil.rmtree, cls.directory)
        cls.records = records()
        cls.rows = rows_of(cls.records)

    # ---- the two

    def debsecan(self, status, rows, per_release=True):
        """{(vulnerability, binary package)}"""
        file = self.directory / "status"
        file.write_text(status)
        with served(debsecan_text(rows, packages_of(status), per_release)) as url:
            done = subprocess.run(["debsecan", "--config", "/dev/null", "--whitelist", "", "--source", url, "--suite", RELEASE,
                                   "--status", file, "--format", "simple"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return {tuple(line.split()) for line in done.stdout.splitlines()}

    def postern(self, root, record_list):
        return self.postern_by(root, "".join(json.dumps(record) + "\n" for record in record_list))

    def postern_by(self, root, text):
        feed = self.directory / "feed"
        feed.write_text(text)
        done = subprocess.run([BIN / "postern-ems", "vuln", "scan", "--root", root, "--feed", feed, "--format", "json"],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("warning", done.stderr)
        return {(f["cve"], f["package"]) for f in json.loads(done.stdout)}

    def postern_on(self, status, record_list):
        root = self.directory / "root"
        for name, text in (("etc/os-release", 'ID=debian\nVERSION_ID="12"\n'), (STATUS, status)):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return self.postern(root, record_list)

    def this_machine(self):
        """(the packages' database, what Postern finds), of one moment."""
        for _ in range(5):
            status = Path("/", STATUS).read_text()
            found = self.postern("/", self.records)
            if Path("/", STATUS).read_text() == status:
                return status, found
        self.fail("packages are being installed all the time")

    def same(self, ours, theirs, status, rows):
        """Fails with every pair that only one of them names, and what is known of it."""
        lines = []
        sources = {p.name: p for p in packages_of(status)}
        for cve, name in sorted(ours ^ theirs):
            package = sources.get(name)
            bounds = [r.fixed for r in rows if r.cve == cve and package and r.source == package.source]
            lines.append(f"only {'Postern' if (cve, name) in ours else 'debsecan'}: {cve} in {name}, "
                         f"{package and f'{package.source} {package.source_version}'}, fixed in {bounds}")
        self.assertEqual(lines, [])

    def set_apart(self, pairs, status):
        """(the pairs without the kernel's, how many those were)"""
        kernel = {p.name for p in packages_of(status) if KERNEL.match(p.source)}
        rest = {pair for pair in pairs if pair[1] not in kernel}
        return rest, len(pairs) - len(rest)

    # ---- what must hold

    def test_this_machine(self):
        status, found = self.this_machine()
        ours, running = self.set_apart(found, status)
        theirs, built_from_it = self.set_apart(self.debsecan(status, self.rows), status)
        print(f"\n  {len(ours)} pairs, {len({cve for cve, _ in ours})} vulnerabilities; set apart, of the kernel's source: "
              f"{running} (the running kernel's), {built_from_it} at debsecan ", end="")
        self.same(ours, theirs, status, self.rows)

    def edges(self):
        """Packages at both sides of bounds, and on them: up to four bounds of each source but the kernel."""
        bounds = {}
        for row in self.rows:
            if not KERNEL.match(row.source):
                bounds.setdefault(row.source, set()).add(row.fixed)
        chance = random.Random(12)
        out = []
        for source in sorted(bounds):
            rebuilds = sorted(b for b in bounds[source] if REBUILD.search(b))
            others = sorted(bounds[source] - set(rebuilds))
            some = rebuilds[-2:] + chance.sample(others, min(len(others), 2))
            versions = [v for b in some for v in (b + "~", b, b + "+0", REBUILD.sub("", b))]
            for n, version in enumerate(dict.fromkeys(versions)):
                # The package's own version says nothing: the source's does.
                out.append(Package(f"{source}-{n}", chance.choice(("0", "9999:1")), source, version))
        return "".join(p.entry() for p in out)

    def test_at_the_edges_of_bounds(self):
        status = self.edges()
        ours = self.postern_on(status, self.records)
        self.assertGreater(len(ours), 1000)
        self.same(ours, self.debsecan(status, self.rows), status, self.rows)

    def test_bounds_are_a_releases_own(self):
        # What is rebuilt for a release sorts before the version it rebuilds: 590-2.1~deb12u2 < 590-2.1.
        rebuilt = [r for r in self.rows if REBUILD.search(r.fixed)]
        self.assertIn(Row("CVE-2024-32487", "less", "590-2.1~deb12u1"), rebuilt)
        self.assertTrue(all(before(r.fixed, in_unstable(r)) for r in rebuilt))
        at_bound = "".join(Package(f"{r.source}-{n}", "1", r.source, r.fixed).entry() for n, r in enumerate(rebuilt))
        below = at_bound.replace(")\n", "~)\n")
        # The fix is in: none is found. One step before it: each is found.
        own = {(r.cve, f"{r.source}-{n}") for n, r in enumerate(rebuilt)}
        self.assertGreater(len(own), 100)
        ours = self.postern_on(at_bound, self.records)
        self.assertEqual(ours & own, set())
        self.same(ours, self.debsecan(at_bound, self.rows), at_bound, self.rows)
        self.assertLessEqual(own, self.postern_on(below, self.records))
        # Taken for bounds of every release, unstable's call each of them open.
        naive = self.debsecan(at_bound, self.rows, per_release=False)
        self.assertLessEqual(own, naive)
        self.assertLess(ours, naive)

    def test_the_tracker_as_json_says_the_same(self):
        tracker = {}
        for row in self.rows:
            release = {"status": "resolved", "repositories": {}, "fixed_version": row.fixed, "urgency": "not yet assigned"}
            other = {"status": "open", "repositories": {}, "urgency": "not yet assigned"}    # of another release
            tracker.setdefault(row.source, {})[row.cve] = {"scope": "remote", "releases": {RELEASE: release, "bullseye": other}}
        self.assertEqual(sum(len(cves) for cves in tracker.values()), len({(r.source, r.cve) for r in self.rows}))
        status = self.edges()
        ours = self.postern_on(status, self.records)
        self.same(self.postern_by(self.directory / "root", json.dumps(tracker)), ours, status, self.rows)

    def test_one_changed_bound_is_one_difference(self):
        # If this test compared nothing, it would not see this.
        status = self.edges()
        packages = packages_of(status)
        ours = self.postern_on(status, self.records)
        row, name = next((r, p.name) for r in self.rows for p in packages
                         if r.source == p.source and (r.cve, p.name) in ours)
        others = {(r.cve, r.source) for r in self.rows if r != row}
        self.assertNotIn((row.cve, row.source), others)
        changed = json.loads(json.dumps(self.records))
        for record in changed:
            for affected in record["affected"]:
                if record["upstream"] == [row.cve] and affected["package"]["name"] == row.source:
                    affected["ranges"][0]["events"][1]["fixed"] = "0~"
        theirs = self.debsecan(status, self.rows)
        lost = {(row.cve, p.name) for p in packages if p.source == row.source and (row.cve, p.name) in ours}
        self.assertIn((row.cve, name), lost)
        self.assertEqual(self.postern_on(status, changed) ^ theirs, lost)


if __name__ == "__main__":
    harness.main()
