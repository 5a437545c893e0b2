"""Two things that a rule can ask for and that only one test has: a process, and a file."""
import shutil
import subprocess


class Mark:
    def __init__(self, directory, name):
        self.program = directory / f"mark{name}"
        shutil.copy("/bin/sleep", self.program)
        self.file = directory / "marked"
        self.process = None

    def put_tags(self, ems, *, of_file=True):
        """Marked, while the process runs; Has-File, while the file is there."""
        ems.put_tag({"name": "Marked", "message": "Start the mark.", "rules": [
            {"id": 1, "os": "linux", "type": "running-process", "processes": [self.program.name]}]})
        if of_file:
            ems.put_tag({"name": "Has-File", "message": "Remove the file.", "rules": [
                {"id": 1, "os": "linux", "type": "file", "paths": [str(self.file)]}]})

    @property
    def running(self):
        return self.process is not None

    def start(self):
        """Again: nothing."""
        if self.process is None:
            self.process = subprocess.Popen([self.program, "900"])

    def stop(self):
        """Likewise."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
