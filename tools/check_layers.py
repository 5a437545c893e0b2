#!/usr/bin/env python3
"""Holds every #include of src/ against the arrows of ARCHITECTURE.md: a folder may include only what it stands on."""
import re
import sys
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "src"

# folder -> folders it may include (itself always). Where this changes, ARCHITECTURE.md's picture changes.
MAY = {
    "base": [],
    "posture": ["base"],
    "vuln": ["base"],
    "pki": ["base"],
    "policy": ["base", "posture"],
    "ecshm": ["base", "policy"],
    "proto": ["base", "posture", "vuln", "pki", "policy", "wire"],
    "net": ["base", "pki"],
    "ems": ["base", "posture", "vuln", "pki", "policy", "proto", "wire", "net"],
    "gateway": ["base", "posture", "pki", "policy", "proto", "wire", "ecshm", "net"],
    "agent": ["base", "posture", "vuln", "pki", "proto", "wire", "net"],
    "nginx": ["base", "policy", "ecshm"],
    "cli": ["base", "proto", "wire", "net"],
    "swarm": ["base", "proto", "wire", "net"],
    "window": ["base", "proto", "wire", "net"],
}
# Headers that only one place may see, because everything that includes them compiles for seconds.
ONLY = {
    re.compile(r"boost/(asio|beast)"): {"net"},
    re.compile(r"openssl/ssl\.h"): {"net", "nginx"},
    re.compile(r"sqlite3\.h"): {"ems", "vuln"},  # the store; rpm's database
    re.compile(r"CLI/CLI\.hpp"): {"ems", "gateway", "agent", "cli", "swarm"},
}
# Headers too heavy to stand in another header.
# (headers in a folder named detail/ are seen by their own module's .cc files only).
NOT_IN_HEADERS = re.compile(r"boost/(asio|beast|json(?!/fwd))|\.pb\.h|CLI/CLI\.hpp|spdlog|nftables/")
# ... except these, which only the folder that holds them includes, and whose every file needs what they bring.
OWN_FOLDER_ONLY = {"ems/api/call.h", "ems/registry/fields.h"}
# Helpers of tests: no program is compiled with them.
TEST_HEADER = re.compile(r"(^test_|^fake_|_lab\.h$|_test\.h$)")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


# What the check itself must refuse, and what it must not: (path in src/, a line of it, refused?).
PLANTED = [
    ("ems/core/x.cc", '#include "gateway/core/gateway_core.h"', True),
    ("gateway/core/x.cc", '#include "agent/core/agent_core.h"', True),
    ("posture/x.cc", '#include "vuln/matcher.h"', True),
    ("nginx/x.cc", '#include "net/tls.h"', True),
    ("base/x.cc", '#include "posture/engine.h"', True),
    ("somewhere/x.cc", "", True),
    ("ems/shell/x.cc", "#include <boost/asio.hpp>", True),
    ("gateway/shell/x.cc", "#include <openssl/ssl.h>", True),
    ("gateway/shell/x.cc", "#  include <sqlite3.h>", True),
    ("ems/core/x.h", "#include <boost/json.hpp>", True),
    ("agent/core/x.cc", '#include "ems/api/call.h"', True),
    ("ems/core/x.h", "#include <boost/json/fwd.hpp>", False),
    ("ems/core/x.cc", "#include <boost/json.hpp>", False),
    ("gateway/core/x.cc", '#include "proto/view.h"', False),
    ("nginx/x.cc", "#include <openssl/ssl.h>", False),
]


def problems_of(path, text):
    """What is wrong in the file at `path`, which is relative to src/."""
    folder = path.parts[0]
    where = Path("src") / path
    if folder not in MAY:
        yield f"{where}: src/{folder} has no place among the layers (tools/check_layers.py)"
        return
    for bracket, target in INCLUDE.findall(text):
        first = target.split("/")[0]
        if bracket == '"' and first in {**MAY, "wire": []} and first != folder and first not in MAY[folder]:
            yield f"{where}: src/{folder} may not include {target}"
        for pattern, allowed in ONLY.items():
            if pattern.search(target) and folder not in allowed:
                yield f"{where}: {target} belongs in {', '.join(sorted(allowed))} only"
        if target in OWN_FOLDER_ONLY and not str(path).startswith(target.rsplit("/", 1)[0] + "/"):
            yield f"{where}: {target} is for its own folder only"
        light = path.suffix == ".h" and "detail" not in path.parts and not TEST_HEADER.search(path.name)
        if light and str(path) not in OWN_FOLDER_ONLY and NOT_IN_HEADERS.search(target):
            yield f"{where}: {target} is too heavy for a header"


def main():
    problems = []
    for path, line, refused in PLANTED:
        if bool(list(problems_of(Path(path), line))) != refused:
            problems.append(f"tools/check_layers.py: {line!r} in {path} should {'' if refused else 'not '}be refused")
    for path in sorted(p for p in SRC.rglob("*") if p.suffix in {".h", ".cc", ".c"}):
        problems += problems_of(path.relative_to(SRC), path.read_text(errors="replace"))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
