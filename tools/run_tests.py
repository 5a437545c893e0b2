#!/usr/bin/env python3
"""Runs every test of the tree and adds up what they say. See ./test --help."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / "build/release/bin"


class Tally:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = []

    def add(self, suite, passed, failed, skipped, seconds, output=""):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        mark = "ok  " if not failed else "FAIL"
        extra = f", {len(skipped)} skipped" if skipped else ""
        print(f"{mark} {suite}: {passed} passed, {len(failed)} failed{extra} ({seconds:.1f} s)", flush=True)
        if failed:
            print(output[-12000:])
            for name in failed:
                print(f"     failed: {name}")


def suites():
    """(name, kind, what to run), in the order in which a developer wants to hear of failures."""
    yield "layers", "script", ["python3", "tools/check_layers.py"]
    yield "names", "script", ["python3", "tools/check_names.py"]
    for binary in sorted(BIN.glob("*_test")):
        yield "unit/" + binary.name.removesuffix("_test"), "gtest", [str(binary)]
    for binary in sorted(BIN.glob("*_fuzz")):
        module, _, parser = binary.name.removesuffix("_fuzz").partition("_")
        yield f"fuzz/{module}_{parser}", "script", [str(binary), str(ROOT / f"fuzz/corpus/{module}_{parser}")]
    for script in sorted((ROOT / "tests/e2e").glob("*_test.py")):
        yield "e2e/" + script.stem.removesuffix("_test"), "unittest", ["python3", str(script)]


def run(command, env=None, timeout=2400):
    start = time.monotonic()
    try:
        done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, timeout=timeout, text=True, errors="replace")
        return done.returncode, done.stdout, time.monotonic() - start
    except subprocess.TimeoutExpired as late:
        text = late.stdout or b""
        return 124, (text.decode(errors="replace") if isinstance(text, bytes) else text) + "\ntimed out", timeout


def run_gtest(name, command, tally):
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        code, output, seconds = run(command + [f"--gtest_output=json:{report.name}", "--gtest_brief=1"])
        try:
            result = json.loads(Path(report.name).read_text())
        except ValueError:
            tally.add(name, 0, [f"{name} (ended with {code})"], [], seconds, output)
            return
    passed, failed, skipped = 0, [], []
    for group in result.get("testsuites", []):
        for test in group.get("testsuite", []):
            full = f"{name}: {group['name']}.{test['name']}"
            if test.get("failures"):
                failed.append(full)
            elif test.get("result") == "SKIPPED":
                reason = " ".join(s.get("message", "").strip() for s in test.get("skipped", []))
                skipped.append((full, reason or "no reason given"))
            else:
                passed += 1
    if code != 0 and not failed:
        failed.append(f"{name} (ended with {code})")
    tally.add(name, passed, failed, skipped, seconds, output)


def run_reporting(name, command, tally):
    """Scripts that write {"passed": [...], "failed": [...], "skipped": [[name, reason]...]} to POSTERN_TEST_REPORT."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        code, output, seconds = run(command, env=dict(os.environ, POSTERN_TEST_REPORT=report.name))
        try:
            result = json.loads(Path(report.name).read_text())
        except ValueError:
            tally.add(name, 0, [f"{name} (ended with {code})"], [], seconds, output)
            return
    failed = [f"{name}: {t}" for t in result["failed"]]
    if code != 0 and not failed:
        failed.append(f"{name} (ended with {code})")
    tally.add(name, len(result["passed"]), failed, [(f"{name}: {t}", why) for t, why in result["skipped"]], seconds,
              output)


def main():
    parser = argparse.ArgumentParser(description="Runs every test of the tree.", prog="./test")
    parser.add_argument("--only", action="append", metavar="TEXT", help="only suites whose name contains TEXT")
    parser.add_argument("--list", action="store_true", help="list the suites and stop")
    parser.add_argument("--no-skips", action="store_true", help="a skipped test counts as a failure")
    args = parser.parse_args()
    chosen = [s for s in suites() if not args.only or any(text in s[0] for text in args.only)]
    if args.list:
        print("\n".join(name for name, _, _ in chosen))
        return 0
    tally = Tally()
    for name, kind, command in chosen:
        if kind == "gtest":
            run_gtest(name, command, tally)
        elif kind == "script":
            code, output, seconds = run(command)
            tally.add(name, int(code == 0), [] if code == 0 else [name], [], seconds, output)
        else:
            run_reporting(name, command, tally)
    for test, reason in tally.skipped:
        print(f"skipped: {test}: {reason}")
    for test in tally.failed:
        print(f"failed: {test}")
    print(f"{tally.passed} passed, {len(tally.failed)} failed, {len(tally.skipped)} skipped")
    return 1 if tally.failed or tally.passed == 0 or (args.no_skips and tally.skipped) else 0


if __name__ == "__main__":
    sys.exit(main())
