"""A gateway that is killed while it is configured comes back with the old or the new configuration, never a mix, and with all
that it had answered; a full or read-only disk is told, and changes nothing."""
import os
import random
import re
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

import harness
from harness import LabError, checkout_id, remove_tree, stacks, wait_for
from lab import Lab, free_port, sh

KILLS = int(os.environ.get("POSTERN_CONFIG_KILLS", "200"))
SEED = int(os.environ.get("POSTERN_SEED", "20261127"))
# What one commit writes: two attributes and an entry that tell the same number.
CHANGE = 'config system global\nset hostname gw{0}\nset management-ip h{0}.example\nend\n'


class ConfigWriter:
    """Commits one number after the other until it is told to end, and keeps the last one that was answered."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.next, self.answered, self.count = 1, 0, 0
        self.ending, self.writing = threading.Event(), threading.Lock()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ending.is_set():
            with self.writing:
                try:
                    self.gateway.configure(CHANGE.format(self.next))
                    self.answered, self.next, self.count = self.next, self.next + 1, self.count + 1
                    continue
                except (LabError, subprocess.TimeoutExpired):
                    pass
            time.sleep(0.01)   # it is away: the same again, as an administrator would

    def end(self):
        self.ending.set()
        self.thread.join()


class ConfigCrash(unittest.TestCase):
    """One gateway by itself: no EMS, no IP/MAC control."""

    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="postern-e2e-"))
        self.lab = Lab(checkout_id() + "x", self.directory)
        self.data = self.directory / "gateway"
        self.data.mkdir()
        self.mounts = []
        (self.directory / "run").mkdir(mode=0o755)
        self.directory.chmod(0o755)
        self.gateway = stacks.Gateway(self.lab, self.data, self.directory / "run/gateway", short=None, firewall=False,
                                      api="127.0.0.1", api_port=free_port(), restart=False)

    def tearDown(self):
        self.lab.close()
        for place in reversed(self.mounts):
            sh("umount", place)
        stacks.remove_programs(self.directory)
        remove_tree(self.directory)

    def mount(self, place, options):
        place.mkdir(exist_ok=True)
        sh("mount", "-t", "tmpfs", "-o", options, "none", place)
        self.mounts.append(place)

    def shown(self):
        return self.gateway.cli("show")

    def number(self):
        """Of the configuration in force, which must be one and not two."""
        text = self.gateway.cli("show system global")
        found = re.search(r'set hostname "gw(\d+)"\n    set management-ip "h(\d+)\.example"', text)
        if found is None:
            self.assertNotIn("hostname", text)
            return 0
        self.assertEqual(found[1], found[2], f"a mix of two configurations:\n{text}")
        return int(found[1])

    def assert_history_agrees(self, number):
        listed = self.gateway.cli("execute revision list config")
        rows = [line for line in listed.splitlines() if re.match(r" *\d+ ", line)]
        self.assertNotIn("damaged", listed)
        self.assertRegex(rows[-1], r"^ *\d+ \* ", "the newest revision is the one in force")
        newest = int(rows[-1].split()[0])
        self.assertEqual([int(row.split()[0]) for row in rows], list(range(newest - len(rows) + 1, newest + 1)))
        self.assertEqual(self.gateway.cli(f"execute revision show config {newest}"), self.shown())
        if number:
            self.assertIn(f'"gw{number}"', self.gateway.cli(f"execute revision show config {newest}"))
        return len(rows)

    def test_kills(self):
        print(f"POSTERN_SEED={SEED}, {KILLS} kills", flush=True)
        chance = random.Random(SEED)
        self.gateway.start()
        writer = ConfigWriter(self.gateway)
        began, on_its_way = time.monotonic(), 0
        try:
            for kill in range(KILLS):
                before = writer.count
                wait_for(lambda: writer.count > before, "a change to be answered", 30, every=0.001)
                time.sleep(chance.uniform(0, 0.04))
                self.gateway.process.kill()
                self.gateway.process.popen.wait()
                with writer.writing:
                    self.gateway.process.start()
                    self.gateway.ready()
                    now = self.number()
                    self.assertIn(now, (writer.answered, writer.next), f"kill {kill}: neither the old nor the new one")
                    self.assert_history_agrees(now)
                    on_its_way += now == writer.next
        finally:
            writer.end()
        last = self.number()
        self.assertEqual(last, writer.answered)
        revisions = self.assert_history_agrees(last)
        self.assertEqual([p.name for p in self.data.rglob("*.tmp.*")], [], "nothing half written is left")
        print(f"{KILLS} kills in {time.monotonic() - began:.0f} s, {writer.count} changes answered, {on_its_way} times the change on "
              f"its way had come into force, {revisions} revisions kept", flush=True)
        self.assertGreater(writer.count, KILLS)

    def refused(self):
        with self.assertRaises(LabError) as caught:
            self.gateway.configure(CHANGE.format(2))
        return str(caught.exception)

    def test_full_disk(self):
        self.mount(self.data, "size=1m")
        self.gateway.start()
        self.gateway.configure(CHANGE.format(1))
        before = self.shown()
        filler = self.data / "filler"
        try:
            with filler.open("wb", buffering=0) as out:
                while True:
                    out.write(b"\0" * 4096)
        except OSError:
            pass
        text = self.refused()
        for told in ("stays as it was", "No space left on device", "make room"):
            self.assertIn(told, text)
        self.assertEqual(self.shown(), before)
        self.gateway.process.kill()
        self.gateway.process.popen.wait()
        filler.unlink()
        self.gateway.process.start()
        self.gateway.ready()
        self.assertEqual(self.shown(), before)
        self.gateway.configure(CHANGE.format(2))
        self.assertEqual(self.number(), 2)
        self.assert_history_agrees(2)

    def test_read_only_disk(self):
        self.gateway.start()
        self.gateway.configure(CHANGE.format(1))
        before = self.shown()
        self.mount(self.data / "gateway.revisions", "ro")
        text = self.refused()
        for told in ("stays as it was", "Read-only file system", "mounted writable"):
            self.assertIn(told, text)
        self.assertEqual(self.shown(), before)
        sh("umount", self.mounts.pop())
        self.gateway.configure(CHANGE.format(2))
        self.assert_history_agrees(2)

    def test_two_at_one_table(self):
        self.gateway.start()
        self.gateway.configure("config firewall address\nedit a\nset subnet 10.1.0.0/24\nnext\nend\n")
        mine = subprocess.Popen(self.gateway.cli_argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)
        try:
            mine.stdin.write("config firewall address\nedit a\nset subnet 10.2.0.0/24\nnext\n"
                             "edit mine\nset subnet 10.4.0.0/24\nnext\nshow\n")
            mine.stdin.flush()
            for line in mine.stdout:
                if line == "end\n":
                    break
            self.gateway.configure("config firewall address\nedit a\nset subnet 10.3.0.0/24\nnext\n"
                                   "edit his\nset subnet 10.5.0.0/24\nnext\nend\n")
            out, error = mine.communicate("end\n", timeout=20)
        finally:
            mine.kill()
        # A text that is piped in asks nobody: nothing of it is taken, and whoever sent it sees what the other did.
        self.assertEqual(mine.returncode, 1)
        self.assertIn("firewall address was changed by root meanwhile (above); nothing of this text is committed", error)
        self.assertIn("+        set subnet 10.3.0.0 255.255.255.0", out)
        self.assertIn("firewall address a: subnet: root has set", out)
        shown = self.gateway.cli("show firewall address")
        self.assertIn("10.3.0.0", shown)
        self.assertNotIn("mine", shown)

    def test_backup_reset_restore(self):
        self.gateway.start()
        self.gateway.configure("config firewall address\nedit a\nset subnet 10.1.0.0/24\nnext\nend\n" + CHANGE.format(1))
        before, kept = self.shown(), self.directory / "gw.backup"
        self.gateway.cli(f"execute backup config file {kept}")
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
        self.assertIn(f"# serial: {self.gateway.serial()}\n", kept.read_text())
        self.gateway.cli("execute factoryreset", "y")
        self.assertNotIn("firewall address", self.shown())
        self.gateway.cli(f"execute restore config file {kept}", "y")
        self.assertEqual(self.shown(), before)
        # The same, pasted, behind a reset.
        self.gateway.configure("execute factory-reset\ny\nexecute restore config\n" + kept.read_text() + ".\ny\n")
        self.assertEqual(self.shown(), before)
        cut = self.directory / "cut"
        cut.write_text(kept.read_text()[:-9])
        with self.assertRaises(LabError) as caught:
            self.gateway.cli(f"execute restore config file {cut}", "y")
        self.assertIn("checksum does not fit", str(caught.exception))
        self.assertEqual(self.shown(), before)
        # As an administrator types it, with the one before him back in force.
        self.gateway.cli("execute revision rollback config 1", "y")
        self.assertNotIn("firewall address", self.shown())
        listed = self.gateway.cli("execute revision list config")
        self.assertRegex(listed.splitlines()[-2], r"\* \S+  root +rollback +.*\(back to revision 1\)$")
        self.assertRegex(listed.splitlines()[1], r"gateway  gateway +system admin admin made")


if __name__ == "__main__":
    harness.main()
