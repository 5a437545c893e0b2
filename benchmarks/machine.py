"""What a figure was measured on, and whether anything else was running."""
import math
import os
import platform
import subprocess
import time
from pathlib import Path


def cpu_times():
    """(all, idle) jiffies since boot."""
    fields = [int(v) for v in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(fields), fields[3] + fields[4]


def idle_share(seconds=1.0):
    """How much of this machine's CPU time nobody used during the next second."""
    total, idle = cpu_times()
    time.sleep(seconds)
    total2, idle2 = cpu_times()
    return (idle2 - idle) / max(total2 - total, 1)


def describe():
    model = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    memory = next(int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines()
                  if line.startswith("MemTotal"))
    return {"cpu": model, "cpus": os.cpu_count(), "memory_mb": memory // 1024, "kernel": platform.release()}


def commit(root):
    """The checkout's commit; with a "+" if there are changes on top."""
    def git(*arguments):
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True).stdout.strip()
    name = git("rev-parse", "--short=12", "HEAD")
    return (name + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")) or "unknown"


def percentile(values, share):
    """The smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * share) - 1, 0)]
