#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What models get wrong, with every tool that there is: each mistake is named,
with what was expected and what came, and nothing has been done.  And what is
killed in the middle of a change leaves a file as it was, or as it was to be."""
import json
import os
import random
import threading
import time

from harness import done, modes, ok, wait_for
from sessions_box import SessionBox
from tools_wire import Client, sealed

SCALE = int(os.environ.get("CREEL_TEST_SCALE", "100"))
KILLS = max(4, 400 // SCALE)
BYTES = 3000000  # of one change, so that it takes a while

# What each kind of value is called, and one that is of another kind.
OTHER = {"string": (7, "a number"), "integer": ("7", "a string"),
         "number": ("7", "a string"), "boolean": ("yes", "a string"),
         "array": ("x", "a string"), "object": ([1], "an array")}
RIGHT = {"string": "x", "integer": 1, "number": 1, "boolean": True,
         "array": ["x"], "object": {"A": "b"}}


def minimal(tool):
    """Arguments that are right, and no more than there must be."""
    schema = tool["inputSchema"]
    args = {}
    for name in schema.get("required", []):
        about = schema["properties"][name]
        args[name] = (about["enum"][0] if "enum" in about else
                      RIGHT[about["type"]])
    return args


def says(answer, tool, param, *words):
    return (answer.kind == "result" and answer.error
            and answer.code == "invalid_argument"
            and answer.text.startswith(f"{tool}: {param}: ")
            and all(word in answer.text for word in words))


def check_schemas(box, client):
    """Every parameter of every tool, given something else."""
    tools = client.open("schemas")
    counted = 0
    for tool in tools.tools:
        wrong, name = [], tool["name"]
        right = minimal(tool)
        for param, about in tool["inputSchema"]["properties"].items():
            value, got = OTHER[about["type"]]
            for bad, words in ((value, ("expected", "got " + got)),
                               ([], ("expected", "got an array")),
                               ({}, ("expected", "got an object"))):
                if type(bad) is type(RIGHT[about["type"]]):
                    continue
                answer = client.call(tools, name, {**right, param: bad})
                counted += 1
                if not says(answer, name, param, *words):
                    wrong.append((param, bad, answer))
        for param in right:
            less = {key: value for key, value in right.items()
                    if key != param}
            answer = client.call(tools, name, less)
            if not says(answer, name, param, "expected", "got nothing"):
                wrong.append((param, "missing", answer))
        answer = client.call(tools, name, {**right, "no_such": 1})
        if not says(answer, name, "no_such"):
            wrong.append(("no_such", 1, answer))
        ok(not wrong, f"{box.mode}: {name}: each argument that is wrong is"
           " named, with what was expected and what came", wrong)
    ok(counted > 60 and not box.items(),
       f"{box.mode}: no sandbox was made for {counted} wrong arguments")


def check_values(box, client):
    """Numbers out of range, and NUL where the kernel has strings."""
    tools = client.open("values")
    for text in ("0", "-1", "1e308", "\"5\"", "null5", "NaN", "-0.0"):
        answer = client.call(tools, "exec", (
            '{"command":"true","timeout":%s}' % text).encode())
        ok(answer.error and answer.code == "invalid_argument"
           and (says(answer, "exec", "timeout", "expected")
                or "arguments: line 1" in answer.text),
           f"{box.mode}: exec with a timeout of {text}", answer)
    answer = client.call(tools, "exec", b'{"command":"true","timeout":1e999}')
    ok(answer.error and answer.code == "invalid_argument",
       f"{box.mode}: exec with a timeout of 1e999", answer)
    for name, tool, args in (
            ("a command", "exec", {"command": "echo a\0; id"}),
            ("a variable's value", "exec", {"command": "id",
                                            "env": {"A": "b\0c"}}),
            ("a variable's name", "exec", {"command": "id",
                                           "env": {"A\0B": "c"}}),
            ("a workdir", "exec", {"command": "id", "workdir": "a\0"}),
            ("a path to read", "read", {"path": "a\0b"}),
            ("a path to write", "write", {"path": "a\0b", "content": "x"}),
            ("a path to edit", "edit", {"path": "a\0b", "oldText": "x",
                                        "newText": "y"}),
            ("an id", "process", {"action": "poll", "sessionId": "a\0b"})):
        answer = client.call(tools, tool, args)
        ok(answer.error and answer.code == "invalid_argument",
           f"{box.mode}: NUL in {name}", answer)
    answer = client.call(tools, "apply_patch", {
        "input": "*** Begin Patch\n*** Add File: a\0b\n+x\n*** End Patch\n"})
    ok(answer.error and answer.code in ("invalid_argument", "invalid_patch"),
       f"{box.mode}: NUL in a path of a patch", answer)
    answer = client.call(tools, "exec", {
        "command": "env", "env": {"A=B": "c"}})
    ok(says(answer, "exec", "env"),
       f"{box.mode}: a variable whose name is none", answer)


PATCHES = [
    ("of a missing file", ["*** Update File: none", "@@", "-x", "+y"],
     "not_found"),
    ("that deletes a missing file", ["*** Delete File: none"], "not_found"),
    ("with a hunk that matches nowhere",
     ["*** Update File: f", "@@", "-nowhere", "+y"], "hunk_not_found"),
    ("with a hunk that matches twice",
     ["*** Update File: f", "@@", "-same", "+y"], "ambiguous"),
    ("that adds an existing file", ["*** Add File: f", "+x"], "exists"),
    ("that deletes, then updates",
     ["*** Delete File: f", "*** Update File: f", "@@", "-one", "+y"], ""),
    ("that updates, then deletes",
     ["*** Update File: f", "@@", "-one", "+y", "*** Delete File: f"], ""),
    ("that adds one file twice",
     ["*** Add File: n", "+x", "*** Add File: n", "+y"], ""),
    ("that moves two files to one name",
     ["*** Update File: f", "*** Move to: m", "@@", "-one", "+y",
      "*** Update File: g", "*** Move to: m", "@@", "-two", "+y"], ""),
    ("without an end", None, ""),
    ("that is empty", [], ""),
]


def check_patches(box, client):
    tools = client.open("patches")

    def state():
        return client.call(tools, "exec", {
            "command": "ls -lAi --time-style=full-iso; cat f g"}).more[
                "output"]

    client.call(tools, "write", {"path": "f",
                                 "content": "one\nsame\nb\nsame\n"})
    client.call(tools, "write", {"path": "g", "content": "two\n"})
    before = state()
    for name, lines, code in PATCHES:
        text = ("*** Begin Patch\n*** Add File: first\n+x\n" if lines is None
                else "\n".join(["*** Begin Patch", *lines, "*** End Patch"]))
        answer = client.call(tools, "apply_patch", {"input": text})
        ok(answer.error and (not code or answer.code == code)
           and state() == before,
           f"{box.mode}: a patch {name} changes nothing", answer)
    answer = client.call(tools, "apply_patch", {"input": "\n".join(
        ["*** Begin Patch", "*** Update File: f", "@@", "-one", "+1",
         "*** Delete File: g", "*** End Patch"])})
    ok(not answer.error and state() != before,
       f"{box.mode}: control: one that is right does", answer)


def check_yield(box, client):
    """A command that takes longer than yieldMs goes on, and is found."""
    tools = client.open("yield")
    begin = time.monotonic()
    answer = client.call(tools, "exec", {
        "command": "echo early; until [ -e go ]; do sleep 0.1; done;"
                   " echo late; exit 3", "yieldMs": 2000})
    took = time.monotonic() - begin
    one = answer.more.get("sessionId", "")
    ok(answer.more["status"] == "running" and one in answer.text and one
       and answer.more["output"] == "early\n" and took > 1.95,
       f"{box.mode}: after yieldMs a command goes on in the background",
       (took, answer))
    client.call(tools, "write", {"path": "go", "content": ""})
    output, end = "", time.monotonic() + 60
    while time.monotonic() < end:
        got = client.call(tools, "process", {"action": "poll",
                                             "sessionId": one})
        output += got.more.get("output", "")
        if got.more.get("exitCode") is not None:
            break
        time.sleep(0.05)
    ok(output == "late\n" and got.more["exitCode"] == 3,
       f"{box.mode}: its id shows the rest of it, and how it ended",
       (output, got))
    answer = client.call(tools, "exec", {"command": "sleep 0.3; echo done",
                                         "yieldMs": 60000})
    ok(answer.text == "done\n", f"{box.mode}: one that is over before is not",
       answer)


def contents(letter):
    return letter * BYTES + "\n"


def is_whole(tools, client, tidy):
    """"" or what is wrong with the file, or was left beside it."""
    got = client.call(tools, "exec", {
        "command": "stat -c '%s %a' big; tr -d '\\n' <big | fold -w 1 |"
                   " sort -u"})
    lines = got.more["output"].split("\n")[:-1]
    good = (lines[:1] == [f"{BYTES + 1} 644"] and
            lines[1:] in (["a"], ["b"]))

    def left():
        return client.call(tools, "exec", {
            "command": "ls -A | grep '^[.]' || true"}).more["output"]
    # What creeld has asked for is still done when it has died.
    if tidy:
        good &= wait_for(lambda: left() == "", 30)
    return "" if good else repr((lines, left()))


def hurt(box, kill):
    """Writes, until something is killed under them."""
    stop = threading.Event()

    def write():
        letters = "ab"
        while not stop.is_set():
            letters = letters[::-1]
            try:
                with Client(box) as client:
                    tools = client.open("whole")
                    fd = sealed(json.dumps({
                        "path": "big",
                        "content": contents(letters[0])}).encode())
                    client.call(tools, "write", fds=[fd])
                    os.close(fd)
            except OSError:
                pass

    thread = threading.Thread(target=write)
    thread.start()
    time.sleep(random.random() * 0.3)
    kill()
    stop.set()
    thread.join()


def check_whole(box):
    """What kills creeld, or the sandbox, leaves no half of a file; a sandbox
    may leave what it has not renamed yet."""
    with Client(box) as client:
        tools = client.open("whole")
        fd = sealed(json.dumps({"path": "big",
                                "content": contents("a")}).encode())
        client.call(tools, "write", fds=[fd])
        os.close(fd)
    for name, kill in (("creeld", box.kill_creeld),
                       ("the sandbox", lambda: box.run("kill", "whole"))):
        wrong = []
        for _ in range(KILLS):
            hurt(box, kill)
            with Client(box) as client:
                wrong += [is_whole(client.open("whole"), client,
                                   name == "creeld")]
        ok(not any(wrong), f"{box.mode}: a write is whole or not at all,"
           f" {KILLS} times when {name} is killed", wrong)


def main():
    for mode in modes():
        with SessionBox(mode) as box:
            box.sandbox("mode: 'all', scope: 'session'")
            with Client(box) as client:
                check_schemas(box, client)
                check_values(box, client)
                check_patches(box, client)
                check_yield(box, client)
            check_whole(box)
            box.forget()
    done()


main()
