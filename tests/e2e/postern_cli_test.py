"""The administrator's command line against a real EMS: sign in, tags from YAML, endpoints, why now and then, what-if."""
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time

import harness
from harness import stacks, wait_for
from lab import BIN

TAGS = """# What this test protects with.
tags:
  - name: Marked
    message: Start the mark, then check again.
    rules:
      - {{id: 1, os: linux, type: ems-management}}
      - {{id: 2, os: linux, type: running-process, processes: [{process}]}}
    logic:
      linux: 1 and 2
  - name: Vulnerable-Device
    message: Install the pending security updates, then check again.
    comment: At least one finding of high severity or above.
    rules: [{{id: 1, os: linux, type: vulnerable-devices, severity: high}}]
  - name: Telemetry-Connected
    message: Start the Postern agent and connect it to your EMS.
    comment: The agent is installed and its telemetry is connected.
    rules: [{{id: 1, os: linux, type: ems-management}}]
"""


class PosternCli(harness.StackTest):
    letter = "e"

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.program = cls.directory / f"mark{cls.name}"
        shutil.copy("/bin/sleep", cls.program)
        cls.mark = subprocess.Popen([cls.program, "600"])
        cls.addClassCleanup(cls.end_mark)
        cls.uid = stack.enrol()
        cls.host = wait_for(lambda: stack.ems.endpoint(cls.uid)["host_name"], "the agent's first report")
        cls.url = f"https://{stack.ems_host}:{stack.ports['https']}"
        cls.fingerprint = stack.ems.fingerprint()["sha256"]
        cls.environment = {"PATH": os.environ["PATH"], "HOME": str(cls.directory), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        cls.inside = ["ip", "netns", "exec", stack.from_ns] if stack.from_ns else []

    @classmethod
    def end_mark(cls):
        cls.mark.kill()
        cls.mark.wait()

    def command(self, *arguments):
        return [*self.inside, str(BIN / "postern"), *map(str, arguments)]

    def postern(self, *arguments, text=None, code=0):
        done = subprocess.run(self.command(*arguments), env=self.environment, input=text, text=True, capture_output=True,
                              timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertNotIn(self.stack.ems.token, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def tags_file(self):
        path = self.directory / "tags.yaml"
        path.write_text(TAGS.format(process=self.program.name))
        return path

    def test_1_sign_in_asks_to_trust_the_certificate(self):
        """On a terminal, as a person does: the fingerprint is shown, the password is not."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(self.environment)
            command = self.command("login", self.url, "--name", "lab")
            os.execvp(command[0], command)
        said = b""

        def wait_for_word(word, answer=None):
            nonlocal said
            end = time.monotonic() + 30
            while word not in said:
                self.assertLess(time.monotonic(), end, said)
                if select.select([terminal], [], [], 1)[0]:
                    said += os.read(terminal, 4096)
            if answer is not None:
                os.write(terminal, answer.encode() + b"\n")

        wait_for_word(b"[y/N]", "y")
        wait_for_word(b"Name [admin]", "")
        wait_for_word(b"Password of admin:", self.stack.ems.password)
        wait_for_word(b"Signed in to")
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        self.assertEqual(status, 0, said)
        self.assertIn(self.fingerprint.lower(), said.decode().lower().replace(":", ""))
        self.assertNotIn(self.stack.ems.password, said.decode())
        self.assertIn("1 of them registered, 1 online", self.postern("status"))

    def test_2_another_certificate_is_not_spoken_to(self):
        error = self.postern("--fingerprint", "ab" * 32, "tags", code=1)
        self.assertIn("another certificate", error)
        self.assertEqual(error.count("\n"), 1)

    def test_3_tags_from_a_file(self):
        tags = self.tags_file()
        dry = self.postern("apply", "-f", tags, "--dry-run")
        self.assertIn("+ Marked  new", dry)
        self.assertIn("= Vulnerable-Device  unchanged", dry)
        self.assertIn("= Telemetry-Connected  unchanged", dry)
        with self.assertRaises(stacks.ApiError):
            self.stack.ems.api("GET", "tags/Marked")
        self.assertIn("saved: 1 tag", self.postern("apply", "-f", tags))
        again = self.postern("apply", "-f", tags)
        self.assertEqual(again, "= Marked  unchanged\n= Vulnerable-Device  unchanged\n= Telemetry-Connected  unchanged\n")

    def test_4_export_is_taken_back_unchanged(self):
        exported = self.postern("export")
        self.assertNotIn("all_registered_clients", exported)
        back = self.postern("apply", "-f", "-", text=exported)
        self.assertEqual(sorted(line.split()[-1] for line in back.splitlines()), ["unchanged"] * 3, back)
        self.assertEqual(self.postern("export"), exported)

    def test_5_a_bad_tag_changes_nothing(self):
        error = self.postern("apply", "-f", "-", code=1, text="- {name: Fine, rules: []}\n- {name: Marked, rules: [{id: 1, os: linux, type: frob}]}\n")
        self.assertIn("Marked: rule 1", error)
        self.assertIn("nothing was saved", error)
        with self.assertRaises(stacks.ApiError):
            self.stack.ems.api("GET", "tags/Fine")

    def test_6_endpoints(self):
        wait_for(lambda: "Marked" in self.stack.ems.endpoint(self.uid)["tags"], "the mark to be seen")
        listed = self.postern("endpoints", "--tag", "Marked")
        self.assertIn(self.uid, listed)
        self.assertIn("online", listed)
        self.assertEqual(json.loads(self.postern("endpoints", "--json"))["items"][0]["uid"], self.uid)
        self.assertIn("Marked", self.postern("endpoint", self.uid[:8]))
        self.assertIn("os.family", self.postern("endpoint", self.host, "--facts"))
        self.assertIn("no endpoint", self.postern("endpoint", "nobody", code=1))

    def test_7_what_if_names_the_endpoint(self):
        draft = TAGS.format(process="nobody-runs-this").split("  - name: Vulnerable")[0]
        told = self.postern("what-if", "-f", "-", text=draft)
        self.assertRegex(told, f"1 endpoint would (lose it|become unknown): {self.host}")
        self.assertIn("Marked", self.stack.ems.endpoint(self.uid)["tags"])

    def test_7_what_if_of_a_file_says_what_apply_says(self):
        two = ("- {name: Upper, rules: [{id: 1, os: linux, type: tag, tags: [Lower]}]}\n"
               "- {name: Lower, rules: [{id: 1, os: linux, type: external-score, provider: edr, op: '>=', score: 50}]}\n")
        told = json.loads(self.postern("--json", "what-if", "-f", "-", text=two))
        shown = self.postern("what-if", "-f", "-", text=two)
        self.assertIn(f"Upper\n  1 endpoint would become unknown: {self.host}\n", shown)
        applied = json.loads(self.postern("--json", "apply", "-f", "-", text=two))
        self.assertEqual(told["what_if"]["tags"], sorted((tag["what_if"] for tag in applied["tags"]), key=lambda t: t["name"]))
        why = self.postern("why", self.host, "Lower")
        self.assertIn("nobody has set the attribute score.edr of this endpoint", why)
        self.assertIn(f"postern attribute {self.host} score.edr VALUE", why)
        for name in ("Upper", "Lower"):
            self.stack.ems.api("DELETE", f"tags/{name}")

    def test_8_why_now_and_then(self):
        self.assertTrue(self.postern("why", self.host, "Marked").startswith(f"{self.host} has Marked: rules 1 and 2 hold.\n"))
        then = self.stack.ems.api("GET", "changes?limit=1000")["items"][-1]["at"]
        self.end_mark()
        wait_for(lambda: "Marked" not in self.stack.ems.endpoint(self.uid)["tags"], "the tag to be lost")
        now = self.postern("why", self.uid[:10], "Marked")
        self.assertTrue(now.startswith(f"{self.host} does not have Marked: rule 2 fails.\n"), now)
        self.assertIn(f"process.running:{self.program.name} = false", now)
        self.assertIn("Start the mark, then check again.", now)
        past = self.postern("why", self.host, "Marked", "--at", then)
        self.assertIn(f": {self.host} had Marked: rules 1 and 2 held.\n", past)
        self.assertIn("It does not have it now.", past)
        self.assertEqual(json.loads(self.postern("why", self.host, "Marked", "--at", then, "--json"))["state"], "has")
        self.assertEqual(self.postern("why", self.host, "Nope", code=1), "postern: there is no tag Nope\n")

    def test_9_quarantine_and_the_log(self):
        self.assertIn("is in quarantine", self.postern("quarantine", self.host, "--reason", "test"))
        self.assertTrue(self.stack.ems.endpoint(self.uid)["quarantined"])
        self.assertIn("quarantined", self.postern("endpoints"))
        self.assertIn("released", self.postern("unquarantine", self.host))
        self.assertIn("endpoint.quarantine", self.postern("audit"))

    def listening(self):
        return {d["name"]: d for d in json.loads(self.stack.agent.call("destinations", "--json").stdout)}

    def test_90_destinations_of_a_profile(self):
        self.assertEqual(self.postern("destinations"), "")
        self.assertIn("is added", self.postern("add-destination", "db", "db.example:5432", "gw.example:443", "--path", "/tcp"))
        self.assertIn("is added", self.postern("add-destination", "six", "[2001:db8::16]:22", "[2001:db8::1]:443"))
        self.assertIn("postern change-destination db changes it", self.postern("add-destination", "db", "h:1", "g:1", code=1))
        self.assertIn("[2001:db8::16]:22", self.postern("destinations"))
        first = wait_for(lambda: (d := self.listening()).keys() == {"db", "six"} and all(x["listen"] for x in d.values()) and d, "the agent to listen")
        port = int(first["six"]["listen"].rsplit(":", 1)[1])
        self.assertIn("is changed", self.postern("change-destination", "db", "--to", "db2.example:5433"))
        changed = wait_for(lambda: (d := self.listening())["db"]["host"] == "db2.example" and d, "the agent to hear of it")
        self.assertEqual((changed["db"]["port"], changed["six"]), (5433, first["six"]))
        self.assertIn("path: must be a path", self.postern("change-destination", "db", "--path", "tcp", code=1))
        self.assertIn("is gone", self.postern("remove-destination", "six"))
        wait_for(lambda: self.listening().keys() == {"db"}, "the agent to listen no more")
        with self.assertRaises(OSError):
            harness.connect("127.0.0.1", port, self.stack.lab.namespaces["ep"])
        self.assertIn("there is no destination six", self.postern("remove-destination", "six", code=1))
        self.postern("remove-destination", "db")
        self.assertIn("profile.ztna_destinations", self.postern("audit"))

    def findings(self):
        return json.loads(self.postern("endpoint", self.host, "--vulnerabilities", "--all", "--json"))["items"]

    def test_91_a_risk_is_accepted_listed_and_revoked(self):
        self.assertEqual(self.postern("risks"), "")
        worst = wait_for(self.findings, "the packages to be matched")[0]
        cve, source, version = worst["cve"], worst["source"], worst["version"]
        of_cve = lambda: [f["accepted"] is not None for f in self.findings() if f["cve"] == cve and f["source"] == source]
        said = self.postern("accept-risk", cve.lower(), "--source", source, "--version", version, "--endpoint", self.host,
                            "--reason", "only for this test", "--expires", "30d")
        self.assertTrue(said.startswith(f"{cve} in {source} {version} on {self.host} is accepted until "), said)
        wait_for(lambda: all(of_cve()), "the finding not to be counted")
        self.assertRegex(self.postern("endpoint", self.host, "--vulnerabilities", "--all"), rf", accepted +{cve} ")
        listed = self.postern("risks", self.host.upper(), "--in-force", "--sort", "-cve")
        self.assertRegex(listed, rf"RSK-\w{{8}} +{cve} +{source} \S+ +{self.host} +30 d left .* only for this test\n")
        self.assertIn("only for this test", self.postern("risk", cve))
        self.assertIn("risk.accept", self.postern("audit"))
        again = self.postern("accept-risk", cve, "--reason", "once more", "--expires", "2h", "--json")
        one = json.loads(again)["id"]
        self.assertIn(f"2 accepted risks fit \"{cve}\"; name one by its id:", self.postern("revoke-risk", cve, code=1))
        self.assertIn("still in force for this CVE: RSK-", self.postern("revoke-risk", one))
        self.assertTrue(all(of_cve()))
        self.assertEqual(self.postern("revoke-risk", cve), f"{cve} in {source} {version} on {self.host} is no longer accepted: it counts again\n")
        wait_for(lambda: not any(of_cve()), "the finding to count again")
        self.assertEqual(self.postern("risks"), "")
        self.assertIn("no finding is called \"CVE-7\"", self.postern("accept-risk", "CVE-7", "--reason", "r", "--expires", "1d", code=1))
        self.assertIn("accepted_at", self.postern("risks", "--sort", "odd", code=1))

    def test_92_changes_are_followed_until_interrupted(self):
        # A shell's background job ignores it, and so would its children.
        follow = subprocess.Popen(self.command("changes", "--follow", "--json", "--limit", "1"), env=self.environment,
                                  stdout=subprocess.PIPE, text=True,
                                  preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        try:
            follow.stdout.readline()
            self.postern("quarantine", self.host)
            self.assertEqual(json.loads(follow.stdout.readline())["key"], self.uid)
            follow.send_signal(2)
            self.assertEqual(follow.wait(30), -2)
        finally:
            follow.kill()
            follow.wait()
            follow.stdout.close()
            self.postern("unquarantine", self.host)


if __name__ == "__main__":
    harness.main()
