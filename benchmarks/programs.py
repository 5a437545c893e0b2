"""The programs of this folder, run once each: what they print are lines of JSON."""
import json
import subprocess

from lab import LabError


def run_lines(command):
    """Raises LabError with what the program said on stderr."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(done.stderr.strip() or f"{command[0]} ended with {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines()]
