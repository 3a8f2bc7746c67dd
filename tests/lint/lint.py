#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of the tree that a program can check, one TAP line each.

    lint.py [--slow]

--slow adds what takes long (cppcheck).  $top_srcdir and $top_builddir say
where the trees are, $CC and $LINT_CPPFLAGS how headers are compiled.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.environ.get("top_srcdir", ".")
BUILD = os.environ.get("top_builddir", TOP)

FILE_LINES = 500
TEST_FILE_LINES = 800
FUNCTION_LINES = 60
PARAMETERS = 5  # and the error value
COLUMNS = 80

# Hand-written lines, blank ones and comments aside: comments are not what an
# attacker can reach, and each function must have one.  creel-helper is counted
# by what its processes may do, since that is what its size matters for.
DISPATCHER = ("dispatch", "event", "filter", "serve", "table", "unpack",
              "validate")
SETUP = ("build", "dev", "image", "knockout", "mount", "netns", "proc", "root",
         "seal")
BUDGETS = (  # name, folder, whether a file counts, limit
    ("creel-helper, with privileges of the host", "helper",
     lambda stem: stem not in DISPATCHER + SETUP, 4875),
    ("creel-helper, what reads requests, without any", "helper",
     lambda stem: stem in DISPATCHER, 1400),
    ("creel-helper, what has only the sandbox's own", "helper",
     lambda stem: stem in SETUP, 1600),
    ("creel-init", "helper/init", lambda stem: True, 2600),
    ("proto", "proto", lambda stem: True, 1000),
)

BANNED = re.compile(
    r"\b(strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|atol|atoll|system|"
    r"popen|alloca|pthread_create|tmpnam|mktemp)\s*\(")

CODE = ("proto", "helper", "controller", "tests")
SCRIPTS = (".py", ".sh", ".am", ".ac", ".proto", ".mjs")


def walk(folder, endings):
    for root, dirs, names in os.walk(os.path.join(TOP, folder)):
        dirs[:] = sorted(d for d in dirs
                         if d not in ("knockout", "npm", "__pycache__",
                                      "corpus"))
        for name in sorted(names):
            if name.endswith(endings) and ".pb-c." not in name:
                path = os.path.join(root, name)
                yield os.path.relpath(path, TOP)


def sources(endings=(".c", ".h"), folders=CODE):
    for folder in folders:
        yield from walk(folder, endings)


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def stripped(text):
    """The text without comments and the insides of literals, lines kept."""
    def blank(match):
        found = match.group(0)
        if found[0] in "\"'":
            return found[0] * 2
        return "\n" * found.count("\n")
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'
                  r"'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S)


def functions(text):
    """(line, name, head, length, is_static) of each function."""
    lines = stripped(text).split("\n")
    for start, line in enumerate(lines):
        if line != "{":
            continue
        first = start
        while first > 0 and lines[first - 1].strip() and \
                not lines[first - 1].startswith(("}", "#")) and \
                not lines[first - 1].rstrip().endswith(";"):
            first -= 1
        head = " ".join(lines[first:start])
        head = re.sub(r"__attribute__\s*\(\(.*?\)\)", " ", head)
        end = start
        while end < len(lines) - 1 and lines[end] != "}":
            end += 1
        name = re.search(r"(\w+)\s*\(", head)
        if name:
            yield (first + 1, name.group(1), head, end - start - 1,
                   bool(re.search(r"\bstatic\b", head)))


def check_file_sizes():
    for path in sources():
        lines = read(path).count("\n")
        limit = TEST_FILE_LINES if path.startswith("tests/") else FILE_LINES
        if lines > limit:
            yield f"{path}: {lines} lines, at most {limit}"


def check_function_sizes():
    for path in sources((".c",)):
        for line, name, head, length, _ in functions(read(path)):
            if length > FUNCTION_LINES:
                yield f"{path}:{line}: {name} has {length} lines"
            inner = head[head.index("("):]
            parameters = [p for p in re.sub(r"\([^()]*\)", "",
                                            inner[1:inner.rindex(")")])
                          .split(",") if "struct err *" not in p]
            if len(parameters) > PARAMETERS:
                yield f"{path}:{line}: {name} has {len(parameters)} parameters"


def check_budgets():
    for name, folder, counts, limit in BUDGETS:
        total = 0
        for path in sources(folders=(folder,)):
            stem = os.path.splitext(os.path.basename(path))[0]
            if os.path.dirname(path) == folder and counts(stem):
                total += sum(1 for line in stripped(read(path)).split("\n")
                             if line.strip())
        print(f"# {name}: {total} of {limit} lines")
        if total > limit:
            yield f"{name}: {total} lines, at most {limit}"


def check_layering():
    allowed = {
        "proto": ("proto/",),
        "helper": ("proto/", "helper/"),
        "controller": ("proto/", "controller/"),
    }
    for folder, prefixes in allowed.items():
        for path in walk(folder, (".c", ".h")):
            for found in re.finditer(r'^#\s*include\s+"([^"]+)"', read(path),
                                     re.M):
                if not found.group(1).startswith(prefixes):
                    yield f"{path}: includes {found.group(1)}"


def check_banned():
    for path in sources():
        for number, line in enumerate(stripped(read(path)).split("\n"), 1):
            found = BANNED.search(line)
            if found and not re.search(r"(->|\.)\s*$", line[:found.start()]):
                yield f"{path}:{number}: {found.group(1)}()"
            if re.search(r"\bgoto\s+(?!retry)", line):
                yield f"{path}:{number}: goto"
            if "typedef struct" in line:
                yield f"{path}:{number}: typedef of a struct"
            if not path.startswith("tests/") and \
                    re.search(r"\bassert\s*\(", line):
                yield f"{path}:{number}: assert outside of tests"


def check_spdx():
    for path in list(sources()) + list(sources(SCRIPTS)) + [
            "configure.ac", "Makefile.am", "bootstrap"]:
        head = "\n".join(read(path).split("\n")[:4])
        if "SPDX-License-Identifier: Apache-2.0" not in head:
            yield f"{path}: no SPDX line"


def check_includes():
    for path in sources((".c",)):
        first = re.search(r"^#\s*include\s+(\S+)", read(path), re.M)
        if not first or first.group(1) != "<config.h>":
            yield f"{path}: <config.h> is not the first include"
    for path in sources((".h",)):
        guard = re.search(r"^#ifndef (\w+)\n#define \1$", read(path), re.M)
        want = re.sub(r"\W", "_", os.path.basename(path)).upper()
        if not guard or guard.group(1).startswith("_") or \
                not guard.group(1).endswith(want):
            yield f"{path}: include guard"


def check_documented():
    """Every function that another file can call says what it does."""
    for path in sources((".c",), ("proto", "helper", "controller")):
        text = read(path)
        lines = text.split("\n")
        for line, name, _, _, static in functions(text):
            before = line - 2
            if not static and name != "main" and \
                    lines[before].strip() != "*/":
                yield f"{path}:{line}: {name}() is not documented"


def check_layout():
    for path in sources():
        if "_" in os.path.basename(path):
            yield f"{path}: underscore in a file name"
        for number, line in enumerate(read(path).split("\n"), 1):
            # Tables, texts and a comment at a line's end may be longer.
            bare = re.sub(r"\s*/\*.*", "", line)
            if len(bare.expandtabs(8)) > COLUMNS and '"' not in bare and \
                    not re.match(r"\s*\{.*\},?$", bare):
                yield f"{path}:{number}: more than {COLUMNS} columns"
            if line != line.rstrip():
                yield f"{path}:{number}: white space at the end"
            if re.match(r" {8}", line):
                yield f"{path}:{number}: indented with spaces"
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                yield f"{path}:{number}: what is not done is not mentioned"


def check_headers_alone():
    cc = os.environ.get("CC", "cc").split()
    flags = os.environ.get("LINT_CPPFLAGS", "").split()
    with tempfile.TemporaryDirectory() as work:
        unit = os.path.join(work, "unit.c")
        for path in sources((".h",)):
            with open(unit, "w", encoding="utf-8") as file:
                file.write(f'#include <config.h>\n#include "{path}"\n'
                           f'#include "{path}"\n')
            run = subprocess.run(
                cc + ["-fsyntax-only", "-Wall", "-Werror", "-I", BUILD, "-I",
                      TOP] + flags + [unit],
                capture_output=True, text=True, check=False)
            if run.returncode != 0:
                yield f"{path}: {run.stderr.strip().splitlines()[0]}"


def check_man_pages():
    pages = [path for path in walk("man", tuple(f".{n}" for n in "123456789"))]
    if not pages:
        return
    run = subprocess.run(["mandoc", "-T", "lint", "-W", "warning"] + pages,
                         cwd=TOP, capture_output=True, text=True, check=False)
    yield from (run.stdout + run.stderr).splitlines()


def check_cppcheck():
    flags = [f for f in os.environ.get("LINT_CPPFLAGS", "").split()
             if f.startswith("-D")]
    run = subprocess.run(
        ["cppcheck", "--quiet", "--std=c11", "--inline-suppr",
         "--enable=warning,portability", "--error-exitcode=1",
         # The cleanup attribute is unknown to it; ASan looks for leaks.
         "--suppress=memleak", "--suppress=resourceLeak",
         "--suppress=missingIncludeSystem", "--suppress=*:*.pb-c.h",
         "--include=" + os.path.join(TOP, "tests/lint/cppcheck.h"),
         "-D__x86_64__", "-D_GNU_SOURCE", "-I", BUILD, "-I", TOP] + flags +
        [os.path.join(TOP, path) for path in
         sources((".c",), ("proto", "helper", "controller"))],
        capture_output=True, text=True, check=False)
    if run.returncode != 0:
        yield from run.stderr.splitlines()


FAST = (check_file_sizes, check_function_sizes, check_budgets, check_layering,
        check_banned, check_spdx, check_includes, check_documented,
        check_layout, check_headers_alone, check_man_pages)
SLOW = (check_cppcheck,)
NEEDS = {check_man_pages: "mandoc", check_cppcheck: "cppcheck"}


def main():
    checks = FAST + (SLOW if "--slow" in sys.argv[1:] else ())
    failed = False
    print(f"1..{len(checks)}")
    for number, check in enumerate(checks, 1):
        name = check.__name__.removeprefix("check_").replace("_", "-")
        tool = NEEDS.get(check)
        if tool and not shutil.which(tool):
            print(f"ok {number} - {name} # SKIP {tool} is not installed")
            continue
        found = list(check())
        for line in found:
            print(f"# {line}")
        print(f"{'not ok' if found else 'ok'} {number} - {name}", flush=True)
        failed = failed or bool(found)
    return 1 if failed else 0


sys.exit(main())
