#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The public suites of both configuration syntaxes, one TAP line a file.

json5-tests: .json and .json5 are valid, .js and .txt are not; .json means what
Python's parser says.  toml-test: what its list for 1.0.0 names, valid files
compared with the tagged JSON beside them.  What is refused is refused with a
place inside the file.
"""
import json
import math
import os
import re
import subprocess

from harness import done, ok

SUITES = os.path.join(os.environ["top_srcdir"], "tests", "conformance")
JSON5 = os.path.join(SUITES, "json5-tests")
TOML = os.path.join(SUITES, "toml-test", "tests")
DECODE = os.path.join(os.environ["top_builddir"], "tests", "unit",
                      "config-decode")
LEAST_JSON5 = 110  # files, of which none may get lost
LEAST_TOML = 700


def decode(syntax, path):
    got = subprocess.run([DECODE, syntax, path], capture_output=True,
                         check=False, timeout=60)
    return (got.returncode, got.stdout.decode(),
            got.stderr.decode(errors="replace"))


def place_is_within(path, message):
    """The place that a message begins with is one of the file's."""
    found = re.match(re.escape(path) + r":(\d+):(\d+): \S", message)
    if not found:
        return False
    with open(path, "rb") as file:
        lines = re.split(rb"\r\n|\r|\n", file.read())
    line, column = int(found[1]), int(found[2])
    if not 1 <= line <= len(lines) or column < 1:
        return False
    return column <= len(lines[line - 1]) + 1


def refused(syntax, path, name):
    status, _, message = decode(syntax, path)
    ok(status == 1 and place_is_within(path, message), f"{name} is refused",
       f"status {status}: {message}")


def json5_files():
    for root, dirs, names in os.walk(JSON5):
        dirs.sort()
        for name in sorted(names):
            if name.endswith((".json", ".json5", ".js", ".txt")):
                yield os.path.join(root, name)


def check_json5(path):
    name = os.path.relpath(path, SUITES)
    if path.endswith((".js", ".txt")):
        refused("json5", path, name)
        return
    status, text, message = decode("json5", path)
    if status != 0 or path.endswith(".json5"):
        ok(status == 0, f"{name} is read", message)
        return
    with open(path, encoding="utf-8") as file:
        want = json.load(file)
    ok(json.loads(text) == want, f"{name} means what JSON means", text)


def moment(text):
    """A date or time as toml-test compares it: T for a space, no zeros at the
    fraction's end."""
    text = text.upper().replace(" ", "T")
    fraction = re.search(r"\.\d+", text)
    if not fraction:
        return text
    return text.replace(fraction[0], fraction[0].rstrip("0").rstrip("."))


def same_leaf(got, want):
    if got.get("type") != want["type"]:
        return False
    one, other = got["value"], want["value"]
    if want["type"] == "float":
        one, other = float(one), float(other)
        return one == other or (math.isnan(one) and math.isnan(other))
    if want["type"] == "integer":
        return int(one) == int(other)
    if want["type"].startswith(("date", "time")):
        return moment(one) == moment(other)
    return one == other


def same(got, want):
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and \
            all(map(same, got, want))
    if not isinstance(got, dict):
        return False
    if set(want) == {"type", "value"} and isinstance(want["type"], str):
        return same_leaf(got, want)
    return set(got) == set(want) and \
        all(same(got[key], want[key]) for key in want)


def toml_files():
    with open(os.path.join(TOML, "files-toml-1.0.0"),
              encoding="utf-8") as file:
        return [line for line in file.read().split()
                if line.endswith(".toml")]


def check_toml(name):
    path = os.path.join(TOML, name)
    if name.startswith("invalid/"):
        refused("toml", path, f"toml-test/{name}")
        return
    status, text, message = decode("toml", path)
    if status != 0:
        ok(False, f"toml-test/{name} is read", message)
        return
    with open(path[:-len("toml")] + "json", encoding="utf-8") as file:
        want = json.load(file)
    ok(same(json.loads(text), want), f"toml-test/{name} means what it says",
       text)


def main():
    json5, toml = list(json5_files()), toml_files()
    ok(len(json5) >= LEAST_JSON5, f"json5-tests has its {LEAST_JSON5} files",
       len(json5))
    ok(len(toml) >= LEAST_TOML, f"toml-test has its {LEAST_TOML} files",
       len(toml))
    for path in json5:
        check_json5(path)
    for name in toml:
        check_toml(name)
    done()


if __name__ == "__main__":
    main()
