#!/usr/bin/env python3
"""Holds the release preset's joined compilation safe: no two files of a module may give different things one name.

A module's .cc files are compiled several at a time (POSTERN_UNITY), so their anonymous namespaces are one. A name twice
usually fails to compile; two functions of one name whose parameters differ would compile, and a call could reach the
other file's. Aliases of one thing (`namespace json = boost::json`) may be given as often as one likes.
"""
import re
import sys
from collections import defaultdict
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "src"
NEVER_JOINED = {"nginx"}  # a module of nginx, each file of it compiled alone
# Tests, what they share, and programs are compiled file by file too.
ALONE = re.compile(r"_test\.cc$|_lab\.cc$|^fake_|^main\.cc$")

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|^[ \t]*#(?:[^\n\\]|\\.)*|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'',
    re.S | re.M)
ANGLES = re.compile(r"<[^<>;{}]*>")


def declared(head):
    """The name that a declaration at namespace level brings, or None: definitions of members and aliases bring none."""
    head = head.strip()
    while True:  # template <...>, attributes, and the arguments of template types
        shorter = ANGLES.sub("", re.sub(r"\[\[.*?\]\]", "", head))
        if shorter == head:
            break
        head = shorter
    head = re.sub(r"^(template\s*)+", "", head.strip())
    if not head or head.startswith(("using ", "namespace ", "friend ", "static_assert")):
        return None
    kind = re.match(r"(?:struct|class|enum(?: class)?|union)\s+(\w+)", head)
    if kind:
        return kind.group(1)
    name = re.search(r"([\w:~]+)\s*(?:\(|\[|=|$)", head)
    return name.group(1) if name and "::" not in name.group(1) else None


def names_of(text):
    """All names that the file's anonymous namespaces hold."""
    text = TOKEN.sub(lambda m: '""' if m.group(0)[0] in "\"'R" else " ", text)
    found, open_blocks, head = set(), [], ""
    for c in text:
        if c not in "{};":
            head += c
            continue
        outside = all(block != "other" for block in open_blocks)
        unnamed = re.search(r"\bnamespace\s*$", head)
        named = re.search(r"\bnamespace\s+[\w:]+\s*$", head)
        if outside and "unnamed" in open_blocks and c != "}" and not unnamed and not named:
            name = declared(head)
            if name:
                found.add(name)
        if c == "{":
            open_blocks.append("unnamed" if unnamed else "named" if named else "other")
        elif c == "}" and open_blocks:
            open_blocks.pop()
        head = ""
    return found


# What the check itself must find: (a file's text, the names in it).
PLANTED = [
    ("namespace a {\nnamespace {\nint f(int x) { return g(x); }\nconstexpr int kA = 1;\n}\nint h() { return 2; }\n}", {"f", "kA"}),
    ('namespace {\nconst char* kUrl = "a://b{";\n// int no();\nstruct S { int member = 0; };\n}', {"kUrl", "S"}),
    ("namespace {\ntemplate <class T>\nstd::map<int, std::vector<T>> many(const T& t) {\n  int local = 1;\n}\n}", {"many"}),
    ("namespace {\nnamespace json = boost::json;\nusing X = int;\nint S::member() { return 1; }\n}", set()),
    ("namespace postern {\nint seen_by_all() { return 1; }\nnamespace {\nenum class E { kOne };\n}\n}", {"E"}),
]


def main():
    problems = []
    for text, names in PLANTED:
        if names_of(text) != names:
            problems.append(f"tools/check_names.py: found {sorted(names_of(text))} in {text!r}")
    for module in sorted(p for p in SRC.iterdir() if p.is_dir() and p.name not in NEVER_JOINED):
        files_of = defaultdict(list)
        for path in sorted(module.rglob("*.cc")):
            if not ALONE.search(path.name):
                for name in names_of(path.read_text(errors="replace")):
                    files_of[name].append(path.relative_to(SRC.parent))
        for name, files in sorted(files_of.items()):
            if len(files) > 1:
                problems.append(f"`{name}` stands in the anonymous namespaces of {', '.join(map(str, files))}: "
                                "rename it, or share it")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
