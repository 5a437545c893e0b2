"""Every benchmark still runs to its end on the real programs, and no metric is left out. Their figures are no test's business."""
import json
import subprocess
import sys
import tempfile
import types
import unittest
import unittest.mock
from pathlib import Path

import harness

sys.path.insert(0, str(harness.ROOT / "benchmarks"))
import catalogue  # noqa: E402
import engine  # noqa: E402


def bench(*arguments):
    return subprocess.run([sys.executable, harness.ROOT / "tools/bench.py", *arguments], capture_output=True, text=True)


class Bench(unittest.TestCase):
    def measured(self, name):
        done = bench(name, "--rounds", "1", "--json")
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        rows = json.loads(done.stdout)["metrics"]
        self.assertLessEqual({f"P{n}" for n in range(1, 24)}, {row["id"] for row in rows})
        own = {m.id for m in catalogue.METRICS if m.benchmark == name}
        for row in rows:
            self.assertLessEqual({"id", "name", "unit", "ours", "peer_name", "peer", "ratio", "target", "met"}, row.keys())
            if row["id"] in own:
                self.assertGreater(row["ours"], 0, row)
                self.assertGreater(row["peer"], 0, row)
            elif row["id"].partition(".")[0] not in own:
                self.assertIsNone(row["ours"], row)
            self.assertIsNone(row["met"], "a trial meets no target")

    def test_bulk(self):
        self.measured("bulk")

    def test_deltas(self):
        self.measured("deltas")

    def test_decision(self):
        self.measured("decision")

    def test_engine(self):
        self.measured("engine")

    @unittest.skipIf(harness.namespaces_allowed(), "this kernel refuses network namespaces")
    def test_policies(self):
        self.measured("policies")

    def test_proxy(self):
        self.measured("proxy")

    @unittest.skipIf(harness.namespaces_allowed(), "this kernel refuses network namespaces")
    def test_revocation(self):
        self.measured("revocation")

    def test_vuln(self):
        self.measured("vuln")

    def test_a_machine_that_can_not_run_duckdb_is_told_why(self):
        with tempfile.TemporaryDirectory() as directory:
            package = Path(directory) / "node_modules/@duckdb/node-api"
            package.mkdir(parents=True)
            (package / "package.json").write_text(json.dumps({"version": engine.DUCKDB.rpartition("@")[2], "main": "api.js"}))
            (package / "api.js").write_text('throw new Error("libc.so.6: version GLIBC_2.99 not found");')
            said = []
            context = types.SimpleNamespace(say=said.append)
            with unittest.mock.patch.object(engine, "MODULES", Path(directory)):
                with engine.duckdb_beside(context, Path(directory) / "endpoints.csv") as (program, why):
                    self.assertIsNone(program)
            self.assertRegex(why, r"^Node v\S+ on linux-\S+ can't load @duckdb/node-api: libc.so.6: version GLIBC_2.99 not found$")
            self.assertEqual(said, ["loading DuckDB", f"not beside DuckDB: {why}"])

    def test_unknown_and_unbuilt_names_are_refused(self):
        for name, said in (("nonsense", "there is no benchmark or metric called 'nonsense'"), ("P21", "not built yet")):
            done = bench(name)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)

    def test_list_names_every_metric(self):
        listed = bench("--list").stdout
        for n in range(1, 23):
            self.assertRegex(listed, rf"(?m)^P{n} ")


if __name__ == "__main__":
    harness.main()
