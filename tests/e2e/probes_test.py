"""What rules ask for beside the endpoint record: a rule that was just saved shows its verdict from the agent that is
connected, and what changes at the endpoint flips the tag because the kernel told of it."""
import socket
import threading
import time

import harness
from harness import wait_for


class Probes(harness.StackTest):
    letter = "o"

    @classmethod
    def set_up(cls, stack):
        super().set_up(stack)
        stack.connect_fabric()
        stack.make_tags()
        stack.protect()
        cls.uid = stack.enrol()
        stack.wait_evaluated(cls.uid)
        cls.files = cls.directory / "probed"
        cls.files.mkdir()

    def save(self, name, rule, on_unknown="deny"):
        self.stack.ems.put_tag({"name": name, "kind": "security", "enabled": True, "message": "", "comment": "",
                                "on_unknown": on_unknown, "rules": [{"id": 1, "os": "linux", **rule}]})

    def state(self, name):
        endpoint = self.stack.ems.endpoint(self.uid)
        return "held" if name in endpoint["tags"] else "unknown" if name in endpoint["unknown_tags"] else "not held"

    def wait_state(self, name, state, what):
        start = time.monotonic()
        wait_for(lambda: self.state(name) == state, what, 20, every=0.002)
        print(f"{what}: {(time.monotonic() - start) * 1000:.0f} ms", flush=True)

    def source(self, name):
        return next((s for s in self.stack.agent.status()["sources"] if s["name"] == name), None)

    def test_1_a_saved_rule_shows_its_verdict_and_follows_the_files(self):
        (self.files / "app.conf").write_text("mode = fast\n")
        (self.files / "data").mkdir()
        self.assertIsNone(self.source("asked: named files"))     # nobody asks: nothing is read
        self.save("Has-Data", {"type": "directory", "paths": [str(self.files / "data")]})
        self.wait_state("Has-Data", "held", "a rule on a directory, from saving it to its verdict")
        self.save("Safe-Mode", {"type": "file", "paths": [str(self.files / "app.conf")], "regex": "^mode *= *safe$"})
        wait_for(lambda: self.answered(f"file.matches:{len(str(self.files / 'app.conf'))}:"), "the line to be looked for", 20)
        self.assertEqual(self.state("Safe-Mode"), "not held")
        self.assertTrue(self.source("asked: named files")["events"], self.source("asked: named files"))

        with open(self.files / "app.conf", "w", encoding="ascii") as file:   # in place, as an editor or a script may do it
            file.write("mode = safe\n")
        self.wait_state("Safe-Mode", "held", "a changed line, from writing it to the tag")
        (self.files / "data").rename(self.files / "moved")
        self.wait_state("Has-Data", "not held", "a directory that moved away, to the tag")
        (self.files / "moved").rename(self.files / "data")
        self.wait_state("Has-Data", "held", "a directory that came back, to the tag")
        self.stack.ems.api("DELETE", "tags/Has-Data")
        self.stack.ems.api("DELETE", "tags/Safe-Mode")
        wait_for(lambda: self.source("asked: named files") is None, "the agent to look no more", 20)

    def answered(self, prefix):
        items = self.stack.ems.api("GET", f"endpoints/{self.uid}/facts?limit=1000")["items"]
        return any(item["key"].startswith(prefix) for item in items)

    def test_2_packages_and_ports_of_the_endpoint(self):
        self.save("Has-Bash", {"type": "package", "packages": ["bash"]})
        self.wait_state("Has-Bash", "held", "a rule on a package, from saving it to its verdict")
        port = 54321
        self.save("Serves", {"type": "listening-port", "ports": [f"tcp/{port}"], "scope": "any"})
        wait_for(lambda: self.answered("net.listening"), "the list of sockets", 20)
        self.assertEqual(self.state("Serves"), "not held")
        # The kernel tells nothing of this one, and the agent says how often it looks.
        source = self.source("asked: listening")
        self.assertFalse(source["events"])
        self.assertEqual(source["every_s"], 1)
        self.assertTrue(source["note"])
        listening, done = threading.Event(), threading.Event()
        thread = threading.Thread(target=self.listen, args=(port, listening, done))
        thread.start()
        try:
            self.assertTrue(listening.wait(20))
            self.wait_state("Serves", "held", "a socket that listens, to the tag")
        finally:
            done.set()
            thread.join()
        self.wait_state("Serves", "not held", "a socket that is gone, to the tag")

    def listen(self, port, listening, done):
        """In the endpoint's network namespace: a thread may enter it alone."""
        import ctypes
        import os
        fd = os.open(f"/run/netns/{self.stack.lab.namespaces['ep']}", os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(fd, 0x40000000) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(fd)
        with socket.create_server(("127.0.0.1", port)):
            listening.set()
            done.wait(60)

    def test_3_a_restarted_agent_keeps_every_verdict(self):
        """Its first report is as whole as the last of the run before: nothing becomes unknown in between."""
        name = "Keeps-Data"
        (self.files / "kept").mkdir()
        self.save(name, {"type": "directory", "paths": [str(self.files / "kept")]})
        self.wait_state(name, "held", "a rule on another directory")
        seen, done = set(), threading.Event()

        def look():
            while not done.is_set():
                seen.add(self.state(name))
        thread = threading.Thread(target=look)
        thread.start()
        try:
            wait_for(lambda: seen, "a first look", 20)
            self.stack.agent.process.stop()
            self.stack.agent.start()
            wait_for(lambda: self.stack.agent.status()["connected"], "the agent to be back", 20)
            # What it says from now on comes behind its first report.
            (self.files / "kept").rmdir()
            self.wait_state(name, "not held", "a directory that went away, after a restart")
        finally:
            done.set()
            thread.join()
        self.assertNotIn("unknown", seen)
        self.assertIn("held", seen)


if __name__ == "__main__":
    harness.main()
