#!/usr/bin/env python3
"""Holds the release preset's joined compilation safe: no two files of a module may give different things one name.

A module's .cc files are compiled several at a time (POSTERN_UNITY), and so are its tests and what these share, so their
anonymous namespaces are one. A name twice usually fails to compile; two functions of one name whose parameters differ
would compile, and a call could reach the other file's. Aliases of one thing (`namespace json = boost::json`) may be
given as often as one likes.
"""
import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = [*sorted(p for p in (ROOT / "src").iterdir() if p.is_dir()), ROOT / "tests/sim"]
ALONE = re.compile(r"/main\.cc$|/src/nginx/(?!.*_test\.cc$)")  # programs, and nginx's module
TEST = re.compile(r"_test\.cc$")
SHARED = re.compile(r"_lab\.cc$|/fake_[^/]*\.cc$")  # by tests

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
    if not name or "::" in name.group(1) or re.match(r"(INSTANTIATE_)?T(YPED_)?EST(_|$)", name.group(1)):
        return None
    return name.group(1)


def own_of(blocks):
    """The namespaces around that are a file's own: those called after what it holds, ending in "_rule" or the like."""
    return [block for block in blocks if block.endswith(("_rule", "_family", "_command"))]


def names_of(text):
    """All names that the file's anonymous namespaces hold; those in a further namespace below postern with its name."""
    text = TOKEN.sub(lambda m: '""' if m.group(0)[0] in "\"'R" else " ", text)
    found, open_blocks, head = set(), [], ""
    for c in text:
        if c not in "{};":
            head += c
            continue
        outside = "other" not in open_blocks
        unnamed = re.search(r"\bnamespace\s*$", head)
        named = re.search(r"\bnamespace\s+([\w:]+)\s*$", head)
        if outside and "unnamed" in open_blocks and c != "}" and not unnamed and not named:
            name = declared(head)
            if name:
                found.add("::".join(own_of(open_blocks) + [name]))
        if c == "{":
            open_blocks.append("unnamed" if unnamed else named.group(1) if named else "other")
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
    ("namespace {\nTEST_F(Suite, Name) { int local = 1; }\nINSTANTIATE_TEST_SUITE_P(All, Suite, Values());\nint f();\n}", {"f"}),
    ("namespace p {\nnamespace x_rule {\nnamespace {\nint f();\n}\n}\nint g();\n}", {"x_rule::f"}),
    ("namespace postern {\nint seen_by_all() { return 1; }\nnamespace {\nenum class E { kOne };\n}\n}", {"E"}),
]


def main():
    problems = []
    for text, names in PLANTED:
        if names_of(text) != names:
            problems.append(f"tools/check_names.py: found {sorted(names_of(text))} in {text!r}")
    for folder in FOLDERS:
        files_of = defaultdict(list)
        for path in sorted(folder.rglob("*.cc")):
            if not ALONE.search(str(path)):
                joined_with = "tests" if TEST.search(path.name) else "shared" if SHARED.search(str(path)) else "module"
                for name in names_of(path.read_text(errors="replace")):
                    files_of[joined_with, name].append(path.relative_to(ROOT))
        for (_, name), files in sorted(files_of.items()):
            if len(files) > 1:
                problems.append(f"`{name}` stands in the anonymous namespaces of {', '.join(map(str, files))}: "
                                "rename it, or share it")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
